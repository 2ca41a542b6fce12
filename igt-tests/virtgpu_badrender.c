// SPDX-License-Identifier: GPL-2.0
/*
 * A renderer that is not to be trusted: wrong, silent, late. Whoever waits for it hears of that, and
 * others can go on. The host's end is qemu/fakegpu.py.
 */
#include <drm/vgem_drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/fake.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/panicscreen.h"
#include "lib/render.h"

/* What an ioctl may take while the device is wrong: time-outs of 1 s (command_timeout=1), a few. */
#define PATIENCE	8.0
/* What the driver may take to notice (fence_timeout=3), and to bring the device back. */
#define RECOVERY	10.0
/* Streams that are answered late; the ring has room for 32. */
#define LATE		20

static void be_good(void *unused)
{
	(void)unused;
	judge(NULL, 0, "fault none");
}

static void load_again(void *unused)
{
	be_good(unused);
	module_restore();
}

static void start(void)
{
	fake_start();
	render_start();
}

/* How a fence ends that has to end soon: 1, or below 0 for an error. */
static int fence_status(int fence, double seconds)
{
	struct pollfd poller = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = { };

	check(poll(&poller, 1, seconds * 1000) == 1, "the fence is never signalled");
	check(!ioctl(fence, SYNC_IOC_FILE_INFO, &info), "no file of a fence: %s", strerror(errno));
	close(fence);
	return info.status;
}

static int try_ioctl(unsigned long request, void *args, const char *name)
{
	double since = now();
	int error = drmIoctl(render_fd, request, args) ? errno : 0;

	check(now() - since < PATIENCE, "%s took %.1f s", name, now() - since);
	check(!error || error == EIO || error == EINVAL || error == ENOMEM || error == ETIMEDOUT ||
	      error == ENODEV || error == EBUSY, "%s: %s", name, strerror(error));
	return error;
}

#define attempt(request, args) try_ioctl(request, args, #request)

/* How a stream of a new file ends: 1, or below 0. */
static int stream_of_new_file(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	int file = render_fd, status;

	render_fd = render_open();
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	status = -attempt(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	if (!status)
		status = fence_status(exec.fence_fd, RECOVERY);
	close(render_fd);
	render_fd = file;
	return status;
}

/* A device that behaves again has to be used again, if a reset is due after that. */
static void recovers(void)
{
	double deadline = now() + RECOVERY;
	int status;

	be_good(NULL);
	while ((status = stream_of_new_file()) != 1) {
		check(now() < deadline, "the device does not come back: %d", status);
		usleep(100000);
	}
}

/* What programs do; all of it ends, in whatever way. */
static void work(void)
{
	struct drm_virtgpu_resource_create texture = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4,
	};
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = 1 << 16,
	};
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct drm_virtgpu_3d_transfer_to_host transfer = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_3d_wait wait = { };
	int file = render_fd;

	render_fd = render_open();
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	if (!attempt(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &texture)) {
		wait.handle = transfer.bo_handle = texture.bo_handle;
		attempt(DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &transfer);
		attempt(DRM_IOCTL_VIRTGPU_WAIT, &wait);
		exec.num_bo_handles = 1;
		exec.bo_handles = (uintptr_t)&texture.bo_handle;
	}
	attempt(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	if (!attempt(DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec))
		fence_status(exec.fence_fd, RECOVERY);
	close(render_fd);
	render_fd = file;
}

/* The host hears of a dumb buffer when somebody needs it there, and so does the context. */
static void dumb(void)
{
	struct drm_virtgpu_resource_info info = { };
	uint32_t pitch;
	uint64_t size;
	int i;

	start();
	render_context(1, 0);
	judge(NULL, 0, "fake-count");
	check(!drmModeCreateDumbBuffer(render_fd, 64, 64, 32, 0, &info.bo_handle, &pitch, &size),
	      "buffer: %s", strerror(errno));
	judge(NULL, 0, "fake-counted CREATE 0 0");
	judge(NULL, 0, "fake-counted CTX_ATTACH 0 0");
	for (i = 0; i < 2; i++) {
		check(!drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info), "info: %s",
		      strerror(errno));
		judge(NULL, 0, "fake-counted CREATE 1 1");
		judge(NULL, 0, "fake-counted ATTACH 1 1");
		judge(NULL, 0, "fake-counted CTX_ATTACH 1 1");
	}
	check(!drmModeDestroyDumbBuffer(render_fd, info.bo_handle), "destroy: %s", strerror(errno));
	judge(NULL, 0, "fake-counted CTX_DETACH 1 1");
	judge(NULL, 0, "fake-counted UNREF 1 1");
}

