// SPDX-License-Identifier: GPL-2.0
/* Unbind, unplug and unload, with files, maps and buffers still open. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/held.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/leak.h"
#include "lib/module.h"

/* Seconds until the driver has freed unused resources. */
#define PATIENCE	5.0
/* Turns between two memory samples; one-time allocations happen in the first turns. */
#define INTERVAL	20
/* Seconds until a probe is held. */
#define HOLD_PATIENCE	20.0
/* Seconds for which resets may prevent binding. */
#define RESET_PATIENCE	60.0

/* Shows a picture as a new master and checks it. */
static void show_picture(uint32_t seed)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = kms_show(&head, &mode, seed);

	judge_picture(0, &image);
}

static void reload(void)
{
	int i;

	leak_start();
	for (i = 1; leak_is_open(); i++) {
		module_unload();
		module_load();
		shell("udevadm settle");
		if (i % INTERVAL == 0)
			leak_sample(i);
	}
	leak_check();
	show_picture(1);
}

/* Returns the path of a file of the virtio driver in sysfs. */
static void driver_path(char *path, size_t size, const char *file)
{
	snprintf(path, size, "/sys/bus/virtio/drivers/%s/%s", module_name(), file);
}

static void device_name(char *name, size_t size)
{
	char folder[PATH_MAX], command[PATH_MAX + 64];
	FILE *list;

	pci_path(folder, "");
	snprintf(command, sizeof(command), "cd %s && ls -d virtio*", folder);
	list = popen(command, "r");
	check(list && fgets(name, size, list), "no virtio device in %s", folder);
	pclose(list);
	strtok(name, "\n");
}

/* Imports a buffer of vgem, which fails on stock. Returns vgem, which must be closed last. */
static int hold_import(int fd)
{
	int vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY), dmabuf;
	struct drm_mode_create_dumb create = { .width = 512, .height = 512, .bpp = 32 };
	uint32_t handle;

	check(vgem >= 0, "no vgem: modprobe vgem?");
	check(!drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "a buffer of vgem's");
	check(!drmPrimeHandleToFD(vgem, create.handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export");
	if (drmPrimeFDToHandle(fd, dmabuf, &handle))
		check(driver_is_stock(), "import: %s", strerror(errno));
	close(dmabuf);
	return vgem;
}

/* Everything that an application may hold when its device is removed. */
static void with_files_open(void (*gone)(void), void (*back)(void))
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	int dmabuf, vgem = hold_import(fd);

	image_pattern(&image, 1, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&head, &mode, buffer);
	judge_picture(0, &image);
	check(!drmPrimeHandleToFD(fd, buffer->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export");

	gone();

	/* Memory stays valid; ioctls return an error. */
	memset(buffer->map, 0x55, buffer->size);
	check(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) && errno == ENODEV,
	      "a removed device creates buffers");
	drmModeRmFB(fd, buffer->fb);
	munmap(buffer->map, buffer->size);
	buffer->map = NULL;
	buffer->fb = 0;
	close(dmabuf);
	close(vgem);

	back();
	show_picture(2);
}

#define BUFFERS_INTERVAL	8

/* Buffers that were drawn to and shown in turn must free all their memory. */
static void freed(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *shown = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);

	kms_set_mode(&head, &mode, shown);
	leak_start();
	for (i = 1; leak_is_open(); i++) {
		struct buffer *buffer = kms_buffer(fd, mode.hdisplay, mode.vdisplay,
						   DRM_FORMAT_XRGB8888);

		memset(buffer->map, i, buffer->size);
		kms_flip(&head, buffer, NULL, 0);
		kms_flip(&head, shown, NULL, 0);
		kms_destroy(buffer);
		if (i % BUFFERS_INTERVAL == 0)
			leak_sample(i);
	}
	leak_check();
}

/* Buffers of one shape share a resource, which must be destroyed with the last of them. */
static void last_of_shape(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	long before = host_resources(), count;

	for (i = 1; i <= 3; i++) {
		uint32_t width = mode.hdisplay + 16 * i;
		struct buffer *one = kms_buffer(fd, width, mode.vdisplay, DRM_FORMAT_XRGB8888);
		struct buffer *other = kms_buffer(fd, width, mode.vdisplay, DRM_FORMAT_XRGB8888);

		kms_set_mode(&head, &mode, one);
		kms_flip(&head, other, NULL, 0);
		check(host_resources() == before + 1, "%ld resources, then %ld with two buffers",
		      before, host_resources());
		kms_destroy(one);
		check(host_resources() == before + 1, "%ld resources, then %ld with one buffer",
		      before, host_resources());
		kms_off(&head);
		kms_destroy(other);
		count = host_resources_reach(before, PATIENCE);
		check(count == before, "%ld resources, then %ld without buffers", before, count);
	}
}

static char virtio_name[64];

static void unbind(void)
{
	char path[128];

	device_name(virtio_name, sizeof(virtio_name));
	driver_path(path, sizeof(path), "unbind");
	write_file(path, virtio_name);
}

