# make demo: set-up and the main job.  make test: set-up and all tests.
# Both work on a fresh Debian 12 machine with Go and make; scripts/need installs the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO ?= go
BUILD ?= build
CACHE := $(or $(SAKSI_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/saksi)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Packages that hold C, linked into saksi-worker only.
export SAKSI_BUILD := $(abspath $(BUILD))

.PHONY: all build demo test unit integration interop lint bench live service fuzz soak dist generate clean

all: build

build: $(BUILD)/.libs
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/ ./cmd/saksi
	CGO_ENABLED=1 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BUILD)/ ./cmd/saksi-worker

$(BUILD)/.libs: scripts/need
	scripts/need worker-libs
	mkdir -p $(BUILD)
	touch $@

demo: build
	$(BUILD)/saksi demo

# It prints each skip with its reason.
GOTEST = $$(scripts/need lint)/gotestsum --format pkgname --format-hide-empty-pkg --

test: unit integration interop

# No externals but the worker's libraries; at most six minutes.
unit: $(BUILD)/.libs
	$(GOTEST) -timeout 10m ./...

# One real Elasticsearch for all packages; see scripts/esnode.
integration: build
	scripts/need esnode
	scripts/need esnode-secure
	scripts/integration $(GOTEST) -timeout 15m -count=1 -run 'Elastic|Integration' ./findings/... ./cmd/...

# Stock tools must agree with what we read and write.
interop: build
	scripts/need interop
	custody=$$(scripts/need custody || true); oscal=$$(scripts/need oscal || true); formats=$$(scripts/need formats || true); s3=$$(scripts/need s3 || true); \
	PATH="$$PATH:$$custody:$$oscal/bin:$$formats:$$s3" SAKSI_OSCAL="$$oscal" SAKSI_INTEROP=1 $(GOTEST) -timeout 15m -count=1 -run Interop ./...

lint: $(BUILD)/.libs
	tools=$$(scripts/need lint); \
	$(GO) vet ./...; \
	unformatted=$$(find . -path ./$(BUILD) -prune -o -name '*.go' -print0 | xargs -0 $$tools/gofumpt -modpath saksi -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofumpt: $$unformatted"; exit 1; fi; \
	$$tools/staticcheck ./...; \
	scripts/deadcode $$tools/deadcode

bench: build
	scripts/need interop
	scripts/bench

# A live capture beside tcpdump -w, LIVETIME seconds at its drop-free rate; it needs root.
LIVETIME ?= 600
live: build
	scripts/need interop
	scripts/live $(LIVETIME)

# The systemd unit, under a real systemd; it needs root.
service:
	scripts/service

# FUZZTIME is per target; MUTANTS is over all parsers of traffic, half an hour of CPU time.
FUZZTIME ?= 60s
MUTANTS ?= 10000000
fuzz: $(BUILD)/.libs
	scripts/fuzz $(FUZZTIME) $(MUTANTS)

# The long runs; an ordinary run of the tests tries a hundredth of their seeds. SAKSI_SEED=N tries one again.
# FAULTSEEDS is how often 200 faults meet the delivery of a million documents.
FAULTSEEDS ?= 1
soak: build
	scripts/need esnode
	SAKSI_SOAK=1 SAKSI_FAULT_SEEDS=$(FAULTSEEDS) $(GO) test -timeout 24h -count=1 -run Soak ./...

dist:
	scripts/dist $(VERSION)

generate:
	$(GO) generate ./event

clean:
	rm -rf $(BUILD)
