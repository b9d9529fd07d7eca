package mask

// Text masks the personal data and credentials in a text that goes into no event,
// and says how many there were.
func Text(s string) (string, int) {
	var b []byte
	at := 0
	list := Find(s)
	for _, f := range list {
		b = append(b, s[at:f.Start]...)
		b = append(b, '[')
		b = append(b, f.Kind...)
		b = append(b, ']')
		at = f.End
	}
	return string(append(b, s[at:]...)), len(list)
}
