# SPDX-License-Identifier: GPL-2.0
"""Tests that a guest whose packages differ from those of the expectations is reported."""
import json

from qemu.images import guestversions

STATUS = """Package: igt-gpu-tools-tests
Status: install ok installed
Description: tests
 Package: not-one
Version: 2.5-1

Package: weston
Essential: no
Version: 16.0.0-1
"""


def test_status_is_parsed():
    assert guestversions.parse_status(STATUS) == {"igt-gpu-tools-tests": "2.5-1",
                                                  "weston": "16.0.0-1"}


def test_every_difference_is_named():
    assert guestversions.differences({"a": "1", "b": "2"}, {"a": "1", "b": "1", "c": "3"}) == [
        "b 2 instead of 1", "c missing instead of 3"]


def test_drift_is_one_line(tmp_path):
    image = tmp_path / "guest.ext4"
    has = guestversions.expected()
    (tmp_path / guestversions.FILE).write_text(json.dumps(has))
    assert guestversions.drift(image) == []
    has["igt-gpu-tools-tests"] = "9.9-1"
    (tmp_path / guestversions.FILE).write_text(json.dumps(has))
    [line] = guestversions.drift(image)
    assert "igt-gpu-tools-tests 9.9-1 instead of" in line


def test_expected_packages_are_of_the_guest():
    listed = (guestversions.HERE / "guest.packages").read_text().split()
    assert {"igt-gpu-tools-tests", "libgl1-mesa-dri", "weston"} <= set(listed)
    assert {"igt-gpu-tools-tests", "libgl1-mesa-dri", "weston"} <= set(guestversions.expected())
