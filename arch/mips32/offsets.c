/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Layouts of structures for the files in assembly: the build compiles this to
 * assembly and makes <offsets.h> of the lines that read `->NAME value`.
 */

#include <arch/kernel.h>
#include <arch/mm.h>
#include <arch/saved.h>
#include <kernel/offsets.h>
#include <mm/pt_layout.h>

void offsets(void)
{
	DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
	OFFSET(FRAME_LO, struct trap_frame, lo);
	OFFSET(FRAME_HI, struct trap_frame, hi);
	OFFSET(FRAME_STATUS, struct trap_frame, status);
	OFFSET(FRAME_CAUSE, struct trap_frame, cause);
	OFFSET(FRAME_EPC, struct trap_frame, epc);
	OFFSET(FRAME_BAD_VADDR, struct trap_frame, bad_vaddr);
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	DEFINE(SAVED_SIZE, sizeof(struct saved_registers));
	OFFSET(SAVED_S0, struct saved_registers, s);
	OFFSET(SAVED_FP, struct saved_registers, frame_pointer);
	OFFSET(SAVED_RA, struct saved_registers, return_address);
	OFFSET(UNWIND_PC, struct unwind, pc);
	OFFSET(UNWIND_SP, struct unwind, stack_pointer);
	OFFSET(UNWIND_FP, struct unwind, frame_pointer);
	PT_LAYOUT(DEFINE);
	DEFINE(PTE_GLOBAL_BIT, PTE_GLOBAL);
	/* What an entry that points to a table has beside the address, and an index does not overwrite. */
	DEFINE(PTE_TABLE_BITS, PTE_VALID);
}
