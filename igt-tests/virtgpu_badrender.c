// SPDX-License-Identifier: GPL-2.0
/*
 * A renderer that gives wrong, late or no answers. Programs that wait for it must get an error, and
 * other programs must go on. The device is qemu/device/fakegpu.py.
 */
#include <drm/vgem_drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
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

/* An ioctl may take a few time-outs of 1 s (command_timeout=1) while the device is faulty. */
#define PATIENCE	8.0
/* Seconds until the driver notices (fence_timeout=3) and has restored the device. */
#define RECOVERY	10.0
/* The number of streams that are answered late; fewer than the 32 commands that the ring holds. */
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

/* Waits for a fence and returns its status: 1, or a negative error. */
static int fence_status(int fence, double seconds)
{
	struct pollfd poller = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = { };

	check(poll(&poller, 1, seconds * 1000) == 1, "the fence is never signalled");
	check(!ioctl(fence, SYNC_IOC_FILE_INFO, &info), "not a fence fd: %s", strerror(errno));
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

/* Submits a stream on a new file and returns its status: 1, or a negative error. */
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

/* Waits until a correct device can be used again, which may include a reset. */
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

/* Uses the device as programs do; each call must end, with or without an error. */
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

/* The driver creates a dumb buffer's resource, and attaches it to the context, on first use. */
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
		      "%s: the status of a stream's fence is %d", names[i], status);
		be_good(NULL);
		check(stream_of_new_file() == 1, "%s has an effect on later streams", names[i]);
	}
}

/* An answer that is too short gives no information: the host may have carried out the command. */
static void half_answers(void)
{
	static const char *const commands[] = { "CREATE_BLOB", "CREATE_3D", "ATTACH", "UNREF" };
	unsigned int i;

	fake_start();
	/* After earlier lies the device may have resources that the driver believes destroyed. */
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

/* A refused stream is an error of user space, so the driver must not log it. */
static void refused(void)
{
	start();
	judge(NULL, 0, "fault refuse SUBMIT");
	shell("dmesg -C");
	check(stream_of_new_file() < 0, "a stream that was refused was carried out");
	shell("! dmesg | grep .");
}

/* A host may refuse a stream at once, while it still executes the one before. */
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
	      "an unanswered stream is done because a later one was refused");
	check(fence_status(fences[1], RECOVERY) < 0, "a refused stream is done");
	recovers();
}

/*
 * Reverses the order of free descriptors: several commands that complete together free them in reverse
 * order. When the ring is given up, later commands then come back in another order than they were sent.
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

/* Streams on two rings are never answered; they are awaited in three ways. */
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

	check(fence_status(fences[0], RECOVERY) < 0, "an unanswered stream is done");
	check(fence_status(fences[1], RECOVERY) < 0, "an unanswered stream of a ring is done");
	poller.fd = render_fd;
	check(poll(&poller, 1, 1000) == 1, "no event for the ring");
	check(read(render_fd, &event, sizeof(event)) == sizeof(event) &&
	      event.type == VIRTGPU_EVENT_FENCE_SIGNALED, "not the event of the ring");
	check(waitpid(waiter, &status, 0) == waiter && WIFEXITED(status), "the waiter was not woken");

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

/* A new value of fence_timeout applies to pending work, too. */
static void patience(void)
{
	struct pollfd poller = { .events = POLLIN };

	start();
	set_fence_timeout("60");
	at_end(usual_fence_timeout, NULL);
	judge(NULL, 0, "fault lose SUBMIT");
	poller.fd = render_fence_fd(0, 0);
	check(!poll(&poller, 1, 5000), "a fence timed out too early");
	set_fence_timeout("1");
	check(fence_status(poller.fd, 4) < 0, "an unanswered stream is done");
	recovers();
}

/* All answers come at once, before the time-out. */
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
	/* Shorter than command_timeout, because the answers to the console's frames wait, too. */
	check(!poll(&poller, 1, 500), "a fence was signalled without an answer");
	be_good(NULL);
	for (i = 0; i < LATE; i++)
		check(fence_status(fences[i], 2) == 1, "fence %u failed", i);
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

/* The device answers nothing after a stream. */
static void silent(void)
{
	start();
	judge(NULL, 0, "fault mute SUBMIT");
	check(fence_status(render_fence_fd(0, 0), RECOVERY) < 0,
	      "an unanswered stream is done");
	recovers();
}

static void bind_console(void *unused)
{
	(void)unused;
	console_bind(true);
}

