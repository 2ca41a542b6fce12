// SPDX-License-Identifier: GPL-2.0
/* Changes of the host's windows, which the guest has to follow. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <linux/netlink.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

static void show(struct head *head, const drmModeModeInfo *mode, uint32_t seed)
{
	struct image image = kms_show(head, mode, seed);

	judge_picture(head->index, &image);
}

static void resize(void)
{
	/* These include odd sizes, and sizes without a standard timing. */
	static const uint32_t sizes[][2] = {
		{ 800, 600 }, { 1234, 777 }, { 1001, 701 }, { 640, 480 }, { 1920, 1080 },
	};
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo usual = kms_preferred(&head), mode;
	size_t i;

	show(&head, &usual, 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		judge(NULL, 0, "resize 0 %u %u", sizes[i][0], sizes[i][1]);
		mode = kms_wait_for_size(&head, sizes[i][0], sizes[i][1]);
		show(&head, &mode, 1 + i);
	}
	judge(NULL, 0, "resize 0 %u %u", usual.hdisplay, usual.vdisplay);
	mode = kms_wait_for_size(&head, usual.hdisplay, usual.vdisplay);
	show(&head, &mode, 1 + i);
}

static void resize_second_head(void)
{
	int fd = kms_open();
	struct head first = kms_head(fd, 0), second = kms_head(fd, 1);
	drmModeModeInfo mode0 = kms_preferred(&first), usual = kms_preferred(&second), mode1;

	judge(NULL, 0, "resize 1 720 400");
	mode1 = kms_wait_for_size(&second, 720, 400);
	show(&first, &mode0, 1);
	show(&second, &mode1, 2);
	judge(NULL, 0, "resize 1 %u %u", usual.hdisplay, usual.vdisplay);
	kms_wait_for_size(&second, usual.hdisplay, usual.vdisplay);
}

/* Many resizes in quick succession: the last one must win. */
static void resize_storm(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo usual = kms_preferred(&head), mode;
	int i;

	for (i = 0; i < 30; i++)
		judge(NULL, 0, "resize 0 %d %d", 640 + i * 8, 480 + i * 4);
	mode = kms_wait_for_size(&head, 640 + 29 * 8, 480 + 29 * 4);
	show(&head, &mode, 1);
	judge(NULL, 0, "resize 0 %u %u", usual.hdisplay, usual.vdisplay);
	kms_wait_for_size(&head, usual.hdisplay, usual.vdisplay);
}

/* The second window closes while it shows a picture, and opens again. */
static void unplug(void)
{
	int fd = kms_open(), i;
	struct head first = kms_head(fd, 0), second = kms_head(fd, 1);
	drmModeModeInfo mode0 = kms_preferred(&first), mode1 = kms_preferred(&second);

	for (i = 0; i < 3; i++) {
		show(&second, &mode1, 1 + 2 * i);
		judge(NULL, 0, "resize 1 0 0");
		kms_wait_for_head(fd, 1, false);
		show(&first, &mode0, 2 + 2 * i);
		judge(NULL, 0, "resize 1 %u %u", mode1.hdisplay, mode1.vdisplay);
		kms_wait_for_head(fd, 1, true);
		mode1 = kms_wait_for_size(&second, mode1.hdisplay, mode1.vdisplay);
	}
	show(&second, &mode1, 9);
}

static void close_fd(void *data)
{
	close((int)(intptr_t)data);
}

/* Opens a socket for the kernel's uevents, which make a desktop probe its monitors. */
static int uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	check(events >= 0, "netlink: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)events);
	check(!bind(events, (struct sockaddr *)&address, sizeof(address)), "uevents: %s",
	      strerror(errno));
	return events;
}

static bool has_field(const char *message, size_t size, const char *field)
{
	const char *end = message + size;

	for (; message < end; message += strlen(message) + 1)
		if (!strcmp(message, field))
			return true;
	return false;
}

/* The driver sends an event, because a desktop does not poll. */
static void hotplug_event(void)
{
	struct pollfd poller = { .fd = uevents(), .events = POLLIN };
	double deadline;
	char message[8192];
	ssize_t size;

	kms_head(kms_open(), 0);
	judge(NULL, 0, "resize 0 888 666");
	deadline = now() + 10;
	do {
		check(now() < deadline && poll(&poller, 1, 10000) == 1, "no event in 10 s");
		size = recv(poller.fd, message, sizeof(message) - 1, 0);
		message[size > 0 ? size : 0] = 0;
	} while (size <= 0 || !has_field(message, size, "SUBSYSTEM=drm") ||
		 !has_field(message, size, "HOTPLUG=1"));
	judge(NULL, 0, "resize 0 1024 768");
}

/* Returns whether device and driver have negotiated a feature. */
static bool has_feature(unsigned int bit)
{
	char pattern[96], bits[65] = "";
	glob_t found;
	FILE *file;

	snprintf(pattern, sizeof(pattern), "/sys/class/drm/%s/device/virtio*/features",
		 basename((char *)kms_path()));
	check(!glob(pattern, 0, NULL, &found), "no %s", pattern);
	file = fopen(found.gl_pathv[0], "r");
	check(file && fgets(bits, sizeof(bits), file), "%s is empty", pattern);
	fclose(file);
	globfree(&found);
	return bits[bit] == '1';
}

