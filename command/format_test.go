package command

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 9_999_999: "9,999,999", 12_345_678: "12.3M", 5_100_000_000: "5.1G", 2e12: "2.0T",
	} {
		same(t, "count", count(n), want)
	}
	same(t, "one", plural(1, "backend"), "1 backend")
	same(t, "many", plural(1200, "backend"), "1,200 backends")
}

func TestTimes(t *testing.T) {
	for ms, want := range map[float64]string{0: "-", 0.26: "0.3ms", 9.94: "9.9ms", 12.4: "12ms", 999: "999ms", 1500: "1.5s", 180_000: "3m"} {
		same(t, "milliseconds", milliseconds(ms), want)
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m", 3 * time.Hour: "3h", 47 * time.Hour: "47h", 72 * time.Hour: "3d",
	} {
		same(t, "age", age(d), want)
	}
}

func TestCompareNatural(t *testing.T) {
	for _, pair := range [][2]string{{"web2", "web10"}, {"web", "web1"}, {"10.0.0.9:80", "10.0.0.10:80"}, {"a1b2", "a1b3"}, {"a", "b"}} {
		if compareNatural(pair[0], pair[1]) >= 0 || compareNatural(pair[1], pair[0]) <= 0 {
			t.Errorf("%q does not come before %q", pair[0], pair[1])
		}
	}
	same(t, "same", compareNatural("web07", "web07"), 0)
}
