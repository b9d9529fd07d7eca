// Package testdata holds the inputs of the demo inside the program, so that
// 'saksi demo' runs anywhere. What each file is, README.md beside it says.
package testdata

import "embed"

// Demo is the capture, the disk image and the rules of the demo.
//
//go:embed capture/demo.pcap image/demo.E01 rules/demo.rules rules/demo.yar rules/sigma/*.yml
var Demo embed.FS

// Reference are the samples of the self-test.
//
//go:embed artifact image/demo.E01 image/filesystem image/recover/journal-ext3.qcow2 image/recover/journal-ext4.qcow2 image/recover/xfs4.qcow2
//go:embed image/container/dynamic.*.gz image/container/extended.qcow2.gz image/container/media.E01 image/container/smart.s01 image/container/stream.vmdk image/container/memory.lime image/container/split.0*
var Reference embed.FS
