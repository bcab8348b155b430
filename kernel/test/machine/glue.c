/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What kernel/test/test.h wants of the place it runs in, on a machine: threads,
 * semaphores and barriers are the kernel's own. A case that is to panic would
 * take the machine with it, so it is skipped.
 */

#include <kernel/lib.h>
#include <kernel/print.h>
#include <kernel/synch.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/assert.h>

#include "../test_internal.h"

const bool test_on_host = false;

static uint64_t seed = 1;

uint64_t test_seed(void)
{
	return seed;
}

void test_seed_set(uint64_t new_seed)
{
	seed = new_seed;
}

/* ---- printing ---- */

void test_print(const char *format, va_list arguments)
{
	vkprintf(format, arguments);
}

void test_format_list(char *buffer, size_t size, const char *format, va_list arguments)
{
	kvsnprintf(buffer, size, format, arguments);
}

void test_format(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	kvsnprintf(buffer, size, format, arguments);
	va_end(arguments);
}

static uint64_t log_mark;

void test_log_mark(void)
{
	log_mark = log_position();
}

void test_log_expect(const char *beginning)
{
	print_expect(beginning);
}

bool test_logged(const char *text)
{
	static char log[LOG_SIZE + 1];
	uint64_t position = log_mark;
	size_t bytes = log_read(&position, log, LOG_SIZE);

	log[bytes] = 0;
	return strstr(log, text) != NULL;
}

/* ---- time ---- */

uint64_t test_now_ms(void)
{
	return time_ms();
}

void test_sleep_ms(unsigned milliseconds)
{
	thread_sleep_ms(milliseconds);
}

void test_yield(void)
{
	thread_yield();
}

/* ---- preemption ---- */

/* The timer does it, where it likes. */
bool test_preempt(void (*preempt)(void))
{
	(void) preempt;
	return false;
}

void test_migrate(void)
{
}

/* ---- threads ---- */

/*
 * A case may start threads when it has taken the last frame, so they are made beforehand, and wait for work till the
 * last case is over.
 */
struct test_thread {
	struct thread *thread;
	struct semaphore work, done;
	void (*function)(void *argument);
	void *argument;
	bool used;
};

static struct test_thread threads[TEST_THREADS];

static void thread_main(void *argument)
{
	struct test_thread *self = argument;

	for (semaphore_down(&self->work); self->function != NULL; semaphore_down(&self->work)) {
		self->function(self->argument);
		semaphore_up(&self->done);
	}
}

void test_threads_prepare(void)
{
	for (size_t i = 0; i < TEST_THREADS; i++) {
		struct test_thread *thread = &threads[i];

		if (thread->thread != NULL)
			continue;
		semaphore_init(&thread->work, 0);
		semaphore_init(&thread->done, 0);
		thread->thread = thread_create("test", thread_main, thread, 0);
	}
}

void test_threads_end(void)
{
	for (size_t i = 0; i < TEST_THREADS; i++) {
		if (threads[i].thread == NULL)
			continue;
		threads[i].function = NULL;
		semaphore_up(&threads[i].work);
		thread_join(threads[i].thread);
		threads[i].thread = NULL;
	}
	(void) frame_reclaim(RECLAIM_FULL, true);
}

struct test_thread *test_thread_start(const char *name, void (*function)(void *), void *argument)
{
	size_t i = 0;

	while (i < TEST_THREADS && threads[i].used)
		i++;
	mm_assert(i < TEST_THREADS, "a case has more than %d threads", TEST_THREADS);
	threads[i].used = true;
	threads[i].function = function;
	threads[i].argument = argument;
	strlcpy(threads[i].thread->name, name, sizeof(threads[i].thread->name));
	semaphore_up(&threads[i].work);
	return &threads[i];
}

void test_thread_join(struct test_thread *thread)
{
	semaphore_down(&thread->done);
	strlcpy(thread->thread->name, "test", sizeof(thread->thread->name));
	thread->used = false;
}

void test_threads_settle(void)
{
	for (size_t i = 0; i < TEST_THREADS; i++)
		mm_assert(!threads[i].used, "a case ended without joining thread %zu", i);
	thread_reap_wait(); /* what the case has detached is freed before it is counted */
}

/* ---- semaphore, barrier ---- */

struct barrier_body {
	struct mutex lock;
	struct condvar wake;
	unsigned threads, waiting, round;
};

_Static_assert(sizeof(struct semaphore) <= sizeof(struct test_semaphore), "room in test.h");
_Static_assert(sizeof(struct barrier_body) <= sizeof(struct test_barrier), "room in test.h");

void test_semaphore_init(struct test_semaphore *semaphore, unsigned count)
{
	semaphore_init((struct semaphore *) semaphore, count);
}

void test_semaphore_up(struct test_semaphore *semaphore)
{
	semaphore_up((struct semaphore *) semaphore);
}

void test_semaphore_down(struct test_semaphore *semaphore)
{
	semaphore_down((struct semaphore *) semaphore);
}

errno_t test_semaphore_down_timeout(struct test_semaphore *semaphore, unsigned milliseconds)
{
	return semaphore_down_timeout((struct semaphore *) semaphore, milliseconds);
}

void test_barrier_init(struct test_barrier *barrier, unsigned count)
{
	struct barrier_body *body = (struct barrier_body *) barrier;

	mutex_init(&body->lock);
	condvar_init(&body->wake);
	body->threads = count;
	body->waiting = body->round = 0;
}

void test_barrier_wait(struct test_barrier *barrier)
{
	struct barrier_body *body = (struct barrier_body *) barrier;
	unsigned round;

	mutex_lock(&body->lock);
	round = body->round;
	if (++body->waiting == body->threads) {
		body->waiting = 0;
		body->round++;
		condvar_broadcast(&body->wake);
	}
	while (body->round == round)
		condvar_wait(&body->wake, &body->lock);
	mutex_unlock(&body->lock);
}

/* ---- user space ---- */

void test_as_borrow(struct as *as)
{
	thread_borrow(as);
}

bool test_user_load(uintptr_t va, uint8_t *byte)
{
	return user_copy_in(byte, va, 1) == EOK;
}

bool test_user_store(uintptr_t va, uint8_t byte)
{
	return user_copy_out(va, &byte, 1) == EOK;
}

/* ---- cases that are to panic ---- */

enum test_outcome test_run_panicking(const struct test_case *test, char *reason)
{
	(void) test;
	test_format(reason, TEST_REASON_ROOM, "it stops the kernel; the host runs it");
	return TEST_SKIPPED;
}
