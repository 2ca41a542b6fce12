# SPDX-License-Identifier: GPL-2.0
"""A table of devices and guests that users may have, by their differences from the usual guest.

Each variant runs PROGRAMS for its drivers, and RENDER_PROGRAMS in addition if the device has a
renderer.
"""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROGRAMS = ("virtgpu_display", "virtgpu_damage", "virtgpu_random", "virtgpu_cursor",
            "virtgpu_host")
RENDER_PROGRAMS = ("virtgpu_render",)
# Without viewers: windows cannot be resized and the cursor is not visible.
WITHOUT_VIEWERS = ("virtgpu_display", "virtgpu_damage")

# With the kernel's default of 64 MiB of bounce buffers.
BOUNCING = {"device_options": "iommu_platform=on", "append": "swiotlb=force", "memory": 1024}


@dataclass(frozen=True)
class Variant:
    """A device or guest that differs from the usual one."""
    name: str
    # What it covers in addition to the usual guest.
    reason: str
    # Fields of machine.Options.
    overrides: Mapping[str, Any]
    drivers: tuple[str, ...] = ("c", "rust")
    # Part of `make check`; `make check-full` runs every variant.
    quick: bool = False
    programs: tuple[str, ...] = PROGRAMS

    @property
    def has_renderer(self) -> bool:
        return bool(self.overrides.get("gpu"))

    @property
    def all_programs(self) -> tuple[str, ...]:
        return (*self.programs, *(RENDER_PROGRAMS if self.has_renderer else ()))

    @property
    def guest(self) -> dict[str, Any]:
        """Arguments of machine.Options."""
        return {**({"heads": 1} if self.has_renderer else {"connected": 2}), **self.overrides}

    @property
    def params(self) -> str:
        """Parameters of our modules."""
        return "fence_timeout=3" if self.has_renderer else ""


def _device(name: str, reason: str, option: str, **rest: Any) -> Variant:
    """Returns a variant of the usual device with another option."""
    return Variant(name, reason, {"device_options": option}, **rest)


VARIANTS = (
    Variant("vga", "a VGA device: the driver takes over the firmware's framebuffer (vesafb); windows "
            "of an odd size",
            {"device": "virtio-vga", "append": "vga=0x317", "size": (853, 481)}, quick=True,
            programs=("virtgpu_handover", *PROGRAMS)),
    _device("packed", "packed virtqueues", "packed=on"),
    _device("in-order", "the device uses descriptors in order", "in_order=on"),
    _device("no-event-idx", "flags suppress interrupts and kicks", "event_idx=off"),
    _device("no-indirect", "a chain needs a descriptor of the ring for each piece",
            "indirect_desc=off"),
    _device("intx", "no MSI-X: both queues share one interrupt line", "vectors=0"),
    _device("no-edid", "modes come only from the size of the window", "edid=off"),
    Variant("small", "one CPU and 512 MiB", {"cpus": 1, "memory": 512}),
    Variant("odd-853", "windows of 853x481: no row is a multiple of 8 pixels",
            {"size": (853, 481)}),
    Variant("odd-1366", "windows of 1366x768: the width that EDID timings cannot express",
            {"size": (1366, 768)}),
    Variant("hostmem", "the device has memory for one picture of the screen's size",
            {"device_options": "max_hostmem=8M", "size": (1920, 1080), "connected": 1},
            programs=("virtgpu_hostmem", "virtgpu_damage", "virtgpu_clients")),
    Variant("bounce", "all DMA goes through bounce buffers, as in confidential guests", BOUNCING,
            quick=True,
            programs=("virtgpu_bounce", *PROGRAMS, "virtgpu_prime", "virtgpu_clients")),
    Variant("bounce-power", "bounce buffers, and the device is reset",
            {**BOUNCING, "device_options": "iommu_platform=on,bus=alone,addr=1", "cpus": 1},
            programs=("virtgpu_power",)),
    Variant("bounce-virgl", "a renderer with bounce buffers", {**BOUNCING, "gpu": "virgl"},
            programs=("virtgpu_bounce_render", *WITHOUT_VIEWERS, "virtgpu_prime", "virtgpu_clients",
                      "virtgpu_glclients")),
    Variant("vhost-user-gpu", "a third implementation: the device is a separate process",
            {"device": "vhost-user-gpu-pci", "memory": 2048, "connected": 1},
            programs=WITHOUT_VIEWERS),
)
