# SPDX-License-Identifier: GPL-2.0
"""Runs the guest for a person: a desktop, or a shell."""
