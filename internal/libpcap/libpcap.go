// Package libpcap binds the compiler of filter expressions of libpcap
// (pcap-filter(7)) for saksi-worker, the only program it is linked into. The
// compiled program runs in saksi, in Go.
package libpcap

// #cgo pkg-config: libpcap
// #include <stdlib.h>
// #include <pcap/pcap.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// OpCompile compiles one expression for one link type. Request: LINKTYPE value,
// snapshot length, expression. Reply: number of instructions, then code, jt, jf
// and k of each.
const OpCompile = "pcap.compile"

// maxExpression bounds an expression, in bytes.
const maxExpression = 64 << 10

// Instruction is one of classic BPF (struct bpf_insn).
type Instruction struct {
	Op     uint16
	Jt, Jf uint8
	K      uint32
}

// Version is that of libpcap.
func Version() string { return C.GoString(C.pcap_lib_version()) }

// Compile compiles an expression for a link type (a LINKTYPE_ value, which is
// that of the DLT_ for all but raw IP). A wrong expression is told in
// libpcap's words.
func Compile(link, snap int, expression string) ([]Instruction, error) {
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("an expression of %d bytes; at most %d", len(expression), maxExpression)
	}
	if link == 101 { // LINKTYPE_RAW is DLT_RAW, 12 here
		link = C.DLT_RAW
	}
	p := C.pcap_open_dead(C.int(link), C.int(snap))
	if p == nil {
		return nil, errors.New("libpcap has no memory")
	}
	defer C.pcap_close(p)
	text := C.CString(expression)
	defer C.free(unsafe.Pointer(text))
	var prog C.struct_bpf_program
	if C.pcap_compile(p, &prog, text, 1, C.PCAP_NETMASK_UNKNOWN) != 0 {
		return nil, errors.New(C.GoString(C.pcap_geterr(p)))
	}
	defer C.pcap_freecode(&prog)
	var out []Instruction
	for _, in := range unsafe.Slice(prog.bf_insns, int(prog.bf_len)) {
		out = append(out, Instruction{uint16(in.code), uint8(in.jt), uint8(in.jf), uint32(in.k)})
	}
	return out, nil
}

// Handlers are the operations of this package in the worker.
func Handlers() map[string]worker.Handler {
	return map[string]worker.Handler{OpCompile: func(_ context.Context, req []byte, _ []*os.File, reply func([]byte) error) error {
		r := wire.Reader{B: req}
		link, snap, expression := r.Uint(), r.Uint(), r.String()
		if r.Err() != nil {
			return r.Err()
		}
		prog, err := Compile(int(link), int(min(snap, 1<<20)), expression)
		if err != nil {
			return err
		}
		var w wire.Writer
		w.Uint(uint64(len(prog)))
		for _, in := range prog {
			w.Uint(uint64(in.Op))
			w.Uint(uint64(in.Jt))
			w.Uint(uint64(in.Jf))
			w.Uint(uint64(in.K))
		}
		return reply(w.B)
	}}
}
