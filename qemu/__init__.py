# SPDX-License-Identifier: GPL-2.0
"""The tools of the project: they prepare a guest, build for it, run it, and judge what it does.

Each folder may import from those above it in this list (lint/folders.py checks that):

    base         messages, choices of the user, cache, sandbox
    images       from Debian packages: roots with compilers, the guest's disk, kernels
    build        the modules, the guest's tests, and the packages
    device       the GPU in Python that replaces QEMU's
    host         runs QEMU and one job in it, and looks at what the host shows
    interactive  a desktop or a shell for a person
    harness      the suites of tests, their expectations and reports
    bench        what the drivers cost
    fuzz         random ioctls, guided by coverage
    mutants      breaks the drivers on purpose, to test the tests
    docs         the site
    lint         the checkers of the sources

guest/ has the scripts that run in the guest, packages/ the files that install the driver on a person's
machine, ci/ a job for LAVA, tests/ the unit tests of the tools. The Makefile starts the programs:
python3 -m qemu.FOLDER.PROGRAM, in the top folder of the checkout.
"""