static void bind(void)
{
	char path[128];

	driver_path(path, sizeof(path), "bind");
	write_file(path, virtio_name);
	module_wait(true);
}

static void rebind(void)
{
	with_files_open(unbind, bind);
}

static void hotunplug(void)
{
	with_files_open(device_unplug, device_rescan);
}

/**
 * struct resetting - shared with a process that resets the PCI device repeatedly
 * @stop: tells the process to exit
 * @count: number of resets so far
 */
struct resetting {
	bool stop;
	unsigned int count;
};

static struct resetting *resetting;
static pid_t resetter;

static void reset_until_stopped(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	while (fd >= 0 && !__atomic_load_n(&resetting->stop, __ATOMIC_RELAXED)) {
		if (pwrite(fd, "1", 1, 0) != 1)
			_exit(errno);
		/* Varies, so that resets hit every step of binding and unbinding. */
		usleep(30000 * (__atomic_add_fetch(&resetting->count, 1, __ATOMIC_RELAXED) % 8));
	}
	_exit(fd < 0);
}

/* Stops the process that resets the device. Returns 0 or the errno of a failed reset. */
static int resets_stop(void)
{
	int status;

	__atomic_store_n(&resetting->stop, true, __ATOMIC_RELAXED);
	check(waitpid(resetter, &status, 0) == resetter && WIFEXITED(status),
	      "the resetting process died");
	resetter = 0;
	return WEXITSTATUS(status);
}

static void end_resets(void *unused)
{
	(void)unused;
	if (resetter)
		resets_stop();
	module_restore();
}

static void resets_start(void)
{
	char path[PATH_MAX];

	if (driver_is_stock())
		skip("the kernel's own driver does not survive a reset during its removal");
	pci_path(path, "reset");
	check(!access(path, W_OK), "%s: %s", path, strerror(errno));
	device_name(virtio_name, sizeof(virtio_name));
	resetting = mmap(NULL, sizeof(*resetting), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(resetting != MAP_FAILED, "mmap: %s", strerror(errno));
	at_end(end_resets, NULL);
	resetter = fork();
	check(resetter >= 0, "fork: %s", strerror(errno));
	if (!resetter)
		reset_until_stopped(path);
}

static bool is_bound(void)
{
	char path[128];

	driver_path(path, sizeof(path), virtio_name);
	return !access(path, F_OK);
}

/*
 * Binds the device, and tries again after a failure. Binding fails during a reset that began when the
 * device had no driver, because the kernel does not make the new driver wait for the end of the reset:
 * see docs/upstream/virtio-reset-lock.patch.
 */
static void bind_patiently(void)
{
	double deadline = now() + RESET_PATIENCE;
	char path[128];

	driver_path(path, sizeof(path), "bind");
	while (!is_bound()) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		check(fd >= 0, "%s: %s", path, strerror(errno));
		check(write(fd, virtio_name, strlen(virtio_name)) > 0 || now() < deadline,
		      "bind: %s", strerror(errno));
		close(fd);
		usleep(10000);
	}
}

static void unbind_again(void)
{
	char path[128];

	driver_path(path, sizeof(path), "unbind");
	write_file(path, virtio_name);
}

static void load_patiently(void)
{
	module_insert();
	bind_patiently();
}

/* Removes and adds the driver while the device is reset. After that the driver must work. */
static void come_and_go(void (*leave)(void), void (*come)(void))
{
	unsigned int i;
	int error;

	resets_start();
	for (i = 0; i < 30 || __atomic_load_n(&resetting->count, __ATOMIC_RELAXED) < 30; i++) {
		leave();
		come();
		/* In some rounds the console shows a picture, which a reset must restore. */
		if (i % 4 == 3) {
			module_wait(true);
			usleep(200000);
		}
	}
	error = resets_stop();
	check(!error, "reset: %s", strerror(error));
	module_wait(true);
	show_picture(4);
	printf("%u rounds, %u resets\n", i, resetting->count);
}

static void reset_rebind(void)
{
	come_and_go(unbind_again, bind_patiently);
}

static void reset_reload(void)
{
	come_and_go(module_unload, load_patiently);
}

enum { WAITED, NOT_HELD, NOT_RESET, DID_NOT_WAIT };

/* Resets the device while a probe is held. Exits with what has happened. */
static void reset_while_held(const char *path)
{
	double deadline = now() + HOLD_PATIENCE;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	while (!held_is_held() && now() < deadline)
		usleep(1000);
	if (!held_is_held())
		_exit(NOT_HELD);
	if (write(fd, "1", 1) != 1)
		_exit(NOT_RESET);
	_exit(held_is_held() ? DID_NOT_WAIT : WAITED);
}

static void restore(void *unused)
{
	(void)unused;
	module_restore();
}

/*
 * The device is reset when the driver has probed it, and virtio core has not finished. The reset has to
 * wait, because core may be about to mark the device as ready.
 */
