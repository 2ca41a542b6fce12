// SPDX-License-Identifier: GPL-2.0
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "harness.h"
#include "kms.h"

static void close_fd(void *data)
{
	close((int)(intptr_t)data);
}

static bool is_tested(int fd)
{
	const char *name = getenv("VIRTGPU_DRM_NAME");
	drmVersion *version = drmGetVersion(fd);
	bool found = version && !strcmp(version->name, name ? name : "virtio_gpu");

	drmFreeVersion(version);
	return found;
}

const char *kms_path(void)
{
	static char path[32];
	int i;

	for (i = 0; i < 16; i++) {
		bool found;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		found = is_tested(fd);
		close(fd);
		if (found)
			return path;
	}
	return NULL;
}

const char *kms_debugfs(void)
{
	static char folder[64];
	const char *path = kms_path();
	struct stat node;

	check(path && !stat(path, &node), "no virtio GPU");
	snprintf(folder, sizeof(folder), "/sys/kernel/debug/dri/%u", minor(node.st_rdev));
	return folder;
}

int kms_open(void)
{
	const char *path = kms_path();
	int fd;

	check(path, "no virtio GPU");
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	at_end(close_fd, (void *)(intptr_t)fd);
	drmSetMaster(fd);
	check(!drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1), "no atomic mode setting");
	drmSetClientCap(fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
	return fd;
}

static uint64_t prop_value(int fd, uint32_t object, const char *name, uint32_t *id)
{
	drmModeObjectProperties *props = drmModeObjectGetProperties(fd, object, DRM_MODE_OBJECT_ANY);
	uint64_t value = 0;
	uint32_t i;

	*id = 0;
	check(props, "object %u: %s", object, strerror(errno));
	for (i = 0; i < props->count_props && !*id; i++) {
		drmModePropertyRes *prop = drmModeGetProperty(fd, props->props[i]);

		if (!strcmp(prop->name, name)) {
			*id = prop->prop_id;
			value = props->prop_values[i];
		}
		drmModeFreeProperty(prop);
	}
	drmModeFreeObjectProperties(props);
	return value;
}

uint32_t kms_prop(int fd, uint32_t object, const char *name)
{
	uint32_t id;

	prop_value(fd, object, name, &id);
	check(id, "object %u has no %s", object, name);
	return id;
}

bool kms_connector_property(const struct head *head, const char *name, uint64_t *value)
{
	uint32_t id;

	*value = prop_value(head->fd, head->connector, name, &id);
	return id;
}

static uint32_t find_plane(int fd, int crtc_index, uint64_t type)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(fd);
	uint32_t i, id, found = 0;

	check(planes, "no planes");
	for (i = 0; i < planes->count_planes && !found; i++) {
		drmModePlane *plane = drmModeGetPlane(fd, planes->planes[i]);

		if (plane->possible_crtcs & 1u << crtc_index &&
		    prop_value(fd, plane->plane_id, "type", &id) == type)
			found = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	return found;
}

/* A device that was just plugged in registers its connectors after its file. */
static drmModeConnector *get_connector(int fd, uint32_t id)
{
	double deadline = now() + 5;
	drmModeConnector *connector;

	while (!(connector = drmModeGetConnector(fd, id))) {
		check(errno == ENOENT && now() < deadline, "connector %u: %s", id, strerror(errno));
		usleep(20000);
	}
	return connector;
}

