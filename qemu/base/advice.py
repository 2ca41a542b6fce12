# SPDX-License-Identifier: GPL-2.0
"""Messages for failures outside this project: the Debian mirror and full disks."""
import errno
import re
import shutil
import tempfile
from pathlib import Path

from qemu.base.report import Failure

NO_SPACE = "No space left on device"


def about_mirror(output: str, uri: str, suite: str) -> str:
    """Returns why mmdebstrap or apt failed, as its output shows, and what to do about it."""
    ask = ("It is the first Debian mirror that `apt-get indextargets` lists on this machine; "
           "/etc/apt/sources.list and /etc/apt/sources.list.d decide.")
    if re.search(r"does not have a Release file|404 +Not Found", output):
        return (f"The mirror {uri} has no suite {suite}, or lacks a part of it. {ask} "
                "The mirror must have trixie, trixie-backports and forky, and experimental for "
                "KVER=rc.")
    if re.search(r"Could not resolve|Could not connect|Connection (refused|timed out|failed)|"
                 r"Cannot initiate the connection|Temporary failure resolving|503 ", output):
        return f"The mirror {uri} does not answer. {ask} Does `apt-get update` work?"
    if "NO_PUBKEY" in output or "is not signed" in output:
        return (f"The signature of {suite} on {uri} cannot be checked. Install the newest package "
                "debian-archive-keyring.")
    return f"The mirror was {uri}. {ask} Does `apt-get update` work?"


def is_full(error: BaseException) -> bool:
    """Returns whether an error, or the output of a failed program, says that a disk is full."""
    return getattr(error, "errno", None) == errno.ENOSPC or NO_SPACE in str(error)


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free >> 20


def _full(path: Path, needed: int, knob: str) -> str:
    return (f"disk full: {_free(path)} MB free at {path}, about {needed} MB needed. Free some space, or "
            f"set {knob} to a folder on another disk.")


def about_disk(cache: Path, needed: int) -> str:
    """Returns a message about the disk that is full; `needed` is in MB."""
    temporary = Path(tempfile.gettempdir())
    if _free(temporary) < _free(cache):
        return _full(temporary, needed, "TMPDIR")
    return _full(cache, needed, "VIRTGPU_CACHE")


def check_room(cache: Path, needed: int) -> None:
    """Fails early if the disk is too full, because otherwise the failure comes after minutes."""
    if _free(cache) < needed:
        raise Failure(_full(cache, needed, "VIRTGPU_CACHE"))
