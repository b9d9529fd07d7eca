package merge

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// alike leads from letters to the Latin one that looks the same, in names that were
// folded to small letters: Cyrillic, Greek, Armenian and Latin letters of Unicode's
// confusables.txt (UTS #39) that a reader of Malay or English takes for his own.
var alike = map[rune]string{
	'а': "a", 'α': "a", 'ɑ': "a", 'в': "b", 'ь': "b", 'ƅ': "b", 'с': "c", 'ϲ': "c", 'ԁ': "d", 'ɗ': "d", 'е': "e", 'є': "e", 'ҽ': "e", 'ε': "e", 'ғ': "f", 'ɡ': "g", 'ց': "g", 'һ': "h", 'հ': "h", 'н': "h",
	'і': "l", 'ι': "l", 'ı': "l", 'ɩ': "l", 'ӏ': "l", 'ǀ': "l", 'i': "l", '1': "l", '|': "l", 'ј': "j", 'ϳ': "j", 'κ': "k", 'к': "k", 'м': "m", 'μ': "u", 'ո': "n", 'п': "n", 'η': "n", 'ν': "v", 'ѵ': "v",
	'о': "o", 'ο': "o", 'σ': "o", 'օ': "o", '0': "o", 'р': "p", 'ρ': "p", 'ԛ': "q", 'г': "r", 'ѕ': "s", 'ꜱ': "s", 'т': "t", 'τ': "t", 'υ': "u", 'ս': "u", 'ц': "u", 'ѡ': "w", 'ԝ': "w", 'ω': "w", 'х': "x", 'χ': "x", 'у': "y", 'γ': "y", 'ү': "y", 'ʏ': "y", 'ꭓ': "x", 'ᴢ': "z",
}

// skeleton is what two names have in common that a reader takes for one: without
// case, spaces, marks and signs, and with letters that look alike the same.
func skeleton(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		r = unicode.ToLower(unicode.ToUpper(r)) // folds final sigma and the like
		switch s, ok := alike[r]; {
		case ok:
			b.WriteString(s)
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}

// hides reports what a name holds that a reader does not see: spaces at its ends or
// one after the other, controls, and what has no width or turns the direction.
func hides(name string) bool {
	if strings.Join(strings.Fields(name), " ") != name {
		return true
	}
	return strings.ContainsFunc(name, func(r rune) bool {
		return r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector) || r == unicode.ReplacementChar || r == '\u3164' || r == '\u115f' || r == '\u1160' || r == '\u2800')
	})
}
