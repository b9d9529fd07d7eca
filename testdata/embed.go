// Package testdata holds the inputs of the demo inside the program, so that
// 'saksi demo' runs anywhere. What each file is, README.md beside it says.
package testdata

import "embed"

// Demo is the capture, the disk image and the rules of the demo.
//
//go:embed capture/demo.pcap image/demo.E01 rules/demo.rules rules/demo.yar rules/sigma/*.yml
var Demo embed.FS
