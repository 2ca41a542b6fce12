# SPDX-License-Identifier: GPL-2.0
"""The judge: compares what the host displays with what the guest intends to show.

Guest programs send requests over a virtio-serial port, one at a time. A request is a line, followed by
bytes where the table says so. The reply is a line that begins with "ok", or that says what is wrong.

    picture HEAD WIDTH HEIGHT       + XRGB pixels: does the head show exactly these?
    black HEAD                      is the head black? Not for viewers: QEMU's VNC server does not
                                    send a black picture that has replaced another one
    cursor HEAD HOT_X HOT_Y         + 64x64 ARGB pixels: is the cursor exactly this?
    cursor-off HEAD                 is there no cursor?
    cursor-at HEAD X Y              is the cursor at this position, and visible?
    cursor-covers HEAD X Y          is the cursor visible, and does its image cover this point?
    resize HEAD WIDTH HEIGHT        resize the head's window
    file NAME SIZE                  + bytes: store as results/NAME
    status NUMBER                   the job's exit status
    wakeup SECONDS                  wake the guest after this time in S3
    panic-screen HEAD               does the head show the kernel's panic screen soon?
    watch HEAD                      from now on also compare a viewer's picture, which shows only
                                    what was flushed
    host-mark                       remember the contexts and resources of the device, and which
                                    resources are attached to which context
    host-marked                     are they the same as at host-mark?
    count-begin NAME                begin a scenario, see hostcosts.py
    count-end STEPS INTERRUPTS KIB BYTES  end it, with the counts of the guest: KIB of memory, BYTES
                                    copied to and from bounce buffers
    key NAME                        press and release a key; NAME is QEMU's
    hold NAME, release NAME         only press, only release a key
    pointer WIDTH HEIGHT X Y        move the pointer to X, Y on a screen of this size
    button DOWN                     press or release the left button
    keep HEAD NAME MIN_COLOURS      store the picture as NAME.png; has it this many colours?
    pause SECONDS                   stop the guest and its devices for this time, by QMP
    freeze SECONDS                  stop QEMU's process for this time

With fakegpu.py as the device:

    fault NAME [COMMAND[/RING] [PERCENT [TIMES]]]
                                    be faulty from now on, until "fault none"
    lie SEED RATE MASK              lie at random from now on, see liar.Genome, until "lie-no-more"
    lie-no-more                     stop lying, and announce a display change
    fake-seed SEED                  the seed of "any-lie"
    lies-told                       "ok N": the number of lies since the guest started
    fake-plug [NAME=NUMBER...]      replace the device by one with these arguments, or the default
    fake-lose-kicks QUEUE COUNT     ignore the next kicks
    fake-changed                    announce a display change
    fake-resets                     "ok N": the number of resets, the first start included
    fake-resources NUMBER...        has the device these resources, and no others?
    fake-blob NUMBER SIZE           + bytes: does the host's blob begin with them?
    fake-capsets COUNT              set the number of capsets in the configuration
    fake-display WIDTH HEIGHT [X Y] set the first head's size and position
    fake-scanouts COUNT             set the number of scanouts in the configuration
    fake-edid SIZE BYTES            + bytes: set the EDID, and the size that the device reports
    fake-edid                       set a valid EDID
    fake-lost-kicks QUEUE           have all kicks of fake-lose-kicks been ignored?
    fake-count                      start counting commands
    fake-counted COMMAND LEAST MOST is the number of commands in this range?
"""
import re
import time
from pathlib import Path

from qemu.base.picture import Picture, compare
from qemu.base.report import Failure
from qemu.host import panicscreen
from qemu.host.hostcosts import Counts
from qemu.host.vnc import Vnc

# How long a viewer may take to show what the device shows.
VIEWER_SECONDS = 10
CURSOR_SIZE = 64
CURSOR_BYTES = CURSOR_SIZE * CURSOR_SIZE * 4
# The range of QEMU's absolute pointers.
POINTER_RANGE = 0x7fff


