// SPDX-License-Identifier: GPL-2.0
#include <linux/bitmap.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "coverage.h"

static u8 *counters;
static DECLARE_BITMAP(seen, VIRTGPU_COVERAGE_COUNTERS);

/**
 * virtgpu_coverage_hit - count that a block of the module was reached
 * @offset: offset from the start of the module's text in bytes
 */
void notrace virtgpu_coverage_hit(unsigned long offset)
{
	unsigned long index = offset / VIRTGPU_COVERAGE_STEP;

	/* Init code is outside of the text section, and is not counted. */
	if (index >= VIRTGPU_COVERAGE_COUNTERS)
		return;
	/* Lost increments on two CPUs do no harm, but a counter must not wrap to 0. */
	if (counters[index] != U8_MAX)
		counters[index]++;
	if (!test_bit(index, seen))
		set_bit(index, seen);
}
EXPORT_SYMBOL_GPL(virtgpu_coverage_hit);

static int coverage_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_vmalloc_range(vma, counters, vma->vm_pgoff);
}

static ssize_t coverage_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	char text[32];
	int length = scnprintf(text, sizeof(text), "%u blocks\n",
			       bitmap_weight(seen, VIRTGPU_COVERAGE_COUNTERS));

	return simple_read_from_buffer(to, size, pos, text, length);
}

static ssize_t coverage_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	bitmap_zero(seen, VIRTGPU_COVERAGE_COUNTERS);
	return size;
}

static const struct file_operations coverage_ops = {
	.owner = THIS_MODULE,
	.mmap = coverage_mmap,
	.read = coverage_read,
	.write = coverage_write,
};

static struct miscdevice coverage_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virtgpu-coverage",
	.fops = &coverage_ops,
};

static int __init coverage_init(void)
{
	int ret;

	counters = vmalloc_user(VIRTGPU_COVERAGE_COUNTERS);
	if (!counters)
		return -ENOMEM;
	ret = misc_register(&coverage_device);
	if (ret)
		vfree(counters);
	return ret;
}

static void __exit coverage_exit(void)
{
	misc_deregister(&coverage_device);
	vfree(counters);
}

module_init(coverage_init);
module_exit(coverage_exit);
MODULE_DESCRIPTION("Coverage of a virtio GPU driver, for fuzzers");
MODULE_LICENSE("GPL");