static void reset_in_probe(void)
{
	char path[PATH_MAX];
	int status;
	pid_t child;

	if (driver_is_stock())
		skip("the kernel's own driver does not survive a reset during its probe");
	pci_path(path, "reset");
	at_end(restore, NULL);
	unbind();
	held_start("function=driver_bound");
	child = fork();
	check(child >= 0, "fork: %s", strerror(errno));
	if (!child)
		reset_while_held(path);
	/* The probe is held for at most five seconds. */
	held_next(0);
	bind();
	check(waitpid(child, &status, 0) == child && WIFEXITED(status), "the resetting process died");
	check(WEXITSTATUS(status) != NOT_HELD, "no probe was held");
	check(WEXITSTATUS(status) != NOT_RESET, "the device cannot be reset");
	check(WEXITSTATUS(status) != DID_NOT_WAIT, "the reset did not wait for the end of the probe");
	show_picture(6);
}

static void end_late_interrupts(void *unused)
{
	(void)unused;
	shell("rmmod lateinterrupt");
	module_restore();
}

static int late_works(void)
{
	FILE *file = fopen("/sys/module/lateinterrupt/parameters/held", "r");
	int count = 0;

	check(file && fscanf(file, "%d", &count) == 1, "no count of late works");
	fclose(file);
	return count;
}

/* What an interrupt handler has queued must not run when the driver's code is gone. */
static void late_interrupt(void)
{
	char command[128];

	if (driver_is_stock())
		skip("the kernel's own driver does not wait for its works after the reset");
	snprintf(command, sizeof(command), "insmod /host/tests/lateinterrupt.ko driver=%s",
		 module_name());
	shell(command);
	at_end(end_late_interrupts, NULL);
	module_unload();
	/* A work that nobody has waited for begins within this time. */
	sleep(3);
	check(late_works() > 0, "the interrupts had no work start");
	module_load();
	show_picture(3);
}

static void remove_fault(void *unused)
{
	(void)unused;
	shell("rmmod virtiofault");
}

static void load_again(void *unused)
{
	(void)unused;
	module_unload();
	module_load();
}

/* Flips; after a shutdown this may fail, but must not take long. */
static void flip_in_vain(const struct head *head, const struct buffer *buffer)
{
	double start = now();

	drmModePageFlip(head->fd, head->crtc, buffer->fb, 0, NULL);
	drmModeSetCrtc(head->fd, head->crtc, buffer->fb, 0, 0, (uint32_t *)&head->connector, 1,
		       (drmModeModeInfo *)&head->mode);
	check(now() - start < 2, "two flips take %.1f s", now() - start);
}

static void shut_down(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *buffer = kms_buffer(head.fd, mode.hdisplay, mode.vdisplay,
					   DRM_FORMAT_XRGB8888);
	char status[8] = "";
	FILE *file;

	kms_set_mode(&head, &mode, buffer);
	shell("insmod /host/tests/virtiofault.ko shutdown=1");
	at_end(remove_fault, NULL);
	file = fopen("/sys/module/virtiofault/parameters/status", "r");
	check(file && fgets(status, sizeof(status), file), "no status");
	fclose(file);
	check(!strcmp(status, "0\n"), "the device runs after a shutdown: its status is %s", status);
	flip_in_vain(&head, buffer);
}

/* After a shutdown the device must not write to memory, because the next kernel may use it. */
static void shutdown(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver cannot be unloaded after a shutdown");
	at_end(load_again, NULL);
	scope(shut_down);
	load_again(NULL);
	show_picture(3);
}

/* With modeset=0 the driver must not bind the device. */
static void left_alone(void)
{
	at_end(restore, NULL);
	module_unload();
	shell(driver_is_stock() ? "modprobe virtio_gpu modeset=0" :
				  "insmod /host/$VIRTGPU_MODULE modeset=0");
	check(!kms_path(), "the driver bound the device despite modeset=0");
	module_unload();
	module_load();
	show_picture(4);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "rebind", "unbind and bind with files open", rebind },
		{ "hotunplug", "remove and rescan of the PCI device with files open", hotunplug },
		{ "reset-rebind", "unbind and bind while the device is reset", reset_rebind },
		{ "reset-reload", "the module is unloaded and loaded while the device is reset",
		  reset_reload },
		{ "reset-in-probe", "a reset waits until virtio core has finished a probe",
		  reset_in_probe },
		{ "late-interrupt", "the device interrupts just before it is reset at unloading",
		  late_interrupt },
		{ "freed", "buffers free their memory", freed },
		{ "last-of-shape", "the host's resource is destroyed with the last buffer of a shape",
		  last_of_shape },
		{ "shutdown", "the device is stopped when the machine shuts down", shutdown },
		{ "left-alone", "modeset=0 keeps the driver away from the device", left_alone },
		{ "reload", "the module is unloaded and loaded many times", reload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
