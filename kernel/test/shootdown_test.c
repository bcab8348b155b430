/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces on several CPUs: that what one has unmapped no other uses, and
 * that no more is asked of others than need be.
 */

#include <mm/page_roots.h>
#include <mm/tlb.h>

#include "shootdown.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define AT(page) (FIRST + (page) *PAGE_SIZE)

#define SPACES 200

TEST(shootdown_switch, "among many address spaces with a value each at one address, each reads its own",
	.frames = 1500 + SPACES * 2 * ROOT_MIRROR_FRAMES, .plain_only = "it takes what many others take")
{
	size_t wrong = shootdown_switch(SPACES, 5000);

	NEED(wrong != SIZE_MAX);
	CHECK_EQ(wrong, 0);
}

TEST(shootdown_storm, "pages are used while others unmap, protect, copy and replace them: nothing stale is ever seen",
	.threads = true, .frames = 1000, .plain_only = "its threads may not be refused")
{
	struct storm_result result = shootdown_storm(test_on_host ? 400 : 60, false);

	CHECK_GT(result.reads, 0);
	CHECK_EQ(result.stale, 0);
	CHECK_EQ(result.written_through, 0);
}

TEST(tlb_table_switching, "in the midst of a switch a look-up of the kernel part has a page table to look in")
{
	port_irq_t irq = port_irq_save();
	struct tlb_cpu *here = &tlb_cpus[port_cpu()];
	uintptr_t uses = here->uses;
	struct page_table *table;

	__atomic_store_n(&here->uses, TLB_SWITCHING, __ATOMIC_RELAXED);
	table = tlb_table();
	__atomic_store_n(&here->uses, uses, __ATOMIC_RELEASE);
	port_irq_restore(irq);
	CHECK_EQ((uintptr_t) table, (uintptr_t) &page_kernel);
}

/* ---- who is waited for ---- */

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define SPINS 200000u /* of a thread with interrupts off, at most: many times what the other needs */
#define LOOK_EVERY 64u
#define SCATTERED 600 /* pages, each so far from the next that they share nothing in a hash table */

static struct {
	struct page_table *table;
	uintptr_t off; /* the thread has interrupts off */
	size_t freed;  /* most frames that were freed meanwhile */
	bool was_asked;
} wait;

static void wait_begin(struct page_table *table)
{
	__builtin_memset(&wait, 0, sizeof wait);
	wait.table = table;
}

static bool is_off(void)
{
	return __atomic_load_n(&wait.off, __ATOMIC_ACQUIRE) != 0;
}

static size_t free_frames(void)
{
	struct frame_info info;

	frame_get_info(&info);
	return info.free + info.cached;
}

/* Counts frames that are freed while it has interrupts off, as one that looks something up does. */
static void reader_main(void *argument)
{
	port_irq_t irq = port_irq_save();
	size_t before = free_frames();

	(void) argument;
	__atomic_store_n(&wait.off, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SPINS; i++) {
		size_t now = i % LOOK_EVERY == 0 ? free_frames() : 0;

		if (now > before + wait.freed)
			wait.freed = now - before;
		port_relax();
	}
	port_irq_restore(irq);
}

/* genarch/ht: its own reclaimer; the others would wait for the reader before it is called. */
extern size_t ht_reclaim(enum reclaim_strength strength, bool may_wait) __attribute__((weak));

static bool scatter(struct page_table *table)
{
	for (size_t i = 0; i < SCATTERED; i++)
		if (page_mapping_insert(table, FIRST + i * 16 * PAGE_SIZE, 0, 1, PAGE_READ, FRAME_ATOMIC) != EOK)
			return false;
	return true;
}

TEST(shootdown_readers, "no table, and no part of one, is freed while a CPU may be in the midst of a look-up",
	.threads = true, .plain_only = "its threads may not be refused, and it counts frames", .frames = 200)
{
	struct page_table *table = page_table_create(0);
	struct test_thread *thread;
	size_t before, after;

	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
	wait_begin(table);
	CHECK(scatter(table));
	before = free_frames();
	thread = test_thread_start("reader", reader_main, NULL);
	CHECK(test_wait_for(is_off(), PATIENCE_MS));
	page_mapping_remove(table, FIRST, SCATTERED * 16);
	if (&ht_reclaim != NULL)
		(void) ht_reclaim(RECLAIM_FULL, true);
	(void) frame_reclaim(RECLAIM_FULL, true);
	after = free_frames();
	test_thread_join(thread);
	page_table_destroy(table);
	CHECK_EQ(wait.freed, 0);
	CHECK_GT(after, before);
}

static size_t requests(void)
{
	struct tlb_info info;

	tlb_get_info(&info);
	return info.requests;
}

/* In the midst of a switch, till it sees that somebody was asked. */
static void switcher_main(void *argument)
{
	port_irq_t irq = port_irq_save();
	struct tlb_cpu *here = &tlb_cpus[port_cpu()];
	uintptr_t uses = here->uses;
	size_t before = requests();

	(void) argument;
	__atomic_store_n(&here->uses, TLB_SWITCHING, __ATOMIC_RELAXED);
	tlb_fence();
	__atomic_store_n(&wait.off, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SPINS && !wait.was_asked; i++) {
		wait.was_asked = i % LOOK_EVERY == 0 && requests() != before;
		port_relax();
	}
	__atomic_store_n(&here->uses, uses, __ATOMIC_RELEASE);
	port_irq_restore(irq);
}

