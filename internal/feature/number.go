package feature

import "strconv"

// Number reads digits in groups joined by one space, hyphen or plus from i on;
// it stops after 19 digits, the longest card number. It returns no digits when
// a letter or another digit follows: the number is part of something else.
func Number[T text](s T, i int) (end int, digits string) {
	var d [19]byte
	n := 0
	end = i
read:
	for i < len(s) && n < len(d) {
		c := s[i]
		switch {
		case class[c] == digit:
			d[n] = c
			n++
			i++
			end = i
		case (c == '-' || c == ' ' || c == '+') && i+1 < len(s) && class[s[i+1]] == digit:
			i++
		default:
			break read
		}
	}
	if end < len(s) && class[s[end]] != 0 {
		return end, ""
	}
	return end, string(d[:n])
}

func two(s string) int { return int(s[0]-'0')*10 + int(s[1]-'0') }

// IsMyKad reports whether twelve digits are YYMMDD-PB-#### with a day that is
// in the calendar and a place code in use (National Registration Department's
// list: 01-59 states, 82 unknown, others foreign countries).
func IsMyKad(d string) bool {
	if len(d) != 12 {
		return false
	}
	month, day, place := two(d[2:]), two(d[4:]), two(d[6:])
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	days := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && two(d)%4 != 0 {
		days = 28
	}
	if day > days {
		return false
	}
	switch place {
	case 0, 17, 18, 19, 20, 69, 70, 73, 80, 81, 94, 95, 96, 97: // not in use
		return false
	}
	return d[8:] != "0000"
}

// Luhn reports whether digits pass the check of ISO/IEC 7812-1, annex B, and
// are not all the same.
func Luhn(d string) bool {
	sum, same := 0, true
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		same = same && d[i] == d[0]
	}
	return sum%10 == 0 && !same
}

// issuers are the ranges of first six digits of card schemes, with the lengths
// their numbers have (ISO/IEC 7812-2 registrations as the schemes publish them).
var issuers = []struct {
	from, to int
	lengths  string
	name     string
}{
	{220000, 220499, "16", "Mir"},
	{222100, 272099, "16", "Mastercard"},
	{300000, 305999, "14 16", "Diners Club"},
	{309500, 309599, "14 16", "Diners Club"},
	{340000, 349999, "15", "American Express"},
	{352800, 358999, "16 17 18 19", "JCB"},
	{360000, 369999, "14 16", "Diners Club"},
	{370000, 379999, "15", "American Express"},
	{380000, 399999, "14 16", "Diners Club"},
	{400000, 499999, "13 16 19", "Visa"},
	{501800, 501899, "16 19", "Maestro"},
	{502000, 502099, "16 19", "Maestro"},
	{503800, 503899, "16 19", "Maestro"},
	{510000, 559999, "16", "Mastercard"},
	{589300, 589399, "16 19", "Maestro"},
	{601100, 601199, "16 19", "Discover"},
	{620000, 629999, "16 17 18 19", "UnionPay"},
	{630400, 630499, "16 19", "Maestro"},
	{644000, 659999, "16 19", "Discover"},
	{675900, 675999, "16 19", "Maestro"},
	{676100, 676399, "16 19", "Maestro"},
}

// Issuer is the scheme of a card number by its first digits and its length, or "".
func Issuer(d string) string {
	if len(d) < 13 {
		return ""
	}
	first, _ := strconv.Atoi(d[:6])
	length := strconv.Itoa(len(d))
	for _, x := range issuers {
		if first < x.from || first > x.to {
			continue
		}
		for i := 0; i+2 <= len(x.lengths); i += 3 {
			if x.lengths[i:i+2] == length {
				return x.name
			}
		}
	}
	return ""
}

// groups are the digits from i on, the lengths of their groups and the sign
// between them, which MUST be one throughout.
type groups struct {
	digits string
	sizes  []int
	sep    byte
	end    int
}

// groupsAt reads at most 20 digits; mixed takes different signs between groups, as phone
// numbers have them.
func groupsAt(b []byte, i int, mixed bool) (g groups) {
	var d [20]byte
	n, size := 0, 0
	for ; i < len(b); i++ {
		c := b[i]
		if class[c] == digit {
			if n == len(d) {
				return groups{}
			}
			d[n] = c
			n++
			size++
			g.end = i + 1
			continue
		}
		if (c == '-' || c == ' ') && (mixed || g.sep == 0 || g.sep == c) && i+1 < len(b) && class[b[i+1]] == digit && len(g.sizes) < 6 {
			g.sep = c
			g.sizes = append(g.sizes, size)
			size = 0
			continue
		}
		break
	}
	g.sizes = append(g.sizes, size)
	g.digits = string(d[:n])
	return g
}

