/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Test cases, one source for machine and host.
 *
 *     #include <test.h>
 *
 *     TEST(frame_alignment, "a constraint of address bits is kept")
 *     {
 *         phys_t pa;
 *
 *         NEED((pa = test_frame_alloc(3, FRAME_ATOMIC, 0x3fff)) != 0);
 *         CHECK_EQ(pa & 0x3fff, 0);
 *         test_frame_free(pa, 3);
 *     }
 *
 * HOW A CASE IS RUN. Once plainly, then once for each n with its n-th atomic
 * allocation made to fail, until a run reaches no n-th. After each run all that
 * the ledger still holds is given back, everything is reclaimed, and the
 * counters (frames, objects of each cache, page tables, kernel mappings) must
 * stand where they stood before; then mm_check must find nothing.
 *
 * SO A CASE asks with FRAME_ATOMIC wherever it can live with a refusal, takes
 * through the test_ functions below, which put what they take into the ledger,
 * and leaves by NEED when it is refused: nothing has to be given back first.
 * Threads and what lies on the stack are no matter of the ledger: join threads
 * before leaving (use `if`, not NEED, while they run).
 *
 * WHERE A FILE LIES. kernel/test/<suite>_test.c: the memory core; compiled for
 * the machines and the host, so it includes <test.h> and <mm/...> only.
 * kernel/test/machine/<suite>_test.c: what needs the kernel (its threads,
 * synch, console, traps); machines only.
 *
 * WHAT STOPS THE KERNEL is tested by a case with .panics set: on the host its
 * body runs in a process of its own and must end in a panic whose message has
 * that text; on a machine it is skipped.
 */

#ifndef TEST_H
#define TEST_H

#include <mm/as.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/malloc.h>
#include <mm/page.h>
#include <mm/port.h>
#include <mm/slab.h>
#include <mm/types.h>
#include <mm/vmem.h>

/* ---- cases ---- */

struct test_case {
	const char *name; /* begins with the name of what it tests: frame_…, slab_… */
	const char *what; /* what it shows, in a clause */
	const char *file;
	void (*body)(void);

	/* What TEST may be given after `what`. */
	const char *panics;     /* the body must panic with a message that has this text */
	const char *logs;       /* lines that it makes the core log begin so, and are marked as expected */
	const char *host_only;  /* why it is skipped on a machine; NULL = it runs everywhere */
	size_t frames;          /* free frames it needs; with fewer it is skipped. 0 = as many as every machine has */
	size_t inject_runs;     /* runs with a failure injected, at most; 0 = test_inject_runs */
	const char *plain_only; /* why no failures are injected; NULL = they are */
	bool patience;          /* it is about patience in the wait queue: with it; all others without (frame_patience) */
	bool threads;           /* starts threads: worth running under a race detector */
	int line;
};

/*
 * Runs of a case with a failure injected, at most: the first half are dense, the
 * rest are spread (test.c). Machines have fewer, as they are slow and many; each
 * boot's seed spreads them otherwise. The host's option --inject-runs sets how many.
 */
extern size_t test_inject_runs;

/* Calls that may sleep for memory which are made to wait in the last injected run; each takes a tick or two. */
#define TEST_WAITS ((size_t) (test_on_host ? 200 : 8))

/** Defines a case; its body follows. Fields of struct test_case may be given: TEST(n, "w", .panics = "p"). */
#define TEST(case_name, case_what, ...)                                                                    \
	static void test_body_##case_name(void);                                                               \
	static const struct test_case test_case_##case_name = { .name = #case_name,                            \
		.what = (case_what),                                                                               \
		.file = __FILE__,                                                                                  \
		.line = __LINE__,                                                                                  \
		.body = test_body_##case_name,                                                                     \
		__VA_ARGS__ };                                                                                     \
	__attribute__((section("test_cases"), used)) static const struct test_case *test_pointer_##case_name = \
		&test_case_##case_name;                                                                            \
	static void test_body_##case_name(void)

/* Whether the machine has pages of the size that one table of the last level maps. */
#define TEST_HAS_LARGE_PAGES ptl_leaf_allowed(PTL_LEVELS - 2)

/* ---- checks: each is true if it holds; a failed one is told and the case goes on ---- */

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)

