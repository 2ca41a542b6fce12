// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: The state of the device
 *
 * The device has one state (&enum virtgpu_state), which only this file changes. Functions that need
 * the device wait for the state. docs/architecture.md has a figure of the states.
 *
 * When a wait times out, the device is asked whether it is alive. Any answer counts, also a late
 * one. A device that answers nothing is *dead*, and is reset. A device that is alive but has lost
 * commands is *forgetful*. It is reset, too, unless there are contexts, which a reset would
 * destroy: then the current state is sent again instead, and the reset follows when the last
 * context is gone.
 */
#include <linux/jiffies.h>

#include <drm/drm_print.h>

#include "life.h"
#include "render/context.h"
#include "render/render.h"
#include "reset.h"
#include "transport/encode.h"

/* How often a device that was asked is judged. */
#define VIRTGPU_LIFE_LOOK	HZ

/* How long a reset may take; the PCI core waits as long for a device. */
#define VIRTGPU_LIFE_RESET	(60 * HZ)

enum virtgpu_verdict {
	VIRTGPU_OPEN,
	VIRTGPU_ALIVE,
	VIRTGPU_FORGETFUL,
	VIRTGPU_DEAD,
};

static const char *const virtgpu_state_texts[] = {
	[VIRTGPU_STARTING] = "starting",
	[VIRTGPU_RUNNING] = "running",
	[VIRTGPU_IN_TROUBLE] = "in trouble",
	[VIRTGPU_RESETTING] = "resetting",
	[VIRTGPU_ASLEEP] = "asleep",
	[VIRTGPU_GONE] = "gone",
};

#define VIRTGPU_UP	(BIT(VIRTGPU_RUNNING) | BIT(VIRTGPU_IN_TROUBLE))
#define VIRTGPU_AWAY	(BIT(VIRTGPU_RESETTING) | BIT(VIRTGPU_ASLEEP))

/* The states that may follow each state. */
static const u32 virtgpu_state_followers[] = {
	[VIRTGPU_STARTING] = VIRTGPU_UP | BIT(VIRTGPU_GONE),
	[VIRTGPU_RUNNING] = BIT(VIRTGPU_IN_TROUBLE) | VIRTGPU_AWAY | BIT(VIRTGPU_GONE),
	[VIRTGPU_IN_TROUBLE] = BIT(VIRTGPU_RUNNING) | VIRTGPU_AWAY | BIT(VIRTGPU_GONE),
	/* A suspend may begin before it is known that the device did not come back. */
	[VIRTGPU_RESETTING] = VIRTGPU_UP | BIT(VIRTGPU_ASLEEP) | BIT(VIRTGPU_GONE),
	[VIRTGPU_ASLEEP] = VIRTGPU_UP | BIT(VIRTGPU_GONE),
	/* A device that did not come back may do so after the next reset. */
	[VIRTGPU_GONE] = VIRTGPU_AWAY,
};

/**
 * virtgpu_state_text - the name of a state, for messages
 * @state: the state
 *
 * Returns: a constant string.
 */
const char *virtgpu_state_text(enum virtgpu_state state)
{
	return virtgpu_state_texts[state];
}

/**
 * virtgpu_state_may_follow - whether a state may follow another
 * @from: the old state
 * @to: the new state
 *
 * Returns: true if so.
 */
bool virtgpu_state_may_follow(enum virtgpu_state from, enum virtgpu_state to)
{
	return virtgpu_state_followers[from] & BIT(to);
}

static bool virtgpu_life_is_in(const struct virtgpu_life *life, u32 states)
{
	return BIT(READ_ONCE(life->state)) & states;
}

static void virtgpu_life_set(struct virtgpu_device *vg, enum virtgpu_state state)
{
	struct virtgpu_life *life = &vg->recovery->life;

	lockdep_assert_held(&life->lock);
	if (life->state == state)
		return;
	drm_WARN(&vg->drm, !virtgpu_state_may_follow(life->state, state), "%s after %s\n",
		 virtgpu_state_text(state), virtgpu_state_text(life->state));
	WRITE_ONCE(life->state, state);
	wake_up_all(&life->changed);
}

/* Returns the state of a device that is neither away nor gone. */
static enum virtgpu_state virtgpu_life_condition(const struct virtgpu_life *life)
{
	return life->is_asked || life->due ? VIRTGPU_IN_TROUBLE : VIRTGPU_RUNNING;
}

