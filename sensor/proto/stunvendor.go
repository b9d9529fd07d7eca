package proto

// stunVendors are attributes of one vendor's: Microsoft's of [MS-TURN] and
// [MS-ICE2], Google's of WebRTC, WhatsApp's of its relays.
var stunVendors = map[uint16]string{
	0x8008: "microsoft", 0x8020: "microsoft", 0x8054: "microsoft", 0x8055: "microsoft", 0x8056: "microsoft", 0x805c: "microsoft",
	0x8070: "microsoft", 0x8090: "microsoft", 0x8095: "microsoft", 0xc057: "google", 0xc059: "google",
	0x4000: "whatsapp", 0x4003: "whatsapp", 0x4004: "whatsapp",
}
