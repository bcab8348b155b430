/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Several CPUs: that all of them run threads and have a clock, and that no
 * translation outlives its mapping on any of them. With one CPU the cases have
 * nothing to show.
 */

#include <kernel/cpus.h>
#include <kernel/machine.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <mm/km.h>
#include <mm/tlb.h>
#include <test.h>
#include <x86/cpuid.h>

#include "../shootdown.h"

/* Reads a word that may be written meanwhile. */
static uintptr_t peek(const uintptr_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uintptr_t *word, uintptr_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* ---- all of them work ---- */

struct spread {
	uintptr_t stop;
	struct spreader {
		struct spread *common;
		struct test_thread *thread;
		uintptr_t cpu; /* 1 + the one it was seen on last */
	} threads[TEST_THREADS];
};

static void spread_main(void *argument)
{
	struct spreader *self = argument;

	while (peek(&self->common->stop) == 0)
		put(&self->cpu, cpu_number() + 1);
}

/* Whether so many threads were seen each on a CPU of its own. */
static bool all_apart(const struct spread *spread, size_t count)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < count; i++)
		seen |= (uint64_t) 1 << peek(&spread->threads[i].cpu) >> 1;
	return test_bits(seen) == count;
}

TEST(cpus_all_run, "as many threads as CPUs that compute and never yield get a CPU each", .threads = true)
{
	static struct spread spread;
	size_t count = cpu_count() < TEST_THREADS ? cpu_count() : TEST_THREADS;

	put(&spread.stop, 0);
	for (size_t i = 0; i < count; i++) {
		spread.threads[i] = (struct spreader){ &spread, NULL, 0 };
		spread.threads[i].thread = test_thread_start("spreader", spread_main, &spread.threads[i]);
	}
	CHECK(test_wait_for(all_apart(&spread, count), PATIENCE_MS));
	put(&spread.stop, 1);
	for (size_t i = 0; i < count; i++)
		test_thread_join(spread.threads[i].thread);
}

static uint64_t ticks_of(unsigned cpu)
{
	struct cpu_info info = { .ticks = 0 };

	(void) cpu_get_info(cpu, &info);
	return info.ticks;
}

TEST(cpus_all_tick, "the clock ticks on every CPU", .threads = true)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		uint64_t before = ticks_of(cpu);

		CHECK(test_wait_for(ticks_of(cpu) >= before + 3, PATIENCE_MS));
	}
}

/* ---- translations ---- */

struct reading {
	uintptr_t va;
	size_t alike, faults; /* CPUs that read what the first word of the page should be; that could read nothing */
	uintptr_t value;
};

static void read_here(void *argument)
{
	struct reading *reading = argument;
	uintptr_t value = 0;

	if (!probe_load(reading->va, &value))
		__atomic_fetch_add(&reading->faults, 1, __ATOMIC_RELAXED);
	else if (value == reading->value)
		__atomic_fetch_add(&reading->alike, 1, __ATOMIC_RELAXED);
}

static struct reading read_everywhere(uintptr_t va, uintptr_t value)
{
	struct reading reading = { .va = va, .value = value };

	port_cross_call(read_here, &reading);
	return reading;
}

TEST(cpus_drop, "what was mapped and read on every CPU is gone on every CPU when it is unmapped, and not before")
{
	phys_t frames = test_frame_alloc(2, FRAME_ATOMIC, 0);
	uintptr_t va;

	NEED(frames != 0);
	for (size_t i = 0; i < 2; i++)
		*(uintptr_t *) PA2KA(frames + i * PAGE_SIZE) = 0x5eed0 + i;
	NEED(km_map(frames, PAGE_SIZE, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC, &va) == EOK);
	CHECK_EQ(read_everywhere(va, 0x5eed0).alike, cpu_count());

	/* Another frame in its place, at once. */
	page_mapping_remove(&page_kernel, va, 1);
	CHECK_EQ(page_mapping_insert(&page_kernel, va, frames + PAGE_SIZE, 1, PAGE_READ | PAGE_GLOBAL, 0), EOK);
	CHECK_EQ(read_everywhere(va, 0x5eed1).alike, cpu_count());
	km_unmap(va, PAGE_SIZE);
	CHECK_EQ(read_everywhere(va, 0).faults, cpu_count());
}

/* ---- a page that is replaced ---- */

