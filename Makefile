# SPDX-License-Identifier: GPL-2.0
# virtgpu: `make help` lists the targets, README.md and docs/ explain them.

# The kernel build tree that `make` builds the modules against.
KDIR ?= /lib/modules/$(shell uname -r)/build
export DRIVER KVER GPU SHARD TURNS

define need-kernel-tree
@test -e $(KDIR)/Makefile || { echo "error: $(KDIR) is no kernel build tree: install the kernel's" \
	"headers or give KDIR=" >&2; exit 1; }
endef

# Debian's Python, because others do not find the modules that Debian packages.
PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := modules

# The text after ## on a target's line describes the target. A line with ##@ begins a group, and a line
# with ##= describes a variable of the command line.
help:
	@awk -F ' *## *' '/^##@ /{print "\n" substr($$0, 5)} /^##= /{print "  " substr($$0, 5)} \
		/^[a-z_-]+:.* ## /{sub(/:.*/, "", $$1); printf "  make %-16s %s\n", $$1, $$2}' \
		$(firstword $(MAKEFILE_LIST))

##@ Try it

run: bootstrap ## start a desktop in a guest: in a window, or as out/desktop.png
	@$(PYTHON) -m qemu.interactive.desktop

shell: bootstrap ## open a shell in the guest; CMD=... runs a command instead
	@$(PYTHON) -m qemu.interactive.vm $(if $(CMD),-- sh -c '$(CMD)')

setup: bootstrap ## only prepare the guest
	@$(PYTHON) -m qemu.images.environment

update: bootstrap ## look for newer kernels in the archive
	@VIRTGPU_UPDATE=1 $(PYTHON) -m qemu.images.environment

##@ Build

modules: ## build only the modules, against KDIR= (the default target)
	$(need-kernel-tree)
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(MO),MO=$(MO)) modules

compile: bootstrap ## compile everything for every supported kernel, without a guest
	@$(PYTHON) -m qemu.build.build

client: bootstrap ## build and test the Rust crate for user space, and its programs: out/client
	@$(PYTHON) -m qemu.build.client

docs: bootstrap ## build guides, kernel-doc and rustdoc as one site: out/docs/index.html
	@$(PYTHON) -m qemu.docs.site

##@ Install

# Only drm/, because what `make` has built may include the Rust driver. Packaged headers have no
# System.map, without which Kbuild does not run depmod.
modules_install: ## build and install the C module for KDIR=, below INSTALL_MOD_PATH=
	$(need-kernel-tree)
	$(MAKE) -C $(KDIR) M=$(CURDIR)/drm modules
	$(MAKE) -C $(KDIR) M=$(CURDIR)/drm modules_install
	depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $$($(MAKE) -s -C $(KDIR) kernelrelease)

install: modules_install ## also load it instead of the kernel's driver, from the next boot on
	@sh qemu/packages/install.sh add $(INSTALL_MOD_PATH)

uninstall: ## undo `make install`
	@sh qemu/packages/install.sh remove $(INSTALL_MOD_PATH)

deb: bootstrap ## make Debian packages of both drivers, for DKMS, in out/deb
	@$(PYTHON) -m qemu.build.deb

rpm: bootstrap ## make an RPM package of the C driver for KVER=, in out/rpm; best effort
	@$(PYTHON) -m qemu.build.rpm

##@ Test

check: bootstrap ## build, boot and test; print one table; SUITES= selects some
	@$(PYTHON) -m qemu.harness.check check $(addprefix --only=,$(SUITES))

merge-shards: bootstrap ## merge the results of SHARD=1/N to N/N; SCOPE=full, SHARDS=FOLDERS
	@$(PYTHON) -m qemu.harness.merge $(or $(SCOPE),check) $(SHARDS) $(addprefix --only=,$(SUITES))

test: bootstrap ## run one subtest: NAME=igt@kms_addfb_basic@basic
	@$(PYTHON) -m qemu.harness.onetest $(NAME)

# Also runs the tests of `make check` on each supported kernel.
check-full: bootstrap ## run all generic IGT tests, all devices, and older kernels
	@status=0; $(PYTHON) -m qemu.harness.check full || status=1; \
	[ -n "$(KVER)" ] || for kernel in $$($(PYTHON) -m qemu.base.kernels $(DRIVER)); do \
		KVER=$$kernel $(PYTHON) -m qemu.harness.check check || status=1; \
	done; exit $$status

check-debug: bootstrap ## test on a kernel with KASAN, lockdep, kmemleak (built once, 25 min)
	@$(PYTHON) -m qemu.harness.check debug

check-endurance: bootstrap ## remove driver and device in use, TURNS= times each, with KASAN
	@$(PYTHON) -m qemu.harness.check endurance

check-desktops: bootstrap ## test GNOME, KWin, labwc, Weston, Xorg: sizes, cursor, VTs, suspend
	@$(PYTHON) -m qemu.harness.check desktops

