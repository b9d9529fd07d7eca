package proto

// Kafka: 0 length (4)  4 key of the call (2)  6 its version (2)  8 number (4)
// 12 client's name behind its length (2), -1 for none. One event for each call
// that a connection uses, not for each time.

import (
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "kafka", Doc: "Apache Kafka", Reference: "https://kafka.apache.org/protocol.html",
		Transport: TCP, Ports: []uint16{9092}, First: []string{"\x00"},
		Detect: detectKafka, New: func(Transport) Parser { return &kafka{} },
		Samples: []string{"kafka.txt"}, Hostile: []string{"kafka_hostile.txt"},
	})
}

// kafkaCalls are the calls by key.
var kafkaCalls = [...]string{
	"Produce", "Fetch", "ListOffsets", "Metadata", "LeaderAndIsr", "StopReplica", "UpdateMetadata", "ControlledShutdown", "OffsetCommit",
	"OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat", "LeaveGroup", "SyncGroup", "DescribeGroups", "ListGroups", "SaslHandshake",
	"ApiVersions", "CreateTopics", "DeleteTopics", "DeleteRecords", "InitProducerId", "OffsetForLeaderEpoch", "AddPartitionsToTxn",
	"AddOffsetsToTxn", "EndTxn", "WriteTxnMarkers", "TxnOffsetCommit", "DescribeAcls", "CreateAcls", "DeleteAcls", "DescribeConfigs",
	"AlterConfigs", "AlterReplicaLogDirs", "DescribeLogDirs", "SaslAuthenticate", "CreatePartitions",
}

// Calls a client begins with.
const (
	kafkaMetadata  = 3
	kafkaHandshake = 17
	kafkaVersions  = 18
	kafkaToken     = 36
)

func detectKafka(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient {
		return No
	}
	if len(b) < 14 {
		return More
	}
	n, key, name := binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:]), int(int16(binary.BigEndian.Uint16(b[12:])))
	switch {
	case n < 10 || n > 4096 || key != kafkaMetadata && key != kafkaVersions && key != kafkaHandshake || b[6] != 0 || b[7] > 13:
		return No
	case len(b) != int(n)+4 || name > int(n)-10 || name < -1 || name > 255:
		return No
	case name <= 0:
		return onPort(p, true, 9092)
	}
	for _, c := range b[14 : 14+name] {
		if c < 0x21 || c > 0x7e {
			return No
		}
	}
	return Yes
}

type kafka struct {
	segmenter
	noRest
	database
	seen [len(kafkaCalls)]bool
}

// Data implements Parser.
func (p *kafka) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return Result(len(b))
	}
	return p.data(c, dir, b, p)
}

func (p *kafka) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 4 {
		return 0, 0
	}
	if n = int64(binary.BigEndian.Uint32(b)); n < 10 || n > 1<<30 {
		return -1, 0
	}
	return 4 + n, 1024
}

func (p *kafka) take(c *Context, _ Dir, b []byte, _ int64) Result {
	r := octet.Of(b[4:])
	key, version := int(r.BE16()), r.BE16()
	r.Skip(4)
	if n := r.BE16(); n != 0xffff {
		p.application = dbText(octet.Head(r.Rest(), 0, int(n)))
		r.Skip(int(n))
	}
	p.packets.Reset()
	p.packets.Add(c.Number)
	switch key {
	case kafkaHandshake:
		m := r.Next(int(r.BE16()))
		p.mechanism = string(m[:min(len(m), 32)])
	case kafkaToken:
		if version >= 2 { // the compact form: tags, then a length plus one
			r.U8()
			r.U8()
		} else {
			r.Skip(4)
		}
		if p.mechanism == "PLAIN" {
			p.user = plainUser(r.Rest())
		} else {
			p.user = scramUser(r.Rest())
		}
	}
	if key < len(kafkaCalls) {
		if p.seen[key] {
			return 0
		}
		p.seen[key] = true
	}
	action := "command"
	if key == kafkaToken {
		action = "login"
	}
	e := p.begin(c, "saksi.kafka", action)
	if key < len(kafkaCalls) {
		e.Str(event.SaksiDbOperation, kafkaCalls[key])
	} else {
		e.Str(event.SaksiDbOperation, strconv.Itoa(key))
	}
	c.Emit(e)
	return 0
}

// Gap implements Parser.
func (p *kafka) Gap(_ *Context, dir Dir, n uint32) bool { return dir == FromServer || p.gap(dir, n) }

// Close implements Parser.
func (p *kafka) Close(*Context) {}
