package load

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed wrk.lua
var wrkReport string

// Wrk drives HTTP/1.1 in a closed loop: each connection sends its next request
// when it has the answer to the last one. The program wrk must be installed.
func Wrk(ctx context.Context, job Job) (Result, error) {
	script := filepath.Join(job.Dir, "wrk.lua")
	if err := os.WriteFile(script, []byte(wrkScript(job)), 0o600); err != nil {
		return Result{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk",
		"--threads", "1",
		"--connections", strconv.Itoa(job.Connections),
		"--duration", strconv.Itoa(wholeSeconds(job.Duration))+"s",
		"--timeout", "10s",
		"--script", script,
		job.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("wrk %s: %w: %s", job.URL, err, bytes.TrimSpace(out))
	}
	result, err := parseWrk(out)
	if err != nil {
		return Result{}, fmt.Errorf("output of wrk %s: %w", job.URL, err)
	}
	return result, nil
}

// wrkScript returns the script that makes wrk do the job. wrk builds the
// request once, so the script costs nothing per request.
func wrkScript(job Job) string {
	var script bytes.Buffer
	if job.Method != "" {
		fmt.Fprintf(&script, "wrk.method = %q\n", job.Method)
	}
	if job.BodySize > 0 {
		fmt.Fprintf(&script, "wrk.body = string.rep(\"x\", %d)\n", job.BodySize)
	}
	script.WriteString(wrkReport)
	return script.String()
}

// wholeSeconds rounds up: wrk knows nothing finer.
func wholeSeconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}

// parseWrk finds the line that wrk.lua printed.
func parseWrk(out []byte) (Result, error) {
	start := bytes.LastIndexByte(out, '{')
	if start < 0 {
		return Result{}, errors.New("it reports nothing")
	}
	var line struct {
		Requests  int64 `json:"requests"`
		ElapsedUS int64 `json:"elapsed_us"`
		Connect   int64 `json:"connect"`
		Read      int64 `json:"read"`
		Write     int64 `json:"write"`
		Status    int64 `json:"status"`
		Timeout   int64 `json:"timeout"`
		P50US     int64 `json:"p50_us"`
		P99US     int64 `json:"p99_us"`
		P999US    int64 `json:"p999_us"`
	}
	if err := json.Unmarshal(out[start:], &line); err != nil {
		return Result{}, err
	}
	if line.Requests <= 0 || line.ElapsedUS <= 0 {
		return Result{}, fmt.Errorf("%d requests in %d µs", line.Requests, line.ElapsedUS)
	}
	return Result{
		Requests: line.Requests,
		Errors:   line.Connect + line.Read + line.Write + line.Status + line.Timeout,
		Elapsed:  time.Duration(line.ElapsedUS) * time.Microsecond,
		Latency: Latency{
			P50:  time.Duration(line.P50US) * time.Microsecond,
			P99:  time.Duration(line.P99US) * time.Microsecond,
			P999: time.Duration(line.P999US) * time.Microsecond,
		},
	}, nil
}
