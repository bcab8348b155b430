/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel mappings: physical ranges in the window KM_START to KM_END.
 *
 * The window's pages are the units of a buddy (mm/buddy.h), which says what is
 * free; the page table says what is mapped. A mapping of n pages takes n + 1,
 * the last of which stays unmapped: who runs over the end of a mapping faults,
 * and does not meet the next one.
 *
 *   |<------ n pages ------>|guard|<-- n pages -->|guard|    free ...
 *
 * A range that holds whole large pages, and begins at one, is put where the
 * page table can use them; if no such place is free, anywhere. A buddy finds a
 * range only inside one block that could hold the next power of two; when there
 * is no such block, the window is searched page by page. So ENOMEM means that
 * there really is no room.
 *
 * Nothing is written down per mapping: who unmaps says how many bytes it asked
 * for, and its ends and the guards around it are looked at.
 *
 * LOCKS. km_lock holds the buddy; it is not held while pages are mapped, which
 * may sleep. Pages are taken before they are mapped, and free after they are
 * unmapped everywhere.
 *
 * INVARIANTS, by the names that km_check logs: "buddy" (its own), "taken" (the
 * pages not free are those counted), "mapped" (no more pages are mapped than
 * taken for it).
 */

#include <mm/assert.h>
#include <mm/inject.h>
#include <mm/km.h>
#include <mm/spinlock.h>
#include <mm/vmem.h>

#define WINDOW_PAGES ((size_t) (KM_END - KM_START) >> PAGE_WIDTH)

static struct spinlock km_lock = SPINLOCK_INIT;
static struct buddy window;
static size_t mappings; /* that stand, or are being made or undone */
static size_t taken;    /* pages, guards included */

/* Pages that bytes from pa touch. */
static size_t pages_touched(uintptr_t address, size_t bytes)
{
	return (((address & (PAGE_SIZE - 1)) + (bytes - 1)) >> PAGE_WIDTH) + 1;
}

/* The first run of so many free pages, taken. */
COLD static size_t window_search_locked(size_t pages)
{
	size_t run = 0;

	if (buddy_free_units(&window) < pages)
		return BUDDY_NONE;
	for (size_t page = 0; page < WINDOW_PAGES; page++) {
		run = buddy_is_free(&window, page) ? run + 1 : 0;
		if (run == pages && buddy_take(&window, page + 1 - pages, pages))
			return page + 1 - pages;
	}
	return BUDDY_NONE;
}

/* Takes pages and a guard, at a multiple of align; for an align of 1 if they are to be had at all. */
static size_t window_take(size_t pages, size_t align)
{
	struct buddy_request request = BUDDY_REQUEST(pages + 1);
	port_irq_t irq = spinlock_lock(&km_lock);
	size_t count;
	size_t first;

	request.align = align;
	first = buddy_alloc_request(&window, &request, &count);
	if (first == BUDDY_NONE && align == 1)
		first = window_search_locked(pages + 1);
	if (first != BUDDY_NONE) {
		mappings++;
		taken += pages + 1;
	}
	spinlock_unlock(&km_lock, irq);
	return first;
}

static void window_give(size_t first, size_t pages)
{
	port_irq_t irq = spinlock_lock(&km_lock);

	buddy_free(&window, first, pages + 1);
	mappings--;
	taken -= pages + 1;
	spinlock_unlock(&km_lock, irq);
}

/*
 * A place for pages that begin at pa: aligned to the largest page that fits, or to less. The root is left out, since
 * its entries for the window never change.
 */
static size_t place(phys_t pa, size_t pages, page_flags_t flags)
{
	size_t first = BUDDY_NONE;

	for (unsigned level = 1; level < PTL_LEVELS - 1 && first == BUDDY_NONE && !(flags & PAGE_NO_LARGE); level++) {
		size_t large = PTL_COVERS(level) >> PAGE_WIDTH;

		if (ptl_leaf_allowed(level) && pages >= large && (pa & (PTL_COVERS(level) - 1)) == 0)
			first = window_take(pages, large);
	}
	return first != BUDDY_NONE ? first : window_take(pages, 1);
}