// digitsAt looks for numbers that begin with the digit at i, the first of its word.
func digitsAt(b []byte, i int, want Set) (Found, bool) {
	if i > 0 {
		switch c := b[i-1]; {
		case c == '.' && i > 1 && class[b[i-2]] != 0, c == '_', c == '%', c == '$', c == '#':
			return Found{}, false // part of a fraction, a version or a name
		case c == '-' && i > 1 && class[b[i-2]] != 0 || c == '+':
			return Found{}, false // in the middle of groups
		}
	}
	if x, ok := numberIn(b, i, groupsAt(b, i, false), want); ok || !want.Has(Phone) {
		return x, ok
	}
	return numberIn(b, i, groupsAt(b, i, true), 1<<Phone)
}

func numberIn(b []byte, i int, g groups, want Set) (Found, bool) {
	// Words of numbers beside a number are not its groups: shorter readings are
	// tried where the longest means nothing.
	for len(g.digits) >= 9 {
		if g.end < len(b) && (class[b[g.end]] != 0 || b[g.end] == '_' || b[g.end] == '.' && g.end+1 < len(b) && class[b[g.end+1]] == digit ||
			b[g.end] == '-' && g.end+1 < len(b) && class[b[g.end+1]] != 0) {
			if g.sep != ' ' {
				return Found{}, false
			}
		} else if x, ok := meaning(&g, i, want); ok {
			return x, true
		}
		k := len(g.sizes)
		if k == 1 || g.sep != ' ' {
			return Found{}, false
		}
		g.digits = g.digits[:len(g.digits)-g.sizes[k-1]]
		g.end -= g.sizes[k-1] + 1
		g.sizes = g.sizes[:k-1]
	}
	return Found{}, false
}

func shaped(sizes []int, want ...int) bool {
	if len(sizes) != len(want) {
		return false
	}
	for i := range want {
		if sizes[i] != want[i] {
			return false
		}
	}
	return true
}

func meaning(g *groups, i int, want Set) (Found, bool) {
	d := g.digits
	whole := len(g.sizes) == 1
	if want.Has(MyKad) && IsMyKad(d) && (whole || shaped(g.sizes, 6, 2, 4)) {
		return Found{i, g.end, MyKad, ""}, true
	}
	if want.Has(Card) && len(d) >= 13 && len(d) <= 19 && Luhn(d) && (whole || cardShape(g.sizes)) {
		if name := Issuer(d); name != "" {
			return Found{i, g.end, Card, name}, true
		}
	}
	if want.Has(Phone) && isMalaysian(d, g.sizes) {
		return Found{i, g.end, Phone, "MY"}, true
	}
	return Found{}, false
}

func cardShape(sizes []int) bool {
	return shaped(sizes, 4, 4, 4, 4) || shaped(sizes, 4, 6, 5) || shaped(sizes, 4, 6, 4) || shaped(sizes, 4, 4, 4, 4, 3) || shaped(sizes, 6, 13)
}

// isMalaysian knows numbers as they are written in the country (MCMC numbering
// plan): mobile 01x, fixed lines 03 to 09 with a separator, 1-300 and 1-800.
func isMalaysian(d string, sizes []int) bool {
	switch {
	case len(sizes) == 1 && (d == "0123456789" || d == "01234567890") || len(d) < 9:
		return false
	case d[:2] == "60" && len(d) >= 11 && len(d) <= 12 && d[2] == '1':
		return isMobile("0" + d[2:])
	case d[:2] == "01":
		return isMobile(d) && (len(sizes) == 1 || sizes[0] == 3 || sizes[0] == 4)
	case d[:4] == "1300" || d[:4] == "1800":
		return len(d) == 10 && len(sizes) >= 3 && sizes[0] == 1 && sizes[1] == 3
	case len(sizes) < 2 || d[0] != '0':
		return false
	case sizes[0] == 2 && d[1] == '3':
		return len(d) == 10
	case sizes[0] == 2 && (d[1] >= '4' && d[1] <= '7' || d[1] == '9'):
		return len(d) == 9
	case sizes[0] == 3 && d[1] == '8' && d[2] >= '2':
		return len(d) == 9
	}
	return false
}

func isMobile(d string) bool {
	if d[2] == '1' || d[2] == '5' {
		return len(d) == 11
	}
	return len(d) == 10
}

// international reads "+", a country code and a number of ITU-T E.164, 9 to 15
// digits in groups.
func international(b []byte, i int) (Found, bool) {
	if i+1 >= len(b) || b[i+1] < '1' || b[i+1] > '9' || i > 0 && (class[b[i-1]] != 0 || b[i-1] == '+') {
		return Found{}, false
	}
	g := groupsAt(b, i+1, true)
	n := len(g.digits)
	if n < 9 || n > 15 || g.sizes[0] > 4 && len(g.sizes) > 1 || g.end < len(b) && (class[b[g.end]] != 0 || b[g.end] == '+' || b[g.end] == '.' && g.end+1 < len(b) && class[b[g.end+1]] == digit) {
		return Found{}, false
	}
	if g.digits[:2] != "60" {
		return Found{i, g.end, Phone, ""}, true
	}
	if rest := "0" + g.digits[2:]; rest[1] == '1' && len(rest) > 2 && isMobile(rest) || rest[1] != '1' && rest[1] != '0' && len(rest) >= 9 && len(rest) <= 10 {
		return Found{i, g.end, Phone, "MY"}, true
	}
	return Found{}, false
}
