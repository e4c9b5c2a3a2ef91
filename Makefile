# "make" alone lists what there is.
.DEFAULT_GOAL := help
GO ?= go
# The race detector needs a C compiler; without one the tests run without it.
RACE ?= $(shell command -v gcc >/dev/null 2>&1 && echo -race)
SEED ?= 0
KILLS ?= 300
ORDERS ?= 5000
FUZZTIME ?= 20s
URL ?= http://127.0.0.1:8080

# One set of flags for run, build and test, so that what one of them has compiled
# the others need not: -trimpath is part of what the cache goes by. Only the race
# detector, which wants cgo, compiles a second time.
export GOFLAGS := $(filter-out -trimpath,$(GOFLAGS)) -trimpath
PLAIN := CGO_ENABLED=0 $(GO)
CHECK := CGO_ENABLED=$(if $(RACE),1,0) $(GO)
# What others have written and the detector makes several times slower is compiled without it: SQLite, as it was
# translated from C, and the compiler of plugins' code. Whoever calls them is watched, and so are the driver, its libc
# and wazero's engine, in which goroutines meet. None may be among them that has a copy of sync.Map's or atomic.Pointer's
# code ("go tool nm" on its archive: HashTrieMap; wazero's interpreter and libc have): the linker would take that one for all
# packages, and the detector see races where there are none.
UNWATCHED := modernc.org/sqlite/lib $(addprefix github.com/tetratelabs/wazero/internal/,leb128 wasm/binary \
  engine/wazevo/backend/... engine/wazevo/frontend engine/wazevo/ssa)
WATCH := $(if $(RACE),$(RACE) $(foreach p,$(UNWATCHED),-gcflags=$(p)=-race=false))
# Those that take longest begin first, so that no processor is without work at the end.
LONGEST := $(addprefix ./,cmd/waxwing plugins plugins/examples ledger/sqlite plugins/sandbox plugins/wasm)
# It counts the packages that are compiled, on one line of a terminal or each fiftieth,
# passes on whatever else is said, and ends with the command's status.
PROGRESS := .ci/progress env

.PHONY: help run engine torture-plugins torture-postgres torture-brokers torture-sources torture-failover build test torture bench fuzz docs services lint check release cover mutate shots phone toolchains examples

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: engine bin/waxwing ## Show the demonstration: http://127.0.0.1:8080
	@$(call foreground,bin/waxwing demo)

build: bin/waxwing ## Build bin/waxwing, static, without this machine's paths in it

.PHONY: bin/waxwing
bin/waxwing:
	@echo "Building bin/waxwing: seconds, or 1 to 8 minutes the first time."
	@$(PROGRESS) $(PLAIN) build -v -ldflags "-s -w" -o bin/waxwing ./cmd/waxwing

# On a terminal the program gets a process group of its own, so that Ctrl-C ends it
# and not make: it drains, and both end with status 0.
foreground = if [ -t 0 ]; then set -m; $(1); else exec $(1); fi

engine: ## Switch the JavaScript lane of plugins on: fetch its engine, held by checksum
	@$(PLAIN) run ./plugins/quickjs/fetch || true

test: engine ## Vet, then every test in random order, with the race detector where there is a C compiler
	@test -n "$(RACE)" || echo "no gcc: the tests run without the race detector"
	@echo "Compiling$(if $(RACE), for the race detector,): minutes the first time."
	@$(PROGRESS) $(CHECK) build -v $(WATCH) ./...
	@echo "Vetting."
	@$(CHECK) vet $(WATCH) ./...
	@echo "Testing: the longest first, of which nothing is heard for minutes."
	@$(PROGRESS) $(CHECK) test $(WATCH) -shuffle=on -timeout 40m $(LONGEST) ./...

torture: ## Every scenario at full size, under ten minutes: KILLS kills while ORDERS orders arrive, a failing disk, erasures, odd servers, slow clients (SEED=n repeats a run)
	@bash -o pipefail -c "$(GO) test ./cmd/waxwing -run Torture -skip 'Torture(Illness|Fair|Asked)' -count=1 -v -torture.full -torture.kills=$(KILLS) -torture.orders=$(ORDERS) -torture.seed=$(SEED) -timeout 60m | grep -v 'daemon: '"

torture-plugins: ## Run every attack on the plugins, alone and in a daemon under load, neighbours beside it, uploads and the disk, in under ten minutes; print tables
	@$(GO) test ./plugins -run 'ManyTenantsTrapping|NamesAndVersionsStay' -count=1 -plugins.tenants 150 -plugins.names 8 -timeout 30m
	@$(GO) test ./plugins -run TortureSandbox -count=1 -v -plugins.torture -plugins.cases "$(abspath $(wildcard ../shared/cases/plugins))" -timeout 30m
	@bash -o pipefail -c "$(GO) test ./cmd/waxwing -run TorturePlugin -count=1 -v -torture.plugins -timeout 30m | grep -v 'daemon: '"

torture-postgres: ## Three daemons on one Postgres ledger: 300 kills, 30 ends of the server, groups that fail; daemons that stand still for a minute, 50 times, or are cut off from it; nine replacements by other programs at 200 orders/s; about sixteen minutes
	@WAXWING_SERVICES=1 $(GO) test ./cmd/waxwing -run TorturePostgresUpgrade -count=1 -v -torture.full -torture.seed=$(SEED) -timeout 30m
	@WAXWING_SERVICES=1 $(GO) test ./cmd/waxwing -run TorturePostgres -skip 'TorturePostgres(Upgrade|Illness)' -count=1 -parallel 4 -v -torture.full -torture.seed=$(SEED) -timeout 60m

