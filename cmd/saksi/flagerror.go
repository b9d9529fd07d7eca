package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// flagError says of a flag whose number can't be read what it is and what is
// expected; other errors of flags stay as they are.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	var number *strconv.NumError
	if !errors.As(err, &bad) || !errors.As(err, &number) {
		return err
	}
	want := "a whole number"
	switch t := bad.GetFlag().Value.Type(); {
	case t == "bool":
		want = "true or false"
	case t == "float64":
		want = "a number"
	case errors.Is(number, strconv.ErrRange):
		want = "a smaller number"
	}
	return fmt.Errorf("--%s is %q; expected %s", bad.GetFlag().Name, bad.GetValue(), want)
}
