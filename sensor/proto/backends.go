package proto

// What stands behind other services: message queues, exchanges, routers, data
// bases of few. All are named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "java-rmi", Doc: "Java Remote Method Invocation", Reference: "https://docs.oracle.com/javase/8/docs/platform/rmi/spec/rmi-protocol3.html",
		Transport: TCP, Ports: []uint16{1099}, First: []string{"JRMI\x00"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) >= 7 && p.Data[6] >= 0x4b && p.Data[6] <= 0x4d) },
		Samples: []string{"java_rmi.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "openwire", Doc: "OpenWire, the protocol of ActiveMQ", Reference: "https://activemq.apache.org/components/classic/documentation/openwire-version-2-specification",
		Transport: TCP, Ports: []uint16{61616}, First: []string{"\x00\x00"},
		Detect: func(p *Probe) Verdict { // size, WIREFORMAT_INFO, magic
			return yes(len(p.Data) >= 13 && p.Data[4] == 1 && string(p.Data[5:13]) == "ActiveMQ")
		},
		Samples: []string{"openwire.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "nsq", Doc: "NSQ message queue", Reference: "https://nsq.io/clients/tcp_protocol_spec.html",
		Transport: TCP, Ports: []uint16{4150}, First: []string{"  V1", "  V2"},
		Detect: func(p *Probe) Verdict {
			return yes(len(p.Data) == 4 || bytes.HasPrefix(p.Data[4:], []byte("IDENTIFY\n")) || p.On(4150))
		},
		Samples: []string{"nsq.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "zookeeper", Doc: "Apache ZooKeeper: a client connects", Reference: "https://github.com/apache/zookeeper/blob/master/zookeeper-jute/src/main/resources/zookeeper.jute",
		Transport: TCP, Ports: []uint16{2181}, First: []string{"\x00\x00\x00\x2c\x00\x00\x00\x00", "\x00\x00\x00\x2d\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // length, version 0, zxid (8), timeout (4), session (8), password of 16 bytes
			return yes(len(p.Data) >= 48 && binary.BigEndian.Uint32(p.Data[28:]) == 16)
		},
		Samples: []string{"zookeeper.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "fastcgi", Doc: "FastCGI", Reference: "https://fastcgi-archives.github.io/FastCGI_Specification.html",
		Transport: TCP, Ports: []uint16{9000}, First: []string{"\x01\x01\x00"},
		Detect: func(p *Probe) Verdict { // BEGIN_REQUEST of 8 bytes, a role
			b := p.Data
			return yes(len(b) >= 16 && b[4] == 0 && b[5] == 8 && b[8] == 0 && b[9] >= 1 && b[9] <= 3 && b[10] <= 1)
		},
		Samples: []string{"fastcgi.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "bolt", Doc: "Bolt, the protocol of Neo4j", Reference: "https://neo4j.com/docs/bolt/current/bolt/handshake/",
		Transport: TCP, Ports: []uint16{7687}, First: []string{"\x60\x60\xb0\x17"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"bolt.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "firebird", Doc: "Firebird database", Reference: "https://firebirdsql.org/file/documentation/html/en/firebirddocs/wireprotocol/firebird-wire-protocol.html",
		Transport: TCP, Ports: []uint16{3050}, First: []string{"\x00\x00\x00\x01\x00\x00\x00\x13"},
		Detect: func(p *Probe) Verdict {
			return yes(len(p.Data) >= 16 && (p.On(3050) || binary.BigEndian.Uint32(p.Data[8:]) <= 3))
		},
		Samples: []string{"firebird.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "sql-server-browser", Doc: "SQL Server Resolution Protocol: instances of a host", Reference: "[MC-SQLR]",
		Transport: UDP, Ports: []uint16{1434},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) == 0 {
				return No
			}
			if b[0] == 5 {
				return yes(len(b) > 14 && string(b[3:14]) == "ServerName;")
			}
			return onPort(p, p.Dir == FromClient && (b[0] == 2 || b[0] == 3 || b[0] == 4) && p.Length <= 33, 1434)
		},
		Samples: []string{"sql_server_browser.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "sap-router", Doc: "SAP network interface: a route through SAProuter", Reference: "https://help.sap.com/docs/SAPROUTER",
		Transport: TCP, Application: "sap", Ports: []uint16{3299}, First: []string{"\x00\x00"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) >= 13 && string(p.Data[4:13]) == "NI_ROUTE\x00") },
		Samples: []string{"sap_router.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "fix", Doc: "Financial Information eXchange", Reference: "https://www.fixtrading.org/standards/tagvalue-online/",
		Transport: TCP, First: []string{"8=FIX.", "8=FIXT."},
		Detect:  func(p *Probe) Verdict { return yes(bytes.Contains(p.Data[:min(len(p.Data), 20)], []byte("\x019="))) },
		Samples: []string{"fix.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "vmware-authd", Doc: "VMware's daemon for consoles", Reference: "https://svn.nmap.org/nmap/nmap-service-probes",
		Transport: TCP, Ports: []uint16{902}, Application: "vmware", First: []string{"220 VMware Authentication Daemon"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"vmware_authd.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "smart-install", Doc: "Cisco Smart Install", Reference: "https://www.cisa.gov/news-events/alerts/2018/04/16/russian-state-sponsored-cyber-actors-targeting-network-infrastructure-devices",
		Transport: TCP, Bound: true, Ports: []uint16{4786}, First: []string{"\x00\x00\x00\x01\x00\x00\x00\x01"},
		Detect:  func(p *Probe) Verdict { return onPort(p, len(p.Data) >= 16, 4786) },
		Samples: []string{"smart_install.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "glbp", Doc: "Gateway Load Balancing Protocol", Reference: "https://wiki.wireshark.org/GLBP",
		Transport: UDP, Bound: true, Ports: []uint16{3222},
		Detect: func(p *Probe) Verdict { // version 1, zero, group (2)
			return onPort(p, len(p.Data) >= 12 && p.Data[0] == 1 && p.Data[1] == 0, 3222)
		},
		Samples: []string{"glbp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "babel", Doc: "Babel routing", Reference: "RFC 8966",
		Transport: UDP, Bound: true, Ports: []uint16{6696}, First: []string{"\x2a\x02"},
		Detect: func(p *Probe) Verdict {
			return onPort(p, len(p.Data) >= 4 && int(binary.BigEndian.Uint16(p.Data[2:]))+4 <= p.Length, 6696)
		},
		Samples: []string{"babel.txt"}, Hostile: []string{"short.txt"},
	})
}
