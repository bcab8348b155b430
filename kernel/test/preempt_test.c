/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Preemption between any two steps of a per-CPU path.
 *
 * Whatever a path learned about its CPU while interrupts were off is stale once
 * they have been on: another thread of the same CPU ran, or the thread went on on
 * another CPU. Here that happens on purpose, wherever it could: at each such point,
 * as a seed says, "the others" allocate and free on the same CPU what the running
 * thread allocates and frees, as threads or as an interrupt handler, or the thread
 * is moved. Afterwards nothing may be lost: the framework counts and checks.
 */

#include <mm/check.h>
#include <test.h>

#define ROUNDS 3000

/* What each of the two sides holds at most. */
#define HELD 40

/* What is allocated and freed: the choice of a size is a random number. */
struct kind {
	uintptr_t (*alloc)(size_t choice); /* 0 = there is none */
	void (*free)(uintptr_t what, size_t choice);
	bool threads_only; /* no interrupt handler may */
};

struct side {
	struct test_random random;
	struct {
		uintptr_t what;
		size_t choice;
	} held[HELD];
};

static const struct kind *kind;
static struct side thread, others;
static size_t preemptions;

/* Allocates, or frees, in one place. */
static void step(struct side *side)
{
	size_t place = test_random_below(&side->random, HELD);
	uintptr_t what = side->held[place].what;

	side->held[place].what = 0;
	if (what != 0) {
		kind->free(what, side->held[place].choice);
	} else {
		size_t choice = test_random_below(&side->random, 64);

		what = kind->alloc(choice);
		side->held[place].choice = choice;
		side->held[place].what = what;
	}
}

static void free_all(struct side *side)
{
	for (size_t place = 0; place < HELD; place++)
		if (side->held[place].what != 0)
			kind->free(side->held[place].what, side->held[place].choice);
}

static void preempt(void)
{
	bool as_interrupt;
	port_irq_t irq = 0;

	if (test_random_below(&others.random, 3) != 0)
		return;
	preemptions++;
	as_interrupt = !kind->threads_only && test_random_below(&others.random, 2) == 0;
	if (as_interrupt)
		irq = port_irq_save();
	for (size_t steps = test_random_below(&others.random, 32); steps > 0; steps--)
		step(&others);
	if (as_interrupt)
		port_irq_restore(irq);
	if (test_random_below(&others.random, 8) == 0)
		test_migrate();
}

static struct test_barrier meeting;

static void passer_main(void *argument)
{
	(void) argument;
	test_barrier_wait(&meeting);
}

