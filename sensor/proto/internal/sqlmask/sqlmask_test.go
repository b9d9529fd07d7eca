package sqlmask

import "testing"

// TestAppend proves that no literal is left, in each dialect's way to write one.
func TestAppend(t *testing.T) {
	for _, x := range []struct {
		in, want string
		quoted   bool
	}{
		{"SELECT * FROM t WHERE a='x''y' AND b = 12.5e3", "SELECT * FROM t WHERE a=? AND b = ?", false},
		{"SELECT \"col\" FROM t1 /* pw=1 */ -- rahsia\nWHERE x=$$ab$$ AND y=$1", "SELECT \"col\" FROM t1 WHERE x=? AND y=$?", false},
		{"INSERT INTO u VALUES (\"a\\\"b\", 'c', 0xFF) # x", "INSERT INTO u VALUES (?, ?, ?)", true},
		{"CREATE LOGIN n WITH PASSWORD = N'Rahsia1'", "CREATE LOGIN n WITH PASSWORD = ?", false},
		{"SET PASSWORD = 'never ends", "SET PASSWORD = ?", true},
		{"SELECT $q$rahsia$q$, `a b`, t2.c", "SELECT ?, `a b`, t2.c", false},
		{"/* open", "", true},
	} {
		if got := string(Append(nil, []byte(x.in), x.quoted)); got != x.want {
			t.Errorf("%q: %q, want %q", x.in, got, x.want)
		}
	}
}
