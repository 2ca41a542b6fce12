# SPDX-License-Identifier: GPL-2.0
"""Builds the documentation, and checks its links."""
