# SPDX-License-Identifier: GPL-2.0
"""A virtio GPU in Python that replaces QEMU's and can be faulty."""
