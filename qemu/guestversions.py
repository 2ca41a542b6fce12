# SPDX-License-Identifier: GPL-2.0
"""Which versions of packages a guest has, and how they differ from those of the expectations.

The guest's suite moves on, and a mirror keeps no old packages, so versions cannot be pinned. A guest
stays as it is until `make distclean`; its versions are kept beside its disk, and a difference is
announced at every start.
"""
import json
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILE = "packages.json"


def parse_status(text: str) -> dict[str, str]:
    """dpkg's status file: {package: version}."""
    return dict(re.findall(r"^Package: (.*)\n(?:.+\n)*?Version: (.*)$", text, re.M))


def installed(tar: Path) -> dict[str, str]:
    """The packages in the archive of a root."""
    done = subprocess.run(["tar", "-xOf", tar, "./var/lib/dpkg/status"], stdout=subprocess.PIPE,
                          text=True, check=True)
    return parse_status(done.stdout)


def of(image: Path) -> dict[str, str]:
    """The packages in a guest's disk."""
    return json.loads((image.parent / FILE).read_text())


def expected() -> dict[str, str]:
    """The versions that the lists of expected failures were made with."""
    lines = (HERE / "guest.versions").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def differences(has: dict[str, str], wanted: dict[str, str]) -> list[str]:
    return [f"{name} {has.get(name, 'missing')} instead of {version}"
            for name, version in wanted.items() if has.get(name) != version]


def drift(image: Path) -> list[str]:
    """One line if this guest is not the one that the expectations were made with."""
    found = differences(of(image), expected())
    if not found:
        return []
    return [f"the guest differs from the one of igt-tests/expectations: {'; '.join(found)}"]
