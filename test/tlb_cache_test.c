/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A cache of translations, and identifiers, that all CPUs share
 * (mm/tlb_cache.h): the host has them with SHARED_TLB=yes. All other cases run
 * with it as well; these show what those would not.
 */

#include <arch/host.h>
#include <mm/tlb.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define SPACES (CONFIG_MAX_CPUS + 8)
#define ROUNDS 4

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), PTL_COVERS(PTL_LEVELS - 2));

/* A thread on a CPU of its own, which reads at PLACE in an address space. */
static struct {
	struct page_table *table, *other;
	uintptr_t step;
	uint8_t first, second;
	size_t reads, wrong;
} reader;

enum { BEGIN, HAS_READ, CHANGED };

static bool step_is(uintptr_t step)
{
	return __atomic_load_n(&reader.step, __ATOMIC_ACQUIRE) == step;
}

static void step_set(uintptr_t step)
{
	__atomic_store_n(&reader.step, step, __ATOMIC_RELEASE);
}

/* What is read at PLACE; 0 = it faults. */
static uint8_t load(void)
{
	uint8_t value = 0;

	return host_load(PLACE, &value) ? value : 0;
}

static bool map(struct page_table *table, phys_t frame)
{
	return page_mapping_insert(table, PLACE, frame, 1, RW, FRAME_ATOMIC) == EOK;
}

/* A frame that is full of a value. */
static phys_t frame_of(uint8_t value)
{
	phys_t frame = test_frame_alloc(1, 0, 0);

	__builtin_memset((void *) PA2KA(frame), value, PAGE_SIZE);
	return frame;
}

/* Reads, goes over to the other address space if there is one, and reads again when something has changed. */
static void reader_main(void *argument)
{
	(void) argument;
	host_tlb_use(reader.table);
	reader.first = load();
	if (reader.other != NULL)
		host_tlb_use(reader.other);
	step_set(HAS_READ);
	while (!step_is(CHANGED))
		port_relax();
	host_tlb_use(reader.table);
	reader.second = load();
	host_tlb_use(&page_kernel);
}

static struct test_thread *reader_start(void (*function)(void *argument))
{
	struct test_thread *thread = test_thread_start("reader", function, NULL);

	CHECK(test_wait_for(step_is(HAS_READ), PATIENCE_MS));
	return thread;
}

TEST(tlb_cache_once,
	"what one CPU has looked up another finds in the cache; it is removed once, before any CPU's TLB is told to",
	.host_only = "it has such a cache", .threads = true, .plain_only = "its thread may not be refused")
{
	phys_t ones = frame_of(1);
	struct host_cache_info first, second, after;
	struct test_thread *thread;
	uint8_t here;

	if (!TLB_CACHE)
		SKIP("this host is built without it: SHARED_TLB=yes");
	__builtin_memset(&reader, 0, sizeof reader);
	reader.table = page_table_create(0);
	CHECK(map(reader.table, ones));
	thread = reader_start(reader_main);
	host_tlb_use(reader.table);
	host_cache_get_info(&first);
	here = load();
	host_cache_get_info(&second);
	page_mapping_remove(reader.table, PLACE, 1);
	host_cache_get_info(&after);
	CHECK(!host_cache_has(PLACE));
	step_set(CHANGED);
	test_thread_join(thread);
	CHECK_EQ(load(), 0);
	host_tlb_use(&page_kernel);
	page_table_destroy(reader.table);
	CHECK_EQ(reader.first, 1);
	CHECK_EQ(here, 1);
	CHECK_EQ(reader.second, 0);
	CHECK_EQ(second.found - first.found, 1);
	CHECK_EQ(second.filled - first.filled, 0);
	CHECK_EQ(after.removals - second.removals, 1);
	CHECK_EQ(after.late - second.late, 0);
}

