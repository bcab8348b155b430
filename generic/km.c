/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel space: the window KM_START to KM_END, a tree of arenas (mm/vmem.h):
 *
 *   kernel              the window, all but its first page; of it, slots of temporary mappings (km_local.c)
 *     kernel-map        ranges of km_map: devices, mostly
 *     kernel-alloc      ranges of km_alloc: memory
 *
 * Arenas say what is free; the page table says what is mapped. A range of n
 * pages takes n + 1, the last of which stays unmapped: who runs over the end
 * faults, and does not meet the next one. The page before a range is the last one of the
 * range before, or the window's first, or free: unmapped as well, so a stack
 * that grows downwards has its guard too.
 *
 *   |-|<------ n pages ------>|guard|<-- n pages -->|guard|    free ...
 *
 * A range that holds a whole large page is put where the page table can use it:
 * with km_map, where address and physical address are the same modulo its size. If
 * there is no such place free, anywhere.
 *
 * km_alloc tries first to have one run, at once. Else it reserves all frames that
 * it needs, for pages and for page tables together (mm/reserve.h), and only then maps
 * the first: in runs as long as can be had, for a large page one run that is
 * aligned like it. So it never sleeps with a frame or a reservation in hand, and it is not refused
 * half-way: undoing would need other CPUs to invalidate, and they may wait, with
 * interrupts off, for a spinlock that the caller of a FRAME_ATOMIC holds. FRAME_DMA has
 * no reservation: there it is one run or none. km_free reads the frames back from the
 * page table, some at a time: nothing is written down for them. Nor is the size: the
 * caller says how many bytes it asked for, and the ends and the guards are
 * checked.
 *
 * Ranges of up to CACHED pages are kept by the arenas' caches when they are given
 * back, unmapped like any other free range.
 *
 * LOCKS. None of its own. Ranges are taken before they are mapped, and free after they
 * are unmapped everywhere.
 *
 * INVARIANTS, by the names that km_check logs: "mapped" (no more pages are mapped than
 * taken, less a guard for each range).
 */

#include <mm/assert.h>
#include <mm/held.h>
#include <mm/km.h>
#include <mm/km_local.h>
#include <mm/reserve.h>
#include <mm/step.h>
#include <mm/tlb.h>

#define WINDOW_PAGES ((size_t) (KM_END - KM_START) >> PAGE_WIDTH)
#define MEMORY (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)

/* Ranges of so many pages and a guard have caches. */
#define CACHED ((VMEM_CACHED_QUANTA) *PAGE_SIZE)
#define IMPORT (64 * PAGE_SIZE)

/* The smallest of the pages larger than the base. */
#define LARGE_LEAST PTL_COVERS(PTL_LEVELS - 2)

/* Pages from which on a range is put where large pages can map it. */
#define ALIGNED_LEAST (LARGE_LEAST > CACHED ? LARGE_LEAST >> PAGE_WIDTH : CACHED >> PAGE_WIDTH)

/* So often km_check looks again at what changes meanwhile. */
#define LOOKS_MAX 100

struct vmem km_arena, km_map_arena, km_alloc_arena;

static size_t mappings; /* that stand, or are being made or undone */

#if CONFIG_DEBUG
static bool interrupts_on(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq);
}

/* Whether other CPUs can be waited for, or there are none yet: the boot code unmaps with interrupts off. */
static bool may_ask_others(void)
{
	return !tlb_shared() || interrupts_on();
}
#endif

/* First in what may sleep. In release builds the arena finds the rest, which is whether interrupts are on. */
static void may_sleep_check(frame_flags_t flags, const char *function)
{
	(void) function;
	if (!(flags & FRAME_ATOMIC))
		may_wait_debug(function);
}

/* Pages that bytes from an address touch. */
static size_t pages_touched(uintptr_t address, size_t bytes)
{
	return (((address & (PAGE_SIZE - 1)) + (bytes - 1)) >> PAGE_WIDTH) + 1;
}

