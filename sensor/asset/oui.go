package asset

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/hex"
	"io"
	"sort"
	"strings"
	"sync"
)

// vendorTable holds a line for each prefix of 24 bits that IEEE assigned (its
// registry MA-L): six hex digits, a tab, the vendor; in order of the digits.
//
//go:generate go run ../../internal/genoui
//go:embed oui.tsv.gz
var vendorTable []byte

var vendors = sync.OnceValue(func() []string {
	z, err := gzip.NewReader(bytes.NewReader(vendorTable))
	if err != nil {
		panic("asset: the table of vendors is damaged: " + err.Error())
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic("asset: the table of vendors is damaged: " + err.Error())
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
})

// Vendor names whom IEEE gave the prefix of a hardware address; "" if nobody is
// known, or if the address is made up by the host itself.
func Vendor(mac [6]byte) string {
	if mac[0]&3 != 0 { // a group, or locally administered
		return ""
	}
	prefix := strings.ToUpper(hex.EncodeToString(mac[:3])) + "\t"
	list := vendors()
	i := sort.SearchStrings(list, prefix)
	if i == len(list) || !strings.HasPrefix(list[i], prefix) {
		return ""
	}
	return list[i][len(prefix):]
}
