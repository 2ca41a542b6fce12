// SPDX-License-Identifier: GPL-2.0
/*
 * Has a test program's allocations fail, on a kernel that was built without fault injection. The
 * program writes the address of an int of its own to the parameter "counter"; each allocation that
 * the driver's work makes in that thread counts the int down, and the one that reaches 0 fails.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/uaccess.h>

static pid_t thread;
static int __user *counter;

static char *within = "virtgpu";
module_param(within, charp, 0444);
MODULE_PARM_DESC(within, "The driver's module");

/*
 * Where the kernel (7.3) itself breaks without memory: a minor's device that is an error is put;
 * a CRTC that failed stays in the device's list, and a plane is made in the same way; a console
 * draws its cursor into memory that it did not get.
 */
static const char * const except[] = {
	"drm_minor_alloc", "__drm_crtc_init_with_planes", "__drm_universal_plane_init",
	"register_framebuffer",
};

#define MAX_FRAMES	64

/* Is the driver in the stack, and nothing that is excepted? */
static bool is_ours(void)
{
	unsigned long frames[MAX_FRAMES];
	unsigned int i, j, count = stack_trace_save(frames, ARRAY_SIZE(frames), 0);
	char name[KSYM_SYMBOL_LEN], module[64];
	bool found = false;

	snprintf(module, sizeof(module), "[%s]", within);
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%pS", (void *)frames[i]);
		found |= !!strstr(name, module);
		for (j = 0; j < ARRAY_SIZE(except); j++)
			if (strstarts(name, except[j]))
				return false;
	}
	return found;
}

static noinline notrace void *no_memory(void)
{
	return NULL;
}

/*
 * Was the thread interrupted? A probe may itself count as an NMI: one by a breakpoint does, one
 * by ftrace does not.
 */
static bool is_interrupt(void)
{
	unsigned int count = preempt_count();

	if (in_nmi())
		count -= NMI_OFFSET + HARDIRQ_OFFSET;
	return count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK);
}

/* Is it this one's turn? */
static bool fails(void)
{
	int left;

	if (current->pid != thread || is_interrupt() ||
	    copy_from_user_nofault(&left, counter, sizeof(left)) || left <= 0 || !is_ours())
		return false;
	left--;
	return !copy_to_user_nofault(counter, &left, sizeof(left)) && !left;
}

/* What kmalloc() of a constant size calls; the flags are its second argument. */
#define OF_CONSTANT_SIZE	"__kmalloc_cache_noprof"

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	/* Who wants that does not look at the result. */
	if (!strcmp(probe->symbol_name, OF_CONSTANT_SIZE) &&
	    regs_get_kernel_argument(regs, 1) & (__force unsigned long)__GFP_NOFAIL)
		return 0;
	if (!fails())
		return 0;
	instruction_pointer_set(regs, (unsigned long)no_memory);
	return 1;
}
NOKPROBE_SYMBOL(entered);

/* Keeps a probe from becoming a jump, from where the stack cannot be walked. */
static void passed(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

#define PROBE(function) {		\
	.symbol_name = function,	\
	.pre_handler = entered,		\
	.post_handler = passed,		\
}

/* What allocates memory by returning a pointer to it, or NULL. */
static struct kprobe probes[] = {
	PROBE("__kmalloc_noprof"),
	PROBE("__kmalloc_node_noprof"),
	PROBE("__kmalloc_node_track_caller_noprof"),
	PROBE(OF_CONSTANT_SIZE),
	PROBE("__kmalloc_cache_node_noprof"),
	PROBE("__kmalloc_large_noprof"),
	PROBE("__kvmalloc_node_noprof"),
	PROBE("krealloc_node_align_noprof"),
	PROBE("kmem_cache_alloc_noprof"),
	PROBE("kmem_cache_alloc_lru_noprof"),
	PROBE("kmem_cache_alloc_node_noprof"),
	PROBE("vmalloc_noprof"),
};

static int set_counter(const char *text, const struct kernel_param *param)
{
	unsigned long address;
	int ret = kstrtoul(text, 0, &address);

	if (ret)
		return ret;
	counter = (int __user *)address;
	thread = current->pid;
	return 0;
}

static const struct kernel_param_ops counter_ops = { .set = set_counter };
module_param_cb(counter, &counter_ops, NULL, 0200);
MODULE_PARM_DESC(counter, "Address of the writing thread's int that is counted down");

static int __init failalloc_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		int ret = register_kprobe(&probes[i]);

		if (ret) {
			pr_err("no probe on %s: %d\n", probes[i].symbol_name, ret);
			while (i--)
				unregister_kprobe(&probes[i]);
			return ret;
		}
	}
	return 0;
}
module_init(failalloc_init);

static void __exit failalloc_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
}
module_exit(failalloc_exit);

MODULE_DESCRIPTION("Failing allocations for tests");
MODULE_LICENSE("GPL");
