# SPDX-License-Identifier: GPL-2.0
"""Tests the table of devices and guests."""
import dataclasses
from pathlib import Path

import pytest

from qemu.base.report import Failure
from qemu.harness import variants
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
    programs = variants.programs_for_variant(variant.name)
    assert all((TESTS / f"{program}.c").exists()
               or (TESTS / f"{program.removeprefix('virtgpu_')}.py").exists()
               for program in programs)


def test_some_are_quick():
    quick = [variant for variant in variants.VARIANTS if variant.quick]
    assert 1 < len(quick) < len(variants.VARIANTS) / 2


def test_an_unknown_variant_is_named_with_the_known_ones():
    with pytest.raises(Failure, match="packed"):
        variants.options_for_variant("typo", "c")


def test_options_of_a_device_are_kept():
    assert variants.options_for_variant("packed", "rust").device_options == "packed=on"
    assert variants.options_for_variant("odd-853", "c").size == (853, 481)
