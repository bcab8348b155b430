/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pages seen through the TLB of the host. Each sequence is carried out twice:
 * with a TLB that drops what it is told to drop, and with a deaf one, which must
 * show what is stale: so a design that forgets to tell it fails.
 */

#include <arch/host.h>
#include <mm/cpu_set.h>
#include <mm/page_miss.h>
#include <mm/tlb.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), PTL_COVERS(PTL_LEVELS - 2));

/* Two frames, of ones and of twos, and an address space in use, in which nothing is mapped. */
struct scene {
	phys_t ones, twos;
	struct page_table *table;
};

static bool scene_open(struct scene *scene)
{
	scene->ones = test_frame_alloc(1, FRAME_ATOMIC, 0);
	scene->twos = test_frame_alloc(1, FRAME_ATOMIC, 0);
	if (scene->ones == 0 || scene->twos == 0)
		return false;
	__builtin_memset((void *) PA2KA(scene->ones), 1, PAGE_SIZE);
	__builtin_memset((void *) PA2KA(scene->twos), 2, PAGE_SIZE);
	scene->table = page_table_create(FRAME_ATOMIC);
	if (scene->table != NULL)
		host_tlb_use(scene->table);
	return scene->table != NULL;
}

static void scene_close(struct scene *scene)
{
	host_tlb_deafen(false);
	host_tlb_use(&page_kernel);
	page_table_destroy(scene->table);
	tlb_invalidate_all();
}

/* What is read at va; 0 = it faults. */
static uint8_t load(uintptr_t va)
{
	uint8_t value = 0;

	return host_load(va, &value) ? value : 0;
}

/* Maps a page, reads it, and maps another frame there. @return what is read then; 0 if there was no memory */
static uint8_t remap(const struct scene *scene)
{
	if (page_mapping_insert(scene->table, PLACE, scene->ones, 1, RW, FRAME_ATOMIC) != EOK || load(PLACE) != 1)
		return 0;
	page_mapping_remove(scene->table, PLACE, 1);
	if (page_mapping_insert(scene->table, PLACE, scene->twos, 1, RW, FRAME_ATOMIC) != EOK)
		return 0;
	return load(PLACE + 5);
}

TEST(tlb_remap, "a page mapped anew leads to its new frame; with an invalidation lost, to the old one",
	.host_only = "it has a TLB of its own")
{
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct scene scene = { 0 };
		uint8_t seen;

		NEED(scene_open(&scene));
		host_tlb_deafen(deaf);
		seen = remap(&scene);
		scene_close(&scene);
		NEED(seen != 0);
		CHECK_EQ(seen, deaf ? 1 : 2);
	}
}

TEST(tlb_unmap, "a page unmapped faults; with an invalidation lost, it is still read",
	.host_only = "it has a TLB of its own")
{
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct scene scene = { 0 };
		bool mapped;
		uint8_t before, after;

		NEED(scene_open(&scene));
		mapped = page_mapping_insert(scene.table, PLACE, scene.ones, 1, RW, FRAME_ATOMIC) == EOK;
		before = load(PLACE);
		host_tlb_deafen(deaf);
		page_mapping_remove(scene.table, PLACE, 1);
		after = load(PLACE);
		scene_close(&scene);
		NEED(mapped);
		CHECK_EQ(before, 1);
		CHECK_EQ(after, deaf ? 1 : 0);
	}
}

TEST(tlb_rights, "a page that can only be read any more cannot be written; with an invalidation lost, it can",
	.host_only = "it has a TLB of its own")
{
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct scene scene = { 0 };
		bool mapped, written, updated;

		NEED(scene_open(&scene));
		mapped =
			page_mapping_insert(scene.table, PLACE, scene.ones, 1, RW, FRAME_ATOMIC) == EOK && host_store(PLACE, 7);
		host_tlb_deafen(deaf);
		updated = page_mapping_update(scene.table, PLACE, 1, PAGE_READ, FRAME_ATOMIC) == EOK;
		written = host_store(PLACE, 9);
		scene_close(&scene);
		NEED(mapped && updated);
		CHECK_EQ(written, deaf != 0);
		CHECK_EQ(*(uint8_t *) PA2KA(scene.ones), deaf ? 9 : 7);
	}
}

