# SPDX-License-Identifier: GPL-2.0
"""Runs clients and has them judged by their pictures, in IGT's command-line protocol."""
import contextlib
import fnmatch
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# How many times as long as usual programs may take.
PATIENCE = int(os.environ.get("VIRTGPU_PATIENCE", "1"))
# IGT's exit status of a test that failed.
FAIL = 98


class Failed(Exception):
    """A subtest that did not pass."""


class PartsFailed(Exception):
    """A part of a subtest did not pass, and has said why."""


class Skipped(Exception):
    """A subtest that has nothing to run on."""


def end(group: int) -> None:
    """Has all processes of a group end, also stopped ones."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)
        os.killpg(group, signal.SIGTERM)


def output(*argv, seconds: float, **env) -> str:
    """What a program says, which has to succeed."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=seconds * PATIENCE, env={**os.environ, **env})
    if done.returncode:
        raise Failed(f"{argv[0]} ended with {done.returncode}:\n{done.stdout[-1500:]}")
    return done.stdout


@contextlib.contextmanager
def client(*argv, stdin=subprocess.DEVNULL, **env):
    """A program that runs for the block and is ended, with all its children, after it."""
    log = open(f"/tmp/{os.path.basename(argv[0])}.log", "wb")
    process = subprocess.Popen(argv, stdin=stdin, stdout=log, stderr=log,
                               env={**os.environ, **env}, start_new_session=True)
    process.log = log.name
    try:
        yield process
    finally:
        end(process.pid)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def terminal(display: str):
    """An xterm with a long listing."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/tmp/listed")
    return client("xterm", "-e", "sh", "-c", "ls -l --color /usr/bin; touch /tmp/listed; sleep 1000",
                  DISPLAY=display)


def busy(process) -> int:
    """How much the process and its children have computed, in ticks."""
    total = 0
    for pid in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
            # Its process group, time in user space and in the kernel.
            if int(fields[2]) == process.pid:
                total += int(fields[11]) + int(fields[12])
    return total


def settle(*processes, seconds: float = 60) -> None:
    """Waits until programs have drawn what they have to: none computes for two seconds.

    An X server tells the kernel of its drawing some time after it drew; stopped in between, host
    and guest rightly differ.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    quiet = 0
    last = None
    while quiet < 4 or not os.path.exists("/tmp/listed"):
        if time.monotonic() > deadline:
            raise Failed(f"still drawing after {seconds * PATIENCE:.0f} s")
        time.sleep(0.5)
        now = [busy(process) for process in processes]
        quiet = quiet + 1 if now == last else 0
        last = now


def complaint(program: str, *argv: str):
    """None, or what one of the tools beside the tests says is wrong."""
    done = subprocess.run([f"{HERE}/{program}", *argv], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if ": " in line and "ubtest" not in line]
    return lines[-1] if lines else f"{program} ended with {done.returncode}: {done.stderr[-300:]}"


def ask(*words) -> None:
    """Has the judge answer a request, see qemu/judge.py."""
    trouble = complaint("ask", *map(str, words))
    if trouble:
        raise Failed(trouble)


def judge(head: int, name: str, colours: int, by_host: bool = False):
    """None, or why guest and host do not agree or the picture is too plain."""
    return complaint("scanout", str(head), name, str(colours), *(["host"] if by_host else []))


