# SPDX-License-Identifier: GPL-2.0
"""Runs QEMU for a guest: its command line, process and channels."""
import os
import re
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qemu.base import choice, sandbox
from qemu.base.picture import Picture
from qemu.base.report import Failure
from qemu.device.fakegpu import CONFIG_SIZE, FakeGpu
from qemu.host import accel, hostgl, tsc
from qemu.host.qmp import Qmp
from qemu.images.target import Environment

# The traces that Machine.host_objects() reads.
OBJECT_TRACES = ("virtio_gpu_cmd_ctx_create", "virtio_gpu_cmd_ctx_destroy",
                 "virtio_gpu_cmd_ctx_res_*", "virtio_gpu_cmd_res_create*", "virtio_gpu_cmd_res_unref")

# A device in its own process, from QEMU's package; and the seconds that it may take to start.
VHOST_USER_GPU = "vhost-user-gpu"
BACKEND_SECONDS = 10

# The firmware sets this mode, unless another one is given: 1024x768 with 24 bits per pixel.
FIRMWARE_MODE = "vga=0x318"
# Devices whose EDID does not have the size of the window.
WITHOUT_SIZE = ("cirrus-vga",)

# Seconds that a guest may take to suspend.
SUSPEND_SECONDS = 100

# Seconds that a guest may take to release a device.
PLUG_SECONDS = 30

# Seconds that a guest may take to list its tasks.
TASKS_SECONDS = 5


@dataclass
class Options:
    """The options of a guest."""
    driver: str = "c"
    heads: int = 2
    connected: int = 1
    size: tuple = (1024, 768)
    memory: int = 4096
    cpus: int = 2
    window: str = "none"
    device: str = "virtio-gpu-pci"
    # More properties of the device, in QEMU's syntax, e.g. "packed=on".
    device_options: str = ""
    # Use the disk that also has the packages of desktops.packages.
    desktops: bool = False
    # Boot the system of the guest's disk, which gets no kernel parameters of the tests, and keep what it
    # writes to its disk.
    own_system: bool = False
    # The guest's renderer, one of hostgl.DEVICES, or empty.
    gpu: str = ""
    # The class that shows the renderer's pictures, one of hostgl.KINDS.
    gl: Any = None
    module_params: str = ""
    append: str = ""
    # Time limits in the guest are this many times longer.
    patience: int = 1
    # The seed of everything random in the guest; 0 means VIRTGPU_SEED or a new one.
    seed: int = 0
    trace: tuple = ("virtio_gpu_update_cursor",)
    extra: list = field(default_factory=list)
    # The names of more ports between guest and host; see Machine.channel().
    channels: tuple = ()
    # The plugin that counts instructions (emulator only); it writes to counts.log.
    counter: Path | None = None
    # Also count instructions by function; written to profile.log.
    profile: bool = False
    # Arguments of FakeGpu, which then replaces QEMU's device; see fakegpu.py.
    fake: dict | None = None

    def __post_init__(self):
        if self.driver in choice.SAMPLES:
            self.device, self.heads = choice.SAMPLES[self.driver], 1
        if self.driver == "simple" and "vga=" not in self.append:
            self.append = f"{FIRMWARE_MODE} {self.append}"
        if self.gpu:
            self.device = hostgl.DEVICES[self.gpu]
            self.gl = self.gl or hostgl.kind()
            self.window = self.gl.window
            self.trace = (*self.trace, *OBJECT_TRACES)