TEST(asid_shared_void,
	"a CPU that was not asked, as it ran elsewhere, holds nothing when it comes back under the same "
	"identifier",
	.host_only = "its CPUs may share identifiers", .threads = true, .plain_only = "its thread may not be refused")
{
	phys_t ones = frame_of(1), twos = frame_of(2);
	struct test_thread *thread;
	struct tlb_info before, after;
	unsigned asid;

	if (!ASIDS_SHARED)
		SKIP("this host is built without them: SHARED_TLB=yes");
	__builtin_memset(&reader, 0, sizeof reader);
	reader.table = page_table_create(0);
	reader.other = page_table_create(0);
	CHECK(map(reader.table, ones));
	/* So its last-level table stays, for which all CPUs would be asked. */
	CHECK_EQ(page_mapping_insert(reader.table, PLACE + PAGE_SIZE, ones, 1, RW, 0), EOK);
	thread = reader_start(reader_main);
	asid = asid_of_all(page_table_asids(reader.table));
	tlb_get_info(&before);
	page_mapping_remove(reader.table, PLACE, 1);
	tlb_get_info(&after);
	CHECK(map(reader.table, twos));
	step_set(CHANGED);
	test_thread_join(thread);
	CHECK_EQ(asid_of_all(page_table_asids(reader.table)), asid);
	page_table_destroy(reader.table);
	page_table_destroy(reader.other);
	CHECK_EQ(after.requests - before.requests, 0);
	CHECK_EQ(reader.first, 1);
	CHECK_EQ(reader.second, 2);
}

/* Of its own TLB only. */
static void forget(void)
{
	port_irq_t irq = port_irq_save();

	tlb_invalidate_begin();
	tlb_invalidate_page(PLACE);
	tlb_invalidate_finish();
	port_irq_restore(irq);
}

/* Reads on and on while others begin generations. */
static void stay_main(void *argument)
{
	(void) argument;
	host_tlb_use(reader.table);
	while (!step_is(CHANGED)) {
		reader.wrong += load() != 1;
		if (__atomic_add_fetch(&reader.reads, 1, __ATOMIC_RELAXED) == 1)
			step_set(HAS_READ);
		forget(); /* each read is a look-up in the cache */
		port_relax();
	}
	host_tlb_use(&page_kernel);
}

TEST(asid_shared_kept, "a CPU that runs in an address space keeps its identifier while others begin generations",
	.host_only = "its CPUs may share identifiers", .threads = true, .frames = 8 * SPACES,
	.plain_only = "its thread may not be refused")
{
	static struct page_table *tables[SPACES];
	phys_t ones = frame_of(1), twos = frame_of(2);
	struct tlb_info before, after;
	struct test_thread *thread;
	size_t wrong = 0;
	unsigned asid;

	if (!ASIDS_SHARED)
		SKIP("this host is built without them: SHARED_TLB=yes");
	host_asids_set(CONFIG_MAX_CPUS + 2);
	__builtin_memset(&reader, 0, sizeof reader);
	reader.table = page_table_create(0);
	CHECK(map(reader.table, ones));
	for (size_t i = 0; i < SPACES; i++)
		CHECK((tables[i] = page_table_create(0)) != NULL && map(tables[i], twos));
	thread = reader_start(stay_main);
	asid = asid_of_all(page_table_asids(reader.table));
	tlb_get_info(&before);
	for (size_t i = 0; i < ROUNDS * SPACES; i++) {
		host_tlb_use(tables[i % SPACES]);
		wrong += load() != 2;
		if (i % 16 == 0) {
			size_t reads = __atomic_load_n(&reader.reads, __ATOMIC_RELAXED);

			CHECK(test_wait_for(__atomic_load_n(&reader.reads, __ATOMIC_RELAXED) > reads + 1, PATIENCE_MS));
		}
	}
	tlb_get_info(&after);
	host_tlb_use(reader.table);
	CHECK_EQ(load(), 1);
	CHECK_EQ(asid_of_all(page_table_asids(reader.table)), asid);
	step_set(CHANGED);
	test_thread_join(thread);
	host_tlb_use(&page_kernel);
	for (size_t i = 0; i < SPACES; i++)
		page_table_destroy(tables[i]);
	page_table_destroy(reader.table);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(reader.wrong, 0);
	CHECK_GT(after.asids.generations - before.asids.generations, 2);
}
