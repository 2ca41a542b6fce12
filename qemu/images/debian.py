# SPDX-License-Identifier: GPL-2.0
"""Gets packages of Debian: runs mmdebstrap and apt with the mirror that this machine uses."""
import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

from qemu.base import advice, sandbox
from qemu.base.report import Failure

STABLE = "trixie"
BACKPORTS = f"{STABLE}-backports"
GUEST_SUITE = "forky"

# Expired release files are accepted, because a mirror that is no longer updated still works; packages
# are signed anyway.
APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"',
               'Acquire::Languages "none"', "Acquire::Retries 3")


def mirror() -> str:
    """Returns the Debian mirror that this machine itself uses."""
    try:
        done = subprocess.run(
            ["apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE) $(RELEASE)",
             "Created-By: Packages"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failure("this machine has no apt-get, so its Debian mirror is unknown. Debian 12 and "
                      "13 are tested.") from None
    for line in done.stdout.splitlines():
        uri = line.split()[0]
        if re.search(r"/debian/?$", uri):
            return uri.rstrip("/")
    raise Failure("apt knows no Debian mirror (a URI that ends in /debian). Add one to "
                  "/etc/apt/sources.list.d and run `apt-get update`.")


def packages(path: Path):
    lines = path.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


# The running mmdebstraps of all threads.
_running: set[subprocess.Popen] = set()


def _interrupt(process: subprocess.Popen) -> None:
    """Sends SIGINT to mmdebstrap and its children, as Ctrl-C does; mmdebstrap then cleans up."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)


def interrupt() -> None:
    """Stops every running mmdebstrap."""
    for process in list(_running):
        _interrupt(process)


def bootstrap(suite: str, wanted, target: Path, sources, hooks=()) -> None:
    """Runs mmdebstrap into a tar file; as root, or as another user with user namespaces."""
    # mmdebstrap sends SIGHUP to its process group when a disk is full, so it gets its own group.
    # setpriv ends it when this process ends.
    argv = ["setpriv", "--pdeathsig", "TERM", "mmdebstrap", "--variant=minbase", "--format=tar",
            *(f"--aptopt={option}" for option in APT_OPTIONS),
            *(f"--customize-hook={hook}" for hook in hooks),
            f"--include={','.join(wanted)}", suite, str(target), *sources]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True) as process:
        _running.add(process)
        try:
            output, _ = process.communicate()
        except BaseException:
            _interrupt(process)
            raise
        finally:
            _running.discard(process)
    if process.returncode:
        uri = sources[0].split()[1]
        raise Failure(f"mmdebstrap of {suite} failed:\n{output[-4000:]}\n"
                      + advice.about_mirror(output, uri, suite))


def unpack(tar: Path, folder: Path) -> None:
    """Unpacks a tar file as the current user, because owners and devices are not needed."""
    done = subprocess.run(["tar", "-C", folder, "-xf", tar, "--no-same-owner",
                           "--exclude=./dev/*"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"unpacking {tar} failed:\n{done.stderr[-4000:]}")
    for mount_point in ("usr/src", "usr/lib/modules"):
        (folder / mount_point).mkdir(exist_ok=True)
    tar.unlink()


def apt(root: Path, folder: Path, argv, suite: str = BACKPORTS) -> str:
    """Runs apt in the build root with its state in `folder`, for packages of one suite."""
    for sub in ("state/lists/partial", "cache/archives/partial"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "state/status").touch()
    sources = folder / "sources.list"
    sources.write_text(f"deb {mirror()} {suite} main\n")
    options = [f"-oDir::State={folder}/state", f"-oDir::Cache={folder}/cache",
               f"-oDir::State::status={folder}/state/status",
               f"-oDir::Etc::SourceList={sources}", "-oDir::Etc::SourceParts=/dev/null"]
    return sandbox.run(root, [argv[0], *options, *argv[1:]], write=[folder], network=True,
                       cwd=folder)