/* The driver must notice at once that the ring is broken, although it sends nothing more. */
static void wrong_chain(void)
{
	start();
	at_end(bind_console, NULL);
	console_bind(false);
	set_fence_timeout("60");
	at_end(usual_fence_timeout, NULL);
	judge(NULL, 0, "fault wrong-chain SUBMIT");
	check(fence_status(render_fence_fd(0, 0), 1) < 0, "an unanswered stream is done");
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

/* Each kind of lie of qemu/device/liar.py alone. */
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

/* The driver must not cache wrong capsets. */
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
		check(attempt(DRM_IOCTL_VIRTGPU_GET_CAPS, &caps), "%s: got a capset that the host "
		      "did not give", faults[i]);
	}
	be_good(NULL);
	deadline = now() + RECOVERY;
	/* While the device is silent, the driver does not wait for answers until the next one comes. */
	while (attempt(DRM_IOCTL_VIRTGPU_GET_CAPS, &caps)) {
		check(now() < deadline, "the device does not come back");
		usleep(100000);
	}
	expect(0, DRM_IOCTL_VIRTGPU_GET_CAPS, &caps);
}

/* With wrong answers about capsets the driver does without a renderer; without answers it fails. */
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
	check(!kms_path(), "the driver accepted a device that does not answer");
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
	check(fence_status(fence, 1) < 0, "an unanswered stream is done");
	be_good(NULL);
	module_load();
	render_start();
	recovers();
}

/* A ring of a context that is not answered must not block the others. */
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
	check(!poll(&poller, 1, 0), "the fence of an unanswered ring is signalled");
	be_good(NULL);
	check(fence_status(poller.fd, 2) == 1, "the fence of the answered ring failed");
}

/*
 * A fence of a polled ring may stay pending forever, so it must not time out. The destruction of its
 * context ends it on the host.
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
	      "a polled ring blocks another");
	judge(NULL, 0, "fake-count");
	close(render_fd);
	check(fence_status(poller.fd, RECOVERY) < 0, "an unanswered stream is done");
	judge(NULL, 0, "fake-counted CTX_DESTROY 1 1");
	be_good(NULL);
	render_start();
	recovers();
}

/* The host answers all contexts but one: only that one must be lost. */
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
	check(fence_status(fence, RECOVERY) < 0, "an unanswered stream is done");
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	judge(NULL, 0, "fake-counted CTX_DESTROY 1 1");

	check(stream_of_new_file() == 1, "a new context does not work");
	render_fd = other;
	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	check(fence_status(exec.fence_fd, RECOVERY) == 1, "another context is lost, too");
	check(judge_number("fake-resets") == resets, "the device was reset for one context");
	/* Its id must not be used again before the host has answered its commands. */
	be_good(NULL);
	close(file);
	close(other);
	render_fd = render_open();
	recovers();
}

/* Submits a stream that waits for a fence, in a child whose exit status is the errno. */
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
 * struct gate - a fence that the test signals
 * @vgem: file descriptor of vgem, which owns the fence
 * @id: number of the fence in vgem; vgem signals it by itself after ten seconds
 * @fd: sync file of the fence
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
	check(!drmIoctl(gate.vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create a buffer in vgem");
	attach.handle = create.handle;
	check(!drmIoctl(gate.vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach), "attach a fence in vgem");
	check(!drmPrimeHandleToFD(gate.vgem, create.handle, DRM_CLOEXEC, &dmabuf), "export");
	check(!ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export), "export a sync file: %s",
	      strerror(errno));
	close(dmabuf);
	gate.id = attach.out_fence;
	gate.fd = export.fd;
	return gate;
}

static void gate_open(const struct gate *gate)
{
	struct drm_vgem_fence_signal signal = { .fence = gate->id };

	check(!drmIoctl(gate->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal), "signal a fence: %s",
	      strerror(errno));
	close(gate->fd);
}

/*
 * A context is lost while one of its streams waits for a fence. The fence is signaled after the device
 * was restored, and the stream must fail although the device could execute it.
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
		/* The next answer breaks the ring, so the driver resets the device. */
		judge(NULL, 0, "fault wrong-chain SUBMIT");
		stream_of_new_file();
		recovers();
		check(!waitpid(waiter, &status, WNOHANG), "the stream does not wait for its fence");
		judge(NULL, 0, "fake-count");
		gate_open(&gate);
		check(waitpid(waiter, &status, 0) == waiter && WIFEXITED(status),
		      "the child still waits");
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

