/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HELPERS_H
#define HELPERS_H

#include <linux/dma-direction.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct device;
struct dma_fence;
struct dma_fence_chain;
struct dma_resv;
struct drm_atomic_commit;
struct drm_connector;
struct drm_connector_state;
struct drm_crtc;
struct drm_crtc_state;
struct drm_device;
struct drm_exec;
struct drm_gem_object;
struct drm_modeset_acquire_ctx;
struct drm_pending_vblank_event;
struct drm_plane;
struct drm_plane_state;
struct drm_printer;
struct drm_syncobj;
struct drm_vma_offset_node;
struct iosys_map;
struct screen_info;
struct scatterlist;
struct sg_table;
struct vm_area_struct;
struct virtio_device;
struct virtqueue;
struct virtqueue_info;

/* How programs access memory of a device. */
enum helper_caching {
	HELPER_CACHED,
	HELPER_WRITE_COMBINED,
	HELPER_UNCACHED,
};

bool helper___virtio_test_bit(const struct virtio_device *vdev, unsigned int bit);
void helper_virtio_device_ready(struct virtio_device *vdev);
void helper_virtio_synchronize_cbs(struct virtio_device *vdev);
void helper_trace_virtgpu_cmd_queue(const char *queue, u32 seqno, u32 type, u32 in_flight);
void helper_trace_virtgpu_cmd_response(const char *queue, u32 seqno, u32 type, int status);
bool helper_virtio_shm_region(struct virtio_device *vdev, u8 id, u64 *address, u64 *length);
size_t helper_platform_memory_size(struct device *dev);
bool helper_device_trylock(struct device *dev);
void helper_virtio_flush_resets(void);
void helper_device_unlock(struct device *dev);
u8 helper_virtio_get_status(struct virtio_device *vdev);
u32 helper_virtio_cread_le32(struct virtio_device *vdev, unsigned int offset);
void helper_virtio_cwrite_le32(struct virtio_device *vdev, unsigned int offset, u32 value);
int helper_virtio_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue **vqs,
			   struct virtqueue_info *info);
void helper_virtio_del_vqs(struct virtio_device *vdev);
void helper_sg_set_buf(struct scatterlist *sg, void *data, unsigned int size);
phys_addr_t helper_vmalloc_to_phys(const void *address);
void helper_sg_set_vmalloc(struct scatterlist *sg, const void *page, unsigned int size);
dma_addr_t helper_sg_dma_address(const struct scatterlist *sg);
unsigned int helper_sg_dma_len(const struct scatterlist *sg);
phys_addr_t helper_sg_phys(struct scatterlist *sg);
bool helper_xen_domain(void);
bool helper_dma_dev_need_sync(struct device *dev);
bool helper_dma_need_sync(struct device *dev, dma_addr_t address);
void helper_dma_sync_single_for_device(struct device *dev, dma_addr_t address, size_t size);
void helper_dma_sync_single_for_cpu(struct device *dev, dma_addr_t address, size_t size);
bool helper_device_iommu_mapped(struct device *dev);
void helper_dma_unlimited_segments(struct device *dev);
struct workqueue_struct *helper_alloc_workqueue(const char *name);
bool helper_virtio_window(struct device *dev, u8 id, u64 *address, u64 *length);
bool helper_devm_request_mem_region(struct device *dev, u64 address, u64 size, const char *name);
int helper_drm_gem_mmap_window(struct drm_gem_object *obj, struct vm_area_struct *vma, u64 address,
			       enum helper_caching caching);
struct drm_gem_object *helper_vmf_object(const struct vm_fault *vmf);
vm_fault_t helper_vmf_insert_window(const struct vm_fault *vmf, u64 address);
struct dma_fence *helper_sync_file_get_fence(int fd);
bool helper_is_virtio_device(struct device *dev);
struct sg_table *helper_map_window(struct device *dev, u64 address, size_t size,
				   enum dma_data_direction direction);
void helper_unmap_window(struct device *dev, struct sg_table *table,
			 enum dma_data_direction direction);
int helper_aperture_remove(struct device *dev, const char *name);
int helper_aperture_remove_vga(struct device *dev, const char *name);
int helper_devm_aperture_acquire(struct device *dev, resource_size_t base, resource_size_t size);
const struct screen_info *helper_sysfb_screen_info(struct device *dev);
bool helper_request_mem_region(resource_size_t base, resource_size_t size, const char *name);
void helper_release_mem_region(resource_size_t base, resource_size_t size);
void helper_memset_io(void *address, int value, size_t size);
u32 helper_command_timeout(void);
u32 helper_fence_timeout(void);
void helper_get_current_comm(char *name);
void helper_drm_gem_object_get(struct drm_gem_object *obj);
void helper_drm_gem_object_put(struct drm_gem_object *obj);
u64 helper_drm_vma_node_offset_addr(struct drm_vma_offset_node *node);
int helper_drmm_mode_config_init(struct drm_device *dev);
bool helper_drm_has_states(struct drm_device *dev);
void helper_drm_crtc_send_event(struct drm_crtc *crtc, struct drm_crtc_state *state);
bool helper_drm_crtc_keep_event(struct drm_crtc *crtc, struct drm_crtc_state *state,
				struct drm_pending_vblank_event **kept);
