/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Lines: the memory that clusters and overflow buckets are made of.
 *
 * A frame holds FRAME_LINES lines, and behind them the books of each, so that
 * lines are whole cache lines and hold nothing but what readers want. Frames
 * with some of their lines free are in one ring, those with all free in another,
 * from which lines are taken only when the first is empty.
 *
 * A frame without a line in use that room (ht.h) does not need stays, for what
 * comes next, until the frame allocator asks for memory.
 *
 * COST. Taking and giving a line: 15 instructions each.
 */

#include <mm/inject.h>

#include "ht.h"

static void ring_add(struct line_frame **ring, struct line_frame *frame)
{
	struct line_frame *first = *ring;

	if (first == NULL) {
		frame->next = frame->previous = frame;
	} else {
		frame->next = first;
		frame->previous = first->previous;
		frame->previous->next = frame;
		first->previous = frame;
	}
	*ring = frame;
}

static void ring_remove(struct line_frame **ring, struct line_frame *frame)
{
	if (*ring == frame)
		*ring = frame->next != frame ? frame->next : NULL;
	frame->next->previous = frame->previous;
	frame->previous->next = frame->next;
}

static void ring_move(struct line_frame **from, struct line_frame **to, struct line_frame *frame)
{
	ring_remove(from, frame);
	ring_add(to, frame);
}

struct cluster *line_take(void)
{
	struct line_frame *frame;
	struct cluster *line;

	if (ht.available == NULL) {
		mm_assert(ht.empty != NULL, "no line is left of %zu, for %zu clusters and %zu promised", ht.lines, ht.clusters,
			ht.promised);
		ring_move(&ht.empty, &ht.available, ht.empty);
	}
	frame = ht.available;
	line = frame->free;
	frame->free = books_of(line)->next;
	frame->used++;
	ht.free_lines--;
	if (frame->free == NULL)
		ring_remove(&ht.available, frame);
	return line;
}

void line_give(struct cluster *line)
{
	struct line_frame *frame = (struct line_frame *) ALIGN_DOWN((uintptr_t) line, PAGE_SIZE);

	if (frame->free == NULL)
		ring_add(&ht.available, frame);
	books_of(line)->next = frame->free;
	frame->free = line;
	frame->used--;
	ht.free_lines++;
	if (frame->used == 0)
		ring_move(&ht.available, &ht.empty, frame);
}

/* ---- frames ---- */

void *table_frame(frame_flags_t alloc)
{
	struct frame_request request = FRAME_REQUEST(1, alloc | FRAME_LOWMEM);
	size_t taken;
	phys_t base;

	request.upper = ht.frames_last;
	base = ht.frames_last == (phys_t) -1 ? frame_alloc(1, request.flags, 0) : frame_alloc_request(&request, &taken);
	if (base == 0)
		return NULL;
	frame_mark(base >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
	return (void *) PA2KA(base);
}

static void lines_add_locked(struct line_frame *frame)
{
	frame->free = NULL;
	frame->used = 0;
	for (size_t i = FRAME_LINES; i-- > 0;) {
		frame->books[i].next = frame->free;
		frame->free = &frame->lines[i];
	}
	ring_add(&ht.empty, frame);
	ht.lines += FRAME_LINES;
	ht.free_lines += FRAME_LINES;
}

static errno_t frame_take(frame_flags_t alloc)
{
	struct line_frame *frame = table_frame(alloc | FRAME_ATOMIC);
	port_irq_t irq;

	if (frame == NULL)
		return ENOMEM;
	irq = spinlock_lock(&ht.lock);
	lines_add_locked(frame);
	spinlock_unlock(&ht.lock, irq);
	return EOK;
}

static errno_t frame_take_reserved_locked(struct reservation *r)
{
	phys_t base = reservation_take(r, 1, FRAME_LOWMEM);

	if (base == 0)
		return ENOMEM;
	frame_mark(base >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
	lines_add_locked((struct line_frame *) PA2KA(base));
	return EOK;
}

/* Frames that room for so many clusters more lacks. */
static size_t frames_lacking_locked(size_t clusters)
{
	size_t wanted = (4 * (ht.clusters + ht.promised + clusters) + 2) / 3;

	return wanted > ht.lines ? (wanted - ht.lines + FRAME_LINES - 1) / FRAME_LINES : 0;
}

errno_t room_make_reserved_locked(size_t clusters, struct reservation *r)
{
	size_t frames = frames_lacking_locked(clusters);
	errno_t error = r->low >= frames ? EOK : ENOMEM;

	while (error == EOK && frames-- > 0)
		error = frame_take_reserved_locked(r);
	return error;
}

static errno_t room_make_waiting(size_t frames, frame_flags_t alloc)
{
	struct reservation r;
	errno_t error = alloc & FRAME_NO_WAIT ? reservation_try(&r, frames, 0) : reservation_wait(&r, frames, 0);
	port_irq_t irq;

	while (error == EOK && frames-- > 0) {
		irq = spinlock_lock(&ht.lock);
		error = frame_take_reserved_locked(&r);
		spinlock_unlock(&ht.lock, irq);
	}
	reservation_end(&r);
	return error;
}

errno_t room_make(size_t clusters, frame_flags_t alloc)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	size_t frames = frames_lacking_locked(clusters);
	errno_t error = EOK;

	spinlock_unlock(&ht.lock, irq);
	if (frames == 0)
		return EOK;
	if (!(alloc & FRAME_ATOMIC))
		return room_make_waiting(frames, alloc);
	if (inject_now())
		return ENOMEM;
	while (error == EOK && frames-- > 0)
		error = frame_take(alloc);
	if (error != EOK) /* what was taken stays, and is more than room needs */
		frame_reclaim_offer();
	return error;
}

static bool can_spare(size_t lines)
{
	return ht.free_lines >= lines && 3 * (ht.lines - lines) >= 4 * (ht.clusters + ht.promised);
}

bool room_has_surplus(void)
{
	return ht.empty != NULL && can_spare(FRAME_LINES);
}

void room_trim(struct frame_list *freed)
{
	while (freed->frames < RECLAIM_FRAMES && room_has_surplus()) {
		struct line_frame *frame = ht.empty;

		ring_remove(&ht.empty, frame);
		ht.lines -= FRAME_LINES;
		ht.free_lines -= FRAME_LINES;
		frame_list_push(freed, (uintptr_t *) &frame->next);
	}
}

/* ---- frames on their way back ---- */

void frame_list_push(struct frame_list *list, uintptr_t *link)
{
	__atomic_store_n(link, list->first, __ATOMIC_RELAXED);
	list->first = (uintptr_t) link;
	list->frames++;
}

size_t frame_list_free(struct frame_list *list)
{
	size_t frames = list->frames;

	while (list->first != 0) {
		phys_t base = KA2PA(ALIGN_DOWN(list->first, PAGE_SIZE));

		list->first = __atomic_load_n((uintptr_t *) list->first, __ATOMIC_RELAXED);
		frame_mark(base >> PAGE_WIDTH, 1, FRAME_KIND_PLAIN, 0);
		frame_free(base, 1);
	}
	list->frames = 0;
	return frames;
}