/* The host must see what the guest writes into a blob of the host. */
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
		skip("the driver does not support host-visible memory");
	write_blob(1);
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct drm_virtgpu_resource_create_blob blob = host_blob(8192);
		long resets = judge_number("fake-resets");
		double since = now();

		judge(NULL, 0, "fault %s MAP_BLOB", faults[i]);
		expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
		check(map_blob(&blob) == MAP_FAILED && errno == EINVAL,
		      "%s: a blob is mapped without the host, or: %s", faults[i],
		      strerror(errno));
		check(now() - since < PATIENCE, "%s took %.1f s", faults[i], now() - since);
		be_good(NULL);
		drmCloseBufferHandle(render_fd, blob.bo_handle);
		close(render_fd);
		/* A device that has lost a command is reset when no program uses it. */
		if (!strcmp(faults[i], "lose"))
			fake_wait_for_resets(resets + 1, RECOVERY);
		recovers();
		render_fd = render_open();
		write_blob(2 + i);
	}
	close(render_fd);
}

/* Blobs of the host are mapped, then mapping fails in several ways. */
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

/* Lets another driver map a dma-buf. Returns the number of mapped bytes, or a negative errno. */
static long map_for_device(int dmabuf)
{
	/* insmod inherits a duplicate, because it is not close-on-exec. */
	int shared = dup(dmabuf);
	char command[96];
	long answer;
	FILE *file;

	snprintf(command, sizeof(command), "insmod /host/tests/buffermap.ko fd=%d", shared);
	shell(command);
	at_end(remove_mapper, NULL);
	file = fopen("/sys/module/buffermap/parameters/answer", "r");
	check(file && fscanf(file, "%ld", &answer) == 1, "cannot read the result of buffermap");
	fclose(file);
	not_at_end(remove_mapper, NULL);
	remove_mapper(NULL);
	close(shared);
	return answer;
}

/* Does the same with a blob. */
static long map_elsewhere(const struct drm_virtgpu_resource_create_blob *blob)
{
	int dmabuf = export_blob(blob);
	long answer = map_for_device(dmabuf);

	close(dmabuf);
	return answer;
}

static void write_export(const struct drm_virtgpu_resource_create_blob *blob)
{
	static const char text[] = "written through a dma-buf";
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
		skip("the driver does not support host-visible memory");

	/* The host maps a blob only once, at the first use. */
	judge(NULL, 0, "fake-count");
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	for (i = 0; i < 2; i++) {
		got = map_elsewhere(&blob);
		check(got == (long)blob.size, "%ld bytes were mapped", got);
	}
	write_export(&blob);
	judge(NULL, 0, "fake-counted MAP_BLOB 1 1");

	other.blob_flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &other);
	got = map_elsewhere(&other);
	check(got == -EIO, "a blob without USE_MAPPABLE was mapped: %ld", got);
	drmCloseBufferHandle(render_fd, other.bo_handle);

	other = host_blob(8192);
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &other);
	judge(NULL, 0, "fault refuse MAP_BLOB");
	got = map_elsewhere(&other);
	check(got < 0, "a blob was mapped although the host refused: %ld", got);
	be_good(NULL);
	drmCloseBufferHandle(render_fd, other.bo_handle);
	drmCloseBufferHandle(render_fd, blob.bo_handle);
	judge(NULL, 0, "fake-counted UNMAP_BLOB 1 1");
	close(render_fd);
}

/* Other drivers map blobs of the host. */
static void exported(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_exports);
}

#define HELDMAP		"/sys/module/heldmap/parameters/thread"

static void remove_heldmap(void *unused)
{
	(void)unused;
	write_file(HELDMAP, "0");
	shell("rmmod heldmap");
}

static bool mmap_is_held(void)
{
	FILE *file = fopen(HELDMAP, "r");
	int thread = 0;

	check(file && fscanf(file, "%d", &thread) == 1, "cannot read the state of heldmap");
	fclose(file);
	return thread == -1;
}

/* The exit status of a process that gets no SIGBUS when it uses a mapping. */
enum { USED, NOT_MAPPED };

static void use(const volatile char *bytes)
{
	char byte = bytes[0];

	(void)byte;
	_exit(USED);
}

