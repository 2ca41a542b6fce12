# SPDX-License-Identifier: GPL-2.0
"""Compares the versions of the guest's packages with those that the expectations were made with.

The guest's suite changes, and a mirror keeps no old packages, so versions cannot be pinned. A guest
stays as it is until `make distclean`; its versions are stored beside its disk, and a difference is
reported at every start.
"""
import json
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILE = "packages.json"


def parse_status(text: str) -> dict[str, str]:
    """Parses dpkg's status file into {package: version}."""
    return dict(re.findall(r"^Package: (.*)\n(?:.+\n)*?Version: (.*)$", text, re.M))


def installed(tar: Path) -> dict[str, str]:
    """Returns the packages in the archive of a root."""
    done = subprocess.run(["tar", "-xOf", tar, "./var/lib/dpkg/status"], stdout=subprocess.PIPE,
                          text=True, check=True)
    return parse_status(done.stdout)


def of(image: Path) -> dict[str, str]:
    """Returns the packages of a guest's disk."""
    return json.loads((image.parent / FILE).read_text())


def expected() -> dict[str, str]:
    """Returns the versions that the lists of expected failures were made with."""
    lines = (HERE / "guest.versions").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def differences(has: dict[str, str], wanted: dict[str, str]) -> list[str]:
    return [f"{name} {has.get(name, 'missing')} instead of {version}"
            for name, version in wanted.items() if has.get(name) != version]


def drift(image: Path) -> list[str]:
    """Returns one line if this guest differs from the one of the expectations."""
    found = differences(of(image), expected())
    if not found:
        return []
    return [f"the guest differs from the one of igt-tests/expectations: {'; '.join(found)}"]
