#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Breaks the driver on purpose, one line at a time, and demands that a test notices.

    mutants.py [NUMBER...]
"""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import build
import check
import guest
import report
import setup
from report import Failure, say

# What is broken; file, the right line, the wrong one; the test that has to fail.
MUTANTS = (
    ("nothing is flushed", "virtgpu_cmd.c",
     "\tvirtgpu_fill_flush(req, id, rect);\n\treturn cmd;",
     "\tvirtgpu_fill_flush(req, id, &(struct drm_rect){});\n\treturn cmd;",
     "virtgpu_damage@one-clip"),
    ("the last column of a clip is not uploaded", "virtgpu_damage.c",
     "\tdamage->rects[damage->count++] = rect;",
     "\trect.x2--;\n\tdamage->rects[damage->count++] = rect;", "virtgpu_damage@edge-clips"),
    ("a flip uploads only its clips", "virtgpu_damage.c", "if (old->fb != new->fb) {",
     "if (old->fb != new->fb && !new->fb_damage_clips) {", "virtgpu_damage@flip-with-clips"),
    ("only the first clip is uploaded", "virtgpu_primary.c",
     "for (i = 0; i < damage->count; i++) {", "for (i = 0; i < !!damage->count; i++) {",
     "virtgpu_damage@overlapping-clips"),
    ("the second head shows what the first does", "virtgpu_output.c",
     "virtgpu_cmd_set_scanout(output->vg, output->index, res->id, rect);",
     "virtgpu_cmd_set_scanout(output->vg, 0, res->id, rect);", "virtgpu_display@two-heads"),
    ("two formats are exchanged", "virtgpu_format.c",
     "{ DRM_FORMAT_RGBX8888, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM },",
     "{ DRM_FORMAT_RGBX8888, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM },", "virtgpu_display@formats"),
    ("a framebuffer's offset is forgotten", "virtgpu_primary.c",
     "u64 offset = fb->offsets[0] + (u64)rect->y1", "u64 offset = (u64)rect->y1",
     "virtgpu_display@window"),
    ("the cursor's image is shown before it is uploaded", "virtgpu_cursor.c",
     "\tif (cursor->uploads || ", "\tif (",
     "virtgpu_cursor@image"),
    ("a cursor that moves too soon does not move", "virtgpu_cursor.c",
     "\t\tqueue_delayed_work(output->vg->wq, &output->vg->cursor_work, due - jiffies);\n", "",
     "virtgpu_cursor@burst"),
    ("the hotspot's coordinates are exchanged", "virtgpu_cursor.c",
     "wire->hot_x = cpu_to_le32(fb ? state->hotspot_x : 0);",
     "wire->hot_x = cpu_to_le32(fb ? state->hotspot_y : 0);", "virtgpu_cursor@hotspot"),
    ("the cursor stays on a head that is off", "virtgpu_output.c",
     "\tvirtgpu_cursor_hide(output);\n", "", "virtgpu_cursor@head-off"),
    ("the window's size is ignored", "virtgpu_connector.c",
     "return count + virtgpu_prefer_window(connector, width, height);",
     "return count + virtgpu_prefer_window(connector, 1024, 768);",
     "virtgpu_host@resize"),
    ("resources are not restored", "virtgpu_pm.c", "\tvirtgpu_resources_restore(vg);\n", "",
     "virtgpu_power@suspend"),
    ("every unload leaks a framebuffer's pages", "virtgpu_gem.c",
     "\tmutex_destroy(&bo->lock);\n", "\tmutex_destroy(&bo->lock);\n"
     "\tif (gem->size > 1 << 20)\n\t\treturn;\n", "virtgpu_lifecycle@reload"),
    ("boxes are not checked", "virtgpu_ioctl.c",
     "if (res->blob.size || args->offset >= gem->size || !virtgpu_box_fits(&args->box, res)) {",
     "if (0 && !virtgpu_box_fits(&args->box, res)) {", "virtgpu_ioctl@transfer-out-of-range"),
    ("errors of the host are taken for success", "virtgpu_queue.c",
     "\t\tint status = virtgpu_cmd_check(vg, cmd);", "\t\tint status = 0 * virtgpu_cmd_check(vg, cmd);",
     "virtgpu_hostile@lies"),
    ("nobody resets a device in trouble", "virtgpu_pm.c",
     "if (queue_delayed_work(system_freezable_wq, &vg->reset_work, delay))", "if (delay)",
     "virtgpu_hostile@lost"),
    ("after a reset nothing is shown", "virtgpu_pm.c",
     "\tqueue_work(vg->wq, &vg->redraw_work);\n", "", "virtgpu_hostile@late"),
    ("a device that goes away is not marked as gone", "virtgpu_drv.c",
     "\tdrm_dev_unplug(&vg->drm);\n", "\tdrm_dev_unregister(&vg->drm);\n",
     "virtgpu_lifecycle@rebind"),
    ("buffers of other drivers are refused", "virtgpu_prime.c",
     "\treturn drm_gem_prime_import(dev, dma_buf);", "\treturn ERR_PTR(-ENODEV);",
     "virtgpu_prime@import-vgem"),
    ("the panic screen is not flushed", "virtgpu_panic.c",
     "\tif (test_and_set_bit(index, &vg->panic.busy))\n", "\tif (vg)\n",
     "virtgpu_panic@panic-screen"),
    ("answers are not traced", "virtgpu_queue.c",
     "\t\ttrace_virtgpu_cmd_response(queue->name, cmd->seqno, virtgpu_cmd_type(cmd), status);\n",
     "", "virtgpu_debug@tracepoints"),
    ("a vblank passes when its timer runs, not when it is due", "virtgpu_output.c",
     "\t*vblank_time = late < 0 ? ", "\t*vblank_time = late < frame / 2 ? ",
     "virtgpu_vblank@flip-time-late"),
    ("legacy clients get no picture", "virtgpu_primary.c",
     "\tvirtgpu_upload(vg, new->fb, res, &damage);\n",
     "\tif (!vg)\n\t\tvirtgpu_upload(vg, new->fb, res, &damage);\n", "virtgpu_clients@modetest"),
    ("a blob is uploaded all the same", "virtgpu_primary.c",
     "if (virtgpu_resource_is_shared(res))\n\t\treturn;", "if (!damage->count)\n\t\treturn;",
     "virtgpu_zerocopy@no-copies"),
    ("a frame is sent and the host not told", "virtgpu_output.c",
     "\tvirtgpu_queue_submit(&output->vg->ctrl, flush);\n\tvirtgpu_queue_kick(&output->vg->ctrl);\n",
     "\tvirtgpu_queue_submit(&output->vg->ctrl, flush);\n", "virtgpu_zerocopy@no-copies"),
    ("what the host cannot show as it is, is not shown", "virtgpu_output.c",
     "\tqueue_work(vg->wq, &vg->redraw_work);\n", "", "virtgpu_zerocopy@refused-scanout"),
    ("a context does not learn what its file already had", "virtgpu_context.c",
     "\txa_for_each(&ctx->objects, id, count)\n", "\tfor (id = 0, count = NULL; count;)\n",
     "virtgpu_render@shared"),
    ("an object leaves its context with one of its handles", "virtgpu_context.c",
     "if (count > 1) {", "if (count > 9) {", "virtgpu_render@two-handles"),
)


def mutate(top: Path, name: str, right: str, wrong: str) -> None:
    path = top / "drm" / name
    text = path.read_text()
    if text.count(right) != 1:
        raise Failure(f"{name} has {text.count(right)} times: {right!r}")
    path.write_text(text.replace(right, wrong))


def survives(found, tests: Path, number: int, mutant) -> bool:
    what, name, right, wrong, test = mutant
    with tempfile.TemporaryDirectory(prefix="virtgpu-mutant-") as scratch:
        top = Path(scratch)
        for part in ("drm", "uapi"):
            shutil.copytree(build.TOP / part, top / part)
        for part in ("Kbuild", "Makefile"):
            shutil.copy(build.TOP / part, top / part)
        mutate(top, name, right, wrong)
        modules = build.modules(found, top, "mutant")
        program, _, subtest = test.partition("@")
        job = f"modprobe vgem\n/host/tests/{program} --run-subtest {subtest}\n"
        if program == "virtgpu_panic":
            run = check.Run("c", found, modules)
            run.panic()
            noticed = "fail" in run.results.values()
        else:
            result = guest.run(found, check.options_for(program, "c"), job, check.OUT / "mutant",
                               300, modules=modules, tests=tests)
            noticed = bool(result.status) or bool(result.trouble)
    print(f"{number:>3}  {'noticed' if noticed else 'SURVIVED':<9} {test:<38} {what}")
    return not noticed


def main() -> int:
    found = setup.prepare(os.environ.get("KVER", ""))
    tests = build.tests(found)
    wanted = [int(number) for number in sys.argv[1:]] or range(1, len(MUTANTS) + 1)
    survivors = sum(survives(found, tests, number, MUTANTS[number - 1]) for number in wanted)
    print(f"{len(wanted) - survivors} passed, {survivors} failed, 0 skipped")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