TEST(tlb_switch, "another address space has other pages at the same address, and the kernel's at theirs",
	.host_only = "it has a TLB of its own")
{
	struct scene scene = { 0 };
	struct page_table *other;
	uint8_t in_first = 0, in_other = 0, in_kernel;
	bool mapped = false;

	NEED(scene_open(&scene));
	other = page_table_create(FRAME_ATOMIC);
	if (other != NULL)
		mapped = page_mapping_insert(scene.table, PLACE, scene.ones, 1, RW, FRAME_ATOMIC) == EOK &&
			page_mapping_insert(other, PLACE, scene.twos, 1, RW, FRAME_ATOMIC) == EOK;
	in_first = load(PLACE);
	if (other != NULL)
		host_tlb_use(other);
	in_other = load(PLACE);
	in_kernel = load(PA2KA(scene.twos) + 3);
	scene_close(&scene);
	if (other != NULL)
		page_table_destroy(other);
	NEED(mapped);
	CHECK_EQ(in_first, 1);
	CHECK_EQ(in_other, 2);
	CHECK_EQ(in_kernel, 2);
}

#define RANGE 40 /* pages: more than are dropped one by one */

/* Maps a range, reads its last page, unmaps it. @return whether that can be read after; -1 if there was no memory */
static int read_after_remove(struct page_table *table, uintptr_t va, phys_t frames)
{
	uintptr_t last = va + (RANGE - 1) * PAGE_SIZE;
	uint8_t value;

	if (page_mapping_insert(table, va, frames, RANGE, RW | PAGE_NO_LARGE, FRAME_ATOMIC) != EOK)
		return -1;
	if (!host_load(last, &value)) {
		page_mapping_remove(table, va, RANGE);
		return -1;
	}
	page_mapping_remove(table, va, RANGE);
	return host_load(last, &value);
}

/* The first address of a large page's place in the kernel part where nothing is mapped. */
static uintptr_t kernel_place(void)
{
	uintptr_t size = PTL_COVERS(PTL_LEVELS - 2);

	for (uintptr_t at = ALIGN_UP((uintptr_t) KM_START, size); at + size <= KM_END; at += size)
		if (page_mapping_count(&page_kernel, at, size >> PAGE_WIDTH) == 0)
			return at;
	return 0;
}

TEST(tlb_range,
	"a long range unmapped faults, in the user part and in the kernel's; with an invalidation lost it is read",
	.host_only = "it has a TLB of its own")
{
	phys_t frames = test_frame_alloc(RANGE, FRAME_ATOMIC, 0);
	uintptr_t place = kernel_place();

	NEED(frames != 0 && place != 0);
	for (int deaf = 0; deaf < 2; deaf++) {
		struct scene scene = { 0 };
		int users, kernels;

		NEED(scene_open(&scene));
		host_tlb_deafen(deaf);
		users = read_after_remove(scene.table, PLACE, frames);
		kernels = read_after_remove(&page_kernel, place, frames);
		scene_close(&scene);
		NEED(users >= 0 && kernels >= 0);
		CHECK_EQ(users, deaf);
		CHECK_EQ(kernels, deaf);
	}
}

/* Pages that are invalidated one by one, and times that everything is, when a range is unmapped. */
static bool range_drops(struct page_table *table, size_t pages, struct host_tlb_record *record)
{
	if (page_mapping_insert(table, PLACE, 0, pages, RW | PAGE_NO_LARGE, FRAME_ATOMIC) != EOK)
		return false;
	host_tlb_forget();
	page_mapping_remove(table, PLACE, pages);
	host_tlb_get(record);
	return true;
}

