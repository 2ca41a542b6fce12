// SPDX-License-Identifier: GPL-2.0
/*
 * Has allocations fail, on a kernel that was built without fault injection. A program writes the
 * address of an int of its own to the parameter "counter"; each allocation that the driver's work
 * makes in that thread counts the int down, and the one that reaches 0 fails. For work that other
 * threads do, a number written to "anyone" is counted down by the driver's allocations of all threads.
 * With "places" only the first allocation of those counts that come from one call of the driver's.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/uaccess.h>

static pid_t thread;
static int __user *counter;
static atomic_t anyone;

static char *within = "virtgpu";
module_param(within, charp, 0444);
MODULE_PARM_DESC(within, "The driver's module");

/* Functions of the kernel (7.3) that break without memory. */
static const char * const except[] = {
	/* Puts a minor's device that is an error. */
	"drm_minor_alloc",
	/* A CRTC, or plane, that failed stays in the device's list. */
	"__drm_crtc_init_with_planes", "__drm_universal_plane_init",
	/* Notes the size of a mask that it did not get, and draws the cursor with it the next time. */
	"bit_cursor",
	/*
	 * Without its pixmap the console draws text for ever. Without the console it fails with a count
	 * of 1, of which the framebuffer's release warns.
	 */
	"do_register_framebuffer",
	/* Warns when it removes folders in /proc that it had no memory for. */
	"register_irq_proc", "register_handler_proc",
};

#define MAX_FRAMES	64

/* What an address in a stack belongs to. */
enum owner { OWNER_UNKNOWN, OWNER_KERNEL, OWNER_DRIVER, OWNER_EXCEPTED };

/* Owners of addresses that were looked up, which takes long: the address shifted, and the owner. */
#define CACHE_BITS	12
#define OWNER_BITS	2
static unsigned long cache[1 << CACHE_BITS];

static enum owner look_up(unsigned long address)
{
	char name[KSYM_SYMBOL_LEN], module[64];
	unsigned int i;

	snprintf(module, sizeof(module), "[%s]", within);
	snprintf(name, sizeof(name), "%pS", (void *)address);
	for (i = 0; i < ARRAY_SIZE(except); i++)
		if (strstarts(name, except[i]))
			return OWNER_EXCEPTED;
	return strstr(name, module) ? OWNER_DRIVER : OWNER_KERNEL;
}

static enum owner owner_of(unsigned long address)
{
	unsigned long *entry = &cache[hash_long(address, CACHE_BITS)];
	unsigned long known = READ_ONCE(*entry);
	enum owner owner;

	if (known && known >> OWNER_BITS == address << OWNER_BITS >> OWNER_BITS)
		return known & (BIT(OWNER_BITS) - 1);
	owner = look_up(address);
	WRITE_ONCE(*entry, address << OWNER_BITS | owner);
	return owner;
}

/* A module that is loaded again is elsewhere. */
static void forget_owners(void)
{
	memset(cache, 0, sizeof(cache));
}

static bool places;
module_param(places, bool, 0600);
MODULE_PARM_DESC(places, "Count one allocation of each call in the driver that leads to some");

/* Calls in the driver that have led to an allocation since "anyone" was written. */
#define MAX_PLACES	512
static unsigned long seen[MAX_PLACES];
static unsigned int num_seen;
static DEFINE_RAW_SPINLOCK(seen_lock);

static bool is_new(unsigned long place)
{
	unsigned int i;
	bool found;

	raw_spin_lock(&seen_lock);
	for (i = 0; i < num_seen && seen[i] != place; i++)
		;
	found = i < num_seen;
	if (!found && num_seen < MAX_PLACES)
		seen[num_seen++] = place;
	raw_spin_unlock(&seen_lock);
	return !found;
}

/* Is the driver in the stack, and nothing that is excepted? */
static bool is_ours(void)
{
	unsigned long frames[MAX_FRAMES], place = 0;
	unsigned int i, count = stack_trace_save(frames, ARRAY_SIZE(frames), 0);

	for (i = 0; i < count; i++) {
		enum owner owner = owner_of(frames[i]);

		if (owner == OWNER_EXCEPTED)
			return false;
		if (owner == OWNER_DRIVER && !place)
			place = frames[i];
	}
	return place && (!places || is_new(place));
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

	if (is_interrupt())
		return false;
	if (atomic_read(&anyone) > 0)
		return is_ours() && !atomic_dec_if_positive(&anyone);
	if (current->pid != thread ||
	    copy_from_user_nofault(&left, counter, sizeof(left)) || left <= 0 || !is_ours())
		return false;
	left--;
	return !copy_to_user_nofault(counter, &left, sizeof(left)) && !left;
}

/* What kmalloc() of a constant size calls; the flags are its second argument. */
#define OF_CONSTANT_SIZE	"__kmalloc_cache_noprof"
/* The page allocator; the flags are the first argument. */
#define OF_PAGES		"__alloc_frozen_pages_noprof"

/* Who asks for that does not look at the result. */
static bool never_fails(const struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags = 0;

	if (!strcmp(probe->symbol_name, OF_CONSTANT_SIZE))
		flags = regs_get_kernel_argument(regs, 1);
	else if (!strcmp(probe->symbol_name, OF_PAGES))
		flags = regs_get_kernel_argument(regs, 0);
	return flags & (__force unsigned long)__GFP_NOFAIL;
}

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	if (never_fails(probe, regs) || !fails())
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

/* What allocates memory by returning a pointer to it, or NULL; or a number of pages, or 0. */
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
	PROBE(OF_PAGES),
	PROBE("alloc_pages_bulk_noprof"),
};

static int set_counter(const char *text, const struct kernel_param *param)
{
	unsigned long address;
	int ret = kstrtoul(text, 0, &address);

	if (ret)
		return ret;
	forget_owners();
	counter = (int __user *)address;
	thread = current->pid;
	return 0;
}

static const struct kernel_param_ops counter_ops = { .set = set_counter };
module_param_cb(counter, &counter_ops, NULL, 0200);
MODULE_PARM_DESC(counter, "Address of the writing thread's int that is counted down");

static int set_anyone(const char *text, const struct kernel_param *param)
{
	int count, ret = kstrtoint(text, 0, &count);

	if (ret)
		return ret;
	forget_owners();
	num_seen = 0;
	atomic_set(&anyone, count);
	return 0;
}

static int get_anyone(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&anyone));
}

static const struct kernel_param_ops anyone_ops = { .set = set_anyone, .get = get_anyone };
module_param_cb(anyone, &anyone_ops, NULL, 0600);
MODULE_PARM_DESC(anyone, "Allocations of all threads that are still to come, the last of which fails");

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
