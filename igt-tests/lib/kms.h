/* SPDX-License-Identifier: GPL-2.0 */
/* Atomic mode setting with dumb buffers, in short calls for tests. */
#ifndef KMS_H
#define KMS_H

#include <stdbool.h>
#include <stdint.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "image.h"

#define KMS_MAX_FORMATS	64
/* The maximum of DRM_IOCTL_MODE_DIRTYFB. */
#define KMS_MAX_CLIPS	256

/**
 * struct head - a connector with its CRTC and planes
 * @fd: the device
 * @index: the number of the head, in the guest and on the host
 * @connector: id
 * @crtc: id
 * @primary: id
 * @cursor: id
 * @mode: the mode last set
 * @x: first column of its buffers that is shown
 * @y: first row of its buffers that is shown
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
 * @buffers: both contain the picture at first
 * @current: index of the buffer that is shown
 */
struct screen {
	struct head head;
	struct image image;
	struct buffer *buffers[2];
	int current;
};

/* Opens the virtio GPU as master with all client capabilities; fails if there is none. */
int kms_open(void);

/* Returns the path of the virtio GPU's primary node, or NULL. */
const char *kms_path(void);

/* Returns the device's folder in debugfs. */
const char *kms_debugfs(void);

/* Returns whether a head exists and is connected. */
bool kms_has_head(int fd, int index);

/* Waits until a head is connected or disconnected. */
void kms_wait_for_head(int fd, int index, bool connected);

/* Returns a head by number; skips if the device has none, fails if it is not connected. */
struct head kms_head(int fd, int index);

/* Returns the connector with its current modes; free it with drmModeFreeConnector(). */
drmModeConnector *kms_probe(const struct head *head);

/* Returns the preferred mode. */
drmModeModeInfo kms_preferred(const struct head *head);

/* Returns a mode of any size with 60 Hz. */
drmModeModeInfo kms_mode(int width, int height);

/* Waits until the preferred mode has this size, and returns it. */
drmModeModeInfo kms_wait_for_size(const struct head *head, uint32_t width, uint32_t height);

/* Fills @fourccs with the primary plane's formats and returns their number. */
int kms_formats(const struct head *head, uint32_t fourccs[KMS_MAX_FORMATS]);

/* Creates a buffer, which is destroyed at the end of the subtest. */
struct buffer *kms_buffer(int fd, uint32_t width, uint32_t height, uint32_t fourcc);

/*
 * Creates a buffer filled with @byte for a process of its own, which must not use check() and at_end().
 * After an error, the ids are 0.
 */
void kms_plain_buffer(int fd, uint32_t width, uint32_t height, int byte, uint32_t *handle,
		      uint32_t *fb);

/* Creates a buffer by importing a dumb buffer of another device. */
struct buffer *kms_foreign(int fd, int owner, uint32_t width, uint32_t height);

/* Creates another framebuffer for the same dumb buffer, which starts at a given pixel. */
struct buffer *kms_window(struct buffer *buffer, uint32_t x, uint32_t y, uint32_t width,
			  uint32_t height);

/* Destroys a buffer before the end of the subtest. */
void kms_destroy(struct buffer *buffer);

/* Writes a part of a picture into a buffer, in the buffer's format. */
void kms_draw(struct buffer *buffer, const struct image *image, struct rect part);

/* Returns a picture with the colours that are left of it in a format. */
struct image kms_reduced(const struct image *image, uint32_t fourcc);

/* Sets a mode and shows a buffer. */
void kms_set_mode(struct head *head, const drmModeModeInfo *mode, const struct buffer *buffer);

/* Sets a mode, shows pattern number @seed in a new buffer and returns it as a picture. */
struct image kms_show(struct head *head, const drmModeModeInfo *mode, uint32_t seed);

/* Shows pattern number @seed on the first head. */
struct screen kms_screen(uint32_t seed);

/* Flips to a buffer and waits for the event. @clips are its damage, without them all of it. */
void kms_flip(const struct head *head, const struct buffer *buffer, const struct rect *clips,
	      int num_clips);

/**
 * struct request - an atomic commit under construction
 * @fd: the device
 * @atomic: libdrm's request
 * @blobs: property blobs of the request
 * @num_blobs: the number of blobs
 */
struct request {
	int fd;
	drmModeAtomicReq *atomic;
	uint32_t blobs[4];
	int num_blobs;
};

/* Returns an empty commit. */
struct request kms_request(int fd);

/* Adds a flip of a head to a commit. @clips are the damage, without them all of the buffer. */
void kms_request_flip(struct request *request, const struct head *head,
		      const struct buffer *buffer, const struct rect *clips, int num_clips);

/* Commits and frees the request; returns 0 or a negative errno. */
int kms_commit(struct request *request, uint32_t flags);

/* Waits for the events of @count flips. */
void kms_wait_for_flips(int fd, int count);

/* Switches a head off. */
void kms_off(const struct head *head);

/* Looks up a connector's property; returns false if it does not exist. */
bool kms_connector_property(const struct head *head, const char *name, uint64_t *value);

/* Returns the id of an object's property; fails the subtest if it does not exist. */
uint32_t kms_prop(int fd, uint32_t object, const char *name);

#endif
