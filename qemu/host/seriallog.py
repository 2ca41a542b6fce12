# SPDX-License-Identifier: GPL-2.0
"""Reads the guest's kernel log from the serial line."""
from pathlib import Path

from qemu.host import kernelmessages


class SerialLog:
    """A log file that a running guest writes."""

    def __init__(self, path: Path):
        self.path = path

    def lines(self) -> list[str]:
        if not self.path.exists():
            return []
        return self.path.read_text(errors="replace").splitlines()

    def fatal(self) -> str:
        """Returns why the guest is unreliable; empty if it is fine."""
        return kernelmessages.excerpt(self.lines(), kernelmessages.FATAL,
                                      before=kernelmessages.REASON)

    def bad(self, but: str = "") -> str:
        """Returns the first kernel error, except those with `but` in them."""
        return kernelmessages.excerpt(self.lines(), kernelmessages.BAD, but)

    def complaints(self, known) -> str:
        """Returns the first kernel error that is not in `known`."""
        return kernelmessages.complaints(self.lines(), known)