torture-failover: ## The first of two providers falls ill in each way there is, and well again, while 100 orders a second come; with the ledger in a folder and on Postgres; print two tables; and 100,000 mails of one tenant beside fifty others; Mailgun's mock server loses answers while the daemon is killed 50 times; some fourteen minutes
	@WAXWING_SERVICES=1 WAXWING_REQUIRE_SERVICES=1 bash -o pipefail -c "$(GO) test ./cmd/waxwing -run 'Torture((Postgres)?Illness|Fair|Asked)' -count=1 -parallel 4 -v -torture.full -torture.seed=$(SEED) -timeout 60m | grep -v 'daemon: \|^time='"

torture-brokers: ## Each broker as the mail queue: 10,000 orders, 20 kills of the broker and 20 of the daemon; beside it what careless settings lose; print a table
	@WAXWING_SERVICES=1 WAXWING_REQUIRE_SERVICES=1 bash -o pipefail -c "$(GO) test ./cmd/waxwing -run TortureBrokers -count=1 -v -torture.brokers -torture.seed=$(SEED) -timeout 60m | grep -v 'daemon: '"

torture-sources: ## Each broker as a source: 5,000 orders with duplicates and poison, 10 kills of the source and 10 of the broker; outboxes on Postgres and MariaDB: 20,000, 30 kills
	@WAXWING_SOURCES_FULL=1 WAXWING_SERVICES=1 WAXWING_REQUIRE_SERVICES=1 $(GO) test ./source/broker ./source/outbox -run Torture -count=1 -v -timeout 60m

bench: ## Measure orders a second, latency and CPU against this machine's ceiling
	$(GO) run ./cmd/bench

fuzz: ## Run each fuzz target for FUZZTIME, whatever the others find; FUZZ=REGEXP chooses some
	@FUZZTIME=$(FUZZTIME) FUZZ='$(FUZZ)' GO='$(GO)' .ci/fuzz

docs: ## Write again what is generated: schema, reference, CLDR data
	$(GO) generate ./...

services: ## The tests that need a real Postgres, MariaDB, Redis, RabbitMQ or NATS, an SQS (fauxqs), python3-dkim, SpamAssassin or promtool; WAXWING_REQUIRE_SERVICES=1 fails where it is missing
	@$(MAKE) --no-print-directory -j2 services-daemons services-stores

# Beside each other, since they wait for servers most of the time: those of whole daemons, and those of each store and broker.
.PHONY: services-daemons services-stores
services-daemons:
	WAXWING_SERVICES=1 $(GO) test -count=1 -parallel 4 -timeout 20m -run 'Postgres|Broker|TestService' ./cmd/waxwing
services-stores:
	$(GO) test -count=1 -run Postgres ./enrich
	$(GO) test -count=1 -run TestServicePromtool ./daemon
	WAXWING_SERVICES=1 $(GO) test -count=1 -timeout 20m ./pipeline/queue/... ./ledger/postgres/... ./source/...

lint: ## gofmt, vet, and what .golangci.yml lists (fetched at its first use; without a network it says so)
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); test -z "$$bad" || { echo "gofmt -w $$bad"; exit 1; }
	@mkdir -p bin; if $(GO) build -modfile .ci/tools/go.mod -o bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint 2>bin/lint.log; \
	then bin/golangci-lint run ./...; else echo "golangci-lint is left out, since it cannot be built:"; tail -1 bin/lint.log; $(GO) vet ./...; fi

check: lint services test ## All that CI does, where Postgres runs

release: ## Build a release of this commit into dist/: binaries, deb, rpm, bill of materials, checksums
	@GO='$(GO)' .ci/release/build

cover: ## How much of each package its tests run
	$(GO) test -cover ./... | awk '/coverage:/ {print $$5, $$2}' | sort -n

# Without -count=1 a coverage run of the cache takes no time, and each test that is longer
# than the coefficient times that counts as a mutant that timed out.
mutate: ## Break the ledger's machine and the delivery in each place, and see whether a test notices
	@for p in ledger/machine delivery; do \
	  GOFLAGS="$$GOFLAGS -count=1" $(GO) run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 unleash --workers 1 --timeout-coefficient 20 ./$$p || exit 1; done

shots: ## Take the mailbox's pictures of a running demonstration (URL=...); needs chromium and node 20
	node --experimental-websocket docs/img/shots.mjs $(URL)

phone: ## Lay hard mails out at 320, 360, 375 and 600 px; needs chromium and node 20 (AXE=axe.min.js asks axe, too)
	@dir=$$(mktemp -d) && $(GO) test ./templates -run TestHardCases -count=1 -args -cases=$$dir && \
	  node --experimental-websocket docs/img/phone.mjs $$dir $(if $(AXE),--axe=$(abspath $(AXE))); status=$$?; rm -rf $$dir; exit $$status

toolchains: ## Install what plugins in Rust, C, AssemblyScript and JavaScript are built with (Debian)
	sdk/install.sh

examples: ## Build the plugins of plugins/examples
	@rm -rf plugins/examples/*/waxwing # an older SDK
	$(GO) run ./sdk/build $(dir $(wildcard plugins/examples/*/plugin.json))
