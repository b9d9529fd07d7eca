package flow

import (
	"testing"
	"unsafe"
)

// A record stays within 128 bytes: a million open flows cost 128 MB.
func TestRecordSize(t *testing.T) {
	if n := unsafe.Sizeof(Record{}); n > 128 {
		t.Fatalf("a flow record has %d bytes, more than 128", n)
	}
}
