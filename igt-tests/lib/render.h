/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's own ioctls on a device with a renderer, in short calls for tests. */
#ifndef RENDER_H
#define RENDER_H

#include <stdint.h>

#include "../../uapi/virtgpu_drm.h"
#include "expect.h"

/* The file that all functions use. */
extern int render_fd;

/* virglrenderer's NOP command. */
extern const uint32_t render_nop[16];

#define expect(error, request, args) \
	expect_at(__FILE__, __LINE__, render_fd, error, #request, request, args)

int render_getparam(uint64_t param);

/* Opens the device once more. */
int render_open(void);

/* Opens the device as @render_fd; fails if it has no renderer. */
void render_start(void);

/* Initialises a context as Mesa does, with @rings rings; skips if the device has no such contexts. */
void render_context(uint32_t rings, uint64_t polled);

/* Creates a texture of 64x64 pixels. */
struct drm_virtgpu_resource_create render_texture(void);

/* Returns the arguments that submit @render_nop. */
struct drm_virtgpu_execbuffer render_stream(void);

/* Waits until the renderer has finished with an object. */
void render_wait(uint32_t handle);

/* Waits for a fence fd. */
void render_wait_fd(int fence);

/* Submits a stream and returns a fence fd for it. */
int render_fence_fd(uint32_t flags, uint32_t ring);

#endif
