// SPDX-License-Identifier: GPL-2.0
/* Functions that make inline functions and macros of the kernel available to Rust. */
#include "helper.h"
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/ratelimit.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/sysfb.h>
#include <linux/vmalloc.h>

#include <xen/xen.h>

MODULE_IMPORT_NS("DMA_BUF");

bool helper___virtio_test_bit(const struct virtio_device *vdev, unsigned int bit)
{
	return __virtio_test_bit(vdev, bit);
}

void helper_virtio_device_ready(struct virtio_device *vdev)
{
	virtio_device_ready(vdev);
}

void helper_virtio_synchronize_cbs(struct virtio_device *vdev)
{
	virtio_synchronize_cbs(vdev);
}

bool helper_virtio_shm_region(struct virtio_device *vdev, u8 id, u64 *address, u64 *length)
{
	struct virtio_shm_region region;

	if (!virtio_get_shm_region(vdev, &region, id))
		return false;
	*address = region.addr;
	*length = region.len;
	return true;
}

/* Returns the size of a platform device's first memory, 0 for other devices. */
size_t helper_platform_memory_size(struct device *dev)
{
	struct resource *memory;

	if (!dev_is_platform(dev))
		return 0;
	memory = platform_get_resource(to_platform_device(dev), IORESOURCE_MEM, 0);
	return memory ? resource_size(memory) : 0;
}

bool helper_device_trylock(struct device *dev)
{
	return device_trylock(dev);
}

void helper_device_unlock(struct device *dev)
{
	device_unlock(dev);
}

/* Waits for resets of PCI devices: each holds its device's lock while it calls the driver. */
void helper_virtio_flush_resets(void)
{
	struct pci_dev *pdev = NULL;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev))) {
		device_lock(&pdev->dev);
		device_unlock(&pdev->dev);
	}
}

u8 helper_virtio_get_status(struct virtio_device *vdev)
{
	return vdev->config->get_status(vdev);
}

u32 helper_virtio_cread_le32(struct virtio_device *vdev, unsigned int offset)
{
	__le32 value;

	might_sleep();
	vdev->config->get(vdev, offset, &value, sizeof(value));
	return le32_to_cpu(value);
}

void helper_virtio_cwrite_le32(struct virtio_device *vdev, unsigned int offset, u32 value)
{
	__le32 raw = cpu_to_le32(value);

	might_sleep();
	vdev->config->set(vdev, offset, &raw, sizeof(raw));
}

int helper_virtio_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue **vqs,
			   struct virtqueue_info *info)
{
	return virtio_find_vqs(vdev, count, vqs, info, NULL);
}

void helper_virtio_del_vqs(struct virtio_device *vdev)
{
	vdev->config->del_vqs(vdev);
}

void helper_sg_set_buf(struct scatterlist *sg, void *data, unsigned int size)
{
	sg_set_buf(sg, data, size);
}

phys_addr_t helper_vmalloc_to_phys(const void *address)
{
	return page_to_phys(vmalloc_to_page(address));
}

void helper_sg_set_vmalloc(struct scatterlist *sg, const void *page, unsigned int size)
{
	sg_set_page(sg, vmalloc_to_page(page), size, 0);
}

dma_addr_t helper_sg_dma_address(const struct scatterlist *sg)
{
	return sg_dma_address(sg);
}

unsigned int helper_sg_dma_len(const struct scatterlist *sg)
{
	return sg_dma_len(sg);
}

phys_addr_t helper_sg_phys(struct scatterlist *sg)
{
	return sg_phys(sg);
}

bool helper_xen_domain(void)
{
	return xen_domain();
}

bool helper_dma_dev_need_sync(struct device *dev)
{
	return dma_dev_need_sync(dev);
}

bool helper_dma_need_sync(struct device *dev, dma_addr_t address)
{
	return dma_need_sync(dev, address);
}

void helper_dma_sync_single_for_device(struct device *dev, dma_addr_t address, size_t size)
{
	dma_sync_single_for_device(dev, address, size, DMA_TO_DEVICE);
}

void helper_dma_sync_single_for_cpu(struct device *dev, dma_addr_t address, size_t size)
{
	dma_sync_single_for_cpu(dev, address, size, DMA_FROM_DEVICE);
}

void helper_get_current_comm(char *name)
{
	strscpy_pad(name, current->comm, TASK_COMM_LEN);
}

bool helper_device_iommu_mapped(struct device *dev)
{
	return device_iommu_mapped(dev);
}

void helper_dma_unlimited_segments(struct device *dev)
{
	dma_set_max_seg_size(dev, min_t(size_t, dma_max_mapping_size(dev), UINT_MAX));
}

