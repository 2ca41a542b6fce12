# SPDX-License-Identifier: GPL-2.0
"""Runs clients and lets the judge compare their pictures, in IGT's command-line protocol."""
import contextlib
import fnmatch
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Time limits of programs are this many times longer.
PATIENCE = int(os.environ.get("VIRTGPU_PATIENCE", "1"))
# IGT's exit status of a failed test.
FAIL = 98


class Failed(Exception):
    """A subtest failed."""


class PartsFailed(Exception):
    """A part of a subtest failed, and has printed why."""


class Skipped(Exception):
    """A subtest cannot run here."""


def end(group: int) -> None:
    """Terminates all processes of a group, including stopped ones."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)
        os.killpg(group, signal.SIGTERM)


def output(*argv, seconds: float, **env) -> str:
    """Runs a program, which must succeed, and returns its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=seconds * PATIENCE, env={**os.environ, **env})
    if done.returncode:
        raise Failed(f"{argv[0]} ended with {done.returncode}:\n{done.stdout[-1500:]}")
    return done.stdout


@contextlib.contextmanager
def client(*argv, stdin=subprocess.DEVNULL, **env):
    """Runs a program during the block, then ends it together with its children."""
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
    """Starts an xterm with a long listing."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/tmp/listed")
    return client("xterm", "-e", "sh", "-c", "ls -l --color /usr/bin; touch /tmp/listed; sleep 1000",
                  DISPLAY=display)


def busy(process) -> int:
    """Returns the CPU time of the process and its children, in ticks."""
    total = 0
    for pid in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
            # Process group, user time and system time.
            if int(fields[2]) == process.pid:
                total += int(fields[11]) + int(fields[12])
    return total


def settle(*processes, seconds: float = 60) -> None:
    """Waits until programs have finished drawing: none uses the CPU for two seconds.

    An X server reports its drawing to the kernel with a delay; if it is stopped in between, host and
    guest differ although nothing is wrong.
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
    """Runs one of the tools next to the tests; returns None, or its error message."""
    done = subprocess.run([f"{HERE}/{program}", *argv], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if ": " in line and "ubtest" not in line]
    return lines[-1] if lines else f"{program} ended with {done.returncode}: {done.stderr[-300:]}"


def ask(*words) -> None:
    """Sends a request to the judge, see qemu/host/hostjudge.py."""
    trouble = complaint("ask", *map(str, words))
    if trouble:
        raise Failed(trouble)


def judge(head: int, name: str, colours: int, by_host: bool = False):
    """Returns None, or why guest and host differ or the picture has too few colours."""
    return complaint("scanout", str(head), name, str(colours), *(["host"] if by_host else []))


def judge_still(process, head: int, name: str, colours: int, seconds: float,
                by_host: bool = False) -> None:
    """Waits until a client shows something, stops it, and lets the judge compare the picture.

    The client is stopped because guest and host are comparable only while nothing moves. by_host: a
    renderer on the host draws.
    """
    deadline = time.monotonic() + seconds * PATIENCE
    trouble = "nothing yet"
    while time.monotonic() < deadline:
        time.sleep(1)
        if process.poll() is not None:
            text = open(process.log, errors="replace").read()
            raise Failed(f"{process.args[0]} ended with {process.returncode}:\n{text[-1500:]}")
        os.killpg(process.pid, signal.SIGSTOP)
        # A committed frame reaches the screen at the next vertical blank.
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
    """Writes a configuration for Xorg on the GPU with the modesetting driver; returns its path."""
    config = f"/tmp/xorg{display}.conf"
    with open(config, "w") as file:
        file.write(f'Section "Device"\nIdentifier "gpu"\nDriver "modesetting"\n'
                   f'BusID "{gpu()[1]}"\nOption "AccelMethod" "{method}"\nEndSection\n')
    return config


@contextlib.contextmanager
def xorg(display: str, method: str):
    """Runs Xorg with the modesetting driver and an xterm, after both have finished drawing."""
    log = f"/tmp/xorg{display}.log"
    with client("Xorg", display, "-config", xorg_config(display, method), "-novtswitch",
                "-noreset", "-retro", "-logfile", log) as server:
        server.own_log = log
        time.sleep(5)
        with terminal(display) as xterm:
            settle(server, xterm)
            yield server


def gpu():
    """Returns the GPU's device node and PCI address; there may be other DRM devices (vgem)."""
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
    """Returns the ids of the connected connectors, in order."""
    text = subprocess.run(["modetest", "-M", "virtio_gpu", "-c"], capture_output=True,
                          text=True).stdout
    rows = [line.split() for line in text.splitlines()]
    found = [row[0] for row in rows if len(row) > 3 and row[2] == "connected"]
    if not found:
        raise Failed("no connected head")
    return found


def mark(text: str) -> None:
    """Writes a marker: igt_runner attributes kernel messages between markers to the subtest."""
    with open("/dev/kmsg", "w") as kmsg:
        kmsg.write(f"<6>[IGT] {os.path.basename(sys.argv[0])}: {text}\n")


def faults() -> int:
    """Returns the faults in the kernel's taint mask, as lib/harness.c does."""
    harmless = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 17 | 1 << 18
    return int(open("/proc/sys/kernel/tainted").read()) & ~harmless


def run(name: str, function, kind: str = "Subtest") -> int:
    """Runs a subtest or a dynamic subtest; returns the exit status of IGT."""
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
    """Runs the parts of a subtest, a dictionary of functions by name, as dynamic subtests."""
    codes = [run(name, function, "Dynamic subtest") for name, function in parts.items()]
    if FAIL in codes:
        raise PartsFailed


def main(program) -> int:
    """Runs the test_* functions of a program's globals()."""
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
