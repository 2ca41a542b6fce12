# SPDX-License-Identifier: GPL-2.0
"""Builds the modules, the guest's tests and the KUnit suites."""
