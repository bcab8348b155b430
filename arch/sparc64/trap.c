/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a trap is about. The names are those of V9, table 7-1, and of the UltraSPARC-IIi User's Manual, 805-0087 (UM),
 * table 14-6.
 *
 * PAGE FAULTS are misses for which the handlers have found nothing (or, of code, nothing that may be executed), writes
 * to a page that may not be written, and accesses of user mode to what is privileged. Of a miss the CPU knows the
 * page, but not whether it was to be written: that is read off the instruction.
 *
 * A right that was given since the TLB, or the TSB, took the entry is none of the kernel's faults: the entry goes, and
 * the access is tried again (sparc_trap).
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <mm/page_miss.h>
#include <mm/tlb.h>

#include "lines.h"
#include "tlb.h"
#include "user.h"

#define INSTRUCTION 4

/* The interrupt packet: the INO is in its low bits (UM, 11.10.5). */
#define IRQ_DATA_0 0x40
#define IRQ_RECEIVE_BUSY 0x20
#define INO_MASK 0x3f

#define SOFTINT_TIMER 1

static const struct {
	uint16_t type;
	const char *name;
} names[] = {
	{ 0x008, "instruction access exception" },
	{ 0x00a, "instruction access error" },
	{ 0x010, "illegal instruction" },
	{ 0x011, "privileged opcode" },
	{ 0x020, "floating-point unit disabled" },
	{ 0x021, "floating-point exception, IEEE 754" },
	{ 0x022, "floating-point exception, other" },
	{ 0x023, "tag overflow" },
	{ 0x028, "division by zero" },
	{ 0x030, "data access exception" },
	{ 0x032, "data access error" },
	{ 0x034, "memory address not aligned" },
	{ 0x035, "LDDF memory address not aligned" },
	{ 0x036, "STDF memory address not aligned" },
	{ 0x037, "privileged action" },
	{ 0x060, "interrupt vector" },
	{ 0x061, "physical address watchpoint" },
	{ 0x062, "virtual address watchpoint" },
	{ 0x063, "corrected ECC error" },
	{ 0x064, "fast instruction access MMU miss" },
	{ 0x068, "fast data access MMU miss" },
	{ 0x06c, "fast data access protection" },
	{ TT_BREAKPOINT, "breakpoint" },
	{ TT_SYSTEM_CALL, "system call" },
};

static const char *name_of(uintptr_t type)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (names[i].type == type)
			return names[i].name;
	if (type >= TT_LEVEL_1 && type <= TT_LEVEL_15)
		return "interrupt level";
	return type >= 0x100 ? "trap instruction" : "reserved exception";
}

static bool is_from_user(const struct trap_frame *frame)
{
	return (frame->state & TSTATE_PRIV) == 0;
}

static bool is_interrupt(const struct trap_frame *frame)
{
	return frame->type == TT_VECTOR || (frame->type >= TT_LEVEL_1 && frame->type <= TT_LEVEL_15);
}

static bool is_page_fault(const struct trap_frame *frame)
{
	switch (frame->type) {
	case TT_INSTRUCTION_MISS:
	case TT_DATA_MISS:
	case TT_DATA_PROTECTION:
		return true;
	case TT_INSTRUCTION_ACCESS:
	case TT_DATA_ACCESS:
		return (frame->status & SFSR_PRIVILEGE) != 0;
	default:
		return false;
	}
}

/* ---- what was tried ---- */

/* Fields of an instruction (V9, A): op, op3. */
#define OP(word) ((word) >> 30)
#define OP3(word) ((word) >> 19 & 0x3f)
#define OP_ARITHMETIC 2
#define OP_MEMORY 3
#define OP3_SAVE 0x3c
#define OP3_FLUSHW 0x2b
#define OP3_STORES 0x04 /* a bit of all that write to memory, but of these as well: */
#define OP3_PREFETCH 0x2d
#define OP3_PREFETCHA 0x3d

/* The instruction that was interrupted; 0, an illegal one, if it cannot be read. */
static uint32_t instruction_of(const struct trap_frame *frame)
{
	phys_t pa;

	if (!is_from_user(frame))
		return *(const uint32_t *) frame->pc;
	if (!page_translate(tlb_table(), frame->pc, &pa) || pa > RAM_LAST)
		return 0;
	return *(const uint32_t *) PA2KA(pa);
}