/* User space gets the complete EDID of the host. */
static void edid(void)
{
	static const uint8_t header[] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	struct head head = kms_head(kms_open(), 0);
	drmModePropertyBlobRes *blob;
	uint64_t id = 0;
	const uint8_t *bytes;
	uint8_t sum = 0;
	uint32_t i;

	if (!has_feature(VIRTIO_GPU_F_EDID))
		skip("the device has no EDIDs");
	drmModeFreeConnector(kms_probe(&head));
	check(kms_connector_property(&head, "EDID", &id) && id, "the connector has no EDID");
	blob = drmModeGetPropertyBlob(head.fd, id);
	check(blob, "EDID: %s", strerror(errno));
	bytes = blob->data;
	check(blob->length && blob->length % 128 == 0, "an EDID of %u bytes", blob->length);
	check(!memcmp(bytes, header, sizeof(header)), "an EDID without its header");
	check(blob->length == 128u * (1 + bytes[126]), "%u bytes, and %u extensions", blob->length,
	      bytes[126]);
	for (i = 0; i < blob->length; i++)
		sum += bytes[i];
	check(!sum, "the EDID's checksum is wrong");
	drmModeFreePropertyBlob(blob);
}

/* Makes an EDID 1.4 with one detailed timing of 1000x500, a size that no window of these tests has. */
static void make_edid(uint8_t edid[128])
{
	static const uint8_t start[] = {
		0, 255, 255, 255, 255, 255, 255, 0,
		/* Manufacturer "VGP", product, serial number, date. */
		0x58, 0xf0, 1, 0, 1, 0, 0, 0, 1, 30,
		/* EDID 1.4, digital, size, gamma, the first timing is preferred. */
		1, 4, 0x80, 27, 14, 120, 0x0a,
	};
	static const uint8_t timing[] = {
		/* 33 MHz; 1000 pixels, blanking 80; 500 rows, blanking 10. */
		0xe4, 0x0c, 0xe8, 80, 0x30, 0xf4, 10, 0x10, 8, 32, 0x34, 0, 0, 0, 0, 0, 0, 0x1e,
	};
	uint8_t sum = 0;
	int i;

	memset(edid, 0, 128);
	memcpy(edid, start, sizeof(start));
	/* No standard timings, and three descriptors of the type "unused". */
	memset(edid + 38, 1, 16);
	memcpy(edid + 54, timing, sizeof(timing));
	for (i = 72; i < 126; i += 18)
		edid[i + 3] = 0x10;
	for (i = 0; i < 127; i++)
		sum += edid[i];
	edid[127] = -sum;
}

static void override_edid(const void *edid, size_t size)
{
	char path[128];
	int file;

	snprintf(path, sizeof(path), "%s/Virtual-1/edid_override", kms_debugfs());
	file = open(path, O_WRONLY | O_CLOEXEC);
	check(file >= 0, "%s: %s", path, strerror(errno));
	check(write(file, edid, size) == (ssize_t)size, "%s: %s", path, strerror(errno));
	close(file);
}

static void usual_edid(void *unused)
{
	(void)unused;
	override_edid("reset", 5);
	judge(NULL, 0, "resize 0 1024 768");
}

/* An EDID in edid_override replaces the host's, and so does its preferred mode. */
static void edid_override(void)
{
	struct head head = kms_head(kms_open(), 0);
	uint8_t edid[128];
	drmModePropertyBlobRes *blob;
	uint64_t id = 0;

	drmModeFreeConnector(kms_probe(&head));
	make_edid(edid);
	override_edid(edid, sizeof(edid));
	at_end(usual_edid, NULL);
	/* Makes drivers read EDIDs that do so only when a window changes. */
	judge(NULL, 0, "resize 0 800 600");
	kms_wait_for_size(&head, 1000, 500);
	check(kms_connector_property(&head, "EDID", &id) && id, "the connector has no EDID");
	blob = drmModeGetPropertyBlob(head.fd, id);
	check(blob, "EDID: %s", strerror(errno));
	check(blob->length == sizeof(edid) && !memcmp(blob->data, edid, sizeof(edid)),
	      "the EDID is not that of edid_override");
	drmModeFreePropertyBlob(blob);
	override_edid("reset", 5);
	judge(NULL, 0, "resize 0 1001 701");
	kms_wait_for_size(&head, 1001, 701);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "resize", "the guest's mode follows the size of the window", resize },
		{ "resize-second-head", "the same on the second head", resize_second_head },
		{ "resize-storm", "many resizes in quick succession", resize_storm },
		{ "hotplug-event", "user space gets an event when a window changes", hotplug_event },
		{ "edid", "user space gets the complete EDID of the host", edid },
		{ "edid-override", "edid_override replaces the host's EDID", edid_override },
		{ "unplug", "the second window closes and opens again", unplug },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
