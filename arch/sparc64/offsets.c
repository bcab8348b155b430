/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Layouts of structures for the files in assembly: the build compiles this to
 * assembly and makes <offsets.h> of the lines that read `->NAME value`.
 */

#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/offsets.h>
#include <mm/ht_layout.h>

#include "tlb.h"

void offsets(void)
{
	DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
	OFFSET(FRAME_GLOBALS, struct trap_frame, global);
	OFFSET(FRAME_OUTS, struct trap_frame, out);
	OFFSET(FRAME_STATE, struct trap_frame, state);
	OFFSET(FRAME_PC, struct trap_frame, pc);
	OFFSET(FRAME_NEXT_PC, struct trap_frame, next_pc);
	OFFSET(FRAME_TYPE, struct trap_frame, type);
	OFFSET(FRAME_CCR, struct trap_frame, ccr);
	OFFSET(FRAME_ASI, struct trap_frame, asi);
	OFFSET(FRAME_Y, struct trap_frame, y);
	OFFSET(FRAME_FPRS, struct trap_frame, fprs);
	OFFSET(FRAME_WINDOWS, struct trap_frame, windows);
	OFFSET(FRAME_WINDOW, struct trap_frame, window);
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(CONTEXT_PC, struct context, pc);
	OFFSET(MMU_USER_ROOT, struct mmu, user_root);
	OFFSET(MMU_KERNEL_ROOT, struct mmu, kernel_root);
	OFFSET(MMU_HASH, struct mmu, hash);
	OFFSET(MMU_DIRECT, struct mmu, direct);
	OFFSET(MMU_TSB, struct mmu, tsb);
	OFFSET(MMU_FAULT_ADDRESS, struct mmu, fault_address);
	DEFINE(PTE_EXEC_BIT, PTE_EXEC);
	HT_LAYOUT(DEFINE);
}
