// Package keylog holds the secrets of TLS sessions, as programs write them into
// the file that SSLKEYLOGFILE names (RFC 9850) and captures carry them in
// secrets blocks. Start with Read or New; Secret gives what a session needs. A
// secret never leaves it but by Secret: no error and no count shows one.
package keylog

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"saksi/internal/infile"
)

// Label says which secret of a session is meant (RFC 9850 section 2).
type Label uint8

// Labels.
const (
	Master          Label = iota // of TLS 1.2 and below: CLIENT_RANDOM
	ClientEarly                  // CLIENT_EARLY_TRAFFIC_SECRET
	ClientHandshake              // CLIENT_HANDSHAKE_TRAFFIC_SECRET
	ServerHandshake              // SERVER_HANDSHAKE_TRAFFIC_SECRET
	ClientTraffic                // CLIENT_TRAFFIC_SECRET_0
	ServerTraffic                // SERVER_TRAFFIC_SECRET_0
)

var labels = map[string]Label{
	"CLIENT_RANDOM":                   Master,
	"CLIENT_EARLY_TRAFFIC_SECRET":     ClientEarly,
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET": ClientHandshake,
	"SERVER_HANDSHAKE_TRAFFIC_SECRET": ServerHandshake,
	"CLIENT_TRAFFIC_SECRET_0":         ClientTraffic,
	"SERVER_TRAFFIC_SECRET_0":         ServerTraffic,
}

// others are labels whose secrets open no traffic, or by another way than here.
var others = map[string]bool{
	"EARLY_EXPORTER_SECRET": true, "EXPORTER_SECRET": true, "ECH_SECRET": true, "ECH_CONFIG": true,
	"PMS_CLIENT_RANDOM": true, "RSA": true, // premaster secrets
}

const (
	// maxSecrets bounds the secrets of one Log, about 200 bytes each.
	maxSecrets = 1 << 19
	// maxSession bounds the secrets of one session; an honest one has five.
	maxSession = 16
	// maxLine bounds a line; the longest of a known label has 165 bytes.
	maxLine = 4096
	// masterSize is the length of a master secret (RFC 5246 section 8.1).
	masterSize = 48
)

// Counts say what a Log was given, by lines.
type Counts struct {
	Secrets   uint64 // that are kept
	Repeated  uint64 // that were there already
	Others    uint64 // of labels that open nothing here
	Malformed uint64
	Left      uint64 // secrets beyond those a Log keeps
}

type secret struct {
	from  uint64
	label Label
	data  []byte
}

// Log holds secrets by the random of their client's hello. It is safe for
// concurrent use.
type Log struct {
	parent *Log // asked first; nil for none
	grows  bool // secrets may come at any time

	mu       sync.RWMutex
	sessions map[[32]byte][]secret
	ids      map[string]secret // master secrets by session id
	counts   Counts
}

// New makes an empty Log that gives what parent has too; parent may be nil.
func New(parent *Log) *Log {
	return &Log{parent: parent, sessions: map[[32]byte][]secret{}, ids: map[string]secret{}}
}

// Read reads a key log file. One that holds no secret at all is an error.
func Read(path string) (*Log, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key log: %w", err)
	}
	defer f.Close()
	l := New(nil)
	if err := l.Add(f, 0); err != nil {
		return nil, fmt.Errorf("reading the key log %s: %w", path, err)
	}
	if c := l.Counts(); c.Secrets == 0 {
		return nil, fmt.Errorf("reading the key log %s: it holds no secret of TLS: %d lines of other labels, %d that are no lines of a key log; expected lines such as CLIENT_RANDOM, 64 hex digits, the secret", path, c.Others, c.Malformed)
	}
	return l, nil
}

// Add takes the lines of a key log. Its secrets hold for packets from the number
// from on. A line that is none is counted, and no error.
func (l *Log) Add(r io.Reader, from uint64) error {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // no line of a key log: pass over the rest of it
			line = nil
			if _, err = in.ReadSlice('\n'); err == nil || errors.Is(err, io.EOF) {
				l.malformed()
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		l.line(bytes.TrimSpace(line), from)
		if err != nil {
			return nil
		}
	}
}

