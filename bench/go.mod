module github.com/caddy-loadbalance/caddy-loadbalance/bench

go 1.26.0

require github.com/coder/websocket v1.8.15 // indirect
