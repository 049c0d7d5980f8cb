package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Connections counts the established TCP connections over IPv4 whose far end
// is at port, as their near end sees them.
func Connections(port int) (int, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	return countConnections(string(table), port)
}

// countConnections does so for a table in the form of /proc/net/tcp: a line
// of headings, then a connection a line, with its number, its local and remote
// addresses and its state first; numbers are hexadecimal.
func countConnections(table string, port int) (int, error) {
	const established = "01"
	count := 0
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != established {
			continue
		}
		_, hex, ok := strings.Cut(fields[2], ":")
		if !ok {
			return 0, fmt.Errorf("no port in %q", fields[2])
		}
		remote, err := strconv.ParseUint(hex, 16, 16)
		if err != nil {
			return 0, fmt.Errorf("port in %q: %w", fields[2], err)
		}
		if int(remote) == port {
			count++
		}
	}
	return count, nil
}
