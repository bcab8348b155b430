/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the loader to C: in kseg0, interrupts off, exceptions still the loader's. a0
 * to a3 hold what YAMON hands over (boot/yamon/yamon.h).
 *
 * Every CPU that the machine has comes here at once, each with its number in EBase
 * (MD00090, 9.32). All but the first wait for ever.
 *
 * Until it is known that the CPU has Release 2 of the architecture nothing of that is
 * executed. One that has not is reported here: the console works as it is.
 */

#include <arch/cp0.h>
#include <arch/layout.h>

#define CONFIG_ARCHITECTURE_SHIFT 10 /* AR: 0 = Release 1 (9.34) */
#define CONFIG_TLB_SHIFT 7           /* MT: 1 = a TLB */
#define CONFIG_TLB_MASK 7
#define CONFIG_K0_MASK 7
#define CONFIG_K0_CACHED 3
#define EBASE_NUMBER_MASK 0x3ff

#define LINE_STATUS 5
#define LINE_STATUS_ROOM 0x20

	.set noreorder
	.set noat

	.section .image_first, "ax"
	.globl start
	.ent start
start:
	li $t0, STATUS_BEV
	mtc0 $t0, CP0_STATUS

	la $t2, text_release
	mfc0 $t0, CP0_CONFIG
	srl $t1, $t0, CONFIG_ARCHITECTURE_SHIFT
	andi $t1, $t1, 7
	beqz $t1, refuse
	srl $t1, $t0, CONFIG_TLB_SHIFT
	la $t2, text_tlb
	andi $t1, $t1, CONFIG_TLB_MASK
	addiu $t1, $t1, -1
	bnez $t1, refuse
	nop

	mfc0 $t1, CP0_EBASE
	andi $t1, $t1, EBASE_NUMBER_MASK
1:	bnez $t1, 1b
	nop

	/* kseg0 goes by the caches from here on, which the firmware has made empty. Changed from beyond it. */
	la $t1, 2f
	lui $t2, (KSEG1_VIRT - IDENTITY_VIRT) >> 16
	addu $t1, $t1, $t2
	jr $t1
	nop
2:	ori $t0, $t0, CONFIG_K0_MASK
	xori $t0, $t0, CONFIG_K0_MASK ^ CONFIG_K0_CACHED
	mtc0 $t0, CP0_CONFIG
	ehb
	la $t1, 3f
	jr.hb $t1
	nop

3:	la $sp, boot_stack_end - 32
	jal mips_start
	nop
	.end start

	.ent refuse
refuse: /* t2 = a text; s0 = where the console's registers are */
	lui $s0, %hi(PORTS_VIRT + CONSOLE_PORT)
	ori $s0, $s0, %lo(PORTS_VIRT + CONSOLE_PORT)
1:	lbu $t0, 0($t2)
	beqz $t0, 3f
	nop
2:	lbu $t1, LINE_STATUS($s0)
	andi $t1, $t1, LINE_STATUS_ROOM
	beqz $t1, 2b
	nop
	sb $t0, 0($s0)
	b 1b
	addiu $t2, $t2, 1
3:	b 3b
	nop
	.end refuse

	.section .rodata
text_release:
	.asciz "Hoplite cannot run here: this CPU has not Release 2 of MIPS32\r\n"
text_tlb:
	.asciz "Hoplite cannot run here: this CPU has no TLB\r\n"

	.bss

	.balign 4096
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:

	.section .note.GNU-stack, "", %progbits