#define REPLACED 3000

struct replaced {
	uintptr_t va, stop, reads, strange;
};

static void replaced_reader(void *argument)
{
	struct replaced *replaced = argument;

	while (peek(&replaced->stop) == 0) {
		uintptr_t value = peek((const uintptr_t *) replaced->va);

		replaced->strange += value != 0x5eed0 && value != 0x5eed1;
		put(&replaced->reads, replaced->reads + 1);
	}
}

TEST(cpus_replaced, "a page of the kernel that is replaced over and over is there for other CPUs at each moment",
	.threads = true)
{
	phys_t frames = test_frame_alloc(2, FRAME_ATOMIC, 0);
	struct replaced replaced = { .stop = 0 };
	struct test_thread *reader;

	if (cpu_count() == 1)
		SKIP("there is one CPU");
	NEED(frames != 0);
	for (size_t i = 0; i < 2; i++)
		*(uintptr_t *) PA2KA(frames + i * PAGE_SIZE) = 0x5eed0 + i;
	NEED(km_map(frames, PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &replaced.va) == EOK);
	reader = test_thread_start("reader", replaced_reader, &replaced);
	CHECK(test_wait_for(peek(&replaced.reads) != 0, PATIENCE_MS));
	for (size_t i = 1; i <= REPLACED; i++)
		CHECK_EQ(
			page_mapping_replace(&page_kernel, replaced.va, frames + i % 2 * PAGE_SIZE, PAGE_READ | PAGE_GLOBAL), EOK);
	put(&replaced.stop, 1);
	test_thread_join(reader);
	CHECK_EQ(replaced.strange, 0);
	km_unmap(replaced.va, PAGE_SIZE);
}

/* ---- many pages ---- */

