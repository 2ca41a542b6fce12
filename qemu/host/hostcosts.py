# SPDX-License-Identifier: GPL-2.0
"""Counts what scenarios of igt-tests/bench cost the host: commands, kicks, interrupts, bytes.

A guest reports the begin and end of a scenario. With QEMU's own device the counts in between come
from its traces. fakegpu.py counts what no trace has: bytes, and the entries of memory lists.
"""
import re
from collections import Counter

# For Options.trace.
TRACES = ("virtio_gpu_cmd_*", "virtio_gpu_update_cursor", "virtio_queue_notify")

_LINE = re.compile(r"\b(?:virtio_gpu_(?:cmd_)?(?P<command>\w+)"
                   r"|virtio_queue_notify vdev (?P<vdev>\w+))")


class Counts:
    """The scenarios of a guest, in the order in which they ran."""

    def __init__(self, machine):
        self._machine = machine
        self._begun: tuple[str, object] = ("", None)
        self._scenarios: dict[str, dict] = {}

    def begin(self, name: str) -> None:
        self._begun = name, self._now()

    def end(self, steps: int, interrupts: int, memory: int, bounced: int) -> None:
        name, then = self._begun
        self._scenarios[name] = {"steps": steps, "interrupts": interrupts, "memory": memory,
                                 "bounced": bounced, "from": then, "to": self._now()}

    def _now(self):
        """Returns the current position in the traces, or the counters of the fake device."""
        fake = self._machine.fake
        if not fake:
            return self._machine.trace_log.stat().st_size
        return fake.totals()

    def scenarios(self) -> dict:
        """Returns the number of steps and the counts over all steps, by name of scenario."""
        read = self._of_fake if self._machine.fake else self._of_traces
        return {name: {"steps": one["steps"], "bounced": one["bounced"], **read(one)}
                for name, one in self._scenarios.items()}

    @staticmethod
    def _of_fake(one) -> dict:
        then, now = one["from"], one["to"]
        # This device never suppresses kicks; QEMU's suppresses those that it does not need.
        return {"bytes": now["bytes"] - then["bytes"], "entries": now["entries"] - then["entries"],
                "commands": now["commands"] - then["commands"],
                "kicks asked for": now["kicks"] - then["kicks"],
                "interrupts": one["interrupts"], "host memory": now["memory"],
                "kernel memory": one["memory"]}

    def _of_traces(self, one) -> dict:
        log = self._machine.trace_log.read_bytes()
        gpu = self._gpu(log.decode(errors="replace"))
        found: Counter[str] = Counter()
        for match in _LINE.finditer(log[one["from"]:one["to"]].decode(errors="replace")):
            if match["command"]:
                found["commands"] += 1
                found[f"command {match['command']}"] += 1
            elif match["vdev"] == gpu:
                found["kicks"] += 1
        return {"interrupts": one["interrupts"], "commands": 0, "kicks": 0, **found}

    @staticmethod
    def _gpu(log: str) -> str:
        """Returns the virtio device of the GPU: the one whose kicks precede GPU commands."""
        last = ""
        votes: Counter[str] = Counter()
        for match in _LINE.finditer(log):
            if match["vdev"]:
                last = match["vdev"]
            else:
                votes[last] += 1
        return votes.most_common(1)[0][0] if votes else ""
