/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_SWAPCHAIN_H
#define VIRTGPU_SWAPCHAIN_H

#include <linux/list.h>
#include <linux/mutex.h>

struct drm_framebuffer;
struct virtgpu_bo;
struct virtgpu_device;
struct virtgpu_output;
struct virtgpu_resource;
struct virtgpu_swapchains;

/**
 * struct virtgpu_swapchain - a group of buffer objects that take turns on one resource of a head
 * @owner: the head's swapchains, which contain this one
 * @node: entry of &virtgpu_swapchains.list
 * @res: the resource, which has the shape of all framebuffers that it shows
 * @users: number of buffer objects that back @res
 * @uses: number of plane states that show @res or are about to; @res may be given up at 0
 * @used_at: when @uses last became 0, in jiffies
 */
struct virtgpu_swapchain {
	struct virtgpu_swapchains *owner;
	struct list_head node;
	struct virtgpu_resource *res;
	unsigned int users;
	unsigned int uses;
	unsigned long used_at;
};

/**
 * struct virtgpu_swapchains - the swapchains of a head
 * @lock: protects @list, its entries except for their resources, &virtgpu_fb.swapchains and
 *	&virtgpu_fb.uses
 * @list: the swapchains, newest first
 */
struct virtgpu_swapchains {
	struct mutex lock;
	struct list_head list;
};

void virtgpu_swapchains_init(struct virtgpu_swapchains *swapchains);
void virtgpu_swapchains_leave(struct virtgpu_bo *bo);
int virtgpu_swapchain_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb,
			      bool is_copied);
void virtgpu_swapchain_cleanup(struct virtgpu_output *output, struct drm_framebuffer *fb);
bool virtgpu_swapchains_give_up(struct virtgpu_device *vg);
bool virtgpu_swapchain_give_up_shown(struct virtgpu_output *output);

#endif
