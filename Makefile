# make demo and make test do all their own set-up on a Debian machine with Go.
GO          ?= go
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
COMMIT      := $(shell git rev-parse --short HEAD 2>/dev/null)
LDFLAGS     := -X main.buildCommit=$(COMMIT)

.PHONY: build demo test test-mariadb-sid unit lint bench race mutants fuzz install clean

# Without C: one file that runs anywhere, and a smaller process.
build:
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o bin/ifmatch ./cmd/ifmatch

# The embedded engine is a module of its own: the proxy does not carry it.
demo: build
	$(GO) build -C demo -o ../bin/ifmatch-demo .
	bin/ifmatch demo

# Everything: style, unit tests, and the tests against real servers and clients.
# They build the proxy themselves, which the cache of results does not see.
test: install lint
	$(GO) test -count=1 -timeout 25m ./...
	$(GO) test -C demo -count=1 ./...

# What needs no server.
unit:
	$(GO) test $$($(GO) list ./... | grep -v -e /integration -e /schema)

lint:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt: $$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -C demo ./...
	$(GO) vet -C integration/clients/go-mysql ./...
	$(GO) run $(STATICCHECK) ./...
	cd demo && $(GO) run $(STATICCHECK) ./...

# Throughput, CPU and memory beside HAProxy and bare relays; writes the tables of
# docs/performance.md. BENCH=-short takes about ten minutes, all of it an hour.
bench:
	integration/server/install bench
	$(GO) run ./integration/bench -idle -sysbench -micro -write docs/performance.md $(BENCH)

# The race detector over everything: those of the integration tests that RUN names, with a proxy
# that is built with it. Clients and servers are as in make test.
RUN ?= .
race: install
	$(GO) test -race -count=1 -timeout 30m $$($(GO) list ./... | grep -v -e /integration)
	IFMATCH_TEST_RACE=1 $(GO) test -count=1 -timeout 90m -run '$(RUN)' ./integration

# Takes each protection out of a copy of the source: a test has to fail.
mutants: install
	$(GO) run ./integration/mutation

# A minute for each fuzzer.
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime 60s -fuzzminimizetime 1s $$p || exit 1; \
		done; \
	done

# The tests against real servers once more, with the MariaDB of Debian sid.
MARIADB_SID ?= $(HOME)/.cache/ifmatch/mariadb-sid
test-mariadb-sid:
	IFMATCH_MARIADB_ROOT=$(MARIADB_SID) integration/server/install mariadb-sid
	IFMATCH_MARIADB_ROOT=$(MARIADB_SID) $(GO) test -count=1 -timeout 25m ./integration -run '/mariadb'

# Debian packages and a MySQL server in a folder, where they are missing.
install:
	integration/server/install

clean:
	rm -rf bin
