# SPDX-License-Identifier: GPL-2.0
"""Makes the tools importable by the tests, under the names that they use themselves."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
