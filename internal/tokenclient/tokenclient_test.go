package tokenclient

import (
	"reflect"
	"strings"
	"testing"
)

// TestParse proves which addresses of keys are read, and that a PIN in one is
// refused without being told.
func TestParse(t *testing.T) {
	want := Key{Module: "/usr/lib/x.so", Token: "LAB 1", Object: "a;b"}
	if k, err := Parse("pkcs11:token=LAB%201;object=a%3Bb;type=private?module-path=/usr/lib/x.so"); err != nil || k != want {
		t.Errorf("%+v, %v", k, err)
	}
	for _, s := range []string{
		"file.key", "pkcs11:", "pkcs11:token=a;object=b", "pkcs11:token=a;object=b?module-path=x.so", "pkcs11:token=%zz;object=b?module-path=/x",
		"pkcs11:token=a;object=b;slot-id=1?module-path=/x", "pkcs11:token=a;object=b?module-path=/x&pin-value=4711",
	} {
		if _, err := Parse(s); err == nil || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestRequest proves that a request comes back as it was written, and that a cut
// one is refused.
func TestRequest(t *testing.T) {
	q := Request{Key: Key{"m", "t", "o"}, PIN: "p", Digest: []byte{1, 2}}
	b := q.Marshal()
	if got, err := ParseRequest(b); err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseRequest(b[:3]); err == nil {
		t.Error("a cut request was read")
	}
}