bool kms_has_head(int fd, int index)
{
	drmModeRes *res = drmModeGetResources(fd);
	drmModeConnector *connector;
	bool has = false;

	check(res, "no mode setting: %s", strerror(errno));
	if (index < res->count_connectors && index < res->count_crtcs) {
		connector = get_connector(fd, res->connectors[index]);
		has = connector->connection == DRM_MODE_CONNECTED;
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(res);
	return has;
}

void kms_wait_for_head(int fd, int index, bool connected)
{
	double deadline = now() + 10;

	while (kms_has_head(fd, index) != connected) {
		check(now() < deadline, "head %d is %sconnected 10 s after its window %s", index,
		      connected ? "not " : "", connected ? "opened" : "closed");
		usleep(50000);
	}
}

struct head kms_head(int fd, int index)
{
	struct head head = { .fd = fd, .index = index };
	drmModeRes *res;

	res = drmModeGetResources(fd);
	check(res, "no mode setting: %s", strerror(errno));
	if (index >= res->count_connectors)
		skip("the device has no head %d", index);
	check(kms_has_head(fd, index),
	      "head %d is not connected: start the guest with python3 -m qemu.interactive.vm --connected %d",
	      index, index + 1);
	head.connector = res->connectors[index];
	head.crtc = res->crtcs[index];
	drmModeFreeResources(res);

	head.primary = find_plane(fd, index, DRM_PLANE_TYPE_PRIMARY);
	head.cursor = find_plane(fd, index, DRM_PLANE_TYPE_CURSOR);
	check(head.primary, "head %d has no primary plane", index);
	return head;
}

drmModeConnector *kms_probe(const struct head *head)
{
	drmModeConnector *connector = drmModeGetConnector(head->fd, head->connector);

	check(connector && connector->count_modes, "head %d has no modes", head->index);
	return connector;
}

drmModeModeInfo kms_preferred(const struct head *head)
{
	drmModeConnector *connector = kms_probe(head);
	drmModeModeInfo mode = connector->modes[0];
	int i, preferred = 0;

	for (i = 0; i < connector->count_modes; i++) {
		if (!(connector->modes[i].type & DRM_MODE_TYPE_PREFERRED))
			continue;
		mode = connector->modes[i];
		preferred++;
	}
	drmModeFreeConnector(connector);
	check(preferred == 1, "head %d prefers %d modes", head->index, preferred);
	return mode;
}

drmModeModeInfo kms_mode(int width, int height)
{
	drmModeModeInfo mode = {
		.hdisplay = width, .hsync_start = width + 16, .hsync_end = width + 48,
		.htotal = width + 160,
		.vdisplay = height, .vsync_start = height + 3, .vsync_end = height + 9,
		.vtotal = height + 40, .vrefresh = 60,
	};

	mode.clock = mode.htotal * mode.vtotal * 60 / 1000;
	snprintf(mode.name, sizeof(mode.name), "%dx%d", width, height);
	return mode;
}

drmModeModeInfo kms_wait_for_size(const struct head *head, uint32_t width, uint32_t height)
{
	double deadline = now() + 10;
	drmModeModeInfo mode;

	do {
		mode = kms_preferred(head);
		if (mode.hdisplay == width && mode.vdisplay == height)
			return mode;
		usleep(50000);
	} while (now() < deadline);
	fail("the preferred mode is %ux%u 10 s after the window became %ux%u", mode.hdisplay,
	     mode.vdisplay, width, height);
}

int kms_formats(const struct head *head, uint32_t fourccs[KMS_MAX_FORMATS])
{
	drmModePlane *plane = drmModeGetPlane(head->fd, head->primary);
	int count;

	check(plane && plane->count_formats && plane->count_formats <= KMS_MAX_FORMATS,
	      "head %d's formats", head->index);
	count = plane->count_formats;
	memcpy(fourccs, plane->formats, count * sizeof(*fourccs));
	drmModeFreePlane(plane);
	return count;
}

static void destroy(void *data)
{
	struct buffer *buffer = data;

	if (buffer->fb)
		drmModeRmFB(buffer->fd, buffer->fb);
	if (buffer->map && !buffer->offset) {
		munmap(buffer->map, buffer->size);
		drmModeDestroyDumbBuffer(buffer->fd, buffer->handle);
	}
	buffer->fb = 0;
	buffer->map = NULL;
}

static struct buffer *new_buffer(void)
{
	struct buffer *buffer = calloc(1, sizeof(*buffer));

	check(buffer, "out of memory");
	at_end(free, buffer);
	at_end(destroy, buffer);
	return buffer;
}

static void add_fb(struct buffer *buffer)
{
	uint32_t handles[4] = { buffer->handle }, pitches[4] = { buffer->pitch };
	uint32_t offsets[4] = { buffer->offset };

	check(!drmModeAddFB2(buffer->fd, buffer->width, buffer->height, buffer->fourcc, handles,
			     pitches, offsets, &buffer->fb, 0),
	      "framebuffer of %ux%u, format %.4s: %s", buffer->width, buffer->height,
	      (char *)&buffer->fourcc, strerror(errno));
}

/* Creates a buffer for @fd in a dumb buffer of @owner; @handle gets the owner's handle. */
static struct buffer *new_dumb(int fd, int owner, uint32_t width, uint32_t height, uint32_t fourcc,
			       uint32_t *handle)
{
	struct buffer *buffer = new_buffer();
	uint64_t offset;
	void *map;

	buffer->fd = fd;
	buffer->width = width;
	buffer->height = height;
	buffer->fourcc = fourcc;
	check(!drmModeCreateDumbBuffer(owner, width, height, 32, 0, handle, &buffer->pitch,
				       &buffer->size),
	      "dumb buffer of %ux%u: %s", width, height, strerror(errno));
	check(!drmModeMapDumbBuffer(owner, *handle, &offset), "map: %s", strerror(errno));
	map = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, owner, offset);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	buffer->map = map;
	return buffer;
}

