#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prepares everything that a guest needs from Debian packages: build root, guest image, kernel."""
import concurrent.futures
import contextlib
import inspect
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import cache
import choice
import complaints
import guestversions
import kernels
import report
import sandbox
from report import Failure, step

HERE = Path(__file__).resolve().parent
STABLE = "trixie"
BACKPORTS = f"{STABLE}-backports"
GUEST_SUITE = "forky"

# Expired release files are accepted, because a mirror that is no longer updated still works; packages
# are signed anyway.
APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"',
               'Acquire::Languages "none"', "Acquire::Retries 3")

GUEST_DISK = "3G"
DESKTOPS_DISK = "7G"

# Disk space in MB that an entry of the cache needs, there and in the folder for temporary files.
BUILD_ROOT_MB = 2200
GUEST_MB = 2600
KERNEL_MB = 700


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
                      + complaints.about_mirror(output, uri, suite))


def unpack(tar: Path, folder: Path) -> None:
    """Unpacks a tar file as the current user, because owners and devices are not needed."""
    done = subprocess.run(["tar", "-C", folder, "-xf", tar, "--no-same-owner",
                           "--exclude=./dev/*"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"unpacking {tar} failed:\n{done.stderr[-4000:]}")
    for mount_point in ("usr/src", "usr/lib/modules"):
        (folder / mount_point).mkdir(exist_ok=True)
    tar.unlink()


def make_root(folder: Path, suite: str, names) -> None:
    """A root with packages of one suite."""
    tar = folder / "root.tar"
    bootstrap(suite, names, tar, [f"deb {mirror()} {suite} main"])
    unpack(tar, folder)


def stable_root(name: str, holds: str, *lists: Path) -> Path:
    """Returns the root NAME with the packages of some lists; `holds` describes it in messages."""
    def make(folder: Path) -> None:
        with step(f"{name} root ({STABLE}: {holds})"):
            make_root(folder, STABLE, [one for names in lists for one in packages(names)])

    key = cache.key(*lists, STABLE, inspect.getsource(make_root))
    return cache.entry(f"{name}-root-{key}", make)


def make_root_with_backports(folder: Path, names: Path) -> None:
    """A root with the packages of a list, those marked /backports from there."""
    uri = mirror()
    wanted = packages(names)
    stable = [name for name in wanted if "/" not in name]
    newer = [name.split("/")[0] for name in wanted if "/" in name]
    hook = (f'chroot "$1" apt-get -qq install -y --no-install-recommends -t {BACKPORTS} '
            + " ".join(newer))
    tar = folder / "root.tar"
    bootstrap(STABLE, stable, tar,
              [f"deb {uri} {STABLE} main", f"deb {uri} {BACKPORTS} main"], [hook])
    unpack(tar, folder)


def make_build_root(folder: Path) -> None:
    with step(f"build root ({STABLE}: compilers and QEMU)"):
        make_root_with_backports(folder, HERE / "build-root.packages")
        # For downloads of kernels, later.
        (folder / "etc/apt/apt.conf.d/90virtgpu").write_text(
            "".join(f"{option};\n" for option in APT_OPTIONS) + 'APT::Sandbox::User "root";\n')


def build_root() -> Path:
    name = cache.key(HERE / "build-root.packages", STABLE, inspect.getsource(make_build_root),
                     inspect.getsource(make_root_with_backports))
    return cache.entry(f"build-root-{name}", make_build_root, BUILD_ROOT_MB)


def make_guest_tar(extra):
    """The guest's packages, and more if somebody needs them."""
    def make(folder: Path) -> None:
        what = ", ".join(("IGT, Weston, Mesa, Xorg", *extra))
        with step(f"guest user space ({GUEST_SUITE}: {what})"):
            bootstrap(GUEST_SUITE, packages(HERE / "guest.packages") + list(extra),
                      folder / "guest.tar", [f"deb {mirror()} {GUEST_SUITE} main"])
            versions = guestversions.installed(folder / "guest.tar")
            (folder / guestversions.FILE).write_text(json.dumps(versions, indent=1))
    return make


def make_guest_image(root: Path, extra, size: str):
    def make(folder: Path) -> None:
        tar = cache.entry(guest_tar_name(extra), make_guest_tar(extra), GUEST_MB) / "guest.tar"
        with step("guest disk"):
            image = folder / "guest.ext4"
            sandbox.run(root, ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal",
                               "-E", "lazy_itable_init=1", "-d", tar, image, size],
                        read=[tar.parent], write=[folder])
        shutil.copy(tar.parent / guestversions.FILE, folder)
        shutil.rmtree(tar.parent)
    return make


