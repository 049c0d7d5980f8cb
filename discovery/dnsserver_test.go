package discovery

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// dnsServer answers over UDP and TCP on one port of the loopback interface.
type dnsServer struct {
	addr string

	mu      sync.Mutex
	zone    map[string]answer // by name and type, as in "A app.test."
	all     *answer           // to everything, if not nil
	queries map[string]int    // by network
}

// answer is what the server says to a question. The zero value is NODATA.
type answer struct {
	records  []dnsmessage.ResourceBody
	rcode    dnsmessage.RCode
	silent   bool // does not answer
	cutShort bool // over UDP, the answer is truncated
}

func newDNSServer(t testing.TB) *dnsServer {
	t.Helper()
	packets, streams := listenBoth(t)
	s := &dnsServer{addr: packets.LocalAddr().String(), zone: map[string]answer{}, queries: map[string]int{}}
	var done sync.WaitGroup
	done.Go(func() { s.servePackets(packets) })
	done.Go(func() { s.serveStreams(streams) })
	t.Cleanup(func() {
		packets.Close()
		streams.Close()
		done.Wait()
	})
	return s
}

// listenBoth listens on a port that is free for both UDP and TCP.
func listenBoth(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, streams
		}
		packets.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

// set makes the server answer a question, such as "A app.test.", with records.
func (s *dnsServer) set(question string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone[question] = a
}

// setAll makes the server answer all questions with a; nil ends that.
func (s *dnsServer) setAll(a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = a
}

func (s *dnsServer) count(network string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries[network]
}

func (s *dnsServer) servePackets(conn net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply := s.reply(buf[:n], "udp"); reply != nil {
			_, _ = conn.WriteTo(reply, from)
		}
	}
}

func (s *dnsServer) serveStreams(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.serveStream(conn)
	}
}

func (s *dnsServer) serveStream(conn net.Conn) {
	defer conn.Close()
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return
	}
	reply := s.reply(query, "tcp")
	_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
}

func (s *dnsServer) reply(query []byte, network string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	s.mu.Lock()
	s.queries[network]++
	a, known := s.zone[strings.TrimPrefix(q.Type.String(), "Type")+" "+strings.ToLower(q.Name.String())]
	if s.all != nil {
		a, known = *s.all, true
	}
	s.mu.Unlock()
	if a.silent {
		return nil
	}
	if !known {
		a.rcode = dnsmessage.RCodeNameError
	}
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RCode: a.rcode}
	m.Additionals = nil
	if a.cutShort && network == "udp" {
		m.Truncated = true
		a.records = nil
	}
	for _, body := range a.records {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   body,
		})
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// ips is an answer of addresses, all of one family.
func ips(addresses ...string) answer {
	var a answer
	for _, text := range addresses {
		ip := netip.MustParseAddr(text)
		if ip.Is4() {
			a.records = append(a.records, &dnsmessage.AResource{A: ip.As4()})
		} else {
			a.records = append(a.records, &dnsmessage.AAAAResource{AAAA: ip.As16()})
		}
	}
	return a
}

// srv is an SRV record.
func srv(priority, weight, port uint16, target string) dnsmessage.ResourceBody {
	return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target)}
}

func services(records ...dnsmessage.ResourceBody) answer { return answer{records: records} }

var (
	serverFailure = answer{rcode: dnsmessage.RCodeServerFailure}
	refused       = answer{rcode: dnsmessage.RCodeRefused}
	noSuchName    = answer{rcode: dnsmessage.RCodeNameError}
	silence       = answer{silent: true}
)
