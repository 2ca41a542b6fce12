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
    ("an image is taken for the last frame though it is another", "virtgpu_damage.c",
     "if (!is_current) {", "if (!is_current && !new->fb_damage_clips) {", "virtgpu_random@quick"),
    ("a flip uploads the whole buffer", "virtgpu_primary.c",
     "image ? output->image == image : old->fb == new->fb);",
     "image ? output->image == image && old->fb == new->fb : old->fb == new->fb);",
     "virtgpu_damage@flip-only-the-clip"),
    ("only the first clip is uploaded", "virtgpu_resource.c",
     "for (i = 0; i < damage->count; i++) {", "for (i = 0; i < !!damage->count; i++) {",
     "virtgpu_damage@overlapping-clips"),
    ("the second head shows what the first does", "virtgpu_output.c",
     "virtgpu_cmd_set_scanout(output->vg, output->index, res->id, rect);",
     "virtgpu_cmd_set_scanout(output->vg, 0, res->id, rect);", "virtgpu_display@two-heads"),
    ("two formats are exchanged", "virtgpu_format.c",
     "{ DRM_FORMAT_RGBX8888, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM },",
     "{ DRM_FORMAT_RGBX8888, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM },", "virtgpu_display@formats"),
    ("a framebuffer's offset is forgotten", "virtgpu_resource.c",
     "virtgpu_resource_offset(res, bo) + fb->offsets[0];", "virtgpu_resource_offset(res, bo);",
     "virtgpu_display@window"),
    ("a buffer's place behind an image is forgotten", "virtgpu_resource.c",
     "virtgpu_resource_offset(res, bo) + fb->offsets[0];", "fb->offsets[0];",
     "virtgpu_random@quick"),
    ("a buffer that goes leaves its place behind an image to the next", "virtgpu_resource.c",
     "\tif (!IS_ERR(attach)) {\n\t\tres->is_attached = true;\n",
     "\tif (!IS_ERR(attach)) {\n\t\tres->is_attached = true;\n\t\tres->backing[0].size = 0;\n",
     "virtgpu_random@quick"),
    ("the cursor's image is shown before it is uploaded", "virtgpu_cursor.c",
     "\tif (cursor->uploads || ", "\tif (",
     "virtgpu_cursor@image"),
    ("a cursor that moves too soon does not move", "virtgpu_cursor.c",
     "\t\tqueue_delayed_work(output->vg->wq, &output->vg->cursor_work, due - jiffies);\n", "",
     "virtgpu_cursor@burst"),
    ("a new image of a cursor waits until the host has made its copy", "virtgpu_gem.c",
     "fb->pitches[0] / 4, fb->height, false);", "fb->pitches[0] / 4, fb->height, true);",
     "virtgpu_hostile@silent-image"),
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
     "\tif (bo->base.base.size > 1 << 20)\n\t\treturn;\n", "virtgpu_lifecycle@reload"),
    ("boxes are not checked", "virtgpu_ioctl.c",
     "if (res->blob.size || args->offset >= gem->size || !virtgpu_box_fits(&args->box, res)) {",
     "if (0 && !virtgpu_box_fits(&args->box, res)) {", "virtgpu_ioctl@transfer-out-of-range"),
    ("errors of the host are taken for success", "virtgpu_queue.c",
     "\t\tint status = virtgpu_cmd_check(vg, cmd);", "\t\tint status = 0 * virtgpu_cmd_check(vg, cmd);",
     "virtgpu_hostile@lies"),
    ("nobody resets a device in trouble", "virtgpu_pm.c",
     "if (queue_delayed_work(system_freezable_wq, &vg->reset_work, delay))", "if (delay)",
     "virtgpu_hostile@lost"),
    ("a fence that a reset ended takes those before it for done", "virtgpu_queue.c",
     "virtgpu_fence_done(vg, cmd->fence, status, cmd->is_answered);",
     "virtgpu_fence_done(vg, cmd->fence, status, true);", "virtgpu_badrender@unanswered"),
    ("how long rendering may take cannot be changed", "virtgpu_fence.c",
     "oldest->since + patience);", "oldest->since + 60 * HZ);", "virtgpu_badrender@patience"),
    ("that the ring is broken is noticed by those who send", "virtgpu_queue.c",
     "\tif (broken)\n", "\tif (broken && !vg)\n", "virtgpu_badrender@wrong-chain"),
    ("after a reset nothing is shown", "virtgpu_pm.c",
     "\tqueue_work(vg->wq, &vg->redraw_work);\n", "", "virtgpu_hostile@late"),
    ("a device that goes away is not marked as gone", "virtgpu_drv.c",
     "\tdrm_dev_unplug(&vg->drm);\n", "\tdrm_dev_unregister(&vg->drm);\n",
     "virtgpu_lifecycle@rebind"),
    ("buffers of other drivers are refused", "virtgpu_prime.c",
     "\tgem = drm_gem_prime_import(dev, dma_buf);", "\tgem = ERR_PTR(-ENODEV);",
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
     "\tret = virtgpu_resource_upload(image->res, fb, damage);\n", "\tret = 0;\n",
     "virtgpu_clients@modetest"),
    ("a blob is uploaded all the same", "virtgpu_fb.c",
     "(virtgpu_fb_is_guests(vfb) &&\n", "(virtgpu_fb_is_guests(vfb) ||\n",
     "virtgpu_zerocopy@no-copies"),
    ("a frame is sent and the host not told", "virtgpu_output.c",
     "\tvirtgpu_queue_kick(&crtc_to_virtgpu_output(crtc)->vg->ctrl);\n", "",
     "virtgpu_zerocopy@no-copies"),
    ("what the host cannot show as it is, is not shown", "virtgpu_output.c",
     "\tqueue_work(vg->wq, &vg->redraw_work);\n", "", "virtgpu_zerocopy@refused-scanout"),
    ("a context does not learn what its file already had", "virtgpu_context.c",
     "\txa_for_each(&ctx->objects, id, count)\n", "\tfor (id = 0, count = NULL; count;)\n",
     "virtgpu_render@shared"),
    ("an object leaves its context with one of its handles", "virtgpu_context.c",
     "if (count > 1) {", "if (count > 9) {", "virtgpu_render@two-handles"),
    ("a short stream stays behind", "virtgpu_cmd.c",
     "\t\tcmd->size += size;\n", "", "virtgpu_stream@lengths"),
)


def misfits() -> list:
    """Mutants of lines that are no longer there, in words."""
    counts = ((name, right, (build.TOP / "drm" / name).read_text().count(right))
              for _, name, right, _, _ in MUTANTS)
    return [f"{name} has {count} times: {right!r}" for name, right, count in counts if count != 1]


def mutate(top: Path, name: str, right: str, wrong: str) -> None:
    path = top / "drm" / name
    path.write_text(path.read_text().replace(right, wrong))


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
    if gone := misfits():
        raise Failure("\n".join(gone))
    found = setup.prepare(os.environ.get("KVER", ""))
    tests = build.tests(found)
    wanted = [int(number) for number in sys.argv[1:]] or range(1, len(MUTANTS) + 1)
    survivors = sum(survives(found, tests, number, MUTANTS[number - 1]) for number in wanted)
    print(f"{len(wanted) - survivors} passed, {survivors} failed, 0 skipped")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    report.main(main)
