/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a trap is about. The names and codes are those of MD00090, table 9.39
 * "Cause Register ExcCode Field".
 *
 * PAGE FAULTS. A miss or an invalid entry may be one of the TLB only: what the tables
 * have is put in, and the instruction tried again (mips_trap). What is not mapped, and a write to
 * a page that may not be written (the exception "TLB modified"), is the kernel's to handle. An
 * access of user mode to the kernel's addresses is an address error for the CPU, as one
 * that is not aligned is; it is reported as a page fault. The CPU does not say whether it was an
 * instruction that it could not read: then the address is that of the instruction.
 *
 * BRANCH DELAY SLOTS. Of an instruction in one EPC is the branch before it, and Cause.BD is
 * set: it is executed again from there. A system call or a breakpoint in one cannot be
 * stepped over, and is an error.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <drivers/i8259.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/as.h>

#include "lines.h"
#include "user.h"

#define INSTRUCTION 4

extern const char vector_refill[], vector_refill_end[], vector_general[], vector_general_end[];
extern const char cpu_idle_end[];

static const char *const exception_names[] = {
	[0] = "interrupt",
	[1] = "TLB modified",
	[2] = "TLB load or fetch",
	[3] = "TLB store",
	[4] = "address error, load or fetch",
	[5] = "address error, store",
	[6] = "bus error, fetch",
	[7] = "bus error, load or store",
	[8] = "system call",
	[9] = "breakpoint",
	[10] = "reserved instruction",
	[11] = "coprocessor unusable",
	[12] = "integer overflow",
	[13] = "trap",
	[15] = "floating-point exception",
	[23] = "watch",
	[24] = "machine check",
	[30] = "cache error",
};

static unsigned code_of(const struct trap_frame *frame)
{
	return frame->cause >> CAUSE_CODE_SHIFT & CAUSE_CODE_MASK;
}

static const char *name_of(unsigned code)
{
	return code < ARRAY_COUNT(exception_names) && exception_names[code] != NULL ? exception_names[code]
																				: "reserved exception";
}

static bool is_from_user(const struct trap_frame *frame)
{
	return (frame->status & STATUS_UM) != 0;
}

static bool is_in_delay_slot(const struct trap_frame *frame)
{
	return (frame->cause & CAUSE_BRANCH_DELAY) != 0;
}

/* The instruction to blame. */
static uintptr_t pc_of(const struct trap_frame *frame)
{
	return frame->epc + (is_in_delay_slot(frame) ? INSTRUCTION : 0);
}

/* Whether it is an access that the TLB did not allow, or user mode's to the kernel's addresses. */
static bool is_page_fault(const struct trap_frame *frame)
{
	unsigned code = code_of(frame);

	if (code == CODE_ADDRESS_LOAD || code == CODE_ADDRESS_STORE)
		return is_from_user(frame) && frame->bad_vaddr >= KERNEL_START;
	return code >= CODE_MODIFIED && code <= CODE_TLB_STORE;
}

static unsigned access_of(const struct trap_frame *frame)
{
	switch (code_of(frame)) {
	case CODE_MODIFIED:
	case CODE_TLB_STORE:
	case CODE_ADDRESS_STORE:
		return AS_ACCESS_WRITE;
	default:
		return frame->bad_vaddr == pc_of(frame) ? AS_ACCESS_EXEC : AS_ACCESS_READ;
	}
}

static enum trap_kind kind_of(const struct trap_frame *frame)
{
	switch (code_of(frame)) {
	case CODE_INTERRUPT:
		return TRAP_INTERRUPT;
	case CODE_SYSTEM_CALL:
		return is_in_delay_slot(frame) ? TRAP_ERROR : TRAP_SYSTEM_CALL;
	case CODE_BREAKPOINT:
		return is_in_delay_slot(frame) ? TRAP_ERROR : TRAP_BREAKPOINT;
	default:
		return is_page_fault(frame) ? TRAP_PAGE_FAULT : TRAP_ERROR;
	}
}

/*
 * Which line interrupts. The bridge gives the i8259's answer in the lowest byte or, to a CPU of the other byte order,
 * in the highest.
 */
static unsigned line_of(const struct trap_frame *frame)
{
	uint32_t pending = frame->cause & frame->status, answer;

	if ((pending & STATUS_IM_TIMER) != 0)
		return LINE_TIMER;
	if ((pending & STATUS_IM_DEVICES) == 0)
		return LINE_SPURIOUS;
	answer = *(const volatile uint32_t *) INTERRUPT_ACKNOWLEDGE_VIRT;
	return (answer | answer >> 24) & (I8259_LINES - 1);
}

void trap_describe(const struct trap_frame *frame, struct trap_info *info)
{
	info->kind = kind_of(frame);
	info->from_user = is_from_user(frame);
	info->interrupts_on = interrupts_were_on(frame->status);
	info->number = info->kind == TRAP_INTERRUPT ? line_of(frame) : code_of(frame);
	if (info->kind != TRAP_PAGE_FAULT)
		return;
	info->is_curable = frame->bad_vaddr <= USER_LAST;
	info->access = access_of(frame);
	info->address = frame->bad_vaddr;
}

