# SPDX-License-Identifier: GPL-2.0
"""What is made from Debian packages: roots with compilers, the guest's disk, and kernels."""
