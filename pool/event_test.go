package pool

import "testing"

func TestWhoIsAsked(t *testing.T) {
	for by, asked := range map[string]bool{
		"": false, ByConfig: false, ByDiscovery: false, ByDrain: false,
		"admin API, 127.0.0.1": true, "admin API, 127.0.0.1" + atPeer: false,
	} {
		if e := (Event{By: by}); e.Asked() != asked {
			t.Errorf("%q counts as asked: %v", by, !asked)
		}
	}
}