/* ---- ranges ---- */

/* A range for pages and a guard; at phase modulo align, if align is not 1. */
static errno_t range_take(
	struct vmem *arena, size_t pages, size_t align, uintptr_t phase, frame_flags_t alloc, uintptr_t *start)
{
	size_t size = (pages + 1) << PAGE_WIDTH;
	errno_t error;

	if (pages >= WINDOW_PAGES)
		return ENOMEM;
	if (likely(align == 1)) {
		error = vmem_alloc(arena, size, alloc & PAGE_TABLE_FLAGS, start);
	} else {
		struct vmem_request request = VMEM_REQUEST(size);

		request.align = align;
		request.phase = phase;
		error = vmem_alloc_request(arena, &request, alloc & PAGE_TABLE_FLAGS, start);
	}
	if (error == EOK)
		__atomic_add_fetch(&mappings, 1, __ATOMIC_RELAXED);
	return error;
}

static void range_give(struct vmem *arena, uintptr_t start, size_t pages)
{
	__atomic_sub_fetch(&mappings, 1, __ATOMIC_RELAXED);
	vmem_free(arena, start, (pages + 1) << PAGE_WIDTH);
}

/* Whether pages that are at phase, modulo a large page of this size, hold one. */
static bool holds_large(size_t large, uintptr_t phase, size_t pages)
{
	size_t before = (large - phase) & (large - 1);

	return before + large <= pages << PAGE_WIDTH;
}

/* A place for so many pages that large ones can be among them: at pa, modulo the largest that the range holds. */
static NOINLINE errno_t place_large(struct vmem *arena, phys_t pa, size_t pages, frame_flags_t alloc, uintptr_t *start)
{
	for (unsigned level = page_window_level(); level < PTL_LEVELS - 1; level++) {
		uintptr_t phase = (uintptr_t) (pa & (PTL_COVERS(level) - 1));

		if (ptl_leaf_allowed(level) && holds_large(PTL_COVERS(level), phase, pages) &&
			range_take(arena, pages, PTL_COVERS(level), phase, alloc, start) == EOK)
			return EOK;
	}
	return range_take(arena, pages, 1, 0, alloc, start);
}

/*
 * A place for pages whose first is to be at pa, modulo the largest page that the range holds, of the sizes that the
 * design has in the window: for ranges that have no caches, since a place with an alignment is not had from one.
 */
static errno_t place(struct vmem *arena, phys_t pa, size_t pages, bool large, frame_flags_t alloc, uintptr_t *start)
{
	if (unlikely(large && pages >= ALIGNED_LEAST))
		return place_large(arena, pa, pages, alloc, start);
	return range_take(arena, pages, 1, 0, alloc, start);
}

static bool is_mapped(uintptr_t va)
{
	phys_t pa;

	return page_translate(&page_kernel, va, &pa);
}

/* Runs of pages that are looked at together. */
#define RUNS 16

/* The runs that a range begins with. */
struct range_runs {
	struct page_run runs[RUNS];
	size_t count;
	size_t pages; /* of all of them; 0 if they do not adjoin each other from the range's start on */
};

/* Finds runs among pages from an address on; they are to be those of a range that begins at start. */
static void runs_find(uintptr_t from, size_t pages, uintptr_t start, struct range_runs *found)
{
	size_t count = page_mapping_runs(&page_kernel, from, pages, found->runs, RUNS);
	uintptr_t va = start;
	size_t adjoining = 0;

	for (; adjoining < count && found->runs[adjoining].va == va; adjoining++)
		va += found->runs[adjoining].pages << PAGE_WIDTH;
	found->count = count;
	found->pages = adjoining == count ? (va - start) >> PAGE_WIDTH : 0;
}

