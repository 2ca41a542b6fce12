# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the ioctls of a driver."""