/* Starts a process that maps a blob and then uses the mapping. Returns when the mapping is held. */
static pid_t start_mapping(const struct drm_virtgpu_resource_create_blob *blob)
{
	char command[64];
	double deadline;
	int start[2];
	pid_t mapper;

	check(!pipe(start), "pipe: %s", strerror(errno));
	fflush(stdout);
	mapper = fork();
	if (!mapper) {
		char *bytes, byte;

		signal(SIGBUS, SIG_DFL);
		if (read(start[0], &byte, 1) != 1)
			_exit(NOT_MAPPED);
		bytes = map_blob(blob);
		if (bytes == MAP_FAILED)
			_exit(NOT_MAPPED);
		use(bytes);
	}
	check(mapper > 0, "fork: %s", strerror(errno));
	snprintf(command, sizeof(command), "insmod /host/tests/heldmap.ko thread=%d", mapper);
	shell(command);
	at_end(remove_heldmap, NULL);
	check(write(start[1], "", 1) == 1, "write: %s", strerror(errno));
	close(start[0]);
	close(start[1]);
	deadline = now() + PATIENCE;
	while (!mmap_is_held()) {
		check(now() < deadline, "no mmap() was held");
		usleep(10000);
	}
	return mapper;
}

/* Fails unless a process dies of SIGBUS, because the device is gone. */
static void expect_sigbus(pid_t process, const char *what)
{
	int status;

	check(waitpid(process, &status, 0) == process, "waitpid: %s", strerror(errno));
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS,
	      "%s of a device that is gone: status 0x%x instead of SIGBUS", what, status);
}

static void expect_sigbus_at(const volatile char *bytes, const char *what)
{
	pid_t process;

	fflush(stdout);
	process = fork();
	if (!process) {
		signal(SIGBUS, SIG_DFL);
		use(bytes);
	}
	expect_sigbus(process, what);
}

static void find_again(void *unused)
{
	(void)unused;
	device_rescan();
}

static void use_unplugged(void)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(8192), half = host_blob(8192);
	char *bytes, *untouched;
	pid_t mapper;
	int dmabuf;
	void *late;
	long got;

	render_start();
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &half);
	bytes = map_blob(&blob);
	untouched = map_blob(&blob);
	check(bytes != MAP_FAILED && untouched != MAP_FAILED, "mmap: %s", strerror(errno));
	bytes[0] = 1;
	dmabuf = export_blob(&blob);
	mapper = start_mapping(&half);

	device_unplug();
	at_end(find_again, NULL);
	expect_sigbus_at(bytes, "a mapping");
	expect_sigbus_at(untouched, "a mapping that was not used");
	write_file(HELDMAP, "0");
	expect_sigbus(mapper, "a mapping that was made meanwhile");

	late = mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	check(late == MAP_FAILED && errno == ENODEV, "a dma-buf of a device that is gone: %s",
	      late == MAP_FAILED ? strerror(errno) : "it was mapped");
	got = map_for_device(dmabuf);
	check(got == -ENODEV, "a dma-buf of a device that is gone, for another device: %ld", got);
	/* A mapping keeps the module. */
	check(!munmap(bytes, blob.size) && !munmap(untouched, blob.size), "munmap: %s",
	      strerror(errno));
	close(dmabuf);
	close(render_fd);
}

/* The device is unplugged while programs have mapped its memory, and while they do so. */
static void unplugged(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_unplugged);
}

/* Returns whether a page of the window has a memory type: "uncached-minus", "write-combining". */
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

/* The driver must map host memory with the caching that the host requires. */
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

/* The size of the window, and of a blob that fills it. */
#define WINDOW	(1 << 20)

static void use_refused_map(void)
{
	struct drm_virtgpu_resource_create_blob blob = host_blob(WINDOW), other = host_blob(WINDOW);
	void *bytes;

	render_start();
	judge(NULL, 0, "fault refuse MAP_BLOB");
	judge(NULL, 0, "fake-count");
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	check(map_blob(&blob) == MAP_FAILED, "a blob was mapped that the host refused to map");
	check(map_blob(&blob) == MAP_FAILED, "a refused blob was mapped at the second try");
	judge(NULL, 0, "fake-counted MAP_BLOB 1 1");
	be_good(NULL);

	/* Others can use its place in the window, even while it exists. */
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

/* The driver must not send UNMAP_BLOB for a blob that the host refused to map. */
static void refused_map(void)
{
	shape("render=1 blob=1 window=1");
	scope(use_refused_map);
}

/* Creates a framebuffer over a texture with the size of a picture. */
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

/* Damage relative to a texture does not contain the changes since the picture before the texture. */
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

static void remove_heldresv(void *unused)
{
	(void)unused;
	shell("rmmod heldresv");
}

/* Creates a buffer in vgem that has the size of a picture. Returns it as a dma-buf. */
static int vgem_buffer(const struct image *image, uint32_t *pitch)
{
	int vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY), dmabuf;
	struct drm_mode_create_dumb create = {
		.width = image->width, .height = image->height, .bpp = 32,
	};

	check(vgem >= 0, "no vgem: modprobe vgem?");
	check(!drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "create a buffer in vgem");
	/* insmod inherits it, because it is not close-on-exec. */
	check(!drmPrimeHandleToFD(vgem, create.handle, DRM_RDWR, &dmabuf), "export");
	close(vgem);
	*pitch = create.pitch;
	return dmabuf;
}