/* Updates the state after a change of what is known about the device. */
static void virtgpu_life_settle(struct virtgpu_device *vg)
{
	lockdep_assert_held(&vg->recovery->life.lock);
	if (virtgpu_life_is_in(&vg->recovery->life, VIRTGPU_UP))
		virtgpu_life_set(vg, virtgpu_life_condition(&vg->recovery->life));
}

/**
 * virtgpu_life_up - note that the device is initialized, or has come back
 * @vg: the device
 *
 * Returns: false if it is too late, because the driver leaves the device.
 */
bool virtgpu_life_up(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool is_away;

	spin_lock_bh(&life->lock);
	is_away = virtgpu_life_is_in(life, BIT(VIRTGPU_STARTING) | VIRTGPU_AWAY);
	if (is_away)
		virtgpu_life_set(vg, virtgpu_life_condition(life));
	spin_unlock_bh(&life->lock);
	return is_away;
}

static void virtgpu_life_begin(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;

	lockdep_assert_held(&life->lock);
	if (!virtgpu_life_is_in(life, BIT(VIRTGPU_RESETTING)))
		WRITE_ONCE(life->resets, life->resets + 1);
	life->reset_since = jiffies;
	virtgpu_life_set(vg, VIRTGPU_RESETTING);
	queue_delayed_work(system_freezable_wq, &life->judge, VIRTGPU_LIFE_LOOK);
}

/**
 * virtgpu_life_begin_reset - note that the PCI device is about to be reset
 * @vg: the device
 *
 * The device is initialized, see virtgpu_bound_wait(). If recovery resets it, the state is
 * %VIRTGPU_RESETTING already.
 *
 * Returns: true if the device is to come back after that.
 */
bool virtgpu_life_begin_reset(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool may_begin;

	spin_lock_bh(&life->lock);
	may_begin = !life->is_leaving && !virtgpu_life_is_in(life, BIT(VIRTGPU_ASLEEP));
	if (may_begin)
		virtgpu_life_begin(vg);
	spin_unlock_bh(&life->lock);
	return may_begin;
}

/**
 * virtgpu_life_begin_recovery - begin the reset that is due
 * @vg: the device
 *
 * Does not sleep.
 *
 * Returns: true if the device is up and the reset is still due.
 */
bool virtgpu_life_begin_recovery(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool may_begin;

	spin_lock_bh(&life->lock);
	may_begin = life->due && virtgpu_life_is_in(life, VIRTGPU_UP);
	if (may_begin) {
		/* New trouble does not lead to another reset for a while. */
		life->reset_at = jiffies;
		virtgpu_life_begin(vg);
	}
	spin_unlock_bh(&life->lock);
	return may_begin;
}

/**
 * virtgpu_life_end_recovery - note the end of the reset, which may have taken long
 * @vg: the device
 */
void virtgpu_life_end_recovery(struct virtgpu_device *vg)
{
	spin_lock_bh(&vg->recovery->life.lock);
	vg->recovery->life.reset_at = jiffies;
	spin_unlock_bh(&vg->recovery->life.lock);
}

/**
 * virtgpu_life_sleep - note that the machine is about to be suspended
 * @vg: the device
 */
void virtgpu_life_sleep(struct virtgpu_device *vg)
{
	spin_lock_bh(&vg->recovery->life.lock);
	if (!vg->recovery->life.is_leaving)
		virtgpu_life_set(vg, VIRTGPU_ASLEEP);
	spin_unlock_bh(&vg->recovery->life.lock);
}

/**
 * virtgpu_life_fail - note that the device does not come back after a reset or a suspend
 * @vg: the device
 * @error: why
 */
void virtgpu_life_fail(struct virtgpu_device *vg, int error)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool was_away;

	spin_lock_bh(&life->lock);
	was_away = virtgpu_life_is_in(life, VIRTGPU_AWAY);
	if (was_away) {
		life->due = VIRTGPU_CAUSE_NONE;
		virtgpu_life_set(vg, VIRTGPU_GONE);
	}
	spin_unlock_bh(&life->lock);
	if (was_away)
		drm_err(&vg->drm, "the device did not come back: %d\n", error);
}

