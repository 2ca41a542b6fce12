// SPDX-License-Identifier: GPL-2.0
/* Probe, remove and registration of the driver. */
#include <linux/aperture.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include <xen/xen.h>

#include <drm/clients/drm_client_setup.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_fbdev_shmem.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_managed.h>
#include <drm/drm_module.h>
#include <drm/drm_print.h>

#include "bind.h"
#include "display/display.h"
#include "drv.h"
#include "life.h"
#include "memory/gem.h"
#include "memory/prime.h"
#include "render/context.h"
#include "render/ioctl.h"
#include "render/render.h"
#include "reset.h"

static int modeset = -1;
module_param(modeset, int, 0400);
MODULE_PARM_DESC(modeset, "1 to drive the device, 0 not to, -1 unless booted with nomodeset (default)");

static const struct file_operations virtgpu_fops = {
	.owner = THIS_MODULE,
	DRM_GEM_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver virtgpu_drm_driver = {
	.driver_features = DRIVER_MODESET | DRIVER_GEM | DRIVER_RENDER | DRIVER_ATOMIC |
			   DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE | DRIVER_CURSOR_HOTSPOT,
	.fops = &virtgpu_fops,

	.open = virtgpu_context_open,
	.postclose = virtgpu_context_postclose,
	.master_drop = virtgpu_cursors_drop,
	.show_fdinfo = drm_show_memory_stats,

	.dumb_create = virtgpu_dumb_create,
	.gem_create_object = virtgpu_gem_create_object,
	.gem_prime_import = virtgpu_prime_import,
	.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,
	DRM_FBDEV_SHMEM_DRIVER_OPS,

	.ioctls = virtgpu_ioctls,
	.num_ioctls = ARRAY_SIZE(virtgpu_ioctls),

	.debugfs_init = virtgpu_debugfs_init,

	.name = VIRTGPU_DRIVER_NAME,
	.desc = "virtio GPU",
	/* The same as mainline's, because user space checks the version. */
	.major = 0,
	.minor = 1,
	.patchlevel = 0,
};

/* Removes the driver of the firmware's framebuffer if the device is the boot's VGA device. */
static int virtgpu_take_aperture(struct drm_device *drm)
{
	struct pci_dev *pdev;

	if (!dev_is_pci(drm->dev))
		return 0;

	pdev = to_pci_dev(drm->dev);
	if (!pci_is_vga(pdev))
		return 0;
	return aperture_remove_conflicting_pci_devices(pdev, VIRTGPU_DRIVER_NAME);
}

/* With huge pages the host gets one entry for a backing instead of 512. */
static void virtgpu_use_huge_pages(struct drm_device *drm)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	int ret = drm_gem_huge_mnt_create(drm, "within_size");

	if (!ret)
		ret = PTR_ERR_OR_ZERO(drm->huge_mnt);
	if (ret) {
		drm_warn(drm, "no huge pages for buffers: %d\n", ret);
		/*
		 * The core leaves an error pointer or an unmounted mountpoint in this field; see
		 * docs/upstream/drm-huge-mnt-error.patch.
		 */
		drm->huge_mnt = NULL;
	}
#endif
}

static int virtgpu_read_config(struct virtgpu_device *vg)
{
	struct drm_device *drm = &vg->drm;

	if (!virtio_has_feature(vg->vdev, VIRTIO_F_VERSION_1)) {
		drm_err(drm, "the device is older than virtio 1, which this driver needs\n");
		return -ENODEV;
	}

	/* Physical addresses of a Xen guest are not those of the machine. */
	vg->use_dma_addr = !virtio_has_dma_quirk(vg->vdev) || xen_domain();
	vg->has_3d = virtio_has_feature(vg->vdev, VIRTIO_GPU_F_VIRGL);
	vg->has_context_init = vg->has_3d &&
			       virtio_has_feature(vg->vdev, VIRTIO_GPU_F_CONTEXT_INIT);
	vg->has_blob = virtio_has_feature(vg->vdev, VIRTIO_GPU_F_RESOURCE_BLOB);
	vg->has_uuid = virtio_has_feature(vg->vdev, VIRTIO_GPU_F_RESOURCE_UUID);
	if (vg->has_blob && virtio_has_feature(vg->vdev, VIRTIO_GPU_F_BLOB_ALIGNMENT))
		virtio_cread_le(vg->vdev, struct virtio_gpu_config, blob_alignment,
				&vg->blob_alignment);
	if (vg->blob_alignment && !is_power_of_2(vg->blob_alignment)) {
		drm_err(drm, "the device aligns blobs to %u bytes, which is not a power of two\n",
			vg->blob_alignment);
		return -EINVAL;
	}
	virtio_cread_le(vg->vdev, struct virtio_gpu_config, num_scanouts, &vg->num_scanouts);
	if (vg->num_scanouts > VIRTIO_GPU_MAX_SCANOUTS) {
		drm_err(drm, "the device has %u scanouts, the protocol allows %u\n",
			vg->num_scanouts, VIRTIO_GPU_MAX_SCANOUTS);
		return -EINVAL;
	}

	if (!vg->num_scanouts) {
		drm_info(drm, "the device has no scanouts: no mode setting\n");
		drm->driver_features &= ~(DRIVER_MODESET | DRIVER_ATOMIC | DRIVER_CURSOR_HOTSPOT);
		return 0;
	}

	vg->has_edid = virtio_has_feature(vg->vdev, VIRTIO_GPU_F_EDID);
	return 0;
}

/* Stops all works of the driver. */
static void virtgpu_no_more_work(struct virtgpu_device *vg)
{
	virtgpu_fences_stop(vg);
	virtgpu_recovery_fini(vg);
	virtgpu_display_fini(vg);
}

