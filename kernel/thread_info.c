/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking at threads, and holding them to their invariants:
 *
 *   run-queue-length      a run queue counts its members right
 *   ready-is-queued       in a run queue are ready threads of that CPU, nothing else
 *   sleeping-waits        a sleeping thread is in the queue it waits in; nobody else is in one
 *   time-outs-sorted      the list of time-outs is sorted, and all in it sleep
 *   stack-canary          no stack has been overrun
 *
 * thread_list is sorted by id, so thread_each finds its place again by id each
 * time it has let go of the lock: O(threads) a step.
 */

#include <kernel/lib.h>
#include <kernel/scheduler.h>

static const struct thread *thread_of(const struct list_link *all_link)
{
	return CONTAINER_OF(all_link, struct thread, all_link);
}

const char *thread_state_name(enum thread_state state)
{
	static const char *const names[] = { "ready", "running", "sleeping", "exited" };

	return names[state];
}

/* Most bytes of this stack that were ever in use. */
static size_t stack_used(const struct thread *thread)
{
	const uintptr_t *words = (const uintptr_t *) thread->stack;
	size_t canary = THREAD_STACK_CANARY / sizeof(*words), first = canary, end = canary + 1;

	if (!CONFIG_DEBUG || thread_is_idle(thread))
		return 0;
	/* What is not used lies around the canary. The thread may run, and write there: each word is read once. */
	while (end < THREAD_STACK_SIZE / sizeof(*words) && __atomic_load_n(&words[end], __ATOMIC_RELAXED) == STACK_UNUSED)
		end++;
	while (first > 0 && __atomic_load_n(&words[first - 1], __ATOMIC_RELAXED) == STACK_UNUSED)
		first--;
	return THREAD_STACK_SIZE - (end - first) * sizeof(*words);
}

static void get_info_locked(const struct thread *thread, struct thread_info *info)
{
	*info = (struct thread_info){ .thread = thread,
		.id = thread->id,
		.state = thread->state,
		.cpu = thread->cpu,
		.ticks = thread->ticks,
		.switches = thread->switches,
		.stack = thread_is_idle(thread) ? 0 : thread->stack,
		.stack_used = stack_used(thread),
		.deadline = list_empty(&thread->timeout_link) ? 0 : thread->deadline };
	memcpy(info->name, thread->name, sizeof(info->name));
}

/* The first thread with a higher id. */
static bool next_info(unsigned id, struct thread_info *info)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	bool found = false;

	LIST_EACH(link, &thread_list) {
		if (thread_of(link)->id > id) {
			get_info_locked(thread_of(link), info);
			found = true;
			break;
		}
	}
	spinlock_unlock(&scheduler_lock, state);
	return found;
}

void thread_each(bool (*visit)(const struct thread_info *info, void *argument), void *argument)
{
	struct thread_info info = { .id = 0 };

	while (next_info(info.id, &info))
		if (!visit(&info, argument))
			return;
}

unsigned thread_id(const void *thread)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	unsigned id = 0;

	LIST_EACH(link, &thread_list)
		if (thread_of(link) == thread)
			id = thread_of(link)->id;
	spinlock_unlock(&scheduler_lock, state);
	return id;
}

size_t thread_count(void)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	size_t count = 0;

	LIST_EACH(link, &thread_list)
		count++;
	spinlock_unlock(&scheduler_lock, state);
	return count;
}

/* ---- check ---- */

/* What is broken, by name; logged after the lock is given back. */
struct breach {
	const char *invariant;
	unsigned thread; /* its id */
};

#define BREACHES_TOLD 8

struct breaches {
	struct breach told[BREACHES_TOLD];
	size_t count;
};

static void hold(struct breaches *breaches, bool holds, const char *invariant, const struct thread *thread)
{
	if (holds)
		return;
	if (breaches->count < BREACHES_TOLD)
		breaches->told[breaches->count] = (struct breach){ invariant, (thread != NULL) ? thread->id : 0 };
	breaches->count++;
}

static void check_run_queue_locked(struct breaches *breaches, const struct run_queue *queue, unsigned cpu)
{
	size_t length = 0;

	LIST_EACH(link, &queue->ready) {
		const struct thread *thread = CONTAINER_OF(link, struct thread, queue_link);

		hold(breaches, thread->state == THREAD_READY && thread->cpu == cpu, "ready-is-queued", thread);
		length++;
	}
	hold(breaches, length == queue->length, "run-queue-length", queue->idle);
}

static bool queued_in(const struct list_link *list, const struct thread *thread)
{
	LIST_EACH(link, list)
		if (link == &thread->queue_link)
			return true;
	return false;
}

static void check_thread_locked(struct breaches *breaches, const struct thread *thread)
{
	bool sleeps = thread->state == THREAD_SLEEPING;

	hold(breaches, thread_stack_whole(thread), "stack-canary", thread);
	hold(breaches, sleeps == (thread->waits_in != NULL), "sleeping-waits", thread);
	if (thread->waits_in != NULL)
		hold(breaches, queued_in(&thread->waits_in->waiters, thread), "sleeping-waits", thread);
	hold(breaches, sleeps || list_empty(&thread->timeout_link), "time-outs-sorted", thread);
}

static void check_timeouts_locked(struct breaches *breaches)
{
	uint64_t before = 0;

	LIST_EACH(link, &scheduler_timeouts) {
		const struct thread *thread = CONTAINER_OF(link, struct thread, timeout_link);

		hold(breaches, thread->deadline >= before, "time-outs-sorted", thread);
		before = thread->deadline;
	}
}

size_t thread_check(void)
{
	struct breaches breaches = { .count = 0 };
	port_irq_t state = spinlock_lock(&scheduler_lock);

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		check_run_queue_locked(&breaches, &run_queues[cpu], cpu);
	LIST_EACH(link, &thread_list)
		check_thread_locked(&breaches, thread_of(link));
	check_timeouts_locked(&breaches);
	spinlock_unlock(&scheduler_lock, state);

	for (size_t i = 0; i < breaches.count && i < BREACHES_TOLD; i++)
		port_log("threads: invariant %s is broken (thread %u)", breaches.told[i].invariant, breaches.told[i].thread);
	return breaches.count;
}
