/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, zap_special_vma_range() has another name. */
#ifndef VIRTGPU_COMPAT_ZAP_SPECIAL_VMA_RANGE_H
#define VIRTGPU_COMPAT_ZAP_SPECIAL_VMA_RANGE_H

#include <linux/mm.h>

#define zap_special_vma_range(vma, address, size) zap_vma_ptes(vma, address, size)

#endif
