// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a thread that maps a buffer object, when the driver has done its part, and before the
 * kernel lists the mapping. The thread sleeps, so that a test can do anything else meanwhile.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

#include <drm/drm_gem.h>

/* Milliseconds after which the thread goes on, because the test may have died. */
#define HELDMAP_MAX	(60 * MSEC_PER_SEC)

static int thread;
module_param(thread, int, 0644);
MODULE_PARM_DESC(thread, "Thread whose next mmap() is held; -1 while it is held, 0 to continue");

static int held_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret = drm_gem_mmap(file, vma);
	unsigned int waited;

	WRITE_ONCE(thread, -1);
	for (waited = 0; waited < HELDMAP_MAX && READ_ONCE(thread) == -1; waited += 20)
		msleep(20);
	return ret;
}

/* Makes the thread call held_mmap() instead, which calls the function again. */
static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	if (READ_ONCE(thread) != current->pid)
		return 0;
	WRITE_ONCE(thread, 0);
	instruction_pointer_set(regs, (unsigned long)held_mmap);
	return 1;
}
NOKPROBE_SYMBOL(entered);

static struct kprobe probe = {
	.symbol_name = "drm_gem_mmap",
	.pre_handler = entered,
};

static int __init heldmap_init(void)
{
	return register_kprobe(&probe);
}
module_init(heldmap_init);

static void __exit heldmap_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(heldmap_exit);

MODULE_DESCRIPTION("Held mmap() for tests");
MODULE_LICENSE("GPL");
