package discovery

import (
	"testing"

	"go.uber.org/zap"
)

// A pool that follows real DNS servers, through changes and failures.
func TestFollowingDNS(t *testing.T) {
	dns, other := newDNSServer(t), newDNSServer(t)
	dns.set("A app.test.", ips("10.0.0.1"))
	dns.set("AAAA app.test.", ips("2001:db8::1"))
	other.set("SRV _web._tcp.test.", services(srv(1, 5, 8080, "w1.test.")))
	src := mustLoad(t, "multi", `{"sources": [
		{"source": "a", "name": "app.test", "refresh": "100ms", "resolver": {"addresses": ["%s"]}},
		{"source": "srv", "name": "_web._tcp.test", "refresh": "100ms", "grace_period": "100ms", "resolver": {"addresses": ["%s"]}}
	]}`, dns.addr, other.addr)
	p := newPool(t, "key", "192.0.2.1:80")
	defer NewRunner().Start(p, "key", src, zap.NewNop())()

	expect := func(want string) {
		t.Helper()
		eventually(t, "the pool has "+want+", not "+shown(p), func() bool { return shown(p) == want })
	}
	askedAgain := func() {
		t.Helper()
		n, m := dns.count("udp"), other.count("udp")
		eventually(t, "the servers were asked again", func() bool { return dns.count("udp") > n+4 && other.count("udp") > m+2 })
	}
	const static, v4, v6, w1 = "192.0.2.1:80", ", 10.0.0.1:80", ", [2001:db8::1]:80", ", w1.test:8080 w5 p0"
	expect(static + v4 + v6 + w1)

	// one family, and one of the servers, in trouble
	dns.set("AAAA app.test.", serverFailure)
	dns.set("A app.test.", ips("10.0.0.2", "10.0.0.1"))
	other.setAll(&refused)
	expect(static + v4 + ", 10.0.0.2:80" + v6 + w1)
	askedAgain()
	expect(static + v4 + ", 10.0.0.2:80" + v6 + w1)

	revision := p.View().Revision
	dns.setAll(&serverFailure)
	askedAgain()
	if got := p.View().Revision; got != revision {
		t.Errorf("failures made revision %d of %d", got, revision)
	}

	// all is well again, with new answers
	dns.setAll(nil)
	other.setAll(nil)
	dns.set("AAAA app.test.", answer{})
	dns.set("A app.test.", ips("10.0.0.1"))
	other.set("SRV _web._tcp.test.", services(srv(9, 2, 8080, "w2.test."), srv(1, 5, 8080, "w1.test.")))
	expect(static + v4 + w1 + ", w2.test:8080 w2 p1")

	other.setAll(&noSuchName)
	expect(static + v4)
}
