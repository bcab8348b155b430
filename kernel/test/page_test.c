/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page mapping: what is promised of it, case by case. (Whether it is right in
 * any order of calls is for test/page_model.c.)
 *
 * Most cases use a page table of their own, which no CPU uses: they may map
 * frames that are not there, and see through find and translate. What is really
 * seen through a mapping is for the cases of km_test.c and of
 * kernel/test/machine.
 */

#include <mm/ht_layout.h>
#include <mm/direct_map.h>
#include <mm/held.h>
#include <mm/page_leaf.h>
#include <mm/reserve.h>
#include <mm/tlb.h>
#include <test.h>

/* The page above the base page, in bytes and in base pages; and the largest there can be. */
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
/* Pages, a multiple of LARGE_PAGES, that take more memory of either design than it has left over. */
#define MANY_PAGES (LARGE_PAGES < 512 ? 1024 : LARGE_PAGES)
#define HUGE_LEVEL 1

/* A place in user space that is aligned to large pages of every size, and frames that are. */
#define RW (PAGE_READ | PAGE_WRITE)
static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), PTL_COVERS(PTL_LEVELS == 4 ? 1 : 0));
static const phys_t FRAMES = (phys_t) PTL_COVERS(PTL_LEVELS == 4 ? 1 : 0);

/* ---- help ---- */

/* Runs a body with a page table, which may leave by NEED: what it mapped goes with the table. */
static void with_table(void (*body)(struct page_table *table))
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);

	NEED(table != NULL);
	body(table);
	page_table_destroy(table);
}

