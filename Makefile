SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# How long each fuzz target runs.
FUZZTIME ?= 10s

# How many times the crash test kills the server.
KILLS ?= 100

# These flags decide what the build cache of the control plane can serve:
# another flag means compiling Kubernetes again.
DEVCLUSTER_FLAGS := -trimpath -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2'
DEVCLUSTER_SOURCES := $(shell find tools/devcluster -type f -not -path '*/e2e/*' -not -name '*_test.go')

##@ Use

.PHONY: help
help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' Makefile

.PHONY: build
build: ## Build the server: bin/kubeorch
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/kubeorch .

.PHONY: run
run: build ## Run the server with its data in ./data
	@exec bin/kubeorch

.PHONY: demo
demo: build $(if $(KUBECONFIG),,devcluster) ## Deploy a sample application to a real control plane and watch it
	@go build -o bin/demo ./tools/demo
	@exec bin/demo -server bin/kubeorch -cluster bin/devcluster

.PHONY: devcluster
devcluster: bin/devcluster ## Build bin/devcluster, a Kubernetes control plane for this machine

bin/devcluster: $(DEVCLUSTER_SOURCES)
	@echo "building bin/devcluster: some 12 minutes the first time, 2 with a warm cache"
	cd tools/devcluster && CGO_ENABLED=0 ../progress go build -v $(DEVCLUSTER_FLAGS) -o ../../bin/devcluster .

.PHONY: docker
docker: ## Build the container image kubeorch
	docker build -t kubeorch .

##@ Check

.PHONY: test
test: lint build devcluster ## Everything that a change has to pass
	@# Most tests wait for a server or a cluster, so more of them than processors run at once.
	@# The two packages that take longest begin first. On a slow machine, e2e takes longer
	@# than the ten minutes that go test permits by default.
	tools/with-devcluster go test -race -shuffle=on -parallel 4 -timeout 40m ./e2e ./services/kinds ./...

.PHONY: matrix
matrix: devcluster ## Show who gets what answer on each route, as it was just tried
	tools/with-devcluster go test -run '^TestMatrix$$' -v ./e2e | sed -n '/TestMatrix$$/,$$p'

.PHONY: crash
crash: devcluster ## Kill the server KILLS (100) times at random moments of runs
	KUBEORCH_TEST_KILLS=$(KILLS) tools/with-devcluster go test -race -timeout 60m -run '^TestServerKilledAtRandomMoments$$' -v ./e2e

.PHONY: lint
lint: bin/golangci-lint ## vet and the linters of .golangci.yml
	go vet ./...
	@# Vetting tools/devcluster would vet all of Kubernetes; its compiler has to do.
	test -z "$$(gofmt -l tools/devcluster)"
	bin/golangci-lint run --allow-parallel-runners ./...

bin/golangci-lint: tools/lint/go.mod
	@echo "building the linter: some 5 minutes the first time"
	cd tools/lint && ../progress go build -v -trimpath -ldflags '-s -w' -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: bench
bench: build devcluster ## Measure, each figure beside its floor from the same run
	@go build -o bin/bench ./tools/bench
	@exec bin/bench -server bin/kubeorch -cluster bin/devcluster

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | cut -d' ' -f2); do \
			echo "== $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

##@ Tidy

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	bin/golangci-lint fmt ./...

.PHONY: clean
clean: ## Remove what was built, not the data
	rm -rf bin .cache
