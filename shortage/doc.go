// Package shortage tells failures for which this machine is to blame from those
// of the other side: it has no descriptor, port or memory left for one more
// connection. To take that for a fault of a backend would take all of them out,
// one after the other.
package shortage
