# SPDX-License-Identifier: GPL-2.0
"""Tests that the messages in docs/troubleshooting.md occur in the sources."""
import re
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
SOURCES = ("Makefile", "qemu/bootstrap.sh", "qemu/*/*.py", "drm/**/*.c", "drm/**/*.h", "rust/**/*.rs")
# The messages in this section come from the kernel.
FOREIGN = "## When you load the module yourself"


def joined(text: str) -> str:
    """Joins string literals of a source that are split over several pieces or lines."""
    return re.sub(r"[\"'] *\\?\n?\s*(echo )?f?[\"']", "", text)


def explained(text: str) -> list[str]:
    """Returns the messages in the first column of the tables. A cell may have several."""
    own = re.sub(rf"^{FOREIGN}$.*?(?=^## )", "", text, flags=re.M | re.S)
    cells = [line.split(" | ")[0] for line in own.splitlines() if line.startswith("| `")]
    return [one.strip("` ") for cell in cells for one in re.findall(r"``.+?``|`[^`]+`", cell)]


def test_reading():
    assert joined('say(f"one "\n      f"two")') == 'say(f"one two")'
    table = f"| `a ... b`, `c` | x `y` | z |\n{FOREIGN}\n| `kernel` | x | y |\n## Next\n| `d` | x |\n"
    assert explained(table) == ["a ... b", "c", "d"]


def test_each_message_is_printed_somewhere():
    sources = "\n".join(joined(path.read_text(encoding="utf-8"))
                        for pattern in SOURCES for path in TOP.glob(pattern))
    messages = explained((TOP / "docs/troubleshooting.md").read_text(encoding="utf-8"))
    assert len(messages) > 50
    lost = [message for message in messages for piece in message.split("...")
            if piece.strip("`: ,") and piece.strip("`: ,") not in sources]
    assert not lost