struct workqueue_struct *helper_alloc_workqueue(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0, name);
}

/* Finds a region of shared memory of a virtio device. Other devices have none. */
bool helper_virtio_window(struct device *dev, u8 id, u64 *address, u64 *length)
{
	return is_virtio_device(dev) &&
	       helper_virtio_shm_region(dev_to_virtio(dev), id, address, length);
}

bool helper_devm_request_mem_region(struct device *dev, u64 address, u64 size, const char *name)
{
	return devm_request_mem_region(dev, address, size, name);
}

/*
 * Prepares a mapping of memory of a device, which is as long as @obj, where a program maps @obj.
 * helper_vmf_insert_window() maps the pages.
 */
int helper_drm_gem_mmap_window(struct drm_gem_object *obj, struct vm_area_struct *vma, u64 address,
			       enum helper_caching caching)
{
	unsigned long first = vma->vm_pgoff - drm_vma_node_start(&obj->vma_node);
	unsigned long pages = obj->size >> PAGE_SHIFT, size = vma->vm_end - vma->vm_start;
	pgprot_t prot;
	int ret;

	/* As for objects with pages: faults cannot copy what a private mapping changes. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (first > pages || vma_pages(vma) > pages - first)
		return -EINVAL;

	prot = pgprot_decrypted(vm_get_page_prot(vma->vm_flags));
	if (caching == HELPER_WRITE_COMBINED)
		prot = pgprot_writecombine(prot);
	else if (caching == HELPER_UNCACHED)
		prot = pgprot_noncached(prot);
	vma->vm_pgoff = first;
	vma->vm_page_prot = prot;
	/*
	 * Only a mapping of the whole range reserves its kind of caching, as long as @vma exists.
	 * vmf_insert_pfn() uses the reserved kind, and ignores @prot.
	 */
	ret = io_remap_pfn_range(vma, vma->vm_start, PHYS_PFN(address) + first, size, prot);
	if (!ret)
		zap_special_vma_range(vma, vma->vm_start, size);
	return ret;
}

struct drm_gem_object *helper_vmf_object(const struct vm_fault *vmf)
{
	return vmf->vma->vm_private_data;
}

/*
 * Maps what a page table has room for around the page of a fault, because faults are expensive.
 * @address is that of the object's first byte.
 */
vm_fault_t helper_vmf_insert_window(const struct vm_fault *vmf, u64 address)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long table = ALIGN_DOWN(vmf->address, PMD_SIZE);
	unsigned long at = max(table, vma->vm_start), end = min(table + PMD_SIZE, vma->vm_end);
	vm_fault_t ret = VM_FAULT_NOPAGE;

	for (; at < end && ret == VM_FAULT_NOPAGE; at += PAGE_SIZE)
		ret = vmf_insert_pfn(vma, at, PHYS_PFN(address) + linear_page_index(vma, at));
	return ret;
}

/* A task that exits closes its last files when it has no table of files any more. */
struct dma_fence *helper_sync_file_get_fence(int fd)
{
	return current->files ? sync_file_get_fence(fd) : NULL;
}

bool helper_is_virtio_device(struct device *dev)
{
	return is_virtio_device(dev);
}

/* Maps memory of one device for another one. An empty range becomes an empty table. */
struct sg_table *helper_map_window(struct device *dev, u64 address, size_t size,
				   enum dma_data_direction direction)
{
	struct sg_table *table;
	dma_addr_t mapped;
	int ret;

	/* The length of an entry has 32 bits. */
	if (size > U32_MAX)
		return ERR_PTR(-EINVAL);
	table = kzalloc_obj(*table);
	if (!table)
		return ERR_PTR(-ENOMEM);
	if (!size)
		return table;

	ret = sg_alloc_table(table, 1, GFP_KERNEL);
	if (ret)
		goto err_free;
	mapped = dma_map_resource(dev, address, size, direction, DMA_ATTR_SKIP_CPU_SYNC);
	ret = dma_mapping_error(dev, mapped);
	if (ret)
		goto err_free_table;
	sg_set_page(table->sgl, NULL, size, 0);
	sg_dma_address(table->sgl) = mapped;
	sg_dma_len(table->sgl) = size;
	return table;

err_free_table:
	sg_free_table(table);
err_free:
	kfree(table);
	return ERR_PTR(ret);
}

