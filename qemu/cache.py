# SPDX-License-Identifier: GPL-2.0
"""The cache: what took long to make, kept outside the checkout under a key of what went in."""
import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import complaints
from report import Failure


def root() -> Path:
    """The cache's folder; VIRTGPU_CACHE moves it."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "virtgpu"
    path = Path(os.environ.get("VIRTGPU_CACHE") or default)
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*parts) -> str:
    """A short name for everything that decides what an entry holds."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]


def _sweep(name: str) -> None:
    """Removes what interrupted runs left; call with the entry's lock held."""
    for path in root().glob(f".{name}.*.partial"):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path):
    """Nobody else works in a folder of the cache meanwhile."""
    with open(folder.with_name(f".{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name: str, make, needs: int = 500) -> Path:
    """The folder `name`, made by make(folder) if it is not there; that needs so many MB.

    Only a finished folder ever gets the name: an interrupted make leaves a partial one behind,
    which the next run removes.
    """
    path = root() / name
    if path.exists():
        return path
    with locked(path):
        if path.exists():
            return path
        _sweep(name)
        complaints.check_room(root(), needs)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".partial", dir=root()))
        partial.chmod(0o755)
        try:
            make(partial)
        except BaseException as error:
            full = complaints.about_disk(root(), needs) if complaints.is_full(error) else ""
            shutil.rmtree(partial, ignore_errors=True)
            if full:
                raise Failure(full) from error
            raise
        partial.rename(path)
    return path