func (l *Log) malformed() {
	l.mu.Lock()
	l.counts.Malformed++
	l.mu.Unlock()
}

// line takes one line: a label, the client's random and the secret, in hex.
func (l *Log) line(line []byte, from uint64) {
	if len(line) == 0 || line[0] == '#' {
		return
	}
	f := bytes.Fields(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	label, known := labels[string(f[0])]
	switch {
	case known && len(f) == 3:
		l.session(label, f[1], f[2], from)
	case string(f[0]) == "RSA" && len(f) == 3 && bytes.HasPrefix(f[1], []byte("Session-ID:")) && bytes.HasPrefix(f[2], []byte("Master-Key:")):
		l.id(f[1][len("Session-ID:"):], f[2][len("Master-Key:"):], from)
	case others[string(f[0])]:
		l.counts.Others++
	default:
		l.counts.Malformed++
	}
}

// session takes a secret by its client's random.
func (l *Log) session(label Label, random, text []byte, from uint64) {
	var key [32]byte
	data := unhex(text)
	if len(random) != 2*len(key) || len(data) != masterSize && (label == Master || len(data) != 32) {
		l.counts.Malformed++
		return
	}
	if _, err := hex.Decode(key[:], random); err != nil {
		l.counts.Malformed++
		return
	}
	for _, s := range l.sessions[key] {
		if s.label == label && bytes.Equal(s.data, data) {
			l.counts.Repeated++
			return
		}
	}
	if len(l.sessions[key]) == maxSession {
		l.counts.Left++
		return
	}
	if l.full() {
		return
	}
	l.sessions[key] = append(l.sessions[key], secret{from, label, data})
}

// id takes a master secret by its session id.
func (l *Log) id(id, text []byte, from uint64) {
	key, data := unhex(id), unhex(text)
	if len(key) == 0 || len(key) > 32 || len(data) != masterSize {
		l.counts.Malformed++
		return
	}
	if _, ok := l.ids[string(key)]; ok {
		l.counts.Repeated++
		return
	}
	if !l.full() {
		l.ids[string(key)] = secret{from, Master, data}
	}
}

// full counts a secret that comes, and reports whether there is no room for it.
func (l *Log) full() bool {
	if l.counts.Secrets == maxSecrets {
		l.counts.Left++
		return true
	}
	l.counts.Secrets++
	return false
}

func unhex(text []byte) []byte {
	b := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(b, text); err != nil {
		return nil
	}
	return b
}

// Secret gives a secret of the session whose client sent the random, as it is
// known at a packet; nil if it is not.
func (l *Log) Secret(random []byte, label Label, packet uint64) []byte {
	if l == nil || len(random) != 32 {
		return nil
	}
	if s := l.parent.Secret(random, label, packet); s != nil {
		return s
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.sessions[[32]byte(random)] {
		if s.label == label && s.from <= packet {
			return s.data
		}
	}
	return nil
}

// MasterOf gives the master secret of a session id, as it is known at a packet;
// nil if it is not.
func (l *Log) MasterOf(id []byte, packet uint64) []byte {
	if l == nil || len(id) == 0 {
		return nil
	}
	if s := l.parent.MasterOf(id, packet); s != nil {
		return s
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s, ok := l.ids[string(id)]; ok && s.from <= packet {
		return s.data
	}
	return nil
}

// Empty reports whether there is no secret, and none will come from a file.
func (l *Log) Empty() bool {
	if l == nil || l.grows {
		return l == nil
	}
	l.mu.RLock()
	n := l.counts.Secrets
	l.mu.RUnlock()
	return n == 0 && l.parent.Empty()
}

// Counts gives what the Log was given, without its parent.
func (l *Log) Counts() Counts {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.counts
}