/* Frees an imported buffer in another process, which may have to wait for the reservation. */
static pid_t free_import(uint32_t fb, uint32_t handle)
{
	pid_t process;

	fflush(stdout);
	process = fork();
	if (!process) {
		if (fb)
			drmModeRmFB(render_fd, fb);
		_exit(drmCloseBufferHandle(render_fd, handle) ? errno : 0);
	}
	check(process > 0, "fork: %s", strerror(errno));
	return process;
}

/* Returns how many resources the driver has; 0 for the kernel's own driver, which does not tell. */
static long resource_count(void)
{
	return driver_is_stock() ? 0 : host_resources();
}

/* Waits until the driver has @count resources. */
static void reach_resources(long count, const char *what)
{
	long found = driver_is_stock() ? count : host_resources_reach(count, PATIENCE);

	check(found == count, "%s: %ld resources instead of %ld", what, found, count);
}

/* Creates and destroys a texture. The driver forgets it when the host has answered. */
static void end_texture(long before)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 2, .bind = 2, .width = 16, .height = 16, .depth = 1,
		.array_size = 1, .size = 1024,
	};

	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
	reach_resources(before + 1, "a texture");
	check(!drmCloseBufferHandle(render_fd, create.bo_handle), "close: %s", strerror(errno));
	reach_resources(before, "no texture");
}

/* An imported buffer that a process frees while its reservation is held. */
struct held {
	struct screen screen;
	int dmabuf;
	pid_t process;
	/* How many resources the driver had before it imported the buffer. */
	long before;
};

/* Shows an imported buffer for a moment. Returns its framebuffer. */
static uint32_t show_import(struct screen *screen, uint32_t handle, uint32_t pitch)
{
	uint32_t pitches[4] = { pitch }, handles[4] = { handle }, offsets[4] = { };
	struct buffer import = { };

	check(!drmModeAddFB2(render_fd, screen->image.width, screen->image.height,
			     DRM_FORMAT_XRGB8888, handles, pitches, offsets, &import.fb, 0),
	      "framebuffer: %s", strerror(errno));
	kms_flip(&screen->head, &import, NULL, 0);
	kms_flip(&screen->head, screen->buffers[screen->current], NULL, 0);
	return import.fb;
}

static void hold_reservation(int dmabuf)
{
	char command[64];

	snprintf(command, sizeof(command), "insmod /host/tests/heldresv.ko fd=%d", dmabuf);
	shell(command);
	at_end(remove_heldresv, NULL);
}

/* A buffer that was shown is unmapped by a work, another one by the process that frees it. */
static struct held hold_import(bool is_shown)
{
	struct held held = { .screen = kms_screen(1) };
	uint32_t handle, pitch, fb = 0;

	render_fd = held.screen.head.fd;
	render_wait_fd(render_fence_fd(0, 0));
	held.before = resource_count();
	held.dmabuf = vgem_buffer(&held.screen.image, &pitch);
	check(!drmPrimeFDToHandle(render_fd, held.dmabuf, &handle), "import: %s", strerror(errno));
	if (is_shown)
		fb = show_import(&held.screen, handle, pitch);

	hold_reservation(held.dmabuf);
	held.process = free_import(fb, handle);
	/* The host answers to the end of the buffer first. */
	usleep(500000);
	return held;
}

static void release(const struct held *held)
{
	int status;

	not_at_end(remove_heldresv, NULL);
	remove_heldresv(NULL);
	check(waitpid(held->process, &status, 0) == held->process && !status,
	      "the buffer is not freed");
	close(held->dmabuf);
}

/*
 * A buffer of another driver is freed while its reservation is held. The holder may wait for a
 * fence, so fences must be signalled meanwhile. Other programs must not wait, and all commands must end.
 */
