# SPDX-License-Identifier: GPL-2.0
# virtgpu: `make help` lists the targets, README.md and docs/ say more.

# The kernel build tree that `make` builds the modules against.
KDIR ?= /lib/modules/$(shell uname -r)/build
export DRIVER KVER GPU

# Debian's, because other ones do not see the libraries that Debian packages.
PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := modules

# A target's line says what it does behind ##, a line ##@ begins a group, and so does ##= for what is
# set on the command line.
help:
	@awk -F ' *## *' '/^##@ /{print "\n" substr($$0, 5)} /^##= /{print "  " substr($$0, 5)} \
		/^[a-z-]+:.* ## /{sub(/:.*/, "", $$1); printf "  make %-16s %s\n", $$1, $$2}' \
		$(firstword $(MAKEFILE_LIST))

##@ Try it

run: bootstrap ## a desktop in a guest, in a window or as out/desktop.png
	@$(PYTHON) qemu/run.py

shell: bootstrap ## a shell in the guest; CMD=... runs a command instead
	@$(PYTHON) qemu/vm.py $(if $(CMD),-- sh -c '$(CMD)')

setup: bootstrap ## prepare the guest only
	@$(PYTHON) qemu/setup.py

update: bootstrap ## look for newer kernels in the archive
	@VIRTGPU_UPDATE=1 $(PYTHON) qemu/setup.py

##@ Build

modules: ## the modules alone, against KDIR=; also what plain `make` does
	@test -e $(KDIR)/Makefile || { echo "error: $(KDIR) is no kernel build tree: install the" \
		"kernel's headers or give KDIR=" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(MO),MO=$(MO)) modules

compile: bootstrap ## everything for every supported kernel, without a guest
	@$(PYTHON) qemu/build.py

docs: bootstrap ## guides, kernel-doc and rustdoc as one site: out/docs/index.html
	@$(PYTHON) qemu/docs.py

##@ Test

check: bootstrap ## build, boot, test; prints one table
	@$(PYTHON) qemu/check.py check

test: bootstrap ## one subtest: NAME=igt@kms_addfb_basic@basic
	@$(PYTHON) qemu/one.py $(NAME)

# And what `make check` runs, on the other supported kernels.
check-full: bootstrap ## every generic IGT test and device, and older kernels
	@status=0; $(PYTHON) qemu/check.py full || status=1; \
	[ -n "$(KVER)" ] || for kernel in $$($(PYTHON) qemu/kernels.py); do \
		KVER=$$kernel $(PYTHON) qemu/check.py check || status=1; \
	done; exit $$status

check-debug: bootstrap ## check on a kernel with KASAN, lockdep, kmemleak (built once, 25 min)
	@$(PYTHON) qemu/check.py debug

check-desktops: bootstrap ## GNOME, KWin, labwc, Weston, Xorg: sizes, cursor, VTs, suspend, reset
	@$(PYTHON) qemu/check.py desktops

piglit: bootstrap ## GL by a renderer: what passes on stock has to pass on ours
	@$(PYTHON) qemu/piglit.py

compare: bootstrap ## check-full on the stock driver, ours in C and in Rust, side by side
	@$(PYTHON) qemu/check.py full --driver stock || true
	@$(PYTHON) qemu/check.py full --driver c; c=$$?; $(PYTHON) qemu/check.py full --driver rust && exit $$c

bench: bootstrap ## count what stock, C and Rust cost the guest's kernel
	@$(PYTHON) qemu/bench.py

##@ Test the tests

unit: bootstrap ## the tests of the tools' own logic, in seconds
	@$(PYTHON) qemu/lint.py unit

selftest: bootstrap ## does a run fail when the guest's kernel complains?
	@$(PYTHON) qemu/selftest.py

coverage: bootstrap ## lines of the C driver that check's suites run; SUITES= chooses some
	@$(PYTHON) qemu/coverage.py $(addprefix --only=,$(SUITES))

fuzz: bootstrap ## random ioctls, guided by coverage; FUZZ_SECONDS=600, REPLAY=FILES
	@$(PYTHON) qemu/fuzz.py $(if $(REPLAY),--replay $(REPLAY))

mutants: bootstrap ## break the driver on purpose: a test must notice each time; ONLY=
	@$(PYTHON) qemu/mutants.py $(ONLY)

mutate: bootstrap ## break it at random and print what no test notices; COUNT=, ONLY=
	@$(PYTHON) qemu/mutate.py $(ONLY)

##@ Check the sources

lint: bootstrap ## checkpatch, sparse, rustfmt, clippy, pylint, mypy, shellcheck, links
	@$(PYTHON) qemu/lint.py

rustfmt: bootstrap ## format the Rust
	@$(PYTHON) qemu/lint.py rustfmt

compile-fail: bootstrap ## misuses of the Rust crates must not compile
	@$(PYTHON) qemu/compilefail.py

ledger: ## how much of the Rust is unsafe, and is it argued for?
	@$(PYTHON) qemu/ledger.py

##@ Clean up

# What Kbuild leaves where it builds in the tree itself.
LEFTOVERS := '*.o' '*.o.d' '*.ko' '*.mod' '*.mod.c' '*.rmeta' '.*.cmd' 'generated.rs' \
	Module.symvers modules.order

clean: ## remove what was built in the checkout
	rm -rf out
	@find . -path ./.git -prune -o \( -false $(foreach name,$(LEFTOVERS),-o -name $(name)) \) \
		-exec rm -rf {} +

distclean: clean ## remove the cache, too
	rm -rf "$${VIRTGPU_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/virtgpu}"

##@ Settings
##= DRIVER=c|rust|stock  whose driver (default c; make bench: all)
##= KVER=7.3|7.2|rc      which kernel (default: the newest supported series)
##= GPU=virgl|venus      a guest with a renderer (make run, piglit); VIRTGPU_GL= shows it
##= KDIR=DIR             kernel build tree of make modules (default: of the running kernel)
##= VIRTGPU_CACHE=DIR    where builds and images are kept (~/.cache/virtgpu)
##= VIRTGPU_ACCEL=tcg    do without KVM

# What the other targets need of this machine.
bootstrap:
	@sh qemu/bootstrap.sh
	@$(PYTHON) qemu/choice.py

.PHONY: help run shell setup update modules compile docs check test check-full check-debug \
	check-desktops piglit compare bench unit selftest coverage fuzz mutants mutate lint rustfmt \
	compile-fail ledger clean distclean bootstrap
