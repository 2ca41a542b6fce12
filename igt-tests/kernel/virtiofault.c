// SPDX-License-Identifier: GPL-2.0
/*
 * Simulates states of a virtio GPU on PCI that QEMU's devices do not have: it needs a reset, or it is
 * older than virtio 1. Only the driver sees this; the device itself works. The module can also shut down
 * the device, as a shutdown of the machine does.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci_modern.h>

#define GPU_PCI_DEVICE	(0x1040 + VIRTIO_ID_GPU)

static bool needs_reset;
module_param(needs_reset, bool, 0444);
MODULE_PARM_DESC(needs_reset, "Set DEVICE_NEEDS_RESET in the next status that is read");

static bool old;
module_param(old, bool, 0444);
MODULE_PARM_DESC(old, "Hide VIRTIO_F_VERSION_1 from probing drivers");

static bool shutdown;
module_param(shutdown, bool, 0444);
MODULE_PARM_DESC(shutdown, "Shut the device down, as the machine's shutdown does");

static unsigned int status;
module_param(status, uint, 0444);
MODULE_PARM_DESC(status, "Status of the device after the shutdown");

static atomic_t resets_to_ask = ATOMIC_INIT(1);

static int status_entered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct virtio_pci_modern_device *mdev = (void *)regs_get_kernel_argument(regs, 0);

	/* A value other than 0 skips the handler below. */
	return mdev->pci_dev->device != GPU_PCI_DEVICE;
}
NOKPROBE_SYMBOL(status_entered);

static int status_read(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	if (atomic_dec_if_positive(&resets_to_ask) >= 0)
		regs_set_return_value(regs, regs_return_value(regs) | VIRTIO_CONFIG_S_NEEDS_RESET);
	return 0;
}
NOKPROBE_SYMBOL(status_read);

static struct kretprobe status_probe = {
	.kp.symbol_name = "vp_modern_get_status",
	.entry_handler = status_entered,
	.handler = status_read,
};

static int is_virtio(struct device *dev, const void *data)
{
	return dev->bus && !strcmp(dev->bus->name, "virtio");
}

static struct device *virtio_child(void)
{
	struct pci_dev *pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, GPU_PCI_DEVICE, NULL);
	struct device *child = NULL;

	if (pdev)
		child = device_find_child(&pdev->dev, NULL, is_virtio);
	pci_dev_put(pdev);
	return child;
}

static struct virtio_device *gpu;

/* The drivers call this during probe, before they read the device's features. */
static int probing(struct kprobe *probe, struct pt_regs *regs)
{
	__virtio_clear_bit(gpu, VIRTIO_F_VERSION_1);
	return 0;
}
NOKPROBE_SYMBOL(probing);

static struct kprobe probe_probe = {
	.symbol_name = "video_firmware_drivers_only",
	.pre_handler = probing,
};

/* The driver core also calls this with the device's lock held. */
static void shut_down(struct virtio_device *vdev)
{
	device_lock(&vdev->dev);
	vdev->dev.bus->shutdown(&vdev->dev);
	status = vdev->config->get_status(vdev);
	device_unlock(&vdev->dev);
}

static int __init virtiofault_init(void)
{
	struct device *child;
	int ret;

	if (needs_reset)
		return register_kretprobe(&status_probe);
	if (!old && !shutdown)
		return -EINVAL;

	child = virtio_child();
	if (!child)
		return -ENODEV;
	if (shutdown) {
		shut_down(dev_to_virtio(child));
		put_device(child);
		return 0;
	}
	gpu = dev_to_virtio(child);
	ret = register_kprobe(&probe_probe);
	if (ret)
		put_device(child);
	return ret;
}
module_init(virtiofault_init);

static void __exit virtiofault_exit(void)
{
	if (needs_reset) {
		unregister_kretprobe(&status_probe);
		return;
	}
	if (shutdown)
		return;
	unregister_kprobe(&probe_probe);
	put_device(&gpu->dev);
}
module_exit(virtiofault_exit);

MODULE_DESCRIPTION("Simulates a virtio GPU that needs a reset, is old or is shut down, for tests");
MODULE_LICENSE("GPL");
