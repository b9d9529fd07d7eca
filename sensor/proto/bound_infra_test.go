package proto

// Formats of this family that only the port tells apart, see portBound.
func init() {
	for _, name := range []string{"nat-pmp", "tristation"} {
		portBound[name] = true
	}
}
