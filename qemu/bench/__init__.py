# SPDX-License-Identifier: GPL-2.0
"""Measures what the drivers cost."""