void helper_unmap_window(struct device *dev, struct sg_table *table,
			 enum dma_data_direction direction)
{
	if (table->nents)
		dma_unmap_resource(dev, sg_dma_address(table->sgl), sg_dma_len(table->sgl),
				   direction, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(table);
	kfree(table);
}

int helper_aperture_remove(struct device *dev, const char *name)
{
	return dev_is_pci(dev) ? aperture_remove_conflicting_pci_devices(to_pci_dev(dev), name) : 0;
}

int helper_aperture_remove_vga(struct device *dev, const char *name)
{
	if (!dev_is_pci(dev) || !pci_is_vga(to_pci_dev(dev)))
		return 0;
	return helper_aperture_remove(dev, name);
}

int helper_devm_aperture_acquire(struct device *dev, resource_size_t base, resource_size_t size)
{
	if (!dev_is_platform(dev))
		return -EINVAL;
	return devm_aperture_acquire_for_platform_device(to_platform_device(dev), base, size);
}

/* Returns NULL for a device that is no framebuffer of the firmware. */
const struct screen_info *helper_sysfb_screen_info(struct device *dev)
{
	const struct sysfb_display_info *display;

	if (!dev_is_platform(dev) || strcmp(to_platform_device(dev)->name, "vesa-framebuffer"))
		return NULL;
	display = dev_get_platdata(dev);
	return display ? &display->screen : NULL;
}

bool helper_request_mem_region(resource_size_t base, resource_size_t size, const char *name)
{
	return request_mem_region(base, size, name);
}

void helper_release_mem_region(resource_size_t base, resource_size_t size)
{
	release_mem_region(base, size);
}

void helper_memset_io(void *address, int value, size_t size)
{
	memset_io((void __iomem *)address, value, size);
}

void helper_drm_gem_object_get(struct drm_gem_object *obj)
{
	drm_gem_object_get(obj);
}

void helper_drm_gem_object_put(struct drm_gem_object *obj)
{
	drm_gem_object_put(obj);
}

u64 helper_drm_vma_node_offset_addr(struct drm_vma_offset_node *node)
{
	return drm_vma_node_offset_addr(node);
}

int helper_drmm_mode_config_init(struct drm_device *dev)
{
	return drmm_mode_config_init(dev);
}

/* Returns whether there was memory for the initial state of every object. */
bool helper_drm_has_states(struct drm_device *dev)
{
	struct drm_connector_list_iter iter;
	struct drm_connector *connector;
	struct drm_plane *plane;
	struct drm_crtc *crtc;
	bool found = true;

	drm_for_each_plane(plane, dev)
		found &= !!plane->state;
	drm_for_each_crtc(crtc, dev)
		found &= !!crtc->state;
	drm_connector_list_iter_begin(dev, &iter);
	drm_for_each_connector_iter(connector, &iter)
		found &= !!connector->state;
	drm_connector_list_iter_end(&iter);
	return found;
}

void helper_drm_crtc_send_event(struct drm_crtc *crtc, struct drm_crtc_state *state)
{
	spin_lock_irq(&crtc->dev->event_lock);
	if (state->event)
		drm_crtc_send_vblank_event(crtc, state->event);
	state->event = NULL;
	spin_unlock_irq(&crtc->dev->event_lock);
}

bool helper_drm_crtc_keep_event(struct drm_crtc *crtc, struct drm_crtc_state *state,
				struct drm_pending_vblank_event **kept)
{
	bool keep;

