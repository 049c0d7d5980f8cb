package command

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextWidth(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "…": 1, "東京": 4, "ｶﾅ": 2, "Ａ": 2, "é": 1, "e\u0301": 1, "a\u200bb": 2, "🚀": 2,
	} {
		same(t, "width of "+text, textWidth(text), want)
	}
}

func TestShorten(t *testing.T) {
	tests := []struct {
		text         string
		columns      int
		middle, ends string
	}{
		{"127.0.0.1:9001", 14, "127.0.0.1:9001", "127.0.0.1:9001"},
		{"127.0.0.1:9001", 9, "127.…9001", "127.0.0.…"},
		{"東京のプール", 8, "東…ール", "東京の…"},
		{"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301…e\u0301", "e\u0301e\u0301…"},
	}
	for _, test := range tests {
		same(t, "shorten", shorten(test.text, test.columns), test.middle)
		same(t, "cut", cut(test.text, test.columns), test.ends)
	}
}

func TestPrintable(t *testing.T) {
	same(t, "text", printable("a\x1b[31mb\x07\nc\td\u202ee\x9bf\x00"), "a?[31mb? c d?e?f?")
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"one":                   "one",
		"one two three":         "one two|three",
		"a verylongword indeed": "a|verylong|word|indeed",
		"接続が 拒否されました":           "接続が|拒否され|ました",
	} {
		same(t, text, strings.Join(wrap(text, 8), "|"), want)
	}
}

func FuzzShorten(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.1:9001", "東京\x1b[2J", "e\u0301\u0301", "👩‍💻", "\xff\xfe"} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, text string, columns int) {
		if columns < 2 || columns > 1000 {
			return
		}
		text = printable(text)
		for _, got := range append(wrap(text, columns), shorten(text, columns), cut(text, columns)) {
			if textWidth(got) > columns {
				t.Errorf("%q takes %d columns, not %d", got, textWidth(got), columns)
			}
			if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\n\a") {
				t.Errorf("%q is not printable", got)
			}
		}
	})
}
