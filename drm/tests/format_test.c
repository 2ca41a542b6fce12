// SPDX-License-Identifier: GPL-2.0
#include "memory/format.c"
#include "tests/kunit.h"

/* The colours of the protocol's formats, byte by byte in memory. */
static const struct {
	u32 format;
	const char *bytes;
} virtgpu_format_bytes[] = {
	{ VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, "BGRA" },
	{ VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, "BGRX" },
	{ VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, "ARGB" },
	{ VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, "XRGB" },
	{ VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, "RGBA" },
	{ VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, "XBGR" },
	{ VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, "ABGR" },
	{ VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, "RGBX" },
};

/* DRM's letters begin at the most significant byte, which is the last one in memory. */
static const struct {
	u32 fourcc;
	const char *word;
} virtgpu_format_words[] = {
	{ DRM_FORMAT_XRGB8888, "XRGB" }, { DRM_FORMAT_ARGB8888, "ARGB" },
	{ DRM_FORMAT_XBGR8888, "XBGR" }, { DRM_FORMAT_ABGR8888, "ABGR" },
	{ DRM_FORMAT_RGBX8888, "RGBX" }, { DRM_FORMAT_RGBA8888, "RGBA" },
	{ DRM_FORMAT_BGRX8888, "BGRX" }, { DRM_FORMAT_BGRA8888, "BGRA" },
};

static const char *bytes_of(u32 format)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(virtgpu_format_bytes); i++)
		if (virtgpu_format_bytes[i].format == format)
			return virtgpu_format_bytes[i].bytes;
	return "none";
}

static void bytes_are_the_word_reversed(struct kunit *test)
{
	int i, byte;

	for (i = 0; i < ARRAY_SIZE(virtgpu_format_words); i++) {
		const char *word = virtgpu_format_words[i].word;
		u32 format = virtgpu_format_from_fourcc(virtgpu_format_words[i].fourcc);

		for (byte = 0; byte < 4; byte++)
			KUNIT_EXPECT_EQ_MSG(test, bytes_of(format)[byte], word[3 - byte],
					    "%s is format %u", word, format);
	}
}

static void consoles_find_their_format_first(struct kunit *test)
{
	u32 fourccs[VIRTGPU_FORMAT_COUNT];

	virtgpu_format_list(fourccs);
	KUNIT_EXPECT_EQ(test, fourccs[0], DRM_FORMAT_XRGB8888);
}

static void listed_formats_are_known(struct kunit *test)
{
	u32 fourccs[VIRTGPU_FORMAT_COUNT];
	int i, j;

	virtgpu_format_list(fourccs);
	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++) {
		u32 format = virtgpu_format_from_fourcc(fourccs[i]);

		KUNIT_EXPECT_TRUE(test, virtgpu_format_known(format));
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, fourccs[i], fourccs[j]);
	}
}

static void other_formats_are_unknown(struct kunit *test)
{
	static const u32 fourccs[] = {
		0, DRM_FORMAT_RGB565, DRM_FORMAT_RGB888, DRM_FORMAT_XRGB2101010, DRM_FORMAT_NV12,
		DRM_FORMAT_XRGB8888 | DRM_FORMAT_BIG_ENDIAN, U32_MAX,
	};
	/* 0 means no format, the others are adjacent to known ones. */
	static const u32 numbers[] = { 0, 5, 66, 69, 120, 122, 133, 135, U32_MAX };
	int i;

	for (i = 0; i < ARRAY_SIZE(fourccs); i++)
		KUNIT_EXPECT_EQ(test, virtgpu_format_from_fourcc(fourccs[i]), 0);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		KUNIT_EXPECT_FALSE(test, virtgpu_format_known(numbers[i]));
}

/* The protocol has the same number of bytes in a pixel as the core. */
static void pixels_have_four_bytes(struct kunit *test)
{
	u32 fourccs[VIRTGPU_FORMAT_COUNT];
	int i;

	virtgpu_format_list(fourccs);
	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++) {
		u32 format = virtgpu_format_from_fourcc(fourccs[i]);

		KUNIT_EXPECT_EQ(test, virtgpu_format_pixel_size(format), 4);
	}
	KUNIT_EXPECT_EQ(test, virtgpu_format_pixel_size(0), 0);
	KUNIT_EXPECT_TRUE(test, virtgpu_format_has_bpp(32));
	KUNIT_EXPECT_FALSE(test, virtgpu_format_has_bpp(0));
	KUNIT_EXPECT_FALSE(test, virtgpu_format_has_bpp(16));
	KUNIT_EXPECT_FALSE(test, virtgpu_format_has_bpp(24));
	KUNIT_EXPECT_FALSE(test, virtgpu_format_has_bpp(64));
}

static struct kunit_case virtgpu_format_cases[] = {
	KUNIT_CASE(bytes_are_the_word_reversed),
	KUNIT_CASE(consoles_find_their_format_first),
	KUNIT_CASE(listed_formats_are_known),
	KUNIT_CASE(other_formats_are_unknown),
	KUNIT_CASE(pixels_have_four_bytes),
	{}
};

struct kunit_suite virtgpu_format_suite = {
	.name = "virtgpu_format",
	.test_cases = virtgpu_format_cases,
};