TEST(shootdown_switching, "a CPU in the midst of a switch is asked, whatever page table it comes from or goes to",
	.host_only = "on one CPU there is nobody to be asked", .threads = true,
	.plain_only = "its thread may not be refused")
{
	struct page_table *table = page_table_create(0);
	struct test_thread *thread;

	wait_begin(table);
	wait.was_asked = TLB_BROADCAST; /* hardware invalidates there, and nobody is asked */
	CHECK_EQ(page_mapping_insert(table, FIRST, 0, 2, PAGE_READ, 0), EOK);
	thread = test_thread_start("switcher", switcher_main, NULL);
	CHECK(test_wait_for(is_off(), PATIENCE_MS));
	page_mapping_remove(table, FIRST, 1);
	test_thread_join(thread);
	page_table_destroy(table);
	CHECK(wait.was_asked);
}

/* ---- a fault on one CPU while another destroys the area ---- */

#define FAULTERS 3
#define ROUNDS 200
#define PAGES 8

static struct {
	struct as *as;
	uintptr_t stop;
	size_t stored, refused, wrong;
} fault;

static errno_t make(struct as *as, uintptr_t va, size_t pages)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .va = va, .size = pages * PAGE_SIZE, .flags = AS_WRITE
	};
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

static size_t stores(void)
{
	return __atomic_load_n(&fault.stored, __ATOMIC_RELAXED);
}

/* Each thread has a byte of its own in every page, which is zero or what it has stored. */
static void fault_loop(void *argument)
{
	struct test_random random = TEST_RANDOM(test_seed() + (uintptr_t) argument);
	uint8_t mine = (uint8_t) ((uintptr_t) argument + 1), byte;

	test_as_borrow(fault.as);
	while (__atomic_load_n(&fault.stop, __ATOMIC_ACQUIRE) == 0) {
		uintptr_t va = AT(test_random_below(&random, PAGES)) + mine;
		bool stored = test_user_store(va, mine);

		__atomic_fetch_add(stored ? &fault.stored : &fault.refused, 1, __ATOMIC_RELAXED);
		if (test_user_load(va, &byte) && byte != 0 && byte != mine)
			__atomic_fetch_add(&fault.wrong, 1, __ATOMIC_RELAXED);
		test_yield();
	}
	test_as_borrow(NULL);
}

TEST(shootdown_fault_and_destroy,
	"an area that is destroyed while other CPUs fault in it: each fault is resolved or refused, and pages come clean",
	.threads = true, .plain_only = "its threads may not be refused")
{
	struct test_thread *threads[FAULTERS];

	__builtin_memset(&fault, 0, sizeof fault);
	fault.as = test_as_create(0);
	for (size_t i = 0; i < FAULTERS; i++)
		threads[i] = test_thread_start("fault", fault_loop, (void *) i);
	for (size_t i = 0; i < ROUNDS; i++) {
		size_t before = stores();

		CHECK_EQ(make(fault.as, FIRST, PAGES), EOK);
		if (i % 8 == 0)
			CHECK(test_wait_for(stores() != before, PATIENCE_MS));
		else
			test_yield();
		CHECK_EQ(as_area_destroy(fault.as, FIRST), EOK);
	}
	__atomic_store_n(&fault.stop, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < FAULTERS; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(fault.wrong, 0);
	CHECK_GT(fault.stored, 0);
	CHECK_EQ(as_check(), 0);
}

/* ---- batches ---- */

/* What is told to drop by an operation. */
static struct tlb_info told_by(void (*operation)(struct as *as), struct as *as)
{
	struct tlb_info before, after;

	tlb_get_info(&before);
	operation(as);
	tlb_get_info(&after);
	return (struct tlb_info){ .pages = after.pages - before.pages, .alls = after.alls - before.alls };
}

static void protect(struct as *as)
{
	CHECK_EQ(as_area_change_flags(as, FIRST, 0), EOK);
}

TEST(shootdown_batch_rights, "the rights of an area with pages here and there are one thing to drop")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct tlb_info told;
	uint8_t byte = 1;

	NEED(as != NULL && make(as, FIRST, 100) == EOK);
	for (size_t page = 0; page < 100; page += 9)
		NEED(as_copy_out(as, AT(page), &byte, 1, FRAME_ATOMIC) == EOK);
	told = told_by(protect, as);
	CHECK_EQ(told.alls, 1);
	CHECK_EQ(told.pages, 0);
	CHECK_EQ(as_copy_out(as, FIRST, &byte, 1, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
}

TEST(shootdown_batch_end, "the end of an address space is one thing to drop, however many areas and pages it has")
{
	struct as *as = as_create(FRAME_ATOMIC);
	struct tlb_info told = { 0 };
	bool made = as != NULL;
	uint8_t byte = 1;

	for (size_t area = 0; made && area < 5; area++) {
		made = make(as, AT(area * 1000), 80) == EOK;
		for (size_t page = 0; made && page < 80; page += 2)
			made = as_copy_out(as, AT(area * 1000 + page), &byte, 1, FRAME_ATOMIC) == EOK;
	}
	if (as != NULL)
		told = told_by(as_release, as);
	NEED(made);
	CHECK_EQ(told.alls, 1);
	CHECK_EQ(told.pages, 0);
}