static void lies(void)
{
	static const char *const names[] = { "refuse", "garbage", "huge-type", "empty", "short",
					     "long" };
	static const char *const commands[] = { "CTX_CREATE", "CTX_ATTACH", "CREATE_3D", "ATTACH",
						"CREATE_BLOB", "TRANSFER_3D", "SUBMIT", "UNREF",
						"CTX_DESTROY", "any" };
	unsigned int i, j;

	start();
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int status;

		for (j = 0; j < sizeof(commands) / sizeof(*commands); j++) {
			judge(NULL, 0, "fault %s %s", names[i], commands[j]);
			work();
		}
		judge(NULL, 0, "fault %s SUBMIT", names[i]);
		status = stream_of_new_file();
		/* Only a length that is too long leaves the answer readable. */
		check(status == 1 ? !strcmp(names[i], "long") : status < 0,
		      "%s: a stream's fence says %d", names[i], status);
		be_good(NULL);
		check(stream_of_new_file() == 1, "%s has consequences", names[i]);
	}
}

/* An answer that is too short says nothing: the host may have done what it was asked for. */
static void half_answers(void)
{
	static const char *const commands[] = { "CREATE_BLOB", "CREATE_3D", "ATTACH", "UNREF" };
	unsigned int i;

	fake_start();
	/* Because of earlier lies the device has resources that the driver takes for destroyed. */
	module_unload();
	module_load();
	render_start();
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		judge(NULL, 0, "fault short %s", commands[i]);
		work();
		be_good(NULL);
		fake_same_resources(RECOVERY);
	}
}

/* A host that refuses a stream is user space's business. */
static void refused(void)
{
	start();
	judge(NULL, 0, "fault refuse SUBMIT");
	shell("dmesg -C");
	check(stream_of_new_file() < 0, "a stream that was refused was carried out");
	shell("! dmesg | grep .");
}

/* A host refuses a stream at once, while it still works on the one before. */
static void error_overtakes(void)
{
	int fences[2];

	start();
	judge(NULL, 0, "fake-count");
	judge(NULL, 0, "fault lose SUBMIT");
	fences[0] = render_fence_fd(0, 0);
	judge(NULL, 0, "fake-counted SUBMIT 1 1");
	judge(NULL, 0, "fault refuse SUBMIT");
	fences[1] = render_fence_fd(0, 0);
	check(fence_status(fences[0], RECOVERY) < 0,
	      "a stream that was never answered is done, because a later one was refused");
	check(fence_status(fences[1], RECOVERY) < 0, "a stream that was refused is done");
	recovers();
}

/*
 * Descriptors that are freed first are taken last: after several at a time the next several are in
 * the ring backwards, and come back in another order than they were sent when the ring goes.
 */
static void turn_descriptors(void)
{
	int fences[8];
	unsigned int i;

	judge(NULL, 0, "fault mute SUBMIT");
	for (i = 0; i < sizeof(fences) / sizeof(*fences); i++)
		fences[i] = render_fence_fd(0, 0);
	be_good(NULL);
	for (i = 0; i < sizeof(fences) / sizeof(*fences); i++)
		render_wait_fd(fences[i]);
}

/* Streams that are never answered, on two rings, and who waits for them in three ways. */
static void unanswered(void)
{
	struct pollfd poller = { .events = POLLIN };
	struct drm_virtgpu_resource_create texture;
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct drm_event event;
	int fences[2], status;
	pid_t waiter;

	start();
	render_context(2, 2);
	texture = render_texture();
	turn_descriptors();
	judge(NULL, 0, "fault lose SUBMIT");
	fences[0] = render_fence_fd(0, 0);
	fences[1] = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 1);
	exec.num_bo_handles = 1;
	exec.bo_handles = (uintptr_t)&texture.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	waiter = fork();
	check(waiter >= 0, "fork: %s", strerror(errno));
	if (!waiter) {
		struct drm_virtgpu_3d_wait wait = { .handle = texture.bo_handle };

		alarm(2 * RECOVERY);
		drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_WAIT, &wait);
		_exit(0);
	}

	check(fence_status(fences[0], RECOVERY) < 0, "a stream that was never answered is done");
	check(fence_status(fences[1], RECOVERY) < 0, "a ring's stream, not answered, is done");
	poller.fd = render_fd;
	check(poll(&poller, 1, 1000) == 1, "no event of the ring");
	check(read(render_fd, &event, sizeof(event)) == sizeof(event) &&
	      event.type == VIRTGPU_EVENT_FENCE_SIGNALED, "not the ring's event");
	check(waitpid(waiter, &status, 0) == waiter && WIFEXITED(status), "who waits is not woken");

	/* The context is lost; new ones work. */
	be_good(NULL);
	exec = render_stream();
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	recovers();
}