/* Marks a device that the driver leaves as gone. Returns false while it is being reset. */
static bool virtgpu_life_try_leave(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool may_leave;

	spin_lock_bh(&life->lock);
	may_leave = !virtgpu_life_is_in(life, BIT(VIRTGPU_RESETTING));
	if (may_leave) {
		life->is_leaving = true;
		virtgpu_life_set(vg, VIRTGPU_GONE);
	}
	spin_unlock_bh(&life->lock);
	return may_leave;
}

/**
 * virtgpu_life_leave - mark a device that the driver leaves as gone, so that it is not reset
 * @vg: the device
 *
 * Waits for a reset in progress, which has a time limit.
 */
void virtgpu_life_leave(struct virtgpu_device *vg)
{
	wait_event(vg->recovery->life.changed, virtgpu_life_try_leave(vg));
}

/**
 * virtgpu_life_is_up - whether a device can be used
 * @vg: the device
 *
 * Returns: true if it is running or in trouble.
 */
bool virtgpu_life_is_up(const struct virtgpu_device *vg)
{
	return virtgpu_life_is_in(&vg->recovery->life, VIRTGPU_UP);
}

/**
 * virtgpu_life_is_leaving - whether virtgpu_life_leave() was called
 * @vg: the device
 *
 * Returns: true if it was.
 */
bool virtgpu_life_is_leaving(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool is_leaving;

	spin_lock_bh(&life->lock);
	is_leaving = life->is_leaving;
	spin_unlock_bh(&life->lock);
	return is_leaving;
}

/**
 * virtgpu_life_wait - wait until the device has come back
 * @vg: the device
 *
 * The caller must not hold a lock that is taken to bring the device back: &virtgpu_memory.making,
 * &virtgpu_resource.lock or &virtgpu_fences.emit.
 *
 * Returns: 0; -ENODEV if it is gone; -EIO if it does not come back soon; -ERESTARTSYS if the
 * program is killed.
 */
int virtgpu_life_wait(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	long left = wait_event_killable_timeout(life->changed,
						virtgpu_life_is_in(life, VIRTGPU_UP |
								   BIT(VIRTGPU_GONE)),
						virtgpu_queue_timeout(&vg->transport->ctrl));

	if (left <= 0)
		return left ?: -EIO;
	return virtgpu_life_is_in(life, BIT(VIRTGPU_GONE)) ? -ENODEV : 0;
}

/**
 * virtgpu_life_again - whether to retry what has failed because of a reset
 * @vg: the device
 * @ret: 0 or the error; changed if the device does not come back
 *
 * Waits for the device, see virtgpu_life_wait().
 *
 * Returns: true if the caller should retry.
 */
bool virtgpu_life_again(struct virtgpu_device *vg, int *ret)
{
	if (*ret != -ENODEV)
		return false;
	*ret = virtgpu_life_wait(vg);
	return !*ret;
}

/**
 * virtgpu_life_answered - %VIRTGPU_DONE_QUESTION: the device may have answered that it is alive
 * @vg: the device
 * @cmd: the question
 */
void virtgpu_life_answered(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_life *life = &vg->recovery->life;

	if (cmd->end != VIRTGPU_CMD_ANSWERED)
		return;
	spin_lock_bh(&life->lock);
	life->is_answered = true;
	spin_unlock_bh(&life->lock);
	mod_delayed_work(system_freezable_wq, &life->judge, 0);
}

/**
 * virtgpu_life_ask - ask the device whether it is alive, because a wait has timed out
 * @vg: the device
 *
 * Does not sleep. If the ring is full, no question is sent, because the commands in the ring serve
 * as one.
 */
void virtgpu_life_ask(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool is_first;

	spin_lock_bh(&life->lock);
	is_first = !life->is_asked && !virtgpu_life_is_in(life, BIT(VIRTGPU_ASLEEP) |
							  BIT(VIRTGPU_GONE));
	if (is_first) {
		life->is_asked = true;
		life->is_answered = false;
		life->answers = READ_ONCE(vg->transport->ctrl.answers);
		life->asked_at = jiffies;
		virtgpu_life_settle(vg);
	}
	spin_unlock_bh(&life->lock);
	if (!is_first)
		return;

	virtgpu_cmd_question(vg);
	queue_delayed_work(system_freezable_wq, &life->judge, VIRTGPU_LIFE_LOOK);
}

