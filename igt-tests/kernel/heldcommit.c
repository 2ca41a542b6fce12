// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a commit after its driver has read the fences of its buffers, and before it swaps the state. In
 * this time a test can attach a fence, as a program may that draws during a commit.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

#define HELDCOMMIT_US		10
#define HELDCOMMIT_MAX_US	5000000

static int thread;
module_param(thread, int, 0644);
MODULE_PARM_DESC(thread, "Thread whose next commit is held; -1 while it is held, 0 to continue");

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	int us;

	if (READ_ONCE(thread) != current->pid)
		return 0;
	WRITE_ONCE(thread, -1);
	/* Continue after some time, because the test may have died. */
	for (us = 0; us < HELDCOMMIT_MAX_US && READ_ONCE(thread) == -1;
	     us += HELDCOMMIT_US)
		udelay(HELDCOMMIT_US);
	return 0;
}
NOKPROBE_SYMBOL(entered);

static struct kprobe probe = {
	.symbol_name = "drm_atomic_helper_setup_commit",
	.pre_handler = entered,
};

static int __init heldcommit_init(void)
{
	return register_kprobe(&probe);
}
module_init(heldcommit_init);

static void __exit heldcommit_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(heldcommit_exit);

MODULE_DESCRIPTION("Held commits for tests");
MODULE_LICENSE("GPL");
