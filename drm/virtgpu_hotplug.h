/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_HOTPLUG_H
#define VIRTGPU_HOTPLUG_H

#include <linux/workqueue.h>

struct virtgpu_device;

int virtgpu_display_info_read(struct virtgpu_device *vg, bool *changed);
void virtgpu_hotplug_restored(struct virtgpu_device *vg);
void virtgpu_hotplug_work(struct work_struct *work);

#endif
