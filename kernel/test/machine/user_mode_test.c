/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A probe of user mode: the way out of the kernel and back, before there are
 * tasks. A probe is a thread in a borrowed address space that enters a step of the
 * machine's user program (kernel/machine.h) with known values in all registers. It
 * comes back by its traps: the step's last one ends the thread, and what it found is
 * compared by the case.
 *
 * Registers are compared in both directions by their own names: what the kernel
 * has put into the frame with what the program stores (USER_STORE), and what the
 * program loads with what the kernel finds in the frame (USER_LOAD). A mistake
 * that is made on the way in and undone on the way out would not be seen otherwise.
 *
 *   CODE       the program, executable              MISSING    no area
 *   CONSTANT   read-only, touched                   STACKS     a page for each probe, writable
 *   UNTOUCHED  writable, in no frame yet
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <test.h>

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define CODE FIRST
#define CONSTANT (FIRST + 2 * PAGE_SIZE)
#define UNTOUCHED (FIRST + 4 * PAGE_SIZE)
#define STACKS (FIRST + 8 * PAGE_SIZE)
#define PROBES 8
#define MISSING (STACKS + PROBES * PAGE_SIZE)

/* Timer interrupts that a probe waits for in its loop. */
#define INTERRUPTS 4

#define REASON "the page faults of user mode may not be refused"

struct probe {
	/* What it is to do. */
	struct as *as;
	uintptr_t pc, stack_pointer;
	unsigned seed;       /* of the values of its registers */
	unsigned calls;      /* system calls that the kernel answers before one ends it */
	unsigned interrupts; /* of the timer, after which it leaves the loop for USER_STORE */
	uintptr_t argument;  /* in register 0, if it is not 0 */
	bool debug;          /* begins with one step under the debugger's flag */
	/* What it found: in the trap that ended it, and in all. */
	struct trap_info trap;
	struct trap_report report;
	uintptr_t registers[USER_REGISTERS_MAX];
	unsigned answered, debugged;
	uint64_t switches;              /* times it was given a CPU */
	size_t changed;                 /* registers that were not, in a trap in the loop, what the thread began with */
	size_t misplaced, state_broken; /* traps that were not at the stack's top; or found the CPU in another state */
	/* Its own. */
	uint64_t ticks;
	unsigned debug_number; /* of the trap after one step */
	struct thread *thread;
};

/* All probes of the case have been started: from here on they count interrupts. */
static bool all_started;

/* Of each CPU, as it was before the first probe. */
static uintptr_t states[CONFIG_MAX_CPUS][CPU_STATE_WORDS];

static uintptr_t begin_value(const struct probe *probe, size_t number)
{
	if (number == 0 && probe->argument != 0)
		return probe->argument;
	return user_register_value(number, probe->seed);
}

static bool differs(size_t number, uintptr_t left, uintptr_t right)
{
	return ((left ^ right) & user_register_bits(number)) != 0;
}

/* ---- in the traps of a probe ---- */

/* The frame is the first on the thread's stack, and the CPU is in the kernel's state. */
static void look_around(struct probe *self, const struct trap_frame *frame)
{
	uintptr_t top = self->thread->stack + THREAD_STACK_SIZE, words[CPU_STATE_WORDS];

	self->misplaced += top - (uintptr_t) frame - sizeof(*frame) >= 64;
	cpu_state_read(words);
	self->state_broken += memcmp(words, states[cpu_number()], sizeof(words)) != 0 || interrupts_are_on() ||
		thread_current() != self->thread || as_current() != self->as;
}

/* In the loop, from the first instruction on, nothing changes. */
static void compare(struct probe *self, struct trap_frame *frame)
{
	struct trap_report report;

	trap_report(frame, &report);
	for (size_t i = 0; i < user_register_count(); i++)
		self->changed += differs(i, *user_register(frame, i), begin_value(self, i));
	self->changed += report.stack_pointer != self->stack_pointer || report.pc - self->pc >= USER_SPIN_BYTES;
}

