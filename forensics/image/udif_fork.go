package image

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxForkTables bounds the tables of a resource fork: each is of one partition.
const maxForkTables = 1024

// forkTables are the tables of blocks in a resource fork, where older images have
// them: its resources of type "blkx".
//
// Specification: Apple, Inside Macintosh: More Macintosh Toolbox, 1-121: Resource
// File Format. Big-endian:
//
//	fork  0 offset of the data | 4 of the map | 8 bytes of data | 12 of the map
//	map   24 offset of the types in it | there 2 bytes of their number less one
//	type  0 name | 4 number of resources less one | 6 offset of the first from the types
//	each  12 bytes: 5 offset in the data, of 3 bytes | there 4 bytes of length
func forkTables(b []byte) (tables [][]byte, err error) {
	be := binary.BigEndian
	part := func(at, n int64) ([]byte, error) {
		if at < 0 || n < 0 || at > int64(len(b)) || n > int64(len(b))-at {
			return nil, fmt.Errorf("%d bytes at %d of its %d", n, at, len(b))
		}
		return b[at : at+n], nil
	}
	head, err := part(0, 16)
	if err != nil {
		return nil, err
	}
	data, place := int64(be.Uint32(head)), int64(be.Uint32(head[4:]))
	list, err := part(place, 30)
	if err != nil {
		return nil, err
	}
	types := place + int64(be.Uint16(list[24:]))
	count, err := part(types, 2)
	if err != nil {
		return nil, err
	}
	for i := range int64(be.Uint16(count)+1) & 0xffff {
		t, err := part(types+2+8*i, 8)
		if err != nil {
			return nil, err
		}
		if string(t[:4]) != "blkx" {
			continue
		}
		for k := range int64(be.Uint16(t[4:])+1) & 0xffff {
			r, err := part(types+int64(be.Uint16(t[6:]))+12*k, 12)
			if err != nil {
				return nil, err
			}
			at := data + int64(be.Uint32(r[4:])&0xffffff)
			n, err := part(at, 4)
			if err != nil {
				return nil, err
			}
			table, err := part(at+4, int64(be.Uint32(n)))
			if err != nil {
				return nil, err
			}
			if tables = append(tables, table); len(tables) > maxForkTables {
				return nil, fmt.Errorf("more than %d tables of blocks", maxForkTables)
			}
		}
	}
	if len(tables) == 0 {
		return nil, errors.New("it has no table of blocks")
	}
	return tables, nil
}
