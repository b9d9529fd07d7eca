package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/findings/mask"
	"saksi/framework"
	"saksi/rules/yara"
	"saksi/sensor"
)

// maskKey is this station's key for digests of masked values.
func maskKey() ([]byte, error) { return stationSecret("mask.key", "the key of masked values") }

// stationSecret is a secret of 32 bytes of this station, made on first use.
func stationSecret(name, what string) ([]byte, error) {
	dir, err := dataDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "keys", name)
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 32 {
		return b, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if err == nil {
		return nil, fmt.Errorf("reading %s: %s has %d bytes, expected 32", what, path, len(b))
	}
	b = make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keeping %s: %w", what, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("keeping %s: %w", what, err)
	}
	return b, nil
}

// yaraCache keeps compiled rules of YARA for this user. Without a folder for
// them, or a secret, they are compiled each time.
func (a *app) yaraCache() yara.Cache {
	dir, err := cacheDir()
	if err != nil {
		return nil
	}
	secret, err := stationSecret("cache.key", "the key of the cache")
	if err != nil {
		a.warn(err.Error() + "; compiled rules are not kept")
		return nil
	}
	return &yara.FileCache{Dir: filepath.Join(dir, "yara"), Secret: secret, Warn: a.warn}
}

// stored is the chain every event passes before it is written: the case's
// stamp (c may be nil), masking, then the controls of findings.
func stored(next findings.Sink, c *casefile.Case) (findings.Sink, error) {
	key, err := maskKey()
	if err != nil {
		return nil, err
	}
	tagged, err := framework.Tagger("rakkssa", next)
	if err != nil {
		return nil, err
	}
	masked := mask.Sink(key, tagged)
	if c == nil {
		return masked, nil
	}
	exhibits := exhibitIDs(c)
	return findings.SinkFunc(func(e *event.Event) error {
		e.Str(event.SaksiCase, c.Info.ID)
		e.Str(event.OrganizationName, c.Info.Agency)
		if k, ok := e.GetStr(event.SaksiEvidenceKey); ok {
			e.Str(event.SaksiExhibit, exhibits[k])
		}
		return masked.Emit(e)
	}), nil
}

// exhibitIDs are the ids of a case's exhibits by their source keys.
func exhibitIDs(c *casefile.Case) map[string]string {
	exhibits := map[string]string{}
	for _, x := range c.Exhibits {
		exhibits[x.SourceKey] = x.ID
	}
	return exhibits
}

// yaraFiles scans carved files by YARA in the worker; each match is a finding
// that takes its flow and evidence from the file's event.
type yaraFiles struct {
	scanner  *yara.Pool
	exhibits map[string]string // ids by source key, for rules that ask
	ev       event.Event
}

// contentOf is a carved file as rules of YARA see it.
func contentOf(f *sensor.File, exhibits map[string]string) *yara.Content {
	return &yara.Content{Path: f.Name, Exhibit: exhibits[f.Key], Size: f.Size, Data: f.Content}
}

// of lets rules of YARA know the exhibits of a case, which may be nil.
func (s *ruleSets) of(c *casefile.Case) {
	if c != nil {
		maps.Copy(s.exhibits, exhibitIDs(c))
	}
}

// yaraLook is a scan that is under way.
type yaraLook struct {
	y       *yaraFiles
	ctx     context.Context
	f       *sensor.File
	done    chan struct{}
	matches []yara.Match
	err     error
}

// Begin implements sensor.Ahead.
func (y *yaraFiles) Begin(ctx context.Context, f *sensor.File) sensor.Look {
	l := &yaraLook{y: y, ctx: ctx, f: f, done: make(chan struct{})}
	in := contentOf(f, y.exhibits)
	go func() {
		defer close(l.done)
		l.matches, l.err = y.scanner.Scan(ctx, in)
	}()
	return l
}

// Done implements sensor.Look.
func (l *yaraLook) Done() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Finish implements sensor.Look.
func (l *yaraLook) Finish(alerts findings.Sink) error {
	<-l.done
	return l.y.tell(l.ctx, l.f, l.matches, l.err, alerts)
}

// ScanFile implements sensor.FileScanner.
func (y *yaraFiles) ScanFile(ctx context.Context, f *sensor.File, alerts findings.Sink) error {
	matches, err := y.scanner.Scan(ctx, contentOf(f, y.exhibits))
	return y.tell(ctx, f, matches, err, alerts)
}

// tell makes findings of matches. Those found before a content broke the worker
// stand; the error, which is counted, names it.
func (y *yaraFiles) tell(ctx context.Context, f *sensor.File, matches []yara.Match, err error, alerts findings.Sink) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i := range matches {
		f.Event.CopyTo(&y.ev)
		for _, field := range []event.Field{event.EventKind, event.EventDataset, event.EventCategory, event.EventType, event.EventAction} {
			y.ev.Delete(field)
		}
		y.ev.Str(event.EventKind, "alert")
		y.ev.Str(event.EventDataset, "saksi.alert")
		y.ev.Str(event.EventCategory, "malware")
		y.ev.Str(event.EventType, "info")
		matches[i].Event(&y.ev)
		if err := alerts.Emit(&y.ev); err != nil {
			return err
		}
	}
	return err
}
