// SPDX-License-Identifier: GPL-2.0
/*
 * A renderer that is not to be trusted: wrong, silent, late. Whoever waits for it hears of that, and
 * others can go on. The host's end is qemu/fakegpu.py; elsewhere these tests skip.
 */
#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
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
	if (!getenv("VIRTGPU_FAKE"))
		skip("the device is QEMU's own, which does not lie");
	be_good(NULL);
	render_start();
	at_end(be_good, NULL);
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

/* A host that refuses a stream is user space's business. */
static void refused(void)
{
	start();
	judge(NULL, 0, "fault refuse SUBMIT");
	shell("dmesg -C");
	check(stream_of_new_file() < 0, "a stream that was refused was carried out");
	shell("! dmesg | grep .");
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

	/* The context went with the device's reset; new ones work. */
	be_good(NULL);
	exec = render_stream();
	expect(EIO, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	recovers();
}

static void set_fence_timeout(const char *seconds)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/fence_timeout", module_name());
	if (access(path, W_OK))
		skip("the driver has no fence_timeout");
	write_file(path, seconds);
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
	judge(NULL, 0, "fault any-lie any 20");
	for (i = 0; i < 60; i++)
		work();
	recovers();
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
	/* An answer that never came has the device reset. */
	while (attempt(DRM_IOCTL_VIRTGPU_GET_CAPS, &caps) == ENODEV) {
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

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "lies", "answers that are errors, garbage, too short, too long", lies },
		{ "refused", "a stream that is wrong is no news", refused },
		{ "unanswered", "streams that are never answered", unanswered },
		{ "patience", "fence_timeout changes meanwhile", patience },
		{ "late", "no answers for a while, then all of them", late },
		{ "silent", "no answers to anything any more", silent },
		{ "wrong-chain", "an answer to what was never asked", wrong_chain },
		{ "twice", "one answer given twice", twice },
		{ "any-lie", "any of these in one case of five", any_lie },
		{ "capsets", "capsets that do not come", capsets },
		{ "probe", "the same while the driver is loaded", probe },
		{ "unload", "unloaded while there are no answers", unload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