def judge_still(process, head: int, name: str, colours: int, seconds: float,
                by_host: bool = False) -> None:
    """Waits until a client shows something, stops it, and has the picture judged.

    Stopped, because guest and host can only be compared while nothing moves. by_host: a renderer
    draws it.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    trouble = "nothing yet"
    while time.monotonic() < deadline:
        time.sleep(1)
        if process.poll() is not None:
            text = open(process.log, errors="replace").read()
            raise Failed(f"{process.args[0]} ended with {process.returncode}:\n{text[-1500:]}")
        os.killpg(process.pid, signal.SIGSTOP)
        # What it has committed comes to the screen with the next vertical blank.
        time.sleep(0.2)
        trouble = judge(head, name, colours, by_host)
        os.killpg(process.pid, signal.SIGCONT)
        if not trouble:
            return
        if "differ" in trouble:
            raise Failed(trouble)
    text = open(process.log, errors="replace").read()
    raise Failed(f"after {seconds * PATIENCE:.0f} s: {trouble}\n{text[-1500:]}")


def xorg_config(display: str, method: str) -> str:
    """Path of a configuration that has Xorg use the GPU by the modesetting driver."""
    config = f"/tmp/xorg{display}.conf"
    with open(config, "w") as file:
        file.write(f'Section "Device"\nIdentifier "gpu"\nDriver "modesetting"\n'
                   f'BusID "{gpu()[1]}"\nOption "AccelMethod" "{method}"\nEndSection\n')
    return config


@contextlib.contextmanager
def xorg(display: str, method: str):
    """Xorg with the modesetting driver and an xterm, which have drawn what they have to."""
    log = f"/tmp/xorg{display}.log"
    with client("Xorg", display, "-config", xorg_config(display, method), "-novtswitch",
                "-noreset", "-retro", "-logfile", log) as server:
        server.own_log = log
        time.sleep(5)
        with terminal(display) as xterm:
            settle(server, xterm)
            yield server


def gpu():
    """The GPU's device node and PCI address; other DRM devices (vgem) may be there, too."""
    for card in sorted(os.listdir("/sys/class/drm")):
        path = f"/sys/class/drm/{card}/device/uevent"
        if "-" in card or not card.startswith("card") or not os.path.exists(path):
            continue
        for line in open(path):
            name, _, value = line.strip().partition("=")
            if name == "PCI_SLOT_NAME":
                _, bus, rest = value.split(":")
                device, function = rest.split(".")
                return (f"/dev/dri/{card}",
                        f"PCI:{int(bus, 16)}:{int(device, 16)}:{int(function)}")
    raise Failed("no GPU")


def connectors():
    """Ids of the connected connectors, in order."""
    text = subprocess.run(["modetest", "-M", "virtio_gpu", "-c"], capture_output=True,
                          text=True).stdout
    rows = [line.split() for line in text.splitlines()]
    found = [row[0] for row in rows if len(row) > 3 and row[2] == "connected"]
    if not found:
        raise Failed("no connected head")
    return found


def mark(text: str) -> None:
    """igt_runner takes the kernel's messages between such markers for those of the subtest."""
    with open("/dev/kmsg", "w") as kmsg:
        kmsg.write(f"<6>[IGT] {os.path.basename(sys.argv[0])}: {text}\n")


def faults() -> int:
    """The faults that the kernel has noted in its taint mask, as lib/harness.c."""
    harmless = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 17 | 1 << 18
    return int(open("/proc/sys/kernel/tainted").read()) & ~harmless


def run(name: str, function, kind: str = "Subtest") -> int:
    """Runs a subtest, or a dynamic one; returns what the program's status should be."""
    def both(text):
        print(text, flush=True)
        print(text, file=sys.stderr, flush=True)

    mark(f"starting {kind.lower()} {name}")
    both(f"Starting {kind.lower()}: {name}")
    before = faults()
    start, result = time.monotonic(), "SUCCESS"
    try:
        function()
    except Skipped as why:
        print(why)
        result = "SKIP"
    except PartsFailed:
        result = "FAIL"
    except Exception as why:
        print(f"{type(why).__name__}: {why}")
        result = "FAIL"
    if faults() & ~before:
        print(f"the kernel's taint changed from {before:#x} to {faults():#x}, see its log")
        result = "FAIL"
    mark(f"finished {kind.lower()} {name}, {result}")
    both(f"{kind} {name}: {result} ({time.monotonic() - start:.3f}s)")
    return {"SUCCESS": 0, "SKIP": 77, "FAIL": FAIL}[result]


def run_parts(parts) -> None:
    """Runs the parts of a subtest, a dictionary of functions by name, each as a dynamic subtest."""
    codes = [run(name, function, "Dynamic subtest") for name, function in parts.items()]
    if FAIL in codes:
        raise PartsFailed


def main(program) -> int:
    """Runs the functions of a program's globals() that are called test_*."""
    tests = {name[5:]: function for name, function in sorted(program.items())
             if name.startswith("test_")}
    if sys.argv[1:] == ["--list-subtests"]:
        print("\n".join(tests))
        return 0
    wanted = sys.argv[2] if len(sys.argv) == 3 and sys.argv[1] == "--run-subtest" else "*"
    print("IGT-Version: 2.5-virtgpu", flush=True)
    mark("executing")
    codes = [run(name, function) for name, function in tests.items()
             if fnmatch.fnmatch(name, wanted)]
    return max(codes, default=79)
