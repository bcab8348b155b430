/* SPDX-License-Identifier: BSD-2-Clause */

/* Layouts of structures for the files in assembly (kernel/offsets.h). */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <kernel/offsets.h>

_Static_assert(sizeof(struct trap_frame) % 8 == 0, "the stack is aligned to 8 at a call");

void offsets(void)
{
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(CPU_THREAD, struct cpu, thread);
	OFFSET(CPU_STACK_TOP, struct cpu, stack_top);
	OFFSET(CPU_ABORT_SAVE, struct cpu, abort_save);
	OFFSET(CPU_EMERGENCY, struct cpu, emergency_stack);
	DEFINE(EMERGENCY_SIZE, EMERGENCY_STACK);
	OFFSET(FRAME_VECTOR, struct trap_frame, vector);
	OFFSET(FRAME_STATUS, struct trap_frame, status);
	OFFSET(FRAME_ADDRESS, struct trap_frame, address);
	OFFSET(FRAME_USER_TLS, struct trap_frame, user_tls);
	OFFSET(FRAME_R0, struct trap_frame, r);
	OFFSET(FRAME_SP, struct trap_frame, sp);
	OFFSET(FRAME_LR, struct trap_frame, lr);
	OFFSET(FRAME_PC, struct trap_frame, pc);
	OFFSET(FRAME_CPSR, struct trap_frame, cpsr);
	DEFINE(FRAME_SIZE, sizeof(struct trap_frame));
}
