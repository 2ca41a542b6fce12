# SPDX-License-Identifier: GPL-2.0
"""A guest: QEMU's command line, its process, its channels."""
import re
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import accel
import hostgl
import sandbox
from fakegpu import FakeGpu
from picture import Picture
from qmp import Qmp
from report import Failure

# What Machine.host_objects() reads.
OBJECT_TRACES = ("virtio_gpu_cmd_ctx_create", "virtio_gpu_cmd_ctx_destroy",
                 "virtio_gpu_cmd_res_create*", "virtio_gpu_cmd_res_unref")

# How long a guest may take to fall asleep.
SUSPEND_SECONDS = 100

# And to list its tasks.
TASKS_SECONDS = 5


@dataclass
class Options:
    """What a person may choose."""
    driver: str = "c"
    heads: int = 2
    connected: int = 1
    size: tuple = (1024, 768)
    memory: int = 4096
    cpus: int = 2
    window: str = "none"
    device: str = "virtio-gpu-pci"
    # The guest's renderer, one of hostgl.DEVICES, or none.
    gpu: str = ""
    # How its pictures are shown, one of hostgl.KINDS.
    gl: type = None
    module_params: str = ""
    append: str = ""
    # How many times as long as usual the guest's programs may take.
    patience: int = 1
    trace: tuple = ("virtio_gpu_update_cursor",)
    extra: list = field(default_factory=list)
    # A plugin that counts instructions, which only the emulator has; its lines go to counts.log.
    counter: Path = None
    # And of which functions; its lines go to profile.log.
    profile: bool = False
    # Instead of QEMU's device ours, made with these arguments: see fakegpu.py.
    fake: dict = None

    def __post_init__(self):
        if self.driver == "bochs":
            self.device, self.heads = "bochs-display", 1
        if self.gpu:
            self.device = hostgl.DEVICES[self.gpu]
            self.gl = self.gl or hostgl.kind()
            self.window = self.gl.window
            self.trace = (*self.trace, *OBJECT_TRACES)


