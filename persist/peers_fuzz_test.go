package persist

import (
	"fmt"
	"testing"
)

// Whatever stands in the documents of other instances, it is survived, and
// leads to no key beyond those of instances.
func FuzzInstances(f *testing.F) {
	const id = "0123456789abcdef"
	f.Add(`{"version":1,"members":["`+id+`"]}`, `{"version":1,"id":"`+id+`","host":"lb","every":2,"pools":{"web":3}}`)
	f.Add(`{"members":["../../secret","`+id+`"]}`, `{"id":"`+id+`","every":-1e300,"seen":"0001-01-01T00:00:00Z"}`)
	f.Add(`[]`, `{`)
	f.Add(``, ``)
	f.Fuzz(func(t *testing.T, list, sign string) {
		storage := newFakeStorage()
		storage.put(membersKey, list)
		storage.put(instanceKey(id), sign)
		storage.set(func(op, key string) error {
			if op == "load" && key != membersKey && len(key) != len(instanceKey(id)) {
				return fmt.Errorf("%q is no key of an instance", key)
			}
			return nil
		}, nil)
		s, _ := newTestStore(t, storage)
		for range 2 {
			if err := s.peers.look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, in := range s.View("web", 1).Instances[1:] {
			if in.ID != id || len(in.Host) > maxHost {
				t.Errorf("there is the instance %+v", in)
			}
		}
	})
}
