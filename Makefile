# wstap. `make help` lists the targets.

GO       ?= go
PKGS     := ./...
FUZZTIME ?= 20s
# BENCH is flags for `make bench`: see `go run ./internal/bench -h`.
BENCH    ?=
SOAK     ?= 10m
# WSTAP_SOAK is how long `make soak-attach` churns.
WSTAP_SOAK ?= 30m

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build ./bin/wstap
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/wstap ./cmd/wstap

test: deps lint ## install what the tests need, lint, run all tests with the race detector
	$(GO) test -race -timeout 15m $(PKGS)

quick: ## all tests without installing anything, without the race detector
	$(GO) test $(PKGS)

deps: ## install nginx and the ws package where they are missing
	@./.ci/deps

lint: ## gofmt, go vet, staticcheck (pinned in go.mod)
	@out=$$(gofmt -s -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt -s -w these:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)

fuzz: ## every fuzz target for FUZZTIME (20s)
	@for pkg in $$($(GO) list $(PKGS)); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$pkg || exit 1; \
	  done; \
	done

bench: deps ## every number of the design beside its goal, in one run beside nginx, and the micro-benchmarks
	$(GO) run ./internal/bench $(BENCH)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 300ms $(PKGS)

soak: ## as many live connections as the descriptors allow, for SOAK (10m)
	$(GO) run ./internal/bench -soak $(SOAK)

soak-attach: ## connections that come and go through a relay with viewers, for WSTAP_SOAK (30m)
	WSTAP_SOAK=$(WSTAP_SOAK) $(GO) test -run '^TestSoakThroughAttach$$' -count 1 -timeout 0 -v ./cmd/wstap

golden: ## write the golden files anew; look at the difference before you commit
	$(GO) test ./tui ./report ./diagnose ./metrics -update

screenshots: build ## photograph the main screens into docs/screens; look at them before you commit
	$(GO) run ./internal/picture -wstap bin/wstap -o docs/screens

demo: ## the demo
	$(GO) run ./cmd/wstap demo

.PHONY: help build test quick deps lint fuzz bench soak soak-attach golden screenshots demo
