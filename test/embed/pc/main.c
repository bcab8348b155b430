/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A small kernel on bare metal, with several CPUs, that has taken the sources of
 * the memory core as they are, and <arch/mm.h> of ia32. QEMU boots it; it runs
 * the shared parts, with real page faults, then what needs a second CPU, and
 * ends the emulator. It has no user tasks: the kernel's own user_load and
 * user_store touch the user part.
 */

#include <arch/mm.h>
#include <mm/frame.h>
#include <mm/malloc.h>
#include <mm/memmap.h>
#include <mm/page.h>
#include <mm/port.h>
#include <mm/tlb.h>

#include "../embed.h"
#include "pc.h"

void report(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_print(format, arguments);
	va_end(arguments);
}

/* ---- page faults ---- */

static void interrupts_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static bool is_user_access(uintptr_t pc)
{
	return pc >= (uintptr_t) user_access && pc < (uintptr_t) user_access_end;
}

static void die(const struct trap *trap)
{
	port_panic("page fault at 0x%lx, of address 0x%lx", (unsigned long) trap->pc, (unsigned long) trap->address);
}

void on_page_fault(struct trap *trap)
{
	struct as *as = as_current();
	unsigned access = (trap->error & 2) != 0 ? AS_ACCESS_WRITE : AS_ACCESS_READ;

	if (as == NULL || !port_irq_were_on(trap->flags) || trap->address - USER_START > USER_LAST - USER_START)
		die(trap);
	if (!is_user_access(trap->pc))
		die(trap);
	interrupts_on();
	if (as_page_fault(as, trap->address, access | AS_ACCESS_COPYING, 0) != AS_FAULT_OK)
		trap->pc = (uintptr_t) user_access_failed;
	interrupts_off();
}

int user_read(struct as *as, uintptr_t va)
{
	as_switch(as);
	return user_load(va);
}

bool user_write(struct as *as, uintptr_t va, unsigned char value)
{
	as_switch(as);
	return user_store(va, value) == 0;
}

/* ---- the other CPUs, and what they do ---- */

static struct {
	void (*body)(void);
	void *parent;
	void *self;
} worker;

void worker_start(void (*body)(void))
{
	worker.parent = port_self();
	__atomic_store_n(&worker.body, body, __ATOMIC_RELEASE);
	port_unpark(worker.self);
}

void worker_join(void)
{
	while (__atomic_load_n(&worker.body, __ATOMIC_ACQUIRE) != NULL)
		port_park(0);
}

/* The second CPU's thread. */
static void worker_run(void)
{
	void (*body)(void);

	for (;;) {
		while ((body = __atomic_load_n(&worker.body, __ATOMIC_ACQUIRE)) == NULL)
			port_park(0);
		body();
		__atomic_store_n(&worker.body, NULL, __ATOMIC_RELEASE);
		port_unpark(worker.parent);
	}
}

void other_main(void)
{
	page_root_load(page_table_root(&page_kernel));
	machine_start();
	tlb_cpu_start();
	if (port_cpu() == 1)
		worker.self = port_self();
	__atomic_fetch_add(&cpus_up, 1, __ATOMIC_RELEASE);
	interrupts_on();
	if (port_cpu() == 1)
		worker_run();
	for (;;)
		port_park(0);
}

/* ---- parts with two CPUs ---- */

/* Two threads go on in turns: step_wait waits until the other has come so far. */
static unsigned step;

static void step_set(unsigned number)
{
	__atomic_store_n(&step, number, __ATOMIC_RELEASE);
}

static void step_wait(unsigned number)
{
	while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) < number)
		port_relax();
}

static struct {
	struct as *as;
	uintptr_t va;
} shared;

/* It has the translation in its TLB each time before the first CPU takes a right, or the page, away. */
static void shootdown_other(void)
{
	CHECK(user_write(shared.as, shared.va, 7));
	step_set(1);
	step_wait(2);
	CHECK(!user_write(shared.as, shared.va, 8));
	CHECK(user_read(shared.as, shared.va) == 7);
	step_set(3);
	step_wait(4);
	CHECK(user_read(shared.as, shared.va) == -1);
	as_switch(NULL);
}

