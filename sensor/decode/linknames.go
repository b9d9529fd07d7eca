package decode

import "fmt"

// linkNames are the link types by LINKTYPE_ value
// (https://www.tcpdump.org/linktypes.html). Those without a decoder are
// counted by their number and told by this name.
var linkNames = map[uint16]string{
	0: "null", 1: "ethernet", 3: "ax25", 6: "token-ring", 7: "arcnet-bsd", 8: "slip", 9: "ppp", 10: "fddi", 12: "raw", 14: "raw", 50: "ppp-hdlc",
	51: "pppoe", 100: "atm-rfc1483", 101: "raw", 104: "c-hdlc", 105: "802.11", 107: "frame-relay", 108: "loop", 109: "openbsd-enc", 113: "linux-sll",
	114: "localtalk", 117: "openbsd-pflog", 119: "802.11-prism", 122: "ip-over-fc", 123: "sunatm", 127: "802.11-radiotap", 129: "arcnet-linux",
	138: "apple-ip-over-ieee1394", 139: "mtp2-with-phdr", 140: "mtp2", 141: "mtp3", 142: "sccp", 143: "docsis", 144: "linux-irda", 163: "802.11-avs",
	165: "bacnet-ms-tp", 166: "ppp-pppd", 169: "gprs-llc", 170: "gfp-t", 171: "gfp-f", 177: "linux-lapd", 182: "multilink-frame-relay",
	187: "bluetooth-hci-h4", 189: "usb-linux", 192: "ppi", 195: "802.15.4", 196: "sita", 197: "erf", 201: "bluetooth-hci-h4-with-phdr",
	202: "ax25-kiss", 203: "lapd", 204: "ppp-with-dir", 205: "c-hdlc-with-dir", 206: "frame-relay-with-dir", 207: "lapb-with-dir", 209: "ipmb-linux",
	210: "flexray", 212: "lin", 215: "802.15.4-nonask-phy", 219: "mpls", 220: "usb-linux-mmapped", 224: "fc-2", 225: "fc-2-with-frame-delims",
	226: "ipnet", 227: "can-socketcan", 228: "ipv4", 229: "ipv6", 230: "802.15.4-nofcs", 231: "dbus", 235: "dvb-ci", 236: "mux27010",
	237: "stanag-5066", 239: "nflog", 240: "netanalyzer", 241: "netanalyzer-transparent", 242: "ip-over-infiniband", 243: "mpeg-2-ts", 244: "ng40",
	245: "nfc-llcp", 247: "infiniband", 248: "sctp", 249: "usbpcap", 250: "rtac-serial", 251: "bluetooth-le-ll", 252: "wireshark-upper-pdu",
	253: "netlink", 254: "bluetooth-linux-monitor", 255: "bluetooth-bredr-bb", 256: "bluetooth-le-ll-with-phdr", 257: "profibus-dl", 258: "pktap",
	259: "epon", 260: "ipmi-hpm-2", 261: "zwave-r1-r2", 262: "zwave-r3", 263: "wattstopper-dlm", 264: "iso-14443", 265: "rds", 266: "usb-darwin",
	268: "sdlc", 270: "loratap", 271: "vsock", 272: "nordic-ble", 273: "docsis31-xra31", 274: "ethernet-mpacket", 275: "displayport-aux",
	276: "linux-sll2", 278: "openvizsla", 279: "ebhscr", 280: "vpp-dispatch", 281: "dsa-tag-brcm", 282: "dsa-tag-brcm-prepend", 283: "802.15.4-tap",
	284: "dsa-tag-dsa", 285: "dsa-tag-edsa", 286: "elee", 287: "z-wave-serial", 288: "usb-2.0", 289: "atsc-alp", 290: "etw", 292: "zboss-ncp",
	293: "usb-2.0-low-speed", 294: "usb-2.0-full-speed", 295: "usb-2.0-high-speed",
}

// LinkName names a link type, or returns "" if it is not known even by name.
func LinkName(link uint16) string {
	if link >= 147 && link <= 162 { // for private use
		return fmt.Sprintf("user%d", link-147)
	}
	return linkNames[link]
}
