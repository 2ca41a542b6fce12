# SPDX-License-Identifier: GPL-2.0
"""The guest's kernel log as it comes over the serial line, kept whole."""
from pathlib import Path

import kernelmessages


class SerialLog:
    """A log file that a running guest appends to."""

    def __init__(self, path: Path):
        self.path = path

    def lines(self) -> list[str]:
        if not self.path.exists():
            return []
        return self.path.read_text(errors="replace").splitlines()

    def fatal(self) -> str:
        """Why the guest cannot be trusted any more; empty when it can."""
        return kernelmessages.excerpt(self.lines(), kernelmessages.FATAL,
                                      before=kernelmessages.REASON)

    def bad(self, but: str = "") -> str:
        """The first complaint of the kernel, except one with `but` in it."""
        return kernelmessages.excerpt(self.lines(), kernelmessages.BAD, but)

    def complaints(self, known) -> str:
        """The first complaint of the kernel that is not among the messages `known`."""
        return kernelmessages.complaints(self.lines(), known)
