// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Hot-plug
 *
 * The host adds, removes, moves and resizes windows. Such a change of the device's configuration
 * takes this path:
 *
 * 1. The device interrupts. virtio core calls virtgpu_bound_notify() (bind.c), which schedules
 *    &virtgpu_recovery.config_work if the device is up.
 * 2. The work, virtgpu_config_work() (reset.c), decides on a reset if the device requests one.
 *    Otherwise it calls virtgpu_hotplug().
 * 3. virtgpu_hotplug() clears the event, and reads the display information and the EDIDs of all
 *    heads. virtgpu_connector_update() (connector.c) stores them.
 * 4. If anything differs, DRM core sends a hot-plug event. User space then requests the modes,
 *    which connector.c makes from what was stored.
 *
 * A reset clears the event. Therefore virtgpu_bring_up() (reset.c) schedules the same work after
 * each reset and resume, and virtgpu_hotplug_restored() makes step 3 read the heads without an
 * event.
 */
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include <drm/drm_edid.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>

#include "display/display.h"
#include "transport/encode.h"

/* Returns the EDID in a response, or NULL if it is invalid. */
static const struct drm_edid *virtgpu_edid_parse(struct virtgpu_device *vg, u32 index,
						 const struct virtio_gpu_resp_edid *resp)
{
	u32 size = le32_to_cpu(resp->size);
	const struct drm_edid *edid;

	if (size < EDID_LENGTH || size > sizeof(resp->edid)) {
		drm_err(&vg->drm, "head %u: the EDID has an invalid size of %u bytes\n", index,
			size);
		return NULL;
	}

	/* Hosts report the size of their buffer, not of the EDID in it. */
	size = min(size, EDID_LENGTH * (1 + resp->edid[offsetof(struct edid, extensions)]));

	edid = drm_edid_alloc(resp->edid, size);
	if (edid && !drm_edid_valid(edid)) {
		drm_err(&vg->drm, "head %u: the EDID is invalid\n", index);
		drm_edid_free(edid);
		return NULL;
	}
	return edid;
}

/* Returns NULL for a head without a valid EDID, which has the size of its window as a mode. */
static const struct drm_edid *virtgpu_edid_read(struct virtgpu_device *vg, u32 index,
						struct virtio_gpu_resp_edid *resp)
{
	if (virtgpu_cmd_get_edid(vg, index, resp))
		return NULL;
	return virtgpu_edid_parse(vg, index, resp);
}

/**
 * virtgpu_display_info_read - read the state of all heads from the host
 * @vg: the device
 * @changed: set to true if anything differs from the last time
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_display_info_read(struct virtgpu_device *vg, bool *changed)
{
	const struct drm_edid *edids[VIRTIO_GPU_MAX_SCANOUTS] = {};
	struct {
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
	} *resp;
	int ret;
	u32 i;

	*changed = false;
	resp = kzalloc_obj(*resp);
	if (!resp)
		return -ENOMEM;

	ret = virtgpu_cmd_get_display_info(vg, &resp->info);
	if (ret)
		goto out;

	for (i = 0; vg->has_edid && i < vg->num_scanouts; i++)
		edids[i] = virtgpu_edid_read(vg, i, &resp->edid);

	mutex_lock(&vg->drm.mode_config.mutex);
	for (i = 0; i < vg->num_scanouts; i++)
		if (virtgpu_connector_update(&vg->display->outputs[i], &resp->info.pmodes[i],
					     edids[i]))
			*changed = true;
	mutex_unlock(&vg->drm.mode_config.mutex);
out:
	kfree(resp);
	return ret;
}

/**
 * virtgpu_hotplug_restored - have the next virtgpu_hotplug() read the heads, after a reset
 * @vg: the device
 *
 * The windows may have changed meanwhile without an event: a reset clears events, and a guest that
 * was suspended may resume with another device.
 */
void virtgpu_hotplug_restored(struct virtgpu_device *vg)
{
	WRITE_ONCE(vg->display->windows_stale, true);
}

/**
 * virtgpu_hotplug - read the heads if the device's configuration says that they have changed
 * @vg: the device
 */
void virtgpu_hotplug(struct virtgpu_device *vg)
{
	bool changed, is_stale = xchg(&vg->display->windows_stale, false);
	u32 events;
	int ret;

	virtio_cread_le(vg->vdev, struct virtio_gpu_config, events_read, &events);
	if (!vg->num_scanouts || !(is_stale || events & VIRTIO_GPU_EVENT_DISPLAY))
		return;

	/* Before the heads are read, so that a change after that causes another event. */
	events = VIRTIO_GPU_EVENT_DISPLAY;
	virtio_cwrite_le(vg->vdev, struct virtio_gpu_config, events_clear, &events);

	ret = virtgpu_display_info_read(vg, &changed);
	/* The device is being reset, and the heads are read again after that. */
	if (ret == -ENODEV)
		return;
	if (ret)
		drm_err(&vg->drm, "cannot read the display information after a change: %d\n", ret);
	else if (changed)
		drm_kms_helper_hotplug_event(&vg->drm);
}
