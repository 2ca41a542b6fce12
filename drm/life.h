/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_LIFE_H
#define VIRTGPU_LIFE_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "reset.h"

struct virtgpu_cmd;
struct virtgpu_device;

/**
 * enum virtgpu_state - the state of a device
 * @VIRTGPU_STARTING: it is being initialized
 * @VIRTGPU_RUNNING: it works, as far as is known
 * @VIRTGPU_IN_TROUBLE: it was asked whether it is alive, and is not judged yet; or a reset is due
 * @VIRTGPU_RESETTING: it is being reset, or brought back after that
 * @VIRTGPU_ASLEEP: the machine is suspended
 * @VIRTGPU_GONE: it did not come back from a reset or a suspend, or the driver leaves it
 */
enum virtgpu_state {
	VIRTGPU_STARTING,
	VIRTGPU_RUNNING,
	VIRTGPU_IN_TROUBLE,
	VIRTGPU_RESETTING,
	VIRTGPU_ASLEEP,
	VIRTGPU_GONE,
};

/**
 * struct virtgpu_life - the state of a device, and what is known about its trouble
 * @lock: protects the members below, except @changed and @judge; @state may be read without it
 * @changed: woken when @state changes
 * @state: the state, which only the functions of life.c change
 * @is_leaving: the driver leaves the device for good
 * @is_asked: the device was asked whether it is alive, and is not judged yet
 * @is_answered: it has answered that question
 * @has_forgotten: it has lost commands, and was not reset since
 * @answers: &virtgpu_queue.answers of the control queue when it was asked
 * @asked_at: when it was asked, in jiffies
 * @due: why a reset is due
 * @last: why the last reset was due
 * @resets: how many resets of any kind have begun
 * @reset_at: when the last of these resets began or ended, in jiffies
 * @reset_since: when the last reset of any kind began, in jiffies
 * @judge: work that judges the device
 */
struct virtgpu_life {
	spinlock_t lock;
	wait_queue_head_t changed;
	enum virtgpu_state state;
	bool is_leaving;
	bool is_asked;
	bool is_answered;
	bool has_forgotten;
	u32 answers;
	unsigned long asked_at;
	enum virtgpu_cause due;
	enum virtgpu_cause last;
	u32 resets;
	unsigned long reset_at;
	unsigned long reset_since;
	struct delayed_work judge;
};

/**
 * struct virtgpu_recovery - the state of a device, and how it is brought back
 * @vg: the device
 * @life: its state
 * @reset_work: resets the device and restores its resources
 * @config_work: handles a change of the device's configuration
 * @has_parent_lock: the driver leaves the device, and holds the lock of the PCI device
 */
struct virtgpu_recovery {
	struct virtgpu_device *vg;
	struct virtgpu_life life;
	struct delayed_work reset_work;
	struct work_struct config_work;
	bool has_parent_lock;
};

const char *virtgpu_state_text(enum virtgpu_state state);
bool virtgpu_state_may_follow(enum virtgpu_state from, enum virtgpu_state to);

void virtgpu_life_init(struct virtgpu_device *vg);
void virtgpu_life_disable(struct virtgpu_device *vg);

bool virtgpu_life_up(struct virtgpu_device *vg);
bool virtgpu_life_begin_reset(struct virtgpu_device *vg);
bool virtgpu_life_begin_recovery(struct virtgpu_device *vg);
void virtgpu_life_end_recovery(struct virtgpu_device *vg);
void virtgpu_life_sleep(struct virtgpu_device *vg);
void virtgpu_life_fail(struct virtgpu_device *vg, int error);
void virtgpu_life_leave(struct virtgpu_device *vg);

bool virtgpu_life_is_up(const struct virtgpu_device *vg);
bool virtgpu_life_is_leaving(struct virtgpu_device *vg);
int virtgpu_life_wait(struct virtgpu_device *vg);
bool virtgpu_life_again(struct virtgpu_device *vg, int *ret);

void virtgpu_life_ask(struct virtgpu_device *vg);
void virtgpu_life_answered(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_life_forget(struct virtgpu_device *vg);
void virtgpu_life_context_gone(struct virtgpu_device *vg);
bool virtgpu_life_has_answered(struct virtgpu_device *vg);
bool virtgpu_life_note_due(struct virtgpu_device *vg, enum virtgpu_cause cause,
			   unsigned long *delay);
enum virtgpu_cause virtgpu_life_due(struct virtgpu_device *vg);
bool virtgpu_life_call_off(struct virtgpu_device *vg, enum virtgpu_cause cause);

#endif
