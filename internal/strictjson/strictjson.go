// Package strictjson reads JSON in which nothing may stand that is not known.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Decode reads b as exactly one JSON value into v: a name that v does not have,
// and anything but space behind the value, is an error.
func Decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something stands behind the JSON value")
	}
	return nil
}