class Machine:
    """A running guest. The folder holds its sockets' neighbours: logs, pictures, results."""

    def __init__(self, found, options: Options, folder: Path):
        self.options = options
        self.folder = folder
        self.serial = folder / "serial.log"
        self.trace_log = folder / "trace.log"
        # Socket paths are limited to 107 bytes, so that they get a short folder.
        self._sockets = tempfile.TemporaryDirectory(prefix="virtgpu-")
        self.run = Path(self._sockets.name)
        self.fake = None if options.fake is None else FakeGpu(self.run / "fake", **options.fake)
        argv = ["qemu-system-x86_64", *self._accelerator(found), *self._arguments(found)]
        folders = {"read": [found["guest"].parent, found["kernel"], found["initramfs"].parent,
                            *([options.counter.parent] if options.counter else [])],
                   "write": [folder, self.run]}
        self._gl = options.gl(self.run) if options.gl else None
        self._command = self._gl.command(argv, **folders) if self._gl else sandbox.command(
            found["root"], argv, display=options.window != "none", **folders)
        self._stderr = open(folder / "qemu.log", "wb")
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                        stdout=self._stderr, stderr=self._stderr)
        try:
            self.qmp = Qmp(self.run / "qmp")
        except (Failure, OSError) as error:
            self.stop()
            log = (folder / "qemu.log").read_text(errors="replace")
            raise Failure(f"QEMU did not start: {error}\n{log[-2000:]}") from None

    def _accelerator(self, found) -> list:
        counter = self.options.counter
        if not counter:
            return accel.choose(found)
        profile = f",profile={self.folder}/profile.log" if self.options.profile else ""
        return [*accel.COUNTING, "-plugin", f"{counter},out={self.folder}/counts.log{profile}"]

    def _arguments(self, found):
        options = self.options
        # Of a parameter given twice the kernel takes the last.
        append = ["console=ttyS0", "quiet", "loglevel=4", "panic=-1",
                  "sysrq_always_enabled", "modprobe.blacklist=virtio_gpu,bochs", "tsc=reliable",
                  options.append]
        arguments = [
            # Not q35: its firmware starts the guest anew instead of resuming it from S3.
            "-name", hostgl.NAME, "-nodefaults", "-no-user-config", "-machine", "pc,hpet=off",
            "-m", str(options.memory), "-smp", str(options.cpus),
            "-kernel", found["kernel"] / "vmlinuz", "-initrd", found["initramfs"],
            "-append", " ".join(filter(None, append)),
            "-serial", f"file:{self.serial}",
            "-qmp", f"unix:{self.run}/qmp,server=on,wait=off",
            "-drive", f"file={found['guest']},if=virtio,format=raw,snapshot=on",
            "-drive", f"file={found['kernel']}/modules.ext4,if=virtio,format=raw,readonly=on",
            # Room to swap and to hibernate.
            "-drive", f"file={self._swap()},if=virtio,format=raw,cache=unsafe",
            "-virtfs", f"local,path={self.folder}/in,mount_tag=host,security_model=none,readonly=on",
            "-device", "virtio-serial-pci,id=out", "-device", "virtio-serial-pci,id=judge",
            "-chardev", f"socket,id=out-end,path={self.run}/out,server=on,wait=off",
            "-device", "virtserialport,bus=out.0,chardev=out-end,name=virtgpu.out",
            "-chardev", f"socket,id=judge-end,path={self.run}/judge,server=on,wait=off",
            "-device", "virtserialport,bus=judge.0,chardev=judge-end,name=virtgpu.judge",
            *self._display(),
            "-device", "virtio-keyboard-pci",
            "-device", "virtio-tablet-pci", "-device", "virtio-rng-pci",
            "-display", options.window,
            "-D", self.trace_log,
        ]
        for event in options.trace:
            arguments += ["-trace", event]
        return arguments + options.extra

    def _display(self):
        options = self.options
        if self.fake:
            return ["-object", f"memory-backend-memfd,id=ram,share=on,size={options.memory}M",
                    "-machine", "memory-backend=ram",
                    "-chardev", f"socket,id=fake,path={self.run}/fake",
                    "-device", "vhost-user-test-device-pci,chardev=fake,virtio-id=16,num_vqs=2,"
                               "config_size=16,id=gpu"]
        # The host shares the guest's pages with its renderer.
        shared = ["-object", f"memory-backend-memfd,id=ram,share=on,size={options.memory}M",
                  "-machine", "memory-backend=ram"] if options.gpu == "venus" else []
        outputs = f"max_outputs={options.heads}," if options.device.startswith("virtio") else ""
        arguments = [*shared, "-device", f"{options.device},id=gpu,{outputs}"
                                f"xres={options.size[0]},yres={options.size[1]}"]
        # A renderer's pictures can only be shown by a display that renders, too.
        for head in range(0 if options.gpu else options.heads):
            arguments += ["-vnc", f"unix:{self.vnc_path(head)},display=gpu,head={head}"]
        return arguments

    def screendump(self, head: int) -> Picture:
        """What the host shows on a head."""
        if self.fake:
            return self.fake.picture(head)
        picture = self._gl.picture(head) if self._gl else None
        if picture:
            return picture
        path = self.folder / f"screendump-{head}.ppm"
        self.qmp.command("screendump", filename=str(path), device="gpu", head=head)
        picture = Picture.from_ppm(path)
        path.unlink()
        return picture

    def input(self, *events) -> None:
        """What somebody does with keyboard and pointer, in QEMU's terms, at once."""
        self.qmp.command("input-send-event", events=list(events))

    def key(self, name: str, down: bool) -> None:
        """Presses a key, by QEMU's name of it, or lets it go."""
        self.input({"type": "key", "data": {
            "down": down, "key": {"type": "qcode", "data": name}}})

    def press(self, *names) -> None:
        """Presses keys one after the other, and lets them go."""
        for name in names:
            self.key(name, True)
        for name in reversed(names):
            self.key(name, False)

    def log_tasks(self) -> str:
        """Has the guest's kernel log what its tasks wait for. Tells what came of it."""
        try:
            for command in "9", "w", "t":
                self.press("alt", "sysrq", command)
                time.sleep(TASKS_SECONDS)
        except (Failure, OSError) as error:
            return f"QEMU itself does not answer any more: {error}"
        return "its log tells what each task waits for"

    def _swap(self) -> Path:
        path = self.run / "swap"
        with open(path, "wb") as disk:
            disk.truncate((self.options.memory + 512) << 20)
        return path

    def wake_up_after(self, seconds: float) -> None:
        """Lets the guest sleep in S3 for so long once it does, then wakes it as a key would."""
        def wake():
            deadline = time.monotonic() + SUSPEND_SECONDS
            try:
                while self.qmp.command("query-status")["status"] != "suspended":
                    if time.monotonic() > deadline:
                        return
                    time.sleep(0.2)
                time.sleep(seconds)
                self.qmp.command("system_wakeup")
            except (Failure, OSError):
                pass
        threading.Thread(target=wake, daemon=True).start()

    def vnc_path(self, head: int) -> Path:
        return self.run / f"vnc{head}"

    def channel(self, name: str) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(str(self.run / name))
        return peer

    def last_cursor(self, head: int):
        """The device's last cursor command: kind, x, y, resource."""
        found = None
        if not self.trace_log.exists():
            return None
        pattern = re.compile(r"virtio_gpu_update_cursor scanout (\d+), x (-?\d+), y (-?\d+), "
                             r"(\w+), res 0x(\w+)")
        for match in pattern.finditer(self.trace_log.read_text(errors="replace")):
            if int(match[1]) == head:
                found = match[4], int(match[2]), int(match[3]), int(match[5], 16)
        return found

    def host_objects(self):
        """The contexts and resources that the device has, as its traces tell: two sets."""
        contexts, resources = set(), set()
        pattern = re.compile(r"virtio_gpu_cmd_(ctx_create|ctx_destroy|res_create_\w+|res_unref) "
                             r"(?:ctx|res) 0x(\w+)")
        for what, number in pattern.findall(self.trace_log.read_text(errors="replace")):
            kind = contexts if what.startswith("ctx") else resources
            (kind.add if "create" in what else kind.discard)(number)
        return contexts, resources

    def stop(self) -> None:
        """Ends our QEMU, and only that."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._stderr.close()
        self._sockets.cleanup()
