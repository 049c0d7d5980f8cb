package persist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	// prefix is where all keys are. Beside documents of pools, the secret of
	// sticky sessions is there, whose key no pool can have: it has no suffix.
	prefix = "load_balance/"
	suffix = ".json"

	// asideMark stands in the keys of documents that were set aside, and not
	// in those of documents in use.
	asideMark = ".damaged-"

	// membersKey and instances are where processes tell of themselves. No
	// document of a pool is in a directory below the prefix.
	instances  = prefix + "instances/"
	membersKey = instances + "members" + suffix
	memberLock = "load_balance-instances"

	// maxFileName bounds the escaped name of a pool. File systems allow 255
	// bytes, and the name is not all there is in a key.
	maxFileName = 160
)

// documentKey returns the key of a pool's document.
func documentKey(pool string) string { return prefix + escape(pool) + suffix }

// lockName returns the name of the lock on a pool's document. Storages may
// drop or change what is not in all file names, so there is nothing else in it.
func lockName(pool string) string { return "load_balance-pool-" + escape(pool) }

// asideKey returns the key of the n-th document that was set aside.
func asideKey(pool string, n int) string {
	return fmt.Sprintf("%s%s%s%d%s", prefix, escape(pool), asideMark, n, suffix)
}

func instanceKey(id string) string { return instances + id + suffix }

// reserved are names that some systems have for devices, with any suffix.
var reserved = strings.Fields("con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9")

// escape makes of a pool's name one that is safe in keys. Different names give
// different ones, also where the case of letters does not count. Lower-case
// letters, digits, dots and hyphens stay as they are, in general; anything else
// becomes an underscore and two hexadecimal digits.
func escape(pool string) string {
	var b strings.Builder
	base, _, _ := strings.Cut(pool, ".")
	device := slices.Contains(reserved, base)
	for i := range len(pool) {
		c := pool[i]
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.'
		switch {
		case i == 0 && (c == '.' || device),
			c == '.' && (i+1 == len(pool) || pool[i+1] == '.'),
			strings.HasPrefix(pool[i:], asideMark):
			plain = false
		}
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	name := b.String()
	if len(name) <= maxFileName {
		return name
	}
	// two underscores are in no other name
	sum := sha256.Sum256([]byte(pool))
	return strings.TrimRight(name[:maxFileName-2*sha256.Size/2-2], "._") + "__" + hex.EncodeToString(sum[:sha256.Size/2])
}