TEST(tlb_range_max, "the machine says up to how many pages are invalidated one by one",
	.host_only = "it is the host that has it to choose")
{
	static const size_t most[] = { 1, 4, 100 };
	size_t usual = TLB_RANGE_MAX;
	bool mapped = true;

	for (size_t i = 0; i < ARRAY_COUNT(most) && mapped; i++) {
		struct scene scene = { 0 };
		struct host_tlb_record record;

		NEED(scene_open(&scene));
		host_traits.tlb_range_max = most[i];
		mapped = range_drops(scene.table, most[i], &record);
		CHECK(!mapped || (record.pages == most[i] && record.alls == 0));
		mapped = mapped && range_drops(scene.table, most[i] + 1, &record);
		CHECK(!mapped || (record.pages == 0 && record.alls == 1));
		host_traits.tlb_range_max = usual;
		scene_close(&scene);
	}
	NEED(mapped);
}

/* Reads a page of the kernel's in two address spaces, lets it go, and reads it again. @return how often it was read */
static int read_in_both(struct page_table *first, struct page_table *second, uintptr_t va, size_t gone)
{
	uint8_t value;
	int reads = 0;

	for (size_t i = 0; i < 2; i++) {
		host_tlb_use(i == 0 ? first : second);
		CHECK(host_load(va, &value));
	}
	page_mapping_remove(&page_kernel, va, gone);
	for (size_t i = 0; i < 2; i++) {
		host_tlb_use(i == 0 ? first : second);
		reads += host_load(va, &value);
	}
	return reads;
}

TEST(tlb_kernel_tagged, "a kernel page that was looked up under several identifiers is invalidated under all of them",
	.host_only = "its TLB may have it so")
{
	phys_t frames = test_frame_alloc(RANGE, FRAME_ATOMIC, 0);
	uintptr_t place = kernel_place();
	struct scene scene = { 0 };
	struct page_table *other;
	bool is_usual = host_traits.is_kernel_tagged;
	int reads[2] = { -1, -1 };

	if (TLB_CACHE)
		SKIP("what CPUs share of the kernel part is under no identifier");
	NEED(frames != 0 && place != 0 && scene_open(&scene));
	host_traits.is_kernel_tagged = true;
	other = page_table_create(FRAME_ATOMIC);
	for (size_t i = 0; other != NULL && i < 2; i++)
		if (page_mapping_insert(&page_kernel, place, frames, 8, RW, FRAME_ATOMIC) == EOK) {
			reads[i] = read_in_both(scene.table, other, place, i == 0 ? 1 : 8);
			page_mapping_remove(&page_kernel, place, 8);
		}
	scene_close(&scene);
	host_traits.is_kernel_tagged = is_usual;
	tlb_invalidate_all();
	if (other != NULL)
		page_table_destroy(other);
	NEED(reads[0] >= 0 && reads[1] >= 0);
	CHECK_EQ(reads[0], 0);
	CHECK_EQ(reads[1], 0);
}

/* Reads one page of a pair, then maps the other one, and reads that. @return what is read; 0 if there was no memory */
static uint8_t read_other_half(struct page_table *table, uintptr_t place, const struct scene *scene)
{
	uint8_t seen = 0;

	if (page_mapping_insert(table, place, scene->ones, 1, RW, FRAME_ATOMIC) == EOK && load(place) == 1 &&
		load(place + PAGE_SIZE) == 0 &&
		page_mapping_insert(table, place + PAGE_SIZE, scene->twos, 1, PAGE_READ, FRAME_ATOMIC) == EOK) {
		seen = load(place + PAGE_SIZE + 7);
		CHECK(!host_store(place + PAGE_SIZE, 3));
		CHECK(!page_fault_is_stale(table, place + PAGE_SIZE, PAGE_WRITE));
		CHECK(page_fault_is_stale(table, place + PAGE_SIZE, 0));
	}
	page_mapping_remove(table, place, 2);
	CHECK(!page_fault_is_stale(table, place, 0));
	return seen;
}