static void set_fence_timeout(const char *seconds)
{
	if (driver_is_stock())
		skip("the kernel's own driver has no fence_timeout");
	module_set_parameter("fence_timeout", seconds);
}

static void usual_fence_timeout(void *unused)
{
	(void)unused;
	set_fence_timeout("3");
}

/* How long rendering may take counts as it is now, also for what has begun. */
static void patience(void)
{
	struct pollfd poller = { .events = POLLIN };

	start();
	set_fence_timeout("60");
	at_end(usual_fence_timeout, NULL);
	judge(NULL, 0, "fault lose SUBMIT");
	poller.fd = render_fence_fd(0, 0);
	check(!poll(&poller, 1, 5000), "a fence ended before its time");
	set_fence_timeout("1");
	check(fence_status(poller.fd, 4) < 0, "a stream that was never answered is done");
	recovers();
}

/* All answers at once, before it is too late. */
static void late(void)
{
	struct pollfd poller = { .events = POLLIN };
	struct drm_virtgpu_execbuffer exec = render_stream();
	int fences[LATE];
	unsigned int i;

	start();
	render_context(2, 0);
	render_wait_fd(render_fence_fd(0, 0));
	judge(NULL, 0, "fault mute SUBMIT");
	for (i = 0; i < LATE; i++)
		fences[i] = render_fence_fd(i % 2 ? VIRTGPU_EXECBUF_RING_IDX : 0, i % 2);
	poller.fd = fences[0];
	/* Less than what a frame of the console's may take, whose answers wait, too. */
	check(!poll(&poller, 1, 500), "a fence that nobody signals");
	be_good(NULL);
	for (i = 0; i < LATE; i++)
		check(fence_status(fences[i], 2) == 1, "fence %u failed", i);
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

/* No answer to anything, from a stream on. */
static void silent(void)
{
	start();
	judge(NULL, 0, "fault mute SUBMIT");
	check(fence_status(render_fence_fd(0, 0), RECOVERY) < 0,
	      "a stream that was never answered is done");
	recovers();
}

static void bind_console(void *unused)
{
	(void)unused;
	console_bind(true);
}

/* Nobody sends anything more, and still it must be noticed at once that nothing is answered. */
static void wrong_chain(void)
{
	start();
	at_end(bind_console, NULL);
	console_bind(false);
	set_fence_timeout("60");
	at_end(usual_fence_timeout, NULL);
	judge(NULL, 0, "fault wrong-chain SUBMIT");
	check(fence_status(render_fence_fd(0, 0), 1) < 0, "a stream that was never answered is done");
	recovers();
}

static void twice(void)
{
	start();
	judge(NULL, 0, "fault twice SUBMIT");
	fence_status(render_fence_fd(0, 0), RECOVERY);
	recovers();
}

static void any_lie(void)
{
	int i;

	start();
	fake_seed();
	judge(NULL, 0, "fault any-lie any 20");
	for (i = 0; i < 60; i++)
		work();
	recovers();
}

/* Every kind of lie that qemu/liar.py has, alone. */
static void each_lie(void)
{
	unsigned int kind;
	int i;

	start();
	for (kind = 0; kind < FAKE_LIES; kind++) {
		judge(NULL, 0, "lie 7 400 %u", 1u << kind);
		for (i = 0; i < 3; i++)
			work();
		judge(NULL, 0, "lie-no-more");
		recovers();
	}
}

/* What is wrong is not kept. */
static void capsets(void)
{
	static const char *const faults[] = { "refuse", "garbage", "empty", "short", "lose" };
	uint8_t data[64];
	struct drm_virtgpu_get_caps caps = {
		.cap_set_id = VIRTGPU_DRM_CAPSET_VIRGL2, .addr = (uintptr_t)data,
		.size = sizeof(data),
	};
	double deadline;
	unsigned int i;

	start();
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		judge(NULL, 0, "fault %s GET_CAPSET", faults[i]);
		check(attempt(DRM_IOCTL_VIRTGPU_GET_CAPS, &caps), "%s: a capset that the host does "
		      "not give", faults[i]);
	}
	be_good(NULL);
	deadline = now() + RECOVERY;
	/* Until the next answer the driver waits for none. */
	while (attempt(DRM_IOCTL_VIRTGPU_GET_CAPS, &caps)) {
		check(now() < deadline, "the device does not come back");
		usleep(100000);
	}
	expect(0, DRM_IOCTL_VIRTGPU_GET_CAPS, &caps);
}

