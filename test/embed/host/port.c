/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All that this small kernel tells the memory core about itself: mm/port.h.
 *
 * It has one CPU, and threads that give it up only when they wait. Who runs
 * holds the mutex `cpu`, which guards everything here. Nobody interrupts, so
 * interrupts are a flag, which the core asks for, and nobody spins.
 */

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mm/port.h>

#include "thread.h"

static pthread_mutex_t cpu = PTHREAD_MUTEX_INITIALIZER;
static struct thread *running;
static bool interrupts_off;

port_irq_t port_irq_save(void)
{
	port_irq_t state = interrupts_off;

	interrupts_off = true;
	return state;
}

void port_irq_restore(port_irq_t state)
{
	interrupts_off = state != 0;
}

bool port_irq_were_on(port_irq_t state)
{
	return state == 0;
}

unsigned port_cpu(void)
{
	return 0;
}

void port_relax(void)
{
}

void port_cross_call(void (*function)(void *argument), void *argument)
{
	port_irq_t state = port_irq_save();

	function(argument);
	port_irq_restore(state);
}

void port_interrupt(unsigned number)
{
	port_panic("there is no CPU %u", number);
}

void *port_self(void)
{
	return running;
}

struct held *port_held(void)
{
	static struct held before_threads;

	return running != NULL ? &running->held : &before_threads;
}

uint64_t port_time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* With no limit given it returns after ten seconds, without cause: who called looks again. */
void port_park(unsigned milliseconds)
{
	struct thread *self = running;
	struct timespec end;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += (milliseconds != 0 ? milliseconds : 10000) * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (!self->may_go && error == 0)
		error = pthread_cond_timedwait(&self->wake, &cpu, &end);
	self->may_go = false;
	running = self;
}

void port_unpark(void *thread)
{
	((struct thread *) thread)->may_go = true;
	pthread_cond_signal(&((struct thread *) thread)->wake);
}

void thread_adopt(struct thread *thread)
{
	pthread_mutex_lock(&cpu);
	pthread_cond_init(&thread->wake, NULL);
	running = thread;
}

static void *thread_run(void *argument)
{
	struct thread *thread = argument;

	thread_adopt(thread);
	thread->body();
	thread->is_over = true;
	port_unpark(thread->parent);
	pthread_mutex_unlock(&cpu);
	return NULL;
}

void thread_start(struct thread *thread, void (*body)(void))
{
	*thread = (struct thread){ .body = body, .parent = running };
	if (pthread_create(&thread->host, NULL, thread_run, thread) != 0)
		port_panic("no thread");
}

void thread_join(struct thread *thread)
{
	while (!thread->is_over)
		port_park(0);
	pthread_join(thread->host, NULL);
}

static void tell(const char *what, const char *format, va_list arguments)
{
	fprintf(stderr, "%s: ", what);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void port_log(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell("log", format, arguments);
	va_end(arguments);
}

void port_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell("panic", format, arguments);
	abort();
}
