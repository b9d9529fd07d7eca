package intel

import (
	"errors"
	"strconv"
	"strings"
)

// mispMaker makes the patterns of an attribute's value.
type mispMaker func(value string) ([][]Term, error)

// one is a value of one kind.
func one(k Kind) mispMaker {
	return func(value string) ([][]Term, error) {
		t, err := newTerm(k, value)
		return [][]Term{{t}}, err
	}
}

// second takes the part behind "|": of a file with its digest the digest tells.
func second(k Kind) mispMaker {
	return func(value string) ([][]Term, error) {
		i := strings.LastIndexByte(value, '|')
		if i < 0 {
			return nil, errors.New(`it has no "|"`)
		}
		return one(k)(value[i+1:])
	}
}

// either takes both parts, each for itself.
func either(a, b Kind) mispMaker {
	return func(value string) ([][]Term, error) {
		x, y, ok := strings.Cut(value, "|")
		if !ok {
			return nil, errors.New(`it has no "|"`)
		}
		s, err := newTerm(a, x)
		if err != nil {
			return nil, err
		}
		t, err := newTerm(b, y)
		return [][]Term{{s}, {t}}, err
	}
}

// withPort takes a value and the port asked for together.
func withPort(k, port Kind) mispMaker {
	return func(value string) ([][]Term, error) {
		i := strings.LastIndexAny(value, "|")
		if i < 0 {
			return nil, errors.New(`it has no "|"`)
		}
		t, err := newTerm(k, value[:i])
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value[i+1:]), 10, 16)
		if err != nil {
			return nil, errors.New("its port is no number up to 65535")
		}
		return [][]Term{{t, {Kind: port, Value: strconv.FormatUint(n, 10), number: int64(n)}}}, nil
	}
}

// mispTypes are the types of attributes that are looked for (MISP
// describeTypes). ip-src and ip-dst do not say on which side an address stands
// in our traffic: both are looked for on either.
var mispTypes = map[string]mispMaker{
	"ip-src": one(Address), "ip-dst": one(Address), "ip-src|port": withPort(Address, DestinationPort), "ip-dst|port": withPort(Address, DestinationPort),
	"domain": one(Tree), "hostname": one(Domain), "domain|ip": either(Tree, Address), "hostname|port": withPort(Domain, DestinationPort),
	"url": one(URL), "md5": one(MD5), "sha1": one(SHA1), "sha256": one(SHA256),
	"filename|md5": second(MD5), "filename|sha1": second(SHA1), "filename|sha256": second(SHA256), "malware-sample": second(MD5), "filename": one(FileName),
	"email": one(Email), "email-src": one(Sender), "email-dst": one(Recipient), "email-subject": one(Subject), "email-attachment": one(FileName),
	"x509-fingerprint-sha1": one(CertSHA1), "x509-fingerprint-sha256": one(CertSHA256),
	"ja3-fingerprint-md5": one(JA3), "hassh-md5": one(HASSH), "hasshserver-md5": one(HASSHServer), "user-agent": one(UserAgent),
	"stix2-pattern": func(value string) ([][]Term, error) {
		p, left, err := parsePattern(value)
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
			return nil, left[0]
		}
		return p, nil
	},
}

// mispRules are the types that are rules of a language.
var mispRules = map[string]string{"yara": "YARA", "sigma": "Sigma", "snort": "Snort", "bro": "Zeek", "zeek": "Zeek"}
