package strictjson

import "testing"

// TestDecode proves that only one value with known names is taken.
func TestDecode(t *testing.T) {
	for text, good := range map[string]bool{
		`{"a":1}`:        true,
		" {\"a\":1}\n\t": true,
		`{"a":1,"b":2}`:  false,
		`{"a":1}x`:       false,
		`{"a":1}{"a":2}`: false,
		`{"a":1}]`:       false,
		`{"a":1`:         false,
		``:               false,
	} {
		var v struct {
			A int `json:"a"`
		}
		if err := Decode([]byte(text), &v); (err == nil) != good || good && v.A != 1 {
			t.Errorf("%q: %v, %+v", text, err, v)
		}
	}
}