/* A driver that is told nothing sensible of renderers does without; told nothing, it gives up. */
static void probe(void)
{
	static const char *const faults[] = { "refuse", "garbage", "empty", "short" };
	unsigned int i;

	start();
	close(render_fd);
	at_end(load_again, NULL);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		module_unload();
		judge(NULL, 0, "fault %s GET_CAPSET_INFO", faults[i]);
		module_load();
		be_good(NULL);
	}
	module_unload();
	judge(NULL, 0, "fault lose GET_CAPSET_INFO");
	module_insert();
	sleep(3);
	check(!kms_path(), "a device that does not answer was taken");
	be_good(NULL);
	module_unload();
	module_load();
	render_start();
	recovers();
}

static void unload(void)
{
	int fence;

	start();
	at_end(load_again, NULL);
	judge(NULL, 0, "fault lose SUBMIT");
	fence = render_fence_fd(0, 0);
	close(render_fd);
	module_unload();
	check(fence_status(fence, 1) < 0, "a stream that was never answered is done");
	be_good(NULL);
	module_load();
	render_start();
	recovers();
}

/* A ring of a context that is not answered holds up no other. */
static void rings(void)
{
	struct pollfd poller = { .events = POLLIN };
	int others[3], i;

	start();
	render_context(3, 0);
	render_wait_fd(render_fence_fd(0, 0));
	judge(NULL, 0, "fault mute SUBMIT/1");
	poller.fd = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 1);
	others[0] = render_fence_fd(0, 0);
	others[1] = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 0);
	others[2] = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 2);
	for (i = 0; i < 3; i++)
		check(fence_status(others[i], 2) == 1, "fence %d waits for another ring", i);
	check(!poll(&poller, 1, 0), "a ring that is not answered is done");
	be_good(NULL);
	check(fence_status(poller.fd, 2) == 1, "the answered ring's fence failed");
}

/*
 * A fence of a ring that is polled stands for something that may never happen. It is not late, and
 * the host is told of the end of its context, which ends the fence.
 */
static void polled(void)
{
	struct pollfd poller = { .events = POLLIN };
	long resets;

	start();
	resets = judge_number("fake-resets");
	render_context(2, 2);
	judge(NULL, 0, "fault mute SUBMIT/1");
	poller.fd = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 1);
	check(!poll(&poller, 1, 8000), "a fence of a polled ring ended");
	check(judge_number("fake-resets") == resets, "the device was reset for a polled ring");
	check(fence_status(render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 0), RECOVERY) == 1,
	      "a polled ring holds up another");
	judge(NULL, 0, "fake-count");
	close(render_fd);
	check(fence_status(poller.fd, RECOVERY) < 0, "a stream that was never answered is done");
	judge(NULL, 0, "fake-counted CTX_DESTROY 1 1");
	be_good(NULL);
	render_start();
	recovers();
}

/* The work of one context does not end, while the host answers others: only that one is lost. */
static void guilty(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	int other, fence, file;
	long resets;

	start();
	file = render_fd;
	other = render_fd = render_open();
	render_context(2, 0);
	render_wait_fd(render_fence_fd(0, 0));
	render_fd = file;
	render_context(2, 0);
	resets = judge_number("fake-resets");
	judge(NULL, 0, "fault mute SUBMIT/1");
	judge(NULL, 0, "fake-count");
	fence = render_fence_fd(VIRTGPU_EXECBUF_RING_IDX, 1);
	check(fence_status(fence, RECOVERY) < 0, "a stream that was never answered is done");
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	judge(NULL, 0, "fake-counted CTX_DESTROY 1 1");

	check(stream_of_new_file() == 1, "a new context does not work");
	render_fd = other;
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	check(fence_status(exec.fence_fd, RECOVERY) == 1, "another context is lost, too");
	check(judge_number("fake-resets") == resets, "the device was reset for one context");
	/* Its number is not another's before the host has answered what it had. */
	be_good(NULL);
	close(file);
	close(other);
	render_fd = render_open();
	recovers();
}

