# SPDX-License-Identifier: GPL-2.0
"""Runs a job in a guest and hands back its output, exit status and what went wrong."""
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import build
from judge import Judge
from machine import Machine, Options
from report import Failure, say
from seriallog import SerialLog


# What drivers of other devices call themselves.
DRM_NAMES = {"bochs": "bochs_rs"}


@dataclass
class Result:
    """How a job ended. status is None when the guest did not report one."""
    status: int
    seconds: float
    trouble: str
    judged: int


def _fill(folder: Path, job: str, options: Options, modules, tests, files) -> None:
    """Puts what the guest needs into the folder it copies to its /host."""
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
        "export VIRTGPU_GPU VIRTGPU_DRIVER VIRTGPU_MODULE VIRTGPU_MODULE_PARAMS VIRTGPU_HEADS\n"
        "export VIRTGPU_DRM_NAME VIRTGPU_PATIENCE IGT_FORCE_DRIVER=virtio_gpu\n"
        f"{'export VIRTGPU_FAKE=1' if options.fake is not None else ''}\n"
        "PATH=$PATH:/host/tests\n")
    if modules and module != "none":
        shutil.copy(modules / module, folder / "in" / module)
    if tests:
        shutil.copytree(tests, folder / "in/tests",
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
    """A guest with a job; use as a context manager."""

    def __init__(self, found, options: Options, job: str, folder: Path, modules=None, tests=None,
                 files=None, sink=None):
        _fill(folder, job, options, modules, tests, files or {})
        self.folder = folder
        self.log = SerialLog(folder / "serial.log")
        self.log.path.unlink(missing_ok=True)
        self.start = time.monotonic()
        self.machine = Machine(found, options, folder)
        self.judge = Judge(self.machine, folder)
        # The device keeps all heads but the first off until somebody gives them a window.
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
        """Until the guest powers off, breaks, or the time is up."""
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
        trouble = trouble or self.log.bad()
        if code is None and not trouble:
            trouble = f"the guest stopped without finishing its job, see {self.log.path}"
        return Result(code, time.monotonic() - self.start, trouble, self.judge.judged)


def run(found, options: Options, job: str, folder: Path, limit: float, **rest) -> Result:
    with Guest(found, options, job, folder, **rest) as guest:
        return guest.wait(limit)


def describe(result: Result, log: Path) -> str:
    """One paragraph about a run that failed; empty for one that did not."""
    if result.trouble:
        return f"{result.trouble}\n(full log: {log})"
    if result.status:
        return f"the job ended with status {result.status} (kernel log: {log})"
    return ""


def require(result: Result, log: Path) -> None:
    text = describe(result, log)
    if text:
        say(text)
        raise Failure("the guest's job failed")
