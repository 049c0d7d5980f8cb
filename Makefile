# `make` lists the targets. Go and make are all they need; the tools are Go
# modules with pinned versions, see tools/go.mod.

GO        ?= go
FUZZTIME  ?= 10s
BENCH     ?= .
BENCHARGS ?=
DEMO      ?= examples/demo/Caddyfile

tool          := $(GO) tool -modfile=tools/go.mod
module        := github.com/caddy-loadbalance/caddy-loadbalance
caddy_version  = $(shell $(GO) list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)
sources       := $(shell find . -path ./build -prune -o -name '*.go' ! -name '*_test.go' -print)

# The race detector needs a C compiler, which is not there on every machine;
# go knows. In CI it is not left out: without a compiler the tests fail there.
race := $(if $(filter true,$(CI))$(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

.PHONY: run
run: build/caddy ## run a demo: a load balancer on :8080 with three backends
	@cat examples/demo/try.txt
	@exec build/caddy run --config $(DEMO)

.PHONY: build
build: build/caddy ## build Caddy with this module: build/caddy

build/caddy: $(sources) go.mod go.sum tools/go.mod
	@mkdir -p build
	@echo 'Building Caddy $(caddy_version) with this module. The first time takes some minutes; the log is build/xcaddy.log.'
	@$(tool) xcaddy build $(caddy_version) --with $(module)@v0.0.0=. --output build/caddy >build/xcaddy.log 2>&1 \
		|| { cat build/xcaddy.log; exit 1; }

# Results are not taken from the cache: go does not know that the tests of the
# binary depend on what the binary is built from.
.PHONY: test
test: ## run all tests, with the race detector where there is a C compiler
	@echo '$(if $(race),The race detector is on.,The race detector is off: it needs a C compiler, and cgo.)'
	$(if $(race),CGO_ENABLED=1) $(GO) test $(race) -count=1 -shuffle=on -timeout=30m ./...
	cd bench && $(if $(race),CGO_ENABLED=1) $(GO) test $(race) -count=1 -shuffle=on ./...

.PHONY: lint
lint: ## check the code with golangci-lint
	$(tool) golangci-lint run
	cd bench && $(GO) tool -modfile=../tools/go.mod golangci-lint run

.PHONY: fmt
fmt: ## format the code
	$(tool) golangci-lint fmt
	cd bench && $(GO) tool -modfile=../tools/go.mod golangci-lint fmt

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (10s)
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			$(GO) test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) "$$(dirname $$file)"; \
		done; \
	done

.PHONY: fault
fault: ## run the fault suite in its long form: build/faults.md
	@mkdir -p build
	cd integration/fault && $(GO) test -count=1 -timeout=20m -fault.long -fault.report=$(CURDIR)/build/faults.md

.PHONY: operate
operate: ## run the operators' suite in its long form: deploys, switches, 5,000 changes
	cd integration/operate && $(GO) test -count=1 -timeout=20m -v . -operate.long

.PHONY: compare
compare: ## play the same trouble with load_balance and reverse_proxy: build/compare.md
	@mkdir -p build
	cd integration/compare && $(GO) test -count=1 -timeout=20m . -compare.long -compare.report=$(CURDIR)/build/compare.md

.PHONY: bench
bench: ## measure side by side with other proxies: build/bench/report.md; for options BENCHARGS=-h
	@cd bench && $(GO) run . -out ../build/bench $(BENCHARGS)

.PHONY: gobench
gobench: ## run the Go benchmarks that match BENCH (all)
	$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem ./balancer/ ./metrics/ ./pool/ ./proxy/

.PHONY: clean
clean: ## remove what was built
	rm -rf build
