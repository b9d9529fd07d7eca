package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	seededEach = 60   // attacks, and as many of ordinary use
	leastScore = 0.95 // precision and recall
)

// wireScore finds what a pack finds in a seeded capture.
func wireScore(t *testing.T, dir, profile string) (score, []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, uint64(len(profile))))
	bad, good := wireCases(profile, r)
	list := mix(r, seededEach, bad, good)
	path := filepath.Join(dir, profile+".pcap")
	writeCapture(t, path, list)
	out, _ := saksi(t, "sensor", "read", path, "--rules", "pack:"+profile, "-o", "ndjson")
	found := map[int]bool{}
	flows := 0
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e struct {
			Event       struct{ Kind, Dataset string }
			Source      struct{ Port int }
			Destination struct{ Port int }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event.Dataset == "saksi.flow" {
			flows++
		}
		if e.Event.Kind == "alert" {
			found[max(e.Source.Port, e.Destination.Port)-20000] = true
		}
	}
	if flows != len(list) {
		t.Errorf("%s: %d flows of %d were seen", profile, flows, len(list))
	}
	return scored(list, found)
}

// diskScore finds what a pack finds on a seeded disk.
func diskScore(t *testing.T, dir, profile string) (score, []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1000+uint64(len(profile))))
	bad, good := fileCases(profile, r)
	list := mix(r, seededEach, bad, good)
	path := filepath.Join(dir, profile+".raw")
	writeFAT(t, path, list)
	out, _ := saksi(t, "forensics", "scan", path, "--rules", "pack:"+profile, "-o", "ndjson")
	found := map[int]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e struct {
			Event struct{ Kind string }
			File  struct{ Path string }
		}
		if line == "" {
			continue
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		var i int
		if _, err := fmt.Sscanf(strings.ToUpper(filepath.Base(e.File.Path)), "F%d.TXT", &i); err == nil && e.Event.Kind == "alert" {
			found[i] = true
		}
	}
	return scored(list, found)
}

// floodScore finds who floods a form: each client sends some texts within a minute,
// floods 32 to 60, ordinary use up to ten.
func floodScore(t *testing.T, dir string) score {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 55))
	var list []seeded
	bad := map[string]bool{}
	for i := range 40 {
		from, n := fmt.Sprintf("203.0.113.%d", 1+i), 1+r.IntN(10)
		if bad[from] = i%2 == 0; bad[from] {
			n = 32 + r.IntN(28)
		}
		for range n {
			list = append(list, seeded{from: from, gap: time.Second / 2, data: post("/maklum-balas", urlencoded, "teks=aduan+"+digits(r, 6)), resp: answer("terima kasih")})
		}
	}
	path := filepath.Join(dir, "flood.pcap")
	writeCapture(t, path, list)
	out, _ := saksi(t, "sensor", "read", path, "--rules", "pack:feedback", "-o", "ndjson")
	found := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e struct {
			Event       struct{ Kind string }
			Source      struct{ IP string }
			Destination struct{ IP string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event.Kind == "alert" {
			found[e.Source.IP], found[e.Destination.IP] = true, true
		}
	}
	var s score
	for from, flood := range bad {
		switch {
		case flood && found[from]:
			s.truePositive++
		case flood:
			s.falseNegative++
		case found[from]:
			s.falsePositive++
		}
	}
	return s
}