TEST(cpus_drop_many, "a range of more pages than are dropped singly is gone on every CPU too")
{
	const size_t pages = TLB_RANGE_MAX + 8;
	phys_t frames = test_frame_alloc(pages, FRAME_ATOMIC, 0);
	uintptr_t va;

	NEED(frames != 0);
	for (size_t i = 0; i < pages; i++)
		*(uintptr_t *) PA2KA(frames + i * PAGE_SIZE) = i;
	NEED(km_map(frames, pages * PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(read_everywhere(va + i * PAGE_SIZE, i).alike, cpu_count());
	km_unmap(va, pages * PAGE_SIZE);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(read_everywhere(va + i * PAGE_SIZE, i).faults, cpu_count());
}

/*
 * Owners that change what a page of theirs maps to, over and over, and readers
 * that look at all these pages: a frame is marked while it is mapped, and
 * unmarked when the mapping is gone; so who reads an unmarked one has used a
 * translation that should be gone.
 */
#define OWNERS 3
#define READERS 3
#define ROUNDS 150
#define MARK ((uintptr_t) 0x900d)

struct storm {
	uintptr_t pages[OWNERS], stop, reads, stale;
	phys_t frames[OWNERS];
	size_t rounds[OWNERS];
};

struct stormer {
	struct storm *common;
	unsigned number;
	struct test_thread *thread;
};

static void storm_owner(void *argument)
{
	struct stormer *self = argument;
	struct storm *storm = self->common;
	uintptr_t va = storm->pages[self->number];
	size_t *rounds = &storm->rounds[self->number];

	for (; *rounds < ROUNDS; ++*rounds) {
		phys_t frame = storm->frames[self->number] + *rounds % 2 * PAGE_SIZE;
		uintptr_t *mark = (uintptr_t *) PA2KA(frame);

		put(mark, MARK);
		if (page_mapping_insert(&page_kernel, va, frame, 1, PAGE_READ | PAGE_GLOBAL, 0) != EOK)
			return;
		read_here(&(struct reading){ .va = va });
		if (*rounds % 16 == 0)
			test_yield();
		page_mapping_remove(&page_kernel, va, 1);
		put(mark, 0);
	}
}

static void storm_reader(void *argument)
{
	struct storm *storm = ((struct stormer *) argument)->common;
	uintptr_t value;

	for (size_t i = 0; peek(&storm->stop) == 0; i++) {
		if (!probe_load(storm->pages[i % OWNERS], &value))
			continue;
		__atomic_fetch_add(&storm->reads, 1, __ATOMIC_RELAXED);
		if (value != MARK)
			__atomic_fetch_add(&storm->stale, 1, __ATOMIC_RELAXED);
	}
}

static void storm_run(struct storm *storm)
{
	struct stormer threads[OWNERS + READERS];

	for (unsigned i = 0; i < OWNERS + READERS; i++) {
		threads[i] = (struct stormer){ storm, i, NULL };
		threads[i].thread = test_thread_start("stormer", i < OWNERS ? storm_owner : storm_reader, &threads[i]);
	}
	for (unsigned i = 0; i < OWNERS + READERS; i++) {
		if (i == OWNERS)
			put(&storm->stop, 1);
		test_thread_join(threads[i].thread);
	}
	for (unsigned i = 0; i < OWNERS; i++)
		CHECK_EQ(storm->rounds[i], ROUNDS);
	CHECK_EQ(storm->stale, 0);
}

TEST(cpus_drop_storm, "CPUs that unmap at once neither wait for each other for ever nor leave a translation behind",
	.threads = true, .plain_only = "it takes two frames and waits for the rest")
{
	static struct storm storm;
	uintptr_t va;

	storm = (struct storm){ .stop = 0 };
	for (unsigned i = 0; i < OWNERS; i++)
		NEED((storm.frames[i] = test_frame_alloc(2, FRAME_ATOMIC, 0)) != 0);
	NEED(km_map(storm.frames[0], OWNERS * PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	page_mapping_remove(&page_kernel, va, OWNERS);
	for (unsigned i = 0; i < OWNERS; i++)
		storm.pages[i] = va + i * PAGE_SIZE;
	storm_run(&storm);
	if (page_mapping_insert(&page_kernel, va, storm.frames[0], OWNERS, PAGE_READ | PAGE_GLOBAL, 0) == EOK)
		km_unmap(va, OWNERS * PAGE_SIZE);
	else
		CHECK(!"mapped again, so that km_unmap finds what km_map has made");
}

TEST(cpus_drop_counted,
	"with several CPUs every drop is answered by each other one; with one, or where one drops for all, none is")
{
	unsigned asked = TLB_BROADCAST ? 0 : cpu_count() - 1;
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	struct tlb_info before, after;
	uintptr_t va;

	NEED(frame != 0);
	NEED(km_map(frame, PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	tlb_get_info(&before);
	km_unmap(va, PAGE_SIZE);
	tlb_get_info(&after);
	CHECK_EQ(after.pages - before.pages, 1);
	CHECK_EQ(after.requests - before.requests, asked != 0);
	CHECK_EQ(after.answers - before.answers, asked);
}

TEST(cpus_drop_users, "an area that goes is dropped by the CPUs that run its address space; no other is interrupted",
	.threads = true, .frames = 500, .plain_only = "its threads may not be refused")
{
	unsigned count = cpu_count() < 8 ? cpu_count() : 8;

	if (count == 1)
		SKIP("there is one CPU");
	shootdown_users(count / 2, count > 2 ? 1 : 0);
}

#if defined(__i386__) || defined(__x86_64__)

static uintptr_t control0[CONFIG_MAX_CPUS], control4[CONFIG_MAX_CPUS];

static void control_read(void *unused)
{
	(void) unused;
	control0[cpu_number()] = cr0_read();
	control4[cpu_number()] = cr4_read();
}

TEST(cpus_control, "all CPUs have the same control registers, and of each what keeps kernel and user apart",
	.inject_runs = 1)
{
	struct cpuid features = cpuid(CPUID_MORE_FEATURES);

	port_cross_call(control_read, NULL);
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		CHECK_EQ(control0[cpu], CR0_KERNEL);
		CHECK_EQ(control4[cpu], control4[0]);
	}
	CHECK((control4[0] & CR4_PGE) != 0);
	CHECK_EQ((control4[0] & CR4_SMEP) != 0, (features.ebx & CPUID_MORE_FEATURES_EBX_SMEP) != 0);
	CHECK_EQ((control4[0] & CR4_SMAP) != 0, (features.ebx & CPUID_MORE_FEATURES_EBX_SMAP) != 0);
	CHECK_EQ((control4[0] & CR4_UMIP) != 0, (features.ecx & CPUID_MORE_FEATURES_ECX_UMIP) != 0);
	CHECK_EQ(control4[0] & ~(uintptr_t) (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_UMIP), 0);
}

#endif