static int virtgpu_probe_locked(struct virtio_device *vdev)
{
	struct virtgpu_device *vg;
	bool changed;
	int ret;

	if (!modeset || (modeset < 0 && drm_firmware_drivers_only()))
		return -ENODEV;
	/*
	 * The device was reset since virtio core began the probe, so features are not negotiated.
	 */
	if (!(vdev->config->get_status(vdev) & VIRTIO_CONFIG_S_DRIVER))
		return -EPROBE_DEFER;

	/*
	 * User space expects the PCI device as the parent of the DRM device. The PCI device
	 * outlives the binding of this driver, so devm_drm_dev_alloc() would keep the DRM device
	 * for too long.
	 */
	vg = __drm_dev_alloc(vdev->dev.parent, &virtgpu_drm_driver, sizeof(*vg),
			     offsetof(struct virtgpu_device, drm));
	if (IS_ERR(vg))
		return PTR_ERR(vg);
	vg->vdev = vdev;
	ret = virtgpu_recovery_init(vg);
	if (ret) {
		drm_dev_put(&vg->drm);
		return ret;
	}
	ret = virtgpu_bind(vg);
	if (ret)
		return ret;

	ret = virtgpu_take_aperture(&vg->drm);
	if (ret)
		return ret;

	ret = virtgpu_read_config(vg);
	if (ret)
		return ret;

	virtgpu_use_huge_pages(&vg->drm);
	dma_set_max_seg_size(vg->drm.dev,
			     min_t(size_t, dma_max_mapping_size(vg->drm.dev), UINT_MAX));
	ret = virtgpu_parts_init(vg);
	if (ret)
		return ret;

	ret = virtgpu_queues_start(vg);
	if (ret)
		return ret;

	if (vg->has_3d) {
		ret = virtgpu_capsets_read(vg);
		if (ret) {
			drm_err(&vg->drm, "cannot read the capsets: %d\n", ret);
			goto err_stop;
		}
	}

	if (vg->num_scanouts) {
		ret = virtgpu_display_info_read(vg, &changed);
		if (ret) {
			drm_err(&vg->drm, "cannot read the display information: %d\n", ret);
			goto err_stop;
		}
	}

	ret = drm_dev_register(&vg->drm, 0);
	if (ret) {
		/*
		 * The core leaves this set, and then warns about every object that is freed; see
		 * docs/upstream/drm-registered-after-failure.patch.
		 */
		vg->drm.registered = false;
		goto err_stop;
	}

	virtgpu_life_up(vg);
	drm_info(&vg->drm, "%u scanouts, edid %s, capsets 0x%llx\n", vg->num_scanouts,
		 vg->has_edid ? "yes" : "no", virtgpu_capset_mask(vg));
	drm_client_setup(&vg->drm, NULL);
	return 0;

err_stop:
	virtgpu_no_more_work(vg);
	virtgpu_queues_stop(vg);
	return ret;
}

static int virtgpu_probe(struct virtio_device *vdev)
{
	bool has_lock = virtgpu_bind_lock_parent(vdev);
	int ret = virtgpu_probe_locked(vdev);

	if (has_lock)
		virtgpu_bind_unlock_parent(vdev);
	return ret;
}

/* Switches the heads off and resets the device, which then uses no memory of the guest any more. */
static void virtgpu_quit(struct virtgpu_device *vg)
{
	virtgpu_no_more_work(vg);
	if (vg->num_scanouts) {
		drm_atomic_helper_shutdown(&vg->drm);
		/* Wait for commits that are still to be cleaned up. */
		flush_workqueue(vg->wq);
	}
	virtgpu_contexts_lose(vg);
	virtgpu_queues_stop(vg);
}

static void virtgpu_remove(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = vdev->priv;

	virtgpu_bound_leave(vg);
	drm_dev_unplug(&vg->drm);
	virtgpu_quit(vg);
	virtgpu_suspend_forget(vg);
	virtgpu_dma_stop(vg);
}

/* Resets the device, because it must not write to memory of a kernel that kexec starts. */
static void virtgpu_shutdown(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = vdev->priv;

	virtgpu_life_leave(vg);
	virtgpu_quit(vg);
}

static const struct virtio_device_id virtgpu_ids[] = {
	{ VIRTIO_ID_GPU, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, virtgpu_ids);

static const unsigned int virtgpu_features[] = {
	VIRTIO_GPU_F_EDID,
#ifdef __LITTLE_ENDIAN
	/* Command streams have the byte order of the guest's CPU, and hosts do not swap bytes. */
	VIRTIO_GPU_F_VIRGL,
#endif
	VIRTIO_GPU_F_CONTEXT_INIT,
	VIRTIO_GPU_F_RESOURCE_BLOB,
	VIRTIO_GPU_F_RESOURCE_UUID,
	VIRTIO_GPU_F_BLOB_ALIGNMENT,
};

static struct virtio_driver virtgpu_driver = {
	.driver.name = KBUILD_MODNAME,
	.id_table = virtgpu_ids,
	.feature_table = virtgpu_features,
	.feature_table_size = ARRAY_SIZE(virtgpu_features),
	.probe = virtgpu_probe,
	.remove = virtgpu_remove,
	.shutdown = virtgpu_shutdown,
	.config_changed = virtgpu_bound_notify,
	.freeze = pm_sleep_ptr(virtgpu_freeze),
	.restore = pm_sleep_ptr(virtgpu_restore),
	.reset_prepare = virtgpu_reset_prepare,
	.reset_done = virtgpu_reset_done,
};
module_virtio_driver(virtgpu_driver);

MODULE_DESCRIPTION("Virtio GPU driver");
MODULE_AUTHOR("The virtgpu authors");
MODULE_VERSION("0.1");
MODULE_LICENSE("GPL");
