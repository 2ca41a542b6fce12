// SPDX-License-Identifier: GPL-2.0
/*
 * Makes allocations fail on a kernel that was built without fault injection. A program writes the
 * address of an int to the parameter "counter". Each allocation of the driver in that thread decrements
 * the int, and the one that makes it 0 fails. For work in other threads, a number is written to
 * "anyone", which allocations of the driver in all threads decrement. After that, as many allocations
 * in a row fail as "row" says. With "places", only the first allocation from each call site in the
 * driver counts.
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

static int row = 1;
module_param(row, int, 0600);
MODULE_PARM_DESC(row, "Number of allocations in a row that fail when \"anyone\" gets 0");

/* How many more allocations of the row fail. */
static atomic_t more;

static char *within = "virtgpu";
module_param(within, charp, 0444);
MODULE_PARM_DESC(within, "The driver's module");

/* Functions of the kernel (7.3) that do not survive failing allocations. */
static const char * const except[] = {
	/* Drops a reference of a minor's device although it is an error pointer. */
	"drm_minor_alloc",
	/* A CRTC or plane whose initialisation failed stays in the device's list. */
	"__drm_crtc_init_with_planes", "__drm_universal_plane_init",
	/* Uses an interrupt's descriptor that was not allocated, if several allocations fail in a row. */
	"__irq_domain_alloc_irqs",
	/* Stores the size of a mask that was not allocated, and uses the mask later. */
	"bit_cursor",
	/*
	 * Without its pixmap the console draws text forever. Without the console it fails with a count
	 * of 1, which causes a warning when the framebuffer is released.
	 */
	"do_register_framebuffer",
	/*
	 * Records the functions of a module that is built with GCOV. The kernel crashes later if one of
	 * them is missing.
	 */
	"llvm_gcov_init",
	/* Allocates a record of the driver's allocation, which succeeds all the same. */
	"kmemleak_alloc",
	/* The console. It warns if its commit fails, and a commit allocates states of the Rust driver. */
	"drm_fbdev_shmem_helper_fb_dirty",
	/* Warns on removal of /proc folders whose creation failed. */
	"register_irq_proc", "register_handler_proc",
};

/*
 * Functions of the kernel that count as the driver. The driver ends with a call of them, which may be
 * a jump, and then the driver itself is not in the stack.
 */
static const char * const called_last[] = {
	"drm_mode_config_helper_suspend", "drm_mode_config_helper_resume",
};

#define MAX_FRAMES	64

/* The owner of an address in a stack. */
enum owner { OWNER_UNKNOWN, OWNER_KERNEL, OWNER_DRIVER, OWNER_EXCEPTED };

/* A cache of owners, because look-ups take long: the shifted address, and its owner. */
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
	for (i = 0; i < ARRAY_SIZE(called_last); i++)
		if (strstarts(name, called_last[i]))
			return OWNER_DRIVER;
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

/* Clears the cache, because a module that is loaded again has other addresses. */
static void forget_owners(void)
{
	memset(cache, 0, sizeof(cache));
}

static bool places;
module_param(places, bool, 0600);
MODULE_PARM_DESC(places, "Count only the first allocation from each call site in the driver");

/* Call sites in the driver from which memory was allocated since "anyone" was written. */
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

/*
 * Returns whether the allocation counts: the stack contains the driver and no excepted function, and
 * with "places" its call site is new.
 */
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
 * Returns whether the thread was interrupted. The probe itself may count as an NMI: a breakpoint does,
 * ftrace does not.
 */
static bool is_interrupt(void)
{
	unsigned int count = preempt_count();

	if (in_nmi())
		count -= NMI_OFFSET + HARDIRQ_OFFSET;
	return count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK);
}

/* Decrements the counter; returns whether this allocation must fail. */
static bool fails(void)
{
	int left;

	if (is_interrupt())
		return false;
	if (atomic_read(&more) > 0)
		return is_ours() && atomic_dec_if_positive(&more) >= 0;
	if (atomic_read(&anyone) > 0) {
		if (!is_ours() || atomic_dec_if_positive(&anyone))
			return false;
		atomic_set(&more, READ_ONCE(row) - 1);
		return true;
	}
	if (current->pid != thread ||
	    copy_from_user_nofault(&left, counter, sizeof(left)) || left <= 0 || !is_ours())
		return false;
	left--;
	return !copy_to_user_nofault(counter, &left, sizeof(left)) && !left;
}

