package intel

import "strings"

// TLP is a marking of the Traffic Light Protocol. Stricter markings are
// greater; the zero TLP is none.
type TLP uint8

// Markings of TLP 2.0; WHITE of TLP 1.0 is CLEAR.
const (
	Unmarked TLP = iota
	Clear
	Green
	Amber
	AmberStrict
	Red
)

func (t TLP) String() string {
	return [...]string{"", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}[min(t, Red)]
}

// ParseTLP reads a marking in any of its writings: "TLP:AMBER", "tlp:green",
// "WHITE", "amber+strict".
func ParseTLP(s string) (TLP, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	s = strings.TrimSpace(strings.TrimPrefix(s, "TLP:"))
	switch s {
	case "CLEAR", "WHITE":
		return Clear, true
	case "GREEN":
		return Green, true
	case "AMBER":
		return Amber, true
	case "AMBER+STRICT", "AMBER STRICT", "AMBER-STRICT":
		return AmberStrict, true
	case "RED":
		return Red, true
	}
	return Unmarked, false
}

// markings are the marking definitions of TLP that STIX fixes: of 2.1 (section
// 7.2.1.4, TLP 1.0), those of the extension for TLP 2.0, and the one OpenCTI
// made up for AMBER+STRICT before it.
var markings = map[string]TLP{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Clear,
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Green,
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Amber,
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Red,
	"marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": AmberStrict,
	"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Clear,
	"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Green,
	"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Amber,
	"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": AmberStrict,
	"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Red,
}
