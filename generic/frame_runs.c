/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Runs of frames in the hands of a CPU, beside its single frames (frame.c).
 *
 * Most runs are of few sizes, and are taken again soon after they were given
 * back: slabs are of order 1 to 3, stacks and buffers of 2 to 4, malloc's blocks
 * of up to 6, large pages of 9. So each CPU has a small stack of runs for each of
 * these orders. A run that is given back as it was taken goes there, and the
 * next request for as many frames takes it from there: by this CPU's data only,
 * with interrupts off, without frame_lock, the accounts, or a look for a zone.
 * Nothing is taken from the zones in advance.
 *
 *   order      1   2   3   4   5   6   9
 *   runs       4   4   4   4   2   1   1     at most
 *
 * The rules are those of the single frames. A run here is paid for: no promise
 * rests on it. While somebody sleeps for memory nothing goes in, and what is here
 * was drained; frame_reclaim drains as well, those of all CPUs if it may wait and
 * otherwise this CPU's. A request that a zone must serve does not
 * look here, nor does one for a part of a run.
 *
 * THE SHARE. All CPUs together may hold a part of the memory, one in SHARE, each
 * of those that have used their stacks the same: so a CPU has room for runs of
 * the orders, from the least up, that its share allows. One that used them first
 * had a larger share, which is cut when its stacks are drained next; so eight CPUs may hold up to 2.7 times that
 * part, if all of them fill their stacks and nobody ever is in want.
 *
 * STATES. The first frame's byte says "cached", with the order; the others have
 * 0, as in any run. frame_state.c tells how a wrong free is told by that.
 *
 * INVARIANT (frame_check): as many frames are marked as cached as there are here
 * and in the stacks of single frames.
 *
 * COST. To allocate and to free: 94 instructions, with frame_alloc and frame_free.
 */

#include "frame_internal.h"

/* All CPUs together have room for one frame in so many. */
#define SHARE 16

#define DEPTH_MAX 4

/* Runs of each order that a CPU may have. */
static const uint8_t depths[RUN_CACHE_ORDERS] = { [1] = 4, [2] = 4, [3] = 4, [4] = 4, [5] = 2, [6] = 1, [9] = 1 };

/* One CPU's runs of one order. */
struct run_stack {
	pfn_t *top;                /* the run that goes first; NO_FRAME in runs[0] if there is none */
	pfn_t *limit;              /* top, if there is no room for more: always, while somebody sleeps for memory */
	pfn_t runs[1 + DEPTH_MAX]; /* heads */
} __attribute__((aligned(CACHE_LINE)));

static struct run_stack stacks[RUN_CACHE_ORDERS][CONFIG_MAX_CPUS];

/* What a CPU has to do with its stacks. */
static struct {
	bool used; /* it is one of those that share */
	bool open; /* its stacks have their room */
} room_of[CONFIG_MAX_CPUS];

static size_t users; /* CPUs that share; a number by itself, so relaxed: a share that is too large is cut later */

/* Room for more is seen by this CPU only; what there is, others may glance at: relaxed, as frame.c's tops. */
static inline void stack_set_top(struct run_stack *stack, pfn_t *top)
{
	__atomic_store_n(&stack->top, top, __ATOMIC_RELAXED);
}

static size_t stack_count(const struct run_stack *stack)
{
	return (size_t) (__atomic_load_n(&stack->top, __ATOMIC_RELAXED) - stack->runs);
}

static void stack_init(struct run_stack *stack)
{
	stack->runs[0] = NO_FRAME;
	stack->top = stack->limit = stack->runs;
}

void run_caches_init(void)
{
	users = 0;
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		room_of[cpu].used = room_of[cpu].open = false;
		for (unsigned order = 0; order < RUN_CACHE_ORDERS; order++)
			stack_init(&stacks[order][cpu]);
	}
}

size_t run_cache_count(void)
{
	size_t frames = 0;

	for (unsigned order = 1; order < RUN_CACHE_ORDERS; order++)
		for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
			frames += stack_count(&stacks[order][cpu]) << order;
	return frames;
}

/* ---- taking ---- */

static inline __attribute__((always_inline)) phys_t pop(size_t count, frame_flags_t flags)
{
	unsigned order = (unsigned) __builtin_ctzl(count);
	port_irq_t irq = port_irq_save();
	struct run_stack *stack = &stacks[order][port_cpu()];
	pfn_t *top = stack->top;
	pfn_t pfn = *top;

	if (frame_is_near(pfn) && likely(may_serve(flags, irq))) { /* so it is not NO_FRAME */
		stack_set_top(stack, top - 1);
		__atomic_store_n(
			frame_near_state(pfn), RUN_HEAD(order), __ATOMIC_RELAXED); /* this CPU's alone: frame_state.c */
	} else if (pfn != NO_FRAME && may_serve(flags, irq)) {
		stack_set_top(stack, top - 1);
		frame_state_set(pfn, RUN_HEAD(order));
	} else {
		pfn = 0;
	}
	port_irq_restore(irq);
	return (phys_t) pfn << PAGE_WIDTH;
}

