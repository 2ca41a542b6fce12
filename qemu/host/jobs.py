# SPDX-License-Identifier: GPL-2.0
"""Runs a job in a guest and returns its exit status and what went wrong."""
import dataclasses
import shlex
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from qemu.base import choice, seed
from qemu.base.paths import GUEST
from qemu.base.report import Failure, say
from qemu.build import build
from qemu.host import kernelmessages
from qemu.host.hostjudge import Judge
from qemu.host.machine import Machine, Options
from qemu.host.seriallog import SerialLog
from qemu.images import disks
from qemu.images.target import Environment

# The DRM names of drivers for other devices.
DRM_NAMES = {sample: f"{sample}_rs" for sample in choice.SAMPLES}


@dataclass
class Result:
    """How a job ended. status is None when the guest did not report one."""
    status: int | None
    seconds: float
    # Why the guest was stopped; empty if it ended by itself.
    trouble: str
    judged: int
    log: SerialLog
    # Taints of the kernel that were set after the driver was loaded.
    taint: str


def script(name: str, **variables) -> str:
    """Returns a script of qemu/guest as a job, which begins by setting variables."""
    lines = [f"{variable}={shlex.quote(str(value))}\n" for variable, value in variables.items()]
    return "".join(lines) + (GUEST / name).read_text()


def _fill(folder: Path, job: str, options: Options, modules, tests, files) -> None:
    """Fills the folder whose archive the guest unpacks to its /host. `tests` is a
    folder with programs, or a tuple of them."""
    for sub in ("in", "results"):
        shutil.rmtree(folder / sub, ignore_errors=True)
        (folder / sub).mkdir(parents=True)
    for name, data in files.items():
        (folder / "in" / name).write_text(data)
    (folder / "in/job").write_text(job)
    module = Path(build.MODULES.get(options.driver, "none")).name
    (folder / "in/env").write_text(
        f"VIRTGPU_DRIVER={options.driver}\nVIRTGPU_MODULE={module}\n"
        f"VIRTGPU_MODULE_PARAMS='{options.module_params}'\nVIRTGPU_HEADS={options.heads}\n"
        f"VIRTGPU_DRM_NAME={DRM_NAMES.get(options.driver, 'virtio_gpu')}\n"
        f"VIRTGPU_GPU={options.gpu}\nVIRTGPU_PATIENCE={options.patience}\n"
        f"VIRTGPU_SEED={options.seed or seed.choose()}\n"
        "export VIRTGPU_SEED IGT_SRANDOM=$VIRTGPU_SEED\n"
        "export VIRTGPU_GPU VIRTGPU_DRIVER VIRTGPU_MODULE VIRTGPU_MODULE_PARAMS VIRTGPU_HEADS\n"
        "export VIRTGPU_DRM_NAME VIRTGPU_PATIENCE IGT_FORCE_DRIVER=virtio_gpu\n"
        f"{'export VIRTGPU_FAKE=1' if options.fake is not None else ''}\n"
        "PATH=$PATH:/host/tests\n")
    if modules and module != "none":
        shutil.copy(modules / module, folder / "in" / module)
    shutil.copy(GUEST / "runner", folder / "in/runner")
    for programs in (tests if isinstance(tests, tuple) else filter(None, (tests,))):
        shutil.copytree(programs, folder / "in/tests", dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.o", "*.d", "lib"))


def _stream(peer: socket.socket, sink) -> None:
    while True:
        try:
            data = peer.recv(65536)
        except OSError:
            return
        if not data:
            return
        sink(data)


def _serve(peer: socket.socket, judge: Judge) -> None:
    """Answers the guest's requests until the channel closes."""
    file = peer.makefile("rwb")
    try:
        while True:
            line = file.readline()
            if not line:
                return
            answer = judge.request(line.decode(errors="replace"), file.read)
            file.write(answer.encode() + b"\n")
            file.flush()
    except (OSError, ValueError):
        return


class Guest:
    """A guest that runs a job; use as a context manager."""

    def __init__(self, target: Environment, options: Options, job: str, folder: Path, modules=None,
                 tests=None, files=None, sink=None):
        _fill(folder, job, options, modules, tests, files or {})
        self.folder = folder
        self.log = SerialLog(folder / "serial.log")
        self.log.path.unlink(missing_ok=True)
        self.start = time.monotonic()
        if options.desktops:
            target = dataclasses.replace(target, guest=disks.desktops_image(target.root))
        self.machine = Machine(target, options, folder)
        self.judge = Judge(self.machine, folder)
        # The device keeps all heads except the first off until they get a window.
        for head in range(1, options.connected):
            self.judge.viewer(head).resize(*options.size)
        self._output = self.machine.channel("out")
        self._requests = self.machine.channel("judge")
        threading.Thread(target=_stream, args=(self._output, sink or (lambda data: None)),
                         daemon=True).start()
        threading.Thread(target=_serve, args=(self._requests, self.judge), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.judge.close()
        self.machine.stop()
        self._output.close()
        self._requests.close()

    def wait(self, limit: float) -> Result:
        """Waits until the guest powers off or crashes, or the time is up."""
        trouble = ""
        while self.machine.process.poll() is None:
            trouble = self.log.fatal()
            if trouble:
                break
            if time.monotonic() - self.start > limit:
                trouble = (f"the guest was still busy after {limit:.0f} s; "
                           + self.machine.log_tasks())
                break
            time.sleep(0.5)
        code = self.judge.status
        if code is None and not trouble:
            trouble = f"the guest stopped without finishing its job, see {self.log.path}"
        return Result(code, time.monotonic() - self.start, trouble, self.judge.judged, self.log,
                      self._taint())

    def _taint(self) -> str:
        """Returns the taints that were added during the job, which guest/init recorded."""
        path = self.folder / "results/tainted"
        if not path.exists():
            return ""
        return kernelmessages.taint(*map(int, path.read_text().split()))


def run(target: Environment, options: Options, job: str, folder: Path, limit: float, **rest) -> Result:
    with Guest(target, options, job, folder, **rest) as guest:
        return guest.wait(limit)


def ended_badly(result: Result, known=frozenset()) -> str:
    """Returns what went wrong in a guest, except kernel messages that are already known."""
    if result.trouble:
        return f"{result.trouble}\n(full log: {result.log.path})"
    complaint = result.log.complaints(known)
    if complaint:
        return f"{complaint}\n(full log: {result.log.path})"
    # A taint together with its message is one fault.
    if result.taint and not result.log.bad():
        return f"the kernel is tainted: {result.taint} (full log: {result.log.path})"
    return ""


def describe(result: Result) -> str:
    """Returns one paragraph about a failed run; empty if it did not fail."""
    if text := ended_badly(result):
        return text
    if result.status:
        return f"the job ended with status {result.status} (kernel log: {result.log.path})"
    return ""


def require(result: Result) -> None:
    text = describe(result)
    if text:
        say(text)
        raise Failure("the guest's job failed")
