// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Swapchains
 *
 * A program that draws into several buffers in turn shows one picture. For buffers whose pixels
 * have to be copied, the host keeps one resource for all of them: the *swapchain* of these
 * buffers. All of them back the resource, one behind the other, and the offset of a transfer in the
 * backing selects the buffer that the pixels are copied from.
 *
 * While the resource holds the last frame of the head (&virtgpu_output.last_frame), the damage that
 * a commit declares is all that has to be copied, whichever buffer the commit shows.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>

#include <drm/drm_framebuffer.h>

#include "display/display.h"
#include "display/fb.h"
#include "display/swapchain.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"

/**
 * struct virtgpu_place - a buffer object's place in a swapchain
 * @node: entry of &virtgpu_bo.places
 * @swapchain: the swapchain
 */
struct virtgpu_place {
	struct list_head node;
	struct virtgpu_swapchain *swapchain;
};

/**
 * virtgpu_swapchains_init - initialize a head's list of swapchains
 * @swapchains: the list, which is empty afterwards
 */
void virtgpu_swapchains_init(struct virtgpu_swapchains *swapchains)
{
	mutex_init(&swapchains->lock);
	INIT_LIST_HEAD(&swapchains->list);
}

static struct virtgpu_swapchain *virtgpu_swapchain_create(struct virtgpu_swapchains *swapchains,
							  struct drm_framebuffer *fb)
{
	u32 format = virtgpu_format_from_fourcc(fb->format->format);
	struct virtgpu_swapchain *swapchain = kzalloc_obj(*swapchain);
	struct virtgpu_resource *res;

	if (!swapchain)
		return ERR_PTR(-ENOMEM);

	res = virtgpu_resource_create(to_virtgpu_bo(fb->obj[0]), format,
				      virtgpu_format_row(fb), fb->height, true);
	if (IS_ERR(res)) {
		kfree(swapchain);
		return ERR_CAST(res);
	}
	swapchain->owner = swapchains;
	swapchain->res = res;
	list_add(&swapchain->node, &swapchains->list);
	return swapchain;
}

/* Adds @fb's buffer object to a swapchain that has room for it, or to a new one. */
static struct virtgpu_swapchain *virtgpu_swapchain_join(struct virtgpu_swapchains *swapchains,
							struct drm_framebuffer *fb)
{
	struct virtgpu_swapchain *swapchain;
	int ret;

	list_for_each_entry(swapchain, &swapchains->list, node) {
		if (!virtgpu_resource_fits(swapchain->res, fb) ||
		    virtgpu_resource_is_given_up(swapchain->res))
			continue;
		ret = virtgpu_resource_add(swapchain->res, to_virtgpu_bo(fb->obj[0]));
		if (ret != -ENOSPC)
			return ret ? ERR_PTR(ret) : swapchain;
	}
	return virtgpu_swapchain_create(swapchains, fb);
}

static struct virtgpu_swapchain *virtgpu_swapchain_find(struct virtgpu_swapchains *swapchains,
							struct drm_framebuffer *fb)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_place *place;

	lockdep_assert_held(&swapchains->lock);
	lockdep_assert_held(&bo->lock);
	list_for_each_entry(place, &bo->places, node)
		if (place->swapchain->owner == swapchains &&
		    virtgpu_resource_fits(place->swapchain->res, fb))
			return place->swapchain;

	place = kzalloc_obj(*place);
	if (!place)
		return ERR_PTR(-ENOMEM);
	place->swapchain = virtgpu_swapchain_join(swapchains, fb);
	if (IS_ERR(place->swapchain)) {
		struct virtgpu_swapchain *error = place->swapchain;

		kfree(place);
		return error;
	}
	place->swapchain->users++;
	list_add(&place->node, &bo->places);
	return place->swapchain;
}

/* Has the host create the resource of a swapchain again if it was given up. */
static struct virtgpu_swapchain *virtgpu_swapchain_take_back(struct virtgpu_swapchain *swapchain)
{
	int ret;

	if (IS_ERR(swapchain) || !virtgpu_resource_is_given_up(swapchain->res))
		return swapchain;
	ret = virtgpu_resource_take_back(swapchain->res);
	return ret ? ERR_PTR(ret) : swapchain;
}

/* Changes the swapchain that shows a framebuffer, and moves the framebuffer's uses to it. */
static void virtgpu_swapchain_assign(struct virtgpu_fb *vfb, u32 index,
				     struct virtgpu_swapchain *swapchain)
{
	struct virtgpu_swapchain *old = vfb->swapchains[index];

	lockdep_assert_held(&swapchain->owner->lock);
	if (old)
		old->uses -= vfb->uses[index];
	swapchain->uses += vfb->uses[index];
	WRITE_ONCE(vfb->swapchains[index], swapchain);
}

static int virtgpu_swapchain_make(struct virtgpu_output *output, struct drm_framebuffer *fb)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_swapchain *swapchain;

	mutex_lock(&output->swapchains.lock);
	mutex_lock(&bo->lock);
	swapchain = virtgpu_swapchain_take_back(virtgpu_swapchain_find(&output->swapchains, fb));
	if (!IS_ERR(swapchain))
		virtgpu_swapchain_assign(to_virtgpu_fb(fb), output->index, swapchain);
	mutex_unlock(&bo->lock);
	mutex_unlock(&output->swapchains.lock);
	return PTR_ERR_OR_ZERO(swapchain);
}

static bool virtgpu_swapchain_is_on_host(const struct virtgpu_swapchain *swapchain)
{
	return swapchain && !virtgpu_resource_is_refused(swapchain->res) &&
	       !virtgpu_resource_is_given_up(swapchain->res);
}