/* An interrupt came: if it was the timer's, that is one less to wait for. */
static void interrupted(struct probe *self, struct trap_frame *frame)
{
	bool ticked = self->thread->ticks != self->ticks;

	self->ticks = self->thread->ticks;
	/* Before the step that is a debug exception the debugger's flag is in the frame: it is compared after that. */
	if (self->interrupts == 0 || self->debug)
		return;
	compare(self, frame);
	if (ticked && __atomic_load_n(&all_started, __ATOMIC_RELAXED) && --self->interrupts == 0)
		trap_set_pc(frame, CODE + user_step(USER_STORE));
}

static void __attribute__((noreturn)) end(struct probe *self, struct trap_frame *frame, const struct trap_info *info)
{
	self->trap = *info;
	self->switches = self->thread->switches;
	trap_report(frame, &self->report);
	for (size_t i = 0; i < user_register_count(); i++)
		self->registers[i] = *user_register(frame, i);
	interrupts_enable();
	thread_exit();
}

static bool answer(struct trap_frame *frame, const struct trap_info *info)
{
	struct probe *self = thread_current()->argument;

	look_around(self, frame);
	if (info->kind == TRAP_INTERRUPT) {
		interrupted(self, frame);
		return true;
	}
	if (self->debug && info->kind == TRAP_ERROR && info->number == self->debug_number) {
		(void) user_debug_set(frame, false);
		self->debug = false;
		self->debugged++;
		compare(self, frame);
		return true;
	}
	if (info->kind != TRAP_SYSTEM_CALL || self->answered == self->calls)
		end(self, frame, info);
	self->answered++;
	return false;
}

/* ---- running a probe ---- */

static void probe_main(void *argument)
{
	struct probe *self = argument;
	struct trap_frame frame;

	thread_borrow(self->as);
	user_frame_init(&frame, self->pc, self->stack_pointer);
	for (size_t i = 0; i < user_register_count(); i++)
		*user_register(&frame, i) = begin_value(self, i);
	self->debug_number = user_debug_set(&frame, self->debug);
	self->thread = thread_current();
	self->thread->user_trap = answer;
	(void) interrupts_disable();
	self->ticks = self->thread->ticks;
	user_enter(&frame);
}

static bool probe_start(struct probe *probe)
{
	probe->thread = thread_create("user", probe_main, probe, FRAME_ATOMIC);
	return probe->thread != NULL;
}

static void probe_join(struct probe *probe)
{
	struct thread *thread = probe->thread;

	thread_join(thread);
	CHECK_EQ(probe->misplaced, 0);
	CHECK_EQ(probe->state_broken, 0);
	CHECK_EQ(probe->changed, 0);
	CHECK(probe->trap.from_user);
	CHECK(probe->trap.interrupts_on);
}

static bool probe_run(struct probe *probe)
{
	__atomic_store_n(&all_started, true, __ATOMIC_RELAXED);
	NEED_OR(probe_start(probe), false);
	probe_join(probe);
	return true;
}

/* A probe of a step, with the number-th page of STACKS. */
static struct probe probe_of(struct as *as, enum user_step step, size_t number, unsigned seed)
{
	return (struct probe){ .as = as,
		.pc = CODE + user_step(step),
		.stack_pointer = STACKS + number * PAGE_SIZE + PAGE_SIZE / 2,
		.seed = seed };
}

static void state_read(void *unused)
{
	port_irq_t irq = port_irq_save();

	(void) unused;
	cpu_state_read(states[cpu_number()]);
	port_irq_restore(irq);
}

static bool area(struct as *as, uintptr_t va, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = va, .size = pages * PAGE_SIZE, .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK;
}

/* The address space of the probes, filled as above; NULL if it cannot be had. */
static struct as *world(void)
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t bytes;
	const char *program = user_program(&bytes);

	port_cross_call(state_read, NULL);
	if (as == NULL || !area(as, CODE, 1, AS_WRITE) || !area(as, CONSTANT, 1, AS_WRITE) ||
		!area(as, UNTOUCHED, 2, AS_WRITE) || !area(as, STACKS, PROBES, AS_WRITE))
		return NULL;
	if (as_copy_out(as, CODE, program, bytes, FRAME_ATOMIC) != EOK ||
		as_copy_out(as, CONSTANT, program, 1, FRAME_ATOMIC) != EOK)
		return NULL;
	return as_area_change_flags(as, CODE, AS_EXEC) == EOK && as_area_change_flags(as, CONSTANT, 0) == EOK ? as : NULL;
}

