package config

import (
	"net/netip"
	"testing"
)

func TestUnlisted(t *testing.T) {
	for addr, want := range map[string]bool{
		"10.0.0.1": true, "127.0.0.1": true, "::1": true, "8.8.8.8": true, "2001:db8::1": true, "fd00::1": true, "64:ff9b::a00:1": true,
		"169.254.169.254": false, "169.254.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "::ffff:169.254.169.254": false,
		"64:ff9b::a9fe:a9fe": false, "fd00:ec2::254": false, "0.0.0.0": false, "::": false, "224.0.0.1": false, "ff02::1": false,
		"255.255.255.255": false,
	} {
		if got := Unlisted(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
}
