/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * CPUs of the host: threads. A thread that enters the core first takes one of
 * CONFIG_MAX_CPUS slots, and is that CPU till it gives the slot back; so the
 * core's per-CPU data belongs to one thread at a time.
 *
 *   state    ABSENT    never had a thread: the core keeps nothing for it
 *            IDLE      has no thread, or one that waits outside the core
 *            RUNNING   its thread may be in the core
 *
 * CALLS ACROSS CPUS. What is to run on an IDLE CPU the caller runs itself, on
 * its behalf: under the slot's lock, with its number. To a RUNNING one it
 * leaves a request, which that thread takes when its interrupts come on (in
 * port_irq_restore, in port_relax with interrupts on, before it goes idle), as
 * it would an interrupt; the caller waits. There is no deadlock: who waits
 * takes the requests left with itself meanwhile; who goes idle takes them
 * before; who holds the slot's lock waits for nobody but a spinlock of the
 * core, whose holder has interrupts off and waits for no slot.
 *
 * INTERRUPTS (port_interrupt) go the same way: on behalf of an IDLE CPU the one
 * that interrupts answers, a RUNNING one finds a mark beside its requests. A
 * slot takes part in dropping translations (tlb_cpu_start) from the first time
 * that a thread has it. While the first further CPU starts, CPU 0 must not be in
 * the core (generic/tlb.c, "New CPUs"): whoever starts a thread waits till it has
 * its CPU.
 *
 * A thread that computes for long without entering the core makes callers
 * wait; one that blocks must say so (host_cpu_idle_begin).
 *
 * MOVING. A thread may go on as another CPU that no thread has (host_cpu_move):
 * so a test has it preempted on one CPU and run on by another.
 *
 * PARKING. Each slot has a token under its own mutex, so unpark of a thread
 * that has gone is a wake-up without cause for the slot's next one: allowed.
 *
 * LOCKS. slots_lock (who has which slot) above host_cpu.lock; park_lock is
 * taken alone, also under the core's spinlocks.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <arch/host.h>
#include <mm/held.h>
#include <mm/page.h>
#include <mm/page_roots.h>
#include <mm/port.h>
#include <mm/tlb.h>

enum cpu_state { CPU_ABSENT, CPU_IDLE, CPU_RUNNING };

struct request {
	struct request *next;
	void (*function)(void *argument);
	void *argument;
	uint32_t done;
};

struct host_cpu {
	pthread_mutex_t lock;
	enum cpu_state state;     /* lock */
	struct request *requests; /* lock */
	bool interrupted;         /* lock */
	uint32_t pending;         /* whether there is one of these; written under lock, read without */
	bool taken;               /* slots_lock */
	bool joined;              /* it was told to tlb_cpu_start */

	pthread_mutex_t park_lock;
	pthread_cond_t park_wake;
	bool token; /* park_lock */
} __attribute__((aligned(CACHE_LINE)));

static struct host_cpu cpus[CONFIG_MAX_CPUS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t cpus_once = PTHREAD_ONCE_INIT;
static uint32_t nothing_pending;

_Thread_local struct host_local host_local = { .cpu = CONFIG_MAX_CPUS, .pending = &nothing_pending };
static _Thread_local struct host_cpu *self;
static _Thread_local unsigned spins;

static void cpus_set_up(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		pthread_mutex_init(&cpus[i].lock, NULL);
		pthread_mutex_init(&cpus[i].park_lock, NULL);
		pthread_cond_init(&cpus[i].park_wake, &attributes);
	}
}

static void set_state(struct host_cpu *cpu, enum cpu_state state)
{
	pthread_mutex_lock(&cpu->lock);
	cpu->state = state;
	pthread_mutex_unlock(&cpu->lock);
}

/* A CPU that starts: it has the kernel's page table, and nobody's translations. */
static void join(void)
{
	port_irq_t irq = port_irq_save();

	page_kernel_root_load(page_table_root(&page_kernel));
	tlb_cpu_start();
	self->joined = true;
	port_irq_restore(irq);
}

void host_cpu_enter(void)
{
	unsigned number = 0;

	pthread_once(&cpus_once, cpus_set_up);
	pthread_mutex_lock(&slots_lock);
	while (number < CONFIG_MAX_CPUS && cpus[number].taken)
		number++;
	if (number == CONFIG_MAX_CPUS) {
		fprintf(stderr, "host: more than %d threads want a CPU\n", CONFIG_MAX_CPUS);
		abort();
	}
	self = &cpus[number];
	self->taken = true;
	pthread_mutex_unlock(&slots_lock);
	host_local = (struct host_local){ .interrupts_off = 0, .cpu = number, .pending = &self->pending };
	set_state(self, CPU_RUNNING);
	if (!self->joined)
		join();
}

void host_cpu_leave(void)
{
	struct host_cpu *cpu = self;

	host_cpu_idle_begin();
	host_local = (struct host_local){ .interrupts_off = 0, .cpu = CONFIG_MAX_CPUS, .pending = &nothing_pending };
	self = NULL;
	pthread_mutex_lock(&slots_lock);
	cpu->taken = false;
	pthread_mutex_unlock(&slots_lock);
}

bool host_cpu_move(void)
{
	struct host_cpu *before = self, *after = NULL;

	pthread_mutex_lock(&slots_lock);
	for (size_t i = 1; i < CONFIG_MAX_CPUS && after == NULL; i++) {
		struct host_cpu *cpu = &cpus[(host_local.cpu + i) % CONFIG_MAX_CPUS];

		if (!cpu->taken && cpu->joined)
			after = cpu;
	}
	if (after != NULL)
		after->taken = true;
	pthread_mutex_unlock(&slots_lock);
	if (after == NULL)
		return false;
	host_cpu_idle_begin();
	self = after;
	host_local.cpu = (unsigned) (after - cpus);
	host_local.pending = &after->pending;
	host_cpu_idle_end();
	pthread_mutex_lock(&slots_lock);
	before->taken = false;
	pthread_mutex_unlock(&slots_lock);
	return true;
}

