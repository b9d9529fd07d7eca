package evidence

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is the height of tiles: 256 hashes (C2SP tlog-tiles).
const tileHeight = 8

// Tiles gives the files of C2SP's tlog-tiles for the first n entries of the
// log, one after the other, with their paths below the folder that is served:
// the hashes as tile/L/N and the entries as tile/entries/N, a partial one with
// .p/W behind it. The bytes are valid until do returns.
func (l *Log) Tiles(n int64, do func(path string, b []byte) error) error {
	return tiles(l.dir, l.hashes, n, do)
}

// Tiles are those of the log in dir that st was read from, see Log.Tiles.
func (st *LogState) Tiles(dir string, n int64, do func(path string, b []byte) error) error {
	return tiles(dir, st.hashes, n, do)
}

func tiles(dir string, hashes storedHashes, n int64, do func(string, []byte) error) error {
	f, err := OpenRegular(filepath.Join(dir, entriesFile))
	if err != nil {
		return fmt.Errorf("making tiles: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxEntry+2)
	for _, t := range tlog.NewTiles(tileHeight, 0, n) {
		b, err := tlog.ReadTileData(t, hashes)
		if err != nil {
			return fmt.Errorf("making tiles: %w", err)
		}
		// The package writes tile/H/L/N, the specification tile/L/N.
		place := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", tileHeight))
		if err := do("tile/"+place, b); err != nil {
			return err
		}
		if t.L != 0 {
			continue
		}
		if b, err = entryBundle(r, t.W); err != nil {
			return fmt.Errorf("making tiles: %w", err)
		}
		if err := do("tile/entries/"+strings.TrimPrefix(place, "0/"), b); err != nil {
			return err
		}
	}
	return nil
}

// entryBundle reads n lines as a tile holds them, each behind its length.
func entryBundle(r *bufio.Reader, n int) ([]byte, error) {
	var b []byte
	for range n {
		line, err := r.ReadSlice('\n')
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		line = line[:len(line)-1]
		b = binary.BigEndian.AppendUint16(b, uint16(len(line)))
		b = append(b, line...)
	}
	return b, nil
}

// entryLine reads line i of the log in dir.
func entryLine(dir string, i int64) ([]byte, error) {
	f, err := OpenRegular(filepath.Join(dir, entriesFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxEntry+2)
	for ; ; i-- {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if i == 0 {
			return bytes.Clone(line[:len(line)-1]), nil
		}
	}
}