phys_t run_alloc(size_t count, frame_flags_t flags)
{
	phys_t base = likely(run_cacheable(count)) ? pop(count, flags) : 0;

	return likely(base != 0) ? base : frame_alloc_run(count, flags);
}

phys_t run_kept(const struct frame_request *request)
{
	bool plain = request->min == request->max && request->align <= request->min && request->lower == 0 &&
		request->upper == (phys_t) -1 && !(request->flags & frame_slow_flags);

	return plain && run_cacheable(request->min) ? pop(request->min, request->flags) : 0;
}

/* ---- giving back ---- */

/* Gives this CPU's stacks, which are empty, the room that its share allows; none while somebody sleeps for memory. */
static void stacks_open(unsigned cpu)
{
	size_t share;

	if (!room_of[cpu].used)
		__atomic_add_fetch(&users, 1, __ATOMIC_RELAXED);
	room_of[cpu].used = true;
	room_of[cpu].open = !sleepers_any();
	share = room_of[cpu].open ? frame_total(FRAME_LOWMEM) / SHARE / __atomic_load_n(&users, __ATOMIC_RELAXED) : 0;
	for (unsigned order = 1; order < RUN_CACHE_ORDERS; order++) {
		size_t runs = share >> order < depths[order] ? share >> order : depths[order];

		stacks[order][cpu].limit = &stacks[order][cpu].runs[runs];
		share -= runs << order;
	}
}

/* Adds a run, of whose head this is the state. @return false if there is no room */
static inline bool stack_push(struct run_stack *stack, pfn_t pfn, unsigned order, uint8_t *state)
{
	pfn_t *top = stack->top;

	if (unlikely(top == stack->limit))
		return false;
	if (unlikely(!state_change(state, RUN_HEAD(order), RUN_CACHED(order))))
		panic_freed_meanwhile(pfn, (size_t) 1 << order);
	*++top = pfn;
	stack_set_top(stack, top);
	return true;
}

/* A run for which there is no room, maybe because this CPU's stacks are not open. */
static NOINLINE void free_opening(pfn_t pfn, unsigned order)
{
	port_irq_t irq = port_irq_save();
	unsigned cpu = port_cpu();
	bool done = false;

	if (!room_of[cpu].open) {
		stacks_open(cpu);
		done = stack_push(&stacks[order][cpu], pfn, order, frame_state_at(pfn));
	}
	port_irq_restore(irq);
	if (!done)
		zone_free_run(pfn, (size_t) 1 << order);
}

/* A run that is far, high, or of a number that is not cached; or not known at all. */
static NOINLINE void run_free_other(pfn_t pfn, size_t count)
{
	unsigned order = (unsigned) __builtin_ctzl(count);
	port_irq_t irq;
	bool done;

	if (!run_cacheable(count) || pfn - FRAME_FIRST >= frame_low_count || frame_state(pfn) != RUN_HEAD(order))
		return zone_free_run(pfn, count);
	irq = port_irq_save();
	done = stack_push(&stacks[order][port_cpu()], pfn, order, frame_state_at(pfn));
	port_irq_restore(irq);
	if (!done)
		free_opening(pfn, order);
}

void run_free(pfn_t pfn, size_t count)
{
	unsigned order = (unsigned) __builtin_ctzl(count);
	uint8_t *state;
	port_irq_t irq;
	bool done;

	if (unlikely(!run_cacheable(count)) || unlikely(pfn - FRAME_FIRST >= frame_near_low_count))
		return run_free_other(pfn, count);
	state = frame_near_state(pfn);
	if (unlikely(__atomic_load_n(state, __ATOMIC_RELAXED) != RUN_HEAD(order))) /* a run needs no order: frame_state.c */
		return zone_free_run(pfn, count);
	irq = port_irq_save();
	done = stack_push(&stacks[order][port_cpu()], pfn, order, state);
	port_irq_restore(irq);
	if (unlikely(!done))
		free_opening(pfn, order);
}

size_t run_cache_drain_locked(void)
{
	unsigned cpu = port_cpu();
	size_t frames = 0;

	for (unsigned order = 1; order < RUN_CACHE_ORDERS; order++) {
		struct run_stack *stack = &stacks[order][cpu];

		frames += stack_count(stack) << order;
		for (; stack->top != stack->runs; stack_set_top(stack, stack->top - 1)) {
			frame_state_set(*stack->top, FRAME_KIND_FREE);
			zone_give_run_locked(*stack->top, order);
		}
	}
	if (room_of[cpu].used)
		stacks_open(cpu);
	return frames;
}
