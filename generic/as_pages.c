/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The pages of an area.
 *
 * OWNERSHIP. A mapped page of an area is one of three kinds, and which one can
 * be told from the area and the address it is mapped to:
 *
 *   own       the mapping is one reference to its frame
 *   memory's  the area has its memory together with others: the frames are held
 *             by struct as_memory (as_share.c)
 *   nobody's  frames of a physical range; or of a file, mapped in place
 *
 * An own page is mapped writable only if it has one reference and the area is
 * writable. So a write to one that has more faults, and page_own looks at the
 * count: at one it is the last reference and the page is just made writable;
 * otherwise it is copied. No count of one's own page rises but under the lock of
 * an address space that has a reference to it, so one cannot become two meanwhile.
 *
 * UNMAPPING goes in batches: the frames of a batch are noted, the batch is
 * unmapped (when page_mapping_remove returns, no CPU holds a translation), and
 * only then the frames are given back. There is room for few on the stack. Where
 * other CPUs have to be asked, one frame of the first batch, which nobody can
 * reach any more, has room for many, so that they are asked seldom. An address
 * space that no CPU runs in (the last holder lets go of it) has no translations
 * that anybody could use: its frames are given back at once, and what CPUs keep
 * of its page table is dropped at the end (struct tlb_batch).
 *
 * CHANGES of rights are one batch as well, however many runs of pages it takes.
 *
 * PROMISES. In an area with AS_RESERVE promises cover each page that a frame may
 * yet be taken for: one that is not mapped, and one that must be copied before
 * it is written. Where it cannot be told whether a page still needs its promise
 * (was_changed), it is kept until the area goes: too many are held sometimes,
 * too few never.
 *
 * COST. Unmapping: about 60 instructions a page; one that was not touched, in a
 * table that has others: 7. A copy: the frame's.
 */

#include <mm/km_local.h>
#include <mm/reserve.h>
#include <mm/tlb.h>

#include "as_internal.h"

/* Frames that are given back at once: as many as there is room for on the stack, and in a frame. */
#define BATCH 64
#define LENT_ROOM (PAGE_SIZE / sizeof(phys_t))

size_t as_pages_copied;

/* ---- promises ---- */

errno_t promise_more(size_t *promised, size_t frames)
{
	errno_t error = frames != 0 ? reserve_try(frames, PAGE_FRAMES) : EOK;

	if (error == EOK)
		*promised += frames;
	return error;
}

void promise_less(size_t *promised, size_t frames)
{
	if (frames > *promised)
		frames = *promised;
	*promised -= frames;
	if (frames != 0)
		reserve_free(frames, PAGE_FRAMES);
}

/* ---- walking ---- */

/* Looks for more runs. @return false if there are none */
static bool runs_find(struct pages_walk *walk)
{
	size_t pages = ((walk->last - walk->va) >> PAGE_WIDTH) + 1;
	size_t count = walk->ended ? 0 : page_mapping_runs(walk->table, walk->va, pages, walk->runs, WALK_RUNS);
	uintptr_t end;

	walk->ended = count < WALK_RUNS;
	if (count == 0)
		return false;
	end = walk->runs[count - 1].va + (walk->runs[count - 1].pages << PAGE_WIDTH);
	walk->ended |= end - 1 == walk->last;
	walk->va = end;
	walk->next = walk->runs;
	walk->end = walk->runs + count;
	return true;
}

bool pages_walk_on(struct pages_walk *walk)
{
	if (walk->next == walk->end && !runs_find(walk))
		return false;
	walk->run = *walk->next++;
	return true;
}

/* ---- unmapping ---- */

struct batch {
	struct tlb_batch *idle; /* NULL = CPUs may run in the address space */
	uintptr_t first, last;  /* the pages of the batch lie between these */
	size_t pages, frames;
	phys_t lent;    /* a frame with room for more of the batch's; 0 = there is none yet */
	size_t in_lent; /* frames noted there */
	phys_t own[BATCH];
};