class Machine:
    """A running guest. The folder has its logs, pictures and results."""

    def __init__(self, target: Environment, options: Options, folder: Path):
        self.options = options
        self.folder = folder
        self.serial = folder / "serial.log"
        self.trace_log = folder / "trace.log"
        # Socket paths are limited to 107 bytes, so sockets have a folder with a short name.
        self._sockets = tempfile.TemporaryDirectory(prefix="virtgpu-")
        self.run = Path(self._sockets.name)
        self.fake = None if options.fake is None else FakeGpu(self.run / "fake", **options.fake)
        self._plugged = 0
        self._stderr = open(folder / "qemu.log", "wb")
        self._backend = (self._start_backend(target)
                         if options.device.startswith(VHOST_USER_GPU) else None)
        argv = ["qemu-system-x86_64", *self._accelerator(target), *self._arguments(target)]
        folders = {"read": [target.guest.parent, target.kernel, target.initramfs.parent,
                            *([options.counter.parent] if options.counter else [])],
                   "write": [*([target.guest.parent] if options.own_system else []), folder, self.run]}
        self._gl = options.gl(self.run) if options.gl else None
        self._command = self._gl.command(argv, **folders) if self._gl else sandbox.command(
            target.root, argv, display=options.window != "none", **folders)
        self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                        stdout=self._stderr, stderr=self._stderr)
        try:
            self.qmp = Qmp(self.run / "qmp")
        except (Failure, OSError) as error:
            self.stop()
            log = (folder / "qemu.log").read_text(errors="replace")
            raise Failure(f"QEMU did not start: {error}\n{log[-2000:]}") from None

    def _start_backend(self, target: Environment) -> subprocess.Popen:
        """Starts the device process of QEMU's package."""
        socket_path = self.run / "backend"
        argv = ["/usr/lib/qemu/vhost-user-gpu", "--socket-path", socket_path]
        process = subprocess.Popen(sandbox.command(target.root, argv, write=[self.run]),
                                   stdin=subprocess.DEVNULL, stdout=self._stderr,
                                   stderr=self._stderr)
        deadline = time.monotonic() + BACKEND_SECONDS
        while not socket_path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise Failure(f"vhost-user-gpu did not start, see {self.folder}/qemu.log")
            time.sleep(0.05)
        return process

    def _accelerator(self, target: Environment) -> list:
        counter = self.options.counter
        if not counter:
            return accel.choose(target)
        profile = f",profile={self.folder}/profile.log" if self.options.profile else ""
        return [*accel.COUNTING, "-plugin", f"{counter},out={self.folder}/counts.log{profile}"]

    def _append(self, target: Environment) -> str:
        """Returns the kernel's command line."""
        options = self.options
        # A guest whose instructions are counted has a clock of its own.
        is_emulated = not options.counter and accel.name(target) == "tcg"
        clock = tsc.parameter() if is_emulated else ""
        if options.own_system:
            return f"root=/dev/vda rw console=tty0 console=ttyS0 quiet {clock} {options.append}"
        # If a parameter is given twice, the kernel uses the last one. loglevel=5 shows warnings, which
        # have level 4.
        append = ["console=ttyS0", "quiet", "loglevel=5", "panic=-1",
                  # Tests write many markers to the kernel's log, so do not limit their rate.
                  "printk.devkmsg=on",
                  # Otherwise what the kernel prints during a suspend that crashes is lost.
                  "no_console_suspend",
                  "sysrq_always_enabled", "tsc=reliable",
                  clock,
                  "modprobe.blacklist=virtio_gpu,bochs,cirrus_qemu",
                  options.append]
        return " ".join(filter(None, append))

    def _arguments(self, target: Environment):
        options = self.options
        arguments = [
            # Not q35, because its firmware boots the guest again instead of resuming from S3.
            "-name", hostgl.NAME, "-nodefaults", "-no-user-config", "-machine", "pc,hpet=off",
            "-m", str(options.memory), "-smp", str(options.cpus),
            "-kernel", target.kernel / "vmlinuz", "-initrd", target.initramfs,
            "-append", self._append(target),
            "-serial", f"file:{self.serial}",
            "-qmp", f"unix:{self.run}/qmp,server=on,wait=off",
            "-drive", f"file={target.guest},if=virtio,format=raw,"
                      f"snapshot={'off' if options.own_system else 'on'}",
            "-drive", f"file={target.kernel}/modules.ext4,if=virtio,format=raw,readonly=on",
            # A disk for swap and hibernation.
            "-drive", f"file={self._swap()},if=virtio,format=raw,cache=unsafe",
            "-drive", f"file={self._job()},if=virtio,format=raw,readonly=on",
            "-device", "virtio-serial-pci,id=out", "-device", "virtio-serial-pci,id=judge",
            "-chardev", f"socket,id=out-end,path={self.run}/out,server=on,wait=off",
            "-device", "virtserialport,bus=out.0,chardev=out-end,name=virtgpu.out",
            "-chardev", f"socket,id=judge-end,path={self.run}/judge,server=on,wait=off",
            "-device", "virtserialport,bus=judge.0,chardev=judge-end,name=virtgpu.judge",
            *self._more_channels(),
            *self._display(),
            "-device", "virtio-keyboard-pci",
            "-device", "virtio-tablet-pci", "-device", "virtio-rng-pci",
            "-display", options.window,
            "-D", self.trace_log,
        ]
        for event in options.trace:
            arguments += ["-trace", event]
        return arguments + options.extra

    def _more_channels(self):
        for name in self.options.channels:
            yield from ("-chardev", f"socket,id={name}-end,path={self.run}/{name},server=on,wait=off",
                        "-device", f"virtserialport,bus=out.0,chardev={name}-end,name={name}")

    def _display(self):
        options = self.options
        if self.fake:
            device = ",".join(f"{name}={value}" for name, value in self._fake_device().items())
            return ["-object", f"memory-backend-memfd,id=ram,share=on,size={options.memory}M",
                    "-machine", "memory-backend=ram",
                    "-chardev", f"socket,id=fake,path={self.run}/fake", "-device", device]
        # The renderer needs access to the guest's memory.
        shared = []
        if options.gpu == "venus" or self._backend:
            shared = ["-object", f"memory-backend-memfd,id=ram,share=on,size={options.memory}M",
                      "-machine", "memory-backend=ram"]
        parts = [options.device, "id=gpu"]
        if options.device not in WITHOUT_SIZE:
            parts += [f"xres={options.size[0]}", f"yres={options.size[1]}"]
        if options.device.startswith(("virtio", VHOST_USER_GPU)):
            parts.append(f"max_outputs={options.heads}")
        if self._backend:
            shared += ["-chardev", f"socket,id=backend,path={self.run}/backend"]
            parts.append("chardev=backend")
        if options.device_options:
            parts.append(options.device_options)
        # This device has no function reset. Alone on a bus, it is reset with the bus.
        is_alone = "bus=alone" in options.device_options
        bridge = ["-device", "pci-bridge,id=alone,chassis_nr=1"] if is_alone else []
        arguments = [*shared, *bridge, "-device", ",".join(parts)]
        for head in range(options.heads if self.has_viewers else 0):
            arguments += ["-vnc", f"unix:{self.vnc_path(head)},display=gpu,head={head}"]
        return arguments

    @property
    def has_viewers(self) -> bool:
        """Whether VNC shows the heads. Pictures of a renderer need a display that renders, and the
        device in its own process may be a renderer, too."""
        return not (self.fake or self.options.gpu or self._backend)

    def _fake_device(self) -> dict:
        if not self.fake:
            raise Failure("the device is QEMU's own")
        return {"driver": "vhost-user-test-device-pci", "id": "gpu", "chardev": "fake",
                "virtio-id": 16, "num_vqs": self.fake.queues, "vq_size": self.fake.queue_size,
                "config_size": CONFIG_SIZE}

    def unplug(self) -> None:
        """Unplugs the fake device and waits until the guest's kernel has released it."""
        self.qmp.command("device_del", id="gpu")
        deadline = time.monotonic() + PLUG_SECONDS
        while True:
            try:
                # Fails as long as the device exists.
                self.qmp.command("chardev-remove", id="fake")
                break
            except Failure:
                if time.monotonic() > deadline:
                    raise Failure("the guest does not release the device") from None
            time.sleep(0.05)
        if self.fake:
            self.fake.close()

    def plug(self, **fake) -> None:
        """Plugs in a new fake device with these arguments."""
        self._plugged += 1
        path = self.run / f"fake{self._plugged}"
        self.fake = FakeGpu(path, **fake)
        address = {"type": "unix", "data": {"path": str(path)}}
        self.qmp.command("chardev-add", id="fake", backend={
            "type": "socket", "data": {"addr": address, "server": False}})
        self.qmp.command("device_add", **self._fake_device())

    def pause(self, seconds: float, signal_it: bool) -> None:
        """Stops QEMU for some seconds: its process, or the guest and its devices by QMP."""
        if signal_it:
            os.kill(self._qemu(), signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(self._qemu(), signal.SIGCONT)
        else:
            self.qmp.command("stop")
            time.sleep(seconds)
            self.qmp.command("cont")

    def _qemu(self) -> int:
        """Returns the process of QEMU, a descendant of the sandbox's process."""
        pids = [self.process.pid]
        while pids:
            pid = pids.pop()
            if (name := Path(f"/proc/{pid}/comm").read_text().strip()).startswith("qemu-system"):
                return pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())
        raise Failure(f"no process of QEMU below {name}")

    def screendump(self, head: int) -> Picture:
        """Returns what the host shows on a head."""
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
        """Sends input events, in QEMU's format, at once."""
        self.qmp.command("input-send-event", events=list(events))

    def key(self, name: str, down: bool) -> None:
        """Presses or releases a key; the name is QEMU's."""
        self.input({"type": "key", "data": {
            "down": down, "key": {"type": "qcode", "data": name}}})

    def press(self, *names) -> None:
        """Presses keys one after the other, and releases them."""
        for name in names:
            self.key(name, True)
        for name in reversed(names):
            self.key(name, False)

    def log_tasks(self) -> str:
        """Makes the guest's kernel log what its tasks wait for; returns a note for the message."""
        try:
            for command in "9", "w", "t":
                self.press("alt", "sysrq", command)
                time.sleep(TASKS_SECONDS)
        except (Failure, OSError) as error:
            return f"QEMU does not respond: {error}"
        return "the kernel log lists what each task waits for"

    def _job(self) -> Path:
        """Returns an archive of the folder `in`. As a disk it is read much faster than by 9p."""
        path = self.run / "in.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(self.folder / "in", ".")
        return path

    def _swap(self) -> Path:
        path = self.run / "swap"
        with open(path, "wb") as disk:
            disk.truncate((self.options.memory + 512) << 20)
        return path

    def wake_up_after(self, seconds: float) -> None:
        """Waits until the guest is in S3, and wakes it up after some seconds as a key would."""
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
        """Returns the device's last cursor command: kind, x, y, resource."""
        if self.fake:
            return self.fake.last_cursor(head)
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
        """Returns three sets from the device's traces: contexts, resources, and pairs of a context and
        a resource that is attached to it."""
        contexts: set = set()
        resources: set = set()
        attached: set = set()
        if self.fake:
            return (*self.fake.objects(), attached)
        pattern = re.compile(r"virtio_gpu_cmd_(ctx|res|ctx_res)_(create|destroy|unref|attach|detach)"
                             r"\w* (?:ctx|res) 0x(\w+)(?:, res 0x(\w+))?")
        for kind, what, number, resource in pattern.findall(
                self.trace_log.read_text(errors="replace")):
            if kind == "ctx_res":
                (attached.add if what == "attach" else attached.discard)((number, resource))
                continue
            objects = contexts if kind == "ctx" else resources
            (objects.add if what == "create" else objects.discard)(number)
            place = 0 if kind == "ctx" else 1
            attached -= {pair for pair in attached if pair[place] == number}
        return contexts, resources, attached

    def stop(self) -> None:
        """Ends this guest's QEMU and its device process."""
        for process in filter(None, (self.process, self._backend)):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._stderr.close()
        self._sockets.cleanup()