/* ---- comparing ---- */

static void check_register(size_t number, uintptr_t is, uintptr_t expected, const char *where)
{
	if (!CHECK(!differs(number, is, expected)))
		test_note(
			"%s %s: %lx, not %lx", user_register_name(number), where, (unsigned long) is, (unsigned long) expected);
}

/* All registers of the trap that ended it, but `result` in register 0. */
static void check_frame(const struct probe *probe, uintptr_t result)
{
	for (size_t i = 0; i < user_register_count(); i++)
		check_register(i, probe->registers[i], i == 0 ? result : begin_value(probe, i), "in the frame");
	CHECK_EQ(probe->report.stack_pointer, probe->stack_pointer);
}

/* The same of what the program has stored. */
static void check_stored(const struct probe *probe, uintptr_t result)
{
	uintptr_t words[USER_REGISTERS_MAX];
	size_t bytes = user_register_count() * sizeof(uintptr_t);

	NEED(as_copy_in(probe->as, words, probe->stack_pointer, bytes, FRAME_ATOMIC) == EOK);
	for (size_t i = 0; i < user_register_count(); i++)
		check_register(i, words[i], i == 0 ? result : begin_value(probe, i), "in user mode");
}

static void check_system_call(const struct probe *probe, unsigned answered)
{
	CHECK_EQ(probe->trap.kind, TRAP_SYSTEM_CALL);
	CHECK_EQ(probe->answered, answered);
	CHECK_LT(probe->report.pc - CODE, PAGE_SIZE);
}

/* ---- registers ---- */

TEST(user_mode_enters, "user mode begins with every register as the frame has it, bit by bit", .plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);
	NEED(user_register_count() <= USER_REGISTERS_MAX);
	for (unsigned seed = 0; seed < 4; seed++) {
		struct probe probe = probe_of(as, USER_STORE, seed, seed);

		NEED(probe_run(&probe));
		check_system_call(&probe, 0);
		check_stored(&probe, begin_value(&probe, 0));
		check_frame(&probe, begin_value(&probe, 0));
	}
}

TEST(user_mode_system_call,
	"a system call brings every register to the kernel as user mode has it, and changes its result only",
	.plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);
	for (unsigned seed = 0; seed < 4; seed++) {
		struct probe probe = probe_of(as, USER_LOAD, seed, seed);
		uintptr_t words[USER_REGISTERS_MAX];

		for (size_t i = 0; i < user_register_count(); i++)
			words[i] = begin_value(&probe, i);
		NEED(as_copy_out(as, probe.stack_pointer, words, user_register_count() * sizeof(*words), FRAME_ATOMIC) == EOK);

		/* Before the call is answered, */
		probe.seed = seed ^ 3;
		NEED(probe_run(&probe));
		probe.seed = seed;
		check_system_call(&probe, 0);
		check_frame(&probe, begin_value(&probe, 0));

		/* and after it. */
		probe.calls = 1;
		probe.seed = seed ^ 3;
		NEED(probe_run(&probe));
		probe.seed = seed;
		check_system_call(&probe, 1);
		check_stored(&probe, (uintptr_t) -ENOENT);
		check_frame(&probe, (uintptr_t) -ENOENT);
	}
}

TEST(user_mode_timer, "the timer interrupts user mode, which goes on with every register as it was",
	.plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);
	for (unsigned seed = 0; seed < 2; seed++) {
		struct probe probe = probe_of(as, USER_SPIN, 0, seed);

		probe.interrupts = INTERRUPTS;
		NEED(probe_run(&probe));
		CHECK_EQ(probe.interrupts, 0);
		check_system_call(&probe, 0);
		check_stored(&probe, begin_value(&probe, 0));
		check_frame(&probe, begin_value(&probe, 0));
	}
}

static void spin_all(struct probe *probes, size_t count)
{
	size_t started = 0;
	uint64_t switches = 0;

	__atomic_store_n(&all_started, false, __ATOMIC_RELAXED);
	while (started < count && probe_start(&probes[started]))
		started++;
	__atomic_store_n(&all_started, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < started; i++) {
		probe_join(&probes[i]);
		switches += probes[i].switches;
		CHECK_EQ(probes[i].interrupts, 0);
		check_system_call(&probes[i], 0);
		check_stored(&probes[i], begin_value(&probes[i], 0));
		check_frame(&probes[i], begin_value(&probes[i], 0));
	}
	CHECK_EQ(started, count);
	if (cpu_count() < count)
		CHECK_GT(switches, count);
}