static void reserved(void)
{
	struct held held;
	int status;

	fake_start();
	held = hold_import(true);
	status = fence_status(render_fence_fd(0, 0), 2);
	check(status == 1, "a stream fails while a reservation is held: %d", status);
	reach_resources(held.before, "the freed buffer");
	end_texture(held.before);
	release(&held);
}

/*
 * A buffer of another driver is shown while its reservation is held. It is mapped already, so nothing
 * has to wait.
 */
static void reserved_shown(void)
{
	struct screen screen;
	uint32_t handle, pitch;
	int dmabuf;

	fake_start();
	screen = kms_screen(1);
	render_fd = screen.head.fd;
	dmabuf = vgem_buffer(&screen.image, &pitch);
	check(!drmPrimeFDToHandle(render_fd, dmabuf, &handle), "import: %s", strerror(errno));
	hold_reservation(dmabuf);
	show_import(&screen, handle, pitch);
	close(dmabuf);
}

static void use_removed(void)
{
	struct held held = hold_import(false);
	double deadline;
	pid_t process;
	int status;

	fflush(stdout);
	process = fork();
	if (!process) {
		device_unplug();
		_exit(0);
	}
	check(process > 0, "fork: %s", strerror(errno));
	at_end(find_again, NULL);
	/* The buffers are unmapped some time after the programs have lost the device. */
	deadline = now() + PATIENCE;
	while (kms_path() && now() < deadline)
		usleep(10000);
	check(!kms_path(), "the device is not unplugged");
	usleep(500000);
	check(!waitpid(process, &status, WNOHANG),
	      "the device is removed, and a buffer is still mapped for it");
	release(&held);
	check(waitpid(process, &status, 0) == process && !status, "the device is not removed");
	close(render_fd);
}

/* The device is removed while a buffer is freed whose reservation is held. */
static void reserved_removed(void)
{
	shape("render=1 blob=1");
	scope(use_removed);
}

/* The pixels of a texture are not in the guest's memory, so a panic screen would not be visible. */
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
		skip("the driver does not support blobs");
	expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	blob.size = 0x18000;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
	blob.size = 0x20000;
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob);
}

/* The device reports the alignment of blobs, and may report an invalid one. */
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
		check(!kms_path(), "the driver accepted a blob alignment of %u", wrong[i]);
	}
}

/* The device reports too many or too few capsets. */
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
		{ "dumb", "a dumb buffer has no resource before its first use", dumb },
		{ "lies", "answers that are errors, garbage, too short, too long", lies },
		{ "half-answers", "answers that are too short to be read", half_answers },
		{ "refused", "the host refuses an invalid stream, and no error is logged", refused },
		{ "error-overtakes", "a refused stream does not signal earlier streams",
		  error_overtakes },
		{ "unanswered", "streams that are never answered", unanswered },
		{ "patience", "fence_timeout changes while streams are pending", patience },
		{ "late", "no answers for a while, then all of them", late },
		{ "silent", "no answers any more", silent },
		{ "wrong-chain", "an answer to a command that was never sent", wrong_chain },
		{ "twice", "a command is answered twice", twice },
		{ "any-lie", "one of these lies in one of five answers", any_lie },
		{ "each-lie", "each kind of lie, alone", each_lie },
		{ "capsets", "capsets that cannot be read", capsets },
		{ "probe", "the same while the driver is loaded", probe },
		{ "capset-count", "invalid numbers of capsets", capset_count },
		{ "rings", "one ring of a context is not answered", rings },
		{ "polled", "a polled ring is not answered", polled },
		{ "guilty", "one of two contexts is not answered", guilty },
		{ "lost-meanwhile", "a context is lost while its stream waits", lost_meanwhile },
		{ "window", "host memory is mapped, or mapping fails", window },
		{ "refused-map", "the host refuses to map its memory", refused_map },
		{ "caching", "host memory is mapped uncached or write-combining", caching },
		{ "exported", "other drivers map host memory", exported },
		{ "unplugged", "no mapping of host memory outlives the device", unplugged },
		{ "texture-between", "a texture is shown between two pictures", texture_between },
		{ "held-reservation", "fences do not wait for a buffer that is freed", reserved },
		{ "held-show", "a buffer is shown while its reservation is held", reserved_shown },
		{ "held-removal", "the device is removed when a freed buffer is unmapped",
		  reserved_removed },
		{ "panic-texture", "no panic screen is drawn over a texture", panic_over_texture },
		{ "alignment", "the device requires an alignment of blobs", alignment },
		{ "unload", "the driver is unloaded while answers are missing", unload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
