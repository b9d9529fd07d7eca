package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
	"saksi/evidence/enroll"
	"saksi/findings/silence"
	"saksi/internal/infile"
)

func sensorEnroll(a *app) *cobra.Command {
	return noun("enroll", "Enroll sensors by key: a sensor asks, the center certifies", enrollAsk(a), enrollSign(a), enrollAccept(a), enrollList(a))
}

func enrollAsk(a *app) *cobra.Command {
	var name, agency, key string
	c := &cobra.Command{
		Use:   "ask --agency NAME --to FILE",
		Short: "On the sensor: make its key and a request for a certificate",
		Long: "The request holds the public half of this station's key, which is made if there is none, and is signed by it. Bring it to the center, and tell its people the\n" +
			"fingerprint by another way: they compare it before they certify.",
		Example: "  saksi sensor enroll ask --sensor jpn-tap-1 --agency jpn --to jpn-tap-1.request.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				var err error
				if name, err = os.Hostname(); err != nil {
					return fmt.Errorf("asking for this machine's name: %w", err)
				}
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			b, err := enroll.Ask(cmd.Context(), s, name, agency, time.Now())
			if err != nil {
				return usage("%w", err)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			_, err = w.Write(b)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "saksi: sensor %s of %s asks with the key of fingerprint %s\n", name, agency, s.Public().Fingerprint())
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&name, "sensor", "", "`name` of the sensor in what it stores (default: the host's)")
	f.StringVar(&agency, "agency", "default", "`name` of the agency, as in the names of indices")
	f.StringVar(&key, "key", "", "the sensor's key `file` (default: this station's own)")
	return c
}

func enrollSign(a *app) *cobra.Command {
	var key, fingerprint, apiKey string
	var days int
	c := &cobra.Command{
		Use:   "sign REQUEST --fingerprint HEX --to FILE",
		Short: "At the center: certify a sensor that asks",
		Long: "Verifies that who asks has the key, and signs a certificate: sensor, agency, key, and the id of the API key that it was given (the id alone, so that it can be taken\n" +
			"back by name). --fingerprint is what the sensor's people told you by another way than the request; another key is refused. Keep certificates in\n" +
			"one folder: 'sensor silent --enrolled FOLDER' holds the index to them.",
		Example: "  saksi sensor enroll sign jpn-tap-1.request.json --fingerprint 3f9c... --key center.key --api-key-id VuaCfGcBCdbkQm-e5aOx --to enrolled/jpn-tap-1.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := infile.Read(args[0], enroll.MaxFile)
			if err != nil {
				return fail(exitUsage, fmt.Errorf("reading the request: %w", err))
			}
			r, p, err := enroll.ReadRequest(b)
			if err != nil {
				return evidenceError(fmt.Errorf("the request %s: %w", args[0], err))
			}
			if fingerprint == "" {
				return failHint(exitTrust, fmt.Errorf("sensor %s of %s asks with the key of fingerprint %s", printable(r.Sensor), r.Agency, p.Fingerprint()), "compare it with what the sensor's people say, and name it by --fingerprint")
			}
			if !strings.EqualFold(fingerprint, p.Fingerprint()) {
				return fail(exitTrust, fmt.Errorf("the request %s is of the key of fingerprint %s, not of %s", args[0], p.Fingerprint(), printable(fingerprint)))
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			cert, err := enroll.Certify(cmd.Context(), s, r, p, apiKey, time.Now(), days)
			if err != nil {
				return usage("%w", err)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			_, err = w.Write(cert)
			if err = errors.Join(err, done()); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, "saksi: certified sensor %s of %s for %d days\n", printable(r.Sensor), r.Agency, days)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "signing key `file` of the center (default: this station's own)")
	f.StringVar(&fingerprint, "fingerprint", "", "`SHA-256` of the sensor's key, as its people tell it")
	f.StringVar(&apiKey, "api-key-id", "", "`id` of the Elasticsearch API key that the sensor has; not the key itself")
	f.IntVar(&days, "days", 365, "how many days the certificate holds")
	return c
}

// enrolledDir holds a sensor's certificate and the key of its center.
const (
	enrolledDir  = "enrolled"
	enrolledCert = "certificate.json"
	enrolledKey  = "center.pub"
)

func enrollAccept(a *app) *cobra.Command {
	var center, key string
	c := &cobra.Command{
		Use:   "accept CERTIFICATE --center KEY.pub",
		Short: "On the sensor: keep the certificate, and trust the center's bundles",
		Long: "Verifies the certificate by the center's key, which you got by another way, and that it is of this sensor's own key. 'sensor run' then takes name, agency and\n" +
			"the key of bundles from it where no flag says otherwise.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pub, err := evidence.LoadPublic(center)
			if err != nil {
				return evidenceError(err)
			}
			b, err := infile.Read(args[0], enroll.MaxFile)
			if err != nil {
				return fail(exitUsage, fmt.Errorf("reading the certificate: %w", err))
			}
			cert, p, err := enroll.Read(b, pub, time.Now())
			if err != nil {
				return certificateError(args[0], err)
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			if s.Public().Fingerprint() != p.Fingerprint() {
				return fail(exitTrust, fmt.Errorf("the certificate %s is of another key (%s) than this sensor's (%s)", args[0], p.Fingerprint(), s.Public().Fingerprint()))
			}
			dir, err := dataDir()
			if err != nil {
				return err
			}
			pem, err := pub.PEM()
			if err != nil {
				return err
			}
			dir = filepath.Join(dir, enrolledDir)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return fmt.Errorf("keeping the certificate: %w", err)
			}
			if err := errors.Join(evidence.Replace(filepath.Join(dir, enrolledKey), pem, 0o600), evidence.Replace(filepath.Join(dir, enrolledCert), b, 0o600)); err != nil {
				return fmt.Errorf("keeping the certificate: %w", err)
			}
			return a.printCertificates([]certificate{{Certificate: cert, file: args[0], state: "valid"}})
		},
	}
	f := c.Flags()
	f.StringVar(&center, "center", "", "public key `file` of the center")
	f.StringVar(&key, "key", "", "the sensor's key `file` (default: this station's own)")
	cobra.CheckErr(c.MarkFlagRequired("center"))
	return c
}

