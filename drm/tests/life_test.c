// SPDX-License-Identifier: GPL-2.0
#include "life.c"
#include "tests/kunit.h"

static struct virtgpu_device *device_in(struct kunit *test, enum virtgpu_state state)
{
	struct virtgpu_device *vg = virtgpu_kunit_device(test);

	vg->recovery->life.is_leaving = false;
	vg->recovery->life.state = state;
	return vg;
}

static void states_follow_each_other(struct kunit *test)
{
	/* Rows and columns in the order of the states: starting, running ... gone. */
	static const bool legal[6][6] = {
		{ 0, 1, 1, 0, 0, 1 },
		{ 0, 0, 1, 1, 1, 1 },
		{ 0, 1, 0, 1, 1, 1 },
		{ 0, 1, 1, 0, 1, 1 },
		{ 0, 1, 1, 0, 0, 1 },
		{ 0, 0, 0, 1, 1, 0 },
	};
	unsigned int from, to;

	for (from = VIRTGPU_STARTING; from <= VIRTGPU_GONE; from++)
		for (to = VIRTGPU_STARTING; to <= VIRTGPU_GONE; to++)
			KUNIT_EXPECT_EQ_MSG(test, virtgpu_state_may_follow(from, to),
					    legal[from][to], "%s after %s",
					    virtgpu_state_text(to), virtgpu_state_text(from));
}

static void asked_device_is_in_trouble(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);

	virtgpu_life_ask(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_IN_TROUBLE);
	vg->recovery->life.is_answered = true;
	KUNIT_EXPECT_EQ(test, virtgpu_life_verdict(vg), VIRTGPU_ALIVE);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_RUNNING);
	virtgpu_life_disable(vg);
}

/* A device that was asked, or broke, during its initialization is in trouble after that. */
static void trouble_while_starting_counts(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_STARTING);
	unsigned long delay;

	KUNIT_EXPECT_TRUE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_BROKEN, &delay));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_STARTING);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_begin_recovery(vg));
	KUNIT_EXPECT_TRUE(test, virtgpu_life_up(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_IN_TROUBLE);
	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_recovery(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_RESETTING);
	virtgpu_life_disable(vg);
}

static void only_silence_is_called_off(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	unsigned long delay;

	KUNIT_EXPECT_TRUE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_DEAD, &delay));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_IN_TROUBLE);
	/* A cause that an answer removes is replaced by one that stays, but not vice versa. */
	KUNIT_EXPECT_FALSE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_ASKED, &delay));
	KUNIT_EXPECT_FALSE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_DEAD, &delay));
	KUNIT_EXPECT_EQ(test, virtgpu_life_due(vg), VIRTGPU_CAUSE_ASKED);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_call_off(vg, VIRTGPU_CAUSE_DEAD));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_IN_TROUBLE);
	/* A reset removes all causes. */
	virtgpu_life_forget(vg);
	KUNIT_EXPECT_EQ(test, virtgpu_life_due(vg), VIRTGPU_CAUSE_NONE);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.last, VIRTGPU_CAUSE_ASKED);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_RUNNING);
}

static void resets_are_apart(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	unsigned long delay;

	virtgpu_life_note_due(vg, VIRTGPU_CAUSE_BROKEN, &delay);
	KUNIT_EXPECT_EQ(test, delay, 0);
	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_recovery(vg));
	virtgpu_life_forget(vg);
	KUNIT_EXPECT_TRUE(test, virtgpu_life_up(vg));
	virtgpu_life_note_due(vg, VIRTGPU_CAUSE_BROKEN, &delay);
	KUNIT_EXPECT_GT(test, delay, virtgpu_queue_patience() / 2);
	KUNIT_EXPECT_LE(test, delay, virtgpu_queue_patience());
	virtgpu_life_disable(vg);
}

/* A device that is away for long is neither asked nor reset. */
static void sleeping_device_is_left_alone(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	unsigned long delay;

	virtgpu_life_sleep(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_ASLEEP);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_ASKED, &delay));
	virtgpu_life_ask(vg);
	KUNIT_EXPECT_FALSE(test, vg->recovery->life.is_asked);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_begin_reset(vg));
	KUNIT_EXPECT_TRUE(test, virtgpu_life_up(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_RUNNING);
}

static void failed_device_may_come_back(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);

	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_reset(vg));
	/* The reset of recovery has begun already when the bus reports it. */
	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_reset(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.resets, 1);
	virtgpu_life_fail(vg, -EIO);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_GONE);
	KUNIT_EXPECT_EQ(test, virtgpu_life_wait(vg), -ENODEV);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_up(vg));
	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_reset(vg));
	KUNIT_EXPECT_TRUE(test, virtgpu_life_up(vg));
	virtgpu_life_disable(vg);
}

/* The wait for a reset that does not end has a limit. */
static void reset_has_a_limit(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);

	KUNIT_EXPECT_TRUE(test, virtgpu_life_begin_reset(vg));
	KUNIT_EXPECT_TRUE(test, virtgpu_life_is_resetting(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_RESETTING);
	vg->recovery->life.reset_since = jiffies - VIRTGPU_LIFE_RESET;
	KUNIT_EXPECT_TRUE(test, virtgpu_life_is_resetting(vg));
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_GONE);
	virtgpu_life_disable(vg);
}

