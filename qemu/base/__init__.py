# SPDX-License-Identifier: GPL-2.0
"""What all tools use: messages, choices of the user, cache, sandbox."""
