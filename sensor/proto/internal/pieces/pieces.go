// Package pieces puts together what datagrams carry in pieces, in any order, of
// any number of packets, within bounds. Start with Buffer.
package pieces

import "slices"

// Max bounds the bytes of one Buffer; handshakes with a chain of certificates
// stay far below.
const Max = 32 << 10

// maxPieces bounds pieces that wait for what lies before them.
const maxPieces = 64

// Buffer puts the pieces of one message or stream in order. The zero value is
// ready.
type Buffer struct {
	data   []byte
	pieces []piece
	held   int
}

type piece struct {
	at   int
	data []byte
}

// Bytes returns what is complete from the first byte on.
func (y *Buffer) Bytes() []byte { return y.data }

// Add takes a piece; what was there before stands.
func (y *Buffer) Add(offset uint64, b []byte) {
	if offset > Max || offset+uint64(len(b)) > Max {
		return
	}
	at := int(offset)
	if at > len(y.data) {
		if len(y.pieces) < maxPieces && y.held+len(b) <= Max {
			y.pieces = append(y.pieces, piece{at, slices.Clone(b)})
			y.held += len(b)
		}
		return
	}
	y.take(at, b)
	for again := true; again; {
		again = false
		y.pieces = slices.DeleteFunc(y.pieces, func(p piece) bool {
			if p.at > len(y.data) {
				return false
			}
			y.take(p.at, p.data)
			y.held -= len(p.data)
			again = true
			return true
		})
	}
}

func (y *Buffer) take(at int, b []byte) {
	if skip := len(y.data) - at; skip < len(b) {
		y.data = append(y.data, b[skip:]...)
	}
}
