# The commands of the README. Each installs its dependencies, or names what is missing.

CARGO ?= cargo

.PHONY: demo test quick house api dist coverage mutants miri soak bench interop web web-tests check-tools check-python check-node check-chromium check-prometheus check-curl check-faketime check-proxies check-valgrind check fmt clean

# A simulated network, collected, indexed, stored and served on http://127.0.0.1:8501
demo: check-tools
	@if $(MAKE) --no-print-directory check-node > /dev/null 2>&1; then $(MAKE) --no-print-directory web; else echo "No Node.js 20.19 with npm: a plain form takes the page's place."; fi
	$(CARGO) run --profile demo --locked --package airshed --no-default-features --features columnar -- demo

# All checks, as in CI. The tests of the workspace build the binary that the page's tests use;
# another selection of packages would compile everything again. The house is checked while they wait
# for emulators.
test: check-tools check-python check-node check-chromium check-prometheus check-curl check-faketime check-proxies check-valgrind fmt web check
	$(CARGO) test --locked --workspace --no-run
	@mkdir -p $${CARGO_TARGET_DIR:-target}; log=$${CARGO_TARGET_DIR:-target}/house.log; \
	echo "meanwhile: make house, see $$log"; $(MAKE) --no-print-directory house > $$log 2>&1 & house=$$!; \
	$(CARGO) test --locked --workspace; tests=$$?; \
	wait $$house; house=$$?; cat $${CARGO_TARGET_DIR:-target}/house.log; test $$tests = 0 -a $$house = 0
	cd daemons/web && npm test --silent
	$(CARGO) test --locked --package airshed-aqi --features serde --test serde
	$(CARGO) test --locked --workspace --bench parts --bench aws
	$(CARGO) build --locked --workspace --bins
	$${CARGO_TARGET_DIR:-target}/debug/guards
	CARGO=$(CARGO) tools/licences.sh
	for example in explain_index sensor index_service reanalysis own_store own_server inside_axum; do \
		$${CARGO_TARGET_DIR:-target}/debug/$$example > /dev/null || exit 1; \
	done
	for outside in sqlite-store file-queue; do \
		$(CARGO) fmt --manifest-path examples/$$outside/Cargo.toml --check && \
		$(CARGO) test --locked --manifest-path examples/$$outside/Cargo.toml --target-dir target/outside || exit 1; \
	done

# The checks that need no Node, browser, emulator or Prometheus: a minute when warm.
quick: check-tools fmt
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) test --locked --workspace --lib --test laws --test model --test values --test queue --test store --test parts --test commands --test simulation -- --skip durability::

# Licences and sources of dependencies; the libraries with their declared Rust version, and with each
# feature alone; their public API, as recorded in aqi/api.txt, store/api.txt and queue/api.txt.
house: check-tools
	CARGO=$(CARGO) tools/house.sh

# Records the public API after a change.
api: check-tools
	CARGO=$(CARGO) tools/house.sh api

# What is released: the program with its page, notices, and a bill of materials (CycloneDX), in
# target/dist.
dist: check-tools web
	CARGO=$(CARGO) tools/dist.sh

# Lines (on stable Rust; branches need nightly: LLVM_COV="--branch" CARGO="cargo +nightly") that the tests reach that need
# no emulator and no browser: target/llvm-cov/html.
coverage: check-tools check-python
	command -v cargo-llvm-cov > /dev/null || $(CARGO) install --locked cargo-llvm-cov
	$(CARGO) llvm-cov $(LLVM_COV) --workspace --locked --html --lib --test laws --test model --test values --test queue --test store \
		--test parts --test commands --test simulation
	$(CARGO) llvm-cov report | tail -1