def guest_tar_name(extra=()) -> str:
    return "guest-tar-" + cache.key(HERE / "guest.packages", GUEST_SUITE, *extra,
                                    inspect.getsource(make_guest_tar))


def guest_name(extra=(), size: str = GUEST_DISK) -> str:
    return "guest-" + cache.key(guest_tar_name(extra), size)


def guest_image(root: Path, extra=(), size: str = GUEST_DISK) -> Path:
    return cache.entry(guest_name(extra, size),
                       make_guest_image(root, extra, size), GUEST_MB) / "guest.ext4"


def desktops_image(root: Path) -> Path:
    """Returns the guest's disk with desktops, which only the desktops suite needs."""
    return guest_image(root, tuple(packages(HERE / "desktops.packages")), DESKTOPS_DISK)


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


def archive(root: Path, suite: str) -> dict[str, str]:
    """Returns the kernel headers of a suite: {package: version}.

    Cached until `make update`, so that later runs do not need the network.
    """
    memory = cache.root() / f"archive-{suite}.json"
    if not memory.exists():
        with step(f"list of kernels in {suite}"), \
                tempfile.TemporaryDirectory(dir=cache.root()) as scratch:
            apt(root, Path(scratch), ["apt-get", "-qq", "update"], suite)
            text = apt(root, Path(scratch), ["apt-cache", "dumpavail"], suite)
        found = re.findall(r"^Package: (linux-headers-.*)\n(?:.+\n)*?Version: (.*)$", text, re.M)
        memory.write_text(json.dumps(dict(found), indent=1))
    return json.loads(memory.read_text())


def resolve_kernel(root: Path, wanted: str) -> dict:
    """Returns version, suite and package version of the kernel that a value of KVER= means."""
    candidate = wanted == kernels.CANDIDATE.name
    suite = kernels.CANDIDATE.suite if candidate else kernels.DEFAULT.suite
    there = archive(root, suite)
    chosen = kernels.resolve_candidate(there) if candidate else kernels.resolve(wanted, there)
    for note in chosen.notes:
        report.say(f"    {note}")
    return {"version": chosen.version, "suite": suite,
            "package": there[f"linux-headers-{chosen.version}"]}


def make_kernel(root: Path, version: str, suite: str):
    base, _, _ = version.partition("-amd64")

    def make(folder: Path) -> None:
        with step(f"kernel {version}"):
            scratch = folder / "scratch"
            scratch.mkdir()
            apt(root, scratch, ["apt-get", "-qq", "update"], suite)
            apt(root, scratch, ["apt-get", "-qq", "download",
                                f"linux-headers-{version}", f"linux-headers-{base}-common",
                                f"linux-kbuild-{base}", f"linux-binary-{version}",
                                f"linux-modules-{version}"], suite)
            for deb in scratch.glob("*.deb"):
                sandbox.run(root, ["dpkg-deb", "-x", deb, folder], write=[folder])
            subprocess.run(["rm", "-rf", scratch], check=True)
            modules = folder / "usr/lib/modules"
            vmlinuz = next(iter(sorted(modules.glob("*/vmlinuz"))), None) or \
                next(folder.glob("boot/vmlinuz-*"))
            vmlinuz.rename(folder / "vmlinuz")
            sandbox.run(root, ["depmod", "-b", folder / "usr", version], write=[folder])
            sandbox.run(root, ["sh", "-c", f"""
                set -e
                used=$(du -sm {modules} | cut -f1)
                mke2fs -q -t ext4 -m 0 -O ^has_journal -d {modules} \
                    {folder}/modules.ext4 $((used + used / 4 + 16))M"""], write=[folder])
    return make


def kernel(root: Path, chosen: dict) -> Path:
    """Returns the unpacked packages of the kernel that resolve_kernel() chose, with a module image.

    The key contains the package's version, because successive candidates have the same package names.
    """
    key = cache.key(inspect.getsource(make_kernel), chosen["suite"], chosen["package"])
    return cache.entry(f"kernel-{chosen['version']}-{key}",
                       make_kernel(root, chosen["version"], chosen["suite"]), KERNEL_MB)