/* In a process of its own: a stream that waits for a fence first. Its exit status is the errno. */
static pid_t stream_behind(int fence, uint32_t flags)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	pid_t child = fork();

	check(child >= 0, "fork: %s", strerror(errno));
	if (child)
		return child;
	alarm(2 * RECOVERY);
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | flags;
	exec.fence_fd = fence;
	_exit(drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec) ? errno : 0);
}

static void close_fd(void *fd)
{
	close((int)(intptr_t)fd);
}

/**
 * struct gate - a fence that ends when the test says so
 * @vgem: vgem, whose fence it is
 * @id: its number there; vgem ends it by itself after ten seconds
 * @fd: a file of it
 */
struct gate {
	int vgem;
	uint32_t id;
	int fd;
};

static struct gate gate_new(void)
{
	struct gate gate = { .vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY) };
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_vgem_fence_attach attach = { .flags = VGEM_FENCE_WRITE };
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_READ };
	int dmabuf;

	check(gate.vgem >= 0, "no vgem: modprobe vgem?");
	at_end(close_fd, (void *)(intptr_t)gate.vgem);
	check(!drmIoctl(gate.vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "a buffer of vgem's");
	attach.handle = create.handle;
	check(!drmIoctl(gate.vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach), "a fence of vgem's");
	check(!drmPrimeHandleToFD(gate.vgem, create.handle, DRM_CLOEXEC, &dmabuf), "export");
	check(!ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export), "no file of a fence: %s",
	      strerror(errno));
	close(dmabuf);
	gate.id = attach.out_fence;
	gate.fd = export.fd;
	return gate;
}

static void gate_open(const struct gate *gate)
{
	struct drm_vgem_fence_signal signal = { .fence = gate->id };

	check(!drmIoctl(gate->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal), "end of a fence: %s",
	      strerror(errno));
	close(gate->fd);
}

/*
 * A context is lost while a stream of its waits. What it waits for ends when the device is back, which
 * would carry the stream out.
 */
static void lost_meanwhile(void)
{
	static const uint32_t flags[] = { 0, VIRTGPU_EXECBUF_FENCE_FD_OUT };
	unsigned int i;

	start();
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		struct gate gate = gate_new();
		int status;
		pid_t waiter;

		render_context(2, 0);
		render_wait_fd(render_fence_fd(0, 0));
		waiter = stream_behind(gate.fd, flags[i]);
		usleep(500000);
		/* The device is reset, because the next answer breaks the ring. */
		judge(NULL, 0, "fault wrong-chain SUBMIT");
		stream_of_new_file();
		recovers();
		check(!waitpid(waiter, &status, WNOHANG), "a stream does not wait for a fence");
		judge(NULL, 0, "fake-count");
		gate_open(&gate);
		check(waitpid(waiter, &status, 0) == waiter && WIFEXITED(status), "it waits on");
		check(WEXITSTATUS(status) == EIO, "a stream of a lost context: %s",
		      strerror(WEXITSTATUS(status)));
		judge(NULL, 0, "fake-counted SUBMIT 0 0");
		close(render_fd);
		render_fd = render_open();
		recovers();
	}
}

static void shape(const char *words)
{
	fake_start();
	fake_plug(words);
	module_load();
}

static void *map_blob(const struct drm_virtgpu_resource_create_blob *blob)
{
	struct drm_virtgpu_map map = { .handle = blob->bo_handle };

	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	return mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd, map.offset);
}

static struct drm_virtgpu_resource_create_blob host_blob(uint64_t size)
{
	return (struct drm_virtgpu_resource_create_blob){
		.blob_mem = VIRTGPU_BLOB_MEM_HOST3D, .size = size,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.blob_hints = DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING,
	};
}

