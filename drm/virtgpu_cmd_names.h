/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_CMD_NAMES_H
#define VIRTGPU_CMD_NAMES_H

/* The requests a driver sends, for messages and tracepoints. */
#define VIRTGPU_CMD_NAMES(name)		\
	name(GET_DISPLAY_INFO),		\
	name(RESOURCE_CREATE_2D),	\
	name(RESOURCE_UNREF),		\
	name(SET_SCANOUT),		\
	name(RESOURCE_FLUSH),		\
	name(TRANSFER_TO_HOST_2D),	\
	name(RESOURCE_ATTACH_BACKING),	\
	name(GET_EDID),			\
	name(UPDATE_CURSOR),		\
	name(MOVE_CURSOR)

#endif