/* Whether these are all pages of one range that were mapped, and neither guard. */
static bool is_whole(uintptr_t start, size_t pages, struct range_runs *found)
{
	uintptr_t guard = start + (pages << PAGE_WIDTH);

	runs_find(start - PAGE_SIZE, pages + 2, start, found);
	if (likely(found->count < RUNS))
		return found->pages == pages;
	return found->pages != 0 && found->pages <= pages && is_mapped(guard - PAGE_SIZE) && !is_mapped(guard);
}

/* Stops if this is not a whole range, by what is mapped there. @return its pages */
static size_t range_judge(uintptr_t va, size_t bytes, const char *who, struct range_runs *found)
{
	uintptr_t start = ALIGN_DOWN(va, PAGE_SIZE);
	size_t pages = bytes == 0 ? 0 : pages_touched(va, bytes);

	mm_assert(
		va > KM_START && va < KM_END && pages != 0 && bytes <= KM_END - va && pages < (KM_END - start) >> PAGE_WIDTH,
		"%zu bytes at %#zx are not a mapping of %s", bytes, (size_t) va, who);
	mm_assert(is_whole(start, pages, found), "%zu bytes at %#zx are not what was mapped", bytes, (size_t) va);
	return pages;
}

/* ---- km_map ---- */

errno_t km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va)
{
	phys_t base = ALIGN_DOWN(pa, PAGE_SIZE);
	size_t pages;
	uintptr_t start;
	errno_t error;

	if (bytes == 0 || pa > phys_last() || bytes - 1 > phys_last() - pa)
		return EINVAL;
	pages = pages_touched(pa, bytes);
	mm_debug((flags & PAGE_UNCACHED) == 0 || !frame_is_cached(base, pages),
		"%zu pages from %#" PHYS_X " are to be mapped uncached, and the direct map has cached some", pages, base);
	error = place(&km_map_arena, base, pages, (flags & PAGE_NO_LARGE) == 0, alloc, &start);
	if (error != EOK)
		return error;
	error = page_mapping_insert(&page_kernel, start, base, pages, flags | PAGE_GLOBAL, alloc & PAGE_TABLE_FLAGS);
	if (error != EOK)
		range_give(&km_map_arena, start, pages);
	else
		*va = start + (pa & (PAGE_SIZE - 1));
	return error;
}

void km_unmap(uintptr_t va, size_t bytes)
{
	struct range_runs found;
	size_t pages = range_judge(va, bytes, "km_map", &found);
	uintptr_t start = ALIGN_DOWN(va, PAGE_SIZE);

	mm_debug(may_ask_others(), "interrupts are off or a spinlock is held: no other CPU can be waited for");
	page_mapping_remove(&page_kernel, start, pages);
	range_give(&km_map_arena, start, pages);
}

/* ---- km_alloc ---- */

/* Base pages of the largest page that can be mapped at va, and is no longer than so many. */
static NOINLINE size_t large_search(uintptr_t va, size_t pages)
{
	for (unsigned level = page_window_level(); level < PTL_LEVELS - 1; level++)
		if (ptl_leaf_allowed(level) && (va & (PTL_COVERS(level) - 1)) == 0 && pages >= PTL_COVERS(level) >> PAGE_WIDTH)
			return PTL_COVERS(level) >> PAGE_WIDTH;
	return 1;
}

static inline size_t large_at(uintptr_t va, size_t pages)
{
	bool may_be = pages >= LARGE_LEAST >> PAGE_WIDTH && (va & (LARGE_LEAST - 1)) == 0;

	return unlikely(may_be) ? large_search(va, pages) : 1;
}

/* Unmaps the runs, then frees their frames. */
static void runs_release(const struct range_runs *found)
{
	uintptr_t va = found->runs[0].va;

	mm_assert(found->pages != 0, "not all pages from %#zx on are mapped", (size_t) va);
	page_mapping_remove(&page_kernel, va, found->pages);
	for (size_t i = 0; i < found->count; i++)
		frame_free(found->runs[i].pa, found->runs[i].pages);
}

