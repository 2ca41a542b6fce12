/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_IRQ_H
#define VIRTGPU_IRQ_H

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * DOC: When a queue interrupts
 *
 * An interrupt costs the guest more than a frame's commands do. So a queue lets the device
 * interrupt only while somebody waits for an answer. *Lazy* commands are those that nobody waits
 * for: the answers to them are taken off the ring when the next ones are sent.
 *
 * ==========  =====================================================  ==========
 * state       event                                                  next state
 * ==========  =====================================================  ==========
 * SILENT      virtgpu_irq_settle(), and there are waiters            LISTENING
 * LISTENING   virtgpu_irq_settle(), and there are no waiters         SILENT
 * any         virtgpu_irq_stall(): a wait has timed out              STALLED
 * STALLED     virtgpu_irq_answered(): an answer came, or a reset     LISTENING
 * any         virtgpu_irq_open(): there is a new virtqueue           LISTENING
 * ==========  =====================================================  ==========
 *
 * The number of waiters changes in every state. The functions do not know the virtqueue: the caller
 * enables or disables its callbacks when virtgpu_irq_is_wanted() changes. The work that takes
 * answers off the ring disables the callbacks while it runs, and follows the state at its end.
 */

/**
 * enum virtgpu_irq_state - whether the device is to interrupt
 * @VIRTGPU_IRQ_SILENT: the device is asked not to interrupt, because nobody waits for an answer
 * @VIRTGPU_IRQ_LISTENING: the device interrupts when it has finished a command
 * @VIRTGPU_IRQ_STALLED: a wait has timed out, and the device has answered nothing since. It is to
 *	interrupt for its first answer, and waits are short until then
 */
enum virtgpu_irq_state {
	VIRTGPU_IRQ_SILENT,
	VIRTGPU_IRQ_LISTENING,
	VIRTGPU_IRQ_STALLED,
};

/**
 * struct virtgpu_irq - when driver and device notify each other; protected by &virtgpu_queue.lock
 * @state: changed by the functions of this file only; may be read without the lock
 * @waiters: commands in flight that are not lazy, and those who wait for room or for a frame
 * @is_kick_due: the device has not been told of all commands yet
 */
struct virtgpu_irq {
	enum virtgpu_irq_state state;
	u32 waiters;
	bool is_kick_due;
};

/* Whether the device is to interrupt. */
static inline bool virtgpu_irq_is_wanted(const struct virtgpu_irq *irq)
{
	return irq->state != VIRTGPU_IRQ_SILENT;
}

/* May be called without the lock. */
static inline bool virtgpu_irq_is_stalled(const struct virtgpu_irq *irq)
{
	return READ_ONCE(irq->state) == VIRTGPU_IRQ_STALLED;
}

/* There is a new virtqueue, whose callbacks are enabled. */
static inline void virtgpu_irq_open(struct virtgpu_irq *irq)
{
	WRITE_ONCE(irq->state, VIRTGPU_IRQ_LISTENING);
}

/* Follows the number of waiters, unless the device is stalled. */
static inline void virtgpu_irq_settle(struct virtgpu_irq *irq)
{
	if (irq->state != VIRTGPU_IRQ_STALLED)
		WRITE_ONCE(irq->state, irq->waiters ? VIRTGPU_IRQ_LISTENING : VIRTGPU_IRQ_SILENT);
}

/* A wait has timed out. */
static inline void virtgpu_irq_stall(struct virtgpu_irq *irq)
{
	WRITE_ONCE(irq->state, VIRTGPU_IRQ_STALLED);
}

/* The device has answered, or is reset: it is not stalled any more. */
static inline void virtgpu_irq_answered(struct virtgpu_irq *irq)
{
	if (irq->state == VIRTGPU_IRQ_STALLED)
		WRITE_ONCE(irq->state, VIRTGPU_IRQ_LISTENING);
}

/* Somebody begins to wait for more than a command of its own. */
static inline void virtgpu_irq_get(struct virtgpu_irq *irq)
{
	irq->waiters++;
}

/* The opposite of virtgpu_irq_get(). */
static inline void virtgpu_irq_put(struct virtgpu_irq *irq)
{
	irq->waiters--;
}

/* A command was added to the ring. */
static inline void virtgpu_irq_added(struct virtgpu_irq *irq, bool is_lazy)
{
	irq->is_kick_due = true;
	if (!is_lazy)
		virtgpu_irq_get(irq);
}

/* A command was taken off the ring. */
static inline void virtgpu_irq_removed(struct virtgpu_irq *irq, bool is_lazy)
{
	if (!is_lazy)
		virtgpu_irq_put(irq);
}

#endif
