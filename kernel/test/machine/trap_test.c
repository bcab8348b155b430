/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Traps: what may be touched and what not, and that a probe survives.
 */

#include <kernel/machine.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <mm/direct_map.h>
#include <mm/page.h>
#include <test.h>

static uintptr_t data_word;
static const uintptr_t constant_word = 1;

static void nothing(void)
{
}

TEST(trap_text_is_read_only, "a write to kernel text faults, reading and executing it does not")
{
	if (direct_map_has((uintptr_t) image_start) && (IDENTITY_RIGHTS & PAGE_WRITE) != 0)
		SKIP("hardware maps the image, and forbids nothing");
	CHECK(probe_read(CODE_ADDRESS(trap_dispatch)));
	CHECK(!probe_write(CODE_ADDRESS(trap_dispatch)));
	CHECK(!probe_write((uintptr_t) image_start));
	CHECK(!probe_write((uintptr_t) image_text_end - 1));
	CHECK(probe_execute(CODE_ADDRESS(nothing)));
}

TEST(trap_constants_are_read_only, "a write to a constant faults, to a variable it does not")
{
	if (direct_map_has((uintptr_t) image_start) && (IDENTITY_RIGHTS & PAGE_WRITE) != 0)
		SKIP("hardware maps the image, and forbids nothing");
	CHECK(probe_read((uintptr_t) &constant_word));
	CHECK(!probe_write((uintptr_t) &constant_word));
	CHECK(!probe_write((uintptr_t) image_rodata_end - 1));
	CHECK(probe_write((uintptr_t) &data_word));
	CHECK(probe_write((uintptr_t) image_end - 1));
}

TEST(trap_unmapped, "touching what is not mapped faults, and the kernel goes on")
{
	uintptr_t value = 42;

	CHECK(!probe_read(0));
	CHECK(!probe_write(0));
	CHECK(!probe_load(USER_LAST - sizeof(value) + 1, &value));
	CHECK_EQ(value, 42);
	CHECK(!probe_read(KM_END - PAGE_SIZE));
	CHECK(!probe_execute(PAGE_SIZE));
	CHECK(interrupts_are_on());
}

TEST(trap_data_is_not_executable, "executing data faults where the machine can forbid it")
{
	struct page_mapping mapping = page_mapping_find(&page_kernel, (uintptr_t) &data_word);

	CHECK_NE(mapping.size, 0);
	if ((mapping.flags & PAGE_EXEC) != 0)
		SKIP("this machine cannot forbid it");
	CHECK(!probe_execute((uintptr_t) &data_word));
}

TEST(trap_probe_loads, "a probe reads what is there")
{
	uintptr_t value = 0;

	data_word = 0x600d;
	CHECK(probe_load((uintptr_t) &data_word, &value));
	CHECK_EQ(value, 0x600d);
}

TEST(trap_interrupts, "the timer and the console have their lines, and no line can be taken twice")
{
	unsigned lines = 0;

	for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
		const char *name;
		uint64_t count;

		if (!irq_get_info(irq, &name, &count))
			continue;
		lines++;
		CHECK_EQ(irq_register(irq, "second", NULL, NULL), EBUSY);
	}
	CHECK_GE(lines, 2);
	CHECK_EQ(irq_register(IRQ_COUNT, "beyond", NULL, NULL), ERANGE);
}

#if defined(__i386__) || defined(__x86_64__)

/* ---- what the entry code of the PCs saves, restores and sets ---- */

#define FLAG_DIRECTION ((uintptr_t) 1 << 10)
#define FREE_LINE 3 /* of the i8259: COM2 */
#define PLACE ((uintptr_t) USER_START + MiB(4))

#ifdef __x86_64__
#define REGISTERS(each)                                                                                     \
	each("rbx", 0) each("rcx", 1) each("rdx", 2) each("rsi", 3) each("rdi", 4) each("rbp", 5) each("r8", 6) \
		each("r9", 7) each("r10", 8) each("r11", 9) each("r12", 10) each("r13", 11) each("r14", 12) each("r15", 13)
#define REGISTER_COUNT 14
#define CLOBBERS "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"
#define PATTERN 0x5a5a00c35a5a0001
#define LOAD(name, number) "movabs $0x5a5a00c35a5a0001+" #number ", %%" name "\n\t"
#define STORE(name, number) "mov %%" name ", %c[seen]+8*" #number "\n\t"
#define FRAME_REGISTER "%%rbp"
#define TOUCH "cmpb $0, (%%rax)"
#else
#define REGISTERS(each) each("ebx", 0) each("ecx", 1) each("edx", 2) each("esi", 3) each("edi", 4) each("ebp", 5)
#define REGISTER_COUNT 6
#define CLOBBERS "ebx", "ecx", "edx", "esi", "edi"
#define PATTERN 0x5a5a0001
#define LOAD(name, number) "mov $0x5a5a0001+" #number ", %%" name "\n\t"
#define STORE(name, number) "mov %%" name ", %c[seen]+4*" #number "\n\t"
#define FRAME_REGISTER "%%ebp"
#define TOUCH "cmpb $0, (%%eax)"
#endif

