/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What kernel/test/test.h wants of the place it runs in, on the host: threads
 * are pthreads, each with a CPU of its own while it lives. Whatever waits
 * declares its CPU idle, so that calls across CPUs go on without it.
 *
 * A case that is to panic runs in a process of its own, whose panic hook writes
 * the message into a pipe.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arch/host.h>

#include "../kernel/test/test_internal.h"
#include "host_glue.h"
#include "watch.h"

const bool test_on_host = true;

uint64_t host_seed = 1;

uint64_t test_seed(void)
{
	return host_seed;
}

void test_seed_set(uint64_t seed)
{
	host_seed = seed;
}

/* ---- printing ---- */

void test_print(const char *format, va_list arguments)
{
	vprintf(format, arguments);
}

void test_format_list(char *buffer, size_t size, const char *format, va_list arguments)
{
	vsnprintf(buffer, size, format, arguments);
}

void test_format(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(buffer, size, format, arguments);
	va_end(arguments);
}

void test_log_mark(void)
{
	host_log_forget();
}

void test_log_expect(const char *beginning)
{
	host_log_expect(beginning);
}

bool test_logged(const char *text)
{
	return host_log_has(text);
}

/* ---- time ---- */

uint64_t test_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void test_sleep_ms(unsigned milliseconds)
{
	struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = (long) (milliseconds % 1000) * 1000000 };

	host_cpu_idle_begin();
	nanosleep(&time, NULL);
	host_cpu_idle_end();
}

void test_yield(void)
{
	port_relax();
	sched_yield();
}

/* ---- threads ---- */

struct test_thread {
	bool used;
	pthread_t thread;
	void (*function)(void *argument);
	void *argument;
	uint32_t has_cpu;
};

static struct test_thread threads[TEST_THREADS];
static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;

static void *thread_main(void *argument)
{
	struct test_thread *thread = argument;

	host_cpu_enter();
	__atomic_store_n(&thread->has_cpu, 1, __ATOMIC_RELEASE);
	thread->function(thread->argument);
	host_cpu_leave();
	return NULL;
}

static struct test_thread *thread_take(void)
{
	struct test_thread *thread = NULL;

	pthread_mutex_lock(&threads_lock);
	for (size_t i = 0; i < TEST_THREADS && thread == NULL; i++)
		if (!threads[i].used)
			thread = &threads[i];
	if (thread == NULL) {
		fprintf(stderr, "a case has more than %d threads\n", TEST_THREADS);
		abort();
	}
	thread->used = true;
	pthread_mutex_unlock(&threads_lock);
	return thread;
}

void (*host_no_cpu)(void);

struct test_thread *test_thread_start(const char *name, void (*function)(void *), void *argument)
{
	struct test_thread *thread;
	char short_name[16];
	int error;

	if (CONFIG_MAX_CPUS == 1)
		host_no_cpu();
	thread = thread_take();
	thread->function = function;
	thread->argument = argument;
	thread->has_cpu = 0;
	error = pthread_create(&thread->thread, NULL, thread_main, thread);
	if (error != 0) {
		fprintf(stderr, "pthread_create: %s\n", strerror(error));
		abort();
	}
	snprintf(short_name, sizeof short_name, "%s", name);
	pthread_setname_np(thread->thread, short_name);
	while (__atomic_load_n(&thread->has_cpu, __ATOMIC_ACQUIRE) == 0)
		port_relax();
	return thread;
}

void test_thread_join(struct test_thread *thread)
{
	host_cpu_idle_begin();
	pthread_join(thread->thread, NULL);
	host_cpu_idle_end();
	pthread_mutex_lock(&threads_lock);
	thread->used = false;
	pthread_mutex_unlock(&threads_lock);
}

/* The host's threads need nothing of the core. */
void test_threads_prepare(void)
{
}

void test_threads_end(void)
{
}

void test_threads_settle(void)
{
	for (size_t i = 0; i < TEST_THREADS; i++)
		if (threads[i].used) {
			fprintf(stderr, "a case ended without joining its threads\n");
			abort();
		}
}

/* ---- preemption ---- */

static _Thread_local void (*preempting)(void);

static void preempt_once(void)
{
	host_local.preempt = NULL;
	preempting();
	host_local.preempt = preempting != NULL ? preempt_once : NULL;
}

bool test_preempt(void (*preempt)(void))
{
	preempting = preempt;
	host_local.preempt = preempt != NULL ? preempt_once : NULL;
	return CONFIG_DEBUG;
}

void test_migrate(void)
{
	(void) host_cpu_move();
}

/* ---- semaphore, barrier ---- */

struct semaphore_body {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned count;
};

struct barrier_body {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned threads, waiting, round;
};

_Static_assert(sizeof(struct semaphore_body) <= sizeof(struct test_semaphore), "room in test.h");
_Static_assert(sizeof(struct barrier_body) <= sizeof(struct test_barrier), "room in test.h");

static void wake_init(pthread_cond_t *wake)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(wake, &attributes);
}

void test_semaphore_init(struct test_semaphore *semaphore, unsigned count)
{
	struct semaphore_body *body = (struct semaphore_body *) semaphore;

	pthread_mutex_init(&body->lock, NULL);
	wake_init(&body->wake);
	body->count = count;
}

