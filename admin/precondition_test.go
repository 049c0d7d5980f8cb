package admin

import (
	"strings"
	"testing"
)

func TestIfMatch(t *testing.T) {
	const current = 7
	for _, c := range []struct {
		header []string
		allows bool
		bad    bool
	}{
		{header: nil, allows: true},
		{header: []string{`"7"`}, allows: true},
		{header: []string{`*`}, allows: true},
		{header: []string{` * `}, allows: true},
		{header: []string{`"1", "7"`}, allows: true},
		{header: []string{`"1"`, `"7"`}, allows: true},
		{header: []string{`, "7",,`}, allows: true},
		{header: []string{`"a,b" , "7"`}, allows: true},
		{header: []string{`W/"1","7"`}, allows: true},
		{header: []string{`"8"`}},
		{header: []string{`"07"`}},
		{header: []string{`""`}},
		{header: []string{`"abc"`}},
		{header: []string{`W/"7"`}},
		{header: []string{``}, bad: true},
		{header: []string{`,`}, bad: true},
		{header: []string{`7`}, bad: true},
		{header: []string{`"7`}, bad: true},
		{header: []string{`"7" "8"`}, bad: true},
		{header: []string{`"7"x`}, bad: true},
		{header: []string{`w/"7"`}, bad: true},
		{header: []string{`W/7`}, bad: true},
		{header: []string{`*, "7"`}, bad: true},
		{header: []string{`"7", *`}, bad: true},
		{header: []string{`"a b"`}, bad: true},
		{header: []string{`"7"`, `x`}, bad: true},
	} {
		m, f := parseIfMatch(c.header)
		if c.bad != (f != nil) {
			t.Errorf("%q: error %v, want one: %t", c.header, f, c.bad)
		} else if f == nil && m.allows(current) != c.allows {
			t.Errorf("%q: allows is %t", c.header, !c.allows)
		}
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"1"`, `*`, `W/"1", "2"`, `"a,b", ,"c"`, `"`, `W/`, `"1""2"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		m, bad := parseIfMatch([]string{header})
		if bad != nil {
			return
		}
		if !m.given {
			t.Fatal("a header that is there is no condition")
		}
		for _, tag := range m.tags {
			if !strings.Contains(header, `"`+tag+`"`) {
				t.Errorf("%q has no tag %q", header, tag)
			}
		}
		if m.allows(1) && !m.any && !strings.Contains(header, `"1"`) {
			t.Errorf("%q allows revision 1", header)
		}
	})
}
