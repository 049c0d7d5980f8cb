package integration

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// curlClients returns the directories to put before PATH so that commands of
// the documentation find a curl: the system's, if there is one, and in any case
// a stand-in, for tests need nothing but Go and make.
func curlClients(t *testing.T) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "curl")); err != nil {
		t.Fatal(err)
	}
	clients := map[string]string{"stand-in": dir}
	if path, err := exec.LookPath("curl"); err == nil {
		clients["curl"] = filepath.Dir(path)
	}
	return clients
}

// isCurl reports whether the test binary was called by the name of curl.
func isCurl() bool { return filepath.Base(os.Args[0]) == "curl" }

// curlMain does what curl does with those options that the documentation uses,
// and refuses all others.
func curlMain(args []string) int {
	call, err := parseCurl(args)
	if err == nil {
		err = call.do()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "curl:", err)
		return 2
	}
	return 0
}

// curlCall is a command line of curl.
type curlCall struct {
	urls                         []string
	method, data, output, cacert string
	header                       http.Header
}

func parseCurl(args []string) (*curlCall, error) {
	c := &curlCall{header: make(http.Header)}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if !strings.HasPrefix(arg, "-") {
			if !strings.Contains(arg, "://") {
				arg = "http://" + arg
			}
			c.urls = append(c.urls, arg)
			continue
		}
		if arg == "-s" || arg == "-sS" {
			continue
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("option %s needs a value", arg)
		}
		value := args[0]
		args = args[1:]
		switch arg {
		case "-X":
			c.method = value
		case "-d":
			c.data = value
		case "-o":
			c.output = value
		case "--cacert":
			c.cacert = value
		case "-H":
			name, content, _ := strings.Cut(value, ":")
			c.header.Add(name, strings.TrimSpace(content))
		default:
			return nil, fmt.Errorf("option %s is not known to the stand-in", arg)
		}
	}
	if len(c.urls) == 0 {
		return nil, errors.New("no URL")
	}
	return c, nil
}

func (c *curlCall) do() error {
	transport := &http.Transport{ForceAttemptHTTP2: true}
	if c.cacert != "" {
		pem, err := os.ReadFile(c.cacert)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no certificate in %s", c.cacert)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	client := &http.Client{
		Transport: transport,
		Timeout:   30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	var out io.Writer = os.Stdout
	if c.output != "" {
		file, err := os.Create(c.output)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		out = file
	}
	for _, url := range c.urls {
		if err := c.fetch(client, url, out); err != nil {
			return err
		}
	}
	return nil
}

func (c *curlCall) fetch(client *http.Client, url string, out io.Writer) error {
	method, body := http.MethodGet, io.Reader(nil)
	if c.data != "" {
		method, body = http.MethodPost, strings.NewReader(c.data)
	}
	if c.method != "" {
		method = c.method
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	req.Header = c.header.Clone()
	if c.data != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(out, resp.Body)
	return err
}