/* Enough ticks that their slices end. */
TEST(user_mode_threads, "threads in user mode that preempt each other, on all CPUs, each keep their own registers",
	.threads = true, .frames = PROBES * (THREAD_STACK_SIZE / PAGE_SIZE + 4) + 64, .plain_only = REASON)
{
	static struct probe probes[PROBES];
	struct as *spaces[2];

	for (size_t i = 0; i < ARRAY_COUNT(spaces); i++)
		NEED((spaces[i] = world()) != NULL);
	for (unsigned i = 0; i < PROBES; i++) {
		probes[i] = probe_of(spaces[i % 2], USER_SPIN, i, i);
		probes[i].interrupts = 3 * INTERRUPTS;
	}
	spin_all(probes, PROBES);
}

/* ---- what user mode may not do ---- */

/* Whether the page format can forbid execution; CONSTANT may not be executed. */
static bool exec_forbidden(struct as *as)
{
	return (page_mapping_find(as_page_table(as), CONSTANT).flags & PAGE_EXEC) == 0;
}

/* A probe that ends in a page fault at once, with nothing changed. */
static void check_fault(struct as *as, uintptr_t pc, uintptr_t address, unsigned access, bool present)
{
	for (unsigned seed = 4; seed < 6; seed++) {
		struct probe probe = { .as = as, .pc = pc, .seed = seed, .argument = address };

		probe.stack_pointer = user_register_value(1, seed + 2);
		NEED(probe_run(&probe));
		CHECK_EQ(probe.trap.kind, TRAP_PAGE_FAULT);
		CHECK_EQ(ALIGN_DOWN(probe.trap.address, PAGE_SIZE), ALIGN_DOWN(address, PAGE_SIZE)); /* kernel/trap.h */
		if (access != AS_ACCESS_EXEC || exec_forbidden(as)) /* else it may look like a read */
			CHECK_EQ(probe.trap.access, access);
		CHECK_EQ(probe.report.present, present);
		CHECK_EQ(probe.report.pc, pc);
		check_frame(&probe, begin_value(&probe, 0));
	}
}

TEST(user_mode_kernel_page, "user mode may not read, write or execute the kernel's pages", .plain_only = REASON)
{
	static uintptr_t word;
	struct as *as = world();
	uintptr_t kernel[] = { (uintptr_t) &word, ALIGN_DOWN(CODE_ADDRESS(answer), sizeof(word)), KERNEL_START };

	NEED(as != NULL);
	word = 7;
	for (size_t i = 0; i < ARRAY_COUNT(kernel); i++) {
		bool present = page_mapping_find(&page_kernel, kernel[i]).size != 0;

		check_fault(as, CODE + user_step(USER_READ), kernel[i], AS_ACCESS_READ, present);
		check_fault(as, CODE + user_step(USER_WRITE), kernel[i], AS_ACCESS_WRITE, present);
	}
	CHECK_EQ(word, 7);
	check_fault(as, kernel[1], kernel[1], AS_ACCESS_EXEC, true);
}

TEST(user_mode_user_page,
	"a read-only page cannot be written, a missing one not be touched, one of data not be executed",
	.plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);
	check_fault(as, CODE + user_step(USER_WRITE), CONSTANT, AS_ACCESS_WRITE, true);
	check_fault(as, CODE + user_step(USER_WRITE), CODE, AS_ACCESS_WRITE, true);
	check_fault(as, CODE + user_step(USER_READ), MISSING, AS_ACCESS_READ, false);
	check_fault(as, CODE + user_step(USER_WRITE), MISSING, AS_ACCESS_WRITE, false);
	check_fault(as, MISSING, MISSING, AS_ACCESS_EXEC, false);
	if (exec_forbidden(as))
		check_fault(as, CONSTANT, CONSTANT, AS_ACCESS_EXEC, true);
}