/* Whether a miss, of data or of a window, was a write. */
static bool is_write(uint32_t word)
{
	if (OP(word) == OP_ARITHMETIC)
		return OP3(word) == OP3_SAVE || OP3(word) == OP3_FLUSHW;
	return OP(word) == OP_MEMORY && (OP3(word) & OP3_STORES) != 0 && OP3(word) != OP3_PREFETCH &&
		OP3(word) != OP3_PREFETCHA;
}

static unsigned access_of(const struct trap_frame *frame)
{
	switch (frame->type) {
	case TT_INSTRUCTION_ACCESS:
	case TT_INSTRUCTION_MISS:
		return AS_ACCESS_EXEC;
	case TT_DATA_PROTECTION:
		return AS_ACCESS_WRITE;
	case TT_DATA_ACCESS:
		return (frame->status & SFSR_WRITE) != 0 ? AS_ACCESS_WRITE : AS_ACCESS_READ;
	default:
		return is_write(instruction_of(frame)) ? AS_ACCESS_WRITE : AS_ACCESS_READ;
	}
}

/* Takes the address from where the MMU has it, before the next fault. */
static void address_take(struct trap_frame *frame)
{
	switch (frame->type) {
	case TT_INSTRUCTION_ACCESS:
		frame->status = ASI_READ(ASI_IMMU, MMU_SFSR);
		frame->address = frame->pc;
		break;
	case TT_INSTRUCTION_MISS:
		frame->status = 0;
		frame->address = frame->pc;
		break;
	case TT_DATA_MISS:
		frame->status = 0;
		frame->address = mmu.fault_address;
		break;
	default:
		frame->status = ASI_READ(ASI_DMMU, MMU_SFSR);
		frame->address = ASI_READ(ASI_DMMU, MMU_SFAR);
	}
}

/* ---- for the kernel ---- */

static enum trap_kind kind_of(const struct trap_frame *frame)
{
	if (is_interrupt(frame))
		return TRAP_INTERRUPT;
	if (frame->type == TT_SYSTEM_CALL)
		return TRAP_SYSTEM_CALL;
	if (frame->type == TT_BREAKPOINT)
		return TRAP_BREAKPOINT;
	return is_page_fault(frame) ? TRAP_PAGE_FAULT : TRAP_ERROR;
}

/* Which line interrupts; it is taken from the CPU (UM, 11.10; 14.5.2). */
static unsigned line_of(const struct trap_frame *frame)
{
	unsigned line;

	if (frame->type == TT_LEVEL_14) {
		__asm__ volatile("wr %0, 0, %%asr21" : : "r"((uint64_t) SOFTINT_TIMER) : "memory");
		return LINE_TIMER;
	}
	if (frame->type != TT_VECTOR || (ASI_READ(ASI_IRQ_RECEIVE, 0) & IRQ_RECEIVE_BUSY) == 0)
		return LINE_SPURIOUS;
	line = ASI_READ(ASI_IRQ_DATA, IRQ_DATA_0) & INO_MASK;
	ASI_WRITE(ASI_IRQ_RECEIVE, 0, 0);
	return line != LINE_TIMER ? line : LINE_SPURIOUS;
}

void trap_describe(const struct trap_frame *frame, struct trap_info *info)
{
	info->kind = kind_of(frame);
	info->from_user = is_from_user(frame);
	info->interrupts_on = (frame->state & TSTATE_IE) != 0;
	info->number = info->kind == TRAP_INTERRUPT ? line_of(frame) : (unsigned) frame->type;
	if (info->kind != TRAP_PAGE_FAULT)
		return;
	info->is_curable = frame->address <= USER_LAST;
	info->access = access_of(frame);
	info->address = frame->address;
}

void trap_report(const struct trap_frame *frame, struct trap_report *report)
{
	*report = (struct trap_report){ .name = name_of(frame->type),
		.pc = frame->pc,
		.stack_pointer = frame->out[REGISTER_SP] + (is_from_user(frame) ? 0 : STACK_BIAS),
		.present = is_page_fault(frame) && page_mapping_find(tlb_table(), frame->address).size != 0 };
}

