/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_IMAGE_H
#define VIRTGPU_IMAGE_H

#include <linux/list.h>
#include <linux/mutex.h>

struct drm_framebuffer;
struct virtgpu_bo;
struct virtgpu_images;
struct virtgpu_output;
struct virtgpu_resource;

/**
 * struct virtgpu_image - a resource in which framebuffers of one shape take turns on a head
 * @images: the head's
 * @node: entry of &virtgpu_images.list
 * @res: the resource
 * @users: buffer objects that back it
 */
struct virtgpu_image {
	struct virtgpu_images *images;
	struct list_head node;
	struct virtgpu_resource *res;
	unsigned int users;
};

/**
 * struct virtgpu_images - the images of a head
 * @lock: protects @list and @users of those in it
 * @list: newest first
 */
struct virtgpu_images {
	struct mutex lock;
	struct list_head list;
};

void virtgpu_images_init(struct virtgpu_images *images);
void virtgpu_images_leave(struct virtgpu_bo *bo);
int virtgpu_image_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb);

#endif
