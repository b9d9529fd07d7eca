// Command genoui writes sensor/asset/oui.tsv.gz, the vendors of hardware
// addresses, from the table that gopacket makes of IEEE's registry MA-L. Run it
// by "go generate ./sensor/asset" after gopacket was updated.
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/gopacket/gopacket/macs"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("genoui: ")
	var lines []string
	for prefix, vendor := range macs.ValidMACPrefixMap {
		vendor = strings.TrimRight(strings.Join(strings.Fields(vendor), " "), ", ")
		if vendor == "" || vendor == "Private" || vendor == "IEEE Registration Authority" { // whose parts others hold
			continue
		}
		lines = append(lines, fmt.Sprintf("%02X%02X%02X\t%s\n", prefix[0], prefix[1], prefix[2], vendor))
	}
	slices.Sort(lines)
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := z.Write([]byte(strings.Join(lines, ""))); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("oui.tsv.gz", b.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
