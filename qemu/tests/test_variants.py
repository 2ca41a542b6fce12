# SPDX-License-Identifier: GPL-2.0
"""Tests the table of devices and guests."""
import dataclasses
from pathlib import Path

import pytest

from qemu.harness import suites, variants
from qemu.host.machine import Options

TESTS = Path(__file__).resolve().parents[2] / "igt-tests"


def test_names_are_unique():
    names = [variant.name for variant in variants.VARIANTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("variant", variants.VARIANTS, ids=lambda variant: variant.name)
def test_a_variant_makes_sense(variant):
    fields = {field.name for field in dataclasses.fields(Options)}
    assert set(variant.overrides) <= fields
    assert variant.reason and set(variant.drivers) <= {"c", "rust"}
    assert all((TESTS / f"{program}.c").exists()
               or (TESTS / f"{program.removeprefix('virtgpu_')}.py").exists()
               for program in variant.all_programs)


def test_some_are_quick():
    quick = [variant for variant in variants.VARIANTS if variant.quick]
    assert 1 < len(quick) < len(variants.VARIANTS) / 2


def test_options_of_a_device_are_kept():
    packed, odd = suites.choose("full", "rust", ["packed", "odd-853"])
    assert packed.options("rust").device_options == "packed=on"
    assert odd.options("rust").size == (853, 481)


def test_a_renderer_adds_its_programs():
    virgl, = suites.choose("full", "c", ["bounce-virgl"])
    assert virgl.programs[-1:] == variants.RENDER_PROGRAMS
    assert virgl.options("c").module_params == "fence_timeout=3"
