# SPDX-License-Identifier: GPL-2.0
"""Runs commands in a root with bubblewrap: without privileges, and they end with this process."""
import os
import subprocess
from pathlib import Path

from qemu.base.report import Failure

# The host's files that QEMU's windows need, if they exist.
DISPLAY_PATHS = ("/tmp/.X11-unix", "/dev/dri", os.environ.get("XDG_RUNTIME_DIR", ""),
                 os.environ.get("XAUTHORITY", ""))
DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")


def _system(root: Path):
    """Yields arguments that bind the root's folders into a new file system with mount points."""
    for path in sorted(root.iterdir()):
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), f"/{path.name}")
        elif path.name in ("etc", "usr"):
            yield from ("--ro-bind", str(path), f"/{path.name}")


def command(root: Path, argv, *, read=(), write=(), binds=(), network=False, display=False):
    """Returns the command line that runs argv in `root`.

    read, write: folders that appear under their own path; binds: (path, where), read-only.
    """
    bwrap = ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--new-session",
             *_system(root), "--dev-bind", "/dev", "/dev", "--proc", "/proc",
             "--dir", "/tmp", "--dir", "/run", "--dir", "/var/tmp", "--clearenv",
             "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin",
             "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"]
    if not network:
        bwrap += ["--unshare-net"]
    else:
        bwrap += ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
    for path in read:
        bwrap += ["--ro-bind", str(path), str(path)]
    for path in write:
        bwrap += ["--bind", str(path), str(path)]
    for path, where in binds:
        bwrap += ["--ro-bind", str(path), str(where)]
    if display:
        for path in DISPLAY_PATHS:
            if path and os.path.exists(path):
                bwrap += ["--bind", path, path]
        for name in DISPLAY_VARIABLES:
            if name in os.environ:
                bwrap += ["--setenv", name, os.environ[name]]
    return bwrap + ["--", *map(str, argv)]


def run(root: Path, argv, **options) -> str:
    """Runs argv in `root` and returns its output; a Failure contains the end of the output."""
    cwd = options.pop("cwd", None)
    env = options.pop("env", {})
    argv = command(root, argv, **options)
    if cwd or env:
        at = argv.index("--")
        extra = ["--chdir", str(cwd)] if cwd else []
        for name, value in env.items():
            extra += ["--setenv", name, str(value)]
        argv[at:at] = extra
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        inner = " ".join(argv[argv.index("--") + 1:])
        raise Failure(f"`{inner}` failed with status {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout
