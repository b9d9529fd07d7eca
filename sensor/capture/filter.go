package capture

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/net/bpf"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// opCompile is the worker's compiler of filter expressions; see
// internal/libpcap.
const opCompile = "pcap.compile"

// ErrFilter is returned for an expression that does not compile.
var ErrFilter = errors.New("filter expression")

// maxProgram is what the kernel's own interpreter takes (BPF_MAXINSNS).
const maxProgram = 4096

// Filter keeps the packets that an expression of pcap-filter(7) matches. The
// worker compiles it, once a link type; it runs here. It is not safe for
// concurrent use.
type Filter struct {
	expression string
	worker     worker.Config
	programs   map[LinkType]*program
}

// program is the expression for one link type.
type program struct {
	code []bpf.RawInstruction // for the kernel
	vm   *bpf.VM
}

// NewFilter compiles an expression for Ethernet, so that a wrong one is told
// before anything is read.
func NewFilter(ctx context.Context, w worker.Config, expression string) (*Filter, error) {
	f := &Filter{expression: expression, worker: w, programs: map[LinkType]*program{}}
	const ethernet = 1
	_, err := f.program(ctx, ethernet)
	return f, err
}

// Match reports whether a packet matches.
func (f *Filter) Match(ctx context.Context, p *Packet) (bool, error) {
	prog, err := f.program(ctx, p.Link)
	if err != nil {
		return false, err
	}
	n, err := prog.vm.Run(p.Data)
	if err != nil {
		return false, fmt.Errorf("filtering packet %d: %w", p.Number, err)
	}
	return n > 0, nil
}

// matches is Match where the packet's link type is compiled already; a program
// that fails lets the packet pass.
func (f *Filter) matches(p *Packet) bool {
	prog := f.programs[p.Link]
	if prog == nil {
		return true
	}
	n, err := prog.vm.Run(p.Data)
	return err != nil || n > 0
}

func (f *Filter) program(ctx context.Context, link LinkType) (*program, error) {
	if p := f.programs[link]; p != nil {
		return p, nil
	}
	w, err := worker.Start(ctx, f.worker)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	var req wire.Writer
	req.Uint(uint64(link))
	req.Uint(maxPacket)
	req.String(f.expression)
	var code []bpf.RawInstruction
	err = w.Call(ctx, opCompile, req.B, nil, func(frame []byte) error {
		r := wire.Reader{B: frame}
		for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
			op, jt, jf, k := r.Uint(), r.Uint(), r.Uint(), r.Uint()
			if len(code) >= maxProgram || op > math.MaxUint16 || jt > math.MaxUint8 || jf > math.MaxUint8 || k > math.MaxUint32 {
				return fmt.Errorf("%w: a program that is none", worker.ErrProtocol)
			}
			code = append(code, bpf.RawInstruction{Op: uint16(op), Jt: uint8(jt), Jf: uint8(jf), K: uint32(k)})
		}
		return r.Err()
	})
	var told *worker.RemoteError
	if errors.As(err, &told) {
		return nil, fmt.Errorf("%w %q for link type %d: %s", ErrFilter, f.expression, link, told.Msg)
	}
	if err != nil {
		return nil, fmt.Errorf("compiling the %w %q: %w", ErrFilter, f.expression, err)
	}
	list, ok := bpf.Disassemble(code)
	if !ok {
		return nil, fmt.Errorf("compiling the %w %q: libpcap gave instructions that are not of classic BPF", ErrFilter, f.expression)
	}
	vm, err := bpf.NewVM(list)
	if err != nil {
		return nil, fmt.Errorf("compiling the %w %q: %w", ErrFilter, f.expression, err)
	}
	p := &program{code: code, vm: vm}
	f.programs[link] = p
	return p, nil
}
