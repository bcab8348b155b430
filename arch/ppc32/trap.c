/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a trap is about. The entry code (trap.S) saves the registers and calls
 * ppc_trap; the kernel comes back here to have the frame explained. Names and bits are
 * those of PEM, chapter 6, and of MPC7400UM, chapter 4.
 */

#include <arch/cpu.h>
#include <arch/hash.h>
#include <arch/kernel.h>
#include <arch/machine.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <mm/tlb.h>

#define INSTRUCTION_BYTES 4

static bool is_from_user(const struct trap_frame *frame)
{
	return (frame->msr & MSR_PR) != 0;
}

static bool is_breakpoint(const struct trap_frame *frame)
{
	return frame->vector == VECTOR_PROGRAM && (frame->msr & PROGRAM_TRAP) != 0;
}

void ppc_trap(struct trap_frame *frame)
{
	if (is_breakpoint(frame))
		frame->pc += INSTRUCTION_BYTES;
	if (frame->vector == VECTOR_EXTERNAL)
		frame->line = interrupt_line();
	else if (frame->vector == VECTOR_DECREMENTER)
		frame->line = TIMER_LINE;
	trap_dispatch(frame);
	if (is_from_user(frame))
		hash_user_begins();
}

void user_enter(struct trap_frame *frame)
{
	hash_user_begins();
	trap_resume(frame);
}

/*
 * A data fault's DSISR says all. Of an instruction's, SRR1 has the same bits. What is neither a page that is missing
 * nor one that forbids it (a direct-store segment, a data breakpoint) is no page fault.
 */
static bool is_page_fault(const struct trap_frame *frame)
{
	if (frame->vector == VECTOR_DATA)
		return (frame->fault_status & (FAULT_NOT_FOUND | FAULT_FORBIDDEN)) != 0;
	return frame->vector == VECTOR_CODE && (frame->msr & (FAULT_NOT_FOUND | FAULT_FORBIDDEN | FAULT_NO_EXECUTE)) != 0;
}

static uintptr_t fault_address(const struct trap_frame *frame)
{
	return frame->vector == VECTOR_CODE ? frame->pc : frame->fault_address;
}

/* The kernel touches the user's pages as the user does, and executes none. */
static void describe_page_fault(const struct trap_frame *frame, struct trap_info *info)
{
	info->kind = TRAP_PAGE_FAULT;
	info->address = fault_address(frame);
	if (frame->vector == VECTOR_CODE)
		info->access = AS_ACCESS_EXEC;
	else
		info->access = (frame->fault_status & FAULT_STORE) != 0 ? AS_ACCESS_WRITE : AS_ACCESS_READ;
	info->is_curable = info->from_user || frame->vector != VECTOR_CODE;
}

void trap_describe(const struct trap_frame *frame, struct trap_info *info)
{
	info->from_user = is_from_user(frame);
	info->interrupts_on = (frame->msr & MSR_EE) != 0;
	info->number = frame->vector;
	info->kind = TRAP_ERROR;
	if (is_page_fault(frame)) {
		describe_page_fault(frame, info);
	} else if (frame->vector == VECTOR_EXTERNAL || frame->vector == VECTOR_DECREMENTER) {
		info->kind = TRAP_INTERRUPT;
		info->number = frame->line;
	} else if (frame->vector == VECTOR_SYSTEM_CALL) {
		info->kind = TRAP_SYSTEM_CALL;
	} else if (is_breakpoint(frame)) {
		info->kind = TRAP_BREAKPOINT;
	}
}

static const char *program_name(uint32_t msr)
{
	return (msr & PROGRAM_TRAP) != 0      ? "trap instruction"
		: (msr & PROGRAM_PRIVILEGED) != 0 ? "privileged instruction"
										  : "illegal instruction";
}

static const char *trap_name(const struct trap_frame *frame)
{
	switch (frame->vector) {
	case VECTOR_RESET:
		return "system reset";
	case VECTOR_MACHINE_CHECK:
		return "machine check";
	case VECTOR_DATA:
		return "data storage interrupt";
	case VECTOR_CODE:
		return "instruction storage interrupt";
	case VECTOR_EXTERNAL:
		return "external interrupt";
	case VECTOR_ALIGNMENT:
		return "alignment interrupt";
	case VECTOR_PROGRAM:
		return program_name(frame->msr);
	case VECTOR_FLOAT:
		return "floating point unavailable";
	case VECTOR_DECREMENTER:
		return "decrementer interrupt";
	case VECTOR_SYSTEM_CALL:
		return "system call";
	case VECTOR_TRACE:
		return "trace interrupt";
	case VECTOR_PERFORMANCE:
		return "performance monitor interrupt";
	case VECTOR_ALTIVEC:
		return "AltiVec unavailable";
	default:
		return "unknown interrupt";
	}
}

/* What is not in the hash table may be mapped: user mode does not see the kernel part there. */
static bool is_present(const struct trap_frame *frame)
{
	uintptr_t va = fault_address(frame);

	return is_page_fault(frame) && page_mapping_find(tlb_table(), va).size != 0;
}

void trap_report(const struct trap_frame *frame, struct trap_report *report)
{
	*report = (struct trap_report){
		.name = trap_name(frame), .pc = frame->pc, .stack_pointer = frame->registers[1], .present = is_present(frame)
	};
}

void trap_set_pc(struct trap_frame *frame, uintptr_t pc)
{
	frame->pc = pc;
}

void trap_set_result(struct trap_frame *frame, uintptr_t result)
{
	frame->registers[3] = result;
}

void trap_frame_print(const struct trap_frame *frame)
{
	kprintf("  trap %x: %s, from %s mode\n", frame->vector, trap_name(frame), is_from_user(frame) ? "user" : "kernel");
	for (unsigned i = 0; i < 32; i += 4)
		kprintf("  r%-2u %08x %08x %08x %08x\n", i, frame->registers[i], frame->registers[i + 1],
			frame->registers[i + 2], frame->registers[i + 3]);
	kprintf("  pc %08x msr %08x cr %08x lr %08x ctr %08x xer %08x\n", frame->pc, frame->msr, frame->cr, frame->lr,
		frame->ctr, frame->xer);
	kprintf(
		"  dar %08x dsisr %08x root %08x\n", frame->fault_address, frame->fault_status, (uint32_t) page_root_current());
}
