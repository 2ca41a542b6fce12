# SPDX-License-Identifier: GPL-2.0
"""The judge: compares what the host displays with what the guest means to show.

Guest programs talk to it over a virtio-serial port, one at a time: a line with a request, pixels
behind it where it says so, and get a line back that begins with "ok" or says what is wrong.

    picture HEAD WIDTH HEIGHT       + XRGB pixels: is exactly this on the head?
    cursor HEAD HOT_X HOT_Y         + 64x64 ARGB pixels: is exactly this the cursor?
    cursor-off HEAD                 is there no cursor?
    cursor-at HEAD X Y              was the cursor last put there, and does it show?
    cursor-covers HEAD X Y          does the cursor show, and does its image have this point?
    resize HEAD WIDTH HEIGHT        drag the head's window to this size
    file NAME SIZE                  + bytes: keep as results/NAME
    status NUMBER                   the job's exit status
    wakeup SECONDS                  wake the guest when it has been in S3 for so long
    panic-screen HEAD               does the head come to show the kernel's panic screen?
    watch HEAD                      from now on a viewer watches: pictures must be flushed, too
    host-mark                       remember the contexts and resources that the device has, and
                                    what each context may use
    host-marked                     are they the same ones again?
    count-begin NAME                what comes now is that scenario's, see counts.py
    count-end STEPS INTERRUPTS KIB BYTES  and this is what the guest knows of it: memory, too, and
                                    what was copied to and from bounce buffers
    key NAME                        press and release a key, by QEMU's name of it
    hold NAME, release NAME         one of the two
    pointer WIDTH HEIGHT X Y        put the pointer there, on a screen of that size
    button DOWN                     press or release the left button
    keep HEAD NAME MIN_COLOURS      keep the picture as NAME.png; is it more than a blank?
    pause SECONDS                   stop the guest and its devices for so long, by QMP
    freeze SECONDS                  stop QEMU's process for so long

Where the device is fakegpu.py's:

    fault NAME [COMMAND[/RING] [PERCENT [TIMES]]]
                                    be wrong from now on, until "fault none"
    lie SEED RATE MASK              lie at random from now on, see liar.Genome, until "lie-no-more"
    lie-no-more                     be right again, and say that the displays have changed
    fake-seed SEED                  of what "any-lie" does
    lies-told                       "ok N": so many lies were told since the guest started
    fake-plug [NAME=NUMBER...]      another device with these arguments in its place, or the usual
    fake-lose-kicks QUEUE COUNT     do not notice the next kicks
    fake-changed                    announce that the displays have changed
    fake-resets                     "ok N": so often the device was reset or first started
    fake-resources NUMBER...        has it these, and no others?
    fake-blob NUMBER SIZE           + bytes: does the host's blob begin with them?
    fake-capsets COUNT              what the configuration says
    fake-display WIDTH HEIGHT [X Y] the first head's size, and where it is
    fake-scanouts COUNT             what the configuration says
    fake-edid SIZE BYTES            + bytes: the EDID, and what the device says its size is
    fake-edid                       a good one
    fake-lost-kicks QUEUE           have all kicks that were to be lost come?
    fake-count                      count commands from now on
    fake-counted COMMAND LEAST MOST how many came meanwhile?
"""
import re
import time
from pathlib import Path

import panicscreen
from counts import Counts
from picture import Picture, compare
from report import Failure
from vnc import Vnc

# How long a viewer may take to show what the device already has.
VIEWER_SECONDS = 10
CURSOR_SIZE = 64
CURSOR_BYTES = CURSOR_SIZE * CURSOR_SIZE * 4
# Of QEMU's absolute pointers.
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

    def _do_panic_screen(self, _read, head):
        self.judged += 1
        deadline = time.monotonic() + VIEWER_SECONDS
        while not panicscreen.is_panic_screen(picture := self._machine.screendump(int(head))):
            if time.monotonic() > deadline:
                return self._failed(int(head), "no panic screen", picture)
            time.sleep(0.1)
        return None

    def _do_watch(self, _read, head):
        # Where there are no viewers, what is seen is only what was flushed anyway.
        if self._machine.has_viewers:
            self.viewer(int(head))

    def _do_cursor(self, read, head, hot_x, hot_y):
        # QEMU hands its viewers the cursor's pixels in its own order, which is the guest's.
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
            return f"the host's cursor is {shown}, meant is {meant}"
        at = next(i for i in range(0, CURSOR_BYTES, 4) if got[4][i:i + 4] != want[4][i:i + 4])
        y, x = divmod(at // 4, CURSOR_SIZE)
        return (f"the cursor differs, first at {x},{y}: the host has BGRA "
                f"{got[4][at:at + 4].hex()}, meant {want[4][at:at + 4].hex()}")

    def _do_cursor_off(self, _read, head):
        return self._wait_for_cursor(head, lambda kind, x, y, res: kind == "update" and res == 0)

    def _do_cursor_at(self, _read, head, x, y):
        where = int(x), int(y)
        # A command without a resource shows no cursor, wherever it puts it.
        return self._wait_for_cursor(head, lambda kind, x, y, res: (x, y) == where and res != 0)

    def _do_cursor_covers(self, _read, head, x, y):
        size = range(CURSOR_SIZE)
        return self._wait_for_cursor(head, lambda kind, left, top, res: res != 0
                                     and int(x) - left in size and int(y) - top in size)

    def _wait_for_cursor(self, head, condition):
        """None once a condition holds for the last command of a head's cursor, or what that is."""
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
            # QEMU ignores a size that it has already, and it has 0x0 until a viewer sends one.
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
        return f"{left} kicks are still to be lost" if left else None

    def _do_fake_changed(self, _read):
        self._machine.fake.change_display()

    def _do_fake_resets(self, _read):
        return f"ok {self._machine.fake.resets}"

    def _do_fake_resources(self, _read, *numbers):
        fake, wanted = self._machine.fake, {int(number) for number in numbers}
        return None if fake.has_resources(wanted) else (
            f"the device has resources {sorted(fake.objects()[1])}, the driver {sorted(wanted)}")

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
        return f"{count} of {command} came, not {least} to {most}"

    def close(self):
        for viewer in self._viewers.values():
            viewer.close()