TEST(user_mode_first_touch, "a page of an area that is touched first is there afterwards, and no register is changed",
	.plain_only = REASON)
{
	struct as *as = world();
	uintptr_t word = 1;

	NEED(as != NULL);
	for (size_t i = 0; i < 2; i++) {
		struct probe probe = probe_of(as, i == 0 ? USER_READ : USER_WRITE, 0, 6 + (unsigned) i);

		probe.argument = UNTOUCHED + i * PAGE_SIZE;
		NEED(probe_run(&probe));
		check_system_call(&probe, 0);
		check_frame(&probe, i == 0 ? 0 : probe.argument);
	}
	NEED(as_copy_in(as, &word, UNTOUCHED, sizeof(word), FRAME_ATOMIC) == EOK);
	CHECK_EQ(word, 0);
	NEED(as_copy_in(as, &word, UNTOUCHED + PAGE_SIZE, sizeof(word), FRAME_ATOMIC) == EOK);
	CHECK_EQ(word, UNTOUCHED + PAGE_SIZE);
}

TEST(user_mode_privileged, "each privileged instruction traps at its place, and changes nothing", .plain_only = REASON)
{
	struct as *as = world();
	size_t at;

	NEED(as != NULL);
	for (size_t i = 0; (at = user_privileged(i)) != 0; i++) {
		struct probe probe = { .as = as, .pc = CODE + at, .seed = 8 + (unsigned) i };

		probe.stack_pointer = user_register_value(1, probe.seed + 2);
		NEED(probe_run(&probe));
		if (!CHECK_EQ(probe.trap.kind, TRAP_ERROR) || !CHECK_EQ(probe.report.pc, CODE + at))
			test_note("privileged instruction %zu", i);
		check_frame(&probe, begin_value(&probe, 0));
	}
	CHECK(user_privileged(0) != 0);
}

TEST(user_mode_breakpoint, "a breakpoint in user mode is the thread's, and changes nothing", .plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);

	struct probe probe = probe_of(as, USER_BREAKPOINT, 0, 9);

	probe.stack_pointer = user_register_value(1, 11);
	NEED(probe_run(&probe));
	CHECK_EQ(probe.trap.kind, TRAP_BREAKPOINT);
	CHECK_LT(probe.report.pc - probe.pc, 16);
	check_frame(&probe, begin_value(&probe, 0));
}

/* ---- what stays behind ---- */

static uintptr_t states_before[CONFIG_MAX_CPUS][CPU_STATE_WORDS];

TEST(user_mode_leaves_nothing, "whatever user mode has changed, the kernel runs, and goes on, in its own state",
	.plain_only = REASON)
{
	struct as *as = world();

	NEED(as != NULL);
	memcpy(states_before, states, sizeof(states));
	for (unsigned i = 0; i < 4; i++) {
		struct probe probe = probe_of(as, USER_LITTER, 0, i);

		NEED(probe_run(&probe));
		check_system_call(&probe, 0);
	}
	port_cross_call(state_read, NULL);
	for (size_t cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		for (size_t i = 0; i < CPU_STATE_WORDS; i++)
			if (!CHECK_EQ(states[cpu][i], states_before[cpu][i]))
				test_note("word %zu of CPU %zu", i, cpu);
}

/* On amd64 it comes on an interrupt stack, and must not stay there: the thread is preempted afterwards. */
TEST(user_mode_debug, "a debug exception out of user mode is taken on the thread's own stack, and changes nothing",
	.threads = true, .frames = PROBES * (THREAD_STACK_SIZE / PAGE_SIZE + 4) + 64, .plain_only = REASON)
{
	static struct probe probes[PROBES];
	struct as *as = world();
	struct trap_frame frame;

	NEED(as != NULL);
	user_frame_init(&frame, CODE, STACKS);
	if (user_debug_set(&frame, true) == 0)
		SKIP("this machine cannot trap after one instruction");
	for (unsigned i = 0; i < PROBES; i++) {
		probes[i] = probe_of(as, USER_SPIN, i, i);
		probes[i].interrupts = INTERRUPTS;
		probes[i].debug = true;
	}
	spin_all(probes, PROBES);
	for (size_t i = 0; i < PROBES; i++)
		CHECK_EQ(probes[i].debugged, 1);
}