TEST(tlb_keeps_invalid, "where the TLB keeps that a page is not mapped it is looked up again before it faults",
	.host_only = "its TLB may have it so")
{
	uintptr_t place = kernel_place();
	bool is_usual = host_traits.keeps_invalid;

	NEED(place != 0);
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct scene scene = { 0 };
		uint8_t users, kernels;

		NEED(scene_open(&scene));
		host_traits.keeps_invalid = true;
		host_tlb_deafen(deaf);
		users = read_other_half(scene.table, PLACE, &scene);
		kernels = deaf ? 2 : read_other_half(&page_kernel, place, &scene);
		scene_close(&scene);
		host_traits.keeps_invalid = is_usual;
		NEED(users != 0 || deaf);
		NEED(kernels != 0);
		CHECK_EQ(users, deaf ? 0 : 2);
		CHECK_EQ(kernels, 2);
	}
}

/* A thread in an address space of its own, which reads a page of the kernel's before and after it goes. */
static struct {
	struct page_table *table;
	uintptr_t va, step;
	bool read_before, read_after;
} elsewhere;

enum { ELSEWHERE_NOTHING, ELSEWHERE_READ, ELSEWHERE_GONE };

static void elsewhere_main(void *argument)
{
	uint8_t value;

	(void) argument;
	host_tlb_use(elsewhere.table);
	elsewhere.read_before = host_load(elsewhere.va, &value);
	__atomic_store_n(&elsewhere.step, ELSEWHERE_READ, __ATOMIC_RELEASE);
	while (__atomic_load_n(&elsewhere.step, __ATOMIC_ACQUIRE) != ELSEWHERE_GONE)
		port_relax();
	elsewhere.read_after = host_load(elsewhere.va, &value);
	host_tlb_use(&page_kernel);
}

TEST(tlb_kernel_elsewhere, "a page of the kernel's that is unmapped is read by no CPU, whatever page table it uses",
	.host_only = "it has a TLB of its own", .threads = true, .plain_only = "its thread may not be refused")
{
	phys_t frame = test_frame_alloc(2, 0, 0);
	struct test_thread *thread;

	__builtin_memset(&elsewhere, 0, sizeof elsewhere);
	elsewhere.table = page_table_create(0);
	elsewhere.va = kernel_place();
	NEED(elsewhere.va != 0);
	CHECK_EQ(page_mapping_insert(&page_kernel, elsewhere.va, frame, 2, RW, 0), EOK);
	thread = test_thread_start("elsewhere", elsewhere_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&elsewhere.step, __ATOMIC_ACQUIRE) == ELSEWHERE_READ, PATIENCE_MS));
	page_mapping_remove(&page_kernel, elsewhere.va, 1);
	__atomic_store_n(&elsewhere.step, ELSEWHERE_GONE, __ATOMIC_RELEASE);
	test_thread_join(thread);
	page_mapping_remove(&page_kernel, elsewhere.va, 2);
	page_table_destroy(elsewhere.table);
	CHECK(elsewhere.read_before);
	CHECK(!elsewhere.read_after);
}

/* ---- CPUs that start, that are asked, and that switch ---- */

TEST(tlb_start, "a CPU that starts goes by nothing that its TLB has had before", .host_only = "it has a TLB of its own")
{
	struct scene scene = { 0 };
	bool mapped;
	uint8_t before, stale, after;
	port_irq_t irq;

	NEED(scene_open(&scene));
	mapped = page_mapping_insert(scene.table, PLACE, scene.ones, 1, RW, FRAME_ATOMIC) == EOK;
	before = load(PLACE);
	host_tlb_deafen(true); /* as if this CPU had not been there when the page went */
	page_mapping_remove(scene.table, PLACE, 1);
	host_tlb_deafen(false);
	stale = load(PLACE);
	irq = port_irq_save();
	tlb_cpu_start();
	port_irq_restore(irq);
	after = load(PLACE);
	scene_close(&scene);
	NEED(mapped);
	CHECK_EQ(before, 1);
	CHECK_EQ(stale, 1);
	CHECK_EQ(after, 0);
}

static void nothing_main(void *argument)
{
	(void) argument;
}

/* Requests that other CPUs answer for a batch to which two ranges of an unused page table are added. */
static size_t answers_to_batch(struct page_table *table, bool first_gone, bool second_gone)
{
	struct tlb_batch batch = TLB_BATCH(table);
	struct tlb_info before, after;

	tlb_get_info(&before);
	tlb_batch_add(&batch, PLACE, 1, first_gone);
	tlb_batch_add(&batch, PLACE + PAGE_SIZE, 1, second_gone);
	tlb_batch_finish(&batch);
	tlb_get_info(&after);
	return after.answers - before.answers;
}