func certificateError(file string, err error) error {
	if errors.Is(err, enroll.ErrExpired) {
		return failHint(exitTrust, fmt.Errorf("the certificate %s: %w", file, err), "the center certifies the sensor's request again")
	}
	return evidenceError(fmt.Errorf("the certificate %s: %w", file, err))
}

// certificate is one of a folder.
type certificate struct {
	*enroll.Certificate
	file, state string
}

// certificates reads a folder of them (*.json). One that does not verify is an error;
// one whose time is over is in the list and says so.
func certificates(dir, center string, at time.Time) ([]certificate, error) {
	if center == "" {
		return nil, failHint(exitTrust, fmt.Errorf("reading the certificates in %s: no key of the center was given", dir), "name its public key by --center")
	}
	pub, err := evidence.LoadPublic(center)
	if err != nil {
		return nil, evidenceError(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading certificates: %w", err))
	}
	var list []certificate
	for _, x := range entries {
		if x.IsDir() || !strings.HasSuffix(x.Name(), ".json") {
			continue
		}
		path := filepath.Join(dir, x.Name())
		b, err := infile.Read(path, enroll.MaxFile)
		if err != nil {
			return nil, fmt.Errorf("reading certificates: %w", err)
		}
		c, _, err := enroll.Read(b, pub, at)
		state := "valid"
		if errors.Is(err, enroll.ErrExpired) {
			state, err = "expired", nil
		}
		if err != nil {
			return nil, certificateError(path, err)
		}
		list = append(list, certificate{c, path, state})
	}
	return list, nil
}

func enrollList(a *app) *cobra.Command {
	var center string
	c := &cobra.Command{
		Use:   "list FOLDER --center KEY.pub",
		Short: "Verify and list the certificates in a folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := certificates(args[0], center, time.Now())
			if err != nil {
				return err
			}
			return a.printCertificates(list)
		},
	}
	c.Flags().StringVar(&center, "center", "", "public key `file` of the center")
	return c
}

func (a *app) printCertificates(list []certificate) error {
	r, err := a.rows("sensor", "agency", "state", "issued", "expires", "api_key_id", "fingerprint", "file")
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := r.add(c.Sensor, c.Agency, c.state, c.Issued, c.Expires, c.APIKeyID, c.Fingerprint, c.file); err != nil {
			return err
		}
	}
	return r.close()
}

// enrolledSensors are those that certificates which hold declare, each once.
func (a *app) enrolledSensors(dir, center string, at time.Time, after time.Duration) ([]silence.Sensor, error) {
	all, err := certificates(dir, center, at)
	if err != nil {
		return nil, err
	}
	var list []silence.Sensor
	for _, c := range all {
		switch {
		case c.state != "valid":
			a.warn(fmt.Sprintf("the certificate of sensor %s expired at %s: it is not looked for", c.Sensor, c.Expires))
		case !slices.ContainsFunc(list, func(s silence.Sensor) bool { return s.Name == c.Sensor }):
			list = append(list, silence.Sensor{Name: c.Sensor, Agency: c.Agency, After: after})
		}
	}
	return list, nil
}

// enrolled is this sensor's own certificate; nil when it has none. One that does not
// verify any more is told and not used.
func (a *app) enrolled() (c *enroll.Certificate, center string, err error) {
	dir, err := dataDir()
	if err != nil {
		return nil, "", err
	}
	center = filepath.Join(dir, enrolledDir, enrolledKey)
	path := filepath.Join(dir, enrolledDir, enrolledCert)
	b, err := infile.Read(path, enroll.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading this sensor's certificate: %w", err)
	}
	pub, err := evidence.LoadPublic(center)
	if err != nil {
		return nil, "", evidenceError(err)
	}
	c, _, err = enroll.Read(b, pub, time.Now())
	if errors.Is(err, enroll.ErrExpired) {
		a.warn(fmt.Sprintf("this sensor's certificate expired at %s; ask the center for another ('saksi sensor enroll ask')", c.Expires))
		return c, center, nil
	}
	if err != nil {
		return nil, "", certificateError(path, err)
	}
	return c, center, nil
}
