/* SPDX-License-Identifier: GPL-2.0 */
/* Atomic mode setting with dumb buffers, as short as tests want it. */
#ifndef KMS_H
#define KMS_H

#include <stdbool.h>
#include <stdint.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "image.h"

#define KMS_MAX_FORMATS	64
/* As many as DRM_IOCTL_MODE_DIRTYFB takes. */
#define KMS_MAX_CLIPS	256

/**
 * struct head - a connector with its CRTC and planes
 * @fd: the device
 * @index: the head's number, here and on the host
 * @connector: id
 * @crtc: id
 * @primary: id
 * @cursor: id
 * @mode: the mode last set
 * @x: of its buffers, the first column that is shown
 * @y: of its buffers, the first row that is shown
 */
struct head {
	int fd;
	int index;
	uint32_t connector;
	uint32_t crtc;
	uint32_t primary;
	uint32_t cursor;
	drmModeModeInfo mode;
	uint32_t x;
	uint32_t y;
};

/**
 * struct buffer - a dumb buffer and its framebuffer
 * @fd: the device
 * @handle: GEM handle
 * @fb: framebuffer id
 * @width: pixels
 * @height: pixels
 * @pitch: bytes
 * @offset: bytes before the first pixel
 * @size: bytes mapped
 * @fourcc: pixel format
 * @map: the bytes
 */
struct buffer {
	int fd;
	uint32_t handle;
	uint32_t fb;
	uint32_t width;
	uint32_t height;
	uint32_t pitch;
	uint32_t offset;
	uint64_t size;
	uint32_t fourcc;
	uint8_t *map;
};

/**
 * struct screen - a head that shows a picture in one of two buffers
 * @head: the head, its preferred mode set
 * @image: the picture
 * @buffers: both have it at first
 * @current: which is shown
 */
struct screen {
	struct head head;
	struct image image;
	struct buffer *buffers[2];
	int current;
};

/* The virtio GPU, as master and with every client capability; fails if there is none. */
int kms_open(void);

/* Path of the virtio GPU's primary node, or NULL. */
const char *kms_path(void);

/* The device's folder in debugfs. */
const char *kms_debugfs(void);

/* Whether a head is there and connected. */
bool kms_has_head(int fd, int index);

/* Waits until a head is connected, or is not. */
void kms_wait_for_head(int fd, int index, bool connected);

/* A head by number; skips if the device has none, fails if it is not connected. */
struct head kms_head(int fd, int index);

/* The connector's current modes; to be freed with drmModeFreeConnector(). */
drmModeConnector *kms_probe(const struct head *head);

/* The preferred mode. */
drmModeModeInfo kms_preferred(const struct head *head);

/* A mode of 60 Hz, of any size. */
drmModeModeInfo kms_mode(int width, int height);

/* Waits until the preferred mode has a size. */
drmModeModeInfo kms_wait_for_size(const struct head *head, uint32_t width, uint32_t height);

/* Fills @fourccs with the primary plane's formats and returns their number. */
int kms_formats(const struct head *head, uint32_t fourccs[KMS_MAX_FORMATS]);

/* A buffer, gone at the subtest's end. */
struct buffer *kms_buffer(int fd, uint32_t width, uint32_t height, uint32_t fourcc);

/* A buffer whose memory is a dumb buffer of another device's, imported. */
struct buffer *kms_foreign(int fd, int owner, uint32_t width, uint32_t height);

/* Another framebuffer over the same dumb buffer, starting at a pixel of it. */
struct buffer *kms_window(struct buffer *buffer, uint32_t x, uint32_t y, uint32_t width,
			  uint32_t height);

/* Destroys a buffer before the subtest's end. */
void kms_destroy(struct buffer *buffer);

/* Writes a part of a picture into a buffer, in the buffer's format. */
void kms_draw(struct buffer *buffer, const struct image *image, struct rect part);

/* Sets a mode and shows a buffer. */
void kms_set_mode(struct head *head, const drmModeModeInfo *mode, const struct buffer *buffer);

/* Sets a mode, shows the pattern number @seed in a new buffer and returns it as a picture. */
struct image kms_show(struct head *head, const drmModeModeInfo *mode, uint32_t seed);

/* The first head, with the pattern number @seed. */
struct screen kms_screen(uint32_t seed);

/* Shows a buffer, or with clips only what changed in it; waits for the event. */
void kms_flip(const struct head *head, const struct buffer *buffer, const struct rect *clips,
	      int num_clips);

/**
 * struct request - an atomic commit under construction
 * @fd: the device
 * @atomic: what libdrm has of it
 * @blobs: property blobs that go with it
 * @num_blobs: how many
 */
struct request {
	int fd;
	drmModeAtomicReq *atomic;
	uint32_t blobs[4];
	int num_blobs;
};

/* An empty commit. */
struct request kms_request(int fd);

/* Adds a buffer for a head to a commit, with clips only what changed in it. */
void kms_request_flip(struct request *request, const struct head *head,
		      const struct buffer *buffer, const struct rect *clips, int num_clips);

/* Commits and returns 0 or a negative errno; the request is gone. */
int kms_commit(struct request *request, uint32_t flags);

/* Waits for the events of so many flips. */
void kms_wait_for_flips(int fd, int count);

/* Switches a head off. */
void kms_off(const struct head *head);

/* Looks up a connector's property; false when it has none of that name. */
bool kms_connector_property(const struct head *head, const char *name, uint64_t *value);

/* An object's property id; fails the subtest if there is none. */
uint32_t kms_prop(int fd, uint32_t object, const char *name);

#endif