TEST(tlb_batch_tables, "if tables were taken out for any part of a batch, every CPU is asked at its end",
	.host_only = "how many CPUs there are is told by the host", .threads = true,
	.plain_only = "its thread may not be refused")
{
	struct page_table *table = page_table_create(0);
	size_t others;

	test_thread_join(test_thread_start("nothing", nothing_main, NULL)); /* now there is a second CPU */
	others = host_cpus_up() - 1;
	CHECK_GT(others, 0);
	CHECK_EQ(answers_to_batch(table, false, false), 0);
	CHECK_EQ(answers_to_batch(table, true, false), others);
	CHECK_EQ(answers_to_batch(table, false, true), others);
	page_table_destroy(table);
}

static struct {
	pfn_t table; /* the frame of a table that is taken out */
	uintptr_t is_ready, is_over;
	bool was_asked;
	enum frame_kind kind; /* when its CPU was asked to invalidate */
} unhooked;

static size_t requests(void)
{
	struct tlb_info info;

	tlb_get_info(&info);
	return info.requests;
}

/* With interrupts off, so that the CPU does not answer before it has looked. */
static void unhooked_main(void *argument)
{
	port_irq_t irq = port_irq_save();
	size_t before = requests();

	(void) argument;
	__atomic_store_n(&unhooked.is_ready, 1, __ATOMIC_RELEASE);
	while (!unhooked.was_asked && __atomic_load_n(&unhooked.is_over, __ATOMIC_ACQUIRE) == 0) {
		unhooked.was_asked = requests() != before;
		port_relax();
	}
	unhooked.kind = frame_kind(unhooked.table);
	port_irq_restore(irq);
}