struct buffer *kms_buffer(int fd, uint32_t width, uint32_t height, uint32_t fourcc)
{
	uint32_t handle;
	struct buffer *buffer = new_dumb(fd, fd, width, height, fourcc, &handle);

	buffer->handle = handle;
	add_fb(buffer);
	return buffer;
}

void kms_plain_buffer(int fd, uint32_t width, uint32_t height, int byte, uint32_t *handle,
		      uint32_t *fb)
{
	uint32_t handles[4] = {}, pitches[4] = {}, offsets[4] = {};
	uint64_t size, offset;
	void *map;

	*handle = *fb = 0;
	if (drmModeCreateDumbBuffer(fd, width, height, 32, 0, &handles[0], &pitches[0], &size))
		return;
	*handle = handles[0];
	if (!drmModeMapDumbBuffer(fd, handles[0], &offset)) {
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
		if (map != MAP_FAILED) {
			memset(map, byte, size);
			munmap(map, size);
		}
	}
	drmModeAddFB2(fd, width, height, DRM_FORMAT_XRGB8888, handles, pitches, offsets, fb, 0);
}

struct buffer *kms_foreign(int fd, int owner, uint32_t width, uint32_t height)
{
	uint32_t handle;
	struct buffer *buffer = new_dumb(fd, owner, width, height, DRM_FORMAT_XRGB8888, &handle);
	int dmabuf;

	check(!drmPrimeHandleToFD(owner, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export: %s",
	      strerror(errno));
	check(!drmPrimeFDToHandle(fd, dmabuf, &buffer->handle), "import: %s", strerror(errno));
	close(dmabuf);
	drmModeDestroyDumbBuffer(owner, handle);
	add_fb(buffer);
	return buffer;
}

struct buffer *kms_window(struct buffer *buffer, uint32_t x, uint32_t y, uint32_t width,
			  uint32_t height)
{
	struct buffer *window = new_buffer();

	*window = *buffer;
	window->fb = 0;
	window->width = width;
	window->height = height;
	window->offset = buffer->offset + y * buffer->pitch + x * 4;
	add_fb(window);
	return window;
}

void kms_destroy(struct buffer *buffer)
{
	destroy(buffer);
	not_at_end(destroy, buffer);
	not_at_end(free, buffer);
	free(buffer);
}

/**
 * struct layout - how a format stores a pixel, as a little-endian number
 * @fourcc: the format
 * @bytes: bytes of a pixel
 * @r: position of the lowest bit of red
 * @g: the same of green
 * @b: the same of blue
 * @lost: how many of 8 bits of red and blue are not stored
 * @lost_green: the same of green
 */
struct layout {
	uint32_t fourcc;
	int bytes, r, g, b, lost, lost_green;
};

static const struct layout *layout(uint32_t fourcc)
{
	static const struct layout layouts[] = {
		{ DRM_FORMAT_XRGB8888, 4, 16, 8, 0, 0, 0 },
		{ DRM_FORMAT_ARGB8888, 4, 16, 8, 0, 0, 0 },
		{ DRM_FORMAT_XBGR8888, 4, 0, 8, 16, 0, 0 },
		{ DRM_FORMAT_ABGR8888, 4, 0, 8, 16, 0, 0 },
		{ DRM_FORMAT_RGBX8888, 4, 24, 16, 8, 0, 0 },
		{ DRM_FORMAT_RGBA8888, 4, 24, 16, 8, 0, 0 },
		{ DRM_FORMAT_BGRX8888, 4, 8, 16, 24, 0, 0 },
		{ DRM_FORMAT_BGRA8888, 4, 8, 16, 24, 0, 0 },
		{ DRM_FORMAT_RGB888, 3, 16, 8, 0, 0, 0 },
		{ DRM_FORMAT_RGB565, 2, 11, 5, 0, 3, 2 },
	};
	size_t i;

	for (i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].fourcc == fourcc)
			return &layouts[i];
	fail("format %.4s is not known to this test", (char *)&fourcc);
}

