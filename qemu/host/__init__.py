# SPDX-License-Identifier: GPL-2.0
"""Runs QEMU and one job in it, and compares what the host shows with what the guest intends."""