	spin_lock_irq(&crtc->dev->event_lock);
	keep = state->event && !*kept && !drm_crtc_vblank_get(crtc);
	if (keep) {
		*kept = state->event;
		state->event = NULL;
	}
	spin_unlock_irq(&crtc->dev->event_lock);
	return keep;
}

void helper_drm_crtc_send_kept(struct drm_crtc *crtc, struct drm_pending_vblank_event **kept)
{
	unsigned long flags;

	spin_lock_irqsave(&crtc->dev->event_lock, flags);
	if (*kept)
		drm_crtc_arm_vblank_event(crtc, *kept);
	*kept = NULL;
	spin_unlock_irqrestore(&crtc->dev->event_lock, flags);
}

int helper_drm_lock_all(struct drm_device *dev, int (*locked)(void *data,
							      struct drm_modeset_acquire_ctx *ctx),
			void *data)
{
	struct drm_modeset_acquire_ctx ctx;
	int ret;

	DRM_MODESET_LOCK_ALL_BEGIN(dev, ctx, 0, ret);
	ret = locked(data, &ctx);
	DRM_MODESET_LOCK_ALL_END(dev, ctx, ret);
	return ret;
}

/* In drm_gem_shmem_helper.h these are inline functions, for a table of functions. */
void helper_drm_gem_shmem_print_info(struct drm_printer *p, unsigned int indent,
				     const struct drm_gem_object *obj)
{
	drm_gem_shmem_object_print_info(p, indent, obj);
}

int helper_drm_gem_shmem_pin(struct drm_gem_object *obj)
{
	return drm_gem_shmem_object_pin(obj);
}

void helper_drm_gem_shmem_unpin(struct drm_gem_object *obj)
{
	drm_gem_shmem_object_unpin(obj);
}

struct sg_table *helper_drm_gem_shmem_get_sg_table(struct drm_gem_object *obj)
{
	return drm_gem_shmem_object_get_sg_table(obj);
}

/*
 * Unmaps an object and frees its table, if it has one. The object keeps its pages, or its
 * exporter's buffer. Not needed if DRM core has a function that does what drm_gem_shmem_release()
 * does to the table.
 */
void helper_drm_gem_shmem_unmap(struct drm_gem_shmem_object *shmem)
{
	struct drm_gem_object *obj = &shmem->base;

	dma_resv_lock(obj->resv, NULL);
	if (shmem->sgt && drm_gem_is_imported(obj)) {
		dma_buf_unmap_attachment(obj->import_attach, shmem->sgt, DMA_BIDIRECTIONAL);
	} else if (shmem->sgt) {
		dma_unmap_sgtable(obj->dev->dev, shmem->sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(shmem->sgt);
		kfree(shmem->sgt);
	}
	shmem->sgt = NULL;
	dma_resv_unlock(obj->resv);
}

int helper_drm_gem_shmem_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	return drm_gem_shmem_object_vmap(obj, map);
}

void helper_drm_gem_shmem_vunmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	drm_gem_shmem_object_vunmap(obj, map);
}

int helper_drm_gem_shmem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return drm_gem_shmem_object_mmap(obj, vma);
}

struct drm_plane_state *helper_drm_atomic_old_plane_state(const struct drm_atomic_commit *state,
							  struct drm_plane *plane)
{
	return drm_atomic_get_old_plane_state(state, plane);
}

struct drm_plane_state *helper_drm_atomic_new_plane_state(const struct drm_atomic_commit *state,
							  struct drm_plane *plane)
{
	return drm_atomic_get_new_plane_state(state, plane);
}

struct drm_crtc_state *helper_drm_atomic_old_crtc_state(const struct drm_atomic_commit *state,
							struct drm_crtc *crtc)
{
	return drm_atomic_get_old_crtc_state(state, crtc);
}

struct drm_connector_state *
helper_drm_atomic_old_connector_state(const struct drm_atomic_commit *state,
				      struct drm_connector *connector)
{
	return drm_atomic_get_old_connector_state(state, connector);
}

struct drm_connector_state *
helper_drm_atomic_new_connector_state(const struct drm_atomic_commit *state,
				      struct drm_connector *connector)
{
	return drm_atomic_get_new_connector_state(state, connector);
}

struct drm_crtc_state *helper_drm_atomic_new_crtc_state(const struct drm_atomic_commit *state,
							struct drm_crtc *crtc)
{
	return drm_atomic_get_new_crtc_state(state, crtc);
}

bool helper_warn_on(bool condition)
{
	return WARN_ON(condition);
}

bool helper_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(state, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&state);
}

int helper_vblank_timer_try_to_cancel(struct drm_vblank_crtc *vblank)
{
	return hrtimer_try_to_cancel(&vblank->vblank_timer.timer);
}

int helper_vblank_timer_cancel(struct drm_vblank_crtc *vblank)
{
	return hrtimer_cancel(&vblank->vblank_timer.timer);
}

ktime_t helper_vblank_timer_expires(const struct drm_vblank_crtc *vblank)
{
	return READ_ONCE(vblank->vblank_timer.timer.node.expires);
}

int helper_drm_gem_huge_mnt_create(struct drm_device *dev, const char *value)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	int ret = drm_gem_huge_mnt_create(dev, value);

	if (!ret)
		ret = PTR_ERR_OR_ZERO(dev->huge_mnt);
	/*
	 * The core (7.3) leaves an error pointer there, or a mount that is gone. Not needed with
	 * docs/upstream/drm-huge-mnt-error.patch.
	 */
	if (ret)
		dev->huge_mnt = NULL;
	return ret;
#else
	return -ENODEV;
#endif
}

bool helper_drm_gem_has_huge_mnt(struct drm_device *dev)
{
	return drm_gem_get_huge_mnt(dev);
}

void helper_iosys_map_set_vaddr(struct iosys_map *map, void *vaddr)
{
	iosys_map_set_vaddr(map, vaddr);
}

void helper_iosys_map_set_vaddr_iomem(struct iosys_map *map, void *vaddr)
{
	iosys_map_set_vaddr_iomem(map, (void __iomem *)vaddr);
}