static void shootdown_part(void)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .size = PAGE_SIZE, .flags = AS_WRITE | AS_ANYWHERE };
	struct tlb_info before, after;

	shared.as = as_create(0);
	CHECK(as_area_create(shared.as, &request, 0, &shared.va) == EOK);
	step_set(0);
	tlb_get_info(&before);
	worker_start(shootdown_other);
	step_wait(1);
	CHECK(as_area_change_flags(shared.as, shared.va, 0) == EOK);
	step_set(2);
	step_wait(3);
	CHECK(as_area_destroy(shared.as, shared.va) == EOK);
	step_set(4);
	worker_join();
	tlb_get_info(&after);
	CHECK(after.answers - before.answers >= 2);
	as_release(shared.as);
}

#define ROUNDS 300

/* Both CPUs at once: objects, and pages of one address space that the other shares, copies and takes away. */
static void crowd(void)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .size = 4 * PAGE_SIZE, .flags = AS_WRITE | AS_ANYWHERE
	};
	struct as *copy = as_create(0);

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned char *object = mm_malloc(16 + i % 3000, 0);
		uintptr_t va, at;

		object[0] = (unsigned char) i;
		CHECK(as_area_create(shared.as, &request, 0, &va) == EOK);
		CHECK(user_write(shared.as, va, object[0]));
		CHECK(as_area_share(shared.as, va, AS_COPY, copy, va, AS_WRITE | AS_ANYWHERE, 0, &at) == EOK);
		CHECK(user_write(shared.as, va, (unsigned char) (i + 1)));
		CHECK(user_read(copy, at) == object[0]);
		CHECK(as_area_destroy(copy, at) == EOK && as_area_destroy(shared.as, va) == EOK);
		mm_free(object);
	}
	as_switch(NULL);
	as_release(copy);
}

static void crowd_part(void)
{
	shared.as = as_create(0);
	worker_start(crowd);
	crowd();
	worker_join();
	as_release(shared.as);
}

static void add_one(void *counter)
{
	__atomic_fetch_add((unsigned *) counter, 1, __ATOMIC_RELAXED);
}

static void caller(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		port_cross_call(add_one, &step);
}

static void call_part(void)
{
	step_set(0);
	worker_start(caller);
	caller();
	worker_join();
	CHECK(step == 2 * ROUNDS * cpus_up);
}

/* ---- start ---- */

/* What the loader says, Multiboot Specification 0.6.96, section 3.3. */
struct loader_info {
	uint32_t flags, lower, upper, device, command_line, module_count, modules, symbols[4], map_length, map;
};

struct loader_range {
	uint32_t size;
	uint64_t base, bytes;
	uint32_t type; /* 1 = RAM */
} __attribute__((packed));

static void memory_find(struct memmap *map, const struct loader_info *info)
{
	for (uint32_t at = info->map; at < info->map + info->map_length;) {
		const struct loader_range *range = (const struct loader_range *) PA2KA(at);

		CHECK(memmap_add(map, range->base, range->bytes, range->type == 1 ? MEMMAP_FREE : MEMMAP_RESERVED) == EOK);
		at += range->size + sizeof(range->size);
	}
	CHECK(memmap_add(map, 0, MiB(1), MEMMAP_RESERVED) == EOK);
}

/* Bytes of a CPU's stack that were used, at most: those below are still 0, as the loader has left them. */
static size_t stack_used(unsigned cpu)
{
	const char *stack = stacks + cpu * STACK_SIZE;
	size_t unused = 0;

	while (unused < STACK_SIZE && stack[unused] == 0)
		unused++;
	return STACK_SIZE - unused;
}

void pc_main(uint32_t info);

void pc_main(uint32_t info)
{
	static const struct part parts[] = {
		{ "calls of two CPUs", call_part },
		{ "shootdown on a second CPU", shootdown_part },
		{ "two CPUs at once", crowd_part },
	};
	static struct memmap_range ranges[64];
	struct memmap map;

	report_begin(ARRAY_COUNT(parts) + PARTS_SHARED);
	memmap_init(&map, ranges, ARRAY_COUNT(ranges));
	memory_find(&map, (const struct loader_info *) PA2KA(info));
	if (!core_start(&map))
		machine_exit(false);
	machine_start();
	tlb_cpu_start();
	interrupts_on();
	machine_start_others();
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		part_report(&parts[i]);
	parts_run();
	for (unsigned cpu = 0; cpu < cpus_up; cpu++)
		report("# CPU %u: %zu bytes of stack used", cpu, stack_used(cpu));
	report("# %u CPUs, %u checks, %u failed", cpus_up, checks, failed);
	machine_exit(failed == 0);
}