/**
 * virtgpu_swapchain_prepare - give a framebuffer's buffer object a place in a head's swapchain
 * @output: the head
 * @fb: the framebuffer
 * @is_copied: a swapchain shows it; otherwise it is only counted as used
 *
 * The object keeps the place until it is freed, so that other framebuffers over it find the place.
 * If the host is out of memory, resources of swapchains that no plane shows are given up.
 *
 * Returns: 0, and then virtgpu_swapchain_cleanup() must follow; or a negative errno, see
 * virtgpu_resource_create(); -EDQUOT if all swapchains are shown.
 */
int virtgpu_swapchain_prepare(struct virtgpu_output *output, struct drm_framebuffer *fb,
			      bool is_copied)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_swapchain *swapchain;
	bool is_ready;
	int ret;

	mutex_lock(&output->swapchains.lock);
	swapchain = vfb->swapchains[output->index];
	vfb->uses[output->index]++;
	if (swapchain)
		swapchain->uses++;
	is_ready = !is_copied || virtgpu_swapchain_is_on_host(swapchain);
	mutex_unlock(&output->swapchains.lock);
	if (is_ready)
		return 0;

	do {
		ret = virtgpu_swapchain_make(output, fb);
	} while ((ret == -EDQUOT && virtgpu_swapchains_give_up(output->vg)) ||
		 output->vg->trouble->again(output->vg, &ret));
	if (ret)
		virtgpu_swapchain_cleanup(output, fb);
	return ret;
}

/**
 * virtgpu_swapchain_cleanup - a plane state of a head no longer shows a framebuffer
 * @output: the head
 * @fb: the framebuffer, prepared
 */
void virtgpu_swapchain_cleanup(struct virtgpu_output *output, struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_swapchain *swapchain;

	mutex_lock(&output->swapchains.lock);
	swapchain = vfb->swapchains[output->index];
	vfb->uses[output->index]--;
	if (swapchain && !--swapchain->uses)
		swapchain->used_at = jiffies;
	mutex_unlock(&output->swapchains.lock);
}

/* Returns the least recently used swapchain of a head that no plane state uses, or NULL. */
static struct virtgpu_swapchain *virtgpu_swapchains_oldest(struct virtgpu_swapchains *swapchains)
{
	struct virtgpu_swapchain *swapchain, *oldest = NULL;

	lockdep_assert_held(&swapchains->lock);
	list_for_each_entry(swapchain, &swapchains->list, node)
		if (!swapchain->uses && virtgpu_swapchain_is_on_host(swapchain) &&
		    (!oldest || time_before(swapchain->used_at, oldest->used_at)))
			oldest = swapchain;
	return oldest;
}

/**
 * virtgpu_swapchains_give_up - have the host destroy the least recently shown resource
 * @vg: the device; the caller holds none of the locks of its swapchains
 *
 * Only resources of swapchains that no plane shows are considered. The host creates the resource
 * again when it is next shown.
 *
 * Returns: true if the host has destroyed a resource.
 */
bool virtgpu_swapchains_give_up(struct virtgpu_device *vg)
{
	struct virtgpu_output *head = NULL;
	struct virtgpu_swapchain *swapchain;
	unsigned long used_at = 0;
	bool is_done;
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++) {
		struct virtgpu_swapchains *swapchains = &vg->display->outputs[i].swapchains;

		mutex_lock(&swapchains->lock);
		swapchain = virtgpu_swapchains_oldest(swapchains);
		if (swapchain && (!head || time_before(swapchain->used_at, used_at))) {
			head = &vg->display->outputs[i];
			used_at = swapchain->used_at;
		}
		mutex_unlock(&swapchains->lock);
	}
	if (!head)
		return false;

	mutex_lock(&head->swapchains.lock);
	/* The lock was released, so the oldest may be another one now. */
	swapchain = virtgpu_swapchains_oldest(&head->swapchains);
	is_done = swapchain && virtgpu_resource_give_up(swapchain->res);
	mutex_unlock(&head->swapchains.lock);
	return is_done;
}

/**
 * virtgpu_swapchain_give_up_shown - blank a head and have the host destroy what the head showed
 * @output: the head, about to show another resource; nobody else commits to it
 *
 * Returns: true if the head showed a swapchain, whose resource is destroyed now.
 */
bool virtgpu_swapchain_give_up_shown(struct virtgpu_output *output)
{
	struct virtgpu_swapchain *swapchain;
	bool is_done = false;

	mutex_lock(&output->swapchains.lock);
	list_for_each_entry(swapchain, &output->swapchains.list, node) {
		if (swapchain->res->id != output->shown_resource ||
		    !virtgpu_swapchain_is_on_host(swapchain))
			continue;
		virtgpu_output_hide(output);
		is_done = virtgpu_resource_give_up(swapchain->res);
		break;
	}
	mutex_unlock(&output->swapchains.lock);
	return is_done;
}

static void virtgpu_swapchain_leave(struct virtgpu_swapchain *swapchain, struct virtgpu_bo *bo)
{
	struct virtgpu_swapchains *swapchains = swapchain->owner;

	mutex_lock(&swapchains->lock);
	if (--swapchain->users) {
		virtgpu_resource_remove(swapchain->res, bo);
	} else {
		list_del(&swapchain->node);
		virtgpu_resource_put(swapchain->res);
		kfree(swapchain);
	}
	mutex_unlock(&swapchains->lock);
}

/**
 * virtgpu_swapchains_leave - remove a buffer object from its swapchains
 * @bo: the buffer object, which is about to be freed
 */
void virtgpu_swapchains_leave(struct virtgpu_bo *bo)
{
	struct virtgpu_place *place, *next;

	list_for_each_entry_safe(place, next, &bo->places, node) {
		virtgpu_swapchain_leave(place->swapchain, bo);
		kfree(place);
	}
}