void trap_report(const struct trap_frame *frame, struct trap_report *report)
{
	*report = (struct trap_report){ .name = name_of(code_of(frame)),
		.pc = pc_of(frame),
		.stack_pointer = frame->registers[REGISTER_SP],
		.present = is_page_fault(frame) && page_mapping_find(&page_kernel, frame->bad_vaddr).size != 0 };
	if (code_of(frame) == CODE_MODIFIED)
		report->present = true;
}

void trap_set_pc(struct trap_frame *frame, uintptr_t pc)
{
	frame->epc = pc;
	frame->cause &= ~(uintptr_t) CAUSE_BRANCH_DELAY;
}

void trap_set_result(struct trap_frame *frame, uintptr_t result)
{
	frame->registers[REGISTER_V0] = result;
}

void mips_trap(struct trap_frame *frame)
{
	unsigned code = code_of(frame);
	bool steps = (code == CODE_SYSTEM_CALL || code == CODE_BREAKPOINT) && !is_in_delay_slot(frame);
	uintptr_t idle = (uintptr_t) cpu_idle, idle_end = (uintptr_t) cpu_idle_end;

	if ((code == CODE_TLB_LOAD || code == CODE_TLB_STORE) && tlb_fill(frame->bad_vaddr))
		return;
	if (steps)
		frame->epc += INSTRUCTION;
	else if (code == CODE_INTERRUPT && frame->epc - idle < idle_end - idle)
		frame->epc = idle_end;
	trap_dispatch(frame);
}

/* ---- printing ---- */

#define GENERAL(name, number)                                          \
	{                                                                  \
		name, 0, offsetof(struct trap_frame, registers) + 4 * (number) \
	}

/* All but the stack pointer, k0 and k1; in the order in which the probe's program stores them. */
const struct trap_register trap_registers[] = {
	GENERAL("v0", 2),
	GENERAL("at", 1),
	GENERAL("v1", 3),
	GENERAL("a0", 4),
	GENERAL("a1", 5),
	GENERAL("a2", 6),
	GENERAL("a3", 7),
	GENERAL("t0", 8),
	GENERAL("t1", 9),
	GENERAL("t2", 10),
	GENERAL("t3", 11),
	GENERAL("t4", 12),
	GENERAL("t5", 13),
	GENERAL("t6", 14),
	GENERAL("t7", 15),
	GENERAL("s0", 16),
	GENERAL("s1", 17),
	GENERAL("s2", 18),
	GENERAL("s3", 19),
	GENERAL("s4", 20),
	GENERAL("s5", 21),
	GENERAL("s6", 22),
	GENERAL("s7", 23),
	GENERAL("t8", 24),
	GENERAL("t9", 25),
	GENERAL("gp", 28),
	GENERAL("fp", 30),
	GENERAL("ra", 31),
	{ "lo", 0, offsetof(struct trap_frame, lo) },
	{ "hi", 0, offsetof(struct trap_frame, hi) },
};

_Static_assert(ARRAY_COUNT(trap_registers) == USER_REGISTERS, "the program stores as many");

void trap_frame_print(const struct trap_frame *frame)
{
	kprintf("  trap %u: %s, CPU %u, from %s mode%s\n", code_of(frame), name_of(code_of(frame)), cpu_number(),
		is_from_user(frame) ? "user" : "kernel", is_in_delay_slot(frame) ? ", in a branch delay slot" : "");
	trap_registers_print(frame, trap_registers, ARRAY_COUNT(trap_registers));
	kprintf("  sp %08lx  pc %08lx  bad address %08lx\n", (unsigned long) frame->registers[REGISTER_SP],
		(unsigned long) frame->epc, (unsigned long) frame->bad_vaddr);
	kprintf("  status %08lx  cause %08lx  EntryHi %08x  root %08" PHYS_X "\n", (unsigned long) frame->status,
		(unsigned long) frame->cause, CP0_READ(CP0_ENTRY_HI), page_root_current());
}

/* ---- setting up ---- */

static void vector_copy(uintptr_t vector, const char *start, const char *end)
{
	uint32_t *to = (uint32_t *) vector;

	for (const uint32_t *from = (const uint32_t *) start; from < (const uint32_t *) end; from++)
		*to++ = *from;
}

/* EBase is written while BEV is set (9.32), and has 0x80000000 after reset. */
void traps_init(void)
{
	CP0_WRITE(CP0_EBASE, VECTOR_REFILL);
	vector_copy(VECTOR_REFILL, vector_refill, vector_refill_end);
	vector_copy(VECTOR_GENERAL, vector_general, vector_general_end);
	frame_make_executable((const void *) VECTOR_REFILL);
	CP0_WRITE(CP0_HWRENA, 0);
	CP0_WRITE(CP0_WIRED, 0);
	CP0_WRITE(CP0_ENTRY_HI, 0);
	tlb_invalidate_all();
	CP0_WRITE(CP0_STATUS, 0);
}
