# SPDX-License-Identifier: GPL-2.0
"""The cache keeps slow build products outside the checkout, under a key of their inputs."""
import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from qemu.base import advice
from qemu.base.report import Failure


_COMMENT = re.compile(r"\s*(#(?! CONFIG_).*)?")


def root() -> Path:
    """Returns the folder of the cache; VIRTGPU_CACHE moves it."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "virtgpu"
    path = Path(os.environ.get("VIRTGPU_CACHE") or default)
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*parts) -> str:
    """Returns a short hash of everything that decides the content of an entry."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]


def recipe(*parts) -> str:
    """Returns the text of functions and files for a key, without what does not change the result.

    That is comments and empty lines, so they can be edited without a rebuild. A comment has its own
    line. Lines like "# CONFIG_X is not set" are not comments.
    """
    texts = [part.read_text() if isinstance(part, Path) else inspect.getsource(part) for part in parts]
    return "\0".join("\n".join(line for line in text.splitlines() if not _COMMENT.fullmatch(line))
                     for text in texts)


def _sweep(name: str) -> None:
    """Removes what interrupted runs left behind; call with the entry's lock held."""
    for path in root().glob(f".{name}.*.partial"):
        shutil.rmtree(path, ignore_errors=True)


def discard(folder: Path) -> None:
    """Removes a folder of the cache in the background.

    To remove a kernel's source takes minutes on a disk that discards freed blocks at once. If a removal
    was interrupted, the next call removes the rest.
    """
    folder.rename(root() / f".{uuid.uuid4()}.trash")
    subprocess.Popen(["rm", "-rf", *root().glob(".*.trash")], stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


@contextlib.contextmanager
def locked(folder: Path):
    """Holds an exclusive lock on a folder of the cache."""
    with open(folder.with_name(f".{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name: str, make, needs: int = 500) -> Path:
    """Returns the folder `name`; make(folder) fills it if it does not exist, and needs `needs` MB.

    Only a finished folder gets the name. An interrupted make leaves a partial folder behind, which
    the next run removes.
    """
    path = root() / name
    if path.exists():
        return path
    with locked(path):
        if path.exists():
            return path
        _sweep(name)
        advice.check_room(root(), needs)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".partial", dir=root()))
        partial.chmod(0o755)
        try:
            make(partial)
        except BaseException as error:
            full = advice.about_disk(root(), needs) if advice.is_full(error) else ""
            discard(partial)
            if full:
                raise Failure(full) from error
            raise
        partial.rename(path)
    return path
