/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Layouts of structures for the files in assembly: the build compiles this to
 * assembly and makes <offsets.h> of the lines that read `->NAME value`.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <kernel/offsets.h>

void offsets(void)
{
	OFFSET(CPU_STACK, struct cpu, tss.sp0);
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(FRAME_REGISTERS, struct trap_frame, r15);
	OFFSET(FRAME_VECTOR, struct trap_frame, vector);
	OFFSET(FRAME_IP, struct trap_frame, ip);
	OFFSET(FRAME_CS, struct trap_frame, cs);
}
