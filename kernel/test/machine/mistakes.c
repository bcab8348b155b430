/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The mistakes of kernel/mistake.h, and where each is made. Names and what the
 * kernel is to say of them stand in tools/mistakes, too.
 *
 * Most are made in a thread of their own, before the console is started; those
 * called panic:STEP and fault:STEP before a step of kernel_main, by the first
 * letters of what the step sets up.
 */

#include <kernel/boot.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/mistake.h>
#include <kernel/panic.h>
#include <kernel/scheduler.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <mm/assert.h>
#include <mm/kernel_map.h>
#include <mm/km.h>
#include <mm/page.h>

#if CONFIG_DEBUG

#define WORD "mistake="
#define USER_PLACE ((uintptr_t) USER_START + MiB(4))

/* The name that is asked for, up to the next space; "" if there is none. */
static const char *asked(size_t *length)
{
	const struct boot_info *info = boot_get_info();
	const char *word = (info != NULL) ? strstr(info->command_line, WORD) : NULL;
	const char *name = (word != NULL) ? word + strlen(WORD) : "", *end = strchr(name, ' ');

	*length = (end != NULL) ? (size_t) (end - name) : strlen(name);
	return name;
}

bool mistake_asked(const char *name)
{
	size_t length;
	const char *there = asked(&length);

	return length == strlen(name) && strncmp(there, name, length) == 0;
}

/* ---- mistakes of a thread ---- */

static volatile bool never;

/* Where no page below the stack faults the timer's interrupt finds it; what is there is another's, and left alone. */
static void wait_at_limit(uintptr_t stack_pointer)
{
	while (THREAD_STACK_DIRECT && stack_pointer < thread_current()->stack + THREAD_STACK_LIMIT)
		cpu_relax();
}

static unsigned recurse(unsigned depth)
{
	volatile unsigned fill[64];

	fill[0] = depth;
	wait_at_limit((uintptr_t) &fill[0]);
	return never ? 0 : recurse(depth + 1) + fill[0];
}

static void overflow(void)
{
	(void) recurse(0);
}

/*
 * An address below the running thread's stack where nothing is mapped, but not in the guard page. If the stack lies in
 * the direct map: one between two frames that nothing else uses.
 */
static uintptr_t beyond_guard(void)
{
	uintptr_t at = thread_current()->stack - PAGE_SIZE - sizeof(uintptr_t);

	if (THREAD_STACK_DIRECT) {
		struct frame_request request = FRAME_REQUEST(2, FRAME_ATOMIC | FRAME_LOWMEM);
		size_t taken;
		phys_t frames;

		request.upper = KA2PA(thread_current()->stack) - 1;
		frames = frame_alloc_request(&request, &taken);
		mm_assert(frames != 0, "no memory");
		return (uintptr_t) PA2KA(frames) + PAGE_SIZE;
	}
	while (probe_read(at))
		at -= PAGE_SIZE;
	return at;
}

/* A frame of many pages, of which the far end is touched first: the guard page is never met. */
static void overflow_large(void)
{
	size_t bytes = (uintptr_t) __builtin_frame_address(0) - beyond_guard();
	volatile char *frame = __builtin_alloca(bytes + 256);

	frame[256] = 1;
	wait_at_limit((uintptr_t) frame);
}

/* No trap comes, and only what is written shows it. */
static void overflow_canary(void)
{
	*thread_canary(thread_current()) = 0;
	thread_yield();
}

static void overflow_borrowed(void)
{
	struct as *as = as_create(FRAME_ATOMIC);

	mm_assert(as != NULL, "no memory");
	thread_borrow(as);
	overflow();
}

/* A bit of an entry that no CPU decodes yet. */
static void reserved_bit(void)
{
	uintptr_t va;
	pte_t *entry;

	mm_assert(km_alloc(PAGE_SIZE, FRAME_ATOMIC, &va) == EOK, "no memory");
	entry = page_local_entry(va);
	*entry |= (pte_t) 1 << (sizeof(pte_t) == 8 ? 51 : 0);
	tlb_invalidate_page(va);
	*(volatile char *) va = 1;
}

static void user_area_borrow(void)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = USER_PLACE, .size = PAGE_SIZE, .flags = AS_EXEC };
	struct as *as = as_create(FRAME_ATOMIC);
	uintptr_t at;
	char byte;

	mm_assert(as != NULL && as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK, "no memory");
	thread_borrow(as);
	mm_assert(user_copy_in(&byte, USER_PLACE, 1) == EOK, "no memory");
}

static void user_read(void)
{
	user_area_borrow();
	(void) *(volatile char *) USER_PLACE;
}

static void user_execute(void)
{
	user_area_borrow();
	((void (*)(void)) USER_PLACE)();
}

static const struct {
	const char *name;
	void (*make)(void);
} thread_mistakes[] = {
	{ "overflow", overflow },
	{ "overflow-large", overflow_large },
	{ "overflow-borrowed", overflow_borrowed },
	{ "overflow-canary", overflow_canary },
	{ "reserved-bit", reserved_bit },
	{ "user-read", user_read },
	{ "user-execute", user_execute },
};

static void thread_main(void *number)
{
	thread_mistakes[(uintptr_t) number].make();
}

static void thread_make(size_t number)
{
	struct thread *thread = thread_create("mistake", thread_main, (void *) number, FRAME_ATOMIC);

	mm_assert(thread != NULL, "no memory");
	thread_detach(thread);
}

/* ---- mistakes before a step ---- */

/* Whether "KIND:STEP" is asked for, and STEP is how this step begins, with - for a space. */
static bool step_asked(const char *kind, const char *step)
{
	size_t length, at = strlen(kind);
	const char *name = asked(&length);

	if (length <= at + 1 || strncmp(name, kind, at) != 0 || name[at] != ':')
		return false;
	for (at++; at < length; at++, step++)
		if (name[at] != (*step == ' ' ? '-' : *step))
			return false;
	return true;
}

/* No mistake, but what a panic between page_init and km_init needs on some machines: the fixed mappings can be read. */
static void __attribute__((noreturn)) fixed_report(void)
{
	const struct fixed_mapping fixed[] = { KERNEL_FIXED };
	size_t pages = 0, seen = 0;

	for (size_t i = 0; i < ARRAY_COUNT(fixed); pages += fixed[i++].pages)
		for (size_t page = 0; page < fixed[i].pages; page++)
			seen += probe_read(fixed[i].va + page * PAGE_SIZE);
	panic("asked for, when %zu of %zu fixed pages can be read", seen, pages);
}

void mistake_before(const char *step)
{
	if (step_asked("panic", step))
		panic("asked for, before %s", step);
	if (step_asked("fault", step))
		*(volatile char *) PAGE_SIZE = 1;
	if (strcmp(step, "the slab allocator") == 0 && mistake_asked("fixed"))
		fixed_report();
	for (size_t i = 0; i < ARRAY_COUNT(thread_mistakes); i++)
		if (strcmp(step, "the console") == 0 && mistake_asked(thread_mistakes[i].name))
			thread_make(i);
}

#endif
