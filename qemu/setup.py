#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prepares everything a guest needs, from Debian packages: build root, guest image, kernel."""
import concurrent.futures
import inspect
import os
import re
import subprocess
import tempfile
from pathlib import Path

import cache
import report
import sandbox
from report import Failure, step

HERE = Path(__file__).resolve().parent
STABLE = "trixie"
BACKPORTS = f"{STABLE}-backports"
GUEST_SUITE = "forky"

# A mirror that stands still is better than none: packages stay signed, only their age is
# not judged.
APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'APT::Install-Recommends "false"',
               'Acquire::Languages "none"', "Acquire::Retries 3")

GUEST_DISK = "3G"


def mirror() -> str:
    """The Debian mirror this machine itself uses."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE) $(RELEASE)",
         "Created-By: Packages"], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        uri = line.split()[0]
        if re.search(r"/debian/?$", uri):
            return uri.rstrip("/")
    raise Failure("apt knows no Debian mirror (a URI that ends in /debian). Add one to "
                  "/etc/apt/sources.list.d and run `apt-get update`.")


def packages(path: Path):
    lines = path.read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def bootstrap(suite: str, wanted, target: Path, sources, hooks=()) -> None:
    """mmdebstrap into a tar file; as root or, in user namespaces, as anybody."""
    argv = ["mmdebstrap", "--variant=minbase", "--format=tar",
            *(f"--aptopt={option}" for option in APT_OPTIONS),
            *(f"--customize-hook={hook}" for hook in hooks),
            f"--include={','.join(wanted)}", suite, str(target), *sources]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise Failure(f"mmdebstrap of {suite} failed:\n{done.stdout[-4000:]}\n"
                      "Is the mirror reachable? Does `apt-get update` work?")


def unpack(tar: Path, folder: Path) -> None:
    """As the user who runs us: nobody needs the root's owners or devices."""
    subprocess.run(["tar", "-C", folder, "-xf", tar, "--no-same-owner", "--exclude=./dev/*"],
                   check=True)
    for mount_point in ("usr/src", "usr/lib/modules"):
        (folder / mount_point).mkdir(exist_ok=True)
    tar.unlink()


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
    return cache.entry(f"build-root-{name}", make_build_root)


def make_guest_tar(extra):
    """The guest's packages, and more if somebody needs them."""
    def make(folder: Path) -> None:
        what = ", ".join(("IGT, Weston, Mesa, Xorg", *extra))
        with step(f"guest user space ({GUEST_SUITE}: {what})"):
            bootstrap(GUEST_SUITE, packages(HERE / "guest.packages") + list(extra),
                      folder / "guest.tar", [f"deb {mirror()} {GUEST_SUITE} main"])
    return make


def make_guest_image(root: Path, extra, size: str):
    def make(folder: Path) -> None:
        tar = cache.entry(guest_tar_name(extra), make_guest_tar(extra)) / "guest.tar"
        with step("guest disk"):
            image = folder / "guest.ext4"
            sandbox.run(root, ["mke2fs", "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal",
                               "-E", "lazy_itable_init=1", "-d", tar, image, size],
                        read=[tar.parent], write=[folder])
        tar.unlink()
    return make


def guest_tar_name(extra=()) -> str:
    return "guest-tar-" + cache.key(HERE / "guest.packages", GUEST_SUITE, *extra)


def guest_image(root: Path, extra=(), size: str = GUEST_DISK) -> Path:
    name = cache.key(guest_tar_name(extra), size)
    return cache.entry(f"guest-{name}", make_guest_image(root, extra, size)) / "guest.ext4"


def apt(root: Path, folder: Path, argv, cwd=None) -> str:
    """apt in the build root, with its state in `folder`."""
    for sub in ("state/lists/partial", "cache/archives/partial"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    (folder / "state/status").touch()
    dirs = [f"-oDir::State={folder}/state", f"-oDir::Cache={folder}/cache",
            f"-oDir::State::status={folder}/state/status"]
    return sandbox.run(root, [argv[0], *dirs, *argv[1:]], write=[folder], network=True,
                       cwd=cwd or folder)


def resolve_kernel(wanted: str) -> str:
    """The newest packaged kernel of a series or version, e.g. '' or '7.2' -> '7.2.12+deb13-amd64'.

    Remembered until `make update`, so that no run but the first asks the network.
    """
    memory = cache.root() / f"kernel-{wanted or 'default'}"
    if memory.exists():
        return memory.read_text().strip()
    root = build_root()
    with step(f"looking for kernel {wanted or '(newest)'}"), \
            tempfile.TemporaryDirectory(dir=cache.root()) as scratch:
        apt(root, Path(scratch), ["apt-get", "-qq", "update"])
        names = apt(root, Path(scratch), ["apt-cache", "pkgnames", "linux-headers-"])
    found = re.findall(r"^linux-headers-((\d+)\.(\d+)\.(\d+)\+deb13-amd64)$", names, re.M)
    found = [(tuple(map(int, numbers)), version) for version, *numbers in found
             if version.startswith(wanted) or not wanted]
    if not found:
        raise Failure(f"{BACKPORTS} has no kernel {wanted}. Choose another KVER=, e.g. one of "
                      + ", ".join(sorted(set(re.findall(r"linux-headers-(\d+\.\d+)\.", names)))))
    version = max(found)[1]
    memory.write_text(version + "\n")
    return version


def make_kernel(root: Path, version: str):
    base, _, _ = version.partition("-amd64")

    def make(folder: Path) -> None:
        with step(f"kernel {version}"):
            scratch = folder / "scratch"
            scratch.mkdir()
            apt(root, scratch, ["apt-get", "-qq", "update"])
            apt(root, scratch, ["apt-get", "-qq", "download",
                                 f"linux-headers-{version}", f"linux-headers-{base}-common",
                                 f"linux-kbuild-{base}", f"linux-binary-{version}",
                                 f"linux-modules-{version}"])
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


def kernel(root: Path, version: str) -> Path:
    return cache.entry(f"kernel-{version}-" + cache.key(inspect.getsource(make_kernel)),
                       make_kernel(root, version))


def kernel_binds(root: Path, version: str, kernel_dir: Path):
    """Where a kernel's build tree appears in the sandbox: where its own links expect it."""
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
    name = cache.key(version, HERE / "guest/initramfs-init", HERE / "guest/init")
    return cache.entry(f"initramfs-{name}",
                       make_initramfs(root, version, kernel_dir)) / "initramfs"


def prepare(wanted_kernel: str = ""):
    """Everything, from the cache or made now; the two roots at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tar_name = guest_tar_name()
        image_name = f"guest-{cache.key(tar_name, GUEST_DISK)}"
        if not (cache.root() / image_name).exists():
            pool.submit(cache.entry, tar_name, make_guest_tar(()))
        root = build_root()
        version = resolve_kernel(wanted_kernel)
        kernel_dir = kernel(root, version)
    return {
        "root": root,
        "version": version,
        "kernel": kernel_dir,
        "guest": guest_image(root),
        "initramfs": initramfs(root, version, kernel_dir),
    }


def update() -> None:
    """Forgets which kernel was the newest."""
    for path in cache.root().glob("kernel-*"):
        if path.is_file():
            path.unlink()


def main() -> int:
    if os.environ.get("VIRTGPU_UPDATE"):
        update()
    found = prepare(os.environ.get("KVER", ""))
    report.say(f"ready: kernel {found['version']}, everything in {cache.root()}")
    return 0


if __name__ == "__main__":
    report.main(main)
