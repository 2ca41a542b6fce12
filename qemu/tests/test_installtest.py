# SPDX-License-Identifier: GPL-2.0
"""Tests the jobs of the test of the package."""
import subprocess
from pathlib import Path

import pytest

from qemu.harness import installtest

STEPS = installtest.steps(Path("x/virtgpu-dkms_1.2_all.deb"), "1.2")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_jobs_are_scripts(step):
    text = installtest.job(step)
    assert not subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode
    assert f'[ "$driver" = {step.driver} ]' in text and "{" not in text.replace("${", "")


def test_both_drivers_are_used():
    assert [step.driver for step in STEPS] == [
        installtest.STOCK, installtest.STOCK, installtest.STOCK, installtest.OURS, installtest.STOCK]


def test_an_older_name_of_the_driver_is_not_the_other_one():
    # The driver's file begins like the package.
    assert "grep '^virtio_gpu '" in installtest.job(STEPS[3])
    assert "/host/tests/virtgpu-dkms_1.2_all.deb" in installtest.job(STEPS[0])