void helper_drm_atomic_commit_put(struct drm_atomic_commit *state)
{
	drm_atomic_commit_put(state);
}

bool helper_drm_atomic_crtc_needs_modeset(const struct drm_crtc_state *state)
{
	return drm_atomic_crtc_needs_modeset(state);
}

/*
 * Returns whether a CRTC still waits for the vblank of an earlier commit. Includes commits that
 * were cleaned up, which the core does not check.
 */
bool helper_drm_commit_is_busy(struct drm_atomic_commit *state)
{
	struct drm_crtc_state *old_state;
	struct drm_crtc *crtc;
	int i;

	for_each_old_crtc_in_state(state, crtc, old_state, i)
		if (old_state->commit && !try_wait_for_completion(&old_state->commit->flip_done))
			return true;
	return false;
}

/*
 * Returns whether a commit whose planes are prepared has to wait: it changes a mode, the driver
 * would wait, or a fence is not signalled.
 */
bool helper_drm_commit_waits(struct drm_atomic_commit *state,
			     bool (*commit_now)(struct drm_crtc *crtc))
{
	struct drm_plane_state *plane_state;
	struct drm_crtc_state *crtc_state;
	struct drm_plane *plane;
	struct drm_crtc *crtc;
	int i;

	for_each_new_crtc_in_state(state, crtc, crtc_state, i)
		if (drm_atomic_crtc_needs_modeset(crtc_state) || !commit_now(crtc))
			return true;
	for_each_new_plane_in_state(state, plane, plane_state, i)
		if (plane_state->fence && !dma_fence_is_signaled(plane_state->fence))
			return true;
	return false;
}

/* Waits until the commit before that of a plane's new state is done with the hardware. */
int helper_drm_wait_for_last_commit(struct drm_plane_state *state)
{
	struct drm_crtc_commit *last = state->crtc->state->commit;

	return last ? wait_for_completion_interruptible(&last->hw_done) : 0;
}

/* Queues a work that executes a commit. The work gets a reference to the commit. */
void helper_drm_commit_queue(struct drm_atomic_commit *state, work_func_t work,
			     struct workqueue_struct *queue)
{
	drm_atomic_commit_get(state);
	INIT_WORK(&state->commit_work, work);
	queue_work(queue, &state->commit_work);
}

void helper_drm_commit_active_planes(struct drm_device *dev, struct drm_atomic_commit *state)
{
	drm_atomic_helper_commit_planes(dev, state, DRM_PLANE_COMMIT_ACTIVE_ONLY);
}

void helper_spin_lock_init(spinlock_t *lock)
{
	spin_lock_init(lock);
}

unsigned long helper_spin_lock_irqsave(spinlock_t *lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

void helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	spin_unlock_irqrestore(lock, flags);
}

void helper_spin_lock_bh(spinlock_t *lock)
{
	spin_lock_bh(lock);
}

bool helper_spin_trylock_bh(spinlock_t *lock)
{
	return spin_trylock_bh(lock);
}

void helper_spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock_bh(lock);
}

bool helper_irqs_disabled(void)
{
	return irqs_disabled();
}

void helper_list_add_tail(struct list_head *node, struct list_head *head)
{
	list_add_tail(node, head);
}

void helper_list_del(struct list_head *node)
{
	list_del(node);
}

void helper_dma_fence_get(struct dma_fence *fence)
{
	dma_fence_get(fence);
}

void helper_dma_fence_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}

bool helper_dma_fence_is_signaled(struct dma_fence *fence)
{
	return dma_fence_is_signaled(fence);
}

bool helper_dma_fence_is_container(struct dma_fence *fence)
{
	return dma_fence_is_container(fence);
}

struct dma_fence_chain *helper_dma_fence_chain_alloc(void)
{
	return dma_fence_chain_alloc();
}

void helper_dma_fence_chain_free(struct dma_fence_chain *chain)
{
	dma_fence_chain_free(chain);
}

int helper_dma_resv_lock_interruptible(struct dma_resv *resv)
{
	return dma_resv_lock_interruptible(resv, NULL);
}

void helper_dma_resv_unlock(struct dma_resv *resv)
{
	dma_resv_unlock(resv);
}

void helper_drm_exec_init(struct drm_exec *exec, unsigned int count)
{
	drm_exec_init(exec, DRM_EXEC_INTERRUPTIBLE_WAIT, count);
}

void helper_drm_syncobj_get(struct drm_syncobj *syncobj)
{
	drm_syncobj_get(syncobj);
}

void helper_drm_syncobj_put(struct drm_syncobj *syncobj)
{
	drm_syncobj_put(syncobj);
}