/* Integers, of any width, widened with their sign; both values are printed. The order is that of unsigned numbers. */
#define CHECK_EQ(left, right) TEST_COMPARE(left, ==, right)
#define CHECK_NE(left, right) TEST_COMPARE(left, !=, right)
#define CHECK_LT(left, right) TEST_COMPARE(left, <, right)
#define CHECK_LE(left, right) TEST_COMPARE(left, <=, right)
#define CHECK_GT(left, right) TEST_COMPARE(left, >, right)
#define CHECK_GE(left, right) TEST_COMPARE(left, >=, right)
#define CHECK_PTR(left, right) TEST_COMPARE((uintptr_t) (left), ==, (uintptr_t) (right))
#define CHECK_NULL(pointer) TEST_COMPARE((uintptr_t) (pointer), ==, (uintptr_t) 0)
#define CHECK_NOT_NULL(pointer) TEST_COMPARE((uintptr_t) (pointer), !=, (uintptr_t) 0)
#define CHECK_STR(left, right) test_check_string((left), (right), __FILE__, __LINE__, #left " is " #right)

/** Leaves the function (one that returns nothing) if condition is false: only an injected failure excuses that. */
#define NEED(condition) NEED_OR(condition, )

/** As NEED, in a function that returns something. */
#define NEED_OR(condition, value)                                    \
	do {                                                             \
		if (!test_need((condition), __FILE__, __LINE__, #condition)) \
			return value;                                            \
	} while (0)

/** Ends the case as skipped, with the reason; leaves a function that returns nothing. */
#define SKIP(...)               \
	do {                        \
		test_skip(__VA_ARGS__); \
		return;                 \
	} while (0)

/** A line of diagnosis, printf style, with a leading "# ". */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Whether a line of log since the case began has this text. */
bool test_logged(const char *text);

/** As snprintf, with what printf of both places has. */
void test_format(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool test_check(bool holds, const char *file, int line, const char *text);
bool test_check_compared(bool holds, uint64_t left, uint64_t right, const char *file, int line, const char *text);
bool test_check_string(const char *left, const char *right, const char *file, int line, const char *text);
MUST_USE bool test_need(bool holds, const char *file, int line, const char *text);

#define TEST_COMPARE(left, relation, right)                                                               \
	({                                                                                                    \
		uint64_t left_value = (uint64_t) (left), right_value = (uint64_t) (right);                        \
		test_check_compared(left_value relation right_value, left_value, right_value, __FILE__, __LINE__, \
			#left " " #relation " " #right);                                                              \
	})

/** Whether failures are being injected in this run: then counts of what was refused may differ. */
bool test_injecting(void);

/* ---- the ledger: as the functions without test_, but what is taken is known and given back at the end ---- */

MUST_USE phys_t test_frame_alloc(size_t count, frame_flags_t flags, phys_t constraint);
MUST_USE phys_t test_frame_alloc_request(const struct frame_request *request, size_t *taken);
void test_frame_free(phys_t base, size_t count); /* any part of what was taken */
MUST_USE errno_t test_frame_reference_add(phys_t frame);
void test_frame_reference_drop(phys_t frame);
MUST_USE errno_t test_reserve_try(size_t frames, frame_flags_t flags);
void test_reserve_free(size_t frames, frame_flags_t flags);
void test_reserve_used(size_t frames, frame_flags_t flags); /* what FRAME_NO_RESERVE has taken off the promise */

MUST_USE struct slab_cache *test_slab_cache_create(
	const char *name, size_t size, const struct slab_cache_options *options, frame_flags_t flags);
MUST_USE errno_t test_slab_cache_destroy(struct slab_cache *cache);
MUST_USE void *test_slab_alloc(struct slab_cache *cache, frame_flags_t flags);
void test_slab_free(struct slab_cache *cache, void *object);

MUST_USE void *test_malloc(size_t size, frame_flags_t flags);
MUST_USE void *test_memalign(size_t align, size_t size, frame_flags_t flags);
MUST_USE void *test_realloc(void *old, size_t size, frame_flags_t flags);
void test_free(void *address);

MUST_USE errno_t test_page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc);
void test_page_mapping_remove(struct page_table *table, uintptr_t va, size_t pages); /* any part, any number of times */
MUST_USE errno_t test_km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va);
void test_km_unmap(uintptr_t va, size_t bytes);
MUST_USE errno_t test_km_alloc(size_t bytes, frame_flags_t flags, uintptr_t *va);
void test_km_free(uintptr_t va, size_t bytes);

/* The ranges of an arena are given back with it. One that imports may not have a child itself. */
MUST_USE errno_t test_vmem_init(
	struct vmem *arena, const char *name, const struct vmem_options *options, frame_flags_t flags);
MUST_USE errno_t test_vmem_destroy(struct vmem *arena);

MUST_USE struct as *test_as_create(frame_flags_t alloc);
void test_as_release(struct as *as);

/* The ledger has room for so many objects, blocks and mappings together; of frames it holds any number. */
#define TEST_LEDGER_ROOM 3072

/*
 * For more objects than that: a chain through their first words. Push what slab_alloc or mm_malloc (without test_)
 * gave; what is still on the chain at the end of the case is given back. A chain lives as long as the case.
 */
struct test_chain {
	struct slab_cache *cache; /* NULL = blocks of mm_malloc */
	void *first;
	size_t count;
	bool known;
};

#define TEST_CHAIN(chain_cache) ((struct test_chain){ .cache = (chain_cache) })

void test_chain_push(struct test_chain *chain, void *object);
void *test_chain_pop(struct test_chain *chain); /* NULL if it is empty; the caller owns the object */
void test_chain_free(struct test_chain *chain); /* gives all of it back */

/** Whether there are frames without a permanent address. */
bool test_has_high_memory(void);

/** Frames free that a request with these flags could be given. */
size_t test_free_frames(frame_flags_t flags);

/**
 * Takes all frames there are, of these flags (FRAME_ATOMIC is implied), into the ledger, in large pieces. No failure is
 * injected into that. @return how many
 */
size_t test_take_all_frames(frame_flags_t flags);

/** Takes frames of these flags until only so many (or fewer) are free. @return how many were taken */
size_t test_leave_frames(size_t left, frame_flags_t flags);

/** Gives back all frames that the ledger holds. */
void test_free_all_frames(void);

/*
 * A frame handed from thread to thread goes by its number, 0 = none: a word is read and written in one piece, which an
 * address need not be.
 */
static inline pfn_t test_frame_word(phys_t base)
{
	return (pfn_t) (base >> PAGE_WIDTH);
}

static inline phys_t test_frame_of(pfn_t word)
{
	return (phys_t) word << PAGE_WIDTH;
}

/* ---- threads: pthreads on the host, kernel threads on a machine ---- */

struct test_thread;

/* Threads that a case may have. */
#define TEST_THREADS 32

/** Starts a thread; may sleep for memory, never fails. Every one is joined before the case ends. */
struct test_thread *test_thread_start(const char *name, void (*function)(void *), void *argument);
void test_thread_join(struct test_thread *thread);

/** A thread that waits for a reservation, and keeps it till it is let go. The case sets low and any, all else is 0. */
struct test_reserver {
	size_t low, any; /* as reservation_wait has them */
	struct test_thread *thread;
	bool served, let_go;
};

/** Starts it. Returns when `sleepers` threads are in the wait queue, this one among them. */
void test_reserver_start(struct test_reserver *reserver, size_t sleepers);

/** Whether its frames are reserved. */
bool test_reserver_served(const struct test_reserver *reserver);

/** Lets it go, and joins it. Memory that it still waits for must be free. */
void test_reserver_end(struct test_reserver *reserver);

/* Both are used where they are, and need no cleaning up. */
struct test_semaphore {
	uint64_t room[16];
};

void test_semaphore_init(struct test_semaphore *semaphore, unsigned count);
void test_semaphore_up(struct test_semaphore *semaphore);
void test_semaphore_down(struct test_semaphore *semaphore);
MUST_USE errno_t test_semaphore_down_timeout(struct test_semaphore *semaphore, unsigned milliseconds);

struct test_barrier {
	uint64_t room[24];
};

void test_barrier_init(struct test_barrier *barrier, unsigned threads);
void test_barrier_wait(struct test_barrier *barrier);

void test_sleep_ms(unsigned milliseconds);
void test_yield(void);
uint64_t test_now_ms(void); /* since some fixed moment */

/** Bits of a number that are set, with no library's help. */
static inline size_t test_bits(uint64_t number)
{
	size_t bits = 0;

	for (; number != 0; number >>= 1)
		bits += number & 1;
	return bits;
}

/*
 * The longest wait for what must happen. It only ends a case that fails: emulators, sanitizers and a machine that does
 * other work are slow, so no case may count on less.
 */
#define PATIENCE_MS 60000

/** Waits, yielding, until condition holds, at most so long. @return whether it does */
#define test_wait_for(condition, milliseconds)              \
	({                                                      \
		uint64_t test_end = test_now_ms() + (milliseconds); \
		while (!(condition) && test_now_ms() < test_end)    \
			test_sleep_ms(1);                               \
		(condition);                                        \
	})

/*
 * Whether the running thread can be preempted on purpose (on the host, in debug builds). If so, preempt is called,
 * until it is NULL, each time that thread is about to turn interrupts off or has turned them on, but not from within
 * itself: what it does there another thread of the same CPU does. It must not wait.
 */
bool test_preempt(void (*preempt)(void));

/** Within preempt: the thread that it interrupts goes on on another CPU, if there is one. */
void test_migrate(void);

/** What `host_only` and `panics` ask. */
extern const bool test_on_host;

/* ---- the user part of an address space, as the running thread sees it ---- */

/** The running thread goes on in an address space; NULL = in none, as every thread begins, and as it must end. */
void test_as_borrow(struct as *as);

/*
 * Loads and stores a byte there: on a machine by the CPU, its page faults and all; on the host, which has no MMU, by a
 * walk of the page table and as_page_fault, as an MMU would. @return false if the fault is not resolved
 */
MUST_USE bool test_user_load(uintptr_t va, uint8_t *byte);
MUST_USE bool test_user_store(uintptr_t va, uint8_t byte);

/* ---- random numbers: the same for the same seed, everywhere ---- */

struct test_random {
	uint64_t state;
};

/** The seed of this run: on a machine 1, or what console command `seed` has set; on the host --seed, or the time. */
uint64_t test_seed(void);
void test_seed_set(uint64_t seed);
#define TEST_RANDOM(seed) ((struct test_random){ .state = (seed) })
uint64_t test_random(struct test_random *random);
/** From 0 to bound - 1. */
size_t test_random_below(struct test_random *random, size_t bound);

/* ---- running: what the console's `test` and the host's runner call ---- */

/** Number of cases; the i-th of them, in order of file, then of line. */
size_t test_count(void);
const struct test_case *test_get(size_t i);

/** "frame" for kernel/test/frame_test.c. */
void test_suite_name(const struct test_case *test, char *name, size_t room);

/** Whether `test NAME` runs this case: NAME is "all", "threads", or what the case's name or its file's begins with. */
bool test_matches(const struct test_case *test, const char *name);

enum test_outcome { TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

#define TEST_REASON_ROOM 128

/*
 * The two tests of a case, each of which is a line of KTAP: the case as it is, and NAME.inject. What goes wrong is told
 * at once in comments; reason, with room for TEST_REASON_ROOM, receives why it was skipped, or figures worth a comment.
 */
enum test_outcome test_run_plain(const struct test_case *test, char *reason);
enum test_outcome test_run_injected(const struct test_case *test, char *reason);

/** Tests of a case: 1 if no failures are injected into it, otherwise 2. */
size_t test_tests_of(const struct test_case *test);

struct test_totals {
	size_t passed, failed, skipped;
};

/** Prints the result of one test as a line of KTAP, and counts it. */
void test_report(struct test_totals *totals, const struct test_case *test, bool injected, enum test_outcome outcome,
	const char *reason);

/** Prints the first lines of KTAP. */
void test_print_head(size_t tests);

/** Prints the closing comment "# N passed, N failed, N skipped". */
void test_print_totals(const struct test_totals *totals);

/**
 * Runs all cases that name matches, and prints KTAP.
 * @return tests that failed; SIZE_MAX if no case has such a name (told)
 */
size_t test_run(const char *name);

#endif
