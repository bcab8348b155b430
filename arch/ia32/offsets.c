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
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(CPU_STACK_LIMIT, struct cpu, machine.stack_limit);
	OFFSET(CPU_OVERFLOW_STACK, struct cpu, machine.double_fault_stack[DOUBLE_FAULT_STACK]);
	OFFSET(CPU_SELF, struct cpu, self);
	OFFSET(FRAME_VECTOR, struct trap_frame, vector);
	OFFSET(FRAME_IP, struct trap_frame, ip);
	OFFSET(FRAME_CS, struct trap_frame, cs);
	OFFSET(FRAME_REGISTERS, struct trap_frame, di);
	OFFSET(FRAME_SEGMENTS, struct trap_frame, gs);
}
