# SPDX-License-Identifier: GPL-2.0
"""The judge: compares what the host displays with what the guest means to show.

Guest programs talk to it over a virtio-serial port, one at a time: a line with a request, pixels
behind it where it says so, and get a line back that begins with "ok" or says what is wrong.

    picture HEAD WIDTH HEIGHT       + XRGB pixels: is exactly this on the head?
    cursor HEAD HOT_X HOT_Y         + 64x64 ARGB pixels: is exactly this the cursor?
    cursor-off HEAD                 is there no cursor?
    cursor-at HEAD X Y              was the cursor last put there?
    resize HEAD WIDTH HEIGHT        drag the head's window to this size
    file NAME SIZE                  + bytes: keep as results/NAME
    status NUMBER                   the job's exit status
    wakeup SECONDS                  wake the guest when it has been in S3 for so long
    watch HEAD                      from now on a viewer watches: pictures must be flushed, too
    host-mark                       remember the contexts and resources that the device has
    host-marked                     are they the same ones again?
    count-begin NAME                what comes now is that scenario's, see counts.py
    count-end STEPS INTERRUPTS KIB  and this is what the guest knows of it: memory, too
    key NAME                        press and release a key, by QEMU's name of it
    hold NAME, release NAME         one of the two
    pointer WIDTH HEIGHT X Y        put the pointer there, on a screen of that size
    button DOWN                     press or release the left button
    keep HEAD NAME MIN_COLOURS      keep the picture as NAME.png; is it more than a blank?

Where the device is fakegpu.py's:

    fault NAME [COMMAND [PERCENT]]  be wrong from now on, until "fault none"
    fake-display WIDTH HEIGHT       the first head's size
    fake-scanouts COUNT             what the configuration says
    fake-edid SIZE BYTES            + bytes: the EDID, and what the device says its size is
    fake-edid                       a good one
    fake-count                      count commands from now on
    fake-counted COMMAND LEAST MOST how many came meanwhile?
"""
import re
import time
from pathlib import Path

from counts import Counts
from picture import Picture, compare
from report import Failure
from vnc import Vnc

# How long a viewer may take to show what the device already has.
VIEWER_SECONDS = 10
CURSOR_BYTES = 64 * 64 * 4
# Of QEMU's absolute pointers.
POINTER_RANGE = 0x7fff


