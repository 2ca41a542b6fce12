/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_GEM_H
#define VIRTGPU_GEM_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include <drm/drm_gem_shmem_helper.h>

#include "transport/dma.h"

struct drm_file;
struct drm_framebuffer;
struct drm_mode_create_dumb;
struct drm_rect;
struct virtgpu_blob;
struct virtgpu_device;
struct virtgpu_resource;
struct virtgpu_texture;

/**
 * struct virtgpu_bo - what all buffer objects have
 * @base: the GEM object; its pages, if it has any
 * @refs: one reference of the GEM object, and one of each host resource that its pages back
 * @lock: protects @res, @cursor and @places
 * @places: its places in swapchains, see virtgpu_swapchain_prepare()
 * @mapping: its entry of &virtgpu_dma.mappings
 * @res: the host resource that lives as long as the object, created when first needed
 * @cursor: the host resource that last showed the object as a cursor
 * @format: pixel format of @res, in the protocol's numbers; 0: that of the first framebuffer
 * @width: width of @res, 0: that of the first framebuffer
 * @height: height of @res
 * @arriving: bytes that the host writes, while @is_arriving is set
 * @is_arriving: the host may write to bounce buffers that are not copied back yet; set with the
 *	reservation locked
 * @release: frees an object of this kind when @refs becomes 0
 * @release_work: calls @release, see virtgpu_bo_put_later()
 *
 * There are two kinds: objects with pages of the guest (gem.c), and objects that are memory of the
 * host (vram.c). They differ in their GEM functions and in @release.
 */
struct virtgpu_bo {
	struct drm_gem_shmem_object base;
	struct kref refs;
	struct mutex lock;
	struct list_head places;
	struct virtgpu_mapping mapping;
	struct virtgpu_resource *res;
	struct virtgpu_resource *cursor;
	u32 format;
	u32 width;
	u32 height;
	struct virtgpu_rows arriving;
	bool is_arriving;
	void (*release)(struct virtgpu_bo *bo);
	struct work_struct release_work;
};

#define to_virtgpu_bo(gem) container_of(to_drm_gem_shmem_obj(gem), struct virtgpu_bo, base)

/* Whether an object has pages of the guest; otherwise it is memory of the host. */
static inline bool virtgpu_bo_has_pages(const struct virtgpu_bo *bo)
{
	return bo->base.base.funcs->get_sg_table;
}

void virtgpu_bo_init(struct virtgpu_bo *bo, const struct drm_gem_object_funcs *funcs,
		     void (*release)(struct virtgpu_bo *bo));
void virtgpu_bo_get(struct virtgpu_bo *bo);
void virtgpu_bo_put(struct virtgpu_bo *bo);
void virtgpu_bo_put_later(struct virtgpu_bo *bo);
int virtgpu_gem_open(struct drm_gem_object *gem, struct drm_file *file);
void virtgpu_gem_close(struct drm_gem_object *gem, struct drm_file *file);
struct drm_gem_object *virtgpu_gem_create_object(struct drm_device *dev, size_t size);
struct virtgpu_bo *virtgpu_bo_create(struct drm_device *dev, size_t size, u32 format, u32 width,
				     u32 height);
struct virtgpu_bo *virtgpu_bo_create_blob(struct drm_device *dev, const struct virtgpu_blob *blob);
struct virtgpu_bo *virtgpu_bo_create_3d(struct drm_device *dev, size_t size, u32 format, u32 width,
					u32 height, const struct virtgpu_texture *texture);
struct virtgpu_resource *virtgpu_bo_resource(struct virtgpu_bo *bo, u32 format);
struct virtgpu_resource *virtgpu_bo_uncopied(struct virtgpu_bo *bo,
					     const struct drm_framebuffer *fb);
bool virtgpu_bo_is_renderers(struct virtgpu_bo *bo);
struct virtgpu_resource *virtgpu_bo_cursor(struct virtgpu_bo *bo,
					   const struct drm_framebuffer *fb);
void virtgpu_bo_sync(const struct drm_framebuffer *fb, const struct drm_rect *rect);
void virtgpu_zero_copy_stop(struct virtgpu_device *vg);
int virtgpu_dumb_create(struct drm_file *file, struct drm_device *dev,
			struct drm_mode_create_dumb *args);

#endif
