// Package objectstore keeps what is too large for an index, captures and sealed cases,
// in an S3 store, under names that hold their SHA-256: [PREFIX/]DIGEST/NAME. Start with
// Open.
package objectstore

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"saksi/evidence"
)

// ErrNotFound is returned when the store has no such object.
var ErrNotFound = errors.New("no such object in the store")

// digestMeta is the user metadata in which an object states its digest, too.
const digestMeta = "Sha256"

// tries is how often a request is made that the store does not answer.
const tries = 4

// Config says where the store is.
type Config struct {
	URL    string // https://HOST[:PORT]/BUCKET[/PREFIX]; http on this machine only
	Region string // "" is us-east-1, which most stores other than Amazon's take
	KeyID  string // of the access key
	Secret string
	CA     []byte // PEM: the only authorities whose certificates are taken; nil is the system's
}

// Store is a bucket, or a part of one.
type Store struct {
	client         *minio.Client
	where          string // address without credentials
	bucket, prefix string
}

// Object is what is kept.
type Object struct {
	Digest  string // SHA-256, 64 hex digits, of its name
	Name    string // the file's
	Key     string // in the bucket
	Size    int64
	Stored  time.Time
	Version string // "" where the bucket keeps none
	Tag     string // of the content, by the store; of Files only
	Mode    string // COMPLIANCE, GOVERNANCE or ""
	Until   time.Time
	Hold    bool
}

// Lock says how long the store itself keeps an object from being removed.
type Lock struct {
	Mode  string // COMPLIANCE or GOVERNANCE; "" for none
	Until time.Time
	Hold  bool
}

// Open checks the address and that the bucket is there.
func Open(ctx context.Context, c Config) (*Store, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("the address of an object store is https://HOST[:PORT]/BUCKET[/PREFIX], without a login")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("the object store at %s would be spoken to in the clear: expected https", u.Host)
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if bucket == "" {
		return nil, fmt.Errorf("the address of the object store at %s names no bucket: expected https://HOST/BUCKET", u.Host)
	}
	if c.KeyID == "" || c.Secret == "" {
		return nil, errors.New("the object store needs an access key and its secret")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	t, err := transport(u, c.CA)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentialsOf(c), Secure: u.Scheme == "https", Region: c.Region, BucketLookup: minio.BucketLookupPath, MaxRetries: tries, Transport: t,
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the object store at %s: %w", u.Host, err)
	}
	client.SetAppInfo("saksi", "")
	s := &Store{client: client, where: u.Scheme + "://" + u.Host, bucket: bucket, prefix: prefix}
	there, err := client.BucketExists(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("opening the object store at %s: %w", u.Host, err)
	}
	if !there {
		return nil, fmt.Errorf("opening the object store at %s: it has no bucket %q", u.Host, bucket)
	}
	return s, nil
}

func credentialsOf(c Config) *credentials.Credentials {
	return credentials.NewStaticV4(c.KeyID, c.Secret, "")
}

func transport(u *url.URL, ca []byte) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // an object comes as it is
	t.ResponseHeaderTimeout = time.Minute
	if ca == nil {
		return t, nil
	}
	if u.Scheme != "https" {
		return nil, fmt.Errorf("an authority's certificate was given for %s, which is not asked by https", u.Host)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("reading the certificate of the store's authority: there is none in it; expected PEM (-----BEGIN CERTIFICATE-----)")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// URL is where an object lies, without credentials.
func (s *Store) URL(o *Object) string {
	return s.where + "/" + s.bucket + "/" + (&url.URL{Path: o.Key}).EscapedPath()
}

func (s *Store) key(digest, name string) string { return path.Join(s.prefix, digest, name) }

// Put stores a file under its digest and locks it. The file is read twice, and only
// read: what changed between leaves no object. One that is there already with the same size is not
// sent again, and locked all the same.
func (s *Store) Put(ctx context.Context, file string, lock Lock, progress func(int64)) (*Object, error) {
	sum, size, err := evidence.SHA256File(ctx, file, progress)
	if err != nil {
		return nil, err
	}
	key := s.key(sum, filepath.Base(file))
	o, err := s.stat(ctx, key)
	if errors.Is(err, ErrNotFound) {
		err = s.send(ctx, file, key, sum, size, progress)
		if err == nil {
			o, err = s.stat(ctx, key)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("storing %s: %w", file, err)
	}
	if o.Size != size {
		return nil, fmt.Errorf("storing %s: %w: the store has %d bytes as %s, the file %d", file, evidence.ErrDigest, o.Size, key, size)
	}
	if err := s.lock(ctx, o, lock); err != nil {
		return nil, fmt.Errorf("storing %s: it is stored as %s and not locked: %w", file, key, err)
	}
	o, err = s.stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if lock.Mode != "" && (o.Mode != lock.Mode || o.Until.Before(lock.Until.Truncate(time.Second))) || lock.Hold && !o.Hold {
		return nil, fmt.Errorf("storing %s: it is stored as %s, and the store does not say that it is locked as asked; has the bucket object lock?", file, key)
	}
	return o, nil
}

// send streams a file, hashing what goes out.
func (s *Store) send(ctx context.Context, file, key, sum string, size int64, progress func(int64)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	in := &counting{r: io.TeeReader(f, h), tell: progress}
	info, err := s.client.PutObject(ctx, s.bucket, key, in, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: map[string]string{digestMeta: sum},
	})
	if err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		err := fmt.Errorf("%w: the file changed while it was sent", evidence.ErrDigest)
		return errors.Join(err, s.client.RemoveObject(context.WithoutCancel(ctx), s.bucket, key, minio.RemoveObjectOptions{VersionID: info.VersionID}))
	}
	return nil
}

