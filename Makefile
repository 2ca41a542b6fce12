# SPDX-License-Identifier: GPL-2.0
# virtgpu: see `make help` and README.md.

# The kernel build tree that `make` builds the modules against.
KDIR ?= /lib/modules/$(shell uname -r)/build
# Whose driver the guest runs: c, rust or stock.
DRIVER ?= c
export DRIVER KVER GPU

.DEFAULT_GOAL := modules

help:
	@echo "make                 build the modules alone, against KDIR=$(KDIR)"
	@echo "make run             a desktop in a guest, on screen or as out/desktop.png"
	@echo "make check           build, boot, test; one table"
	@echo "make check-full      the same with every generic IGT test, suspend included"
	@echo "make compare         check-full on the stock driver, ours in C and in Rust, side by side"
	@echo "make check-debug     check on a kernel with KASAN, lockdep, kmemleak (built once, 25 min)"
	@echo "make piglit          GL by a renderer: what passes on stock has to pass on ours"
	@echo "make test NAME=...   one IGT or own subtest, e.g. NAME=igt@kms_addfb_basic@basic"
	@echo "make shell CMD=...   run a command in the guest"
	@echo "make mutants         break the driver on purpose: a test must notice each time"
	@echo "make compile-fail    misuses of the Rust crates must not compile"
	@echo "make bench           count what stock, C and Rust cost the guest's kernel"
	@echo "make ledger          how much of the Rust is unsafe, and is it argued for?"
	@echo "make lint            checkpatch, sparse, rustfmt, clippy, rustdoc, shellcheck"
	@echo "make setup           prepare the guest only; make update looks for a newer kernel"
	@echo "make clean           remove what was built here; make distclean the cache, too"
	@echo
	@echo "GPU=virgl|venus      a guest with a renderer (make run, make piglit); VIRTGPU_GL= shows it"
	@echo "DRIVER=c|rust|stock  whose driver (default c)"
	@echo "KVER=7.2             which kernel of the distribution (default: newest)"
	@echo "VIRTGPU_CACHE=DIR    where builds and images are kept (~/.cache/virtgpu)"
	@echo "VIRTGPU_ACCEL=tcg    do without KVM"

modules:
	@test -e $(KDIR)/Makefile || { echo "error: $(KDIR) is no kernel build tree: install the" \
		"kernel's headers or give KDIR=" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(MO),MO=$(MO)) modules

bootstrap:
	@sh qemu/bootstrap.sh

setup: bootstrap
	@python3 qemu/setup.py

update: bootstrap
	@VIRTGPU_UPDATE=1 python3 qemu/setup.py

run: bootstrap
	@python3 qemu/run.py

check: bootstrap
	@python3 qemu/check.py check

check-full: bootstrap
	@python3 qemu/check.py full

compare: bootstrap
	@python3 qemu/check.py full --driver stock || true
	@python3 qemu/check.py full --driver c; c=$$?; python3 qemu/check.py full --driver rust && exit $$c

check-debug: bootstrap
	@python3 qemu/check.py debug

piglit: bootstrap
	@python3 qemu/piglit.py

test: bootstrap
	@python3 qemu/one.py $(NAME)

shell: bootstrap
	@python3 qemu/vm.py -- sh -c '$(CMD)'

compile-fail: bootstrap
	@python3 qemu/compilefail.py

bench: bootstrap
	@python3 qemu/bench.py

ledger:
	@python3 qemu/ledger.py

mutants: bootstrap
	@python3 qemu/mutants.py $(ONLY)

lint: bootstrap
	@python3 qemu/lint.py

clean:
	rm -rf out

distclean: clean
	rm -rf "$${VIRTGPU_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/virtgpu}"

.PHONY: help modules bootstrap setup update run check check-full check-debug piglit compare test shell compile-fail bench ledger mutants lint clean distclean
