# SPDX-License-Identifier: GPL-2.0
"""Runs the checkers of the sources."""