/**
 * virtgpu_life_forget - discard what is known about the device's trouble, because it was reset
 * @vg: the device
 */
void virtgpu_life_forget(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;

	spin_lock_bh(&life->lock);
	life->is_asked = false;
	life->has_forgotten = false;
	life->due = VIRTGPU_CAUSE_NONE;
	virtgpu_life_settle(vg);
	spin_unlock_bh(&life->lock);
}

/**
 * virtgpu_life_note_due - note that a reset is due, see virtgpu_reset_decide()
 * @vg: the device
 * @cause: why
 * @delay: set to the time until the reset, in jiffies
 *
 * Returns: true if no reset was due before.
 */
bool virtgpu_life_note_due(struct virtgpu_device *vg, enum virtgpu_cause cause,
			   unsigned long *delay)
{
	struct virtgpu_life *life = &vg->recovery->life;
	unsigned long next;
	bool is_news = false;

	spin_lock_bh(&life->lock);
	next = life->reset_at + virtgpu_queue_patience();
	*delay = time_before(jiffies, next) ? next - jiffies : 0;
	if (!virtgpu_life_is_in(life, BIT(VIRTGPU_ASLEEP) | BIT(VIRTGPU_GONE))) {
		is_news = !life->due;
		/* Replaces a cause that an answer of the device would remove. */
		if (is_news || virtgpu_cause_is_called_off(life->due)) {
			life->due = cause;
			life->last = cause;
		}
		virtgpu_life_settle(vg);
	}
	spin_unlock_bh(&life->lock);
	return is_news;
}

/**
 * virtgpu_life_due - why a reset is due
 * @vg: the device
 *
 * Returns: the cause; %VIRTGPU_CAUSE_NONE if no reset is due.
 */
enum virtgpu_cause virtgpu_life_due(struct virtgpu_device *vg)
{
	enum virtgpu_cause due;

	spin_lock_bh(&vg->recovery->life.lock);
	due = vg->recovery->life.due;
	spin_unlock_bh(&vg->recovery->life.lock);
	return due;
}

/**
 * virtgpu_life_call_off - cancel the reset that is due
 * @vg: the device
 * @cause: why it was due
 *
 * Returns: false if there is another cause now.
 */
bool virtgpu_life_call_off(struct virtgpu_device *vg, enum virtgpu_cause cause)
{
	struct virtgpu_life *life = &vg->recovery->life;
	bool is_off;

	spin_lock_bh(&life->lock);
	is_off = life->due == cause;
	if (is_off) {
		life->due = VIRTGPU_CAUSE_NONE;
		virtgpu_life_settle(vg);
	}
	spin_unlock_bh(&life->lock);
	return is_off;
}

/**
 * virtgpu_life_has_answered - whether a dead device has answered anything since it was asked
 * @vg: the device
 *
 * Returns: true if it has.
 */
bool virtgpu_life_has_answered(struct virtgpu_device *vg)
{
	virtgpu_queue_flush(&vg->transport->ctrl);
	return READ_ONCE(vg->transport->ctrl.answers) != vg->recovery->life.answers;
}

/* Whether the host may be rendering, and may therefore answer nothing. */
static bool virtgpu_life_may_render(struct virtgpu_device *vg)
{
	return virtgpu_contexts_live(vg) &&
	       time_before(jiffies, READ_ONCE(vg->transport->ctrl.heard) +
				    virtgpu_fence_patience());
}

static enum virtgpu_verdict virtgpu_life_verdict(struct virtgpu_device *vg)
{
	struct virtgpu_life *life = &vg->recovery->life;
	/* Before the lock: softirqs take it, and the lock of the contexts is not safe there. */
	bool may_render = virtgpu_life_may_render(vg);
	enum virtgpu_verdict verdict;

	spin_lock_bh(&life->lock);
	if (!life->is_asked || life->is_answered)
		verdict = VIRTGPU_ALIVE;
	else if (time_before(jiffies, life->asked_at + virtgpu_queue_patience()))
		verdict = VIRTGPU_OPEN;
	else if (READ_ONCE(vg->transport->ctrl.answers) != life->answers)
		verdict = VIRTGPU_FORGETFUL;
	else if (may_render)
		verdict = VIRTGPU_OPEN;
	else
		verdict = VIRTGPU_DEAD;
	if (verdict != VIRTGPU_OPEN)
		life->is_asked = false;
	/* A dead device stays in trouble, because it will be reset. */
	if (verdict != VIRTGPU_DEAD)
		virtgpu_life_settle(vg);
	spin_unlock_bh(&life->lock);
	return verdict;
}