/* What the guest writes into a blob of the host's is there. */
static void write_blob(uint8_t first)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(8192);
	uint8_t *bytes, want[64];
	unsigned int i;

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	bytes = map_blob(&blob);
	check(bytes != MAP_FAILED, "mmap: %s", strerror(errno));
	for (i = 0; i < sizeof(want); i++)
		bytes[i] = want[i] = first + i;
	judge(want, sizeof(want), "fake-blob %u %zu", blob.res_handle, sizeof(want));
	check(!munmap(bytes, blob.size), "munmap: %s", strerror(errno));
	drmCloseBufferHandle(render_fd, blob.bo_handle);
}

static void use_window(void)
{
	static const char *const faults[] = { "refuse", "garbage", "empty", "short", "huge-type",
					      "lose" };
	unsigned int i;

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_HOST_VISIBLE))
		skip("the driver sees no memory of the host's");
	write_blob(1);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct drm_virtgpu_resource_create_blob blob = host_blob(8192);
		double since = now();

		judge(NULL, 0, "fault %s MAP_BLOB", faults[i]);
		expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
		check(map_blob(&blob) == MAP_FAILED && errno == EINVAL,
		      "%s: a blob that the host does not map is mapped, or %s", faults[i],
		      strerror(errno));
		check(now() - since < PATIENCE, "%s took %.1f s", faults[i], now() - since);
		be_good(NULL);
		drmCloseBufferHandle(render_fd, blob.bo_handle);
		recovers();
		close(render_fd);
		render_fd = render_open();
		write_blob(2 + i);
	}
	close(render_fd);
}

/* Memory of the host's that it shows, and then does not. */
static void window(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_window);
}

static int export_blob(const struct drm_virtgpu_resource_create_blob *blob)
{
	int dmabuf;

	check(!drmPrimeHandleToFD(render_fd, blob->bo_handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf),
	      "export: %s", strerror(errno));
	return dmabuf;
}

static void remove_mapper(void *unused)
{
	(void)unused;
	shell("rmmod buffermap");
}

/* Has another driver map a blob: how many bytes it gets, or a negative errno. */
static long map_elsewhere(const struct drm_virtgpu_resource_create_blob *blob)
{
	/* The program that loads the module has it, too. */
	int dmabuf = export_blob(blob), shared = dup(dmabuf);
	char command[96];
	long answer;
	FILE *file;

	snprintf(command, sizeof(command), "insmod /host/tests/buffermap.ko fd=%d", shared);
	shell(command);
	at_end(remove_mapper, NULL);
	file = fopen("/sys/module/buffermap/parameters/answer", "r");
	check(file && fscanf(file, "%ld", &answer) == 1, "no answer");
	fclose(file);
	not_at_end(remove_mapper, NULL);
	remove_mapper(NULL);
	close(shared);
	close(dmabuf);
	return answer;
}

static void write_export(const struct drm_virtgpu_resource_create_blob *blob)
{
	static const char text[] = "written by way of a dma-buf";
	int dmabuf = export_blob(blob);
	char *bytes = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	check(bytes != MAP_FAILED, "mmap of a dma-buf: %s", strerror(errno));
	memcpy(bytes, text, sizeof(text));
	judge(text, sizeof(text), "fake-blob %u %zu", blob->res_handle, sizeof(text));
	check(!munmap(bytes, blob->size), "munmap: %s", strerror(errno));
	close(dmabuf);
}

static void use_exports(void)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(8192), other = host_blob(8192);
	long got;
	int i;

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_HOST_VISIBLE))
		skip("the driver sees no memory of the host's");

	/* The host maps it for whoever comes first, and once. */
	judge(NULL, 0, "fake-count");
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	for (i = 0; i < 2; i++) {
		got = map_elsewhere(&blob);
		check(got == (long)blob.size, "%ld bytes are mapped", got);
	}
	write_export(&blob);
	judge(NULL, 0, "fake-counted MAP_BLOB 1 1");

	other.blob_flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &other);
	got = map_elsewhere(&other);
	check(got == -EIO, "what cannot be mapped is: %ld", got);
	drmCloseBufferHandle(render_fd, other.bo_handle);

	other = host_blob(8192);
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &other);
	judge(NULL, 0, "fault refuse MAP_BLOB");
	got = map_elsewhere(&other);
	check(got < 0, "what the host does not map is mapped: %ld", got);
	be_good(NULL);
	drmCloseBufferHandle(render_fd, other.bo_handle);
	drmCloseBufferHandle(render_fd, blob.bo_handle);
	judge(NULL, 0, "fake-counted UNMAP_BLOB 1 1");
	close(render_fd);
}

