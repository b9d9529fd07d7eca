package yara

import (
	"path/filepath"
	"strconv"
	"strings"

	"saksi/rules"
)

// Entries lists the rules of a file from its text, without libyara: private
// ones make no findings and are left out. Whether a rule runs is known in the
// worker only.
func Entries(src Source) []rules.Entry {
	var out []rules.Entry
	for _, span := range Split(src.Text) {
		if span.Private {
			continue
		}
		e := rules.Entry{Language: rules.YARA, ID: span.Name, Name: span.Name, Ruleset: filepath.Base(src.Namespace), File: src.Namespace, Line: span.Line}
		tags, metas := head(src.Text[span.Start:span.End])
		e.Severity, e.Techniques = rank(metas, tags)
		for _, m := range metas {
			if strings.EqualFold(m.Name, "description") {
				e.Name = m.Value
			}
		}
		out = append(out, e)
	}
	return out
}

// rank reads severity and ATT&CK techniques from the meta lines and tags that
// rule writers use: meta severity, or score of 100, else medium; meta whose name
// holds attack, mitre or technique, and tags.
func rank(metas []Meta, tags []string) (severity rules.Severity, techniques []string) {
	for _, meta := range metas {
		switch key := strings.ToLower(meta.Name); {
		case key == "severity":
			if v, ok := rules.SeverityByName(meta.Value); ok {
				severity = v
			}
		case key == "score":
			if n, err := strconv.Atoi(meta.Value); err == nil && severity == 0 {
				severity = rules.Severity(1 + min(max(n, 0), 99)/25)
			}
		case strings.Contains(key, "attack"), strings.Contains(key, "mitre"), strings.Contains(key, "technique"):
			for _, word := range strings.FieldsFunc(meta.Value, func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
				techniques = rules.AddTechnique(techniques, word)
			}
		}
	}
	for _, tag := range tags {
		techniques = rules.AddTechnique(techniques, tag)
	}
	if severity == 0 {
		severity = rules.Medium
	}
	return severity, techniques
}

// head reads the tags and meta lines of one rule's text.
func head(text []byte) (tags []string, metas []Meta) {
	s := splitter{text: text}
	for s.at < len(text) && text[s.at] != '{' {
		if s.skip() {
			continue
		}
		if s.text[s.at] == ':' {
			s.step()
			for s.at < len(text) && text[s.at] != '{' {
				if s.skip() {
					continue
				}
				w := s.word()
				if w == "" {
					break
				}
				tags = append(tags, w)
			}
			break
		}
		if s.word() == "" {
			s.step()
		}
	}
	in := false
	for s.at < len(text) {
		if s.skip() {
			continue
		}
		at := s.at
		w := s.word()
		if w == "" {
			s.step()
			continue
		}
		for s.at < len(text) && s.space() {
			continue
		}
		if s.at == len(text) {
			break
		}
		switch c := text[s.at]; {
		case w == "meta" && c == ':' && !in:
			in = true
		case (w == "strings" || w == "condition") && c == ':':
			return tags, metas
		case in && c == '=' && at > 0:
			s.step()
			metas = append(metas, Meta{w, s.value()})
		}
	}
	return tags, metas
}

// space passes one byte of white space.
func (s *splitter) space() bool {
	switch s.text[s.at] {
	case ' ', '\t', '\r', '\n':
		s.step()
		return true
	}
	return false
}

// value reads a string, number or word behind an equal sign.
func (s *splitter) value() string {
	for s.at < len(s.text) && s.space() {
		continue
	}
	if s.at == len(s.text) {
		return ""
	}
	at := s.at
	if s.text[at] == '"' {
		s.literal('"')
		if v, err := strconv.Unquote(string(s.text[at:s.at])); err == nil {
			return v
		}
		return strings.Trim(string(s.text[at:s.at]), `"`)
	}
	if s.text[at] == '-' {
		s.step()
	}
	s.word()
	return string(s.text[at:s.at])
}