void trap_set_pc(struct trap_frame *frame, uintptr_t pc)
{
	frame->pc = pc;
	frame->next_pc = pc + INSTRUCTION;
}

void trap_set_result(struct trap_frame *frame, uintptr_t result)
{
	frame->out[0] = result;
}

/* Whether the page table allows by now what the TLB has refused. */
static bool is_stale(const struct trap_frame *frame)
{
	struct page_entry found;
	unsigned access;

	if (frame->type != TT_INSTRUCTION_MISS && frame->type != TT_DATA_PROTECTION)
		return false;
	if (!page_entry_find(tlb_table(), frame->address, &found))
		return false;
	access = access_of(frame);
	if (is_from_user(frame) && (found.pte & PTE_PRIVILEGED) != 0)
		return false;
	return (found.pte & (access == AS_ACCESS_EXEC ? PTE_EXEC : PTE_WRITE)) != 0;
}

void sparc_trap(struct trap_frame *frame)
{
	if (!is_interrupt(frame))
		address_take(frame);
	if (is_stale(frame)) {
		tlb_invalidate_page(frame->address);
		return;
	}
	if (frame->type == TT_SYSTEM_CALL || frame->type == TT_BREAKPOINT)
		trap_set_pc(frame, frame->next_pc);
	trap_dispatch(frame);
}

/* ---- printing ---- */

#define REGISTER(name, member)                       \
	{                                                \
		name, 0, offsetof(struct trap_frame, member) \
	}

/* All but the stack pointer; in the order in which the probe's program stores them. */
const struct trap_register trap_registers[] = {
	REGISTER("o0", out[0]),
	REGISTER("o1", out[1]),
	REGISTER("o2", out[2]),
	REGISTER("o3", out[3]),
	REGISTER("o4", out[4]),
	REGISTER("o5", out[5]),
	REGISTER("o7", out[7]),
	REGISTER("g1", global[1]),
	REGISTER("g2", global[2]),
	REGISTER("g3", global[3]),
	REGISTER("g4", global[4]),
	REGISTER("g5", global[5]),
	REGISTER("g6", global[6]),
	REGISTER("g7", global[7]),
	REGISTER("y", y),
	REGISTER("ccr", ccr),
	REGISTER("asi", asi),
	REGISTER("fprs", fprs),
	REGISTER("l0", window[0].local[0]),
	REGISTER("l1", window[0].local[1]),
	REGISTER("l2", window[0].local[2]),
	REGISTER("l3", window[0].local[3]),
	REGISTER("l4", window[0].local[4]),
	REGISTER("l5", window[0].local[5]),
	REGISTER("l6", window[0].local[6]),
	REGISTER("l7", window[0].local[7]),
	REGISTER("i0", window[0].in[0]),
	REGISTER("i1", window[0].in[1]),
	REGISTER("i2", window[0].in[2]),
	REGISTER("i3", window[0].in[3]),
	REGISTER("i4", window[0].in[4]),
	REGISTER("i5", window[0].in[5]),
	REGISTER("i6", window[0].in[6]),
	REGISTER("i7", window[0].in[7]),
};

/* Those that every frame has. */
#define REGISTERS_ALWAYS 18

_Static_assert(ARRAY_COUNT(trap_registers) == USER_REGISTERS, "the program stores as many");

void trap_frame_print(const struct trap_frame *frame)
{
	kprintf("  trap %03lx: %s, CPU %u, from %s mode\n", (unsigned long) frame->type, name_of(frame->type), cpu_number(),
		is_from_user(frame) ? "user" : "kernel");
	trap_registers_print(frame, trap_registers, frame->windows != 0 ? ARRAY_COUNT(trap_registers) : REGISTERS_ALWAYS);
	kprintf("  pc %016lx  npc %016lx  sp %016lx\n", (unsigned long) frame->pc, (unsigned long) frame->next_pc,
		(unsigned long) frame->out[REGISTER_SP]);
	kprintf("  tstate %010lx  address %016lx  status %lx\n", (unsigned long) frame->state,
		(unsigned long) frame->address, (unsigned long) frame->status);
	kprintf("  context %u  root %011" PHYS_X "\n", (unsigned) ASI_READ(ASI_DMMU, MMU_PRIMARY), page_root_current());
}