void test_semaphore_up(struct test_semaphore *semaphore)
{
	struct semaphore_body *body = (struct semaphore_body *) semaphore;

	pthread_mutex_lock(&body->lock);
	body->count++;
	pthread_cond_signal(&body->wake);
	pthread_mutex_unlock(&body->lock);
}

/* Takes one, waiting till end; NULL = as long as it takes. */
static errno_t semaphore_take(struct semaphore_body *body, const struct timespec *end)
{
	int error = 0;

	host_cpu_idle_begin();
	pthread_mutex_lock(&body->lock);
	while (body->count == 0 && error != ETIMEDOUT)
		error = end == NULL ? pthread_cond_wait(&body->wake, &body->lock)
							: pthread_cond_timedwait(&body->wake, &body->lock, end);
	error = body->count == 0 ? ETIMEDOUT : EOK;
	if (error == EOK)
		body->count--;
	pthread_mutex_unlock(&body->lock);
	host_cpu_idle_end();
	return error;
}

void test_semaphore_down(struct test_semaphore *semaphore)
{
	(void) semaphore_take((struct semaphore_body *) semaphore, NULL);
}

errno_t test_semaphore_down_timeout(struct test_semaphore *semaphore, unsigned milliseconds)
{
	uint64_t end = test_now_ms() + milliseconds;
	struct timespec time = { .tv_sec = (time_t) (end / 1000), .tv_nsec = (long) (end % 1000) * 1000000 };

	return semaphore_take((struct semaphore_body *) semaphore, &time);
}

void test_barrier_init(struct test_barrier *barrier, unsigned count)
{
	struct barrier_body *body = (struct barrier_body *) barrier;

	pthread_mutex_init(&body->lock, NULL);
	wake_init(&body->wake);
	body->threads = count;
	body->waiting = body->round = 0;
}

void test_barrier_wait(struct test_barrier *barrier)
{
	struct barrier_body *body = (struct barrier_body *) barrier;
	unsigned round;

	host_cpu_idle_begin();
	pthread_mutex_lock(&body->lock);
	round = body->round;
	if (++body->waiting == body->threads) {
		body->waiting = 0;
		body->round++;
		pthread_cond_broadcast(&body->wake);
	}
	while (body->round == round)
		pthread_cond_wait(&body->wake, &body->lock);
	pthread_mutex_unlock(&body->lock);
	host_cpu_idle_end();
}

/* ---- user space, by way of the host's TLBs ---- */

static _Thread_local struct as *borrowed;

void test_as_borrow(struct as *as)
{
	struct as *before = borrowed;

	if (as != NULL)
		as_hold(as);
	borrowed = as;
	as_switch(as);
	if (before != NULL)
		as_release(before);
}

static bool user_access(uintptr_t va, unsigned access, uint8_t *byte)
{
	if (borrowed == NULL || va - USER_START > USER_LAST - USER_START)
		return false;
	while (!((access & AS_ACCESS_WRITE) ? host_store(va, *byte) : host_load(va, byte)))
		if (as_page_fault(borrowed, va, access | AS_ACCESS_COPYING, FRAME_ATOMIC) != AS_FAULT_OK)
			return false;
	return true;
}

bool test_user_load(uintptr_t va, uint8_t *byte)
{
	return user_access(va, AS_ACCESS_READ, byte);
}

bool test_user_store(uintptr_t va, uint8_t byte)
{
	return user_access(va, AS_ACCESS_WRITE, &byte);
}

/* ---- cases that are to panic ---- */

static int panic_pipe;

static void panic_told(const char *message)
{
	if (write(panic_pipe, message, strlen(message)) < 0)
		_exit(2);
	_exit(0);
}

static void panic_child(const struct test_case *test)
{
	host_panic_hook = panic_told;
	host_log_print(false);
	watch_me();
	if (ledger_open())
		test->body();
	_exit(1);
}

/* All that the child writes, as a string. */
static void read_all(int from, char *text, size_t room)
{
	size_t bytes = 0;
	ssize_t got;

	while (bytes + 1 < room && (got = read(from, text + bytes, room - 1 - bytes)) > 0)
		bytes += (size_t) got;
	text[bytes] = 0;
}

enum test_outcome test_run_panicking(const struct test_case *test, char *reason)
{
	char message[1024];
	int ends[2], status;
	pid_t child;

	fflush(stdout);
	if (pipe(ends) != 0 || (child = fork()) < 0) {
		test_format(reason, TEST_REASON_ROOM, "no process for it: %s", strerror(errno));
		return TEST_FAILED;
	}
	if (child == 0) {
		close(ends[0]);
		panic_pipe = ends[1];
		panic_child(test);
	}
	close(ends[1]);
	read_all(ends[0], message, sizeof message);
	close(ends[0]);
	waitpid(child, &status, 0);
	watch_me();
	if (strstr(message, test->panics) != NULL)
		return TEST_PASSED;
	if (message[0] != 0)
		test_note(
			"%s:%d: it panicked with \"%s\", which does not say \"%s\"", test->file, test->line, message, test->panics);
	else
		test_note("%s:%d: it should have panicked with \"%s\", but ended with %s %d", test->file, test->line,
			test->panics, WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return TEST_FAILED;
}