/* Repairs a device that is alive, but has lost some commands. */
static void virtgpu_life_repair(struct virtgpu_device *vg)
{
	/* Set before the contexts are checked, because the last one may end in between. */
	spin_lock_bh(&vg->recovery->life.lock);
	vg->recovery->life.has_forgotten = true;
	spin_unlock_bh(&vg->recovery->life.lock);
	if (virtgpu_contexts_live(vg))
		virtgpu_mend(vg);
	else
		virtgpu_reset_decide(vg, VIRTGPU_CAUSE_FORGETFUL);
}

/**
 * virtgpu_life_context_gone - make up for the reset that a context has prevented
 * @vg: the device
 *
 * A command that was lost keeps its memory until the device is reset. Without contexts, a reset
 * costs nobody anything. Does not sleep.
 */
void virtgpu_life_context_gone(struct virtgpu_device *vg)
{
	bool is_due;

	spin_lock_bh(&vg->recovery->life.lock);
	is_due = vg->recovery->life.has_forgotten;
	spin_unlock_bh(&vg->recovery->life.lock);
	if (is_due && !virtgpu_contexts_live(vg))
		virtgpu_reset_decide(vg, VIRTGPU_CAUSE_FORGETFUL);
}

/* Whether it is being reset. The PCI core does not report a device that does not come back. */
static bool virtgpu_life_is_resetting(struct virtgpu_device *vg)
{
	if (!virtgpu_life_is_in(&vg->recovery->life, BIT(VIRTGPU_RESETTING)))
		return false;
	if (time_after_eq(jiffies, READ_ONCE(vg->recovery->life.reset_since) + VIRTGPU_LIFE_RESET))
		virtgpu_life_fail(vg, -ETIMEDOUT);
	return true;
}

static void virtgpu_life_judge(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(to_delayed_work(work),
							 struct virtgpu_recovery, life.judge);
	struct virtgpu_device *vg = recovery->vg;
	enum virtgpu_verdict verdict;
	bool has_lost;

	if (virtgpu_life_is_resetting(vg)) {
		queue_delayed_work(system_freezable_wq, &recovery->life.judge, VIRTGPU_LIFE_LOOK);
		return;
	}
	/* Its answer may be in the ring already. */
	virtgpu_queue_flush(&vg->transport->ctrl);
	verdict = virtgpu_life_verdict(vg);
	switch (verdict) {
	case VIRTGPU_OPEN:
		virtgpu_queue_kick_again(&vg->transport->ctrl);
		queue_delayed_work(system_freezable_wq, &recovery->life.judge, VIRTGPU_LIFE_LOOK);
		return;
	case VIRTGPU_DEAD:
		virtgpu_reset_decide(vg, VIRTGPU_CAUSE_DEAD);
		return;
	default:
		break;
	}

	virtgpu_fences_lose_contexts(vg);
	has_lost = virtgpu_queue_has_lost(&vg->transport->ctrl);
	/* On the cursor queue the next order detects a lost one, see virtgpu_cursor_watch(). */
	has_lost |= virtgpu_irq_is_stalled(&vg->transport->cursor.irq);
	if (has_lost || verdict == VIRTGPU_FORGETFUL)
		virtgpu_life_repair(vg);
}

/**
 * virtgpu_life_init - initialize the state of a device
 * @vg: the device
 */
void virtgpu_life_init(struct virtgpu_device *vg)
{
	spin_lock_init(&vg->recovery->life.lock);
	init_waitqueue_head(&vg->recovery->life.changed);
	vg->recovery->life.state = VIRTGPU_STARTING;
	vg->recovery->life.reset_at = jiffies - virtgpu_queue_patience();
	INIT_DELAYED_WORK(&vg->recovery->life.judge, virtgpu_life_judge);
}

/**
 * virtgpu_life_disable - stop judging a device
 * @vg: the device
 */
void virtgpu_life_disable(struct virtgpu_device *vg)
{
	disable_delayed_work_sync(&vg->recovery->life.judge);
}
