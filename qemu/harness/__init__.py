# SPDX-License-Identifier: GPL-2.0
"""The suites of tests: which guest each needs, what is expected, and how it is reported."""
