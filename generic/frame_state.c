/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What each frame is: free, taken, shared, part of a slab …
 *
 *   states   a byte a frame: its kind and five bits of detail
 *   counts   two bytes a frame: further holders, or entries of a page table
 *
 * TABLES. Both are in tables of frames that follow each other. Between two of them is a large hole, of which
 * there is nothing (generic/zone_init.c). The near table, frame_states and
 * frame_counts, begins with FRAME_FIRST, and ends with the first large hole: what is in it is
 * found by the comparison that says that it is. The few others are searched from the highest down.
 * A frame that is in none reads as a HOLE. Once there is an allocator tables do not change: they are read without a
 * lock.
 *
 * A byte that is 0 says "ask the zone": whether the frame is free or taken,
 * its buddy knows. PLAIN says "taken, and with it the 2^detail - 1 frames that
 * follow, which are on nobody's books by themselves": the head of a run that was
 * taken at once; a single frame is a run of one. So a run is taken by writing
 * one byte, and given back, with certainty that it is all there and given back
 * only once, by reading one.
 *
 *             zone takes back                        a CPU's cache takes
 *       0  <---------------------  PLAIN       0 --> CACHED <--> PLAIN
 *          --------------------->                     frame_alloc, frame_free
 *             zone gives
 *
 *       PLAIN, 0  <-->  SLAB, BLOCK, TABLE    frame_mark
 *       PLAIN, 0   -->  SHARED --> PLAIN      frame_reference_add, frame_free
 *
 * When only a part of a run is freed, shared or marked, the head's byte becomes
 * 0 (frame_run_dissolve): then each frame is looked at by itself. The head is
 * found from any frame, as a run of 2^k begins at a multiple of 2^k (larger ones
 * than RUN_FRAMES_MAX have no head).
 *
 * A run in a CPU's cache has CACHED with its order at its head: so what is in it
 * is told from a frame that somebody has.
 *
 * So a double free is always told: of what a cache holds, by its byte or its
 * head's; of a run that a zone holds, by the head's byte, which is 0, and then by
 * the buddy.
 *
 * LOCKS. A frame's byte is changed by its only holder, or by the CPU that has it
 * in its cache, or, if a zone has it or it is shared, under frame_lock. The byte of
 * a run's head has two owners when the run has two holders: the head's, who marks
 * it, and whoever frees, shares or marks another part, who dissolves the run. So
 * the latter exchanges it, for 0, only if it still says that there is a run.
 *
 * ORDER. Who has a frame alone finds that out without the lock, from its byte: so
 * what makes it PLAIN again is a release (zone.c, share_drop_locked), and who asks
 * whether it is (frame_free, frame_is) acquires. What other holders did with the
 * frame is over before it is the last one's, or the next owner's. All other
 * changes of hands go through frame_lock, or stay on one CPU. The byte of a run's
 * head needs no order: a run is what was never shared. Nor does HOLE, which is
 * written at boot, or under frame_lock by those who then hand the frames out.
 *
 * COST. A run: one byte, whatever its length. Part of a run: a word for 8 frames. One frame that is not near:
 * to allocate it and to free it costs 79 instructions more (a run: 44), and 3 for each table above its own.
 */

#include <mm/km_local.h>

#include "frame_internal.h"

uint8_t *frame_states;
uint16_t *frame_counts;
size_t frame_near_count;
struct frame_table frame_far_tables[FRAME_TABLES_MAX];
pfn_t frame_end = FRAME_FIRST;

size_t frame_state_size(size_t frames)
{
	return ALIGN_UP(frames * (sizeof *frame_states + sizeof *frame_counts), CACHE_LINE);
}

void frame_tables_init(void)
{
	frame_near_count = 0;
	frame_end = FRAME_FIRST;
	frame_far_tables[0] = (struct frame_table){ 0 };
}

/* Before the others, which are lower. */
static void far_table_insert(const struct frame_table *table)
{
	size_t used = 0;

	while (frame_far_tables[used].end != 0)
		used++;
	mm_assert(used + 1 < FRAME_TABLES_MAX, "%zu tables", used);
	for (size_t i = used + 1; i > 0; i--)
		frame_far_tables[i] = frame_far_tables[i - 1];
	frame_far_tables[0] = *table;
}

void frame_table_add(void *metadata, pfn_t first, pfn_t end)
{
	size_t frames = end - first;
	struct frame_table table = { .first = first, .end = end, .counts = metadata };

	mm_assert(first >= frame_end && first < end, "frames [%#zx, %#zx), the last is %#zx", first, end, frame_end - 1);
	table.states = (uint8_t *) (table.counts + frames);
	for (size_t i = 0; i < frames; i++) {
		table.counts[i] = 0;
		table.states[i] = FRAME_KIND_HOLE;
	}
	frame_end = end;
	if (first != FRAME_FIRST) {
		far_table_insert(&table);
		return;
	}
	frame_states = table.states;
	frame_counts = table.counts;
	frame_near_count = frames;
}

bool frame_run_known_far(pfn_t first, size_t count)
{
	const struct frame_table *table = frame_far_table(first);

	return first < table->end && count - 1 < table->end - first;
}

