// SPDX-License-Identifier: GPL-2.0
/* Delays vblank timers, as happens on a busy host. */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static unsigned int late = 8;
module_param(late, uint, 0444);
MODULE_PARM_DESC(late, "Delay in milliseconds");

static char *function = "drm_vblank_timer_function";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "Function of the timer that is delayed");

static int left = -1;
module_param(left, int, 0644);
MODULE_PARM_DESC(left, "Number of timers to delay, -1 for all");

static unsigned int count;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "Number of delayed timers so far");

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	if (!READ_ONCE(left))
		return 0;
	if (left > 0)
		WRITE_ONCE(left, left - 1);
	WRITE_ONCE(count, count + 1);
	mdelay(late);
	return 0;
}
NOKPROBE_SYMBOL(entered);

static struct kprobe probe = {
	.pre_handler = entered,
};

static int __init latevblank_init(void)
{
	probe.symbol_name = function;
	return register_kprobe(&probe);
}
module_init(latevblank_init);

static void __exit latevblank_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(latevblank_exit);

MODULE_DESCRIPTION("Late vblank timers for tests");
MODULE_LICENSE("GPL");
