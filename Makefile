# SPDX-License-Identifier: GPL-2.0
# virtgpu: see `make help` and README.md.

# The kernel build tree that `make` builds the modules against.
KDIR ?= /lib/modules/$(shell uname -r)/build
export DRIVER KVER GPU

# Debian's, because other ones do not see the libraries that Debian packages.
PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := modules

help:
	@echo "make                 build the modules alone, against KDIR=$(KDIR)"
	@echo "make run             a desktop in a guest, on screen or as out/desktop.png"
	@echo "make check           build, boot, test; one table"
	@echo "make check-full      with every generic IGT test and device, and on older kernels"
	@echo "make compare         check-full on the stock driver, ours in C and in Rust, side by side"
	@echo "make check-debug     check on a kernel with KASAN, lockdep, kmemleak (built once, 25 min)"
	@echo "make check-desktops  GNOME, KWin, labwc, Weston, Xorg: sizes, cursor, VTs, suspend, reset"
	@echo "make coverage        lines of the C driver that check's suites run; SUITES= chooses some"
	@echo "make piglit          GL by a renderer: what passes on stock has to pass on ours"
	@echo "make test NAME=...   one IGT or own subtest, e.g. NAME=igt@kms_addfb_basic@basic"
	@echo "make shell           a shell in the guest; CMD=... runs a command instead"
	@echo "make fuzz            random ioctls, guided by coverage; FUZZ_SECONDS=600, REPLAY=FILES"
	@echo "make mutants         break the driver on purpose: a test must notice each time (ONLY=)"
	@echo "make mutate          break it at random and print what no test notices (COUNT=, ONLY=)"
	@echo "make compile         compile everything for every supported kernel, without a guest"
	@echo "make compile-fail    misuses of the Rust crates must not compile"
	@echo "make bench           count what stock, C and Rust cost the guest's kernel"
	@echo "make ledger          how much of the Rust is unsafe, and is it argued for?"
	@echo "make unit            test the tools' own logic, in seconds"
	@echo "make selftest        does a run fail when the guest's kernel complains?"
	@echo "make lint            checkpatch, sparse, rustfmt, clippy, pylint, mypy, shellcheck"
	@echo "make setup           prepare the guest only; make update looks for a newer kernel"
	@echo "make clean           remove what was built here; make distclean the cache, too"
	@echo
	@echo "GPU=virgl|venus      a guest with a renderer (make run, make piglit); VIRTGPU_GL= shows it"
	@echo "DRIVER=c|rust|stock  whose driver (default c; make bench: all)"
	@echo "KVER=7.3|7.2|rc      which kernel (default: the newest supported series)"
	@echo "VIRTGPU_CACHE=DIR    where builds and images are kept (~/.cache/virtgpu)"
	@echo "VIRTGPU_ACCEL=tcg    do without KVM"

modules:
	@test -e $(KDIR)/Makefile || { echo "error: $(KDIR) is no kernel build tree: install the" \
		"kernel's headers or give KDIR=" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(MO),MO=$(MO)) modules

bootstrap:
	@sh qemu/bootstrap.sh
	@$(PYTHON) qemu/choice.py

setup: bootstrap
	@$(PYTHON) qemu/setup.py

update: bootstrap
	@VIRTGPU_UPDATE=1 $(PYTHON) qemu/setup.py

run: bootstrap
	@$(PYTHON) qemu/run.py

check: bootstrap
	@$(PYTHON) qemu/check.py check

# And what `make check` runs, on the other supported kernels.
check-full: bootstrap
	@status=0; $(PYTHON) qemu/check.py full || status=1; \
	[ -n "$(KVER)" ] || for kernel in $$($(PYTHON) qemu/kernels.py); do \
		KVER=$$kernel $(PYTHON) qemu/check.py check || status=1; \
	done; exit $$status

compare: bootstrap
	@$(PYTHON) qemu/check.py full --driver stock || true
	@$(PYTHON) qemu/check.py full --driver c; c=$$?; $(PYTHON) qemu/check.py full --driver rust && exit $$c

check-debug: bootstrap
	@$(PYTHON) qemu/check.py debug

check-desktops: bootstrap
	@$(PYTHON) qemu/check.py desktops

coverage: bootstrap
	@$(PYTHON) qemu/coverage.py $(addprefix --only=,$(SUITES))

piglit: bootstrap
	@$(PYTHON) qemu/piglit.py

test: bootstrap
	@$(PYTHON) qemu/one.py $(NAME)

shell: bootstrap
	@$(PYTHON) qemu/vm.py $(if $(CMD),-- sh -c '$(CMD)')

compile: bootstrap
	@$(PYTHON) qemu/build.py

compile-fail: bootstrap
	@$(PYTHON) qemu/compilefail.py

bench: bootstrap
	@$(PYTHON) qemu/bench.py

ledger:
	@$(PYTHON) qemu/ledger.py

fuzz: bootstrap
	@$(PYTHON) qemu/fuzz.py $(if $(REPLAY),--replay $(REPLAY))

mutants: bootstrap
	@$(PYTHON) qemu/mutants.py $(ONLY)

unit: bootstrap
	@$(PYTHON) qemu/lint.py unit

selftest: bootstrap
	@$(PYTHON) qemu/selftest.py

mutate: bootstrap
	@$(PYTHON) qemu/mutate.py $(ONLY)

lint: bootstrap
	@$(PYTHON) qemu/lint.py

# What Kbuild leaves where it builds in the tree itself.
LEFTOVERS := '*.o' '*.o.d' '*.ko' '*.mod' '*.mod.c' '*.rmeta' '.*.cmd' 'generated.rs' \
	Module.symvers modules.order

clean:
	rm -rf out
	@find . -path ./.git -prune -o \( -false $(foreach name,$(LEFTOVERS),-o -name $(name)) \) \
		-exec rm -rf {} +

distclean: clean
	rm -rf "$${VIRTGPU_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/virtgpu}"

.PHONY: help modules bootstrap setup update run check check-full check-debug check-desktops coverage piglit compare test shell compile compile-fail bench ledger fuzz mutants unit selftest lint mutate clean distclean
