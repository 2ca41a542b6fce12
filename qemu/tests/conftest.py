# SPDX-License-Identifier: GPL-2.0
"""The tests import the tools as they import each other."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
