/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Register windows: programs and kernel threads, each in an address space of its own, that call deeper than there are
 * windows and are preempted meanwhile. All have their stacks at the same addresses, and look whether what comes back
 * from there is theirs.
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/scheduler.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <test.h>

#define CODE ((uintptr_t) USER_START + MiB(4))
#define STACK (CODE + 2 * PAGE_SIZE)
#define STACK_PAGES 4
#define STACK_TOP (STACK + STACK_PAGES * PAGE_SIZE)

#define THREADS 6
#define DEPTH 30
#define ROUNDS 3000
#define KERNEL_DEPTH 24
#define KERNEL_ROUNDS 20

extern const char window_program[], window_program_end[];

struct runner {
	struct as *as;
	uintptr_t number;
	uintptr_t wrong;
	enum trap_kind kind;
	uint64_t switches;
	struct thread *thread;
};

static bool area(struct as *as, uintptr_t va, size_t pages)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .va = va, .size = pages * PAGE_SIZE, .flags = AS_WRITE
	};
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK;
}

static struct as *world(void)
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t bytes = (size_t) (window_program_end - window_program);

	if (as == NULL || !area(as, CODE, 1) || !area(as, STACK, STACK_PAGES) ||
		as_copy_out(as, CODE, window_program, bytes, FRAME_ATOMIC) != EOK)
		return NULL;
	return as_area_change_flags(as, CODE, AS_EXEC) == EOK ? as : NULL;
}

/* ---- in user mode ---- */

static bool answer(struct trap_frame *frame, const struct trap_info *info)
{
	struct runner *self = thread_current()->argument;

	if (info->kind == TRAP_INTERRUPT)
		return true;
	self->kind = info->kind;
	self->wrong = frame->out[0];
	self->switches = self->thread->switches;
	interrupts_enable();
	thread_exit();
}

static void user_main(void *argument)
{
	struct runner *self = argument;
	struct trap_frame frame;

	thread_borrow(self->as);
	user_frame_init(&frame, CODE, STACK_TOP - STACK_LEAST - STACK_BIAS);
	frame.out[0] = self->number;
	frame.out[1] = DEPTH;
	frame.out[2] = ROUNDS;
	self->thread = thread_current();
	self->thread->user_trap = answer;
	(void) interrupts_disable();
	user_enter(&frame);
}

/* ---- in the kernel ---- */

/* Each call looks at what is its own before and behind the one within it; others run in between. */
static NOINLINE uintptr_t descend(struct runner *self, uintptr_t depth)
{
	volatile const uintptr_t *word = (volatile const uintptr_t *) STACK;
	uintptr_t before = self->number << 8 | depth, wrong = 0;

	if (depth != 0)
		wrong = descend(self, depth - 1);
	else
		thread_yield();
	if (depth % 5 == 0)
		thread_yield();
	wrong += *word != self->number;
	return wrong + (before != (self->number << 8 | depth));
}

static void kernel_main_of(void *argument)
{
	struct runner *self = argument;

	thread_borrow(self->as);
	self->kind = TRAP_SYSTEM_CALL;
	for (size_t i = 0; i < KERNEL_ROUNDS; i++)
		self->wrong += descend(self, KERNEL_DEPTH);
	self->switches = thread_current()->switches;
}

/* ---- both at once ---- */

/* Every other one is a program. */
static void run(struct runner *runners, size_t count)
{
	size_t started = 0;

	while (started < count) {
		struct runner *runner = &runners[started];

		runner->thread = thread_create("windows", started % 2 == 0 ? user_main : kernel_main_of, runner, FRAME_ATOMIC);
		if (runner->thread == NULL)
			break;
		started++;
	}
	for (size_t i = 0; i < started; i++)
		thread_join(runners[i].thread);
	NEED(started == count);
}

TEST(sparc_windows, "deep calls in user mode and in the kernel find their registers, whatever runs in between",
	.threads = true, .frames = THREADS * (THREAD_STACK_SIZE / PAGE_SIZE + 16) + 64, .plain_only = "it needs all of it")
{
	static struct runner runners[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		uintptr_t number = 0x1000 + i;

		runners[i] = (struct runner){ .as = world(), .number = number };
		NEED(runners[i].as != NULL);
		if (i % 2 != 0)
			NEED(as_copy_out(runners[i].as, STACK, &number, sizeof(number), FRAME_ATOMIC) == EOK);
	}
	run(runners, THREADS);
	for (size_t i = 0; i < THREADS; i++) {
		CHECK_EQ(runners[i].kind, TRAP_SYSTEM_CALL);
		CHECK_EQ(runners[i].wrong, 0);
		CHECK_GT(runners[i].switches, 1);
		/* Its stack was touched first by spills. */
		CHECK(page_mapping_find(as_page_table(runners[i].as), STACK_TOP - 2 * PAGE_SIZE).size != 0 || i % 2 != 0);
	}
}