#define TABLE_TEST(name, what, ...)                    \
	static void body_##name(struct page_table *table); \
	TEST(name, what, __VA_ARGS__)                      \
	{                                                  \
		with_table(body_##name);                       \
	}                                                  \
	static void body_##name(struct page_table *table)

/* Whether mappings are in page tables, of which each level has one, or in a hash table. */
static bool is_tree(void)
{
	return page_design_name()[0] == 'p';
}

/* What flags a mapping reports that was made with these: a machine may not be able to refuse execution. */
static page_flags_t reported(page_flags_t flags)
{
	return pte_leaf_flags(pte_leaf(0, flags, PTL_LEVELS - 1), PTL_LEVELS - 1);
}

static bool is_mapped(struct page_table *table, uintptr_t va)
{
	phys_t pa;

	return page_translate(table, va, &pa);
}

/* What va translates to; all ones if it is not mapped. */
static phys_t translation(struct page_table *table, uintptr_t va)
{
	phys_t pa;

	return page_translate(table, va, &pa) ? pa : (phys_t) -1;
}

/* Pages of the range that do not translate to pa and on. */
static size_t count_astray(struct page_table *table, uintptr_t va, phys_t pa, size_t pages)
{
	size_t astray = 0;

	for (size_t i = 0; i < pages; i++)
		astray += translation(table, va + i * PAGE_SIZE) != pa + i * PAGE_SIZE;
	return astray;
}

static size_t count_tables(struct page_table *table)
{
	struct page_table_info info;
	size_t tables = 0;

	page_table_get_info(table, &info);
	for (unsigned level = 0; level < info.levels; level++)
		tables += info.tables[level];
	return tables;
}

static size_t count_spares(struct page_table *table)
{
	struct page_table_info info;

	page_table_get_info(table, &info);
	return info.spares;
}

/* ---- one page ---- */

TABLE_TEST(page_one, "a page is mapped, found with its offset and flags, and gone when removed")
{
	struct page_mapping found;

	NEED(page_mapping_insert(table, PLACE, FRAMES, 1, RW | PAGE_USER, FRAME_ATOMIC) == EOK);
	found = page_mapping_find(table, PLACE + 123);
	CHECK_EQ(found.pa, FRAMES + 123);
	CHECK_EQ(found.size, PAGE_SIZE);
	CHECK_EQ(found.flags, reported(RW | PAGE_USER));
	CHECK_EQ(translation(table, PLACE + PAGE_SIZE - 1), FRAMES + PAGE_SIZE - 1);
	CHECK(!is_mapped(table, PLACE - 1));
	CHECK(!is_mapped(table, PLACE + PAGE_SIZE));
	page_mapping_remove(table, PLACE, 1);
	CHECK_EQ(page_mapping_find(table, PLACE).size, 0);
	CHECK_EQ(count_tables(table), 1);
}

TABLE_TEST(page_flags, "every combination of flags is kept")
{
	static const page_flags_t flags[] = { PAGE_WRITE, PAGE_EXEC, PAGE_USER, PAGE_GLOBAL, PAGE_UNCACHED };

	for (unsigned choice = 0; choice < 1u << ARRAY_COUNT(flags); choice++) {
		page_flags_t chosen = PAGE_READ;

		for (size_t i = 0; i < ARRAY_COUNT(flags); i++)
			chosen |= choice >> i & 1 ? flags[i] : 0;
		NEED(page_mapping_insert(table, PLACE, FRAMES, 1, chosen, FRAME_ATOMIC) == EOK);
		CHECK_EQ(page_mapping_find(table, PLACE).flags, reported(chosen));
		page_mapping_remove(table, PLACE, 1);
		NEED(page_mapping_insert(table, PLACE, FRAMES, LARGE_PAGES, chosen, FRAME_ATOMIC) == EOK);
		CHECK_EQ(page_mapping_find(table, PLACE).flags, reported(chosen));
		page_mapping_remove(table, PLACE, LARGE_PAGES);
	}
}

TABLE_TEST(page_ends_of_space, "the first and the last page of the user part can be mapped, and nothing beyond")
{
	uintptr_t last = USER_LAST - (PAGE_SIZE - 1);

	NEED(page_mapping_insert(table, USER_START, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_insert(table, last, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(translation(table, USER_START), FRAMES);
	CHECK_EQ(translation(table, USER_LAST), FRAMES + PAGE_SIZE - 1);
	CHECK_EQ(page_mapping_insert(table, last, FRAMES, 2, RW, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(page_mapping_insert(table, last + PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(page_mapping_insert(table, KERNEL_START, FRAMES, 1, RW, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(page_mapping_insert(&page_kernel, last, FRAMES, 1, RW, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(page_mapping_find(&page_kernel, last).size, 0);
	page_mapping_remove(table, last, SIZE_MAX);
	CHECK(!is_mapped(table, last));
	page_mapping_remove(table, USER_START, 1);
	CHECK_EQ(count_tables(table), 1);
}

/* ---- ranges ---- */

TABLE_TEST(page_range, "a range over several tables, with ends in the middle of one, maps each page to its frame")
{
	uintptr_t va = PLACE + LARGE - 5 * PAGE_SIZE;
	size_t pages = 2 * LARGE_PAGES + 10;

	NEED(page_mapping_insert(table, va, FRAMES + 7 * PAGE_SIZE, pages, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(count_astray(table, va, FRAMES + 7 * PAGE_SIZE, pages), 0);
	CHECK(!is_mapped(table, va - 1));
	CHECK(!is_mapped(table, va + pages * PAGE_SIZE));
	CHECK_EQ(page_mapping_count(table, PLACE, 4 * LARGE_PAGES), pages);
	page_mapping_remove(table, va + PAGE_SIZE, pages - 2);
	CHECK_EQ(page_mapping_count(table, PLACE, 4 * LARGE_PAGES), 2);
	CHECK(is_mapped(table, va));
	CHECK(is_mapped(table, va + (pages - 1) * PAGE_SIZE));
	page_mapping_remove(table, PLACE, 4 * LARGE_PAGES);
	CHECK_EQ(count_tables(table), 1);
}

TABLE_TEST(page_exists, "a range that meets a mapping anywhere is refused, and nothing of it is mapped")
{
	size_t pages = 2 * LARGE_PAGES;

	for (size_t at = 0; at < pages; at += at < 4 || at + 4 >= pages ? 1 : 61) {
		size_t tables;

		NEED(page_mapping_insert(table, PLACE + at * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
		tables = count_tables(table);
		CHECK_EQ(page_mapping_insert(table, PLACE, FRAMES, pages, RW, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(page_mapping_count(table, PLACE, pages), 1);
		CHECK_EQ(count_tables(table), tables);
		page_mapping_remove(table, PLACE, pages);
	}
	NEED(page_mapping_insert(table, PLACE, FRAMES, LARGE_PAGES, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_insert(table, PLACE + LARGE_PAGES / 2 * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC), EEXIST);
	CHECK_EQ(page_mapping_insert(table, PLACE - PAGE_SIZE, FRAMES, 2, RW, FRAME_ATOMIC), EEXIST);
	CHECK(!is_mapped(table, PLACE - PAGE_SIZE));
}

TABLE_TEST(page_wrong_arguments, "arguments that make no sense are refused")
{
	const errno_t errors[] = {
		page_mapping_insert(table, PLACE + 1, FRAMES, 1, RW, FRAME_ATOMIC),
		page_mapping_insert(table, PLACE, FRAMES + 8, 1, RW, FRAME_ATOMIC),
		page_mapping_insert(table, PLACE, FRAMES, 0, RW, FRAME_ATOMIC),
		page_mapping_insert(table, PLACE, FRAMES, SIZE_MAX, RW, FRAME_ATOMIC),
		page_mapping_insert(table, PLACE, FRAMES, SIZE_MAX >> PAGE_WIDTH, RW, FRAME_ATOMIC),
		page_mapping_insert(table, PLACE, ALIGN_DOWN(phys_last(), PAGE_SIZE), 2, RW, FRAME_ATOMIC),
		page_mapping_update(table, PLACE + 1, 1, RW, FRAME_ATOMIC),
		page_mapping_update(table, PLACE, 0, RW, FRAME_ATOMIC),
		page_mapping_update(table, PLACE, SIZE_MAX, RW, FRAME_ATOMIC),
		page_mapping_update(table, KERNEL_START, 1, RW, FRAME_ATOMIC),
	};

	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		if (!CHECK_EQ(errors[i], EINVAL))
			test_note("that was call %zu", i);
	CHECK_EQ(count_tables(table), 1);
}

TABLE_TEST(page_remove_nothing, "removing what is not mapped is no error and changes nothing")
{
	struct tlb_info before, after;

	NEED(page_mapping_insert(table, PLACE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	tlb_get_info(&before);
	page_mapping_remove(table, PLACE + PAGE_SIZE, 1);
	page_mapping_remove(table, PLACE + PAGE_SIZE, 5 * LARGE_PAGES);
	page_mapping_remove(table, PLACE, 0);
	page_mapping_remove(table, ALIGN_DOWN(KERNEL_START, PAGE_SIZE), 1);
	tlb_get_info(&after);
	CHECK_EQ(after.pages + after.alls, before.pages + before.alls);
	CHECK(is_mapped(table, PLACE));
}

TABLE_TEST(page_remove_all, "removing everything there is leaves the root alone")
{
	for (size_t i = 0; i < 24 && i < (USER_LAST - PLACE) / (3 * LARGE); i++) {
		size_t pages = 1 + i * 61 % (3 * LARGE_PAGES - 1);

		NEED(page_mapping_insert(table, PLACE + i * 3 * LARGE, FRAMES, pages, RW, FRAME_ATOMIC) == EOK);
	}
	page_mapping_remove(table, 0, SIZE_MAX);
	CHECK_EQ(count_tables(table), 1);
	CHECK_EQ(count_spares(table), 0);
}

/* ---- large pages ---- */

/* The size of the pages, below that of large ones, in which many are mapped from va on. */
static size_t size_below_large(uintptr_t va, phys_t pa, page_flags_t flags)
{
	size_t bytes = run_bytes(PTL_LEVELS - 1);

	return is_tree() && (flags & PAGE_NO_LARGE) == 0 && ((va | (uintptr_t) pa) & (bytes - 1)) == 0 ? bytes : PAGE_SIZE;
}

TABLE_TEST(page_large, "a large page is used when addresses and size allow it, and only then")
{
	static const struct {
		size_t offset, frame_offset, pages;
		page_flags_t flags;
		bool large;
	} tries[] = {
		{ 0, 0, LARGE_PAGES, RW, true },
		{ 0, 0, LARGE_PAGES - 1, RW, false },
		{ PAGE_SIZE, 0, LARGE_PAGES, RW, false },
		{ 0, PAGE_SIZE, LARGE_PAGES, RW, false },
		{ 0, 0, LARGE_PAGES, RW | PAGE_NO_LARGE, false },
		{ LARGE, 3 * LARGE, 2 * LARGE_PAGES, RW, true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(tries); i++) {
		uintptr_t va = PLACE + tries[i].offset;
		phys_t pa = FRAMES + tries[i].frame_offset;

		NEED(page_mapping_insert(table, va, pa, tries[i].pages, tries[i].flags, FRAME_ATOMIC) == EOK);
		CHECK_EQ(page_mapping_find(table, va).size,
			tries[i].large && TEST_HAS_LARGE_PAGES ? LARGE : size_below_large(va, pa, tries[i].flags));
		CHECK_EQ(count_astray(table, va, pa, tries[i].pages), 0);
		page_mapping_remove(table, va, tries[i].pages);
		CHECK_EQ(count_tables(table), 1);
	}
}

TABLE_TEST(page_large_inside, "a range begins and ends with base pages around large ones")
{
	uintptr_t va = PLACE + LARGE - 3 * PAGE_SIZE;
	size_t pages = 2 * LARGE_PAGES + 7;
	phys_t pa = FRAMES + LARGE - 3 * PAGE_SIZE;

	if (!TEST_HAS_LARGE_PAGES)
		SKIP("the machine has base pages only");
	NEED(page_mapping_insert(table, va, pa, pages, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_find(table, va).size, PAGE_SIZE);
	CHECK_EQ(page_mapping_find(table, PLACE + LARGE).size, LARGE);
	CHECK_EQ(page_mapping_find(table, PLACE + 2 * LARGE).size, LARGE);
	CHECK_EQ(page_mapping_find(table, PLACE + 3 * LARGE).size, PAGE_SIZE);
	CHECK_EQ(count_astray(table, va, pa, pages), 0);
}

TABLE_TEST(page_split_update, "a change in the middle of a large page changes that, and every address still translates")
{
	size_t at = LARGE_PAGES > 16 ? 9 : 3;
	struct page_mapping found;

	NEED(page_mapping_insert(table, PLACE, FRAMES, LARGE_PAGES, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_update(table, PLACE + at * PAGE_SIZE, 3, PAGE_READ, FRAME_ATOMIC), EOK);
	CHECK_EQ(count_astray(table, PLACE, FRAMES, LARGE_PAGES), 0);
	for (size_t i = 0; i < LARGE_PAGES; i++) {
		found = page_mapping_find(table, PLACE + i * PAGE_SIZE);
		CHECK_EQ(found.size, PAGE_SIZE);
		CHECK_EQ(found.flags, reported(i >= at && i < at + 3 ? PAGE_READ : RW));
	}
	CHECK_EQ(count_spares(table), 0);
}

TABLE_TEST(page_split_remove, "part of a large page is unmapped when there is no frame left")
{
	if (!TEST_HAS_LARGE_PAGES)
		SKIP("the machine has base pages only");
	NEED(page_mapping_insert(table, PLACE, FRAMES, 3 * LARGE_PAGES, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(count_spares(table), 3);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	page_mapping_remove(table, PLACE + PAGE_SIZE, 1);
	page_mapping_remove(table, PLACE + LARGE - PAGE_SIZE, 2);
	CHECK_EQ(page_mapping_update(table, PLACE + 2 * LARGE, 1, PAGE_READ, FRAME_ATOMIC), EOK);
	CHECK_EQ(count_spares(table), 0);
	CHECK_EQ(page_mapping_count(table, PLACE, 3 * LARGE_PAGES), 3 * LARGE_PAGES - 3);
	CHECK(!is_mapped(table, PLACE + PAGE_SIZE));
	CHECK_EQ(translation(table, PLACE + 2 * PAGE_SIZE), FRAMES + 2 * PAGE_SIZE);
	CHECK(!is_mapped(table, PLACE + LARGE));
	page_mapping_remove(table, PLACE, 3 * LARGE_PAGES);
	CHECK_EQ(count_tables(table), 1);
}

TABLE_TEST(page_gigabyte,
	"a page of the largest size is used, split at both ends, and unmapped when there is no frame left", .frames = 1200)
{
	size_t huge = PTL_COVERS(HUGE_LEVEL);
	size_t pages = huge >> PAGE_WIDTH;

	if (PTL_LEVELS < 4 || !ptl_leaf_allowed(HUGE_LEVEL))
		SKIP("this machine has no pages of more than %zu MiB", LARGE >> 20);
	NEED(page_mapping_insert(table, PLACE, FRAMES, pages, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_find(table, PLACE).size, huge);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	page_mapping_remove(table, PLACE, 1);
	page_mapping_remove(table, PLACE + huge - PAGE_SIZE, 1);
	CHECK_EQ(page_mapping_count(table, PLACE, pages), pages - 2);
	CHECK_EQ(page_mapping_find(table, PLACE + LARGE).size, LARGE);
	CHECK_EQ(count_spares(table), (huge / LARGE) - 2);
	CHECK_EQ(count_astray(table, PLACE + PAGE_SIZE, FRAMES + PAGE_SIZE, LARGE_PAGES), 0);
	page_mapping_remove(table, PLACE + 3 * PAGE_SIZE, pages - 6);
	CHECK_EQ(page_mapping_count(table, PLACE, pages), 4);
	page_mapping_remove(table, PLACE, pages);
	CHECK_EQ(count_tables(table), 1);
	CHECK_EQ(count_spares(table), 0);
}

/* ---- changing ---- */

TABLE_TEST(page_update, "a range of pages, large and not, gets other rights; the frames stay")
{
	size_t pages = 2 * LARGE_PAGES + 20;

	if (!TEST_HAS_LARGE_PAGES)
		SKIP("the machine has base pages only");
	NEED(page_mapping_insert(table, PLACE, FRAMES, pages, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_update(table, PLACE, pages, PAGE_READ | PAGE_USER, FRAME_ATOMIC), EOK);
	CHECK_EQ(count_astray(table, PLACE, FRAMES, pages), 0);
	CHECK_EQ(page_mapping_find(table, PLACE).size, LARGE);
	for (size_t i = 0; i < pages; i++)
		CHECK_EQ(page_mapping_find(table, PLACE + i * PAGE_SIZE).flags, reported(PAGE_READ | PAGE_USER));
}

TABLE_TEST(page_update_hole, "a change of a range with a hole is refused, and nothing of it changes")
{
	size_t pages = 2 * LARGE_PAGES;

	NEED(page_mapping_insert(table, PLACE, FRAMES + PAGE_SIZE, pages, RW, FRAME_ATOMIC) == EOK);
	page_mapping_remove(table, PLACE + (pages - 1) * PAGE_SIZE, 1);
	CHECK_EQ(page_mapping_update(table, PLACE, pages, PAGE_READ, FRAME_ATOMIC), ENOENT);
	CHECK_EQ(page_mapping_find(table, PLACE).flags, reported(RW));
	page_mapping_remove(table, PLACE + LARGE, LARGE_PAGES);
	CHECK_EQ(page_mapping_update(table, PLACE, LARGE_PAGES + 1, PAGE_READ, FRAME_ATOMIC), ENOENT);
	CHECK_EQ(page_mapping_find(table, PLACE).flags, reported(RW));
	CHECK_EQ(page_mapping_update(table, PLACE, LARGE_PAGES, PAGE_READ, FRAME_ATOMIC), EOK);
	CHECK_EQ(page_mapping_find(table, PLACE).flags, reported(PAGE_READ));
}

/* What one table of the last level serves of km_map's window, with nothing mapped in it; 0 if there is none. */
static uintptr_t empty_table_find(void)
{
	for (uintptr_t at = ALIGN_UP((uintptr_t) KM_START, LARGE); at + LARGE <= KM_END; at += LARGE)
		if (page_mapping_count(&page_kernel, at, LARGE_PAGES) == 0)
			return at;
	return 0;
}

TEST(page_update_window_hole,
	"a change over the only hole of a table of km_map's window is refused, whether or not that table is for ever")
{
	uintptr_t va = empty_table_find(), last = va + LARGE - PAGE_SIZE;

	NEED(va != 0);
	NEED(test_page_mapping_insert(&page_kernel, va, FRAMES, LARGE_PAGES - 1, PAGE_READ | PAGE_GLOBAL, FRAME_ATOMIC) ==
		EOK);
	CHECK_EQ(page_mapping_update(&page_kernel, va, LARGE_PAGES, RW | PAGE_GLOBAL, FRAME_ATOMIC), ENOENT);
	CHECK(!is_mapped(&page_kernel, last));
	CHECK_EQ(page_mapping_find(&page_kernel, va).flags & PAGE_WRITE, 0);
	CHECK_EQ(page_check(), 0);
	page_mapping_remove(&page_kernel, va, 1);
	CHECK_EQ(page_mapping_insert(&page_kernel, va, FRAMES, 1, PAGE_READ | PAGE_GLOBAL, FRAME_ATOMIC), EOK);
	page_mapping_remove(&page_kernel, va, LARGE_PAGES - 1);
	CHECK_EQ(page_check(), 0);
}

/* ---- memory ---- */

TABLE_TEST(page_no_memory, "a mapping for whose tables there is no frame is refused, and nothing of it is mapped")
{
	size_t tables;

	NEED(page_mapping_insert(table, PLACE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	tables = count_tables(table);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	if (is_tree()) /* a hash table has room for one cluster more, as a rule */
		CHECK_EQ(page_mapping_insert(table, PLACE + LARGE, FRAMES, 1, RW, FRAME_ATOMIC), ENOMEM);
	CHECK_EQ(page_mapping_insert(table, PLACE + PAGE_SIZE, FRAMES, MANY_PAGES, RW, FRAME_ATOMIC), ENOMEM);
	CHECK_EQ(page_mapping_insert(table, PLACE + LARGE, FRAMES, MANY_PAGES, RW, FRAME_ATOMIC), ENOMEM);
	CHECK_EQ(page_mapping_count(table, PLACE, 3 * MANY_PAGES), 1);
	CHECK_EQ(count_tables(table), tables);
	CHECK_EQ(count_spares(table), 0);
	CHECK_EQ(page_mapping_insert(table, PLACE + PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC), EOK);
	test_free_all_frames();
	NEED(page_mapping_insert(table, PLACE + LARGE, FRAMES, MANY_PAGES, RW, FRAME_ATOMIC) == EOK);
}

TEST(page_table_no_memory, "a page table for which there is no frame is refused")
{
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_NULL(page_table_create(FRAME_ATOMIC));
}

TABLE_TEST(page_may_sleep, "without FRAME_ATOMIC a mapping does not fail")
{
	CHECK_EQ(page_mapping_insert(table, PLACE, FRAMES, 3 * LARGE_PAGES, RW | PAGE_NO_LARGE, 0), EOK);
	CHECK_EQ(count_astray(table, PLACE, FRAMES, 3 * LARGE_PAGES), 0);
}

TEST(
	page_sleep_in_atomic, "a mapping that may sleep, with interrupts off, is told as what it is", .panics = "may sleep")
{
	struct page_table *table = page_table_create(0);
	port_irq_t irq = port_irq_save();

	(void) !page_mapping_insert(table, PLACE, FRAMES, 1, RW, 0);
	port_irq_restore(irq);
}

TEST(page_update_sleep_in_atomic, "so is a change of one page, for which no design takes memory", .panics = "may sleep")
{
	struct page_table *table = page_table_create(0);
	port_irq_t irq;

	NEED(page_mapping_insert(table, PLACE, FRAMES, 2, RW, 0) == EOK);
	irq = port_irq_save();
	(void) !page_mapping_update(table, PLACE, 1, PAGE_READ, 0);
	port_irq_restore(irq);
}

#if CONFIG_DEBUG
TEST(page_insert_holding,
	"a mapping that may wait for memory is not made by a thread that holds some, even if none is taken",
	.panics = "holds 3 frames")
{
	struct page_table *table = page_table_create(0);

	NEED(page_mapping_insert(table, PLACE, FRAMES, 1, RW, 0) == EOK);
	held_add(HELD_FRAMES, 3);
	(void) !page_mapping_insert(table, PLACE + PAGE_SIZE, FRAMES, 1, RW, 0);
}
#endif

TABLE_TEST(page_reserved, "a mapping from a reservation is made without a frame free, and without sleeping")
{
	size_t pages = 2 * MANY_PAGES + 20, most = page_tables_most(pages);
	uintptr_t va = PLACE + 3 * PAGE_SIZE;
	struct reservation r, none = { 0 };
	errno_t error;
	port_irq_t irq;

	NEED(reservation_try(&r, most, 0) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	irq = port_irq_save();
	CHECK_EQ(page_mapping_insert_reserved(table, va, FRAMES, pages, RW, &none), ENOMEM);
	CHECK_EQ(page_mapping_count(table, PLACE, 4 * MANY_PAGES), 0);
	CHECK_EQ(page_mapping_insert_reserved(table, va + 1, FRAMES, pages, RW, &r), EINVAL);
	CHECK_EQ(r.low, most);
	error = page_mapping_insert_reserved(table, va, FRAMES, pages, RW, &r);
	port_irq_restore(irq);
	CHECK_EQ(error, EOK);
	CHECK_LT(r.low, most);
	CHECK_EQ(count_astray(table, va, FRAMES, pages), 0);
	most = r.low;
	CHECK_EQ(page_mapping_insert_reserved(table, va, FRAMES, 1, RW, &r), EEXIST);
	CHECK_EQ(page_mapping_insert_reserved(table, va + pages * PAGE_SIZE, FRAMES, 1, RW, &r), EOK);
	CHECK_LE(r.low, most);
	reservation_end(&r);
	CHECK_EQ(page_check(), 0);
}

#define SINGLES 300 /* pages, mapped one by one */

/* Maps a page here and there, as far as that takes no frame. */
static void use_up_tables(struct page_table *table, uintptr_t *next)
{
	struct reservation none = { 0 };

	while (page_mapping_insert_reserved(table, *next, FRAMES, 1, RW, &none) == EOK)
		*next += 16 * PAGE_SIZE;
}

static size_t set_aside(void)
{
	struct page_table_info info;

	page_table_get_info(&page_kernel, &info);
	return info.set_aside;
}

TABLE_TEST(page_reserved_kept,
	"what a reservation's frames make room for is there for its owner's pages, whatever others map; till it ends")
{
	uintptr_t va = PLACE + 3 * PAGE_SIZE, next = PLACE + 2 * MANY_PAGES * PAGE_SIZE;
	size_t before = set_aside(), mapped = 0;
	struct reservation r;

	NEED(reservation_try(&r, page_tables_most(SINGLES), 0) == EOK);
	for (size_t i = 0; i < SINGLES; i++) {
		use_up_tables(table, &next);
		mapped += page_mapping_insert_reserved(table, va + i * PAGE_SIZE, FRAMES, 1, RW, &r) == EOK;
		CHECK_EQ(set_aside() - before, r.set_aside);
	}
	CHECK_EQ(page_check(), 0);
	reservation_end(&r);
	CHECK_EQ(set_aside(), before);
	CHECK_EQ(r.set_aside, 0);
	CHECK_EQ(mapped, SINGLES);
	CHECK_EQ(page_check(), 0);
}

/* ---- how many there can be ---- */

extern uintptr_t page_spaces_last __attribute__((weak)); /* genarch/ht has a number for each page table */

#define SPACES 40

/* The number by which a hash table knows an address space. */
static uintptr_t number_of(const struct page_table *table)
{
	return *(const uintptr_t *) (PA2KA(page_table_root(table)) + HT_ROOT_SPACE) >> HT_SPACE_SHIFT;
}

/* Page tables till there is none more to be had. @return how many */
static size_t spaces_fill(struct page_table **tables, size_t count)
{
	while (count < SPACES && (tables[count] = page_table_create(0)) != NULL)
		count++;
	return count;
}

TEST(page_spaces,
	"when all numbers of address spaces are in use there is no page table; when one is free again, there is")
{
	struct page_table *tables[SPACES];
	uintptr_t last;
	size_t count;

	if (&page_spaces_last == NULL)
		SKIP("page tables have no numbers");
	last = page_spaces_last;
	page_spaces_last = SPACES;
	count = spaces_fill(tables, 0);
	CHECK_LT(count, SPACES);
	CHECK_NULL(page_table_create(0));
	CHECK_NULL(page_table_create(FRAME_ATOMIC));
	CHECK_EQ(page_check(), 0);
	if (count > 3) {
		uintptr_t number = number_of(tables[2]);

		page_table_destroy(tables[2]);
		tables[2] = page_table_create(0);
		CHECK(tables[2] != NULL && number_of(tables[2]) == number);
	}
	CHECK_GT(count, 3);
	page_spaces_last = last;
	while (count-- > 0)
		page_table_destroy(tables[count]);
}

TEST(page_numbers, "the number of an address space is not used again as long as there are others")
{
	struct page_table *other = page_table_create(FRAME_ATOMIC), *table;
	uintptr_t number = 0;

	NEED(other != NULL);
	for (size_t i = 0; i < 10 && &page_spaces_last != NULL; i++) {
		table = page_table_create(FRAME_ATOMIC);
		if (table == NULL)
			break;
		CHECK_NE(number_of(table), number);
		CHECK_NE(number_of(table), number_of(other));
		CHECK_NE(number_of(table), HT_SPACE_KERNEL);
		number = number_of(table);
		page_table_destroy(table);
	}
	page_table_destroy(other);
}

/* Frames that are free, in whatever cache. */
static size_t free_frames(void)
{
	struct frame_info info;

	frame_get_info(&info);
	return info.free + info.cached;
}

/* Frames that a page table counts as its own. */
static size_t count_frames(struct page_table *table)
{
	struct page_table_info info;

	page_table_get_info(table, &info);
	return info.frames;
}

TEST(page_frames, "page tables count the frames that they take: the root's, however many, and those set aside",
	.plain_only = "it counts frames")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC); /* then there is memory for its other part */
	size_t before, empty, full;

	NEED(table != NULL);
	if (!is_tree()) {
		page_table_destroy(table);
		SKIP("page tables have no frames of their own");
	}
	page_table_destroy(table);
	before = free_frames();
	table = page_table_create(FRAME_ATOMIC);
	NEED(table != NULL);
	empty = free_frames();
	CHECK_EQ(count_frames(table), before - empty);
	CHECK_EQ(page_mapping_insert(table, PLACE + LARGE, FRAMES, LARGE_PAGES + 3, RW, FRAME_ATOMIC), EOK);
	full = free_frames();
	CHECK_GT(empty, full);
	CHECK_EQ(count_frames(table), before - full);
	page_table_destroy(table);
}

#define SCATTERED 8000 /* pages, each so far from the next that they share nothing in a hash table */
#define KEPT 2000
#define RECLAIM_MOST 64
/* Of a reclaim: 64 buckets of a hash table go, each in few stores; and the clusters of some frames. */
#define STEPS_MOST ((size_t) 64 * 16 << (PAGE_WIDTH - 12))

static size_t steps;

#if CONFIG_DEBUG
static void step_count(void)
{
	steps++;
}

static void steps_watch(bool on)
{
	__atomic_store_n(&page_step_hook, on ? step_count : NULL, __ATOMIC_RELAXED);
}
#else
static void steps_watch(bool on)
{
	(void) on;
}
#endif

/* Frames that one reclaim has freed; steps is what it has changed with the lock held, seen in debug builds only. */
static size_t reclaimed(void)
{
	size_t before = free_frames();

	steps = 0;
	steps_watch(true);
	frame_reclaim(RECLAIM_FULL, true);
	steps_watch(false);
	return free_frames() - before;
}

/* Maps many pages, unmaps them but for some, and reclaims till there is no more. */
static void reclaim_bounded(struct page_table *table, size_t kept)
{
	size_t frames, all = 0;

	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
	for (size_t i = 0; i < SCATTERED; i++)
		NEED(page_mapping_insert(table, PLACE + i * 16 * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	for (size_t i = kept; i < SCATTERED; i++)
		page_mapping_remove(table, PLACE + i * 16 * PAGE_SIZE, 1);
	do {
		frames = reclaimed();
		CHECK_LE(frames, RECLAIM_MOST);
		CHECK_LE(steps, STEPS_MOST);
		all += frames;
	} while (frames != 0);
	if (!is_tree())
		CHECK_GT(all, 3 * RECLAIM_MOST);
	for (size_t i = 0; i < kept; i++)
		CHECK_EQ(translation(table, PLACE + i * 16 * PAGE_SIZE), FRAMES);
	CHECK_EQ(page_check(), 0);
}

TABLE_TEST(page_reclaim_bounded,
	"one reclaim takes a bounded number of frames and of steps, however much the page tables can spare", .frames = 1000,
	.plain_only = "it counts frames", .host_only = "it takes long")
{
	reclaim_bounded(table, KEPT);
}

/* Then a hash table has shrunk already, and it is the memory of its buckets that is left. */
TABLE_TEST(page_reclaim_bounded_none, "the same of page tables in which nothing is mapped any more", .frames = 1000,
	.plain_only = "it counts frames", .host_only = "it takes long")
{
	reclaim_bounded(table, 0);
}

static void wait_for_frame(void *argument)
{
	phys_t frame = frame_alloc(1, 0, 0);

	frame_free(frame, 1);
	__atomic_store_n((bool *) argument, true, __ATOMIC_RELEASE);
}

#define LONELY ((size_t) 400)

TABLE_TEST(page_remove_offered,
	"what page tables can spare after pages were removed, one by one, serves a waiting thread", .frames = 1000,
	.threads = true, .plain_only = "it takes all memory")
{
	struct test_thread *thread;
	bool served = false;

	for (size_t i = 0; i < LONELY; i++)
		NEED(page_mapping_insert(table, PLACE + i * 16 * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	thread = test_thread_start("waits", wait_for_frame, &served);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	test_sleep_ms(20);
	for (size_t i = 0; i < LONELY; i++)
		page_mapping_remove(table, PLACE + i * 16 * PAGE_SIZE, 1);
	CHECK(test_wait_for(__atomic_load_n(&served, __ATOMIC_ACQUIRE), PATIENCE_MS));
	test_free_all_frames();
	test_thread_join(thread);
}

/* ---- invalidation ---- */

TABLE_TEST(page_tlb, "what is unmapped or changed is dropped from the TLB, page by page if it is little")
{
	struct tlb_info before, after;

	NEED(page_mapping_insert(table, PLACE, FRAMES, 200, RW, FRAME_ATOMIC) == EOK);
	tlb_get_info(&before);
	page_mapping_remove(table, PLACE, 1);
	page_mapping_remove(table, PLACE + 2 * PAGE_SIZE, 5);
	CHECK_EQ(page_mapping_update(table, PLACE + 10 * PAGE_SIZE, 7, PAGE_READ, FRAME_ATOMIC), EOK);
	tlb_get_info(&after);
	CHECK_EQ(after.pages - before.pages, 1 + 5 + 7);
	CHECK_EQ(after.ranges - before.ranges, 2);
	CHECK_EQ(after.alls - before.alls, 0);
	page_mapping_remove(table, PLACE, 200);
	tlb_get_info(&after);
	CHECK_EQ(after.pages - before.pages, 1 + 5 + 7);
	CHECK_EQ(after.alls - before.alls, 1);
}

/* ---- the kernel part ---- */

TEST(page_kernel_shared, "what the kernel maps is seen in every address space, older and newer, with no table more")
{
	struct page_table *older = page_table_create(FRAME_ATOMIC);
	struct page_table *newer = NULL;
	uintptr_t va = 0;
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);

	if (test_need(older != NULL && frame != 0 && test_km_map(frame, PAGE_SIZE, RW, FRAME_ATOMIC, &va) == EOK, __FILE__,
			__LINE__, "a page table, a frame and a mapping")) {
		newer = page_table_create(FRAME_ATOMIC);
		CHECK_EQ(translation(older, va), frame);
		CHECK_EQ(count_tables(older), 1);
		if (newer != NULL)
			CHECK_EQ(translation(newer, va + 5), frame + 5);
		CHECK_EQ(page_check(), 0);
		test_km_unmap(va, PAGE_SIZE);
		CHECK(!is_mapped(older, va));
	}
	if (newer != NULL)
		page_table_destroy(newer);
	if (older != NULL)
		page_table_destroy(older);
}

/* Pages of [start, end) whose rights, of PAGE_WRITE and PAGE_EXEC, are not these; the image is not user mode's. */
static size_t count_wrong(uintptr_t start, uintptr_t end, page_flags_t rights)
{
	page_flags_t mask = PAGE_WRITE | PAGE_EXEC | PAGE_USER;
	size_t wrong = 0;

	for (uintptr_t va = start; va < end; va += PAGE_SIZE) {
		struct page_mapping found = page_mapping_find(&page_kernel, va);
		page_flags_t expected = direct_map_has(va) ? IDENTITY_RIGHTS : reported(rights);

		wrong += found.size == 0 || (found.flags & mask) != (expected & mask);
	}
	return wrong;
}

TEST(page_image_rights,
	"text can be executed and not written, read-only data only read, data not executed; in every view")
{
	uintptr_t start = (uintptr_t) image_start, text_end = (uintptr_t) image_text_end;
	uintptr_t rodata_end = (uintptr_t) image_rodata_end, end = (uintptr_t) image_end;
	uintptr_t alias = PA2KA(IMAGE2PA(image_start));

	CHECK_EQ(count_wrong(start, text_end, PAGE_EXEC), 0);
	CHECK_EQ(count_wrong(text_end, rodata_end, 0), 0);
	CHECK_EQ(count_wrong(rodata_end, end, PAGE_WRITE), 0);
	if (alias == start)
		return;
	CHECK_EQ(count_wrong(alias, alias + (rodata_end - start), 0), 0);
	CHECK_EQ(count_wrong(alias + (rodata_end - start), alias + (end - start), PAGE_WRITE), 0);
}

TEST(page_identity_window, "every frame with a permanent address is found there, writable and not executable")
{
	struct zone_info zone;
	uintptr_t image = PA2KA(IMAGE2PA(image_start)), image_size = (uintptr_t) (image_end - image_start);

	for (size_t i = 0; zone_get(i, &zone); i++) {
		for (pfn_t pfn = zone.first; zone.kind != ZONE_HIGH && pfn < zone.first + zone.frames; pfn += 13) {
			phys_t pa = (phys_t) pfn << PAGE_WIDTH;

			if (frame_kind(pfn) == FRAME_KIND_HOLE || PA2KA(pa) - image < image_size)
				continue;
			if (!CHECK_EQ(translation(&page_kernel, PA2KA(pa)), pa))
				return;
			CHECK_EQ(count_wrong(PA2KA(pa), PA2KA(pa) + PAGE_SIZE, PAGE_WRITE), 0);
		}
	}
}

/* ---- runs of equal entries (mm/page_leaf.h) ---- */

/* Pages of the size of a run of a level, as its first and its last base page report; 0 if they do not agree. */
static size_t size_at(struct page_table *table, uintptr_t va, size_t bytes)
{
	size_t size = page_mapping_find(table, va).size;

	return page_mapping_find(table, va + bytes - PAGE_SIZE).size == size ? size : 0;
}

/* Base pages from va that are not mapped to frames from pa with these flags. */
static size_t count_run_wrong(struct page_table *table, uintptr_t va, phys_t pa, size_t bytes, page_flags_t flags)
{
	size_t wrong = 0;

	for (uintptr_t at = 0; at < bytes; at += PAGE_SIZE) {
		struct page_mapping mapping = page_mapping_find(table, va + at);

		wrong += mapping.pa != pa + at || mapping.flags != reported(flags) || translation(table, va + at) != pa + at;
	}
	return wrong;
}

/* What holds of runs of one level, whose size is bytes; entries of that level cover part. */
static void runs_try(struct page_table *table, size_t bytes, size_t part)
{
	const uintptr_t place = ALIGN_UP(PLACE, bytes), first = place + part, second = place + bytes,
					third = second + bytes;
	const phys_t start = ALIGN_UP(FRAMES, (phys_t) bytes), frames = start + part;
	const size_t pages = bytes >> PAGE_WIDTH, part_pages = part >> PAGE_WIDTH, all = 3 * pages - part_pages;
	struct page_level levels[8];
	struct page_run run;
	size_t count;

	/* From behind the beginning of a run on, over two whole ones. */
	NEED(page_mapping_insert(table, first, frames, all, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, first, bytes - part), part);
	CHECK_EQ(size_at(table, second, bytes), bytes);
	CHECK_EQ(size_at(table, third, bytes), bytes);
	CHECK_EQ(count_run_wrong(table, first, frames, 3 * bytes - part, RW), 0);
	CHECK_EQ(page_mapping_count(table, place, 3 * pages), all);
	CHECK_EQ(page_mapping_runs(table, place, 3 * pages, &run, 1), 1);
	CHECK(run.va == first && run.pa == frames && run.pages == all);
	count = page_describe(table, second, levels, ARRAY_COUNT(levels));
	CHECK(count != 0 && levels[count - 1].leaf);
	CHECK_EQ(levels[count - 1].run, bytes / part);
	CHECK_EQ(page_describe(table, first, levels, ARRAY_COUNT(levels)), count);
	CHECK_EQ(levels[count - 1].run, 1);

	/* A change of a whole run, and of a part of one: the latter is split, and the other left alone. */
	NEED(page_mapping_update(table, second, pages, RW | PAGE_UNCACHED, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, second, bytes), bytes);
	CHECK_EQ(count_run_wrong(table, second, start + bytes, bytes, RW | PAGE_UNCACHED), 0);
	NEED(page_mapping_update(table, second, part_pages, PAGE_READ, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, second, bytes), part);
	CHECK_EQ(size_at(table, third, bytes), bytes);
	CHECK_EQ(count_run_wrong(table, second, start + bytes, part, PAGE_READ), 0);
	CHECK_EQ(count_run_wrong(table, second + part, start + bytes + part, bytes - part, RW | PAGE_UNCACHED), 0);

	/* Removing a part, too; what is left translates as it did. */
	page_mapping_remove(table, third + part, part_pages);
	CHECK(!is_mapped(table, third + part));
	CHECK_EQ(count_run_wrong(table, third, start + 2 * bytes, part, RW), 0);
	CHECK_EQ(count_run_wrong(table, third + 2 * part, start + 2 * bytes + 2 * part, bytes - 2 * part, RW), 0);
	CHECK_EQ(page_mapping_count(table, place, 3 * pages), all - part_pages);
	CHECK_EQ(page_check(), 0);
	page_mapping_remove(table, place, 3 * pages);
	CHECK_EQ(page_mapping_count(table, place, 3 * pages), 0);
}

TABLE_TEST(page_runs_of_entries,
	"a page that is a run of equal entries is used where it can be, and split where a part changes")
{
	if (!PTE_RUNS || !is_tree())
		SKIP("no page is a run of entries");
	for (unsigned level = 0; level < PTL_LEVELS; level++)
		if (PTE_RUN(level) > 1 && ptl_leaf_allowed(level))
			runs_try(table, run_bytes(level), PTL_COVERS(level));
}

TABLE_TEST(page_runs_one, "one page of a run is changed, replaced and removed as any other")
{
	const size_t bytes = run_bytes(PTL_LEVELS - 1), pages = bytes >> PAGE_WIDTH;

	if (PTE_RUN(PTL_LEVELS - 1) == 1 || !is_tree())
		SKIP("no page is a run of entries");
	NEED(page_mapping_insert(table, PLACE, FRAMES, pages, RW, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, PLACE, bytes), bytes);
	CHECK_EQ(page_mapping_replace(table, PLACE, FRAMES + bytes, RW), ENOENT);
	NEED(page_mapping_update(table, PLACE + PAGE_SIZE, 1, PAGE_READ, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, PLACE, bytes), PAGE_SIZE);
	CHECK_EQ(count_run_wrong(table, PLACE + PAGE_SIZE, FRAMES + PAGE_SIZE, PAGE_SIZE, PAGE_READ), 0);
	CHECK_EQ(count_run_wrong(table, PLACE + 2 * PAGE_SIZE, FRAMES + 2 * PAGE_SIZE, bytes - 2 * PAGE_SIZE, RW), 0);
	CHECK_EQ(page_mapping_replace(table, PLACE, FRAMES + bytes, RW), EOK);
	page_mapping_remove(table, PLACE, pages);

	NEED(page_mapping_insert(table, PLACE, FRAMES, 2 * pages, RW, FRAME_ATOMIC) == EOK);
	page_mapping_remove(table, PLACE + 2 * PAGE_SIZE, 1);
	CHECK(!is_mapped(table, PLACE + 2 * PAGE_SIZE));
	CHECK_EQ(size_at(table, PLACE, bytes), PAGE_SIZE);
	CHECK_EQ(size_at(table, PLACE + bytes, bytes), bytes);
	CHECK_EQ(page_mapping_count(table, PLACE, 2 * pages), 2 * pages - 1);

	/* And base pages are what they are asked to be. */
	page_mapping_remove(table, PLACE, 2 * pages);
	NEED(page_mapping_insert(table, PLACE, FRAMES, pages, RW | PAGE_NO_LARGE, FRAME_ATOMIC) == EOK);
	CHECK_EQ(size_at(table, PLACE, bytes), PAGE_SIZE);
}

/* ---- looking ---- */

TABLE_TEST(page_describe, "a translation is described level by level, down to where it ends")
{
	struct page_level levels[8];
	size_t count;

	CHECK_EQ(page_describe(table, PLACE, levels, ARRAY_COUNT(levels)), 1);
	CHECK(!levels[0].present);
	NEED(page_mapping_insert(table, PLACE + 5 * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	count = page_describe(table, PLACE + 5 * PAGE_SIZE, levels, ARRAY_COUNT(levels));
	CHECK_EQ(count, is_tree() ? PTL_LEVELS : 1);
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(levels[i].level, PTL_LEVELS - count + i);
		if (is_tree())
			CHECK_EQ(levels[i].index, PTL_INDEX(PLACE + 5 * PAGE_SIZE, i));
		CHECK_EQ(*(const pte_t *) PA2KA(levels[i].entry_at), levels[i].entry);
		CHECK_EQ(levels[i].leaf, i == count - 1);
	}
	CHECK_EQ(page_describe(table, PLACE, levels, ARRAY_COUNT(levels)), count);
	CHECK(!levels[count - 1].present);
	CHECK_EQ(page_describe(table, PLACE, levels, 1), 1);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS (test_on_host ? (size_t) 200 : 40) /* on machines each round interrupts every CPU */

struct mapper {
	struct page_table *table;
	struct test_thread *thread;
	uintptr_t va;
	size_t wrong;
	const bool *stop;
};

/* Maps, looks at and unmaps a range of its own, which shares tables with others' ranges. */
static void mapper_run(void *argument)
{
	struct mapper *mapper = argument;
	size_t pages = 11;

	for (size_t i = 0; i < ROUNDS; i++) {
		if (page_mapping_insert(mapper->table, mapper->va, FRAMES, pages, RW, FRAME_ATOMIC) != EOK)
			continue;
		mapper->wrong += count_astray(mapper->table, mapper->va, FRAMES, pages);
		mapper->wrong += page_mapping_update(mapper->table, mapper->va, 3, PAGE_READ, FRAME_ATOMIC) != EOK;
		page_mapping_remove(mapper->table, mapper->va, pages);
		mapper->wrong += is_mapped(mapper->table, mapper->va);
	}
}

/* Finds what others map and unmap: each page maps its frame or nothing. */
static void finder_run(void *argument)
{
	struct mapper *finder = argument;

	while (!__atomic_load_n(finder->stop, __ATOMIC_RELAXED)) {
		for (size_t i = 0; i < THREADS * 11; i++) {
			uintptr_t va = finder->va + i * PAGE_SIZE;
			struct page_mapping found = page_mapping_find(finder->table, va);

			finder->wrong += found.size != 0 && found.pa != FRAMES + i % 11 * PAGE_SIZE;
		}
		test_yield();
	}
}

TABLE_TEST(page_threads,
	"threads map and unmap neighbouring ranges while others look: nobody sees what was never mapped", .threads = true,
	.inject_runs = 8)
{
	struct mapper mappers[THREADS + 2];
	bool stop = false;

	for (size_t i = 0; i < THREADS + 2; i++) {
		bool finds = i >= THREADS;

		mappers[i] = (struct mapper){ .table = table, .va = PLACE + (finds ? 0 : i * 11 * PAGE_SIZE), .stop = &stop };
		mappers[i].thread =
			test_thread_start(finds ? "finder" : "mapper", finds ? finder_run : mapper_run, &mappers[i]);
	}
	for (size_t i = 0; i < THREADS + 2; i++) {
		if (i == THREADS)
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		test_thread_join(mappers[i].thread);
		CHECK_EQ(mappers[i].wrong, 0);
	}
	CHECK_EQ(count_tables(table), 1);
}
