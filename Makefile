# trunkline: everything a newcomer runs. Each target installs the system packages that it needs and says so.

CARGO ?= cargo
# Built from source (whisper.cpp), spoken with (espeak-ng), tested against (SIPp, baresip, linphonec, Kamailio).
BUILD_PACKAGES := cmake g++ make pkg-config
SPEAK_PACKAGES := espeak-ng
TEST_PACKAGES  := sip-tester baresip-core linphone-cli kamailio
BIN := target/release/trunkline

.PHONY: help run demo test bench load offer turns eval-speech rate hypotheses noise sim-acd fuzz packages-run packages-test

help:
	@echo "make run     build, check the sample dialplans, start the server"
	@echo "make demo    every kind of call by itself, in both languages; fails if a step does not happen"
	@echo "make test    format, lints, all tests, dialplan checks"
	@echo "make bench   the media plane beside a bare UDP reflector, the ACD with a long line, SIP beside other parsers"
	@echo "make load    N calls at once in the real binary: CALLS=50 SECONDS=20; SILENT=1, AWAKE=1"
	@echo "make offer   from an agent's BYE to the INVITE of the next caller: OFFERS=500"
	@echo "make turns   how fast callers are answered, and how soon we stop when they speak: AT_ONCE=4"
	@echo "make eval-speech  how many words each model gets wrong: SPEECH=folder with WAV files and transcripts.tsv"
	@echo "make noise       how well callers are told from noise, by the product's detector and by Silero's where it is there"
	@echo "make hypotheses  what several hypotheses of the recogniser are worth to the dialogue, on noisy speech"
	@echo "make rate    calls set up and torn down a second: RATE=800 for one step"
	@echo "make sim-acd the ACD on virtual time: against Erlang's formulas, in 10,000 random worlds, beside the peers' rules"
	@echo "make fuzz    random bytes at every parser: FUZZ_SECONDS=60 each"

# Installs what is missing of $(1), as root or with sudo.
define install
@missing=""; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  echo "installing system packages:$$missing"; \
  if [ "$$(id -u)" = 0 ]; then sudo=""; else sudo="sudo"; fi; \
  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
  || { echo "these packages are needed and could not be installed:$$missing"; exit 1; }; \
fi
endef

packages-run:
	$(call install,$(BUILD_PACKAGES) $(SPEAK_PACKAGES))

# Debian starts Kamailio when it is installed, on the port of SIP: the tests start their own, on free ports.
packages-test:
	@if [ -d /run/systemd/system ] && ! dpkg -s kamailio >/dev/null 2>&1; then \
	  echo "kamailio.service is masked, so that installing kamailio for the tests starts none"; \
	  if [ "$$(id -u)" = 0 ]; then systemctl mask -q kamailio; else sudo systemctl mask -q kamailio; fi; fi
	$(call install,$(BUILD_PACKAGES) $(SPEAK_PACKAGES) $(TEST_PACKAGES))

run: packages-run
	$(CARGO) build --release --locked
	$(BIN) check
	exec $(BIN) serve --log warn

demo: packages-run
	$(CARGO) build --release --locked
	$(BIN) demo

test: packages-test
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@# They wait for telephones most of the time: four at once, also where there are two cores.
	RUST_TEST_THREADS=4 $(CARGO) test --locked
	target/debug/trunkline check
	target/debug/trunkline test
	@if command -v systemd-analyze >/dev/null; then \
	  sh systemd/verify.sh; \
	else echo "SKIPPED: systemd-analyze is not here; systemd/trunkline.service is not verified"; fi

bench: packages-run
	$(CARGO) bench --locked --bench media
	$(CARGO) bench --locked --bench stages
	$(CARGO) bench --locked --bench acd
	$(CARGO) bench --locked --bench sip

CALLS ?= 50
SECONDS ?= 20
load: packages-run
	$(CARGO) bench --locked --bench load -- --calls $(CALLS) --seconds $(SECONDS) $(if $(SILENT),--silent) $(if $(AWAKE),--awake) $(if $(AGAINST),--against $(AGAINST))

OFFERS ?= 500
offer: packages-test
	$(CARGO) bench --locked --bench offer -- --offers $(OFFERS)

AT_ONCE ?= 1
TURNS ?= 60
turns: packages-run
	$(CARGO) bench --locked --bench turns -- --calls $(AT_ONCE) --turns $(TURNS)

# A folder of WAV files with transcripts.tsv; every model in models/ has its row.
SPEECH ?= ../shared/audio/speech
eval-speech: packages-run
	@if [ -f "$(SPEECH)/transcripts.tsv" ]; then $(CARGO) run --locked --release -- bench words "$(SPEECH)"; \
	else echo "SKIPPED: no transcripts.tsv in $(SPEECH); name a folder of speech: make eval-speech SPEECH=folder"; fi

noise: packages-run
	$(CARGO) bench --locked --bench noise

hypotheses: packages-run
	$(CARGO) bench --locked --bench hypotheses

SECONDS_A_STEP ?= 5
rate: packages-test
	$(CARGO) bench --locked --bench rate -- $(if $(RATE),--rate $(RATE)) --seconds $(SECONDS_A_STEP)

# One after the other: each prints a table.
sim-acd: packages-run
	$(CARGO) test --locked --lib sim::acd -- --ignored --nocapture --test-threads=1

fuzz: packages-run
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) $(CARGO) test --locked --release --test fuzz -- --nocapture
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) $(CARGO) test --locked --lib sip::tests::chaos -- --ignored
