/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Up to Linux 7.2, vma_get_page_prot() is missing, or takes flags that a struct vm_area_struct does
 * not have.
 */
#ifndef VIRTGPU_COMPAT_VMA_GET_PAGE_PROT_H
#define VIRTGPU_COMPAT_VMA_GET_PAGE_PROT_H

#include <linux/mm.h>

#define vma_get_page_prot(vma) vm_get_page_prot((vma)->vm_flags)

#endif
