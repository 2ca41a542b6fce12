// SPDX-License-Identifier: GPL-2.0
/* Heads that come, go and change size on the host. */
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include <drm/drm_edid.h>
#include <drm/drm_print.h>
#include <drm/drm_probe_helper.h>

#include "display/display.h"
#include "transport/cmd.h"

/* Makes an EDID of a response, NULL if it is none. */
static const struct drm_edid *virtgpu_edid_parse(struct virtgpu_device *vg, u32 index,
						 const struct virtio_gpu_resp_edid *resp)
{
	u32 size = le32_to_cpu(resp->size);
	const struct drm_edid *edid;

	if (size < EDID_LENGTH || size > sizeof(resp->edid)) {
		drm_err(&vg->drm, "head %u: EDID of %u bytes\n", index, size);
		return NULL;
	}

	/* Hosts give the size of their buffer, not that of what is in it. */
	size = min(size, EDID_LENGTH * (1 + resp->edid[offsetof(struct edid, extensions)]));

	edid = drm_edid_alloc(resp->edid, size);
	if (edid && !drm_edid_valid(edid)) {
		drm_err(&vg->drm, "head %u: invalid EDID\n", index);
		drm_edid_free(edid);
		return NULL;
	}
	return edid;
}

/* A head without a usable EDID still has a size. */
static const struct drm_edid *virtgpu_edid_read(struct virtgpu_device *vg, u32 index,
						struct virtio_gpu_resp_edid *resp)
{
	if (virtgpu_cmd_get_edid(vg, index, resp))
		return NULL;
	return virtgpu_edid_parse(vg, index, resp);
}

/**
 * virtgpu_display_info_read - ask the host about all heads
 * @vg: the device
 * @changed: set to whether anything differs from the last time
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
 * virtgpu_hotplug_restored - the device was reset: virtgpu_hotplug() is to read its heads
 * @vg: the device
 *
 * Their windows may have changed meanwhile, and no event says so: a reset clears events, and a
 * guest that slept may wake up with another device.
 */
void virtgpu_hotplug_restored(struct virtgpu_device *vg)
{
	WRITE_ONCE(vg->display->windows_stale, true);
}

/**
 * virtgpu_hotplug - the device's configuration has changed: act on what it says of the windows
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

	/* Cleared before it is read: what changes meanwhile is announced anew. */
	events = VIRTIO_GPU_EVENT_DISPLAY;
	virtio_cwrite_le(vg->vdev, struct virtio_gpu_config, events_clear, &events);

	ret = virtgpu_display_info_read(vg, &changed);
	/* After a reset they are read again. */
	if (ret == -ENODEV)
		return;
	if (ret)
		drm_err(&vg->drm, "cannot read what changed on the host's displays: %d\n", ret);
	else if (changed)
		drm_kms_helper_hotplug_event(&vg->drm);
}
