// Package sensor reads network captures: packets become flows, streams,
// protocol events, carved files and findings. Start with Read. Packets are
// spread over a fixed number of shards that workers own, and what they emit is
// merged in packet order, so the output is the same for any number of workers.
package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/rules/intel"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/asset"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/keylog"
	"saksi/sensor/stream"
)

// Source is one capture.
type Source struct {
	// Path is a file; "-" is standard input. It is ignored if Reader is set.
	Path string
	// Reader is read instead of a file. Name then stands for it in messages.
	Reader io.Reader
	Name   string
	// Live is captured from instead, until ctx ends or it is stopped: either is
	// a clean end. Key MUST then be set, to a UUID of this capture's own.
	Live *capture.Live
	// Key overrides the source key of the capture, see evidence.SourceKey.
	Key string
	// Exhibit is its id, if it is an exhibit of a case.
	Exhibit string
}

// RuleSet is what is matched by. It MUST NOT be changed once it was handed over.
type RuleSet struct {
	Suricata *suricata.Set // packets, streams and transactions; nil for none
	Sigma    *sigma.Set    // events; nil for none
	Intel    *intel.Set    // indicators in events; nil for none
	Files    []FileScanner // are given each carved file; none need be set
	// Retired is called when other rules have taken its place and nothing uses
	// it any more; nil for nothing to do.
	Retired func()
}

// Recorder keeps the packets of a live capture. Record is called by the reader
// for each batch, before it goes to the workers; what it needs it copies before
// it returns, and it MUST NOT wait. decoded are the packets inside the
// frames, in order, with their numbers. There may be no frames: time goes on.
type Recorder interface {
	Record(frames []capture.Packet, decoded []decode.Packet)
}

// FileScanner is given each carved file, in packet order, one at a time. f and
// its content are valid only during the call. What it finds it emits to
// alerts, where it is counted and goes the way of all events.
type FileScanner interface {
	ScanFile(ctx context.Context, f *File, alerts findings.Sink) error
}

// Encoder is an ability of a Sink: AppendEvent is called by workers at the same
// time, Write with the results in packet order. It spares the merging stage
// the encoding of each event.
type Encoder interface {
	AppendEvent(dst []byte, e *event.Event) []byte
	Write(encoded []byte) error
}

// Config says what to read and where events go.
type Config struct {
	// Sources are read one after the other; flows end with their source, as
	// their packets are numbered within it.
	Sources []Source
	// Workers is the number of goroutines that parse; 0 is one a CPU. With 1
	// everything runs in the caller's goroutine.
	Workers int
	// NoChecksum takes packets with a wrong checksum as they are. Otherwise
	// they are counted and not parsed, unless more than a tenth of an
	// interface's first packets are wrong: then the capturing host left
	// checksums to its network card, and they are not looked at.
	NoChecksum bool
	// Filter leaves out packets before anything looks at them; nil for none.
	// Packets keep their numbers, and what is left out is counted.
	Filter *capture.Filter
	// Rules match what is seen.
	Rules RuleSet
	// Reach is what of it rules of Suricata look at.
	Reach Reach
	// Reload, if set, is asked for each batch whether other rules are to match
	// from there on; nil means that nothing changes. Flows and what is known of
	// them stay.
	Reload func() *RuleSet
	// Keys decrypt sessions of TLS, besides the secrets in a capture; nil for
	// none.
	Keys *keylog.Log
	// Authority bounds what is captured and decrypted, and is told with what is
	// found; nil for none. Of a live capture what it does not cover is left out and
	// counted, of any what is privileged; sessions it does not cover are not
	// decrypted.
	Authority *evidence.Authority
	// Recorder keeps packets; nil for none.
	Recorder Recorder
	// Health is kept up to date while reading; nil for none.
	Health *Health
	// Detail has events carry what only EVE JSON tells (event.Event.AppendEVE);
	// no document shows it. Sink is then given records that are no documents, too:
	// those of dataset saksi.eve.
	Detail bool
	// Anomalies tells of each thing that is wrong with packets, streams and
	// transactions.
	Anomalies bool
	// Payload has alerts carry what they matched in, in EVE JSON.
	Payload bool
	// Sink takes the events in packet order.
	Sink findings.Sink
	// Progress is called about every MiB of capture; nil for none.
	Progress func(Progress)
	// Memory is how much the process may take, in bytes: near it, parsers are
	// given up. 0 is no limit. The caller sets the limit of the garbage collector.
	Memory int64
	// MD5 has the MD5 of carved files told beside their SHA-256.
	MD5 bool
	// KeepAssets has the hosts seen kept in the Summary too.
	KeepAssets bool
	// Limits bound memory; zero values take the defaults of the packages.
	Flow   flow.Config
	Stream stream.Limits
	Assets asset.Limits
	// DataDir is the folder in which data sets of rules are kept when reading
	// ends; empty: they are not.
	DataDir string
	// MaxFile is how many bytes of a carved file are kept for rules and
	// scanners; 0 is 8 MiB. Size and digest always cover the whole content.
	MaxFile int

	ordered *suricata.Order // what all sources share
}

// Progress says how far reading has come.
type Progress struct {
	Source  string
	Bytes   int64 // of the source read, after decompression
	Total   int64 // of the source; 0 if unknown or compressed
	Packets uint64
}

// ErrIncomplete is returned, joined with its causes, when a capture could not
// be read to its end, part of it not be understood, or a carved file not be
// scanned or saved. Everything else was emitted.
var ErrIncomplete = errors.New("input is incomplete")

// defaultMaxFile is the default of Config.MaxFile.
const defaultMaxFile = 8 << 20

// Read reads all sources. The Summary is good even when an error is returned:
// an error that is ErrIncomplete means that all that could be read was, from
// some of the sources at least; any other that no source could be opened, or that
// reading stopped there, such as the sink's or ctx's.
func Read(ctx context.Context, cfg Config) (Summary, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Workers > 64 {
		cfg.Workers = 64
	}
	if cfg.MaxFile == 0 {
		cfg.MaxFile = defaultMaxFile
	}
	if cfg.Sink == nil {
		cfg.Sink = findings.SinkFunc(func(*event.Event) error { return nil })
	}
	if cfg.Health == nil {
		cfg.Health = &Health{}
	}
	s := newSummary()
	var incomplete, unopened []error
	for _, src := range cfg.Sources {
		err := readSource(ctx, &cfg, src, s)
		var unread *openError
		switch {
		case err == nil:
		case errors.As(err, &unread):
			unopened = append(unopened, unread.cause)
		case errors.Is(err, ErrIncomplete):
			incomplete = append(incomplete, err)
		default:
			s.finish()
			return *s, err
		}
	}
	s.finish()
	if len(unopened) == len(cfg.Sources) { // not one was read: that is no partial reading
		return *s, errors.Join(unopened...)
	}
	for _, err := range unopened {
		incomplete = append(incomplete, &incompleteError{err})
	}
	incomplete = append(incomplete, s.scanProblem())
	return *s, errors.Join(incomplete...)
}

// incompleteError carries a cause and is ErrIncomplete.
type incompleteError struct{ cause error }

func (e *incompleteError) Error() string   { return e.cause.Error() }
func (e *incompleteError) Unwrap() []error { return []error{ErrIncomplete, e.cause} }

// openError says that a source could not be opened. It costs that source only.
type openError struct{ cause error }

func (e *openError) Error() string { return e.cause.Error() }
func (e *openError) Unwrap() error { return e.cause }

func incomplete(format string, args ...any) error {
	return &incompleteError{fmt.Errorf(format, args...)}
}
