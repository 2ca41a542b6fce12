// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments free memory: allocates pages and frees those with even page numbers. No two of these are
 * contiguous while the module keeps the others.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>

static unsigned int pages = 65536;
module_param(pages, uint, 0444);
MODULE_PARM_DESC(pages, "Number of pages to allocate; half of them are freed");

static LIST_HEAD(kept);

static void give_back(struct list_head *list)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, list, lru)
		__free_page(page);
}

static int __init fragment_init(void)
{
	LIST_HEAD(taken);
	unsigned int i;

	for (i = 0; i < pages; i++) {
		/* The flags are those of buffer objects. */
		struct page *page = alloc_page(GFP_HIGHUSER | __GFP_RETRY_MAYFAIL);

		if (!page)
			break;
		list_add(&page->lru, page_to_pfn(page) % 2 ? &kept : &taken);
	}
	give_back(&taken);
	return 0;
}
module_init(fragment_init);

static void __exit fragment_exit(void)
{
	give_back(&kept);
}
module_exit(fragment_exit);

MODULE_DESCRIPTION("Fragmented memory for tests");
MODULE_LICENSE("GPL");
