// SPDX-License-Identifier: GPL-2.0
/*
 * Images: what a head shows of framebuffers whose pixels are the guest's. A program that draws
 * into several buffers in turn shows one picture all the same, and the host keeps one: all of them
 * back it, and where in the backing a transfer begins tells whose pixels it takes. So while the
 * image is the last frame (&virtgpu_output.image), what a commit declares as damage is all there
 * is to copy.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include <drm/drm_framebuffer.h>

#include "display/display.h"
#include "display/fb.h"
#include "display/image.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"

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

	res = virtgpu_resource_create(to_virtgpu_bo(fb->obj[0]), format,
				      virtgpu_format_row(fb), fb->height, true);
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
		if (!virtgpu_resource_fits(image->res, fb) ||
		    virtgpu_resource_is_given_up(image->res))
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

/* Has the host make an image again that was given up. */
static struct virtgpu_image *virtgpu_image_take_back(struct virtgpu_image *image)
{
	int ret;

	if (IS_ERR(image) || !virtgpu_resource_is_given_up(image->res))
		return image;
	ret = virtgpu_resource_take_back(image->res);
	return ret ? ERR_PTR(ret) : image;
}

/* Changes by which image a framebuffer is shown, and who uses that. */
static void virtgpu_image_assign(struct virtgpu_fb *vfb, u32 index, struct virtgpu_image *image)
{
	struct virtgpu_image *old = vfb->images[index];

	if (old)
		old->uses -= vfb->uses[index];
	image->uses += vfb->uses[index];
	WRITE_ONCE(vfb->images[index], image);
}

static int virtgpu_image_make(struct virtgpu_output *output, struct drm_framebuffer *fb)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_image *image;

	mutex_lock(&output->images.lock);
	mutex_lock(&bo->lock);
	image = virtgpu_image_take_back(virtgpu_image_find(&output->images, fb));
	if (!IS_ERR(image))
		virtgpu_image_assign(to_virtgpu_fb(fb), output->index, image);
	mutex_unlock(&bo->lock);
	mutex_unlock(&output->images.lock);
	return PTR_ERR_OR_ZERO(image);
}

static bool virtgpu_image_is_on_host(const struct virtgpu_image *image)
{
	return image && !virtgpu_resource_is_refused(image->res) &&
	       !virtgpu_resource_is_given_up(image->res);
}

/**
 * virtgpu_image_prepare - give a framebuffer's buffer object a place in an image of a head
 * @output: the head
 * @fb: the framebuffer
 * @is_copied: it is shown by an image; else it is only counted as used
 *
 * The place is the object's as long as it lives: other framebuffers over it will find it. If the
 * host is out of memory, images that nobody shows are given up.
 *
 * Returns: 0, and then virtgpu_image_cleanup() has to follow; or a negative errno, see
 * virtgpu_resource_create(), -EDQUOT when all images are shown.
 */
int virtgpu_image_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb,
			  bool is_copied)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_image *image;
	bool is_ready;
	int ret;

	mutex_lock(&output->images.lock);
	image = vfb->images[output->index];
	vfb->uses[output->index]++;
	if (image)
		image->uses++;
	is_ready = !is_copied || virtgpu_image_is_on_host(image);
	mutex_unlock(&output->images.lock);
	if (is_ready)
		return 0;

	do {
		ret = virtgpu_image_make(output, fb);
	} while ((ret == -EDQUOT && virtgpu_images_give_up(output->vg)) ||
		 output->vg->trouble->again(output->vg, &ret));
	if (ret)
		virtgpu_image_cleanup(output, fb);
	return ret;
}

/**
 * virtgpu_image_cleanup - a state of a head's plane does not show a framebuffer any more
 * @output: the head
 * @fb: the framebuffer, prepared
 */
void virtgpu_image_cleanup(struct virtgpu_output *output, struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_image *image;

	mutex_lock(&output->images.lock);
	image = vfb->images[output->index];
	vfb->uses[output->index]--;
	if (image && !--image->uses)
		image->used_at = jiffies;
	mutex_unlock(&output->images.lock);
}

/* The image of a head that nobody uses and that has not been used for longest. */
static struct virtgpu_image *virtgpu_images_oldest(struct virtgpu_images *images)
{
	struct virtgpu_image *image, *oldest = NULL;

	lockdep_assert_held(&images->lock);
	list_for_each_entry(image, &images->list, node)
		if (!image->uses && virtgpu_image_is_on_host(image) &&
		    (!oldest || time_before(image->used_at, oldest->used_at)))
			oldest = image;
	return oldest;
}

/**
 * virtgpu_images_give_up - have the host destroy the image that has not been shown for longest
 * @vg: the device; none of the locks of its images is held
 *
 * It is made again when it is next shown.
 *
 * Returns: whether there was one.
 */
bool virtgpu_images_give_up(struct virtgpu_device *vg)
{
	struct virtgpu_output *head = NULL;
	struct virtgpu_image *image;
	unsigned long used_at = 0;
	bool is_done;
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++) {
		struct virtgpu_images *images = &vg->display->outputs[i].images;

		mutex_lock(&images->lock);
		image = virtgpu_images_oldest(images);
		if (image && (!head || time_before(image->used_at, used_at))) {
			head = &vg->display->outputs[i];
			used_at = image->used_at;
		}
		mutex_unlock(&images->lock);
	}
	if (!head)
		return false;

	mutex_lock(&head->images.lock);
	/* Another one, if somebody was faster. */
	image = virtgpu_images_oldest(&head->images);
	is_done = image && virtgpu_resource_give_up(image->res);
	mutex_unlock(&head->images.lock);
	return is_done;
}

/**
 * virtgpu_image_give_up_shown - have the host show nothing on a head, and destroy what it showed
 * @output: the head, about to show another image; nobody else commits to it
 *
 * Returns: whether it showed an image.
 */
bool virtgpu_image_give_up_shown(struct virtgpu_output *output)
{
	struct virtgpu_image *image;
	bool is_done = false;

	mutex_lock(&output->images.lock);
	list_for_each_entry(image, &output->images.list, node) {
		if (image->res->id != output->scanout_id || !virtgpu_image_is_on_host(image))
			continue;
		virtgpu_output_hide(output);
		is_done = virtgpu_resource_give_up(image->res);
		break;
	}
	mutex_unlock(&output->images.lock);
	return is_done;
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
