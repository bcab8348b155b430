/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Making threads and ending them.
 *
 * A struct thread comes from a slab cache, its stack from km_alloc. The page
 * below it is not mapped: a thread that runs over the end of its stack faults
 * there, which is reported as what it is (kernel/trap.c). The last word that the
 * stack may use is a canary, which `check` and, in debug builds, every switch look at;
 * debug builds also fill the stack, so that its deepest use can be seen. How large
 * stacks are and where the canary is the machine says (<arch/kernel.h>): as a rule the
 * lowest word, but in the middle where registers are saved upwards from the base.
 * Where it wants them in the direct map (THREAD_STACK_DIRECT of kernel/machine.h) a
 * stack is a run of low frames: nothing faults below it, and every switch looks at the
 * canary in release builds, too. If no run is free thread_create waits for one, or
 * returns NULL.
 *
 *        stack + THREAD_STACK_SIZE  ->  +--------------------+
 *                                       | calls, downwards   |
 *                                       | STACK_UNUSED ...   |
 *        stack                      ->  | STACK_CANARY       |
 *                                       +--------------------+
 *                                       | (not mapped, as a  |
 *                                       | rule)              |
 *                                       +--------------------+
 *
 * A thread ends on its own stack, so it cannot free itself. thread_join frees
 * it, or, if it is detached, the reaper does, a thread that does nothing else.
 * Freeing a stack unmaps it, and that waits for every other CPU to invalidate
 * its translations; so it is done in a thread with interrupts on and no lock
 * held, never by the thread that happens to run next nor in thread_detach, which
 * may be called anywhere. Both free the thread after the switch away from it is
 * complete: they find it under scheduler_lock, which is held till then.
 *
 *   thread_exit, thread_detach ---> dead list ---> reaper ---> freed
 *                     (off thread_list)
 *
 * A detached thread leaves thread_list and enters the dead list in one step, so
 * a caller that has seen it gone from the first may wait for the second
 * (thread_reap_wait) and then finds its memory free.
 *
 * LOCK. scheduler_lock; see kernel/scheduler.c. All threads are in thread_list
 * in order of id, from thread_create until they are joined or, detached, have
 * ended; it protects the dead list too.
 */

#include <kernel/lib.h>
#include <kernel/panic.h>
#include <kernel/scheduler.h>
#include <kernel/synch.h>
#include <mm/as.h>
#include <mm/km.h>
#include <mm/reserve.h>
#include <mm/slab.h>

_Static_assert(THREAD_STACK_SIZE % PAGE_SIZE == 0, "a stack is whole pages");
_Static_assert(THREAD_STACK_CANARY % sizeof(uintptr_t) == 0 &&
		THREAD_STACK_CANARY + sizeof(uintptr_t) <= THREAD_STACK_SIZE - THREAD_STACK_LEAST,
	"the canary is a word of the stack, with room above it");

/* A stack pointer that is so far below its stack, or less, got there by frames that are too large. */
#define STACK_FAR MiB(1)

struct list_link thread_list = LIST_INIT(thread_list);

/* Detached threads that have ended, by queue_link, and how many of them the reaper has not freed yet. */
static struct list_link dead_threads = LIST_INIT(dead_threads);
static size_t dead_count;

static struct wait_queue reaper_queue = WAIT_QUEUE_INIT(reaper_queue); /* the reaper, while there is nothing to do */
static struct wait_queue reaped_queue = WAIT_QUEUE_INIT(reaped_queue); /* threads that wait for dead_count == 0 */

static struct slab_cache *thread_cache;
static unsigned last_id;

/* Held by a thread that waits for the memory of another. */
static struct mutex waits_for_both = MUTEX_INIT(waits_for_both);

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

bool thread_stack_overflowed(const struct thread *thread, uintptr_t stack_pointer)
{
	uintptr_t limit = thread->stack + THREAD_STACK_LIMIT;

	return THREAD_STACK_DIRECT ? stack_pointer < limit : limit - stack_pointer - 1 < STACK_FAR;
}

/* A stack. @retval ENOMEM  (FRAME_ATOMIC) no memory; otherwise kernel space has no room for it */
static errno_t stack_alloc(frame_flags_t flags, uintptr_t *stack)
{
	phys_t frames;

	if (!THREAD_STACK_DIRECT)
		return km_alloc(THREAD_STACK_SIZE, flags, stack);
	frames = frame_alloc(THREAD_STACK_SIZE >> PAGE_WIDTH, flags | FRAME_LOWMEM, 0);
	*stack = (uintptr_t) PA2KA(frames);
	return frames != 0 ? EOK : ENOMEM;
}

static void stack_free(uintptr_t stack)
{
	if (THREAD_STACK_DIRECT)
		frame_free(KA2PA(stack), THREAD_STACK_SIZE >> PAGE_WIDTH);
	else
		km_free(stack, THREAD_STACK_SIZE);
}

/* Frees a thread that is in no list, and its stack. In a thread, interrupts on. */
static void thread_free(struct thread *thread)
{
	thread_check_may_sleep(__func__);
	mm_assert(thread_stack_whole(thread), "thread %u (%s) has overflowed its stack", thread->id, thread->name);
	stack_free(thread->stack);
	slab_free(thread_cache, thread);
}