/* kmalloc() of a constant size calls this; the flags are its second argument. */
#define OF_CONSTANT_SIZE	"__kmalloc_cache_noprof"
/*
 * kvmalloc() calls this. The flags are behind the size, up to two arguments that select a cache, and the
 * alignment.
 */
#define OF_ANY_SIZE		"__kvmalloc_node_noprof"
#define FLAGS_OF_ANY_SIZE	(2 + IS_ENABLED(CONFIG_SLAB_BUCKETS) + \
				 IS_ENABLED(CONFIG_KMALLOC_PARTITION_CACHES))
/* The page allocator; the flags are the first argument. */
#define OF_PAGES		"__alloc_frozen_pages_noprof"

/* Rust frees memory with this function, too. The size is its second argument, which is 0 then. */
#define REALLOC			"krealloc_node_align_noprof"

/*
 * Returns whether the call cannot fail: it frees memory, or the allocation has __GFP_NOFAIL, and the
 * caller does not check for NULL.
 */
static bool never_fails(const struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags = 0;

	if (!strcmp(probe->symbol_name, REALLOC) && !regs_get_kernel_argument(regs, 1))
		return true;
	if (!strcmp(probe->symbol_name, OF_CONSTANT_SIZE))
		flags = regs_get_kernel_argument(regs, 1);
	else if (!strcmp(probe->symbol_name, OF_ANY_SIZE))
		flags = regs_get_kernel_argument(regs, FLAGS_OF_ANY_SIZE);
	else if (!strcmp(probe->symbol_name, OF_PAGES))
		flags = regs_get_kernel_argument(regs, 0);
	return flags & (__force unsigned long)__GFP_NOFAIL;
}

static int entered(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long address = instruction_pointer(regs);
	bool is_failing;

	if (never_fails(probe, regs))
		return 0;
	/*
	 * The address is behind a breakpoint. If the function's first instruction has one byte and
	 * changes the stack, the stack could not be unwound from there.
	 */
	instruction_pointer_set(regs, (unsigned long)probe->addr);
	is_failing = fails();
	instruction_pointer_set(regs, address);
	if (!is_failing)
		return 0;
	instruction_pointer_set(regs, (unsigned long)no_memory);
	return 1;
}
NOKPROBE_SYMBOL(entered);

/* Prevents the optimisation of the probe to a jump, from which the stack cannot be unwound. */
static void passed(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

#define PROBE(function) {		\
	.symbol_name = function,	\
	.pre_handler = entered,		\
	.post_handler = passed,		\
}

/* Functions that return allocated memory or NULL, or a number of allocated pages or 0. */
static struct kprobe probes[] = {
	PROBE("__kmalloc_noprof"),
	PROBE("__kmalloc_node_noprof"),
	PROBE("__kmalloc_node_track_caller_noprof"),
	PROBE(OF_CONSTANT_SIZE),
	PROBE("__kmalloc_cache_node_noprof"),
	PROBE("__kmalloc_large_noprof"),
	PROBE(OF_ANY_SIZE),
	PROBE(REALLOC),
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
MODULE_PARM_DESC(counter, "Address of an int in the writing thread, which is decremented");

static int set_anyone(const char *text, const struct kernel_param *param)
{
	int count, ret = kstrtoint(text, 0, &count);

	if (ret)
		return ret;
	forget_owners();
	num_seen = 0;
	atomic_set(&more, 0);
	atomic_set(&anyone, count);
	return 0;
}

static int get_anyone(char *text, const struct kernel_param *param)
{
	return sysfs_emit(text, "%d\n", atomic_read(&anyone));
}

static const struct kernel_param_ops anyone_ops = { .set = set_anyone, .get = get_anyone };
module_param_cb(anyone, &anyone_ops, NULL, 0600);
MODULE_PARM_DESC(anyone, "Number of allocations in any thread until one fails");

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