class Judge:
    def __init__(self, machine, folder: Path):
        self._machine = machine
        self._folder = folder
        self._viewers: dict[int, Vnc] = {}
        self._failures = 0
        self._mark: tuple[set, ...] = ()
        self.counts = Counts(machine)
        self.judged = 0
        self.status: int | None = None

    def viewer(self, head: int) -> Vnc:
        if head not in self._viewers:
            self._viewers[head] = Vnc(self._machine.vnc_path(head))
        return self._viewers[head]

    def request(self, line: str, read) -> str:
        """Handles a request; read(count) returns the bytes that follow it."""
        name, *words = line.split()
        try:
            handler = getattr(self, "_do_" + name.replace("-", "_"), None)
            if not handler:
                return f"unknown request {name}"
            return handler(read, *words) or "ok"
        except (Failure, ValueError, TypeError, OSError) as error:
            return f"{line!r}: {error}".replace("\n", " ")

    def _do_picture(self, read, head, width, height):
        head, width, height = int(head), int(width), int(height)
        want = Picture.from_xrgb(width, height, read(width * height * 4))
        self.judged += 1
        found = compare(self._machine.screendump(head), want)
        # With a renderer the picture appears some time after the flush.
        deadline = time.monotonic() + (VIEWER_SECONDS if self._machine.options.gpu else 0)
        while found and time.monotonic() < deadline:
            time.sleep(0.1)
            found = compare(self._machine.screendump(head), want)
        if found:
            return self._failed(head, *found)
        return self._viewed(head, want)

    def _do_black(self, _read, head):
        self.judged += 1
        picture = self._machine.screendump(int(head))
        if any(picture.rgb):
            return f"the head shows a picture of {picture.width}x{picture.height}"
        return None

    def _viewed(self, head, want):
        """Checks that a viewer, which gets only what was flushed, shows the picture, too."""
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

    def _do_panic_screen(self, _read, head):
        self.judged += 1
        deadline = time.monotonic() + VIEWER_SECONDS
        while not panicscreen.is_panic_screen(picture := self._machine.screendump(int(head))):
            if time.monotonic() > deadline:
                return self._failed(int(head), "no panic screen", picture)
            time.sleep(0.1)
        return None

    def _do_watch(self, _read, head):
        # Without viewers the screendump itself shows only what was flushed.
        if self._machine.has_viewers:
            self.viewer(int(head))

    def _do_cursor(self, read, head, hot_x, hot_y):
        # QEMU passes the cursor's pixels to viewers in its own byte order, which is the guest's.
        want = (CURSOR_SIZE, CURSOR_SIZE, int(hot_x), int(hot_y), read(CURSOR_BYTES))
        self.judged += 1
        if self._machine.fake:
            got = self._machine.fake.cursor_image(int(head))
            return None if got == want else self._cursor_differs(got, want)
        viewer = self.viewer(int(head))
        if viewer.wait(VIEWER_SECONDS, lambda view: view.cursor == want):
            return None
        return self._cursor_differs(viewer.cursor, want)

    @staticmethod
    def _cursor_differs(got, want):
        if not got:
            return "the host shows no cursor"
        if got[:4] != want[:4]:
            shown, meant = (f"{one[0]}x{one[1]} with hotspot {one[2]},{one[3]}"
                            for one in (got, want))
            return f"the host's cursor is {shown}, expected is {meant}"
        at = next(i for i in range(0, CURSOR_BYTES, 4) if got[4][i:i + 4] != want[4][i:i + 4])
        y, x = divmod(at // 4, CURSOR_SIZE)
        return (f"the cursor differs, first at {x},{y}: the host has BGRA "
                f"{got[4][at:at + 4].hex()}, expected {want[4][at:at + 4].hex()}")

    def _do_cursor_off(self, _read, head):
        return self._wait_for_cursor(head, lambda kind, x, y, res: kind == "update" and res == 0)

    def _do_cursor_at(self, _read, head, x, y):
        where = int(x), int(y)
        # A command without a resource shows no cursor at any position.
        return self._wait_for_cursor(head, lambda kind, x, y, res: (x, y) == where and res != 0)

    def _do_cursor_covers(self, _read, head, x, y):
        size = range(CURSOR_SIZE)
        return self._wait_for_cursor(head, lambda kind, left, top, res: res != 0
                                     and int(x) - left in size and int(y) - top in size)

    def _wait_for_cursor(self, head, condition):
        """Waits until the head's last cursor command meets a condition; returns an error or None."""
        self.judged += 1
        deadline = time.monotonic() + VIEWER_SECONDS
        while time.monotonic() < deadline:
            last = self._machine.last_cursor(int(head))
            if last and condition(*last):
                return None
            time.sleep(0.05)
        return f"the cursor's last command was {self._machine.last_cursor(int(head))}"

    def _do_host_mark(self, _read):
        self._mark = self._machine.host_objects()

    def _do_host_marked(self, _read):
        deadline = time.monotonic() + VIEWER_SECONDS
        while (found := self._machine.host_objects()) != self._mark:
            if time.monotonic() > deadline:
                return "; ".join(
                    f"{what}: {len(now)}, {len(then)} before, new are {sorted(now - then)[:8]}"
                    for what, now, then in zip(
                        ("contexts", "resources", "attached to contexts"), found, self._mark))
            time.sleep(0.1)
        return None

    def _do_count_begin(self, _read, name):
        self.counts.begin(name)

    def _do_count_end(self, _read, steps, interrupts, memory, bounced):
        self.counts.end(int(steps), int(interrupts), int(memory) << 10, int(bounced))

    def _do_resize(self, _read, head, width, height):
        viewer = self.viewer(int(head))
        if not int(width):
            # QEMU ignores a size that it already has, which is 0x0 until a viewer sends one.
            viewer.resize(viewer.width, viewer.height)
        viewer.resize(int(width), int(height))

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
            return f"{name} is not a file name"
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
            return f"{name} is not a file name"
        (self._folder / "results" / name).write_bytes(data)
        return None

    def _do_status(self, _read, number):
        self.status = int(number)

    def _do_wakeup(self, _read, seconds):
        self._machine.wake_up_after(float(seconds))

    def _do_fault(self, _read, *words):
        self._machine.fake.set_fault(words[0], *words[1:2], *map(int, words[2:]))

    def _do_lie(self, _read, seed, rate, mask):
        self._machine.fake.set_lies(int(seed), int(rate), int(mask, 0))

    def _do_lie_no_more(self, _read):
        self._machine.fake.stop_lying()

    def _do_fake_seed(self, _read, seed):
        self._machine.fake.set_seed(int(seed))

    def _do_lies_told(self, _read):
        return f"ok {self._machine.fake.told.total()}"

    def _do_fake_plug(self, _read, *words):
        pairs = (word.partition("=") for word in words)
        shape = {name: int(value, 0) for name, _, value in pairs}
        self._machine.unplug()
        self._machine.plug(**(shape or self._machine.options.fake))

    def _do_fake_lose_kicks(self, _read, queue, count):
        self._machine.fake.lose_kicks(int(queue), int(count))

    def _do_fake_lost_kicks(self, _read, queue):
        left = self._machine.fake.deaf[int(queue)]
        return f"{left} kicks were not ignored yet" if left else None

    def _do_fake_changed(self, _read):
        self._machine.fake.change_display()

    def _do_fake_resets(self, _read):
        return f"ok {self._machine.fake.resets}"

    def _do_fake_resources(self, _read, *numbers):
        fake, wanted = self._machine.fake, {int(number) for number in numbers}
        return None if fake.has_resources(wanted) else (
            f"the device has resources {sorted(fake.objects()[1])}, the driver lists {sorted(wanted)}")

    def _do_fake_blob(self, read, number, size):
        want = read(int(size))
        got = self._machine.fake.blob(int(number), len(want))
        return None if got == want else f"the blob begins with {got[:16].hex()}"

    def _do_fake_capsets(self, _read, count):
        self._machine.fake.set_capsets(int(count))

    def _do_pause(self, _read, seconds):
        self._machine.pause(float(seconds), signal_it=False)

    def _do_freeze(self, _read, seconds):
        self._machine.pause(float(seconds), signal_it=True)

    def _do_fake_display(self, _read, width, height, x=0, y=0):
        self._machine.fake.size = int(width), int(height)
        self._machine.fake.position = int(x), int(y)

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
        return f"{count} of {command} were sent, not {least} to {most}"

    def close(self):
        for viewer in self._viewers.values():
            viewer.close()