/* Memory of the host's in the hands of other drivers. */
static void exported(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_exports);
}

/* Whether a page of the window is mapped in a way: "uncached-minus", "write-combining". */
static bool is_mapped_as(const char *kind)
{
	FILE *file = popen("sed -n 's/^ *\\([0-9a-f]*\\)-.* : virtio_gpu$/\\1/p' /proc/iomem", "r");
	unsigned long window, first, end;
	char line[128], found[32];

	check(file && fscanf(file, "%lx", &window) == 1, "no window in /proc/iomem");
	pclose(file);
	file = fopen("/sys/kernel/debug/x86/pat_memtype_list", "r");
	check(file, "pat_memtype_list: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "PAT: [mem 0x%lx-0x%lx] %31s", &first, &end, found) == 3 &&
		    first <= window && window < end && !strcmp(found, kind)) {
			fclose(file);
			return true;
		}
	}
	fclose(file);
	return false;
}

static const char *window_kind;

static void use_caching(void)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(8192);
	uint32_t *words;

	render_start();
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	words = map_blob(&blob);
	check(words != MAP_FAILED, "mmap: %s", strerror(errno));
	words[0] = 0x12345678;
	judge(words, 4, "fake-blob %u 4", blob.res_handle);
	check(is_mapped_as(window_kind), "the window is not mapped as %s", window_kind);
	check(!munmap(words, blob.size), "munmap: %s", strerror(errno));
	close(render_fd);
}

/* The host says how the guest's CPUs may cache its memory. */
static void caching(void)
{
	static const char *const kinds[] = { "uncached-minus", "write-combining" };
	char words[64];
	unsigned int i;

	fake_start();
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(words, sizeof(words), "render=1 blob=1 window=1 caching=%u", 2 + i);
		window_kind = kinds[i];
		fake_plug(words);
		module_load();
		scope(use_caching);
	}
}

/* A blob as large as the window. */
#define WINDOW	(1 << 20)

static void use_refused_map(void)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(WINDOW), other = host_blob(WINDOW);
	void *bytes;

	render_start();
	judge(NULL, 0, "fault refuse MAP_BLOB");
	judge(NULL, 0, "fake-count");
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	check(map_blob(&blob) == MAP_FAILED, "a blob that the host does not map is mapped");
	check(map_blob(&blob) == MAP_FAILED, "the second time it is mapped");
	judge(NULL, 0, "fake-counted MAP_BLOB 1 1");
	be_good(NULL);

	/* Its place is free for others, also as long as it lives. */
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &other);
	bytes = map_blob(&other);
	check(bytes != MAP_FAILED, "a refused blob keeps its place: %s", strerror(errno));
	check(!munmap(bytes, WINDOW), "munmap: %s", strerror(errno));
	drmCloseBufferHandle(render_fd, blob.bo_handle);
	judge(NULL, 0, "fake-counted UNREF 1 1");
	judge(NULL, 0, "fake-counted UNMAP_BLOB 0 0");
	drmCloseBufferHandle(render_fd, other.bo_handle);
	judge(NULL, 0, "fake-counted UNMAP_BLOB 1 1");
	close(render_fd);
}

/* What the host has not mapped it is not told to unmap. */
static void refused_map(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_refused_map);
}

/* A framebuffer over a texture as large as a picture. */
static uint32_t texture_fb(const struct image *image)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 2, .bind = 2, .width = image->width,
		.height = image->height, .depth = 1, .array_size = 1,
		.size = image->width * image->height * 4,
	};
	uint32_t pitches[4] = { image->width * 4 }, handles[4] = { }, offsets[4] = { }, fb;

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
	handles[0] = create.bo_handle;
	check(!drmModeAddFB2(render_fd, image->width, image->height, DRM_FORMAT_XRGB8888, handles,
			     pitches, offsets, &fb, 0), "framebuffer: %s", strerror(errno));
	return fb;
}

/* Damage since a texture was shown does not cover what changed since the picture before it. */
static void texture_between(void)
{
	struct rect part = { 70, 50, 200, 100 };
	struct buffer texture = { };
	struct screen screen;

	fake_start();
	screen = kms_screen(1);
	render_fd = screen.head.fd;
	judge_picture_within(0, &screen.image, RECOVERY);
	texture.fb = texture_fb(&screen.image);
	kms_flip(&screen.head, &texture, NULL, 0);
	image_pattern(&screen.image, 2, image_all(&screen.image));
	kms_draw(screen.buffers[screen.current], &screen.image, image_all(&screen.image));
	kms_flip(&screen.head, screen.buffers[screen.current], &part, 1);
	judge_picture_within(0, &screen.image, 2);
}

