package fault

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer answers questions over UDP, each with what was set for it.
type dnsServer struct {
	addr  string
	asked atomic.Int64

	mu      sync.Mutex
	answers map[dnsmessage.Type]dnsAnswer
}

// dnsAnswer is what is answered to questions of a type. The zero value says
// that there are no such records.
type dnsAnswer struct {
	code    dnsmessage.RCode
	silent  bool
	records []dnsmessage.ResourceBody
}

func startDNS(t *testing.T) *dnsServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dnsServer{addr: conn.LocalAddr().String(), answers: map[dnsmessage.Type]dnsAnswer{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := d.reply(buf[:n]); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		serving.Wait()
	})
	return d
}

// set has questions of a type answered in this way from now on.
func (d *dnsServer) set(kind dnsmessage.Type, a dnsAnswer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[kind] = a
}

func (d *dnsServer) reply(query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 || !strings.HasSuffix(m.Questions[0].Name.String(), "fault.test.") {
		return nil
	}
	q := m.Questions[0]
	d.mu.Lock()
	a := d.answers[q.Type]
	d.mu.Unlock()
	if q.Type == dnsmessage.TypeSRV {
		d.asked.Add(1)
	}
	if a.silent {
		return nil
	}
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RCode: a.code}
	m.Additionals = nil
	for _, body := range a.records {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: body,
		})
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// services are SRV records of the backends, which are all on one host.
func services(backends ...*backend) dnsAnswer {
	var a dnsAnswer
	for _, b := range backends {
		port := netip.MustParseAddrPort(b.addr).Port()
		a.records = append(a.records, &dnsmessage.SRVResource{Port: port, Target: dnsmessage.MustNewName("host.fault.test.")})
	}
	return a
}
