package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile/report"
	"saksi/evidence"
	"saksi/forensics/selftest"
	"saksi/testdata"
)

// selftestReport is what a laboratory files of a self-test.
type selftestReport struct {
	Time     string           `json:"time"`
	Tool     string           `json:"tool"`
	Platform string           `json:"platform"`
	Who      string           `json:"who"`
	Passed   int              `json:"passed"`
	Failed   int              `json:"failed"`
	Tests    []selftest.Test  `json:"tests"`
	Left     []string         `json:"not_carried"` // samples that this program does not carry
	Versions []report.Version `json:"versions"`
}

func forensicsSelftest(a *app, flags *forensicsFlags) *cobra.Command {
	state := &stateFlags{}
	c := &cobra.Command{
		Use:   "selftest [--to FILE --sign KEY]",
		Short: "Test digests, readers, recovery and artifacts on samples whose answers are known",
		Long: "Runs every digest, container, file system (with what is deleted and recovered in it) and artifact whose sample the program carries, and compares\n" +
			"the answers with the known ones. --to writes a report as JSON with the versions of all libraries, and --sign a statement over it, for the files of\n" +
			"an ISO/IEC 17025 laboratory. A difference ends with exit code 1, and until a self-test passes 'forensics acquire' is refused on this station\n" +
			"unless --override-selftest says why, on record.",
		Example: "  saksi forensics selftest\n  saksi forensics selftest --to selftest.json --sign lab.key",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf := flags.worker(a)
			tests, left, err := selftest.Run(cmd.Context(), selftest.Config{Samples: testdata.Reference, Answers: selftest.Known, Worker: conf})
			if err != nil {
				return err
			}
			rep := selftestReport{Time: time.Now().UTC().Format(time.RFC3339), Tool: toolName(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Who: who(), Tests: tests, Left: left}
			progs, libs := a.versions(cmd)
			rep.Versions = append(progs, libs...)
			for _, t := range tests {
				if t.Pass {
					rep.Passed++
				} else {
					rep.Failed++
				}
			}
			if err := keepSelftest(&rep); err != nil {
				return err
			}
			if a.to != "" {
				err = a.selftestFile(cmd, state, &rep)
			} else {
				err = a.printSelftest(&rep)
			}
			if err == nil && rep.Failed > 0 {
				err = fail(exitFailed, fmt.Errorf("%d of %d known-answer tests gave another answer: do not work with this program on this machine", rep.Failed, len(tests)))
			}
			return err
		},
	}
	state.add(c)
	return c
}

// selftestFile writes the report and signs it.
func (a *app) selftestFile(cmd *cobra.Command, state *stateFlags, rep *selftestReport) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(rep); err != nil {
		return err
	}
	return a.signed(cmd, state, out.Bytes(), evidence.PredicateSelftest, func() (any, error) { return rep, nil })
}

func (a *app) printSelftest(rep *selftestReport) error {
	r, err := a.rows("kind", "name", "sample", "pass", "expected", "found", "problem")
	if err != nil {
		return err
	}
	for _, t := range rep.Tests {
		expected, found := t.Expected, t.Found
		if a.format == "table" {
			expected, found = expected[:min(len(expected), 12)], found[:min(len(found), 12)]
		}
		if err := r.add(t.Kind, t.Name, t.Sample, t.Pass, expected, found, t.Problem); err != nil {
			return errors.Join(err, r.close())
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	a.warn(fmt.Sprintf("%d passed, %d failed; %d samples are not carried in the program (the report of --to names them)", rep.Passed, rep.Failed, len(rep.Left)))
	return nil
}

// selftestState is what this station remembers of its last self-test.
type selftestState struct {
	Time   string `json:"time"`
	Tool   string `json:"tool"`
	Failed int    `json:"failed"`
}

func selftestStatePath() (string, error) {
	dir, err := dataDir()
	return filepath.Join(dir, "selftest.json"), err
}

// keepSelftest remembers the result of a self-test.
func keepSelftest(rep *selftestReport) error {
	path, err := selftestStatePath()
	if err != nil {
		return err
	}
	b, err := json.Marshal(selftestState{rep.Time, rep.Tool, rep.Failed})
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	err = os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(tmp, append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("remembering the self-test: %w", err)
	}
	return nil
}

// selftestStops refuses to acquire after a self-test that failed. With a reason it
// gives what is put on record instead.
func selftestStops(override string) (string, error) {
	path, err := selftestStatePath()
	if err != nil {
		return "", err
	}
	b, err := evidence.ReadRegular(path, 1<<16)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // none was run on this station
	}
	var s selftestState
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	switch {
	case err != nil:
		return "", failHint(exitFailed, fmt.Errorf("reading the last self-test: %w", err), "run 'saksi forensics selftest'")
	case s.Failed == 0:
		return "", nil
	case override == "":
		return "", failHint(exitFailed, fmt.Errorf("the self-test of %s gave %d wrong answers: nothing is acquired", s.Time, s.Failed), "run 'saksi forensics selftest' until it passes, or say by --override-selftest why it is done all the same")
	}
	return fmt.Sprintf("the self-test of %s (%s) gave %d wrong answers; overridden: %s", s.Time, s.Tool, s.Failed, override), nil
}
