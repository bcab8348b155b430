/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Layouts of structures for the files in assembly: the build compiles this to
 * assembly and makes <offsets.h> of the lines that read `->NAME value`.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"(value))
#define OFFSET(name, type, member) DEFINE(name, offsetof(type, member))

void offsets(void);

void offsets(void)
{
	OFFSET(CPU_STACK, struct cpu, tss.sp0);
	OFFSET(CONTEXT_SP, struct context, stack_pointer);
	OFFSET(FRAME_REGISTERS, struct trap_frame, r15);
	OFFSET(FRAME_VECTOR, struct trap_frame, vector);
	OFFSET(FRAME_IP, struct trap_frame, ip);
	OFFSET(FRAME_CS, struct trap_frame, cs);
}