/* Unmaps the only page of a table, with a batch or without, while another CPU may be in a look-up. */
static void unhook(struct page_table *table, bool with_batch)
{
	struct tlb_batch batch = TLB_BATCH(table);
	struct page_level levels[8];
	struct test_thread *thread;
	size_t count;

	__builtin_memset(&unhooked, 0, sizeof unhooked);
	CHECK_EQ(page_mapping_insert(table, PLACE, 0, 1, PAGE_READ, 0), EOK);
	count = page_describe(table, PLACE, levels, ARRAY_COUNT(levels));
	unhooked.table = levels[count - 1].entry_at >> PAGE_WIDTH;
	CHECK_EQ(frame_kind(unhooked.table), FRAME_KIND_TABLE);
	thread = test_thread_start("unhooked", unhooked_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&unhooked.is_ready, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	if (with_batch) {
		page_mapping_remove_later(table, PLACE, 1, &batch);
		tlb_batch_finish(&batch);
	} else {
		page_mapping_remove(table, PLACE, 1);
	}
	__atomic_store_n(&unhooked.is_over, 1, __ATOMIC_RELEASE);
	test_thread_join(thread);
	CHECK(unhooked.was_asked);
	CHECK_EQ(unhooked.kind, FRAME_KIND_TABLE);
	CHECK_NE(frame_kind(unhooked.table), FRAME_KIND_TABLE);
}

TEST(tlb_unhooked, "a table that is taken out stays one till every CPU has answered, with a batch and without",
	.host_only = "the order is seen with interrupts off", .threads = true,
	.plain_only = "its thread may not be refused")
{
	struct page_table *table = page_table_create(0);

	if (page_design_name()[0] != 'p') {
		page_table_destroy(table);
		SKIP("only a tree has tables");
	}
	unhook(table, false);
	unhook(table, true);
	page_table_destroy(table);
}

#define PUTS 10000
#define PUT_CPUS (CONFIG_MAX_CPUS < 32 ? CONFIG_MAX_CPUS : 32) /* that one thread puts in, one after the other */
#define RELAX_EVERY 1000                                       /* seldom: both threads are to run at once */

static struct {
	struct cpu_set set;
	size_t taken[PUT_CPUS];
	size_t passes; /* times that all were taken out */
	uintptr_t stop;
} inbox;

static void inbox_take(unsigned cpu)
{
	__atomic_fetch_add(&inbox.taken[cpu], 1, __ATOMIC_RELAXED);
}

static void inbox_main(void *argument)
{
	(void) argument;
	while (__atomic_load_n(&inbox.stop, __ATOMIC_ACQUIRE) == 0) {
		cpu_set_take_all(&inbox.set, inbox_take);
		if (__atomic_fetch_add(&inbox.passes, 1, __ATOMIC_SEQ_CST) % RELAX_EVERY == 0)
			port_relax();
		tlb_fence();
	}
}

/*
 * Puts CPUs in, and waits till all have been taken out: the second pass that ends after this began when they were in.
 * @return whether any was lost
 */
static bool put_all(size_t round)
{
	size_t passes, missing = 1, looks = 0;
	bool over = false;

	for (unsigned cpu = 0; cpu < PUT_CPUS; cpu++)
		(void) cpu_set_put(&inbox.set, cpu);
	tlb_fence();
	passes = __atomic_load_n(&inbox.passes, __ATOMIC_SEQ_CST);
	while (missing != 0 && !over) {
		over = __atomic_load_n(&inbox.passes, __ATOMIC_SEQ_CST) >= passes + 2;
		missing = 0;
		for (unsigned cpu = 0; cpu < PUT_CPUS; cpu++)
			missing += __atomic_load_n(&inbox.taken[cpu], __ATOMIC_RELAXED) != round;
		if (++looks % RELAX_EVERY == 0)
			port_relax();
	}
	return missing != 0;
}

TEST(tlb_inbox, "no CPU that puts itself into an inbox while that is emptied is lost", .host_only = "it takes two CPUs",
	.threads = true, .plain_only = "its thread may not be refused")
{
	struct test_thread *thread;
	bool lost = false;

	__builtin_memset(&inbox, 0, sizeof inbox);
	thread = test_thread_start("inbox", inbox_main, NULL);
	for (size_t round = 1; round <= PUTS && !lost; round++)
		lost = put_all(round);
	__atomic_store_n(&inbox.stop, 1, __ATOMIC_RELEASE);
	test_thread_join(thread);
	CHECK(!lost);
}

#define SPINS 200000u /* at most, of a CPU in the midst of a switch: many times what the other needs */

static struct {
	struct page_table *table;
	const void *thread; /* the one that switches */
	uintptr_t is_midway;
	bool was_asked;
} midway;

/* In the midst of the switch, till it sees that it is asked. */
static void stay_midway(void)
{
	size_t before = requests();

	if (port_self() != midway.thread || midway.is_midway != 0)
		return;
	__atomic_store_n(&midway.is_midway, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SPINS && !midway.was_asked; i++) {
		midway.was_asked = requests() != before;
		port_relax();
	}
}

static void midway_main(void *argument)
{
	(void) argument;
	midway.thread = port_self();
	__atomic_store_n(&host_root_hook, stay_midway, __ATOMIC_RELEASE);
	host_tlb_use(midway.table);
	__atomic_store_n(&host_root_hook, NULL, __ATOMIC_RELAXED);
	host_tlb_use(&page_kernel);
}

TEST(tlb_midway, "a CPU that has loaded a root, but is not through with the switch, is asked to invalidate already",
	.host_only = "it holds the CPU there", .threads = true, .plain_only = "its thread may not be refused")
{
	struct test_thread *thread;

	if (TLB_BROADCAST)
		SKIP("it is invalidated by hardware, and not asked");
	__builtin_memset(&midway, 0, sizeof midway);
	midway.table = page_table_create(0);
	CHECK_EQ(page_mapping_insert(midway.table, PLACE, test_frame_alloc(2, 0, 0), 2, PAGE_READ, 0), EOK);
	thread = test_thread_start("midway", midway_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&midway.is_midway, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	page_mapping_remove(midway.table, PLACE, 1);
	test_thread_join(thread);
	page_table_destroy(midway.table);
	CHECK(midway.was_asked);
}
