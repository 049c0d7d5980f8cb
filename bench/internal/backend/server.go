package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// Command is the argument that makes this program a backend.
const Command = "backend"

// Serve is the backend's own process: it serves until it is killed. args are
// what Start gave it.
func Serve(args []string) error {
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	plain := flags.String("http", "", "address for HTTP")
	secure := flags.String("https", "", "address for HTTPS")
	slow := flags.String("slow", "", "address for HTTP, slowly")
	cert := flags.String("cert", "", "file with the certificate")
	key := flags.String("key", "", "file with its key")
	if err := flags.Parse(args); err != nil {
		return err
	}
	handler := newHandler()
	failed := make(chan error)
	go func() { failed <- newServer(*plain, handler).ListenAndServe() }()
	go func() { failed <- newServer(*secure, handler).ListenAndServeTLS(*cert, *key) }()
	go func() { failed <- newServer(*slow, slowly(handler)).ListenAndServe() }()
	return <-failed
}

func newServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: time.Minute,
		// HTTP/1.1 alone, as the backends of all proxies
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
}

func newHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Small, func(w http.ResponseWriter, _ *http.Request) { respond(w, []byte(Greeting)) })
	for path, body := range files {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { respond(w, body) })
	}
	mux.HandleFunc(Sink, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			respond(w, nil)
		}
	})
	mux.HandleFunc(Delay, func(w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), Delayed) {
			respond(w, []byte(Greeting))
		}
	})
	mux.HandleFunc(Echo, echo)
	return mux
}

func slowly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), Slow) {
			next.ServeHTTP(w, r)
		}
	})
}

// pause reports whether it took its time, rather than being cancelled.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func respond(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client will notice
}

func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, message, err := conn.Read(r.Context())
		if errors.As(err, new(websocket.CloseError)) {
			return
		}
		if err == nil {
			err = conn.Write(r.Context(), kind, message)
		}
		if err != nil {
			return
		}
	}
}
