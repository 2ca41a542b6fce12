// SPDX-License-Identifier: GPL-2.0
/*
 * Asks for the UUID of a dma-buf as another virtio driver does. The dma-buf is a file descriptor of the
 * process that loads the module; the answer is a readable parameter.
 */
#include <linux/dma-buf.h>
#include <linux/module.h>
#include <linux/uuid.h>
#include <linux/virtio_dma_buf.h>

static int fd = -1;
module_param(fd, int, 0400);
MODULE_PARM_DESC(fd, "the dma-buf");

static char answer[UUID_STRING_LEN + 1];
module_param_string(answer, answer, sizeof(answer), 0400);
MODULE_PARM_DESC(answer, "its UUID, or a negative errno");

static int __init bufferuuid_init(void)
{
	struct dma_buf *buffer = dma_buf_get(fd);
	uuid_t uuid;
	int ret;

	if (IS_ERR(buffer))
		return PTR_ERR(buffer);
	ret = virtio_dma_buf_get_uuid(buffer, &uuid);
	if (ret)
		snprintf(answer, sizeof(answer), "%d", ret);
	else
		snprintf(answer, sizeof(answer), "%pU", &uuid);
	dma_buf_put(buffer);
	return 0;
}
module_init(bufferuuid_init);

static void __exit bufferuuid_exit(void)
{
}
module_exit(bufferuuid_exit);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_DESCRIPTION("Asks a dma-buf for its UUID");
MODULE_LICENSE("GPL");
