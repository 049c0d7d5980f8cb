package config

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const second = caddy.Duration(time.Second)

func TestPassiveDefaults(t *testing.T) {
	for _, test := range []struct {
		name     string
		in, want PassiveHealth
		window   time.Duration
	}{
		{
			"as in reverse_proxy",
			PassiveHealth{FailDuration: 30 * second},
			PassiveHealth{FailDuration: 30 * second, MaxFails: 1, MaxEjected: 100},
			30 * time.Second,
		},
		{
			"with a time",
			PassiveHealth{FailDuration: 30 * second, EjectTime: 10 * second},
			PassiveHealth{FailDuration: 30 * second, MaxFails: 1, EjectTime: 10 * second, MaxEjectTime: 100 * second, MaxEjected: 50},
			30 * time.Second,
		},
		{
			"a time alone",
			PassiveHealth{EjectTime: 10 * second, MaxEjectTime: 20 * second},
			PassiveHealth{MaxFails: 5, EjectTime: 10 * second, MaxEjectTime: 20 * second, MaxEjected: 50},
			10 * time.Second,
		},
		{
			"in a row",
			PassiveHealth{EjectTime: 10 * second, MaxFails: 3, MaxEjected: 10},
			PassiveHealth{MaxFails: 3, EjectTime: 10 * second, MaxEjectTime: 100 * second, MaxEjected: 10},
			10 * time.Second,
		},
		{
			"a ratio",
			PassiveHealth{FailRatio: 0.5, MinRequests: 20},
			PassiveHealth{FailRatio: 0.5, MinRequests: 20, EjectTime: 30 * second, MaxEjectTime: 300 * second, MaxEjected: 50},
			10 * time.Second,
		},
		{
			"a ratio over a time",
			PassiveHealth{FailRatio: 0.5, MinRequests: 20, FailDuration: 60 * second},
			PassiveHealth{FailRatio: 0.5, MinRequests: 20, FailDuration: 60 * second, EjectTime: 30 * second, MaxEjectTime: 300 * second, MaxEjected: 50},
			time.Minute,
		},
	} {
		got := test.in.WithDefaults()
		if !test.in.Enabled() || got.MaxFails != test.want.MaxFails || got.EjectTime != test.want.EjectTime || got.MaxEjectTime != test.want.MaxEjectTime ||
			got.MaxEjected != test.want.MaxEjected || got.Window() != test.window {
			t.Errorf("%s: got %+v over %s, want %+v over %s", test.name, got, got.Window(), test.want, test.window)
		}
		if err := test.in.validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	for _, off := range []*PassiveHealth{nil, {}, {MaxFails: 3, MaxEjected: 50, UnhealthyStatus: []int{5}}} {
		if off.Enabled() {
			t.Errorf("%+v is enabled", off)
		}
	}
}

func TestPassiveValidation(t *testing.T) {
	for want, p := range map[string]PassiveHealth{
		"fail_ratio 1.1 is not more than 0 and up to 1":                   {FailRatio: 1.1, MinRequests: 1},
		"fail_ratio -1 is not more than 0 and up to 1":                    {FailRatio: -1, MinRequests: 1},
		"min_requests -1 is not within 1 to 1000000":                      {FailRatio: 1, MinRequests: -1},
		"fail_ratio 0.5 and min_requests 0 need each other":               {FailRatio: 0.5},
		"fail_ratio 0 and min_requests 7 need each other":                 {MinRequests: 7},
		"eject_time -1s is not within 0 to 8760h0m0s":                     {EjectTime: -second},
		"eject_time 8760h0m1s is not within 0 to 8760h0m0s":               {EjectTime: maxEjectTime + second},
		"eject_time: the most, 1s, is less than the first, 2s":            {EjectTime: 2 * second, MaxEjectTime: second},
		"eject_time: the most, 1s, is less than the first, 30s":           {FailRatio: 0.5, MinRequests: 1, MaxEjectTime: second},
		"max_ejected 101 is not within 1 to 100":                          {MaxEjected: 101},
		"max_ejected -1 is not within 1 to 100":                           {MaxEjected: -1},
		"unhealthy_status 7 is neither a status code nor a class of them": {UnhealthyStatus: []int{7}},
	} {
		if err := p.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", p, err, want)
		}
	}
}