static void pages_release(uintptr_t va, size_t pages)
{
	struct range_runs found;

	for (; pages != 0; pages -= found.pages, va += found.pages << PAGE_WIDTH) {
		runs_find(va, pages, va, &found);
		runs_release(&found);
	}
}

/* Maps pages to a run of frames, which is freed if that fails. @retval EAGAIN  no frames for page tables */
static errno_t run_map(uintptr_t va, phys_t pa, size_t pages, frame_flags_t flags)
{
	errno_t error;

	held_add(HELD_FRAMES, pages);
	error = page_mapping_insert(&page_kernel, va, pa, pages, MEMORY, (flags & FRAME_NO_RECLAIM) | FRAME_ATOMIC);
	held_sub(HELD_FRAMES, pages);
	if (likely(error == EOK))
		return EOK;
	frame_free(pa, pages);
	return error == ENOMEM ? EAGAIN : error;
}

/* The same, by tables that are reserved. */
static errno_t run_map_reserved(uintptr_t va, phys_t pa, size_t pages, struct reservation *tables)
{
	errno_t error;

	held_add(HELD_FRAMES, pages);
	error = page_mapping_insert_reserved(&page_kernel, va, pa, pages, MEMORY, tables);
	held_sub(HELD_FRAMES, pages);
	if (likely(error == EOK))
		return EOK;
	frame_free(pa, pages);
	return error == ENOMEM ? EAGAIN : error;
}

#if CONFIG_DEBUG
void (*km_step_hook)(void);
#endif

/* In debug builds: other CPUs, whose part a case plays, may map and unmap here what they like. */
static inline void km_step(void)
{
	MM_STEP(km_step_hook);
}

/*
 * The short way, for what is there at once in one run. It passes no thread that sleeps for memory, unless it must not
 * sleep itself.
 * @retval EAGAIN  it is not
 */
static errno_t pages_at_once(uintptr_t va, size_t pages, frame_flags_t flags)
{
	phys_t pa;

	km_step();
	if (large_at(va, pages) > 1 || (!(flags & FRAME_ATOMIC) && frame_sleepers() != 0))
		return EAGAIN;
	pa = frame_alloc(pages, flags | FRAME_ATOMIC | FRAME_NO_RECLAIM, 0);
	return likely(pa != 0) ? run_map(va, pa, pages, flags) : EAGAIN;
}

/* What one km_alloc has reserved, at once: frames for page tables, and those for pages, of which the runs are cut. */
struct supply {
	struct reservation tables, pages;
	size_t longest; /* frames of a run that may be there: a power of two */
};

static errno_t supply_begin(struct supply *supply, size_t pages, size_t tables, frame_flags_t flags)
{
	bool high = frame_may_be_high(flags);
	size_t low = tables + (high ? 0 : pages), any = high ? pages : 0;
	struct reservation *all = &supply->tables;
	errno_t error = flags & FRAME_ATOMIC ? reservation_try(all, low, any) : reservation_wait(all, low, any);

	if (error != EOK)
		return error;
	supply->pages = (struct reservation){ .low = low - tables, .any = any };
	supply->tables = (struct reservation){ .low = tables };
	supply->longest = (size_t) 1 << (8 * sizeof(long) - 1 - (unsigned) __builtin_clzl(pages));
	return EOK;
}

static void supply_end(struct supply *supply)
{
	reservation_end(&supply->pages);
	reservation_end(&supply->tables);
}

/* A run for pages at va: for a large page, or as many frames as are there in a row. One there is. */
static phys_t supply_run(struct supply *supply, uintptr_t va, size_t pages, frame_flags_t flags, size_t *taken)
{
	size_t large = large_at(va, pages);
	phys_t pa = large > 1 ? reservation_take(&supply->pages, large, flags) : 0;

	*taken = large;
	while (pa == 0) {
		mm_assert(supply->longest != 0, "%zu frames of %zu are reserved, but none is there",
			supply->pages.low + supply->pages.any, pages);
		*taken = supply->longest;
		pa = supply->longest <= pages ? reservation_take(&supply->pages, supply->longest, flags) : 0;
		if (pa == 0)
			supply->longest /= 2;
	}
	return pa;
}

