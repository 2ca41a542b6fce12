// SPDX-License-Identifier: GPL-2.0
/*
 * Is the device alive? A wait that times out has the device asked. It is dead if it answers nothing
 * at all, and only then it is reset. Late answers are answers. What a device that is alive has lost
 * is repaired without a reset if there are contexts, because these would not survive it.
 */
#include <linux/jiffies.h>

#include "virtgpu_cmd.h"
#include "virtgpu_context.h"
#include "virtgpu_life.h"
#include "virtgpu_pm.h"
#include "virtgpu_render.h"

/* How often a device that was asked is looked at. */
#define VIRTGPU_LIFE_LOOK	HZ

enum virtgpu_verdict {
	VIRTGPU_OPEN,
	VIRTGPU_ALIVE,
	VIRTGPU_FORGETFUL,
	VIRTGPU_DEAD,
};

static void virtgpu_life_answered(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_life *life = &vg->recovery->life;

	if (cmd->end != VIRTGPU_CMD_ANSWERED)
		return;
	spin_lock(&life->lock);
	life->is_answered = true;
	spin_unlock(&life->lock);
	mod_delayed_work(system_freezable_wq, &life->judge, 0);
}

/**
 * virtgpu_life_ask - a wait has timed out: ask the device whether it is alive
 * @vg: the device
 *
 * Does not sleep. If the ring is full, no question is sent: the commands in it serve as one.
 */
void virtgpu_life_ask(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool is_first;

	spin_lock(&life->lock);
	is_first = !life->is_asked;
	if (is_first) {
		life->is_asked = true;
		life->is_answered = false;
		life->answers = READ_ONCE(vg->transport->ctrl.answers);
		life->asked_at = jiffies;
	}
	spin_unlock(&life->lock);
	if (!is_first)
		return;

	virtgpu_cmd_question(vg, virtgpu_life_answered);
	queue_delayed_work(system_freezable_wq, &life->judge, VIRTGPU_LIFE_LOOK);
}

/**
 * virtgpu_life_forget - the device was reset: what it was asked does not count any more
 * @vg: the device
 */
void virtgpu_life_forget(struct virtgpu_device *vg)
{
	spin_lock(&vg->recovery->life.lock);
	vg->recovery->life.is_asked = false;
	spin_unlock(&vg->recovery->life.lock);
}

/**
 * virtgpu_life_has_answered - whether a device that was dead has answered anything since
 * @vg: the device
 *
 * Returns: whether it has.
 */
bool virtgpu_life_has_answered(struct virtgpu_device *vg)
{
	virtgpu_queue_flush(&vg->transport->ctrl);
	return READ_ONCE(vg->transport->ctrl.answers) != vg->recovery->life.answers;
}

/* A host that renders may answer nothing else meanwhile. */
static bool virtgpu_life_may_render(struct virtgpu_device *vg)
{
	return virtgpu_contexts_live(vg) &&
	       time_before(jiffies, READ_ONCE(vg->transport->ctrl.heard) +
				    virtgpu_fence_patience());
}

static enum virtgpu_verdict virtgpu_life_verdict(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	enum virtgpu_verdict verdict;

	spin_lock(&life->lock);
	if (!life->is_asked || life->is_answered)
		verdict = VIRTGPU_ALIVE;
	else if (time_before(jiffies, life->asked_at + virtgpu_queue_patience()))
		verdict = VIRTGPU_OPEN;
	else if (READ_ONCE(vg->transport->ctrl.answers) != life->answers)
		verdict = VIRTGPU_FORGETFUL;
	else if (virtgpu_life_may_render(vg))
		verdict = VIRTGPU_OPEN;
	else
		verdict = VIRTGPU_DEAD;
	if (verdict != VIRTGPU_OPEN)
		life->is_asked = false;
	spin_unlock(&life->lock);
	return verdict;
}

/* The device is alive, but some commands were never answered, or not sent. */
static void virtgpu_life_repair(struct virtgpu_device *vg)
{
	if (virtgpu_contexts_live(vg))
		virtgpu_mend(vg);
	else
		virtgpu_reset_schedule(vg, "the host forgets commands");
}

static void virtgpu_life_judge(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(to_delayed_work(work),
							 struct virtgpu_recovery, life.judge);
	struct virtgpu_device *vg = recovery->vg;
	enum virtgpu_verdict verdict;
	bool has_lost;

	/* Its answer may be there, and nobody has looked. */
	virtgpu_queue_flush(&vg->transport->ctrl);
	verdict = virtgpu_life_verdict(vg);
	switch (verdict) {
	case VIRTGPU_OPEN:
		virtgpu_queue_kick_again(&vg->transport->ctrl);
		queue_delayed_work(system_freezable_wq, &recovery->life.judge, VIRTGPU_LIFE_LOOK);
		return;
	case VIRTGPU_DEAD:
		virtgpu_reset_dead(vg);
		return;
	default:
		break;
	}

	virtgpu_fences_give_up(vg);
	has_lost = virtgpu_queue_has_lost(&vg->transport->ctrl);
	/* Its orders have an answer of their own, see virtgpu_cursor_watch(). */
	has_lost |= READ_ONCE(vg->transport->cursor.stalled);
	if (has_lost || verdict == VIRTGPU_FORGETFUL)
		virtgpu_life_repair(vg);
}

/**
 * virtgpu_life_init - get ready to judge a device
 * @vg: the device
 */
void virtgpu_life_init(struct virtgpu_device *vg)
{
	spin_lock_init(&vg->recovery->life.lock);
	INIT_DELAYED_WORK(&vg->recovery->life.judge, virtgpu_life_judge);
}

/**
 * virtgpu_life_disable - the device is not judged any more
 * @vg: the device
 */
void virtgpu_life_disable(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->recovery->life.judge);
}
