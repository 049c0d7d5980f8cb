package config

import "fmt"

const (
	maxIDLen       = 128
	maxPoolNameLen = 256
)

// CheckID returns an error if id cannot be the id of a backend: 1 to 128
// letters, digits and `.`, `_`, `:`, `~`, `@`, `-`, but not `.` or `..`.
func CheckID(id string) error { return checkName("id", id, maxIDLen, idByte) }

// CheckPoolName returns an error if name cannot be the name of a pool: 1 to
// 256 of the characters that ids have, and `,` and `+`.
func CheckPoolName(name string) error {
	return checkName("pool name", name, maxPoolNameLen, func(c byte) bool {
		return idByte(c) || c == ',' || c == '+'
	})
}

func checkName(what, name string, limit int, allowed func(byte) bool) error {
	if name == "" {
		return fmt.Errorf("empty %s", what)
	}
	if len(name) > limit {
		return fmt.Errorf("%s %.32q… is longer than %d characters", what, name, limit)
	}
	if name == "." || name == ".." {
		return fmt.Errorf("%s %q is not allowed", what, name)
	}
	for i := range len(name) {
		if !allowed(name[i]) {
			return fmt.Errorf("%s %q: character %q is not allowed", what, name, name[i])
		}
	}
	return nil
}

func idByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == ':' || c == '~' || c == '@' || c == '-'
}