errno_t km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va)
{
	size_t pages;
	size_t first;
	uintptr_t start;
	errno_t error;

	if (bytes == 0 || pa > PHYS_LAST || bytes - 1 > PHYS_LAST - pa)
		return EINVAL;
	if ((alloc & FRAME_ATOMIC) && inject_now())
		return ENOMEM;
	pages = pages_touched(pa, bytes);
	first = place(ALIGN_DOWN(pa, PAGE_SIZE), pages, flags);
	if (first == BUDDY_NONE)
		return ENOMEM;
	start = KM_START + first * PAGE_SIZE;
	error = page_mapping_insert(&page_kernel, start, ALIGN_DOWN(pa, PAGE_SIZE), pages, flags | PAGE_GLOBAL, alloc);
	if (error != EOK)
		window_give(first, pages);
	else
		*va = start + (pa & (PAGE_SIZE - 1));
	return error;
}

static bool is_mapped(uintptr_t va)
{
	return page_mapping_find(&page_kernel, va).size != 0;
}

void km_unmap(uintptr_t va, size_t bytes)
{
	uintptr_t start = ALIGN_DOWN(va, PAGE_SIZE);
	size_t pages = bytes == 0 ? 0 : pages_touched(va, bytes);

	mm_assert(va >= KM_START && va < KM_END && pages != 0 && pages < (KM_END - start) >> PAGE_WIDTH,
		"%zu bytes at %#zx are not a mapping of km_map", bytes, (size_t) va);
	mm_assert(is_mapped(start) && is_mapped(start + (pages - 1) * PAGE_SIZE) && !is_mapped(start + pages * PAGE_SIZE) &&
			(start == KM_START || !is_mapped(start - PAGE_SIZE)),
		"%zu bytes at %#zx are not what was mapped", bytes, (size_t) va);
	page_mapping_remove(&page_kernel, start, pages);
	window_give((start - KM_START) >> PAGE_WIDTH, pages);
}

void km_get_info(struct km_info *info)
{
	port_irq_t irq = spinlock_lock(&km_lock);

	*info = (struct km_info){
		.start = KM_START, .end = KM_END, .pages = WINDOW_PAGES, .free = buddy_free_units(&window), .mappings = mappings
	};
	spinlock_unlock(&km_lock, irq);
}

errno_t km_init(void)
{
	size_t bytes = buddy_size(WINDOW_PAGES);
	phys_t books = frame_alloc(ALIGN_UP(bytes, PAGE_SIZE) >> PAGE_WIDTH, FRAME_ATOMIC | FRAME_LOWMEM, 0);

	if (vmem_setup() != EOK)
		return ENOMEM;
	if (books == 0) {
		port_log("km_init: no %zu KiB for the books of the window", bytes >> 10);
		return ENOMEM;
	}
	mappings = taken = 0;
	buddy_init(&window, (void *) PA2KA(books), WINDOW_PAGES);
	buddy_free(&window, 0, WINDOW_PAGES);
	return EOK;
}

size_t km_check(void)
{
	port_irq_t irq = spinlock_lock(&km_lock);
	size_t mapped = page_mapping_count(&page_kernel, KM_START, WINDOW_PAGES);
	size_t used = WINDOW_PAGES - buddy_free_units(&window);
	const char *broken = buddy_check(&window);
	size_t breaches = 0;

	if (broken != NULL) {
		port_log("km_check: buddy: %s", broken);
		breaches++;
	}
	if (used != taken) {
		port_log("km_check: taken: %zu pages of the window are not free, %zu are counted", used, taken);
		breaches++;
	}
	if (mapped + mappings > taken) {
		port_log("km_check: mapped: %zu pages and %zu guards of %zu taken", mapped, mappings, taken);
		breaches++;
	}
	spinlock_unlock(&km_lock, irq);
	return breaches;
}
