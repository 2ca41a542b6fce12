/* SPDX-License-Identifier: GPL-2.0 */
/*
 * See fence_init64.c.
 *
 * Absent: unloading the module while a program keeps a fence
 */
#ifndef VIRTGPU_COMPAT_FENCE_INIT64_H
#define VIRTGPU_COMPAT_FENCE_INIT64_H

#include <linux/dma-fence.h>

void virtgpu_compat_fence_init64(struct dma_fence *fence, const struct dma_fence_ops *ops,
				 spinlock_t *lock, u64 context, u64 seqno);

#define dma_fence_init64	virtgpu_compat_fence_init64

#endif
