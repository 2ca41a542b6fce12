/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_LIFE_H
#define VIRTGPU_LIFE_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct virtgpu_device;

/**
 * struct virtgpu_life - what is known of a device whose answer did not come in time
 * @lock: protects what follows, @judge excepted
 * @is_asked: the device was asked whether it is alive, and is not judged yet
 * @is_answered: it has answered that question
 * @answers: &virtgpu_queue.answers of the control queue when it was asked
 * @asked_at: when that was, in jiffies
 * @judge: judges it
 */
struct virtgpu_life {
	spinlock_t lock;
	bool is_asked;
	bool is_answered;
	u32 answers;
	unsigned long asked_at;
	struct delayed_work judge;
};

/**
 * struct virtgpu_recovery - whether a device is alive, and how it is brought back
 * @vg: the device
 * @life: whether it is alive
 * @reset_work: resets a device that lost commands and restores its resources
 * @is_broken: nothing but a reset helps, whether the device answers or not
 * @reset_at: jiffies of the last such reset
 * @config_work: acts on a change of the device's configuration
 */
struct virtgpu_recovery {
	struct virtgpu_device *vg;
	struct virtgpu_life life;
	struct delayed_work reset_work;
	bool is_broken;
	unsigned long reset_at;
	struct work_struct config_work;
};

void virtgpu_life_init(struct virtgpu_device *vg);
void virtgpu_life_disable(struct virtgpu_device *vg);
void virtgpu_life_ask(struct virtgpu_device *vg);
void virtgpu_life_forget(struct virtgpu_device *vg);
bool virtgpu_life_has_answered(struct virtgpu_device *vg);

#endif
