/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_IMAGE_H
#define VIRTGPU_IMAGE_H

#include <linux/list.h>
#include <linux/mutex.h>

struct drm_framebuffer;
struct virtgpu_bo;
struct virtgpu_device;
struct virtgpu_images;
struct virtgpu_output;
struct virtgpu_resource;

/**
 * struct virtgpu_image - a resource in which framebuffers of one shape take turns on a head
 * @images: the head's
 * @node: entry of &virtgpu_images.list
 * @res: the resource
 * @users: buffer objects that back it
 * @uses: states of planes that show it or are about to; without any it may be given up
 * @used_at: jiffies when the last one went
 */
struct virtgpu_image {
	struct virtgpu_images *images;
	struct list_head node;
	struct virtgpu_resource *res;
	unsigned int users;
	unsigned int uses;
	unsigned long used_at;
};

/**
 * struct virtgpu_images - the images of a head
 * @lock: protects @list, what is in it but for the resources, and &virtgpu_fb.uses
 * @list: newest first
 */
struct virtgpu_images {
	struct mutex lock;
	struct list_head list;
};

void virtgpu_images_init(struct virtgpu_images *images);
void virtgpu_images_leave(struct virtgpu_bo *bo);
int virtgpu_image_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb,
			  bool is_copied);
void virtgpu_image_cleanup(struct virtgpu_output *output, struct drm_framebuffer *fb);
bool virtgpu_images_give_up(struct virtgpu_device *vg);
bool virtgpu_image_give_up_shown(struct virtgpu_output *output);

#endif
