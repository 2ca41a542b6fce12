// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a commit of a thread in a function. In this time a test can do something that would otherwise
 * have to happen at exactly this moment. By default a commit is held after its driver has read the
 * fences of its buffers, and before it swaps the state.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

/* Less than the time after which RCU complains, also if the guest is slow. */
#define HELDCOMMIT_MAX_NS	(5 * NSEC_PER_SEC)

static int thread;
module_param(thread, int, 0644);
MODULE_PARM_DESC(thread, "Thread whose next commit is held; -1 while it is held, 0 to continue");

static char *function = "drm_atomic_helper_setup_commit";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "Function in which the commit is held");

static bool at_end;
module_param(at_end, bool, 0444);
MODULE_PARM_DESC(at_end, "Hold the commit at the end of the function instead of its beginning");

static int pass;
module_param(pass, int, 0644);
MODULE_PARM_DESC(pass, "Number of calls by the thread that are not held before");

static void hold(void)
{
	u64 end;

	if (READ_ONCE(thread) != current->pid)
		return;
	if (pass) {
		pass--;
		return;
	}
	WRITE_ONCE(thread, -1);
	/* Continue after some time, because the test may have died. */
	end = ktime_get_mono_fast_ns() + HELDCOMMIT_MAX_NS;
	while (ktime_get_mono_fast_ns() < end && READ_ONCE(thread) == -1)
		cpu_relax();
	WRITE_ONCE(thread, 0);
}
NOKPROBE_SYMBOL(hold);

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	hold();
	return 0;
}
NOKPROBE_SYMBOL(entered);

static int returned(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	hold();
	return 0;
}
NOKPROBE_SYMBOL(returned);

static struct kprobe begin_probe = {
	.pre_handler = entered,
};

static struct kretprobe end_probe = {
	.handler = returned,
};

static int __init heldcommit_init(void)
{
	begin_probe.symbol_name = function;
	end_probe.kp.symbol_name = function;
	return at_end ? register_kretprobe(&end_probe) : register_kprobe(&begin_probe);
}
module_init(heldcommit_init);

static void __exit heldcommit_exit(void)
{
	if (at_end)
		unregister_kretprobe(&end_probe);
	else
		unregister_kprobe(&begin_probe);
}
module_exit(heldcommit_exit);

MODULE_DESCRIPTION("Held commits for tests");
MODULE_LICENSE("GPL");
