package archive

import (
	"fmt"
	"io"
	"sync"
)

// spent says which limit the file has reached, with n bytes more.
func (w *walker) spent(n int64) string {
	total := w.st.Bytes + n
	switch {
	case total > w.cfg.Bytes:
		return fmt.Sprintf("more than %d bytes are unpacked of the file; the rest is not entered", w.cfg.Bytes)
	case total > freeBytes && total > w.size*w.cfg.Ratio:
		return fmt.Sprintf("more than %d bytes are unpacked of %d, over %d to 1; the rest is not entered", total, w.size, w.cfg.Ratio)
	}
	return ""
}

// packed gives a member that r unpacks. What r fails at is told; what came
// before it is given.
func (l *level) packed(name string, r io.Reader) error {
	path := l.sub(name)
	if err := l.count(path); err != nil {
		return err
	}
	return l.parts(r, func(data []byte, why, kind string) error { return l.give(path, data, -1, why, kind) })
}

// parts unpacks r and gives f all of it, with why it is not whole.
func (l *level) parts(r io.Reader, f func(data []byte, why, kind string) error) error {
	w := l.w
	top := w.top
	data, done, why, kind, over, err := l.unpack(r)
	if err != nil {
		return err
	}
	defer func() {
		done()
		w.top = top
	}()
	w.st.Bytes += int64(len(data))
	if kind == "" {
		kind = Damaged
	}
	if err := f(data, why, kind); err != nil {
		return err
	}
	if over {
		return &ownError{errSpent}
	}
	return nil
}

// unpack reads r to its end or to a limit. over says that the file has no
// budget left. data lies in memory or in the scratch until done is called.
func (l *level) unpack(r io.Reader) (data []byte, done func(), why, kind string, over bool, err error) {
	w := l.w
	room := buffers.Get().(*[]byte)
	buf := (*room)[:0]
	done = func() { buffers.Put(room) }
	var far int64 // bytes in the scratch
	flush := func() bool {
		if _, werr := w.cfg.Scratch.WriteAt(buf, w.top+far); werr != nil {
			why, kind = fmt.Sprintf("keeping %d bytes in the scratch file: %v", far, werr), Limit
			return false
		}
		far += int64(len(buf))
		buf = buf[:0]
		return true
	}
	for {
		if len(buf) == cap(buf) {
			if err := l.alive(); err != nil {
				return nil, done, "", "", false, err
			}
			if cap(buf) >= heapBytes {
				if w.cfg.Scratch == nil {
					why, kind = fmt.Sprintf("%d bytes are read of it: there is no scratch file", len(buf)), Limit
					break
				}
				if !flush() {
					break
				}
			} else {
				buf = append(make([]byte, 0, min(4*cap(buf), heapBytes)), buf...)
				*room = buf
			}
		}
		n, rerr := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		have := far + int64(len(buf))
		if rerr != nil {
			if rerr != io.EOF {
				why, kind = rerr.Error(), kindOf(rerr)
			}
			break
		}
		if have > w.cfg.Member {
			why, kind = fmt.Sprintf("%d bytes are read of a member at most", w.cfg.Member), Limit
			break
		}
		if text := w.spent(have); text != "" {
			why, kind, over = text, Limit, true
			break
		}
	}
	if far == 0 {
		return buf, done, why, kind, over, nil
	}
	if len(buf) > 0 && why == "" && !flush() {
		buf = nil
	}
	from := w.top
	done()
	done = func() {}
	data, unmap, merr := w.cfg.Scratch.Map(from, far)
	if merr != nil {
		return nil, done, fmt.Sprintf("mapping %d bytes of the scratch file: %v", far, merr), Limit, over, nil
	}
	w.top = from + (far+ScratchPage-1)/ScratchPage*ScratchPage
	return data, unmap, why, kind, over, nil
}

// buffers are for members in memory, each used until its member was visited.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 64<<10)
	return &b
}}

// ScratchPage is what a place in the scratch is a multiple of, for mapping.
const ScratchPage = 64 << 10
