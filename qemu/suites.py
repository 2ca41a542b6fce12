# SPDX-License-Identifier: GPL-2.0
"""The suites: which programs run in which guest, for which drivers."""
from dataclasses import dataclass, field

import choice
import kernels
import variants
from machine import Options
from report import Failure

# Drivers with a part that renders.
RENDERING = ("c", "stock")
# The driver in rust/samples, and the results of whose tests are not another driver's.
SAMPLE = "bochs"

# Left to `make check-full`, because each takes minutes.
SLOW = ("virtgpu_random@many", "virtgpu_nomem@load-each", "virtgpu_glclients@glmark2")

# Suites that are not programs with subtests in one guest.
PANIC, IGT, ASLEEP = "panic", "igt", "igt-suspend"
BOUNCE_PANIC = "bounce-panic"
# In a guest with more packages.
DESKTOPS = "desktops"
# What a stranger does first: the README's lines in a guest of theirs, and a shell.
README, SHELL = "readme", "shell"


@dataclass(frozen=True)
class Suite:
    """Programs that run one after the other in one guest."""
    name: str
    # In this order: what disturbs the guest most comes last.
    programs: tuple[str, ...]
    # How long the whole may take on the usual kernel.
    seconds: int
    # Arguments of machine.Options.
    guest: dict = field(default_factory=dict)
    # Parameters of our modules; mainline's driver has none of them.
    params: str = ""
    drivers: tuple[str, ...] = choice.DRIVERS
    scopes: tuple[str, ...] = ("check", "full", "debug")
    # Results are called NAME@TEST, because the same programs run elsewhere, too.
    is_prefixed: bool = False
    # A list in igt-tests/lists instead of all subtests of the programs.
    tests: str = ""
    # Another driver than the one whose results these are.
    module: str = ""
    # Not on older kernels than the default series.
    is_for_newest: bool = False

    def options(self, driver: str) -> Options:
        known = [] if driver == "stock" else [
            param for param in self.params.split()
            if driver in RENDERING or not param.startswith("fence_timeout=")]
        return Options(driver=self.module or driver, module_params=" ".join(known), **self.guest)

    @property
    def prefix(self) -> str:
        return f"{self.name}@" if self.is_prefixed else ""


FAKE = {"memory": 1024}
# The device has no reset of its own, so it is reset with a bus that it is alone on.
RESETTABLE = {"device_options": "bus=alone,addr=1"}

SUITES = (
    Suite("own",
          ("virtgpu_display", "virtgpu_vblank", "virtgpu_damage", "virtgpu_random",
           "virtgpu_cursor", "virtgpu_host", "virtgpu_debug", "virtgpu_prime", "virtgpu_ioctl",
           "virtgpu_clients", "virtgpu_kunit", "virtgpu_fuzz", "virtgpu_nomem", "virtgpu_race",
           "virtgpu_lifecycle"),
          950, {"connected": 2, **RESETTABLE}),
    # One CPU, because QEMU's emulated second one now and then stays in the firmware on the way out
    # of S3 ("CPU1 failed to report alive state").
    Suite("power", ("virtgpu_power",), 900, {"connected": 2, "cpus": 1, **RESETTABLE}),
    Suite("pair", ("virtgpu_prime",), 300, {"extra": ["-device", "virtio-gpu-pci,id=other"]},
          is_prefixed=True),
    # One CPU as in "power", because the desktops are suspended, too.
    Suite(DESKTOPS, ("virtgpu_desktops",), 5400, {"desktops": True, "cpus": 1, **RESETTABLE},
          scopes=(DESKTOPS,)),
    # Against qemu/fakegpu.py, which does wrong when a test tells it to; and the same as a renderer.
    Suite("hostile", ("virtgpu_hostile", "virtgpu_liar"), 900, {"fake": {"blob": False}, **FAKE},
          "command_timeout=1 fence_timeout=3"),
    # Random programs come last, because of what they have the driver remember, e.g. capsets.
    Suite("hostile-gl", ("virtgpu_badrender", "virtgpu_misuse", "virtgpu_nomem_render",
                         "virtgpu_fuzz"), 750,
          {"fake": {"render": True, "blob": True}, **FAKE}, "command_timeout=1 fence_timeout=3",
          RENDERING, is_prefixed=True),
    Suite(SAMPLE, (), 400, drivers=("rust",), is_prefixed=True, tests="sample.list",
          module=SAMPLE, is_for_newest=True),
    # On a device that shows the guest's memory as it is.
    Suite("blob", ("virtgpu_zerocopy", "virtgpu_damage", "virtgpu_display", "virtgpu_random",
                   "virtgpu_prime"),
          600, {"fake": {"blob": True}, **FAKE}, "command_timeout=1", RENDERING,
          is_prefixed=True),
    # With a renderer on the host.
    Suite("gl", ("drm_virtgpu", "virtgpu_render", "virtgpu_stream", "virtgpu_glclients"), 900,
          {"heads": 1, "gpu": "venus"}, "fence_timeout=3", RENDERING, is_prefixed=True),
)


def _igt(tests: str, scopes: tuple[str, ...], seconds: int) -> tuple[Suite, ...]:
    """IGT's tests, those that suspend the guest with one CPU as for "power"."""
    # IGT moves cursors millions of times, and no test asks where to.
    return (Suite(IGT, (), seconds, {"trace": ()}, tests=tests, scopes=scopes),
            Suite(ASLEEP, (), seconds, {"trace": (), "cpus": 1}, tests=tests, scopes=scopes))


def _variant(one: variants.Variant) -> Suite:
    return Suite(one.name, variants.programs_for_variant(one.name), 600, one.guest, one.params,
                 one.drivers, ("check", "full") if one.quick else ("full",), is_prefixed=True)


PANICKING = "panic=0 drm.panic_screen=user"
ALL = (*SUITES, Suite(PANIC, (), 90, {"append": PANICKING}),
       Suite(BOUNCE_PANIC, (), 90,
             {**variants.BOUNCING, "append": f"{PANICKING} {variants.BOUNCING['append']}"},
             scopes=("full",), is_prefixed=True),
       *(Suite(name, (), 300, drivers=("c",), scopes=("check", "full")) for name in (README, SHELL)),
       *(_variant(one) for one in variants.VARIANTS),
       *_igt("check.list", ("check", "debug"), 1200), *_igt("full.list", ("full",), 4 * 3600))


def choose(scope: str, driver: str, only=None) -> list[Suite]:
    """The suites of a run, in order; `only` names some of them, from any scope."""
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
    """The guest that a program needs when it runs alone."""
    suites = [suite for suite in ALL if program in suite.programs]
    # Several suites may run a program; the plain guest comes first.
    suites.sort(key=lambda suite: suite.is_prefixed)
    return suites[0].options(driver) if suites else Options(driver=driver)