static void leaving_is_for_ever(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);

	virtgpu_life_leave(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_GONE);
	KUNIT_EXPECT_FALSE(test, virtgpu_life_begin_reset(vg));
	KUNIT_EXPECT_FALSE(test, virtgpu_life_up(vg));
	virtgpu_life_sleep(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_GONE);
}

/* The same for a device that is gone. */
static void gone_device_is_left_alone(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_GONE);
	unsigned long delay;

	KUNIT_EXPECT_FALSE(test, virtgpu_life_note_due(vg, VIRTGPU_CAUSE_ASKED, &delay));
	KUNIT_EXPECT_EQ(test, virtgpu_life_due(vg), VIRTGPU_CAUSE_NONE);
	virtgpu_life_ask(vg);
	KUNIT_EXPECT_FALSE(test, vg->recovery->life.is_asked);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.state, VIRTGPU_GONE);
}

/* The reset that contexts have prevented follows when the last one is gone. */
static void forgetful_device_is_reset_without_contexts(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	struct virtgpu_context ctx = { .is_created = true };

	/* So the reset is delayed, and does not begin during the test. */
	vg->recovery->life.reset_at = jiffies;
	virtgpu_life_context_gone(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.due, VIRTGPU_CAUSE_NONE);

	KUNIT_ASSERT_EQ(test, xa_err(xa_store(&vg->render->contexts, 1, &ctx, GFP_KERNEL)), 0);
	vg->recovery->life.has_forgotten = true;
	virtgpu_life_context_gone(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.due, VIRTGPU_CAUSE_NONE);
	xa_erase(&vg->render->contexts, 1);
	virtgpu_life_context_gone(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.due, VIRTGPU_CAUSE_FORGETFUL);
	cancel_delayed_work_sync(&vg->recovery->reset_work);

	virtgpu_life_forget(vg);
	virtgpu_life_context_gone(vg);
	KUNIT_EXPECT_EQ(test, vg->recovery->life.due, VIRTGPU_CAUSE_NONE);
	virtgpu_life_disable(vg);
}

/* A context whose work does not end does not prevent a reset. */
static void forgetful_device_is_reset_when_its_context_is_lost(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	struct virtgpu_context ctx = { .vg = vg, .id = 1, .owner = 7, .is_created = true };

	/* So the reset is delayed, and does not begin during the test. */
	vg->recovery->life.reset_at = jiffies;
	vg->recovery->life.has_forgotten = true;
	/* The test never drops this reference, so the context is not freed. */
	kref_init(&ctx.refs);
	KUNIT_ASSERT_EQ(test, xa_err(xa_store(&vg->render->contexts, 1, &ctx, GFP_KERNEL)), 0);
	virtgpu_context_lose(vg, ctx.owner);
	KUNIT_EXPECT_TRUE(test, ctx.is_lost);
	KUNIT_EXPECT_EQ(test, virtgpu_life_due(vg), VIRTGPU_CAUSE_FORGETFUL);

	cancel_delayed_work_sync(&vg->recovery->reset_work);
	xa_erase(&vg->render->contexts, 1);
	virtgpu_life_disable(vg);
}

static void only_a_reset_is_reason_to_try_again(struct kunit *test)
{
	struct virtgpu_device *vg = device_in(test, VIRTGPU_RUNNING);
	int ret = -ENOMEM;

	KUNIT_EXPECT_FALSE(test, virtgpu_life_again(vg, &ret));
	KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
	ret = -ENODEV;
	KUNIT_EXPECT_TRUE(test, virtgpu_life_again(vg, &ret));
	/* The wait has a limit, which is short for a stalled device. */
	vg->recovery->life.state = VIRTGPU_RESETTING;
	virtgpu_irq_stall(&vg->transport->ctrl.irq);
	ret = -ENODEV;
	KUNIT_EXPECT_FALSE(test, virtgpu_life_again(vg, &ret));
	KUNIT_EXPECT_EQ(test, ret, -EIO);
	vg->recovery->life.state = VIRTGPU_GONE;
	ret = -ENODEV;
	KUNIT_EXPECT_FALSE(test, virtgpu_life_again(vg, &ret));
	KUNIT_EXPECT_EQ(test, ret, -ENODEV);
}

static struct kunit_case virtgpu_life_cases[] = {
	KUNIT_CASE(states_follow_each_other),
	KUNIT_CASE(asked_device_is_in_trouble),
	KUNIT_CASE(trouble_while_starting_counts),
	KUNIT_CASE(only_silence_is_called_off),
	KUNIT_CASE(resets_are_apart),
	KUNIT_CASE(sleeping_device_is_left_alone),
	KUNIT_CASE(failed_device_may_come_back),
	KUNIT_CASE(reset_has_a_limit),
	KUNIT_CASE(leaving_is_for_ever),
	KUNIT_CASE(gone_device_is_left_alone),
	KUNIT_CASE(forgetful_device_is_reset_without_contexts),
	KUNIT_CASE(forgetful_device_is_reset_when_its_context_is_lost),
	KUNIT_CASE(only_a_reset_is_reason_to_try_again),
	{}
};

struct kunit_suite virtgpu_life_suite = {
	.name = "virtgpu_life",
	.test_cases = virtgpu_life_cases,
};