void kms_draw(struct buffer *buffer, const struct image *image, struct rect part)
{
	const struct layout *l = layout(buffer->fourcc);
	uint32_t x, y;

	for (y = part.y; y < part.y + part.h; y++) {
		uint8_t *row = buffer->map + buffer->offset + y * buffer->pitch;
		const uint32_t *from = &image->pixels[y * image->width];

		for (x = part.x; x < part.x + part.w; x++) {
			uint32_t pixel = (from[x] >> 16 & 0xff) >> l->lost << l->r |
					 (from[x] >> 8 & 0xff) >> l->lost_green << l->g |
					 (from[x] & 0xff) >> l->lost << l->b;

			if (l->bytes == 4)
				((uint32_t *)row)[x] = pixel | (from[x] & 0xff000000);
			else
				memcpy(row + x * l->bytes, &pixel, l->bytes);
		}
	}
}

/* Returns 8 bits of a colour after @lost of them were not stored: the highest ones are repeated. */
static uint32_t restored(uint32_t value, int lost)
{
	value = (value & 0xff) >> lost << lost;
	return value | value >> (8 - lost);
}

struct image kms_reduced(const struct image *image, uint32_t fourcc)
{
	struct image reduced = image_new(image->width, image->height);
	const struct layout *l = layout(fourcc);
	uint32_t i;

	for (i = 0; i < image->width * image->height; i++) {
		uint32_t pixel = image->pixels[i];

		reduced.pixels[i] = restored(pixel >> 16, l->lost) << 16 |
				    restored(pixel >> 8, l->lost_green) << 8 |
				    restored(pixel, l->lost);
	}
	return reduced;
}

static void put(drmModeAtomicReq *req, int fd, uint32_t object, const char *name, uint64_t value)
{
	drmModeAtomicAddProperty(req, object, kms_prop(fd, object, name), value);
}

static void put_primary(drmModeAtomicReq *req, const struct head *head,
			const struct buffer *buffer)
{
	uint32_t plane = head->primary, w = head->mode.hdisplay, h = head->mode.vdisplay;
	int fd = head->fd;

	put(req, fd, plane, "FB_ID", buffer->fb);
	put(req, fd, plane, "CRTC_ID", head->crtc);
	put(req, fd, plane, "SRC_X", (uint64_t)head->x << 16);
	put(req, fd, plane, "SRC_Y", (uint64_t)head->y << 16);
	put(req, fd, plane, "SRC_W", (uint64_t)w << 16);
	put(req, fd, plane, "SRC_H", (uint64_t)h << 16);
	put(req, fd, plane, "CRTC_X", 0);
	put(req, fd, plane, "CRTC_Y", 0);
	put(req, fd, plane, "CRTC_W", w);
	put(req, fd, plane, "CRTC_H", h);
}

