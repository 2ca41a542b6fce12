/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's own ioctls on a device with a renderer, as short as tests want them. */
#ifndef RENDER_H
#define RENDER_H

#include <stdint.h>

#include "../../uapi/virtgpu_drm.h"
#include "expect.h"

/* The file that everything here is done on. */
extern int render_fd;

/* virglrenderer's command that does nothing, without arguments. */
extern const uint32_t render_nop[16];

#define expect(error, request, args) \
	expect_at(__FILE__, __LINE__, render_fd, error, #request, request, args)

int render_getparam(uint64_t param);

/* The device once more. */
int render_open(void);

/* Opens the device as @render_fd; fails if it has no renderer. */
void render_start(void);

/* A context of Mesa's kind, with rings if the device has such. */
void render_context(uint32_t rings, uint64_t polled);

/* A texture of 64x64 pixels. */
struct drm_virtgpu_resource_create render_texture(void);

/* The arguments that submit @render_nop. */
struct drm_virtgpu_execbuffer render_stream(void);

/* Waits until the renderer is done with an object. */
void render_wait(uint32_t handle);

/* Waits for a fence's file. */
void render_wait_fd(int fence);

/* Sends a stream and has a fence's file of it. */
int render_fence_fd(uint32_t flags, uint32_t ring);

#endif
