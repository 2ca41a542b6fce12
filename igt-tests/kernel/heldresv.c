// SPDX-License-Identifier: GPL-2.0
/*
 * Holds the reservation of a dma-buf, as a driver may that waits for a fence, until the module is
 * unloaded. The dma-buf is a file descriptor of the process that loads the module.
 */
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/kthread.h>
#include <linux/module.h>

static int fd = -1;
module_param(fd, int, 0400);
MODULE_PARM_DESC(fd, "File descriptor of the dma-buf");

static struct dma_buf *buffer;
static struct task_struct *holder;
static DECLARE_COMPLETION(is_held);

static int hold(void *unused)
{
	dma_resv_lock(buffer->resv, NULL);
	complete(&is_held);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	dma_resv_unlock(buffer->resv);
	return 0;
}

static int __init heldresv_init(void)
{
	buffer = dma_buf_get(fd);
	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	holder = kthread_run(hold, NULL, "heldresv");
	if (IS_ERR(holder)) {
		dma_buf_put(buffer);
		return PTR_ERR(holder);
	}
	wait_for_completion(&is_held);
	return 0;
}
module_init(heldresv_init);

static void __exit heldresv_exit(void)
{
	kthread_stop(holder);
	dma_buf_put(buffer);
}
module_exit(heldresv_exit);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_DESCRIPTION("Held reservations for tests");
MODULE_LICENSE("GPL");