class Judge:
    def __init__(self, machine, folder: Path):
        self._machine = machine
        self._folder = folder
        self._viewers = {}
        self._failures = 0
        self._mark = None
        self.counts = Counts(machine)
        self.judged = 0
        self.status = None

    def viewer(self, head: int) -> Vnc:
        if head not in self._viewers:
            self._viewers[head] = Vnc(self._machine.vnc_path(head))
        return self._viewers[head]

    def request(self, line: str, read) -> str:
        """Answers a request; read(count) returns the bytes behind it."""
        name, *words = line.split()
        try:
            handler = getattr(self, "_do_" + name.replace("-", "_"), None)
            if not handler:
                return f"the judge knows no {name}"
            return handler(read, *words) or "ok"
        except (Failure, ValueError, TypeError, OSError) as error:
            return f"{line!r}: {error}".replace("\n", " ")

    def _do_picture(self, read, head, width, height):
        head, width, height = int(head), int(width), int(height)
        want = Picture.from_xrgb(width, height, read(width * height * 4))
        self.judged += 1
        found = compare(self._machine.screendump(head), want)
        # What a renderer draws, and a window shows, comes when it comes.
        deadline = time.monotonic() + (VIEWER_SECONDS if self._machine.options.gpu else 0)
        while found and time.monotonic() < deadline:
            time.sleep(0.1)
            found = compare(self._machine.screendump(head), want)
        if found:
            return self._failed(head, *found)
        return self._viewed(head, want)

    def _viewed(self, head, want):
        """The device has it; does a viewer, who only gets what was flushed?"""
        if head not in self._viewers:
            return None
        viewer = self._viewers[head]

        def seen(view):
            return (view.width, view.height) == (want.width, want.height) and \
                Picture.from_xrgb(view.width, view.height, view.screen).rgb == want.rgb

        if viewer.wait(VIEWER_SECONDS, seen):
            return None
        got = Picture.from_xrgb(viewer.width, viewer.height, bytes(viewer.screen))
        found = compare(got, want)
        return self._failed(head, "not flushed: " + found[0], found[1]) if found else None

    def _failed(self, head, words, difference):
        self._failures += 1
        name = f"differs-{self._failures:03}-head{head}.png"
        if difference:
            difference.write_png(self._folder / name)
            words += f"; see {name}"
        return words

    def _do_watch(self, _read, head):
        # What the fake device shows is only what was flushed anyway.
        if not self._machine.fake:
            self.viewer(int(head))

    def _do_cursor(self, read, head, hot_x, hot_y):
        # QEMU hands its viewers the cursor's pixels in its own order, which is the guest's.
        want = (64, 64, int(hot_x), int(hot_y), read(CURSOR_BYTES))
        self.judged += 1
        viewer = self.viewer(int(head))
        if viewer.wait(VIEWER_SECONDS, lambda view: view.cursor == want):
            return None
        return self._cursor_differs(viewer.cursor, want)

    @staticmethod
    def _cursor_differs(got, want):
        if not got:
            return "the host shows no cursor"
        if got[:4] != want[:4]:
            return "the host's cursor is %ux%u with hotspot %u,%u, meant %ux%u with %u,%u" % (
                *got[:4], *want[:4])
        at = next(i for i in range(0, CURSOR_BYTES, 4) if got[4][i:i + 4] != want[4][i:i + 4])
        return (f"the cursor differs, first at {at // 4 % 64},{at // 4 // 64}: the host has BGRA "
                f"{got[4][at:at + 4].hex()}, meant {want[4][at:at + 4].hex()}")

    def _do_cursor_off(self, _read, head):
        self.judged += 1
        if self._wait_trace(head, lambda kind, x, y, res: kind == "update" and res == 0):
            return None
        return "the cursor's last command was " + str(self._machine.last_cursor(int(head)))

    def _do_cursor_at(self, _read, head, x, y):
        self.judged += 1
        where = int(x), int(y)
        if self._wait_trace(head, lambda kind, x, y, res: (x, y) == where):
            return None
        return f"{self._machine.last_cursor(int(head))} is the cursor's last command"

    def _wait_trace(self, head, condition):
        deadline = time.monotonic() + VIEWER_SECONDS
        while time.monotonic() < deadline:
            last = self._machine.last_cursor(int(head))
            if last and condition(*last):
                return True
            time.sleep(0.05)
        return False

    def _do_host_mark(self, _read):
        self._mark = self._machine.host_objects()

    def _do_host_marked(self, _read):
        deadline = time.monotonic() + VIEWER_SECONDS
        while (found := self._machine.host_objects()) != self._mark:
            if time.monotonic() > deadline:
                return "; ".join(
                    f"{what}: {len(now)}, {len(then)} before, new are {sorted(now - then)[:8]}"
                    for what, now, then in zip(("contexts", "resources"), found, self._mark))
            time.sleep(0.1)
        return None

    def _do_count_begin(self, _read, name):
        self.counts.begin(name)

    def _do_count_end(self, _read, steps, interrupts, memory):
        self.counts.end(int(steps), int(interrupts), int(memory) << 10)

    def _do_resize(self, _read, head, width, height):
        self.viewer(int(head)).resize(int(width), int(height))

    def _do_key(self, _read, name):
        self._machine.press(name)

    def _do_hold(self, _read, name):
        self._machine.key(name, True)

    def _do_release(self, _read, name):
        self._machine.key(name, False)

    def _do_pointer(self, _read, width, height, x, y):
        self._machine.input(*({"type": "abs", "data": {
            "axis": axis, "value": int(at) * POINTER_RANGE // int(size)}}
            for axis, at, size in (("x", x, width), ("y", y, height))))

    def _do_button(self, _read, down):
        self._machine.input({"type": "btn", "data": {"down": down == "1", "button": "left"}})

    def _do_keep(self, _read, head, name, min_colours):
        if not re.fullmatch(r"[\w.-]+", name):
            return f"{name} is no file name"
        picture = self._machine.screendump(int(head))
        picture.write_png(self._folder / f"{name}.png")
        self.judged += 1
        colours = picture.colours(int(min_colours))
        if colours < int(min_colours):
            return f"only {colours} colours on head {head}, see {name}.png"
        return None

    def _do_file(self, read, name, size):
        data = read(int(size))
        if not re.fullmatch(r"[\w.-]+", name):
            return f"{name} is no file name"
        (self._folder / "results" / name).write_bytes(data)
        return None

    def _do_status(self, _read, number):
        self.status = int(number)

    def _do_wakeup(self, _read, seconds):
        self._machine.wake_up_after(float(seconds))

    def _do_fault(self, _read, *words):
        self._machine.fake.set_fault(words[0], *words[1:2], *map(int, words[2:]))

    def _do_fake_display(self, _read, width, height):
        self._machine.fake.size = int(width), int(height)

    def _do_fake_scanouts(self, _read, count):
        self._machine.fake.set_scanouts(int(count))

    def _do_fake_edid(self, read, size=None, length=0):
        self._machine.fake.set_edid(read(int(length)), None if size is None else int(size))

    def _do_fake_count(self, _read):
        self._machine.fake.start_counting()

    def _do_fake_counted(self, _read, command, least, most):
        count = self._machine.fake.counted(command)
        if int(least) <= count <= int(most):
            return None
        return f"{count} of {command} came, not {least} to {most}"

    def close(self):
        for viewer in self._viewers.values():
            viewer.close()