void helper_drm_crtc_send_kept(struct drm_crtc *crtc, struct drm_pending_vblank_event **kept);
int helper_drm_lock_all(struct drm_device *dev, int (*locked)(void *data,
							      struct drm_modeset_acquire_ctx *ctx),
			void *data);
void helper_drm_gem_shmem_print_info(struct drm_printer *p, unsigned int indent,
				     const struct drm_gem_object *obj);
int helper_drm_gem_shmem_pin(struct drm_gem_object *obj);
void helper_drm_gem_shmem_unpin(struct drm_gem_object *obj);
struct sg_table *helper_drm_gem_shmem_get_sg_table(struct drm_gem_object *obj);
void helper_drm_gem_shmem_unmap(struct drm_gem_shmem_object *shmem);
int helper_drm_gem_shmem_vmap(struct drm_gem_object *obj, struct iosys_map *map);
void helper_drm_gem_shmem_vunmap(struct drm_gem_object *obj, struct iosys_map *map);
int helper_drm_gem_shmem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
struct drm_plane_state *helper_drm_atomic_old_plane_state(const struct drm_atomic_commit *state,
							  struct drm_plane *plane);
struct drm_plane_state *helper_drm_atomic_new_plane_state(const struct drm_atomic_commit *state,
							  struct drm_plane *plane);
struct drm_crtc_state *helper_drm_atomic_old_crtc_state(const struct drm_atomic_commit *state,
							struct drm_crtc *crtc);
struct drm_connector_state *
helper_drm_atomic_old_connector_state(const struct drm_atomic_commit *state,
				      struct drm_connector *connector);
struct drm_connector_state *
helper_drm_atomic_new_connector_state(const struct drm_atomic_commit *state,
				      struct drm_connector *connector);
struct drm_crtc_state *helper_drm_atomic_new_crtc_state(const struct drm_atomic_commit *state,
							struct drm_crtc *crtc);
bool helper_warn_on(bool condition);
bool helper_ratelimit(void);
int helper_vblank_timer_try_to_cancel(struct drm_vblank_crtc *vblank);
int helper_vblank_timer_cancel(struct drm_vblank_crtc *vblank);
ktime_t helper_vblank_timer_expires(const struct drm_vblank_crtc *vblank);
int helper_drm_gem_huge_mnt_create(struct drm_device *dev, const char *value);
bool helper_drm_gem_has_huge_mnt(struct drm_device *dev);
void helper_iosys_map_set_vaddr(struct iosys_map *map, void *vaddr);
void helper_iosys_map_set_vaddr_iomem(struct iosys_map *map, void *vaddr);
void helper_drm_atomic_commit_put(struct drm_atomic_commit *state);
bool helper_drm_atomic_crtc_needs_modeset(const struct drm_crtc_state *state);
bool helper_drm_commit_is_busy(struct drm_atomic_commit *state);
bool helper_drm_commit_waits(struct drm_atomic_commit *state,
			     bool (*commit_now)(struct drm_crtc *crtc));
int helper_drm_wait_for_last_commit(struct drm_plane_state *state);
void helper_drm_commit_queue(struct drm_atomic_commit *state, work_func_t work,
			     struct workqueue_struct *queue);
void helper_drm_commit_active_planes(struct drm_device *dev, struct drm_atomic_commit *state);
void helper_spin_lock_init(spinlock_t *lock);
unsigned long helper_spin_lock_irqsave(spinlock_t *lock);
void helper_spin_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
void helper_spin_lock_bh(spinlock_t *lock);
bool helper_spin_trylock_bh(spinlock_t *lock);
void helper_spin_unlock_bh(spinlock_t *lock);
bool helper_irqs_disabled(void);
void helper_list_add_tail(struct list_head *node, struct list_head *head);
void helper_list_del(struct list_head *node);
void helper_dma_fence_get(struct dma_fence *fence);
void helper_dma_fence_put(struct dma_fence *fence);
bool helper_dma_fence_is_signaled(struct dma_fence *fence);
bool helper_dma_fence_is_container(struct dma_fence *fence);
struct dma_fence_chain *helper_dma_fence_chain_alloc(void);
void helper_dma_fence_chain_free(struct dma_fence_chain *chain);
int helper_dma_resv_lock_interruptible(struct dma_resv *resv);
void helper_dma_resv_unlock(struct dma_resv *resv);
void helper_drm_exec_init(struct drm_exec *exec, unsigned int count);
void helper_drm_syncobj_get(struct drm_syncobj *syncobj);
void helper_drm_syncobj_put(struct drm_syncobj *syncobj);

#endif
