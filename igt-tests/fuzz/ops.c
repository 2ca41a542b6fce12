// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "../../uapi/virtgpu_drm.h"
#include "ioctls.h"
#include "ops.h"
#include "values.h"
#include "world.h"

#define PAGE		4096
#define MAX_MAP		(1 << 20)

void actor_init(struct actor *actor)
{
	actor->scratch = mmap(NULL, SCRATCH_SIZE + PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (actor->scratch == MAP_FAILED ||
	    mprotect(actor->scratch + SCRATCH_SIZE, PAGE, PROT_NONE))
		abort();
	actor->ioctls = 0;
}

static void op_open(struct actor *actor, const struct call *call)
{
	(void)actor;
	world_open(call->file, call->word[0] & 1 ? world.card : world.render,
		   O_RDWR | (call->word[1] & 1 ? O_NONBLOCK : 0));
}

static void op_close(struct actor *actor, const struct call *call)
{
	(void)actor;
	world_close(call->file);
}

/* Maps a buffer and populates its pages. */
static void op_mmap(struct actor *actor, const struct call *call)
{
	struct drm_file_slot *file = world_file(call->file);
	uint64_t offset = value_of(actor, file, KIND_OFFSET, call->word[0]);
	uint64_t size = value_of(actor, file, KIND_BYTES, call->word[1]) % MAX_MAP;
	unsigned int at = call->word[2] % WORLD_MAPS;
	int flags = call->word[3] & 3 ? MAP_SHARED : MAP_PRIVATE;
	int prot = call->word[4] & 3 ? PROT_READ | PROT_WRITE : PROT_READ;
	void *address;

	if (!__atomic_compare_exchange_n(&world.maps[at].size, &(size_t){ 0 }, size ?: 1, 0,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	address = mmap(NULL, size, prot, flags, file->fd, offset & ~(PAGE - 1ull));
	if (address == MAP_FAILED) {
		world.maps[at].size = 0;
		return;
	}
	__atomic_store_n(&world.maps[at].address, address, __ATOMIC_SEQ_CST);
		/* madvise() fails where there is no page; an access would cause a SIGBUS. */
	madvise(address, size, call->word[6] & 1 ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

static void op_munmap(struct actor *actor, const struct call *call)
{
	unsigned int at = call->word[0] % WORLD_MAPS;
	void *address = __atomic_exchange_n(&world.maps[at].address, NULL, __ATOMIC_SEQ_CST);

	(void)actor;
	if (!address)
		return;
	munmap(address, world.maps[at].size);
	__atomic_store_n(&world.maps[at].size, 0, __ATOMIC_SEQ_CST);
}

/* Reads events from a file. */
static void op_read(struct actor *actor, const struct call *call)
{
	struct drm_file_slot *file = world_file(call->file);
	struct pollfd poller = { .fd = file->fd, .events = POLLIN };

	poll(&poller, 1, call->word[1] & 1);
	read(file->fd, (void *)(uintptr_t)value_of(actor, file, KIND_TO_OUTPUT, call->word[0]),
	     call->word[2] % 256);
}

static void op_close_fd(struct actor *actor, const struct call *call)
{
	unsigned int at = call->word[0] % WORLD_FDS;
	int fd = __atomic_exchange_n(&world.fds[at], -1, __ATOMIC_SEQ_CST);

	(void)actor;
	if (fd >= 0)
		close(fd);
}

/* Ioctls of fences and dma-bufs. */
static void op_fd_ioctl(struct actor *actor, const struct call *call)
{
	int fd = world_get_fd(call->word[0]), other = world_get_fd(call->word[1]);
	struct sync_merge_data merge = { .fd2 = other };
	struct sync_file_info info = { };
	struct dma_buf_sync sync = { .flags = call->word[2] & 7 };
	struct dma_buf_export_sync_file export = { .flags = call->word[2] & 3, .fd = -1 };
	struct dma_buf_import_sync_file import = { .flags = call->word[2] & 3, .fd = other };
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };

	actor->ioctls++;
	switch (call->word[3] % 6) {
	case 0:
		if (!ioctl(fd, SYNC_IOC_MERGE, &merge))
			world_put_fd(merge.fence);
		break;
	case 1:
		ioctl(fd, SYNC_IOC_FILE_INFO, &info);
		break;
	case 2:
		ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
		break;
	case 3:
		if (!ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export))
			world_put_fd(export.fd);
		break;
	case 4:
		ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import);
		break;
	default:
		poll(&poller, 1, call->word[2] & 1);
	}
}

/* Makes a dma-buf of another device. */
static void op_udmabuf(struct actor *actor, const struct call *call)
{
	struct udmabuf_create create = { .size = (1 + call->word[0] % 16) * PAGE };
	int device, memory, fd;

	(void)actor;
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	memory = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (device >= 0 && memory >= 0 && !ftruncate(memory, create.size) &&
	    !fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK)) {
		create.memfd = memory;
		fd = ioctl(device, UDMABUF_CREATE, &create);
		if (fd >= 0)
			world_put_fd(fd);
	}
	close(memory);
	close(device);
}

/* Makes another file use a handle of this file. */
static void op_share(struct actor *actor, const struct call *call)
{
	struct drm_file_slot *file = world_file(call->file), *other = world_file(call->word[0]);
	enum thing thing = call->word[1] % THINGS;

	(void)actor;
	world_put(other, thing, world_get(file, thing, call->word[2]));
}

static void op_dup(struct actor *actor, const struct call *call)
{
	int fd = fcntl(world_file(call->file)->fd, F_DUPFD_CLOEXEC, 3);

	(void)actor;
	if (fd >= 0)
		world_put_fd(fd);
}

static const struct {
	const char *name;
	unsigned int weight;
	void (*run)(struct actor *actor, const struct call *call);
} other_ops[] = {
	{ "open", 1, op_open },
	{ "close", 1, op_close },
	{ "mmap", 3, op_mmap },
	{ "munmap", 2, op_munmap },
	{ "read", 2, op_read },
	{ "close of an fd", 1, op_close_fd },
	{ "ioctl of an fd", 2, op_fd_ioctl },
	{ "udmabuf", 1, op_udmabuf },
	{ "share", 2, op_share },
	{ "dup", 1, op_dup },
};

#define NUM_OTHERS	(sizeof(other_ops) / sizeof(*other_ops))

static unsigned int num_ops(void)
{
	return num_ioctl_ops + NUM_OTHERS;
}

/* Operations that are no ioctls have the first numbers, because new ones are rare. */
static unsigned int weight(unsigned int op)
{
	return op < NUM_OTHERS ? other_ops[op].weight : ioctl_ops[op - NUM_OTHERS].weight;
}

uint8_t op_any(struct dice *dice)
{
	static unsigned int total;
	unsigned int op, left;

	if (!total)
		for (op = 0; op < num_ops(); op++)
			total += weight(op);
	left = roll(dice, total);
	for (op = 0; left >= weight(op); op++)
		left -= weight(op);
	return op;
}

const char *op_name(uint8_t op)
{
	op %= num_ops();
	return op < NUM_OTHERS ? other_ops[op].name : ioctl_ops[op - NUM_OTHERS].name;
}

static void run_ioctl(struct actor *actor, const struct ioctl_op *op, const struct call *call)
{
	struct drm_file_slot *file = world_file(call->file);
	uint64_t args[32] = { };
	uint8_t *bytes = (uint8_t *)args;
	const struct field *field;
	unsigned int i = 0;
	uint64_t value;

	for (field = op->fields; field->kind != KIND_END; field++, i++) {
		value = value_of(actor, file, field->kind, call->word[i % CALL_WORDS]);
		memcpy(bytes + field->at, &value, field->size);
	}
	if (op->prepare)
		op->prepare(actor, file, call, args);
	actor->ioctls++;
	if (ioctl(file->fd, op->request, args) || !op->result.size)
		return;

	value = 0;
	memcpy(&value, bytes + op->result.at, op->result.size);
	if (op->result.thing != THINGS)
		world_put(file, op->result.thing, value);
	else if (op->request != DRM_IOCTL_VIRTGPU_EXECBUFFER ||
		 ((struct drm_virtgpu_execbuffer *)bytes)->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT)
		world_put_fd(value);
}

void op_run(struct actor *actor, const struct call *call)
{
	unsigned int op = call->op % num_ops();

	actor->used = 0;
	if (op < NUM_OTHERS)
		other_ops[op].run(actor, call);
	else
		run_ioctl(actor, &ioctl_ops[op - NUM_OTHERS], call);
}