check-install: bootstrap ## install the package in a guest, boot, remove it, boot
	@$(PYTHON) -m qemu.harness.installtest

check-rust-deb: bootstrap ## build the Rust driver from its package, as DKMS does, and load it
	@$(PYTHON) -m qemu.harness.debtest

piglit: bootstrap ## test GL with a renderer: what passes on stock must pass on DRIVER=
	@$(PYTHON) -m qemu.harness.piglit

compare: bootstrap ## run check-full on stock, C and Rust, side by side
	@$(PYTHON) -m qemu.harness.check full --driver stock || true
	@$(PYTHON) -m qemu.harness.check full --driver c; c=$$?; $(PYTHON) -m qemu.harness.check full --driver rust && exit $$c

bench: bootstrap ## count what stock, C and Rust cost the guest's kernel
	@$(PYTHON) -m qemu.bench.bench

##@ Test the tests

unit: bootstrap ## test the tools' own logic, in seconds
	@$(PYTHON) -m qemu.lint.lint unit

selftest: bootstrap ## check that a run fails if the guest's kernel complains
	@$(PYTHON) -m qemu.harness.selftest

shardtest: bootstrap ## run two suites in two shards, and merge the results
	@$(PYTHON) -m qemu.harness.shardtest

coverage: bootstrap ## count the lines of the C driver that check runs; SUITES= selects some
	@$(PYTHON) -m qemu.harness.coverage $(addprefix --only=,$(SUITES))

fuzz: bootstrap ## run random ioctls, guided by coverage; FUZZ_SECONDS=600, REPLAY=FILES
	@$(PYTHON) -m qemu.fuzz.fuzz $(if $(REPLAY),--replay $(REPLAY))

mutants: bootstrap ## break the driver in known places: a test must notice each; ONLY=
	@$(PYTHON) -m qemu.mutants.mutants $(ONLY)

mutate: bootstrap ## break it at random, print what no test notices; COUNT=, ONLY=
	@$(PYTHON) -m qemu.mutants.generate $(ONLY)

##@ Check the sources

lint: bootstrap ## run checkpatch, sparse, rustfmt, clippy, pylint, mypy, shellcheck, ...
	@$(PYTHON) -m qemu.lint.lint

rustfmt: bootstrap ## format the Rust
	@$(PYTHON) -m qemu.lint.lint rustfmt

compile-fail: bootstrap ## check that misuses of the Rust crates do not compile, and a port does
	@$(PYTHON) -m qemu.lint.compilefail

compile-upstream: bootstrap ## compile rust/upstream and docs/upstream/rust in the kernel's tree
	@$(PYTHON) -m qemu.lint.ported
	@$(PYTHON) -m qemu.lint.rustseries build

upstream-series: bootstrap ## make patches for the kernel of the crates, in docs/upstream/rust
	@$(PYTHON) -m qemu.lint.rustseries

ledger: ## count the unsafe Rust, and check that each part has an argument
	@$(PYTHON) -m qemu.lint.ledger

##@ Clean up

# Files that Kbuild creates when it builds in the source tree.
LEFTOVERS := '*.o' '*.o.d' '*.ko' '*.mod' '*.mod.c' '*.rmeta' '.*.cmd' 'generated.rs' \
	Module.symvers modules.order

clean: ## remove what was built in the checkout
	rm -rf out
	@find . -path ./.git -prune -o \( -false $(foreach name,$(LEFTOVERS),-o -name $(name)) \) \
		-exec rm -rf {} +

distclean: clean ## also remove the cache
	rm -rf "$${VIRTGPU_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/virtgpu}"

##@ Settings
##= DRIVER=c|rust|stock  the driver (default c; make bench: all)
##= KVER=7.3|7.2|6.12|rc the kernel (default: the newest supported series)
##= GPU=virgl|venus      a renderer on the host (make run, shell, piglit)
##= SHARD=2/4            run the second of four parts (make check, check-full, check-debug)
##= TURNS=1000           how often make check-endurance repeats each step
##= CONTINUE=1           continue an interrupted make check
##= VIRTGPU_SEED=N       repeat the random choices of a run that printed this seed
##= KDIR=DIR             kernel build tree of make modules (default: of the running kernel)
##= INSTALL_MOD_PATH=DIR install below this folder (make install, modules_install, uninstall)
##= VIRTGPU_CACHE=DIR    the folder for builds and images (default: ~/.cache/virtgpu)
##= VIRTGPU_ACCEL=tcg    do not use KVM

# Checks this machine, and installs what the other targets need.
bootstrap:
	@sh qemu/bootstrap.sh
	@$(PYTHON) -m qemu.base.choice

.PHONY: help run shell setup update modules compile client docs modules_install install uninstall deb rpm \
	check merge-shards test check-full check-debug check-endurance check-desktops check-install check-rust-deb \
	piglit compare \
	bench unit selftest shardtest coverage fuzz mutants mutate lint rustfmt compile-fail compile-upstream \
	upstream-series ledger clean distclean bootstrap
