package curl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Call is a command line of curl.
type Call struct {
	URLs   []string
	Method string
	Header http.Header
	Data   string

	output, cacert, cert, key string
	socket                    string
	failWithBody, head        bool
}

// errStatus is that of -f for a response that tells of an error.
var errStatus = errors.New("the requested URL returned an error")

// Parse reads a command line without the name of curl.
func Parse(args []string) (*Call, error) {
	c := &Call{Header: make(http.Header)}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") {
			if !strings.Contains(arg, "://") {
				arg = "http://" + arg
			}
			c.URLs = append(c.URLs, arg)
			continue
		}
		if c.flag(arg) {
			continue
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("option %s needs a value", arg)
		}
		if !c.option(arg, args[0]) {
			return nil, fmt.Errorf("option %s is not known to the stand-in", arg)
		}
		args = args[1:]
	}
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL")
	}
	if c.Method == "" {
		c.Method = http.MethodGet
		if c.Data != "" {
			c.Method = http.MethodPost
		}
	}
	if c.Data != "" && c.Header.Get("Content-Type") == "" {
		c.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return c, nil
}

// flag takes an option without a value.
func (c *Call) flag(name string) bool {
	switch name {
	case "-i":
		c.head = true
	case "--fail-with-body":
		c.failWithBody = true
	default:
		return slices.Contains([]string{"-s", "-sS", "-N", "-sN"}, name)
	}
	return true
}

// option takes an option with its value.
func (c *Call) option(name, value string) bool {
	switch name {
	case "-X":
		c.Method = value
	case "-d":
		c.Data = value
		if file, ok := strings.CutPrefix(value, "@"); ok {
			text, err := os.ReadFile(file)
			if err != nil {
				return false
			}
			c.Data = string(text)
		}
	case "-o":
		c.output = value
	case "--cacert":
		c.cacert = value
	case "--cert":
		c.cert = value
	case "--key":
		c.key = value
	case "--unix-socket":
		c.socket = value
	case "-H":
		name, content, _ := strings.Cut(value, ":")
		c.Header.Add(name, strings.TrimSpace(content))
	default:
		return false
	}
	return true
}

func (c *Call) do() error {
	transport, err := c.transport()
	if err != nil {
		return err
	}
	var out io.Writer = os.Stdout
	if c.output != "" {
		file, err := os.Create(c.output)
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, url := range c.URLs {
		if err := c.fetch(ctx, transport, url, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) transport() (*http.Transport, error) {
	t := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: new(tls.Config)}
	if c.cacert != "" {
		pem, err := os.ReadFile(c.cacert)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", c.cacert)
		}
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	if c.socket != "" {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.socket)
		}
	}
	return t, nil
}

// fetch follows no redirects, as a transport does not.
func (c *Call) fetch(ctx context.Context, transport *http.Transport, url string, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, c.Method, url, strings.NewReader(c.Data))
	if err != nil {
		return err
	}
	req.Header = c.Header.Clone()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.head {
		if _, err := fmt.Fprintf(out, "%s %s\r\n", resp.Proto, resp.Status); err != nil {
			return err
		}
		if err := resp.Header.Write(out); err != nil {
			return err
		}
		if _, err := io.WriteString(out, "\r\n"); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return err
	}
	if c.failWithBody && resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%w: %d", errStatus, resp.StatusCode)
	}
	return nil
}