/* What the host draws is not in the guest's memory, so the panic screen would not be seen. */
static void panic_over_texture(void)
{
	struct buffer texture = { };
	struct screen screen;

	fake_start();
	screen = kms_screen(1);
	render_fd = screen.head.fd;
	judge_picture_within(0, &screen.image, RECOVERY);
	texture.fb = texture_fb(&screen.image);
	kms_flip(&screen.head, &texture, NULL, 0);
	judge(NULL, 0, "fake-count");
	panic_screen(screen.head.fd);
	judge(NULL, 0, "fake-counted FLUSH 0 0");
	judge(NULL, 0, "fake-counted TRANSFER 0 0");
	kms_flip(&screen.head, screen.buffers[screen.current], NULL, 0);
	judge_picture_within(0, &screen.image, RECOVERY);
	panic_screen(screen.head.fd);
	judge(NULL, 0, "panic-screen 0");
}

static void use_alignment(void)
{
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 4096,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
	};

	render_start();
	if (!render_getparam(VIRTGPU_PARAM_RESOURCE_BLOB))
		skip("the driver has no blobs");
	expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	blob.size = 0x18000;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	blob.size = 0x20000;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
}

/* The device says how blobs are to be aligned, and may say nonsense. */
static void alignment(void)
{
	static const unsigned int wrong[] = { 3, 0x10001, 0xffffffff };
	char words[64];
	unsigned int i;

	shape("render=1 blob=1 alignment=65536");
	scope(use_alignment);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(words, sizeof(words), "render=1 blob=1 alignment=%u", wrong[i]);
		fake_plug(words);
		module_insert();
		check(!kms_path(), "a device that aligns blobs to %u came up", wrong[i]);
	}
}

/* Absurd numbers of capsets. */
static void capset_count(void)
{
	static const unsigned int counts[] = { 0, 2, 64, 65, 0xffffffff };
	unsigned int i;

	start();
	close(render_fd);
	at_end(load_again, NULL);
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		double since;

		module_unload();
		judge(NULL, 0, "fake-capsets %u", counts[i]);
		since = now();
		module_load();
		check(now() - since < PATIENCE, "%u capsets: loading took %.1f s", counts[i],
		      now() - since);
	}
	module_unload();
	judge(NULL, 0, "fake-capsets 1");
	module_load();
	render_start();
	recovers();
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "dumb", "a dumb buffer that nobody needs on the host", dumb },
		{ "lies", "answers that are errors, garbage, too short, too long", lies },
		{ "half-answers", "answers too short to mean anything", half_answers },
		{ "refused", "the host refuses a wrong stream, and the log has no error", refused },
		{ "error-overtakes", "a refusal says nothing of streams before it", error_overtakes },
		{ "unanswered", "streams that are never answered", unanswered },
		{ "patience", "fence_timeout changes meanwhile", patience },
		{ "late", "no answers for a while, then all of them", late },
		{ "silent", "no answers to anything any more", silent },
		{ "wrong-chain", "an answer to what was never asked", wrong_chain },
		{ "twice", "one answer given twice", twice },
		{ "any-lie", "any of these in one case of five", any_lie },
		{ "each-lie", "every kind of lie, alone", each_lie },
		{ "capsets", "capsets that do not come", capsets },
		{ "probe", "the same while the driver is loaded", probe },
		{ "capset-count", "absurd numbers of capsets", capset_count },
		{ "rings", "one of a context's rings is not answered", rings },
		{ "polled", "a ring that is polled is not answered", polled },
		{ "guilty", "one of two contexts is not answered", guilty },
		{ "lost-meanwhile", "a context is lost while its stream waits", lost_meanwhile },
		{ "window", "memory of the host's, and none", window },
		{ "refused-map", "the host does not show its memory", refused_map },
		{ "caching", "memory of the host's that is not to be cached", caching },
		{ "exported", "other drivers use the host's memory", exported },
		{ "texture-between", "a texture between two pictures", texture_between },
		{ "panic-texture", "no panic screen over a texture", panic_over_texture },
		{ "alignment", "blobs are to be aligned", alignment },
		{ "unload", "unloaded while there are no answers", unload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
