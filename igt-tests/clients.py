#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Real clients, each judged by its picture; runs in the guest, in IGT's command-line protocol."""
import contextlib
import fnmatch
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """A subtest that did not pass."""


class Skipped(Exception):
    """A subtest that has nothing to run on."""


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
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def judge(head: int, name: str, colours: int):
    """None, or why guest and host do not agree or the picture is too plain."""
    done = subprocess.run([f"{HERE}/scanout", str(head), name, str(colours)],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if ": " in line and "ubtest" not in line]
    return lines[-1] if lines else done.stderr[-300:]


def judge_still(process, head: int, name: str, colours: int, seconds: float) -> None:
    """Waits until a client shows something, stops it, and has the picture judged.

    Stopped, because guest and host can only be compared while nothing moves.
    """
    deadline = time.monotonic() + seconds
    trouble = "nothing yet"
    while time.monotonic() < deadline:
        time.sleep(1)
        if process.poll() is not None:
            text = open(process.log, errors="replace").read()
            raise Failed(f"{process.args[0]} ended with {process.returncode}:\n{text[-1500:]}")
        os.killpg(process.pid, signal.SIGSTOP)
        # What it has committed comes to the screen with the next vertical blank.
        time.sleep(0.2)
        trouble = judge(head, name, colours)
        os.killpg(process.pid, signal.SIGCONT)
        if not trouble:
            return
        if "differ" in trouble:
            raise Failed(trouble)
    text = open(process.log, errors="replace").read()
    raise Failed(f"after {seconds:.0f} s: {trouble}\n{text[-1500:]}")


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
    raise Skipped("no GPU")


def connectors():
    """Ids of the connected connectors, in order."""
    text = subprocess.run(["modetest", "-M", "virtio_gpu", "-c"], capture_output=True,
                          text=True).stdout
    rows = [line.split() for line in text.splitlines()]
    return [row[0] for row in rows if len(row) > 3 and row[2] == "connected"]


def test_modetest():
    """modetest's test pattern"""
    with client("modetest", "-M", "virtio_gpu", "-s", f"{connectors()[0]}:1024x768",
                stdin=subprocess.PIPE) as process:
        judge_still(process, 0, "modetest", 8, 20)


def test_kmscube():
    """kmscube, drawn by software"""
    # It ends when its standard input does.
    with client("kmscube", "-D", gpu()[0], stdin=subprocess.PIPE) as process:
        judge_still(process, 0, "kmscube", 16, 60)


def test_weston():
    """Weston on every connected head, with a terminal"""
    heads = len(connectors())
    with open("/tmp/weston.ini", "w") as config:
        config.write("[core]\nidle-time=0\n[shell]\nbackground-color=0xff204060\n"
                     "panel-position=top\nlocking=false\n")
    with client("weston", "--backend=drm", "--renderer=pixman", "--config=/tmp/weston.ini",
                "--socket=wayland-1", LIBSEAT_BACKEND="builtin", SEATD_VTBOUND="0") as process:
        judge_still(process, 0, "weston-head0", 16, 60)
        for head in range(1, heads):
            judge_still(process, head, f"weston-head{head}", 2, 20)


def test_xorg():
    """Xorg with the modesetting driver, and xterm"""
    with open("/tmp/xorg.conf", "w") as config:
        config.write(f'Section "Device"\nIdentifier "gpu"\nDriver "modesetting"\n'
                     f'BusID "{gpu()[1]}"\nOption "AccelMethod" "none"\nEndSection\n')
    with client("Xorg", ":7", "-config", "/tmp/xorg.conf", "-novtswitch", "-noreset", "-retro",
                "-logfile", "/tmp/xorg-log") as server:
        time.sleep(3)
        with client("xterm", "-e", "sh", "-c", "ls -l --color /usr/bin; sleep 1000", DISPLAY=":7"):
            judge_still(server, 0, "xorg", 3, 60)


def test_console():
    """The text console of the framebuffer device"""
    with open("/dev/tty1", "w") as console:
        console.write("\033[2J\033[H\033[?25l")
        for number in range(40):
            console.write(f"\033[{31 + number % 7}mline {number} of the console's text\033[0m\n")
    subprocess.run(["chvt", "1"], check=False)
    time.sleep(1)
    trouble = judge(0, "console", 4)
    if trouble:
        raise Failed(trouble)


TESTS = {name[5:]: function for name, function in sorted(globals().items())
         if name.startswith("test_")}


def run(name: str, function) -> int:
    def both(text):
        print(text, flush=True)
        print(text, file=sys.stderr, flush=True)

    both(f"Starting subtest: {name}")
    start, result = time.monotonic(), "SUCCESS"
    try:
        function()
    except Skipped as why:
        print(why)
        result = "SKIP"
    except Exception as why:
        print(f"{type(why).__name__}: {why}")
        result = "FAIL"
    both(f"Subtest {name}: {result} ({time.monotonic() - start:.3f}s)")
    return {"SUCCESS": 0, "SKIP": 77, "FAIL": 98}[result]


def main() -> int:
    if sys.argv[1:] == ["--list-subtests"]:
        print("\n".join(TESTS))
        return 0
    wanted = sys.argv[2] if len(sys.argv) == 3 and sys.argv[1] == "--run-subtest" else "*"
    print("IGT-Version: 2.5-virtgpu", flush=True)
    codes = [run(name, function) for name, function in TESTS.items()
             if fnmatch.fnmatch(name, wanted)]
    return max(codes, default=79)


if __name__ == "__main__":
    sys.exit(main())