void kms_set_mode(struct head *head, const drmModeModeInfo *mode, const struct buffer *buffer)
{
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	int fd = head->fd, ret;
	uint32_t blob;

	head->mode = *mode;
	check(!drmModeCreatePropertyBlob(fd, mode, sizeof(*mode), &blob), "mode blob");
	put(req, fd, head->connector, "CRTC_ID", head->crtc);
	put(req, fd, head->crtc, "MODE_ID", blob);
	put(req, fd, head->crtc, "ACTIVE", 1);
	put_primary(req, head, buffer);
	ret = drmModeAtomicCommit(fd, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	drmModeAtomicFree(req);
	drmModeDestroyPropertyBlob(fd, blob);
	check(!ret, "mode %s on head %d: %s", mode->name, head->index, strerror(-ret));
}

struct image kms_show(struct head *head, const drmModeModeInfo *mode, uint32_t seed)
{
	struct image image = image_new(mode->hdisplay, mode->vdisplay);
	struct buffer *buffer = kms_buffer(head->fd, image.width, image.height,
					   DRM_FORMAT_XRGB8888);

	image_pattern(&image, seed, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(head, mode, buffer);
	return image;
}

struct request kms_request(int fd)
{
	struct request request = { .fd = fd, .atomic = drmModeAtomicAlloc() };

	check(request.atomic, "out of memory");
	return request;
}

void kms_request_flip(struct request *request, const struct head *head,
		      const struct buffer *buffer, const struct rect *clips, int num_clips)
{
	struct drm_mode_rect damage[KMS_MAX_CLIPS];
	uint32_t *blob = &request->blobs[request->num_blobs];
	int i;

	put_primary(request->atomic, head, buffer);
	if (!num_clips)
		return;
	check(num_clips <= KMS_MAX_CLIPS && request->num_blobs < 4, "too much for one commit");
	for (i = 0; i < num_clips; i++)
		damage[i] = (struct drm_mode_rect){ clips[i].x, clips[i].y, clips[i].x + clips[i].w,
						    clips[i].y + clips[i].h };
	check(!drmModeCreatePropertyBlob(request->fd, damage, num_clips * sizeof(*damage), blob),
	      "damage blob");
	request->num_blobs++;
	put(request->atomic, request->fd, head->primary, "FB_DAMAGE_CLIPS", *blob);
}

int kms_commit(struct request *request, uint32_t flags)
{
	int ret = drmModeAtomicCommit(request->fd, request->atomic, flags, NULL);

	drmModeAtomicFree(request->atomic);
	while (request->num_blobs)
		drmModeDestroyPropertyBlob(request->fd, request->blobs[--request->num_blobs]);
	return ret;
}

static int flips_seen;

static void flip_seen(int fd, unsigned int sequence, unsigned int sec, unsigned int usec,
		      unsigned int crtc, void *data)
{
	(void)fd, (void)sequence, (void)sec, (void)usec, (void)crtc, (void)data;
	flips_seen++;
}

void kms_wait_for_flips(int fd, int count)
{
	drmEventContext context = { .version = 3, .page_flip_handler2 = flip_seen };
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	for (flips_seen = 0; flips_seen < count;) {
		check(poll(&poller, 1, 10000) == 1, "no flip event in 10 s");
		check(!drmHandleEvent(fd, &context), "invalid event");
	}
	check(flips_seen == count && !poll(&poller, 1, 0), "more than %d events of %d flips",
	      flips_seen, count);
}

struct screen kms_screen(uint32_t seed)
{
	struct screen screen = { .head = kms_head(kms_open(), 0) };
	drmModeModeInfo mode = kms_preferred(&screen.head);
	int i;

	screen.image = image_new(mode.hdisplay, mode.vdisplay);
	image_pattern(&screen.image, seed, image_all(&screen.image));
	for (i = 0; i < 2; i++) {
		screen.buffers[i] = kms_buffer(screen.head.fd, mode.hdisplay, mode.vdisplay,
					       DRM_FORMAT_XRGB8888);
		kms_draw(screen.buffers[i], &screen.image, image_all(&screen.image));
	}
	kms_set_mode(&screen.head, &mode, screen.buffers[0]);
	return screen;
}

void kms_flip(const struct head *head, const struct buffer *buffer, const struct rect *clips,
	      int num_clips)
{
	struct request request = kms_request(head->fd);
	int ret;

	kms_request_flip(&request, head, buffer, clips, num_clips);
	ret = kms_commit(&request, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
	check(!ret, "flip on head %d: %s", head->index, strerror(-ret));
	kms_wait_for_flips(head->fd, 1);
}

void kms_off(const struct head *head)
{
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	int ret;

	put(req, head->fd, head->connector, "CRTC_ID", 0);
	put(req, head->fd, head->crtc, "MODE_ID", 0);
	put(req, head->fd, head->crtc, "ACTIVE", 0);
	put(req, head->fd, head->primary, "FB_ID", 0);
	put(req, head->fd, head->primary, "CRTC_ID", 0);
	ret = drmModeAtomicCommit(head->fd, req, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	drmModeAtomicFree(req);
	check(!ret, "head %d off: %s", head->index, strerror(-ret));
}
