# SPDX-License-Identifier: GPL-2.0
"""The table of suites: which programs run in which guest, for which drivers, and how."""
import enum
from dataclasses import dataclass, field

from qemu.base import choice, kernels
from qemu.base.paths import IGT_TESTS
from qemu.base.report import Failure
from qemu.harness import variants
from qemu.host import machine
from qemu.host.machine import Options

LISTS = IGT_TESTS / "lists"
# Left to `make check-full` because each takes minutes.
SLOW = ("virtgpu_random@many", "virtgpu_nomem@load-each", "virtgpu_glclients@glmark2",
        "virtgpu_lifecycle@reload",
        "bochs@virtgpu_lifecycle@reload")

# The suite, and the scope, in a guest with more packages.
DESKTOPS = "desktops"
# The suites, and the scope, that take hours; on the debug kernel.
ENDURANCE = "endurance"
DEBUGGED = ("debug", ENDURANCE)
# The suite that panics the usual guest.
PANIC = "panic"


def read_list(name: str) -> list[str]:
    lines = (LISTS / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


class Kind(enum.Enum):
    """How a suite runs; harness/check.py has a function for each."""
    # Our programs, or some of IGT's next to ours, with all their subtests.
    PROGRAMS = enum.auto()
    # IGT's tests, from a list.
    IGT = enum.auto()
    # One test: the kernel panics while a test pattern is shown.
    PANIC = enum.auto()
    # What a new user does first: the README's commands in their own guest, and a shell.
    README = enum.auto()
    SHELL = enum.auto()
    # The commands of docs/writing-a-driver.md.
    GUIDE = enum.auto()


@dataclass(frozen=True)
class Suite:
    """Programs that run one after the other in one guest, or another kind of test."""
    name: str
    # In this order: programs that disturb the guest most come last.
    programs: tuple[str, ...]
    # The time limit for all programs on the usual kernel.
    seconds: int
    # Arguments of machine.Options.
    guest: dict = field(default_factory=dict)
    # Parameters of our modules; mainline's driver does not have them.
    params: str = ""
    drivers: tuple[str, ...] = choice.DRIVERS
    scopes: tuple[str, ...] = ("check", "full", "debug")
    # Names of results begin with NAME@, because other suites run the same programs.
    is_prefixed: bool = False
    # A list in igt-tests/lists, instead of all subtests of the programs.
    tests: str = ""
    # These tests of the list instead of all; the rest is in other parts of the suite (shards.py).
    names: tuple[str, ...] = ()
    # A driver to load instead of the one that the results belong to.
    module: str = ""
    # Only on the default series and newer kernels.
    is_for_newest: bool = False
    kind: Kind = Kind.PROGRAMS
    # Needs the programs of rust/client, too, which are built in a root of their own.
    needs_client: bool = False
    # For Kind.IGT: run only the tests that suspend the guest, or only the others.
    suspends: bool = False
    # Its tests measure times, so no suite of another run may use the machine at the same time.
    is_alone: bool = False

    def options(self, driver: str) -> Options:
        known = "" if driver == "stock" else self.params
        return Options(driver=self.module or driver, module_params=known, **self.guest)

    @property
    def prefix(self) -> str:
        return f"{self.name}@" if self.is_prefixed else ""

    @property
    def listed(self) -> tuple[str, ...]:
        """The tests of the list that this suite runs; empty without a list."""
        if self.names or not self.tests:
            return self.names
        return tuple(name for name in read_list(self.tests)
                     if self.kind is not Kind.IGT or ("suspend" in name) == self.suspends)


FAKE = {"memory": 1024}
# The device has no function reset. Alone on a bus, it is reset with the bus.
RESETTABLE = {"device_options": "bus=alone,addr=1"}

SUITES = (
    Suite("own",
          ("virtgpu_display", "virtgpu_vblank", "virtgpu_damage", "virtgpu_random",
           "virtgpu_cursor", "virtgpu_host", "virtgpu_debug", "virtgpu_prime", "virtgpu_ioctl",
           "virtgpu_clients", "virtgpu_kunit", "virtgpu_fuzz", "virtgpu_nomem", "virtgpu_race",
           "virtgpu_lifecycle", "virtgpu_endurance"),
          1400, {"connected": 2, **RESETTABLE}),
    # One CPU, because the second emulated CPU sometimes hangs in the firmware on resume from S3 ("CPU1
    # failed to report alive state").
    Suite("power", ("virtgpu_power",), 900, {"connected": 2, "cpus": 1, **RESETTABLE}),
    Suite("pair", ("virtgpu_prime",), 300, {"extra": ["-device", "virtio-gpu-pci,id=other"]},
          is_prefixed=True),
    # One CPU as in "power", because the desktops suspend the guest, too.
    Suite(DESKTOPS, ("virtgpu_desktops",), 5400, {"desktops": True, "cpus": 1, **RESETTABLE},
          scopes=(DESKTOPS,)),
    *(Suite(f"{ENDURANCE}{suffix}", ("virtgpu_endurance",), 4000, guest, drivers=drivers,
            scopes=(ENDURANCE,), is_prefixed=True, module=module, is_for_newest=bool(module))
      for suffix, guest, drivers, module in (("", RESETTABLE, ("c", "rust"), ""),
                                             ("-bochs", {}, ("rust",), "bochs"))),
    # On device/fakegpu.py, which is faulty when a test asks for it; the second suite adds a renderer.
    Suite("hostile", ("virtgpu_hostile", "virtgpu_liar"), 900, {"fake": {"blob": False}, **FAKE},
          "command_timeout=1 fence_timeout=3"),
    # Random programs come last because they change what the driver caches, e.g. capsets.
    Suite("hostile-gl", ("virtgpu_badrender", "virtgpu_misuse", "virtgpu_nomem_render",
                         "virtgpu_fuzz"), 750,
          {"fake": {"render": True, "blob": True}, **FAKE}, "command_timeout=1 fence_timeout=3",
          is_prefixed=True),
    # The drivers in rust/samples; no other driver runs their tests.
    *(Suite(sample, (), 480, drivers=("rust",), is_prefixed=True, tests=f"{sample}.list",
            module=sample, is_for_newest=True) for sample in choice.SAMPLES),
    # The firmware's picture has 16 bits per pixel.
    Suite("simple-16", (), 200, {"append": "vga=0x317"}, drivers=("rust",), scopes=("full",),
          is_prefixed=True, tests="simple-16.list", module="simple", is_for_newest=True),
    # On a device that shows the guest's memory without a copy.
    Suite("blob", ("virtgpu_zerocopy", "virtgpu_damage", "virtgpu_display", "virtgpu_random",
                   "virtgpu_prime"),
          600, {"fake": {"blob": True}, **FAKE}, "command_timeout=1", is_prefixed=True),
    # The crate for user space and its programs, without a renderer and with one.
    Suite("client", ("virtgpu_client",), 300, {"trace": machine.OBJECT_TRACES}, needs_client=True),
    Suite("client-gl", ("virtgpu_client", "virtgpu_client_render"), 400, {"heads": 1, "gpu": "venus"},
          "fence_timeout=3", is_prefixed=True, needs_client=True),
    # With a renderer on the host.
    Suite("gl", ("drm_virtgpu", "virtgpu_render", "virtgpu_stream", "virtgpu_glclients"), 900,
          {"heads": 1, "gpu": "venus"}, "fence_timeout=3", is_prefixed=True),
)


def _igt(tests: str, scopes: tuple[str, ...], seconds: int) -> tuple[Suite, ...]:
    """Returns the suites of IGT's tests; tests that suspend the guest use one CPU as in "power"."""
    # No cursor traces, because IGT moves cursors millions of times and no test checks the position.
    return (Suite("igt", (), seconds, {"trace": ()}, tests=tests, scopes=scopes, kind=Kind.IGT,
                  is_alone=True),
            Suite("igt-suspend", (), seconds, {"trace": (), "cpus": 1}, tests=tests, scopes=scopes,
                  kind=Kind.IGT, suspends=True, is_alone=True))


def _variant(one: variants.Variant) -> Suite:
    return Suite(one.name, one.all_programs, 600, one.guest, one.params,
                 one.drivers, ("check", "full") if one.quick else ("full",), is_prefixed=True)


PANICKING = "panic=0 drm.panic_screen=user"
ALL = (*SUITES, Suite(PANIC, (), 300, {"append": PANICKING}, kind=Kind.PANIC),
       Suite("bounce-panic", (), 300,
             {**variants.BOUNCING, "append": f"{PANICKING} {variants.BOUNCING['append']}"},
             scopes=("full",), is_prefixed=True, kind=Kind.PANIC),
       *(Suite(kind.name.lower(), (), 300, drivers=("c",), scopes=("check", "full"), kind=kind)
         for kind in (Kind.README, Kind.SHELL)),
       Suite("guide", (), 1800, drivers=("rust",), scopes=("full",), is_for_newest=True,
             kind=Kind.GUIDE),
       *(_variant(one) for one in variants.VARIANTS),
       *_igt("check.list", ("check", "debug"), 1200), *_igt("full.list", ("full",), 4 * 3600))


def choose(scope: str, driver: str, only=None) -> list[Suite]:
    """Returns the suites of a run in order; `only` names some of them, from any scope."""
    is_older = kernels.is_older(choice.kernel())
    found = [suite for suite in ALL if driver in suite.drivers and scope in suite.scopes
             and not (is_older and suite.is_for_newest)]
    if only:
        known = {suite.name: suite for suite in ALL if driver in suite.drivers}
        known |= {suite.name: suite for suite in found}
        for name in only:
            if name not in known:
                raise Failure(f"{driver} has no suite {name}: it is one of {', '.join(known)}")
        found = [known[name] for name in only]
    return found


def options_for(program: str, driver: str) -> Options:
    """Returns the options of the guest in which a program runs alone, or of a sample's guest."""
    suites = [suite for suite in ALL
              if program in suite.programs or program == suite.name and program in choice.SAMPLES]
    # Several suites may run a program; the plain guest is preferred.
    suites.sort(key=lambda suite: suite.is_prefixed)
    return suites[0].options(driver) if suites else Options(driver=driver)
