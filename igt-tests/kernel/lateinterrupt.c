// SPDX-License-Identifier: GPL-2.0
/*
 * Has a virtio GPU interrupt for both queues as late as it can: when its driver is about to reset it. The
 * interrupts come on another CPU, and the reset begins when a work has started that the driver queued in
 * its interrupt handlers. This work takes so long that a driver that does not wait for it has gone by then.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/virtio.h>
#include <linux/virtio_ids.h>
#include <linux/workqueue.h>

#define LATE_MS		2000
/* One work for each queue. Later works start in time. */
#define LATE_WORKS	2
/* How long a work may take to start. Less than the time after which RCU complains. */
#define START_NS	(5 * NSEC_PER_SEC)

static char *driver;
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "Module whose works start late");

static int held;
module_param(held, int, 0444);
MODULE_PARM_DESC(held, "Number of works that started late");

static bool is_armed;

static struct virtio_device *device;

static void interrupt(void *unused)
{
	struct virtqueue *vq;

	list_for_each_entry(vq, &device->vqs, list)
		vq->callback(vq);
}

static call_single_data_t call = CSD_INIT(interrupt, NULL);

/* The driver resets its device. */
static int resetting(struct kprobe *probe, struct pt_regs *regs)
{
	struct virtio_device *vdev = (void *)regs_get_kernel_argument(regs, 0);
	int cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	u64 end;

	if (vdev->id.device != VIRTIO_ID_GPU || is_armed)
		return 0;
	device = vdev;
	WRITE_ONCE(is_armed, true);
	if (smp_call_function_single_async(cpu, &call))
		return 0;
	end = ktime_get_mono_fast_ns() + START_NS;
	while (ktime_get_mono_fast_ns() < end && !READ_ONCE(held))
		cpu_relax();
	return 0;
}
NOKPROBE_SYMBOL(resetting);

static struct kprobe reset_probe = {
	.symbol_name = "virtio_reset_device",
	.pre_handler = resetting,
};

/* A work is about to start. */
static void starting(void *unused, struct work_struct *work)
{
	char name[KSYM_SYMBOL_LEN];
	const char *module;

	if (!READ_ONCE(is_armed) || READ_ONCE(held) >= LATE_WORKS)
		return;
	snprintf(name, sizeof(name), "%ps", work->func);
	module = strrchr(name, '[');
	if (!module || strncmp(module + 1, driver, strlen(driver)) ||
	    module[1 + strlen(driver)] != ']')
		return;
	WRITE_ONCE(held, held + 1);
	mdelay(LATE_MS);
}

static struct tracepoint *start;

static void find_start(struct tracepoint *tracepoint, void *unused)
{
	if (!strcmp(tracepoint->name, "workqueue_execute_start"))
		start = tracepoint;
}

static int __init lateinterrupt_init(void)
{
	int ret;

	if (!driver)
		return -EINVAL;
	for_each_kernel_tracepoint(find_start, NULL);
	if (!start)
		return -ENOENT;
	ret = tracepoint_probe_register(start, starting, NULL);
	if (ret)
		return ret;
	ret = register_kprobe(&reset_probe);
	if (ret)
		tracepoint_probe_unregister(start, starting, NULL);
	return ret;
}
module_init(lateinterrupt_init);

static void __exit lateinterrupt_exit(void)
{
	unregister_kprobe(&reset_probe);
	tracepoint_probe_unregister(start, starting, NULL);
	tracepoint_synchronize_unregister();
}
module_exit(lateinterrupt_exit);

MODULE_DESCRIPTION("A virtio GPU that interrupts just before its reset, for tests");
MODULE_LICENSE("GPL");
