package artifact

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// qmgr.db: jobs of the Background Intelligent Transfer Service (BITS), by which
// files are fetched, and programs started when they are there.

func init() {
	register(Format{
		Name: "bits",
		Doc: "qmgr.db of BITS (Windows 10 and 11): jobs with their name, owner, texts and the command that is started at their end, files with their address and where they go; " +
			"what else a job's bytes say is not read, nor the qmgr0.dat of older systems",
		Reference: "Microsoft Learn, Background Intelligent Transfer Service; J. Metz, ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("bits"),
		Parse:     parseBITS,
		Event:     eventBITS,
		Samples:   []string{"qmgr.db"},
		Hostile:   []string{"qmgr.db cut=9000", "qmgr.db @52=02"},
	})
}

// countedTexts finds texts of UTF-16 in bytes that begin with their length, in
// characters with the zero at their end, as BITS writes them.
func countedTexts(b []byte) (out []string) {
	for at := 0; at+6 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at:]))
		if n < 2 || n > (len(b)-at-4)/2 || n > 32<<10 {
			at++
			continue
		}
		s := utf16All(b[at+4 : at+4+2*n])
		text, zero := strings.CutSuffix(s, "\x00")
		if !zero || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r == '\uFFFD' }) {
			at++
			continue
		}
		out = append(out, text)
		if len(out) >= maxData {
			break
		}
		at += 4 + 2*n
	}
	return out
}

func parseBITS(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	if err := d.rows("Jobs", func(r *ese.Row) *Record {
		b := r.Bytes("Blob")
		rec := record("job", 0)
		rec.add("id", r.Text("Id"))
		for i, s := range countedTexts(b) {
			switch {
			case i == 0:
				rec.add("name", s)
			case strings.HasPrefix(s, "S-1-"):
				rec.add("owner", s)
			case strings.HasSuffix(strings.ToLower(s), ".exe"):
				rec.add("command", psMasked(s))
			default:
				rec.add("text", maskedURL(psMasked(s)))
			}
		}
		return rec
	}); err != nil {
		return err
	}
	if err := d.rows("Files", func(r *ese.Row) *Record {
		rec := record("file", 0)
		rec.add("id", r.Text("Id"))
		var paths []string
		for _, s := range countedTexts(r.Bytes("Blob")) {
			switch {
			case strings.Contains(s, "://"):
				rec.add("url", maskedURL(s))
			case len(s) > 3 && s[1] == ':' && s[2] == '\\' || strings.HasPrefix(s, `\\`):
				if !slices.Contains(paths, s) {
					paths = append(paths, s)
				}
			default:
				rec.add("text", maskedURL(s))
			}
		}
		for i, p := range paths {
			rec.add([]string{"path", "temporary", "volume"}[min(i, 2)], p)
		}
		rec.add("blob_bytes", strconv.Itoa(len(r.Bytes("Blob"))))
		return rec
	}); err != nil {
		return err
	}
	return d.others("Jobs", "Files")
}

func eventBITS(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "network")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "bits-"+kind)
	e.Str(event.ProcessCommandLine, r.Get("command"))
	e.Str(event.UserID, r.Get("owner"))
	e.Str(event.URLOriginal, r.Get("url"))
	e.Str(event.FilePath, r.Get("path"))
	e.Str(event.FileName, base(r.Get("path")))
	e.Str(event.Message, strings.TrimSpace(kind+" "+firstOf(r.Get("name"), r.Get("url"), r.Get("table"))))
	putData(r, e)
}