static void stack_prepare(const struct thread *thread)
{
	uintptr_t *words = (uintptr_t *) thread->stack;

	if (CONFIG_DEBUG)
		for (size_t i = 0; i < THREAD_STACK_SIZE / sizeof(*words); i++)
			words[i] = STACK_UNUSED;
	*thread_canary(thread) = STACK_CANARY;
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

/* A stack, and a struct thread by FRAME_ATOMIC and `second`; *full: kernel space has no room for a stack. */
static struct thread *memory_try(frame_flags_t flags, frame_flags_t second, uintptr_t *stack, bool *full)
{
	struct thread *thread;

	*full = stack_alloc(flags, stack) != EOK;
	if (*full)
		return NULL;
	thread = slab_alloc(thread_cache, flags | FRAME_ATOMIC | second);
	if (thread == NULL)
		stack_free(*stack);
	return thread;
}

/* Sleeps until there are frames for both: the stack, its page tables, and a slab. @return whether there ever are */
static bool memory_wait(void)
{
	struct reservation reservation;

	if (reservation_wait(&reservation, thread_stack_frames() + 1, 0) != EOK)
		return false;
	reservation_end(&reservation);
	return true;
}

/*
 * A struct thread and its stack. The caller waits with nothing in hand: were a stack held while it waits for the other,
 * two callers could wait for each other. One caller at a time waits for both: two that are woken together could each
 * get a stack of what is enough for one thread, fail, and do so again and again. The mutex is no lock that a thread
 * needs to free memory.
 */
static struct thread *memory_alloc(frame_flags_t flags, uintptr_t *stack)
{
	bool full;
	struct thread *thread = memory_try(flags, 0, stack, &full);

	if (thread != NULL || full || (flags & FRAME_ATOMIC))
		return thread;
	mutex_lock(&waits_for_both);
	while (thread == NULL && !full && memory_wait())
		thread = memory_try(flags, FRAME_NO_WAIT, stack, &full);
	mutex_unlock(&waits_for_both);
	return thread;
}

struct thread *thread_create(const char *name, void (*function)(void *argument), void *argument, frame_flags_t flags)
{
	if ((flags & FRAME_ATOMIC) == 0)
		thread_check_may_sleep(__func__);

	uintptr_t stack;
	struct thread *thread = memory_alloc(flags, &stack);

	if (thread == NULL)
		return NULL;
	thread_construct(thread, name);
	thread->function = function;
	thread->argument = argument;
	thread->stack = stack;
	thread->stack_size = THREAD_STACK_SIZE;
	stack_prepare(thread);
	context_init(&thread->context, thread->stack, THREAD_STACK_SIZE, thread_begin, thread);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	thread->cpu = cpu_number();
	thread_enlist_locked(thread);
	scheduler_ready_locked(thread);
	spinlock_unlock(&scheduler_lock, state);
	return thread;
}

static void wake_all_locked(struct wait_queue *queue)
{
	while (!list_empty(&queue->waiters))
		scheduler_wake_locked(CONTAINER_OF(queue->waiters.next, struct thread, queue_link), EOK);
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

/* Hands a detached thread that has ended to the reaper. */
static void bury_locked(struct thread *thread)
{
	list_remove(&thread->all_link);
	list_insert_before(&dead_threads, &thread->queue_link);
	dead_count++;
	wake_all_locked(&reaper_queue);
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
		bury_locked(self);
	wake_all_locked(&self->exit_queue);
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

	mm_assert(!thread->detached, "thread %u (%s) is detached already", thread->id, thread->name);
	thread->detached = true;
	if (thread->state == THREAD_EXITED)
		bury_locked(thread);
	spinlock_unlock(&scheduler_lock, state);
}

/* ---- the reaper ---- */

/* The dead thread that has waited longest, out of the list; sleeps till there is one. */
static struct thread *dead_next(void)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	struct thread *thread;

	while (list_empty(&dead_threads)) {
		(void) scheduler_sleep(&reaper_queue, 0);
		spinlock_lock_raw(&scheduler_lock);
	}
	thread = CONTAINER_OF(dead_threads.next, struct thread, queue_link);
	list_remove(&thread->queue_link);
	spinlock_unlock(&scheduler_lock, state);
	return thread;
}

static void reaper_main(void *argument)
{
	(void) argument;
	for (;;) {
		port_irq_t state;

		thread_free(dead_next());
		state = spinlock_lock(&scheduler_lock);
		if (--dead_count == 0)
			wake_all_locked(&reaped_queue);
		spinlock_unlock(&scheduler_lock, state);
	}
}

void thread_reap_wait(void)
{
	thread_check_may_sleep(__func__);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	while (dead_count != 0) {
		(void) scheduler_sleep(&reaped_queue, 0);
		spinlock_lock_raw(&scheduler_lock);
	}
	spinlock_unlock(&scheduler_lock, state);
}

errno_t thread_init(void)
{
	struct thread *reaper = NULL;

	thread_cache = slab_cache_create("thread", sizeof(struct thread), NULL, FRAME_ATOMIC);
	if (thread_cache != NULL)
		reaper = thread_create("reaper", reaper_main, NULL, FRAME_ATOMIC);
	if (reaper == NULL)
		return ENOMEM;
	thread_detach(reaper);
	return EOK;
}

/* ---- sleeping ---- */

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
