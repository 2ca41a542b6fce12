# SPDX-License-Identifier: GPL-2.0
"""The folders of the checkout that several tools use."""
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
# The scripts that run in the guest.
GUEST = TOP / "qemu/guest"
IGT_TESTS = TOP / "igt-tests"
