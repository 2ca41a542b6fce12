// SPDX-License-Identifier: GPL-2.0
/* Coming and going: unbind, unplug and unload, with files, maps and buffers still open. */
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
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/leak.h"
#include "lib/module.h"

/* What the driver may take to let go of what nobody uses, in seconds. */
#define PATIENCE	5.0
/* Turns between two looks at memory; what is only set up once is set up after the first ones. */
#define INTERVAL	20
/* How long resets may keep the driver from its device, in seconds. */
#define RESET_PATIENCE	60.0

/* A picture on screen by a new master, judged. */
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

/* Unbinds the virtio device and gives its name, to bind it again. */
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

/* Imports a buffer of vgem's, which stock cannot. Returns vgem, to be closed after all else. */
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

/* Everything an application may still hold when its device goes. */
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

	/* Memory stays; the device answers, with an error. */
	memset(buffer->map, 0x55, buffer->size);
	check(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) && errno == ENODEV,
	      "a device that is gone creates buffers");
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

/* Buffers that were drawn to, and one after the other shown, give all their memory back. */
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

/* Waits until the host has as many resources as before. */
static bool host_has_again(long count)
{
	double start = now();

	while (host_resources() != count && now() - start < PATIENCE)
		usleep(20000);
	return host_resources() == count;
}

/* Buffers of one shape share a resource, which goes with the last of them. */
static void last_of_shape(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	long before = host_resources();

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
		check(host_has_again(before), "%ld resources, then %ld without buffers", before,
		      host_resources());
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

/* QEMU does not let go of a virtio GPU at run time; the guest's PCI core does. */
static void unplug(void)
{
	char path[PATH_MAX];

	pci_path(path, "remove");
	write_file(path, "1");
	module_wait(false);
}

static void rescan(void)
{
	write_file("/sys/bus/pci/rescan", "1");
	module_wait(true);
}

static void hotunplug(void)
{
	with_files_open(unplug, rescan);
}

/**
 * struct resetting - a process that resets the PCI device all the time
 * @stop: it is to end
 * @count: resets so far
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
		/* As long as a few of the driver's steps, so that each meets resets. */
		usleep(30000 * (__atomic_add_fetch(&resetting->count, 1, __ATOMIC_RELAXED) % 8));
	}
	_exit(fd < 0);
}

/* Its exit status: 0 or the errno of a reset that failed. */
static int resets_stop(void)
{
	int status;

	__atomic_store_n(&resetting->stop, true, __ATOMIC_RELAXED);
	check(waitpid(resetter, &status, 0) == resetter && WIFEXITED(status), "no more resets");
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
		skip("the kernel's own driver may be reset while it is removed");
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
 * Binds the device. That fails if the device is reset at a time when it has no driver, because nothing
 * in the kernel has the new driver wait for the end: see docs/upstream/virtio-reset-lock.patch.
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

/* Has the driver leave and come back while the device is reset; then all has to work. */
static void come_and_go(void (*leave)(void), void (*come)(void))
{
	unsigned int i;
	int error;

	resets_start();
	for (i = 0; i < 30 || __atomic_load_n(&resetting->count, __ATOMIC_RELAXED) < 30; i++) {
		leave();
		come();
		/* Now and then there is a picture to bring back. */
		if (i % 4 == 3) {
			module_wait(true);
			usleep(200000);
		}
	}
	error = resets_stop();
	check(!error, "reset: %s", strerror(error));
	module_wait(true);
	show_picture(4);
	printf("%u times gone, %u resets\n", i, resetting->count);
}

static void reset_rebind(void)
{
	come_and_go(unbind_again, bind_patiently);
}

static void reset_reload(void)
{
	come_and_go(module_unload, load_patiently);
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

/* Flips; a driver whose device was shut down may refuse that, but must not take long over it. */
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

/* A kernel that is started next finds a device that writes nowhere. */
static void shutdown(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver cannot be unloaded after a shutdown");
	at_end(load_again, NULL);
	scope(shut_down);
	load_again(NULL);
	show_picture(3);
}

static void restore(void *unused)
{
	(void)unused;
	module_restore();
}

/* modeset=0 leaves the device to somebody else. */
static void left_alone(void)
{
	at_end(restore, NULL);
	module_unload();
	shell(driver_is_stock() ? "modprobe virtio_gpu modeset=0" :
				  "insmod /host/$VIRTGPU_MODULE modeset=0");
	check(!kms_path(), "a device that is to be left alone came up");
	module_unload();
	module_load();
	show_picture(4);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "rebind", "unbind and bind with files open", rebind },
		{ "hotunplug", "the PCI device taken out and found again, with files open", hotunplug },
		{ "reset-rebind", "unbind and bind while the device is reset", reset_rebind },
		{ "reset-reload", "unloaded and loaded while the device is reset", reset_reload },
		{ "freed", "buffers give their memory back", freed },
		{ "last-of-shape", "the last buffer of a shape takes the host's resource along",
		  last_of_shape },
		{ "shutdown", "the machine goes down: the device stops", shutdown },
		{ "left-alone", "the driver is told not to drive the device", left_alone },
		{ "reload", "the module unloaded and loaded 100 times", reload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
