# SPDX-License-Identifier: GPL-2.0
"""Breaks the drivers on purpose, and checks that a test notices."""
