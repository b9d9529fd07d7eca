package suricata

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"saksi/internal/infile"
)

const (
	// maxDataset bounds a set, in bytes, unless its memcap says otherwise.
	maxDataset = 100 << 20
	// maxDataFile is the largest file a rule may have read, in bytes.
	maxDataFile = 512 << 20
	// dataOverhead is what a member is counted for besides its bytes.
	dataOverhead = 64
)

// readData opens a regular file that a rule names.
func readData(path string) ([]byte, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDataFile+1))
	if err == nil && len(data) > maxDataFile {
		err = fmt.Errorf("more than %d bytes", maxDataFile)
	}
	return data, err
}

// unreadable refuses a rule whose file can't be read.
func unreadable(what string, f field, err error) *fault {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return refused(f.off, what+" that can't be read").detail(fmt.Sprintf("reading %s %q: %v", what, f.s, err)).
		tip("the file's place is relative to the rule's own file")
}

// load fills a set from the file beside the rules.
func (c *compiler) load(set *dataset, opt *dataOptions, rules string) *fault {
	data, err := readData(beside(rules, opt.load.s))
	if err != nil {
		return unreadable("a data set's file", opt.load, err)
	}
	return set.fill(data, opt, opt.load)
}

// restore fills a set from what an earlier run left in the folder of data.
func (c *compiler) restore(set *dataset, opt *dataOptions) *fault {
	set.state = opt.state.s
	path, ok := inData(c.dataDir, opt.state.s)
	if !ok {
		return refused(opt.state.off, "a data set kept outside of the folder of data")
	}
	if c.dataDir == "" || opt.load.s != "" {
		return nil
	}
	data, err := readData(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unreadable("a data set's file", opt.state, err)
	}
	return set.fill(data, opt, opt.state)
}

func (s *dataset) fill(data []byte, opt *dataOptions, at field) *fault {
	var err error
	switch opt.format {
	case "json":
		err = s.fillJSON(data, opt)
	case "jsonline", "ndjson":
		n := 0
		for line := range bytes.Lines(data) {
			n++
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			if err = s.addJSON(line, opt); err != nil {
				err = fmt.Errorf("line %d: %w", n, err)
				break
			}
		}
	default:
		err = s.fillCSV(data)
	}
	if err != nil {
		return unreadable("a data set's file", at, err)
	}
	return nil
}

func (s *dataset) fillCSV(data []byte) error {
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		if line == "" {
			continue
		}
		text, rep, hasRep := strings.Cut(line, ",")
		k, ok := s.typ.parse(strings.TrimSpace(text))
		if !ok {
			return fmt.Errorf("line %d is no value of the set's type", n)
		}
		var d datum
		if hasRep {
			v, err := strconv.ParseUint(strings.TrimSpace(rep), 10, 16)
			if err != nil {
				return fmt.Errorf("line %d has no reputation from 0 to 65535", n)
			}
			d.rep = uint16(v)
		}
		if err := s.put(k, d); err != nil {
			return err
		}
	}
	return sc.Err()
}

// put adds a member; the first of equal ones stands.
func (s *dataset) put(k string, d datum) error {
	if _, ok := s.members[k]; ok {
		return nil
	}
	if s.limit -= len(k) + len(d.json) + dataOverhead; s.limit < 0 {
		return errors.New("more than the set's memcap")
	}
	s.members[k] = d
	return nil
}

func (s *dataset) fillJSON(data []byte, opt *dataOptions) error {
	var doc any
	raw := json.RawMessage(data)
	if opt.arrKey != "" {
		for key := range strings.SplitSeq(opt.arrKey, ".") {
			var m map[string]json.RawMessage
			if err := json.Unmarshal(raw, &m); err != nil || m[key] == nil {
				return fmt.Errorf("no object with the key %s", key)
			}
			raw = m[key]
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return errors.New("not JSON")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return errors.New("not a JSON array")
	}
	for i, e := range list {
		if err := s.addJSON(e, opt); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// addJSON adds the value that an object holds under the value's key, with the
// object. Strings stand in such files as they are, not in Base64.
func (s *dataset) addJSON(raw json.RawMessage, opt *dataOptions) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return errors.New("not a JSON object")
	}
	val := raw
	for key := range strings.SplitSeq(opt.valueKey, ".") {
		var in map[string]json.RawMessage
		if json.Unmarshal(val, &in) != nil || in[key] == nil {
			return nil // of several objects some may lack it
		}
		val = in[key]
	}
	var text string
	if json.Unmarshal(val, &text) != nil {
		return nil
	}
	k, ok := text, text != ""
	if s.typ != dataString {
		k, ok = s.typ.parse(text)
	}
	if !ok {
		return errors.New("no value of the set's type")
	}
	if opt.remove && !strings.Contains(opt.valueKey, ".") {
		delete(m, opt.valueKey)
	}
	out, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.put(k, datum{json: string(out)})
}
