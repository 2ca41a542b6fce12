// SPDX-License-Identifier: GPL-2.0
/* The function that each instrumented block calls. It is linked into the module; KCOV is not needed. */
#include <linux/module.h>

#include "coverage.h"

void __sanitizer_cov_trace_pc(void);

void notrace __sanitizer_cov_trace_pc(void)
{
	const struct module_memory *text = &THIS_MODULE->mem[MOD_TEXT];

	virtgpu_coverage_hit(_RET_IP_ - (unsigned long)text->base);
}
