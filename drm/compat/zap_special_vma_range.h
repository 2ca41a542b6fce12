/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In Linux 6.12, to zap pages also gives back the kind of caching that was reserved for them. So
 * mmap() leaves the pages of host memory mapped.
 *
 * Absent: unmapping host memory that a program maps while the device is unplugged
 */
#ifndef VIRTGPU_COMPAT_ZAP_SPECIAL_VMA_RANGE_H
#define VIRTGPU_COMPAT_ZAP_SPECIAL_VMA_RANGE_H

#define zap_special_vma_range(vma, address, size) do { } while (0)

#endif
