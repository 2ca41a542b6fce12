// SPDX-License-Identifier: GPL-2.0
/* Provokes one kind of kernel error, so that a test can check that the harness notices it. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "kind of error: warn, taint, refcount, list, bug, oops, stall, hung, lockdep, sleep, kasan");

/* Longer than the limits that the test sets for stalls and hung tasks. */
#define LONG_SECONDS	25

static void complain_warn(void)
{
	WARN(1, "a warning that a test asked for\n");
}

static void complain_taint(void)
{
	/* Another taint than that of a warning, which may already be set. */
	add_taint(TAINT_MACHINE_CHECK, LOCKDEP_STILL_OK);
}

static void complain_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void complain_list(void)
{
	struct list_head first, second;

	INIT_LIST_HEAD(&first);
	list_add(&second, &first);
	first.next = &first;
	list_del(&second);
}

static void complain_bug(void)
{
	BUG();
}

static void complain_oops(void)
{
	int *nowhere = NULL;

	/* Hide the value from the compiler. */
	OPTIMIZER_HIDE_VAR(nowhere);
	*nowhere = 1;
}

static void complain_stall(void)
{
	int second;

	preempt_disable();
	for (second = 0; second < LONG_SECONDS; second++)
		mdelay(1000);
	preempt_enable();
}

static void complain_hung(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_timeout(LONG_SECONDS * HZ);
}

static void complain_lockdep(void)
{
	static DEFINE_MUTEX(first);
	static DEFINE_MUTEX(second);

	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void complain_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void complain_kasan(void)
{
	char *bytes = kmalloc(16, GFP_KERNEL);
	int past = 16;

	if (!bytes)
		return;
	OPTIMIZER_HIDE_VAR(past);
	bytes[past] = 0;
	kfree(bytes);
}

static const struct {
	const char *name;
	void (*complain)(void);
} kinds[] = {
	{ "warn", complain_warn },
	{ "taint", complain_taint },
	{ "refcount", complain_refcount },
	{ "list", complain_list },
	{ "bug", complain_bug },
	{ "oops", complain_oops },
	{ "stall", complain_stall },
	{ "hung", complain_hung },
	{ "lockdep", complain_lockdep },
	{ "sleep", complain_sleep },
	{ "kasan", complain_kasan },
};

static int __init complain_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i].name, kind)) {
			kinds[i].complain();
			return 0;
		}
	}
	pr_err("unknown kind %s\n", kind);
	return -EINVAL;
}

static void __exit complain_exit(void)
{
}

module_init(complain_init);
module_exit(complain_exit);
MODULE_DESCRIPTION("Provokes kernel errors");
MODULE_LICENSE("GPL");