/* Gives frames back, those that follow each other together. */
static void frames_free(const phys_t *frames, size_t count)
{
	while (count != 0) {
		size_t run = 1;

		while (run < count && frames[run] == frames[0] + (run << PAGE_WIDTH))
			run++;
		frame_free(frames[0], run);
		frames += run;
		count -= run;
	}
}

static void unmap(struct as *as, uintptr_t first, uintptr_t last, struct tlb_batch *idle)
{
	size_t pages = ((last - first) >> PAGE_WIDTH) + 1;

	if (idle != NULL)
		page_mapping_remove_later(as->table, first, pages, idle);
	else
		page_mapping_remove(as->table, first, pages);
}

/* Keeps the last frame of a full batch, if nobody else has it, to note others in it. */
static void batch_lend(struct batch *batch)
{
	phys_t frame = batch->own[batch->frames - 1];

	if (frame_is(frame >> PAGE_WIDTH, FRAME_KIND_SHARED))
		return;
	batch->lent = frame;
	batch->frames--;
}

/* Moves the frames at hand to the lent one, or as many back. */
static void batch_move(struct batch *batch, bool back)
{
	phys_t *page = km_local_map(batch->lent), *place = page + batch->in_lent;

	for (size_t i = 0; i < BATCH; i++)
		if (back)
			batch->own[i] = place[i];
		else
			place[i] = batch->own[i];
	km_local_unmap(page);
}

static void batch_unmap(struct as *as, struct as_area *area, struct batch *batch)
{
	if (batch->pages == 0)
		return;
	unmap(as, batch->first, batch->last, batch->idle);
	if (unlikely(tlb_shared()) && batch->frames == BATCH && batch->lent == 0)
		batch_lend(batch);
	frames_free(batch->own, batch->frames);
	while (batch->in_lent != 0) {
		batch->in_lent -= BATCH;
		batch_move(batch, true);
		frames_free(batch->own, BATCH);
	}
	area->resident -= batch->pages;
	batch->pages = batch->frames = 0;
}

/* There is no room at hand for another frame. */
static void batch_full(struct as *as, struct as_area *area, struct batch *batch)
{
	if (batch->lent == 0 || batch->in_lent == LENT_ROOM) {
		batch_unmap(as, area, batch);
		return;
	}
	batch_move(batch, false);
	batch->in_lent += BATCH;
	batch->frames = 0;
}

/* Notes those frames of a run that are the area's own. */
static void note_own(struct batch *batch, const struct as_area *area, const struct page_run *run)
{
	bool all = area->backend->in_place == NULL;
	phys_t *to = batch->own + batch->frames;
	uintptr_t va = run->va;
	phys_t pa = run->pa;

	for (size_t left = run->pages; left != 0; left--, va += PAGE_SIZE, pa += PAGE_SIZE)
		if (all || page_is_own(area, va, pa))
			*to++ = pa;
	batch->frames = (size_t) (to - batch->own);
}

static void batch_add(struct batch *batch, const struct as_area *area, const struct page_run *run)
{
	if (batch->pages == 0)
		batch->first = run->va;
	batch->last = run->va + ((run->pages - 1) << PAGE_WIDTH);
	batch->pages += run->pages;
	if (area->memory == NULL && !area->backend->shared)
		note_own(batch, area, run);
}

static void unmap_touched(struct as *as, struct as_area *area, uintptr_t first, uintptr_t last, struct tlb_batch *idle)
{
	struct pages_walk walk = PAGES_WALK(as->table, first, last);
	struct batch batch;
	struct page_run run;

	batch.idle = idle;
	batch.pages = batch.frames = batch.in_lent = 0;
	batch.lent = 0;
	while (batch.pages < area->resident && pages_next_run(&walk, BATCH - batch.frames, &run)) {
		batch_add(&batch, area, &run);
		if (batch.frames == BATCH)
			batch_full(as, area, &batch);
	}
	batch_unmap(as, area, &batch);
	if (batch.lent != 0)
		frame_free(batch.lent, 1);
}

void pages_unmap(struct as *as, struct as_area *area, uintptr_t first, uintptr_t last, struct tlb_batch *idle)
{
	if (area->resident == 0)
		return;
	if (area->backend->map != NULL) {
		unmap(as, first, last, idle);
		area->resident -= ((last - first) >> PAGE_WIDTH) + 1;
	} else {
		unmap_touched(as, area, first, last, idle);
	}
}