/* So that there are CPUs to go on on. */
static void start_cpus(void)
{
	struct test_thread *threads[3];

	test_barrier_init(&meeting, ARRAY_COUNT(threads));
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("passer", passer_main, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		test_thread_join(threads[i]);
}

/* Each round begins with empty caches now and then, as after a reclaim: the slow halves of the paths matter most. */
static void run(const struct kind *of)
{
	kind = of;
	preemptions = 0;
	thread = (struct side){ .random = TEST_RANDOM(test_seed()) };
	others = (struct side){ .random = TEST_RANDOM(test_seed() + 1) };
	start_cpus();
	if (!test_preempt(preempt))
		SKIP("the running thread cannot be preempted on purpose");
	for (size_t round = 0; round < ROUNDS; round++) {
		if (round % 16 == 0)
			frame_reclaim(RECLAIM_FULL, round % 32 == 0);
		step(&thread);
	}
	(void) test_preempt(NULL);
	free_all(&thread);
	free_all(&others);
	CHECK_GT(preemptions, ROUNDS / 4);
}

/* ---- frames ---- */

static size_t frames_of(size_t choice)
{
	return choice < 40 ? 1 : choice < 60 ? (size_t) 1 << choice % 6 : choice % 13 + 1;
}

static uintptr_t frames_alloc(size_t choice)
{
	return frame_alloc(frames_of(choice), FRAME_ATOMIC | (choice % 2 == 0 ? FRAME_NO_RECLAIM : 0), 0);
}

static uintptr_t frames_alloc_high(size_t choice)
{
	return frame_alloc(frames_of(choice), FRAME_ATOMIC | FRAME_HIGHMEM, 0);
}

static void frames_free(uintptr_t base, size_t choice)
{
	frame_free(base, frames_of(choice));
}

TEST(preempt_frames, "no frame is lost when a thread is preempted between any two steps", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct kind frames = { .alloc = frames_alloc, .free = frames_free };

	run(&frames);
	CHECK_EQ(frame_check(), 0);
}

TEST(preempt_frames_high, "nor is one without a permanent address", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct kind frames = { .alloc = frames_alloc_high, .free = frames_free };

	run(&frames);
	CHECK_EQ(frame_check(), 0);
}

/* ---- objects ---- */

static struct slab_cache *cache;

static uintptr_t object_alloc(size_t choice)
{
	(void) choice;
	return (uintptr_t) slab_alloc(cache, FRAME_ATOMIC);
}

static void object_free(uintptr_t object, size_t choice)
{
	(void) choice;
	slab_free(cache, (void *) object);
}

TEST(preempt_slab, "no object is lost when a thread is preempted between any two steps", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct kind objects = { .alloc = object_alloc, .free = object_free };

	NEED((cache = test_slab_cache_create("preempt", 300, NULL, FRAME_ATOMIC)) != NULL);
	run(&objects);
	CHECK_EQ(slab_check(), 0);
}

static uintptr_t block_alloc(size_t choice)
{
	return (uintptr_t) mm_malloc((size_t) 1 << choice % 15, FRAME_ATOMIC);
}

static void block_free(uintptr_t block, size_t choice)
{
	(void) choice;
	mm_free((void *) block);
}

TEST(preempt_malloc, "nor is a block of malloc's", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct kind blocks = { .alloc = block_alloc, .free = block_free };

	run(&blocks);
	CHECK_EQ(slab_check(), 0);
	CHECK_EQ(frame_check(), 0);
}

/* ---- virtual ranges ---- */

static struct vmem arena;

static uintptr_t range_alloc(size_t choice)
{
	uintptr_t start;

	return vmem_alloc(&arena, (1 + choice % 6) * PAGE_SIZE, FRAME_ATOMIC, &start) == EOK ? start : 0;
}

static void range_free(uintptr_t start, size_t choice)
{
	vmem_free(&arena, start, (1 + choice % 6) * PAGE_SIZE);
}

TEST(preempt_vmem, "no range is lost when a thread is preempted between any two steps", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct vmem_options options = { .cached = 4 * PAGE_SIZE };
	static const struct kind ranges = { .alloc = range_alloc, .free = range_free };

	NEED(test_vmem_init(&arena, "preempt", &options, FRAME_ATOMIC) == EOK);
	NEED(vmem_add(&arena, MiB(1), MiB(4), FRAME_ATOMIC) == EOK);
	run(&ranges);
	CHECK_EQ(vmem_check(), 0);
	CHECK_EQ(test_vmem_destroy(&arena), EOK);
}

static uintptr_t pages_alloc(size_t choice)
{
	uintptr_t va;

	return km_alloc((1 + choice % 6) * PAGE_SIZE, FRAME_ATOMIC, &va) == EOK ? va : 0;
}

static void pages_free(uintptr_t va, size_t choice)
{
	km_free(va, (1 + choice % 6) * PAGE_SIZE);
}

TEST(preempt_km, "nor is a page of the kernel's window", .host_only = "on purpose",
	.plain_only = "it is about what happens in between")
{
	static const struct kind pages = { .alloc = pages_alloc, .free = pages_free, .threads_only = true };

	run(&pages);
	CHECK_EQ(mm_check(), 0);
}
