/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Making threads and ending them.
 *
 * A struct thread comes from a slab cache, its stack from km_alloc. The page
 * below it is not mapped: a thread that runs over the end of its stack faults
 * there, which is told as what it is (kernel/trap.c). The lowest word of the
 * stack is a canary, which `check` and, in debug builds, every switch look at;
 * debug builds also fill the stack, so that its deepest use can be seen.
 *
 *        stack + THREAD_STACK_SIZE  ->  +--------------------+
 *                                       | calls, downwards   |
 *                                       | STACK_UNUSED ...   |
 *        stack                      ->  | STACK_CANARY       |
 *                                       +--------------------+
 *                                       | (not mapped)       |
 *                                       +--------------------+
 *
 * A thread ends on its own stack, so it cannot free itself. thread_join frees
 * it, or, if it is detached, the thread that runs next on that CPU
 * (scheduler_switched). Both do so after the switch away from it is complete:
 * thread_join sees THREAD_EXITED under scheduler_lock, which is held till then.
 *
 * LOCK. scheduler_lock; see kernel/scheduler.c. All threads are in thread_list
 * in order of id, from thread_create until they are freed.
 */

#include <kernel/lib.h>
#include <kernel/panic.h>
#include <kernel/scheduler.h>
#include <mm/as.h>
#include <mm/km.h>
#include <mm/slab.h>

/* With fewer bytes than this left a stack is used up: a trap's frame does not fit. */
#define STACK_LEAST 256

struct list_link thread_list = LIST_INIT(thread_list);

static struct slab_cache *thread_cache;
static unsigned last_id;

errno_t thread_init(void)
{
	thread_cache = slab_cache_create("thread", sizeof(struct thread), NULL, FRAME_ATOMIC);
	return (thread_cache != NULL) ? EOK : ENOMEM;
}

void thread_construct(struct thread *thread, const char *name)
{
	*thread = (struct thread){ 0 };
	strlcpy(thread->name, name, sizeof(thread->name));
	list_init(&thread->queue_link);
	list_init(&thread->all_link);
	list_init(&thread->timeout_link);
	wait_queue_init(&thread->park_queue);
	wait_queue_init(&thread->exit_queue);
}

void thread_enlist_locked(struct thread *thread)
{
	thread->id = ++last_id;
	list_insert_before(&thread_list, &thread->all_link);
}

bool thread_stack_overflowed(const struct thread *thread, uintptr_t va)
{
	return thread->stack != 0 && va >= thread->stack - PAGE_SIZE && va < thread->stack + STACK_LEAST;
}

void thread_free(struct thread *thread)
{
	mm_assert(thread_stack_whole(thread), "thread %u (%s) has overflowed its stack", thread->id, thread->name);
	km_free(thread->stack, THREAD_STACK_SIZE);
	slab_free(thread_cache, thread);
}

static void stack_prepare(uintptr_t stack)
{
	uintptr_t *words = (uintptr_t *) stack;

	words[0] = STACK_CANARY;
	if (CONFIG_DEBUG)
		for (size_t i = 1; i < THREAD_STACK_SIZE / sizeof(*words); i++)
			words[i] = STACK_UNUSED;
}

/* Where every thread begins: the second half of the switch to it. */
static void thread_begin(void *argument)
{
	struct thread *self = argument;

	scheduler_switched();
	interrupts_enable();
	self->function(self->argument);
	thread_exit();
}

struct thread *thread_create(const char *name, void (*function)(void *argument), void *argument, frame_flags_t flags)
{
	if ((flags & FRAME_ATOMIC) == 0)
		thread_check_may_sleep(__func__);

	struct thread *thread = slab_alloc(thread_cache, flags);

	if (thread == NULL)
		return NULL;

	uintptr_t stack;

	if (km_alloc(THREAD_STACK_SIZE, flags, &stack) != EOK) {
		slab_free(thread_cache, thread);
		return NULL;
	}
	thread_construct(thread, name);
	thread->function = function;
	thread->argument = argument;
	thread->stack = stack;
	stack_prepare(thread->stack);
	context_init(&thread->context, thread->stack + THREAD_STACK_SIZE, thread_begin, thread);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	thread->cpu = cpu_number();
	thread_enlist_locked(thread);
	scheduler_ready_locked(thread);
	spinlock_unlock(&scheduler_lock, state);
	return thread;
}

void thread_borrow(struct as *as)
{
	struct thread *self = thread_current();
	struct as *before = self->as;
	port_irq_t state;

	thread_check_may_sleep(__func__);
	if (as != NULL)
		as_hold(as);
	state = port_irq_save();
	self->as = as;
	as_switch(as);
	port_irq_restore(state);
	if (before != NULL)
		as_release(before);
}

void thread_exit(void)
{
	struct thread *self = thread_current();

	thread_check_may_sleep(__func__);
	thread_borrow(NULL);
	(void) port_irq_save();
	spinlock_lock_raw(&scheduler_lock);
	self->state = THREAD_EXITED;
	if (self->detached)
		list_remove(&self->all_link);
	while (!list_empty(&self->exit_queue.waiters))
		scheduler_wake_locked(CONTAINER_OF(self->exit_queue.waiters.next, struct thread, queue_link), EOK);
	scheduler_switch();
	panic("thread %u (%s) runs after its end", self->id, self->name);
}

void thread_join(struct thread *thread)
{
	thread_check_may_sleep(__func__);
	mm_assert(thread != thread_current(), "thread %u (%s) waits for its own end", thread->id, thread->name);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	mm_assert(!thread->detached, "thread %u (%s) is detached", thread->id, thread->name);
	if (thread->state != THREAD_EXITED) {
		(void) scheduler_sleep(&thread->exit_queue, 0);
		spinlock_lock_raw(&scheduler_lock);
	}
	list_remove(&thread->all_link);
	spinlock_unlock(&scheduler_lock, state);
	thread_free(thread);
}

void thread_detach(struct thread *thread)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	bool ended = thread->state == THREAD_EXITED;

	mm_assert(!thread->detached, "thread %u (%s) is detached already", thread->id, thread->name);
	thread->detached = true;
	if (ended)
		list_remove(&thread->all_link);
	spinlock_unlock(&scheduler_lock, state);
	if (ended)
		thread_free(thread);
}

void thread_check_may_sleep(const char *who)
{
	if (!interrupts_are_on())
		panic("%s: may sleep, but interrupts are off (a spinlock is held, or this is an interrupt handler)", who);
	if (thread_is_idle(thread_current()))
		panic("%s: may sleep, but this is the idle thread", who);
}

void thread_sleep_ms(unsigned milliseconds)
{
	if (milliseconds == 0) {
		thread_yield();
		return;
	}
	thread_check_may_sleep(__func__);

	struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);
	port_irq_t state = spinlock_lock(&scheduler_lock);

	(void) scheduler_sleep(&nobody, milliseconds);
	port_irq_restore(state);
}

errno_t thread_park(unsigned milliseconds)
{
	struct thread *self = thread_current();
	errno_t result = EOK;

	thread_check_may_sleep(__func__);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	if (self->park_token) {
		self->park_token = false;
		spinlock_unlock(&scheduler_lock, state);
	} else {
		result = scheduler_sleep(&self->park_queue, milliseconds);
		port_irq_restore(state);
	}
	return result;
}

void thread_unpark(struct thread *thread)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);

	if (list_empty(&thread->park_queue.waiters))
		thread->park_token = true;
	else
		scheduler_wake_locked(thread, EOK);
	spinlock_unlock(&scheduler_lock, state);
}
