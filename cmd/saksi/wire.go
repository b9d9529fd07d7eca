package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
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

// maskKey is this station's key for digests of masked values, made on first
// use.
func maskKey() ([]byte, error) {
	dir, err := dataDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "keys", "mask.key")
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 32 {
		return b, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the key of masked values: %w", err)
	}
	if err == nil {
		return nil, fmt.Errorf("reading the key of masked values: %s has %d bytes, expected 32", path, len(b))
	}
	b = make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keeping the key of masked values: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("keeping the key of masked values: %w", err)
	}
	return b, nil
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
	exhibits := map[string]string{}
	for _, x := range c.Exhibits {
		exhibits[x.SourceKey] = x.ID
	}
	return findings.SinkFunc(func(e *event.Event) error {
		e.Str(event.SaksiCase, c.Info.ID)
		e.Str(event.OrganizationName, c.Info.Agency)
		if k, ok := e.GetStr(event.SaksiEvidenceKey); ok {
			e.Str(event.SaksiExhibit, exhibits[k])
		}
		return masked.Emit(e)
	}), nil
}

// yaraFiles scans carved files by YARA in the worker; each match is a finding
// that takes its flow and evidence from the file's event.
type yaraFiles struct {
	scanner yara.Scanner
	ev      event.Event
}

// ScanFile implements sensor.FileScanner. The matches found before a content
// broke the worker stand; the error, which is counted, names it.
func (y *yaraFiles) ScanFile(ctx context.Context, f *sensor.File, alerts findings.Sink) error {
	matches, err := y.scanner.Scan(ctx, f.Name, f.Content)
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
