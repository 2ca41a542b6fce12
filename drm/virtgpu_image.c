// SPDX-License-Identifier: GPL-2.0
/*
 * Images: what a head shows of framebuffers whose pixels are the guest's. A program that draws
 * into several buffers in turn shows one picture all the same, and the host keeps one: all of them
 * back it, and where in the backing a transfer begins tells whose pixels it takes. So while the
 * image is the last frame (&virtgpu_output.image), what a commit declares as damage is all there
 * is to copy.
 */
#include <linux/slab.h>

#include <drm/drm_framebuffer.h>

#include "virtgpu_drv.h"
#include "virtgpu_fb.h"
#include "virtgpu_format.h"
#include "virtgpu_gem.h"
#include "virtgpu_image.h"
#include "virtgpu_output.h"
#include "virtgpu_resource.h"

/**
 * struct virtgpu_place - a buffer object's place in an image
 * @node: entry of &virtgpu_bo.places
 * @image: the image
 */
struct virtgpu_place {
	struct list_head node;
	struct virtgpu_image *image;
};

/**
 * virtgpu_images_init - set up a head's images: none
 * @images: the images
 */
void virtgpu_images_init(struct virtgpu_images *images)
{
	mutex_init(&images->lock);
	INIT_LIST_HEAD(&images->list);
}

static struct virtgpu_image *virtgpu_image_create(struct virtgpu_images *images,
						  struct drm_framebuffer *fb)
{
	u32 format = virtgpu_format_from_fourcc(fb->format->format);
	struct virtgpu_image *image = kzalloc_obj(*image);
	struct virtgpu_resource *res;

	if (!image)
		return ERR_PTR(-ENOMEM);

	res = virtgpu_resource_create(to_virtgpu_bo(fb->obj[0]), format, fb->pitches[0] / 4,
				      fb->height, true);
	if (IS_ERR(res)) {
		kfree(image);
		return ERR_CAST(res);
	}
	image->images = images;
	image->res = res;
	list_add(&image->node, &images->list);
	return image;
}

/* An image backed by @fb's buffer object, one that others are in or a new one. */
static struct virtgpu_image *virtgpu_image_join(struct virtgpu_images *images,
						struct drm_framebuffer *fb)
{
	struct virtgpu_image *image;
	int ret;

	list_for_each_entry(image, &images->list, node) {
		if (!virtgpu_resource_fits(image->res, fb))
			continue;
		ret = virtgpu_resource_add(image->res, to_virtgpu_bo(fb->obj[0]));
		if (ret != -ENOSPC)
			return ret ? ERR_PTR(ret) : image;
	}
	return virtgpu_image_create(images, fb);
}

static struct virtgpu_image *virtgpu_image_find(struct virtgpu_images *images,
						struct drm_framebuffer *fb)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_place *place;

	lockdep_assert_held(&bo->lock);
	list_for_each_entry(place, &bo->places, node)
		if (place->image->images == images && virtgpu_resource_fits(place->image->res, fb))
			return place->image;

	place = kzalloc_obj(*place);
	if (!place)
		return ERR_PTR(-ENOMEM);
	place->image = virtgpu_image_join(images, fb);
	if (IS_ERR(place->image)) {
		struct virtgpu_image *error = place->image;

		kfree(place);
		return error;
	}
	place->image->users++;
	list_add(&place->node, &bo->places);
	return place->image;
}

/**
 * virtgpu_image_prepare - give a framebuffer's buffer object a place in an image of a head
 * @output: the head
 * @fb: the framebuffer
 *
 * The place is the object's as long as it lives: other framebuffers over it will find it.
 *
 * Returns: 0 or a negative errno, see virtgpu_resource_create().
 */
int virtgpu_image_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb)
{
	struct virtgpu_image **slot = &to_virtgpu_fb(fb)->images[output->index];
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_image *image;

	image = READ_ONCE(*slot);
	if (image && !virtgpu_resource_is_refused(image->res))
		return 0;

	mutex_lock(&output->images.lock);
	mutex_lock(&bo->lock);
	image = virtgpu_image_find(&output->images, fb);
	if (!IS_ERR(image))
		WRITE_ONCE(*slot, image);
	mutex_unlock(&bo->lock);
	mutex_unlock(&output->images.lock);
	return PTR_ERR_OR_ZERO(image);
}

static void virtgpu_image_leave(struct virtgpu_image *image, struct virtgpu_bo *bo)
{
	struct virtgpu_images *images = image->images;

	mutex_lock(&images->lock);
	if (--image->users) {
		virtgpu_resource_remove(image->res, bo);
	} else {
		list_del(&image->node);
		virtgpu_resource_put(image->res);
		kfree(image);
	}
	mutex_unlock(&images->lock);
}

/**
 * virtgpu_images_leave - a buffer object that goes gives up its places
 * @bo: the buffer object
 */
void virtgpu_images_leave(struct virtgpu_bo *bo)
{
	struct virtgpu_place *place, *next;

	list_for_each_entry_safe(place, next, &bo->places, node) {
		virtgpu_image_leave(place->image, bo);
		kfree(place);
	}
}
