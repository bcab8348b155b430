/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Into the kernel and out again.
 *
 * A TLB MISS (MD00090, 6.2.4) comes to a vector of its own, where the handler looks up
 * the tables and fills the TLB: eighteen instructions, if there is a table. It
 * goes by mm/pt_layout.h and arch/page_format.h. What it has loaded may be invalid, in one half or
 * both; then the same instruction traps again, at the other vector, and C looks closer
 * (mips_trap). The kernel part has a root of its own, and all that is found there is made global:
 * the TLB takes a pair as global only if both halves are, and the entry of a page that is not
 * mapped is 0.
 *
 * ANY OTHER TRAP, and a miss where there is no table, or a large page, builds a struct
 * trap_frame and calls mips_trap. Nothing that is touched here can miss: the text, the roots, the
 * tables and all stacks of the kernel are in kseg0. So k0 and k1, which nothing
 * else uses, are enough.
 *
 * Out of user mode the frame is the first on the thread's stack. Out of the kernel the stack pointer is
 * looked at: no page below a stack faults (kernel/machine.h, "Stacks in the direct map").
 *
 * The vectors are copied to where the CPU wants them (traps_init), so they jump by
 * address.
 */

#include <arch/cp0.h>
#include <arch/layout.h>
#include <offsets.h>

/* Room below a frame in which the callee may store its arguments (MIPS ABI supplement, "The Stack Frame"). */
#define ARGUMENTS 16

#define OVERFLOW_STACK_SIZE 8192

	.set noreorder
	.set noat

	.text

/* All registers of a frame but k0, k1 and the stack pointer. */
.macro each_register instruction, base
	.irp number, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 30, 31
	\instruction $\number, 4 * \number(\base)
	.endr
.endm

/*
 * k1 = a root, k0 = the address without the bits below PTL0's: k0 and k1 become EntryLo0 and EntryLo1. Context has
 * the number of the pair of 4 KiB pages, shifted by 4 (9.7).
 */
.macro look_up
	ins $k1, $k0, PT_ENTRY_WIDTH, PT_BITS_0
	lw $k1, 0($k1)
	mfc0 $k0, CP0_CONTEXT
	bgez $k1, 9f /* neither a table: bit 31 is 0 */
	srl $k0, $k0, PT_SHIFT_1 + 1 - 13 + 4
	ins $k1, $k0, PT_ENTRY_WIDTH + 1, PT_BITS_1 - 1
	lw $k0, -PTE_TABLE_BITS($k1)
	lw $k1, PT_ENTRY_SIZE - PTE_TABLE_BITS($k1)
.endm

.macro fill
	mtc0 $k0, CP0_ENTRY_LO0
	mtc0 $k1, CP0_ENTRY_LO1
	ehb
	tlbwr
	eret
.endm

	.globl vector_refill, vector_refill_end
vector_refill:
	mfc0 $k0, CP0_BAD_VADDR
	lui $k1, %hi(user_root)
	bltz $k0, 8f
	srl $k0, $k0, PT_SHIFT_0
	lw $k1, %lo(user_root)($k1)
	look_up
	fill

8:	lui $k1, %hi(kernel_root)
	lw $k1, %lo(kernel_root)($k1)
	look_up
	ori $k0, $k0, PTE_GLOBAL_BIT
	ori $k1, $k1, PTE_GLOBAL_BIT
	fill

9:	j trap_entry
	nop
vector_refill_end:

	.globl vector_general, vector_general_end
vector_general:
	j trap_entry
	nop
vector_general_end:

/* k0 = where the frame ends: there it is, with the stack below it and in a0, and the CPU is ready for another trap. */
.macro save_frame
	addiu $k0, $k0, -FRAME_SIZE
	each_register sw, $k0
	sw $sp, 4 * 29($k0)
	sw $zero, 0($k0)
	mflo $t0
	mfhi $t1
	mfc0 $t2, CP0_STATUS
	mfc0 $t3, CP0_CAUSE
	mfc0 $t4, CP0_EPC
	mfc0 $t5, CP0_BAD_VADDR
	sw $t0, FRAME_LO($k0)
	sw $t1, FRAME_HI($k0)
	sw $t2, FRAME_STATUS($k0)
	sw $t3, FRAME_CAUSE($k0)
	sw $t4, FRAME_EPC($k0)
	sw $t5, FRAME_BAD_VADDR($k0)
	addiu $sp, $k0, -ARGUMENTS
	move $a0, $k0
	ins $t2, $zero, 0, 5 /* kernel mode, interrupts off, no exception under way */
	mtc0 $t2, CP0_STATUS
	ehb
.endm

	.globl trap_entry, trap_return
	.ent trap_entry
trap_entry:
	mfc0 $k0, CP0_STATUS
	andi $k0, $k0, STATUS_UM
	bnez $k0, 1f
	lui $k1, %hi(stack_limit)
	lw $k1, %lo(stack_limit)($k1)
	sltu $k1, $sp, $k1
	bnez $k1, 3f
	move $k0, $sp
	b 2f
	nop
1:	lui $k0, %hi(stack_end)
	lw $k0, %lo(stack_end)($k0)
2:	save_frame
	jal mips_trap
	nop
trap_return:
	addiu $k0, $sp, ARGUMENTS
	lw $t0, FRAME_STATUS($k0)
	lw $t1, FRAME_EPC($k0)
	lw $t2, FRAME_LO($k0)
	lw $t3, FRAME_HI($k0)
	ori $t0, $t0, STATUS_EXL /* until eret: kernel mode, interrupts off */
	mtc0 $t0, CP0_STATUS
	mtc0 $t1, CP0_EPC
	mtlo $t2
	mthi $t3
	each_register lw, $k0
	lw $sp, 4 * 29($k0)
	move $k0, $zero
	ehb
	eret

/* The kernel's stack is used up: go on with one that is for this alone, and never look again (kernel/machine.h). */
3:	lui $k1, %hi(stack_limit)
	sw $zero, %lo(stack_limit)($k1)
	la $k0, overflow_stack_end
	save_frame
	jal trap_overflow
	nop
	.end trap_entry

/* void user_enter(struct trap_frame *frame) */
	.globl user_enter
	.ent user_enter
user_enter:
	b trap_return
	addiu $sp, $a0, -ARGUMENTS
	.end user_enter

/* void cpu_idle(void): an interrupt that comes before the end goes on at the end, so none is slept over. */
	.globl cpu_idle, cpu_idle_end
	.ent cpu_idle
cpu_idle:
	ei
	ehb
	wait
cpu_idle_end:
	jr $ra
	nop
	.end cpu_idle

/* void unwind_capture(struct unwind *unwind): where it returns to, and the caller's stack and frame pointers. */
	.globl unwind_capture
	.ent unwind_capture
unwind_capture:
	sw $ra, UNWIND_PC($a0)
	sw $sp, UNWIND_SP($a0)
	jr $ra
	sw $fp, UNWIND_FP($a0)
	.end unwind_capture

	.bss

	.balign 8
	.skip OVERFLOW_STACK_SIZE
overflow_stack_end:

	.section .note.GNU-stack, "", %progbits