unsigned host_cpus_up(void)
{
	unsigned up = 0;

	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		pthread_mutex_lock(&cpus[i].lock);
		up += cpus[i].state != CPU_ABSENT;
		pthread_mutex_unlock(&cpus[i].lock);
	}
	return up;
}

/* Runs what is left with this CPU, interrupts being off. */
static void take_requests(void)
{
	struct request *request, *next;
	bool interrupted;

	pthread_mutex_lock(&self->lock);
	request = self->requests;
	interrupted = self->interrupted;
	self->requests = NULL;
	self->interrupted = false;
	__atomic_store_n(&self->pending, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&self->lock);
	if (interrupted)
		tlb_answer();
	for (; request != NULL; request = next) {
		next = request->next; /* the request is gone once it is done */
		request->function(request->argument);
		__atomic_store_n(&request->done, 1, __ATOMIC_RELEASE);
	}
}

void host_cpu_answer(void)
{
	host_local.interrupts_off = 1;
	take_requests();
	host_local.interrupts_off = 0;
}

void host_cpu_idle_begin(void)
{
	host_local.interrupts_off = 1;
	pthread_mutex_lock(&self->lock);
	while (self->requests != NULL || self->interrupted) {
		pthread_mutex_unlock(&self->lock);
		take_requests();
		pthread_mutex_lock(&self->lock);
	}
	self->state = CPU_IDLE;
	pthread_mutex_unlock(&self->lock);
}

void host_cpu_idle_end(void)
{
	set_state(self, CPU_RUNNING);
	host_local.interrupts_off = 0;
}

void host_cpu_relax(void)
{
	if (host_local.interrupts_off == 0 && __atomic_load_n(host_local.pending, __ATOMIC_RELAXED) != 0)
		host_cpu_answer();
	__builtin_ia32_pause();
	if (++spins % 16 == 0)
		sched_yield();
}

/* Acts as another CPU, which is idle; its lock is held, and interrupts are off. */
static void act_for(const struct host_cpu *cpu, void (*function)(void *argument), void *argument)
{
	unsigned own = host_local.cpu;

	host_local.cpu = (unsigned) (cpu - cpus);
	function(argument);
	host_local.cpu = own;
}

/* Calls on one other CPU: does it at once, or leaves the request and returns true. */
static bool call_one(struct host_cpu *cpu, struct request *request)
{
	bool left = false;

	pthread_mutex_lock(&cpu->lock);
	if (cpu->state == CPU_IDLE) {
		act_for(cpu, request->function, request->argument);
	} else if (cpu->state == CPU_RUNNING) {
		request->next = cpu->requests;
		cpu->requests = request;
		__atomic_store_n(&cpu->pending, 1, __ATOMIC_RELAXED);
		left = true;
	}
	pthread_mutex_unlock(&cpu->lock);
	return left;
}

void port_cross_call(void (*function)(void *argument), void *argument)
{
	struct request requests[CONFIG_MAX_CPUS];
	bool left[CONFIG_MAX_CPUS];

	if (host_local.interrupts_off != 0)
		port_panic("port_cross_call with interrupts off on CPU %u", host_local.cpu);
	host_local.interrupts_off = 1;
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		requests[i] = (struct request){ .function = function, .argument = argument };
		if (&cpus[i] == self) {
			left[i] = false;
			function(argument);
		} else {
			left[i] = call_one(&cpus[i], &requests[i]);
		}
	}
	host_local.interrupts_off = 0;
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		while (left[i] && !__atomic_load_n(&requests[i].done, __ATOMIC_ACQUIRE))
			host_cpu_relax();
	if (__atomic_load_n(&self->pending, __ATOMIC_RELAXED) != 0)
		host_cpu_answer();
}

static void answer(void *unused)
{
	(void) unused;
	tlb_answer();
}

void port_interrupt(unsigned cpu)
{
	struct host_cpu *other = &cpus[cpu];

	pthread_mutex_lock(&other->lock);
	if (other->state == CPU_IDLE) {
		act_for(other, answer, NULL);
	} else {
		other->interrupted = true;
		__atomic_store_n(&other->pending, 1, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&other->lock);
}

void *port_self(void)
{
	return self;
}

struct held *port_held(void)
{
	static _Thread_local struct held held;

	return &held;
}

static struct timespec after(unsigned milliseconds)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += milliseconds / 1000;
	time.tv_nsec += (long) (milliseconds % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

uint64_t port_time_ms(void)
{
	struct timespec now = after(0);

	return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void port_park(unsigned milliseconds)
{
	struct timespec end = after(milliseconds);
	int error = 0;

	if (host_local.interrupts_off != 0)
		port_panic("port_park with interrupts off on CPU %u", host_local.cpu);
	host_cpu_idle_begin();
	pthread_mutex_lock(&self->park_lock);
	while (!self->token && error != ETIMEDOUT)
		if (milliseconds == 0)
			error = pthread_cond_wait(&self->park_wake, &self->park_lock);
		else
			error = pthread_cond_timedwait(&self->park_wake, &self->park_lock, &end);
	self->token = false;
	pthread_mutex_unlock(&self->park_lock);
	host_cpu_idle_end();
}

void port_unpark(void *thread)
{
	struct host_cpu *cpu = thread;

	pthread_mutex_lock(&cpu->park_lock);
	cpu->token = true;
	pthread_cond_signal(&cpu->park_wake);
	pthread_mutex_unlock(&cpu->park_lock);
}