/*
 * Maps pages at va to runs of frames, all or none: with all of them and their tables reserved beforehand, so that it is
 * not refused half-way. Undoing would ask other CPUs to invalidate, which a caller with a spinlock must not.
 */
static errno_t pages_reserved(uintptr_t va, size_t pages, frame_flags_t flags)
{
	size_t tables = page_tables_most(pages), taken;
	struct supply supply;
	errno_t error = supply_begin(&supply, pages, tables, flags);

	if (error != EOK)
		return error;
	for (size_t done = 0; done < pages; done += taken) {
		uintptr_t at = va + (done << PAGE_WIDTH);
		phys_t pa = supply_run(&supply, at, pages - done, flags, &taken);

		error = run_map_reserved(at, pa, taken, &supply.tables);
		mm_assert(error == EOK, "%zu frames do not make tables for %zu pages at %#zx (error %d)", tables, pages,
			(size_t) va, error);
		km_step();
	}
	supply_end(&supply);
	return EOK;
}

/* Maps pages at va to one run of special frames, of which no number can be reserved. */
static errno_t pages_special(uintptr_t va, size_t pages, frame_flags_t flags)
{
	struct reservation tables;
	errno_t error = EAGAIN;
	phys_t pa;

	while (error == EAGAIN) {
		pa = frame_alloc(pages, flags, 0);
		if (pa == 0)
			return ENOMEM;
		error = run_map(va, pa, pages, flags);
		if (error != EAGAIN || flags & FRAME_ATOMIC)
			break;
		/* It sleeps for tables with no run in hand; if there is a run then too, it has both. */
		if (reservation_wait(&tables, page_tables_most(pages), 0) != EOK)
			return ENOMEM;
		pa = frame_alloc(pages, flags | FRAME_ATOMIC | FRAME_NO_WAIT, 0);
		if (pa != 0)
			error = run_map_reserved(va, pa, pages, &tables);
		reservation_end(&tables);
	}
	return error == EAGAIN ? ENOMEM : error;
}

/* Maps pages at va to frames allocated for them, all or none. A call that sleeps holds no frame and no reservation. */
static errno_t pages_supply(uintptr_t va, size_t pages, frame_flags_t flags)
{
	errno_t error = pages_at_once(va, pages, flags);

	if (likely(error != EAGAIN))
		return error;
	return flags & FRAME_DMA ? pages_special(va, pages, flags) : pages_reserved(va, pages, flags);
}

/* Whether the machine has so many frames at all; asked about sizes for which that is a question. */
static bool is_possible(size_t pages, frame_flags_t flags)
{
	return pages <= IMPORT >> PAGE_WIDTH || pages <= frame_total(flags);
}

errno_t km_alloc(size_t bytes, frame_flags_t flags, uintptr_t *va)
{
	size_t pages = (bytes >> PAGE_WIDTH) + ((bytes & (PAGE_SIZE - 1)) != 0);
	uintptr_t start;
	errno_t error;

	may_sleep_check(flags, __func__);
	if (bytes == 0)
		return EINVAL;
	flags &= ~FRAME_NO_RESERVE;
	if (!is_possible(pages, flags))
		return ENOMEM;
	error = place(&km_alloc_arena, 0, pages, true, flags, &start);
	if (error != EOK)
		return error;
	error = pages_supply(start, pages, flags);
	if (error != EOK)
		range_give(&km_alloc_arena, start, pages);
	else
		*va = start;
	return error;
}

void km_free(uintptr_t va, size_t bytes)
{
	struct range_runs found;
	size_t pages = range_judge(va, bytes, "km_alloc", &found);

	mm_debug(may_ask_others(), "interrupts are off or a spinlock is held: no other CPU can be waited for");
	runs_release(&found);
	pages_release(va + found.pages * PAGE_SIZE, pages - found.pages);
	range_give(&km_alloc_arena, va, pages);
}