pfn_t frame_known_from(pfn_t pfn)
{
	const struct frame_table *table = frame_far_table(pfn);

	if (frame_is_near(pfn) || pfn < table->end)
		return pfn;
	return table == frame_far_tables ? frame_end : table[-1].first;
}

bool frame_is_cached(phys_t base, size_t pages)
{
	const pfn_t lowest = FRAME_FIRST;
	pfn_t pfn = base >> PAGE_WIDTH, last = pfn + pages - 1;

	for (pfn = pfn < lowest ? lowest : pfn; pfn <= last; pfn++) {
		pfn = frame_known_from(pfn);
		if (pfn > last || pfn >= frame_end)
			return false;
		if (frame_is_ram(pfn) && has_permanent_address((phys_t) pfn << PAGE_WIDTH))
			return true;
	}
	return false;
}

/* Relaxed, as frame_run_set: under frame_lock, or of frames that the caller alone holds. */
size_t frame_run_bytes(pfn_t first, size_t count)
{
	const uint8_t *state = frame_state_at(first);
	const uint8_t *end = state + count;
	size_t bits = 0;

	while (state < end && (uintptr_t) state % sizeof bits != 0)
		bits |= __atomic_load_n(state++, __ATOMIC_RELAXED);
#pragma GCC unroll 8
	for (; state + sizeof bits <= end; state += sizeof bits)
		bits |= __atomic_load_n((const size_t *) (const void *) state, __ATOMIC_RELAXED);
	while (state < end)
		bits |= __atomic_load_n(state++, __ATOMIC_RELAXED);
	return bits;
}

void frame_run_set(pfn_t first, size_t count, uint8_t state)
{
	uint8_t *at = frame_state_at(first);
	uint8_t *end = at + count;

	while (at < end && (uintptr_t) at % sizeof(size_t) != 0)
		__atomic_store_n(at++, state, __ATOMIC_RELAXED);
	for (; at + sizeof(size_t) <= end; at += sizeof(size_t))
		__atomic_store_n((size_t *) (void *) at, BYTES_OF(state), __ATOMIC_RELAXED);
	while (at < end)
		__atomic_store_n(at++, state, __ATOMIC_RELAXED);
}

/* The head of the run that this frame is in, where each head says its order; 0 if it is in none. */
static pfn_t run_head(pfn_t pfn)
{
	for (unsigned order = 1; (size_t) 1 << order <= RUN_FRAMES_MAX; order++) {
		pfn_t head = ALIGN_DOWN(pfn, (pfn_t) 1 << order);

		if (frame_state(head) == RUN_HEAD(order) || frame_state(head) == RUN_CACHED(order))
			return head;
	}
	return 0;
}

static bool is_cached(pfn_t pfn)
{
	return (frame_state(pfn) & 7) == FRAME_KIND_CACHED;
}

bool frame_run_dissolve(pfn_t pfn)
{
	pfn_t head = run_head(pfn);
	uint8_t state = head != 0 ? frame_state(head) : FRAME_KIND_FREE;

	if ((state & 7) == FRAME_KIND_CACHED)
		return false;
	if ((state & 7) == FRAME_KIND_PLAIN) /* and not marked since by its owner */
		(void) frame_state_exchange(head, state, FRAME_KIND_FREE);
	return true;
}

/* What a frame is that has no byte of its own: free in its zone, or part of a run. */
static enum frame_kind kind_in_zone_locked(pfn_t pfn)
{
	pfn_t head;

	if (zone_has_free_locked(pfn))
		return FRAME_KIND_FREE;
	head = run_head(pfn);
	return head != 0 && is_cached(head) ? FRAME_KIND_CACHED : FRAME_KIND_PLAIN;
}

enum frame_kind frame_kind_locked(pfn_t pfn)
{
	enum frame_kind kind = frame_state(pfn) & 7;

	return kind == FRAME_KIND_FREE ? kind_in_zone_locked(pfn) : kind;
}

enum frame_kind frame_kind(pfn_t pfn)
{
	enum frame_kind kind = frame_state_acquire(pfn) & 7;
	port_irq_t irq;

	if (kind != FRAME_KIND_FREE)
		return kind;
	irq = spinlock_lock(&frame_lock);
	kind = frame_kind_locked(pfn);
	spinlock_unlock(&frame_lock, irq);
	return kind;
}

void frame_mark(pfn_t first, size_t count, enum frame_kind kind, unsigned detail)
{
	if (frame_state(first) == FRAME_KIND_FREE)
		(void) frame_run_dissolve(first);
	frame_run_set(first, count, (uint8_t) (kind | detail << 3));
	if (kind == FRAME_KIND_TABLE)
		for (pfn_t pfn = first; pfn < first + count; pfn++)
			*frame_uses(pfn) = 0;
}

void frame_unmark_run(pfn_t first, unsigned order)
{
	frame_run_set(first, (size_t) 1 << order, FRAME_KIND_FREE);
	frame_state_set(first, RUN_HEAD(order));
}