static uintptr_t seen[REGISTER_COUNT];
static uintptr_t handler_flags;

/* All registers but that of the address have patterns, and the direction flag is set, when an instruction traps. */
#define ACROSS(instruction, address)                                                                           \
	({                                                                                                         \
		uintptr_t accumulator = (address), flags_after;                                                        \
		__asm__ volatile("push " FRAME_REGISTER "\n\t" REGISTERS(LOAD) "std\n\t" instruction "\n\t" REGISTERS( \
			STORE) "pop " FRAME_REGISTER "; pushf; cld; pop %[flags]"                                          \
						 : "+a"(accumulator), [flags] "=m"(flags_after)                                        \
						 : [seen] "i"(seen)                                                                    \
						 : CLOBBERS, "memory", "cc");                                                          \
		CHECK_EQ(accumulator, (address));                                                                      \
		flags_after;                                                                                           \
	})

static void check_registers(uintptr_t flags)
{
	CHECK_EQ(flags & FLAG_DIRECTION, FLAG_DIRECTION);
	for (size_t i = 0; i < REGISTER_COUNT; i++) {
		CHECK_EQ(seen[i], PATTERN + i);
		seen[i] = 0;
	}
}

TEST(trap_page_fault_keeps, "a page fault that is answered changes no register and no flag, and fills the page upwards",
	.plain_only = "a page fault that is no copy's may not be refused")
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = PLACE, .size = 2 * PAGE_SIZE, .flags = AS_WRITE };
	struct as *as = test_as_create(FRAME_ATOMIC);
	uintptr_t at, flags;
	uint8_t byte = 1, bits = 0;

	NEED(as != NULL && as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	test_as_borrow(as);
	NEED(user_copy_out(PLACE + PAGE_SIZE, &byte, 1) == EOK); /* its page tables are there, and can be had */
	user_access_begin();
	flags = ACROSS(TOUCH, PLACE);
	user_access_end();
	check_registers(flags);
	for (size_t i = 0; i < PAGE_SIZE; i++) {
		NEED(user_copy_in(&byte, PLACE + i, 1) == EOK);
		bits |= byte;
	}
	CHECK_EQ(bits, 0);
}

static void look(void *unused)
{
	(void) unused;
	__asm__ volatile("pushf; pop %0" : "=r"(handler_flags) : : "memory");
}

TEST(trap_interrupt_keeps,
	"an interrupt's handler runs with the direction flag off, and changes no register and no flag", .inject_runs = 1)
{
	const char *name;
	uint64_t count, unclaimed;

	NEED(irq_register(FREE_LINE, "test", look, NULL) == EOK);
	handler_flags = FLAG_DIRECTION;
	check_registers(ACROSS("int $32+3", 0));
	CHECK_EQ(handler_flags & FLAG_DIRECTION, 0);

	/* And the line is left as it was. */
	irq_unregister(FREE_LINE);
	CHECK(!irq_get_info(FREE_LINE, &name, &count));
	handler_flags = FLAG_DIRECTION;
	unclaimed = irq_unclaimed();
	check_registers(ACROSS("int $32+3", 0));
	CHECK_EQ(handler_flags, FLAG_DIRECTION);
	CHECK_GT(irq_unclaimed(), unclaimed);
}

static void trap_debug(void)
{
	__asm__ volatile("int $1");
}

static void trap_nmi(void)
{
	__asm__ volatile("int $2");
}

static void trap_machine_check(void)
{
	__asm__ volatile("int $18");
}

/* Their way in and out is one of its own, as they may come at any instruction. */
TEST(trap_anywhere, "a debug exception, an NMI and a machine check in the kernel find its state, and leave it whole")
{
	static void (*const traps[])(void) = { trap_debug, trap_nmi, trap_machine_check };
	struct thread *self = thread_current();

	for (size_t i = 0; i < ARRAY_COUNT(traps); i++) {
		CHECK(!probe_execute(CODE_ADDRESS(traps[i])));
		CHECK_EQ((uintptr_t) thread_current(), (uintptr_t) self);
		CHECK(interrupts_are_on());
	}
}

#endif

#ifdef __i386__

TEST(trap_double_fault_root, "the double fault's task has the kernel's own root, whatever address space is in use")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	port_irq_t irq;

	NEED(as != NULL);
	test_as_borrow(as);
	for (size_t i = 0; i < 4; i++) {
		test_sleep_ms(1); /* others run, and this thread is switched to again */
		irq = port_irq_save();
		CHECK_EQ(page_root_current(), page_table_root(as_page_table(as)));
		CHECK_EQ(cpu_current()->machine.double_fault_tss.cr3, page_table_root(&page_kernel));
		port_irq_restore(irq);
	}
	test_as_borrow(NULL);
}

#endif

TEST(trap_timer, "time goes on")
{
	uint64_t before = time_ticks(), last = before;

	while (last < before + 3) {
		uint64_t now = time_ticks();

		if (!CHECK_GE(now, last))
			return;
		last = now;
		cpu_relax();
	}
}