def compiler(kernel_dir: Path, version: str) -> str:
    """Returns the name of the compiler that built a kernel, e.g. gcc-14."""
    config = (kernel_dir / f"usr/src/linux-headers-{version}/.config").read_text()
    match = re.search(r'^CONFIG_CC_VERSION_TEXT="\S*?(gcc-\d+) ', config, re.M)
    if not match:
        raise Failure(f"kernel {version} does not say which gcc built it")
    return match[1]


def kernel_binds(root: Path, version: str, kernel_dir: Path):
    """Returns the binds of a kernel's build tree: at the paths that its symbolic links expect."""
    base, _, _ = version.partition("-amd64")
    kbuild = f"usr/lib/linux-kbuild-{base}"
    (root / kbuild).mkdir(exist_ok=True)
    return [(kernel_dir / sub, f"/{sub}") for sub in ("usr/src", "usr/lib/modules", kbuild)]


def make_initramfs(root: Path, version: str, kernel_dir: Path):
    def make(folder: Path) -> None:
        tree = folder / "tree"
        modules = kernel_dir / "usr/lib/modules"
        for sub in ("bin", "dev", "proc", "sys", "root", f"lib/modules/{version}"):
            (tree / sub).mkdir(parents=True)
        (tree / "init").write_bytes((HERE / "guest/initramfs-init").read_bytes())
        (tree / "stage2").write_bytes((HERE / "guest/init").read_bytes())
        (tree / "init").chmod(0o755)
        (tree / "stage2").chmod(0o755)
        sandbox.run(root, ["sh", "-c", f"""
            set -e
            cp /bin/busybox {tree}/bin/
            for name in virtio_blk ext4; do
                modprobe -d {kernel_dir}/usr -S {version} --show-depends $name
            done | sed -n 's/^insmod //p' | sort -u | while read -r path; do
                case $path in
                *.xz) xz -dc "$path" >{tree}/lib/modules/{version}/"$(basename "$path" .xz)" ;;
                *.zst) zstd -qdc "$path" >{tree}/lib/modules/{version}/"$(basename "$path" .zst)" ;;
                *) cp "$path" {tree}/lib/modules/{version}/ ;;
                esac
            done
            depmod -b {tree} {version}
            cd {tree} && find . | cpio -o -H newc --quiet | zstd -q -3 >{folder}/initramfs
            """], read=[kernel_dir], write=[folder])
        del modules
    return make


def initramfs(root: Path, version: str, kernel_dir: Path) -> Path:
    name = cache.key(kernel_dir.name, HERE / "guest/initramfs-init", HERE / "guest/init")
    return cache.entry(f"initramfs-{name}",
                       make_initramfs(root, version, kernel_dir)) / "initramfs"


def chosen_kernel(wanted: str = "") -> dict:
    """Returns what a build for a kernel needs: the build root, the kernel and its names."""
    root = build_root()
    chosen = resolve_kernel(root, wanted)
    folder = kernel(root, chosen)
    return {"root": root, **chosen, "kernel": folder, "gcc": compiler(folder, chosen["version"])}


def prepare(wanted_kernel: str = "") -> dict:
    """Returns everything that a guest needs; makes what the cache lacks, the two roots in parallel."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        name = guest_name()
        tar = None
        if not (cache.root() / name).exists():
            tar = pool.submit(cache.entry, guest_tar_name(), make_guest_tar(()), GUEST_MB)
        try:
            found = chosen_kernel(wanted_kernel)
        except BaseException:
            # Without a kernel there will be no guest, so stop making its disk.
            for process in list(_running):
                _interrupt(process)
            raise
        if tar:
            tar.result()
    guest = guest_image(found["root"])
    for line in guestversions.drift(guest):
        report.say(f"    {line}")
    return {
        **found,
        "guest": guest,
        "initramfs": initramfs(found["root"], found["version"], found["kernel"]),
    }


def update() -> None:
    """Deletes the cached lists of the archive's kernels."""
    for path in cache.root().glob("archive-*.json"):
        path.unlink()


def main() -> int:
    wanted = choice.kernel()
    if os.environ.get("VIRTGPU_UPDATE"):
        update()
    found = prepare(wanted)
    report.say(f"ready: kernel {found['version']}, all files are in {cache.root()}")
    return 0


if __name__ == "__main__":
    report.main(main)
