# SPDX-License-Identifier: GPL-2.0
"""Runs a command, a script or a shell in the guest and returns its exit status.

    vm.py [options] -- COMMAND...        vm.py [options] --script FILE
    vm.py [options]                      an interactive shell
"""
import argparse
import shlex
from pathlib import Path

from qemu.base import choice, kernels, outfolder, report
from qemu.build import build, client
from qemu.host import jobs
from qemu.host.machine import Options
from qemu.images import environment, smallkernel
from qemu.interactive import shell


def parser() -> argparse.ArgumentParser:
    drivers = choice.DRIVERS + choice.MORE_DRIVERS
    args = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--driver", default=choice.driver(drivers),
                      choices=drivers, help="the driver (default c)")
    args.add_argument("--kernel", default=choice.kernel(), type=choice.checked_kernel,
                      help=f"series or version, e.g. 7.2 (default: {kernels.DEFAULT.name})")
    args.add_argument("--debug", action="store_true", help="use the debug kernel")
    args.add_argument("--heads", type=int, default=2)
    args.add_argument("--connected", type=int, default=1, help="how many heads have a window")
    args.add_argument("--size", default="1024x768", help="size of each head's window")
    args.add_argument("--memory", type=int, default=4096, metavar="MIB")
    args.add_argument("--cpus", type=int, default=2)
    args.add_argument("--time", type=float,
                      help="time limit in seconds (default: 600; a shell: one day)")
    args.add_argument("--folder", type=Path,
                      help="folder for logs, pictures and the guest's /host/results")
    args.add_argument("--append", default="", help="more kernel parameters")
    args.add_argument("--module-params", default="", help="parameters of our module")
    args.add_argument("--trace", action="append", default=[], help="a QEMU trace event")
    args.add_argument("--device", default="virtio-gpu-pci", help="QEMU's device and options")
    args.add_argument("--gpu", default=choice.gpu(), choices=["", *choice.GPUS],
                      help="renderer of the guest")
    args.add_argument("--fake", action="store_true",
                      help="use our own device (fakegpu.py), which can be faulty")
    args.add_argument("--window", default="none", help="QEMU's -display option")
    args.add_argument("--script", type=Path)
    args.add_argument("command", nargs="*")
    return args


def main() -> int:
    args = parser().parse_args()
    if args.script and args.command:
        raise report.Failure("give a command or --script FILE, not both")
    job = args.script.read_text() if args.script else shlex.join(args.command)

    target = environment.prepare(args.kernel)
    if args.debug:
        target = smallkernel.prepare(target, smallkernel.DEBUG)
    # With the programs of rust/client, if `make client` has built them.
    tests = (build.tests(target), *([client.BUILT] if client.BUILT.is_dir() else []))
    modules = build.modules_of(target, args.driver)
    width, _, height = args.size.partition("x")
    options = Options(driver=args.driver, heads=args.heads, connected=args.connected,
                      size=(int(width), int(height)), memory=args.memory, cpus=args.cpus,
                      append=args.append + (smallkernel.DEBUG.append if args.debug else ""),
                      module_params=args.module_params, window=args.window,
                      device=args.device, gpu=args.gpu,
                      fake={} if args.fake else None,
                      trace=("virtio_gpu_update_cursor", *args.trace))

    folder = args.folder.resolve() if args.folder else outfolder.claim("vm")
    rest = {"modules": modules, "tests": tests, "sink": report.pass_on}
    if job:
        result = jobs.run(target, options, job + "\n", folder, args.time or 600, **rest)
    else:
        result = shell.run(target, options, folder, args.time or 24 * 3600, **rest)
    # A shell's own exit status needs no message.
    text = jobs.describe(result) if job else jobs.ended_badly(result)
    if text:
        report.say(text)
    return 1 if jobs.ended_badly(result) else result.status or 0


if __name__ == "__main__":
    report.main(main)
