// SPDX-License-Identifier: GPL-2.0
/* Has vblank timers run late, as they do on a machine whose host is busy. */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static unsigned int late = 8;
module_param(late, uint, 0444);
MODULE_PARM_DESC(late, "How late, in milliseconds");

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	mdelay(late);
	return 0;
}
NOKPROBE_SYMBOL(entered);

static struct kprobe probe = {
	.symbol_name = "drm_vblank_timer_function",
	.pre_handler = entered,
};

static int __init latevblank_init(void)
{
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
