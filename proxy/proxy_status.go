package proxy

import (
	"strings"

	"github.com/dunglas/httpsfv"
)

// proxyStatus returns the value of the Proxy-Status field (RFC 9209) by which
// the proxy called name reports an error, behind what was reported upstream.
// Of a malformed field nothing is passed on.
func proxyStatus(upstream []string, name, problem string) string {
	own := httpsfv.NewItem(httpsfv.Token(name))
	own.Params.Add("error", httpsfv.Token(problem))
	text, err := httpsfv.Marshal(own)
	if err != nil {
		own.Value = name // not a token, but maybe a string
		if text, err = httpsfv.Marshal(own); err != nil {
			return ""
		}
	}
	list, err := httpsfv.UnmarshalList(upstream)
	if err != nil || len(list) == 0 {
		return text
	}
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		if !ok {
			return text
		}
		switch item.Value.(type) {
		case string, httpsfv.Token:
		default:
			return text
		}
	}
	before, err := httpsfv.Marshal(list)
	if err != nil {
		return text
	}
	return strings.Join([]string{before, text}, ", ")
}
