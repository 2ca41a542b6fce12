// SPDX-License-Identifier: GPL-2.0
/*
 * Another driver that has a dma-buf mapped for its device. The buffer is a file of the process that
 * loads the module; what came of it is a parameter to be read.
 */
#include <linux/device/faux.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

static int fd = -1;
module_param(fd, int, 0400);
MODULE_PARM_DESC(fd, "the dma-buf");

static long answer;
module_param(answer, long, 0400);
MODULE_PARM_DESC(answer, "how many bytes were mapped, or a negative errno");

static long map(struct dma_buf_attachment *attachment)
{
	struct sg_table *sgt = dma_buf_map_attachment_unlocked(attachment, DMA_BIDIRECTIONAL);
	struct scatterlist *sg;
	long bytes = 0;
	unsigned int i;

	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	for_each_sgtable_dma_sg(sgt, sg, i)
		bytes += sg_dma_len(sg);
	dma_buf_unmap_attachment_unlocked(attachment, sgt, DMA_BIDIRECTIONAL);
	return bytes;
}

static long attach(struct dma_buf *buffer, struct device *dev)
{
	struct dma_buf_attachment *attachment = dma_buf_attach(buffer, dev);
	long ret;

	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	ret = map(attachment);
	dma_buf_detach(buffer, attachment);
	return ret;
}

static int __init buffermap_init(void)
{
	struct dma_buf *buffer = dma_buf_get(fd);
	struct faux_device *faux;

	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	faux = faux_device_create("buffermap", NULL, NULL);
	if (!faux) {
		dma_buf_put(buffer);
		return -ENODEV;
	}
	dma_coerce_mask_and_coherent(&faux->dev, DMA_BIT_MASK(64));
	answer = attach(buffer, &faux->dev);
	faux_device_destroy(faux);
	dma_buf_put(buffer);
	return 0;
}
module_init(buffermap_init);

static void __exit buffermap_exit(void)
{
}
module_exit(buffermap_exit);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_DESCRIPTION("Maps a dma-buf for a device, for tests");
MODULE_LICENSE("GPL");
