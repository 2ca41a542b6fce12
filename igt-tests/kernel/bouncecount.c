// SPDX-License-Identifier: GPL-2.0
/* Counts the bytes that the CPU copies to and from bounce buffers. */
#include <linux/atomic.h>
#include <linux/dma-direction.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static atomic64_t to_device;
static atomic64_t from_device;

static int count_get(char *buffer, const struct kernel_param *param)
{
	atomic64_t *count = param->arg;

	return sysfs_emit(buffer, "%lld\n", atomic64_read(count));
}

static const struct kernel_param_ops count_ops = {
	.get = count_get,
};

module_param_cb(to_device, &count_ops, &to_device, 0444);
MODULE_PARM_DESC(to_device, "Bytes copied to bounce buffers");
module_param_cb(from_device, &count_ops, &from_device, 0444);
MODULE_PARM_DESC(from_device, "Bytes copied from bounce buffers");

/* Arguments: device, address of the bounce buffer, size, direction, pool. */
static int copied(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long size = regs_get_kernel_argument(regs, 2);
	unsigned int direction = regs_get_kernel_argument(regs, 3);

	atomic64_add(size, direction == DMA_FROM_DEVICE ? &from_device : &to_device);
	return 0;
}
NOKPROBE_SYMBOL(copied);

static struct kprobe probe = {
	.symbol_name = "swiotlb_bounce",
	.pre_handler = copied,
};

static int __init bouncecount_init(void)
{
	return register_kprobe(&probe);
}
module_init(bouncecount_init);

static void __exit bouncecount_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(bouncecount_exit);

MODULE_DESCRIPTION("Counts bytes copied to and from bounce buffers, for tests");
MODULE_LICENSE("GPL");