func (s *Store) lock(ctx context.Context, o *Object, lock Lock) error {
	if lock.Mode != "" {
		mode := minio.RetentionMode(lock.Mode)
		if err := s.client.PutObjectRetention(ctx, s.bucket, o.Key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &lock.Until, VersionID: o.Version}); err != nil {
			return err
		}
	}
	if lock.Hold {
		on := minio.LegalHoldEnabled
		return s.client.PutObjectLegalHold(ctx, s.bucket, o.Key, minio.PutObjectLegalHoldOptions{Status: &on, VersionID: o.Version})
	}
	return nil
}

// stat asks for an object, or returns ErrNotFound.
func (s *Store) stat(ctx context.Context, key string) (*Object, error) {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		if r := minio.ToErrorResponse(err); r.StatusCode == http.StatusNotFound {
			return nil, fmt.Errorf("%s: %w", key, ErrNotFound)
		}
		return nil, err
	}
	o, ok := s.objectOf(info)
	if !ok {
		return nil, fmt.Errorf("%s is no name of ours", key)
	}
	if m := info.Metadata.Get("X-Amz-Meta-" + digestMeta); m != "" && m != o.Digest {
		return nil, fmt.Errorf("%w: object %s states another digest, %s", evidence.ErrDigest, key, m)
	}
	h := info.Metadata
	o.Mode = h.Get("X-Amz-Object-Lock-Mode")
	o.Hold = h.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"
	if v := h.Get("X-Amz-Object-Lock-Retain-Until-Date"); v != "" {
		if o.Until, err = time.Parse(time.RFC3339, v); err != nil {
			return nil, fmt.Errorf("%s: its retention ends at %q, which is no time", key, v)
		}
	}
	return o, nil
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s *Store) objectOf(info minio.ObjectInfo) (*Object, bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(info.Key, s.prefix), "/")
	digest, name, ok := strings.Cut(rest, "/")
	if !ok || !digestForm.MatchString(digest) || name == "" || strings.Contains(name, "/") {
		return nil, false
	}
	return &Object{Digest: digest, Name: name, Key: info.Key, Size: info.Size, Stored: info.LastModified.UTC(), Version: info.VersionID}, true
}

// List calls f for each object whose digest begins with a text, "" for all,
// and returns how many names are none of ours.
func (s *Store) List(ctx context.Context, digest string, f func(*Object) error) (others int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing behind an error
	prefix := digest
	if s.prefix != "" {
		prefix = s.prefix + "/" + digest
	}
	for info := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if info.Err != nil {
			return others, fmt.Errorf("listing the object store: %w", info.Err)
		}
		o, ok := s.objectOf(info)
		if !ok {
			others++
			continue
		}
		if err := f(o); err != nil {
			return others, err
		}
	}
	return others, ctx.Err()
}

// Files calls f for every file below the store's prefix, whoever put it there: Key is its
// key, Name its last part; it may have no Digest.
func (s *Store) Files(ctx context.Context, f func(*Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing behind an error
	prefix := s.prefix
	if prefix != "" {
		prefix += "/"
	}
	for info := range s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if info.Err != nil {
			return fmt.Errorf("listing the object store: %w", info.Err)
		}
		o, ok := s.objectOf(info)
		if !ok {
			o = &Object{Name: path.Base(info.Key), Key: info.Key, Size: info.Size, Stored: info.LastModified.UTC(), Version: info.VersionID}
		}
		o.Tag = info.ETag
		if err := f(o); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Read writes what is stored under a key, at most so many bytes; nothing is proved about
// it: the caller checks who signed it.
func (s *Store) Read(ctx context.Context, key string, w io.Writer, most int64) error {
	r, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return fmt.Errorf("fetching %s: %w", key, err)
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	if err != nil {
		return fmt.Errorf("fetching %s: %w", key, err)
	}
	return nil
}

// Get writes the object of a digest into a new file and proves the digest on the way; a file that
// does not have it is not left behind. evidence.ErrDigest: it has not.
func (s *Store) Get(ctx context.Context, digest, to string, progress func(int64)) (o *Object, err error) {
	if !digestForm.MatchString(digest) {
		return nil, fmt.Errorf("digest %q: expected a SHA-256, 64 hex digits", digest)
	}
	stop := errors.New("found")
	if _, err := s.List(ctx, digest+"/", func(x *Object) error { o = x; return stop }); err != nil && !errors.Is(err, stop) {
		return nil, err
	}
	if o == nil {
		return nil, fmt.Errorf("%s: %w", digest, ErrNotFound)
	}
	if o, err = s.stat(ctx, o.Key); err != nil {
		return nil, fmt.Errorf("fetching %s: %w", digest, err)
	}
	r, err := s.client.GetObject(ctx, s.bucket, o.Key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", o.Key, err)
	}
	defer r.Close()
	if to == "" {
		to = o.Name
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing what is fetched: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), &counting{r: io.LimitReader(r, o.Size+1), tell: progress})
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && (n != o.Size || got != digest) {
		err = fmt.Errorf("%w: %d bytes with %s came", evidence.ErrDigest, n, got)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fetching %s: %w", o.Key, err), os.Remove(to))
	}
	return o, nil
}

// counting tells how much was read.
type counting struct {
	r    io.Reader
	n    int64
	tell func(int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.tell != nil {
		c.tell(c.n)
	}
	return n, err
}
