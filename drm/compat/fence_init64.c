// SPDX-License-Identifier: GPL-2.0
/*
 * In Linux 6.12, a fence has no lock of its own and uses the driver's module until it is freed. So
 * all fences share a lock, and each keeps the module loaded.
 */
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static DEFINE_SPINLOCK(virtgpu_compat_fence_lock);

static const struct dma_fence_ops *virtgpu_compat_fence_names;

static const char *virtgpu_compat_fence_driver_name(struct dma_fence *fence)
{
	return virtgpu_compat_fence_names->get_driver_name(fence);
}

static const char *virtgpu_compat_fence_timeline_name(struct dma_fence *fence)
{
	return virtgpu_compat_fence_names->get_timeline_name(fence);
}

static void virtgpu_compat_fence_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct dma_fence, rcu));
	module_put(THIS_MODULE);
}

/* In an RCU callback, because the unloading of a module waits for the end of those that run. */
static void virtgpu_compat_fence_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, virtgpu_compat_fence_free);
}

static const struct dma_fence_ops virtgpu_compat_fence_ops = {
	.use_64bit_seqno = true,
	.get_driver_name = virtgpu_compat_fence_driver_name,
	.get_timeline_name = virtgpu_compat_fence_timeline_name,
	.release = virtgpu_compat_fence_release,
};

/**
 * virtgpu_compat_fence_init64 - initialize a fence with a 64-bit number
 * @fence: the fence
 * @ops: its names; the same for all fences of the driver
 * @lock: not used
 * @context: its timeline
 * @seqno: its number
 */
void virtgpu_compat_fence_init64(struct dma_fence *fence, const struct dma_fence_ops *ops,
				 spinlock_t *lock, u64 context, u64 seqno)
{
	WRITE_ONCE(virtgpu_compat_fence_names, ops);
	__module_get(THIS_MODULE);
	dma_fence_init(fence, &virtgpu_compat_fence_ops, &virtgpu_compat_fence_lock, context,
		       seqno);
}
