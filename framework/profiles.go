package framework

import (
	"maps"
	"slices"
)

// Profile is what one kind of service of the digital government needs: rules to
// watch it by, and the controls that stand for it.
type Profile struct {
	Title    Text
	Packs    []string // rule packs, as --rules pack:NAME
	Controls []string // of RAKKSSA
}

// Profiles are those that a register's systems may have, by name.
var Profiles = map[string]Profile{
	"portal":   {Text{EN: "Single portal", MS: "Portal tunggal"}, []string{"portal"}, []string{"rk-2-aplikasi", "rk-2-gerak", "rk-5-ketersediaan"}},
	"identity": {Text{EN: "Digital identity", MS: "Identiti digital"}, []string{"identity"}, []string{"rk-2-gerak", "rk-3-guna", "rk-2-ketirisan"}},
	"payments": {Text{EN: "Online and mobile payments", MS: "Pembayaran dalam talian dan mudah alih"}, []string{"payments"}, []string{"rk-2-gerak", "rk-2-ketirisan"}},
	"sharing":  {Text{EN: "Data sharing", MS: "Perkongsian data"}, []string{"sharing"}, []string{"rk-1.1.2", "rk-2-ketirisan"}},
	"feedback": {Text{EN: "Citizen feedback", MS: "Maklum balas rakyat"}, []string{"feedback"}, []string{"rk-2-aplikasi", "rk-3-kodjahat"}},
	"cloud":    {Text{EN: "Cloud services", MS: "Perkhidmatan awan"}, []string{"sharing"}, []string{"rk-1.1.2", "rk-6-luaran"}},
	"center":   {Text{EN: "Consolidated data centers", MS: "Pusat data disatukan"}, nil, []string{"rk-1-aset", "rk-2-rangkaian", "rk-3-trafik"}},
	"shared":   {Text{EN: "Shared services", MS: "Perkhidmatan kongsi"}, nil, []string{"rk-6-luaran", "rk-2-rangkaian"}},
}

// ProfileNames are their names in order.
func ProfileNames() []string { return slices.Sorted(maps.Keys(Profiles)) }
