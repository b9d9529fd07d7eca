package artifact

import (
	"io"
	"slices"
	"sort"
	"strings"

	"saksi/event"
	"saksi/internal/registry"
	"saksi/rules/sigma"
)

// Format is one kind of artifact. Its door file registers it; nothing else
// lists it.
type Format struct {
	Name      string
	Doc       string // what of it is read
	Reference string // its specification
	// Detect decides by the first 4 KiB. It MUST NOT fail.
	Detect func(head []byte) bool
	// Named decides by the path of a file, in lower case and with "/" between its
	// parts, where content alone can't tell, such as for the history of a shell;
	// nil for none. Content goes first.
	Named func(path string) bool
	// Probe decides further what Detect or Named took, with all of the file at
	// hand; nil takes it.
	Probe func(in Input) bool
	// Packed: offsets of records are not those of the file, because it is
	// compressed.
	Packed bool
	// Bulk tells how many records a file may hold, of an artifact that has one for
	// each file of a volume; a run over an image leaves it out and says the number,
	// unless it is asked for. nil: it is always read.
	Bulk func(in Input) int64
	// Beside are the endings of files that belong to one of this artifact and lie
	// beside it, such as "-wal".
	Beside []string
	// Parse gives the records of a file, in their order, and every part that can't
	// be read. It runs in saksi-worker, MUST be bounded in memory by what it
	// reads, and returns the first error of emit or why the file can't be read.
	Parse func(in Input, emit func(*Record) error, problem func(Problem)) error
	// Event adds to e what a record says in ECS. It runs in saksi: all of the
	// record is hostile text.
	Event func(r *Record, e *event.Event)
	// Log tells the log sources of a record in Sigma's taxonomy, and the other
	// names of its fields; nil for an artifact that is no log.
	Log func(r *Record) ([]sigma.Source, []sigma.Alias)
	// Samples are files of testdata/artifact. Hostile are recipes: a sample,
	// then what to change in it: "@OFFSET=HEX" or "cut=BYTES".
	Samples []string
	Hostile []string
}

// Input is a file to parse.
type Input struct {
	io.ReaderAt
	Size int64
	Year int // of the first record, for an artifact that leaves it out; 0 is not known
	// Forced: the file was named as one of this kind.
	Forced bool
	Path   string // of the file, for what it says of whose it is; hostile
	// Open gives a file that lies beside this one by the ending of its name, or
	// nil. It MAY be nil.
	Open func(ending string) (r io.ReaderAt, size int64)
}

// beside gives a file beside this one, or nil.
func (in *Input) beside(ending string) (io.ReaderAt, int64) {
	if in.Open == nil {
		return nil, 0
	}
	return in.Open(ending)
}

// headSize is what Detect is given, in bytes.
const headSize = 4 << 10

var formats []*Format

func register(f Format) {
	if err := f.check(); err != nil {
		panic(err)
	}
	formats = append(formats, &f)
	sort.Slice(formats, func(i, j int) bool { return formats[i].Name < formats[j].Name })
}

func (f *Format) check() error {
	return registry.Check("artifact", f.Name, func(name string) bool { return byName(name) != nil },
		registry.Need{What: "documentation", Has: f.Doc != ""},
		registry.Need{What: "reference to its specification", Has: f.Reference != ""},
		registry.Need{What: "way to detect it", Has: f.Detect != nil},
		registry.Need{What: "parser", Has: f.Parse != nil},
		registry.Need{What: "way into ECS", Has: f.Event != nil},
		registry.Need{What: "sample", Has: len(f.Samples) > 0},
		registry.Need{What: "hostile sample", Has: len(f.Hostile) > 0},
	)
}

func byName(name string) *Format {
	for _, f := range formats {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Formats returns every registered artifact in the order of their names.
func Formats() []Format {
	out := make([]Format, len(formats))
	for i, f := range formats {
		out[i] = *f
	}
	return out
}

// detect finds the artifact a file is, or nil. kinds limits those that are
// looked for by their names; nil is all. One kind alone is taken at its word
// where only a name could tell.
func detect(in Input, kinds []string) (*Format, error) {
	head := make([]byte, headSize)
	n, err := in.ReadAt(head, 0)
	if n == 0 && err != nil && err != io.EOF {
		return nil, err
	}
	path := strings.ToLower(strings.ReplaceAll(in.Path, "\\", "/"))
	for _, byName := range []bool{false, true} {
		for _, f := range formats {
			if len(kinds) > 0 && !slices.Contains(kinds, f.Name) {
				continue
			}
			is := f.Detect(head[:n])
			if byName {
				is = f.Named != nil && n > 0 && (f.Named(path) || len(kinds) == 1 && in.Forced)
			}
			if is && (f.Probe == nil || f.Probe(in)) {
				return f, nil
			}
		}
	}
	return nil, nil
}
