package event

import "unsafe"

// Own copies the bytes behind e's strings into arena and makes e point there,
// so that views given by Bytes may change. It returns arena, or a larger one
// when there was no room; earlier events keep what they point to.
func (e *Event) Own(arena []byte) []byte {
	for i := range e.vals {
		s := e.vals[i].str
		if s == "" {
			continue
		}
		if len(s) > cap(arena)-len(arena) {
			arena = make([]byte, 0, max(64<<10, len(s)))
		}
		n := len(arena)
		arena = append(arena, s...)
		e.vals[i].str = unsafe.String(&arena[n], len(s))
	}
	return arena
}