/* ---- rights ---- */

static void must_change(errno_t error, uintptr_t va, size_t pages)
{
	mm_assert(error == EOK, "%zu pages at %#zx are mapped, and cannot be changed: error %d", pages, (size_t) va, error);
}

static void protect_run(struct tlb_batch *batch, uintptr_t va, size_t pages, page_flags_t flags)
{
	if (pages != 0)
		must_change(page_mapping_update_later(batch->table, va, pages, flags, FRAME_ATOMIC, batch), va, pages);
}

/* The pages that are mapped, run by run. */
static void protect_touched(struct tlb_batch *batch, const struct as_area *area, page_flags_t flags)
{
	struct pages_walk walk = PAGES_WALK(batch->table, area->first, area->last);
	uintptr_t start = area->first;
	size_t pages = 0, seen = 0;
	struct page_run run;

	while (seen < area->resident && pages_next_run(&walk, area->resident - seen, &run)) {
		if (run.va != start + pages * PAGE_SIZE) {
			protect_run(batch, start, pages, flags);
			start = run.va;
			pages = 0;
		}
		pages += run.pages;
		seen += run.pages;
	}
	protect_run(batch, start, pages, flags);
}

static void make_executable(struct as *as, const struct as_area *area, page_flags_t flags)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		page_make_executable(pa, flags);
}

void pages_protect(struct as *as, struct as_area *area, page_flags_t flags)
{
	struct tlb_batch batch = TLB_BATCH(as->table);

	if (FRAME_MAKE_EXECUTABLE && area->backend->map == NULL)
		make_executable(as, area, flags);
	if (area->backend->map != NULL && area->resident != 0)
		protect_run(&batch, area->first, area_pages(area), physical_flags(flags));
	else
		protect_touched(&batch, area, flags);
	tlb_batch_finish(&batch);
}

/* ---- writing ---- */

/* Lets a page be written that needs no copy. */
static void allow(struct as *as, const struct as_area *area, uintptr_t va)
{
	must_change(page_mapping_update(as->table, va, 1, area_page_flags(area), FRAME_ATOMIC), va, 1);
}

/* Gives a page a frame of its own; what it is mapped to is its own already (and others'), or nobody's. */
static inline errno_t copy(struct as *as, struct as_area *area, uintptr_t va, phys_t *pa, bool own, frame_flags_t alloc,
	struct reservation *from)
{
	phys_t old = *pa;
	phys_t frame = page_frame_take(&area->promised, alloc, from);
	errno_t error;

	if (frame == 0)
		return EAGAIN;
	km_local_copy(frame, old);
	page_make_executable(frame, area_page_flags(area));
	error = page_mapping_replace(as->table, va, frame, area_page_flags(area));
	mm_assert(error == EOK, "the page at %#zx is mapped, and cannot be replaced: error %d", (size_t) va, error);
	page_frame_handed_over();
	if (own)
		frame_free(old, 1);
	*pa = frame;
	__atomic_fetch_add(&as_pages_copied, 1, __ATOMIC_RELAXED);
	return EOK;
}

errno_t page_copy(
	struct as *as, struct as_area *area, uintptr_t va, phys_t *pa, frame_flags_t alloc, struct reservation *from)
{
	return copy(as, area, va, pa, page_is_own(area, va, *pa), alloc, from);
}

errno_t page_own(
	struct as *as, struct as_area *area, uintptr_t va, phys_t *pa, frame_flags_t alloc, struct reservation *from)
{
	bool own = page_is_own(area, va, *pa);

	if (area->memory == NULL && (!own || frame_is(*pa >> PAGE_WIDTH, FRAME_KIND_SHARED)))
		return copy(as, area, va, pa, own, alloc, from);
	/* Another thread was first, or the caller is no fault: then no CPU has anything to invalidate. */
	if (page_mapping_find(as->table, va).flags & PAGE_WRITE)
		return EOK;
	allow(as, area, va);
	if (!area->was_changed)
		promise_less(&area->promised, 1);
	return EOK;
}