# Changes of the code that a test has to notice: of the queue, and of jobs, worker and sweeper.
# SHARD=K/N does a part of them; target/mutants.out has those that survived.
SHARD ?= 0/1
mutants: check-tools
	command -v cargo-mutants > /dev/null || $(CARGO) install --locked cargo-mutants
	$(CARGO) mutants --jobs 1 --shard $(SHARD) --timeout 120 --build-timeout 600 --output $${CARGO_TARGET_DIR:-target} --test-workspace true \
		--file queue/src/channel.rs --file 'daemons/serve/src/jobs.rs' --file 'daemons/serve/src/jobs/*.rs' \
		--file daemons/serve/src/sweeper.rs --file daemons/serve/src/worker.rs --file daemons/common/src/disk.rs \
		-- --locked --lib --test queue --test parts --test simulation

# Undefined behaviour in what decodes bytes, and in aqi: under an interpreter, minutes.
miri: check-tools
	$(CARGO) +nightly miri setup
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 $(CARGO) +nightly miri test --locked --package airshed-aqi --test values
	MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=2 $(CARGO) +nightly miri test --locked --package airshed-store --lib -- blocks::

# Builds the page, which is then embedded in the binary.
web: check-node
	cd daemons/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build -- --logLevel warn

# The page in Chromium, against the binary. Screenshots: target/page.
web-tests: check-node check-chromium
	$(CARGO) build --locked --package airshed
	cd daemons/web && npm test --silent

fmt:
	$(CARGO) fmt --all --check

# Warnings are errors; the daemons also compile without their features, and the server alone has at
# most 180 packages in its dependency tree; aqi depends only on rust_decimal, and links into images
# for a microcontroller without an operating system and an allocator: aqi/firmware, whose sensor
# must fit into 64 KiB.
FIRMWARE = --manifest-path aqi/firmware/Cargo.toml --locked --release --target thumbv7em-none-eabi --target-dir target
check:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --package airshed-aqi --features serde,std -- -D warnings
	rustup target list --installed | grep -qx thumbv7em-none-eabi || rustup target add thumbv7em-none-eabi
	$(CARGO) build --locked --package airshed-aqi --features serde --target thumbv7em-none-eabi
	$(CARGO) fmt --manifest-path aqi/firmware/Cargo.toml --check
	$(CARGO) clippy $(FIRMWARE) -- -D warnings
	$(CARGO) build $(FIRMWARE)
	@size target/thumbv7em-none-eabi/release/sensor target/thumbv7em-none-eabi/release/whole | awk \
		'NR > 1 { print "firmware: " $$6 ": " $$1 " bytes of code and tables, " $$2 + $$3 " of memory" } \
		NR == 2 && !($$1 > 0 && $$1 <= 65536) { print "firmware: the sensor must fit into 65536"; failed = 1 } \
		END { exit failed || NR != 3 }'
	$(CARGO) clippy --locked --package airshed --no-default-features -- -D warnings
	@count=$$($(CARGO) tree --locked --package airshed-serve --no-default-features --edges normal --prefix none --no-dedupe | sort -u | wc -l); \
		echo "the server alone: $$count packages in its tree"; test $$count -le 180
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	test "$$($(CARGO) tree --locked --package airshed-aqi --edges normal --prefix none | sed 's/ .*//' | sort -u | tr '\n' ' ')" = "airshed-aqi arrayvec num-traits rust_decimal "

bench: check-tools check-python check-node
	$(CARGO) bench --locked --package airshed-benches
	$(CARGO) bench --locked --package airshed --bench aws
	$(CARGO) run --locked --release --package airshed-benches --bin instructions
	$(CARGO) run --locked --release --package airshed-benches --bin puts
	$(CARGO) run --locked --release --package airshed-benches --bin tester

