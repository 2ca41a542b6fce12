// SPDX-License-Identifier: GPL-2.0
/* What only the devices of the drivers in rust/samples have: other formats, and limits of their own. */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

/**
 * struct sample - what a driver must offer
 * @name: the driver's DRM name
 * @formats: all formats of the primary plane
 * @width: width of a mode that the device cannot show
 * @height: its height
 */
static const struct sample {
	const char *name;
	const char *formats;
	int width, height;
} samples[] = {
	/* 1368 pixels of 3 bytes are longer than the longest row. */
	{ "cirrus_rs", "XR24 RG24 RG16", 1368, 768 },
	/* The firmware has set 1024x768. */
	{ "simple_rs", "XR24", 1280, 1024 },
};

static const struct sample *sample(void)
{
	const char *name = getenv("VIRTGPU_DRM_NAME");
	size_t i;

	for (i = 0; name && i < sizeof(samples) / sizeof(samples[0]); i++)
		if (!strcmp(samples[i].name, name))
			return &samples[i];
	fail("%s is not known to this test", name ? name : "this driver");
}

/* Returns the format in which the device shows a framebuffer of a format: the firmware may use 16 bits. */
static uint32_t shown_as(uint32_t fourcc)
{
	return system("grep -q vga=0x317 /proc/cmdline") ? fourcc : DRM_FORMAT_RGB565;
}

static void formats(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	uint32_t fourccs[KMS_MAX_FORMATS];
	int i, count = kms_formats(&head, fourccs);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	char names[KMS_MAX_FORMATS * 5 + 1] = "";

	for (i = 0; i < count; i++)
		sprintf(names + strlen(names), "%s%.4s", i ? " " : "", (char *)&fourccs[i]);
	check(!strcmp(names, sample()->formats), "formats %s, not %s", names, sample()->formats);

	for (i = 0; i < count; i++) {
		struct buffer *buffer = kms_buffer(fd, image.width, image.height, fourccs[i]);
		struct image shown;

		image_pattern(&image, i, image_all(&image));
		shown = kms_reduced(&image, shown_as(fourccs[i]));
		kms_draw(buffer, &image, image_all(&image));
		if (i)
			kms_flip(&head, buffer, NULL, 0);
		else
			kms_set_mode(&head, &mode, buffer);
		printf("format %.4s\n", (char *)&fourccs[i]);
		judge_picture(0, &shown);
	}
}

/*
 * A flip to a buffer of another format declares a small part as changed. The device has no copy of the rest
 * in that format, so all of it must be updated.
 */
static void format_and_clip(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	const struct rect clip = { 30, 40, 16, 16 };
	uint32_t fourccs[KMS_MAX_FORMATS];
	int count = kms_formats(&head, fourccs);
	struct buffer *first = kms_buffer(fd, image.width, image.height, fourccs[0]);

	check(count > 1, "one format");
	image_pattern(&image, 1, image_all(&image));
	kms_draw(first, &image, image_all(&image));
	kms_set_mode(&head, &mode, first);
	judge_picture(0, &image);

	/* To each other format, and back. */
	for (i = 1; i < 2 * count - 1; i++) {
		uint32_t fourcc = fourccs[i % 2 ? (i + 1) / 2 : 0];
		struct buffer *next = kms_buffer(fd, image.width, image.height, fourcc);
		struct image shown;

		image_pattern(&image, 10 + i, clip);
		shown = kms_reduced(&image, fourcc);
		kms_draw(next, &image, image_all(&image));
		kms_flip(&head, next, &clip, 1);
		judge_picture(0, &shown);
	}
}

/* A mode that the device cannot show is rejected, and the picture stays. */
static void limit(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo good = kms_preferred(&head), bad = kms_mode(sample()->width,
								    sample()->height);
	struct image image = kms_show(&head, &good, 3);
	struct buffer *buffer = kms_buffer(fd, bad.hdisplay, bad.vdisplay, DRM_FORMAT_XRGB8888);

	check(drmModeSetCrtc(fd, head.crtc, buffer->fb, 0, 0, &head.connector, 1, &bad) &&
	      errno == EINVAL, "the mode %s was not rejected", bad.name);
	judge_picture(0, &image);
}

/* A head that is switched off is black. */
static void off(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = kms_show(&head, &mode, 4);

	judge_picture(0, &image);
	kms_off(&head);
	judge(NULL, 0, "black 0");
	image = kms_show(&head, &mode, 6);
	judge_picture(0, &image);
}

/* The driver of the hardware is loaded while a program shows a picture. The device does not come back. */
static void taken_over(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	struct image image = kms_show(&head, &mode, 5);

	judge_picture(0, &image);
	shell("modprobe virtio_gpu");
	module_wait(false);
	check(drmIoctl(head.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) && errno == ENODEV,
	      "a removed device creates buffers");
	check(access("/sys/bus/platform/devices/vesa-framebuffer.0", F_OK),
	      "the firmware's framebuffer is still a device");
	shell("! grep -q simple_rs /proc/iomem");
	check(drmOpen("virtio_gpu", NULL) >= 0, "the driver of the hardware has no device");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "formats", "every format of the primary plane, and no others", formats },
		{ "format-and-clip", "another format together with a small damage", format_and_clip },
		{ "limit", "a mode beyond the device's limits", limit },
		{ "off", "a head that is off is black", off },
		{ "taken-over", "the hardware's driver takes the firmware's framebuffer", taken_over },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
