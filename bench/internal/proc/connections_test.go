package proc

import (
	"net"
	"testing"
)

func TestCountConnections(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
   3: 0100007F:C351 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0
   4: 0100007F:C352 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     0        0 5 1 0
`
	if got, err := countConnections(table, 8080); err != nil || got != 2 {
		t.Errorf("got %d, %v, want the 2 whose far end is at port 8080", got, err)
	}
	if _, err := countConnections("1: 0100007F:C351 0100007F:XYZ 01 0\n", 8080); err == nil {
		t.Error("a port that is no number is no error")
	}
}

func TestConnections(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	for range 3 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if got, err := Connections(port); err != nil || got != 3 {
		t.Errorf("got %d, %v, want 3", got, err)
	}
}