/* ---- setting up, looking at ---- */

void km_get_info(struct km_info *info)
{
	struct vmem_info window, map, alloc;

	vmem_get_info(&km_alloc_arena, &alloc);
	vmem_get_info(&km_map_arena, &map);
	vmem_get_info(&km_arena, &window);
	*info = (struct km_info){ .start = KM_START,
		.end = KM_END,
		.pages = window.total >> PAGE_WIDTH,
		.free = (window.free + map.free + alloc.free) >> PAGE_WIDTH,
		.mappings = __atomic_load_n(&mappings, __ATOMIC_RELAXED),
		.map_pages = (map.total - map.free) >> PAGE_WIDTH,
		.alloc_pages = (alloc.total - alloc.free) >> PAGE_WIDTH };
}

errno_t km_init(void)
{
	struct vmem_options options = { .parent = &km_arena, .cached = CACHED, .import = IMPORT };
	errno_t error = vmem_setup();

	mappings = 0;
	if (error == EOK)
		error = vmem_init(&km_arena, "kernel", NULL, FRAME_ATOMIC);
	if (error == EOK)
		error = vmem_add(&km_arena, KM_START + PAGE_SIZE, (WINDOW_PAGES - 1) << PAGE_WIDTH, FRAME_ATOMIC);
	if (error == EOK)
		error = vmem_init(&km_map_arena, "kernel-map", &options, FRAME_ATOMIC);
	if (error == EOK)
		error = vmem_init(&km_alloc_arena, "kernel-alloc", &options, FRAME_ATOMIC);
	if (error == EOK)
		error = km_local_init();
	if (error != EOK)
		port_log("km_init: no memory for the arenas of kernel space (error %d)", error);
	return error;
}

/* What km_check compares; all of it is read at one time if a second look finds the same. */
struct view {
	size_t mapped, mappings, local_guards;
	struct vmem_info window, map,
		alloc; /* their counts of allocations only rise, so no change and its undoing is missed */
};

static void view_take(struct view *view)
{
	struct km_local_info local;

	__builtin_memset(view, 0, sizeof *view);
	km_local_get_info(&local);
	view->mapped = page_mapping_count(&page_kernel, KM_START, WINDOW_PAGES);
	view->mappings = __atomic_load_n(&mappings, __ATOMIC_RELAXED);
	view->local_guards = local.pages / 2;
	vmem_get_info(&km_alloc_arena, &view->alloc);
	vmem_get_info(&km_map_arena, &view->map);
	vmem_get_info(&km_arena, &view->window);
}

static size_t view_taken(const struct view *view)
{
	return (view->window.total - view->window.free - view->map.free - view->alloc.free) >> PAGE_WIDTH;
}

static bool view_holds(const struct view *view)
{
	return view->mapped + view->mappings + view->local_guards <= view_taken(view);
}

/*
 * Whether the invariant holds. The page table and three arenas are read one after another, and meanwhile other threads
 * may free what was counted as mapped: only what is found twice, and nothing has changed in between, is a violation.
 * @return false, and *view is what was found
 */
static bool mapped_holds(struct view *view)
{
	struct view before;

	view_take(view);
	for (unsigned looks = 0; !view_holds(view); looks++) {
		if (looks == LOOKS_MAX)
			return true; /* it changes all the time: nothing can be said */
		before = *view;
		view_take(view);
		if (__builtin_memcmp(&before, view, sizeof before) == 0)
			return false;
	}
	return true;
}

size_t km_check(void)
{
	size_t breaches = km_local_check();
	struct view view;

	if (mapped_holds(&view))
		return breaches;
	port_log("km_check: mapped: %zu pages and %zu guards of %zu taken", view.mapped, view.mappings + view.local_guards,
		view_taken(&view));
	return breaches + 1;
}