# Long tests: 200 kills of collectors and of workers, more cases of every property test, minutes of fuzzing.
SOAK_SECONDS ?= 300
soak: check-tools check-python check-node check-chromium web
	tools/seams.sh
	AIRSHED_LOAD=100000 $(CARGO) test --locked --release --package airshed --test commands -- holds_without --nocapture
	AIRSHED_HOSTILE=10000 $(CARGO) test --locked --release --package airshed --test commands -- hostile --nocapture
	AIRSHED_KILLS=200 $(CARGO) test --locked --package airshed --test commands --test services -- durability workers_are_killed killed_
	PROPTEST_CASES=20000 $(CARGO) test --locked --release --package airshed-aqi --package airshed-store --package airshed-fuzz
	AIRSHED_SEEDS=10000 $(CARGO) test --locked --package airshed --test simulation
	PROPTEST_CASES=30000 $(CARGO) test --locked --release --package airshed-history --features parquet --test history -- archive:: damaged::
	$(CARGO) test --locked --package airshed --no-default-features --test embedded
	for feature in aws backfill columnar import loadtest otlp tls; do \
		$(CARGO) clippy --locked --package airshed --no-default-features --features $$feature -- -D warnings || exit 1; \
	done
	$(CARGO) build --locked --release --package airshed
	test $$(stat --format %s $${CARGO_TARGET_DIR:-target}/release/airshed) -le 45000000
	cd daemons/web && AIRSHED_ROWS=4000000 AIRSHED_BIN=../../target/release/airshed node --test tests/many.test.mjs
	cd daemons/web && AIRSHED_LIGHTHOUSE=1 AIRSHED_BIN=../../target/release/airshed node --test tests/lighthouse.test.mjs
	command -v cargo-fuzz > /dev/null || $(CARGO) install --locked cargo-fuzz
	for law in feed request csv batch block index inverse bulk explanation; do \
		$(CARGO) +nightly fuzz run $$law --fuzz-dir fuzz --features libfuzzer -- \
			-max_total_time=$(SOAK_SECONDS) -rss_limit_mb=4096 || exit 1; \
	done

# Exported files opened with other programs that are too heavy for every run: LibreOffice.
interop: check-tools check-python check-libreoffice
	$(CARGO) test --locked --package airshed-store --features interop --test formats -- spreadsheet

check-tools:
	@command -v $(CARGO) > /dev/null || { echo "Airshed needs Rust: https://rustup.rs"; exit 1; }
	@$(CARGO) --version > /dev/null 2>&1 || rustup toolchain install || { echo "Airshed needs the Rust of rust-toolchain.toml: rustup toolchain install"; exit 1; }
	@tools/ensure.sh "Airshed needs a C compiler" build-essential tools/has.sh cc

# The tests read exported Parquet and Arrow files with pyarrow and DuckDB, which they install
# below target/.
check-python:
	@tools/ensure.sh "The tests need Python 3 with venv" "python3 python3-venv" python3 -c "import ensurepip, venv"

# Node.js builds the page. The tests run against emulators of AWS, which they install below
# target/: ministack with Python, dynalite with Node.js.
check-node:
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2> /dev/null && npm --version > /dev/null || { echo "The page and the tests need Node.js 20.19 with npm (https://nodejs.org)"; exit 1; }

check-libreoffice:
	@tools/ensure.sh "make interop needs LibreOffice Calc" "--no-install-recommends libreoffice-calc" tools/has.sh soffice

check-chromium:
	@tools/ensure.sh "The tests of the page need Chromium" chromium tools/has.sh chromium chromium-browser google-chrome

check-prometheus:
	@tools/ensure.sh "The tests of the metrics need Prometheus" "--no-install-recommends prometheus" tools/has.sh promtool

# Counts instructions, independent of other load on the machine.
check-valgrind:
	@tools/ensure.sh "The guards against slow changes need valgrind" valgrind tools/has.sh valgrind

# The README's commands are run unchanged; some tests end processes with kill.
check-curl:
	@tools/ensure.sh "The tests of the README need curl" curl tools/has.sh curl && \
	tools/ensure.sh "The tests need kill" procps tools/has.sh /bin/kill /usr/bin/kill

check-faketime:
	@tools/ensure.sh "The tests of wrong clocks need faketime" faketime tools/has.sh faketime

# The recipes of docs/proxies.md are run. nginx is in a folder that is not in everybody's PATH.
check-proxies:
	@tools/ensure.sh "The tests of recipes for proxies need Caddy" caddy tools/has.sh caddy && \
	tools/ensure.sh "The tests of recipes for proxies need nginx" nginx-light tools/has.sh nginx /usr/sbin/nginx

clean:
	$(CARGO) clean
	rm -rf daemons/web/dist daemons/web/node_modules
