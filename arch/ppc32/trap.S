/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Into the kernel and out again, and the miss of the hash table.
 *
 * A trap turns translation off (PEM, 6.2), and comes to its vector, where trap_stub has been copied
 * (arch/ppc32/machine.c). That saves three registers in the CPU's struct cpu and goes on here, in the image at its
 * physical address. All is done with translation off until the frame is complete, so nothing in between can trap:
 * stacks are in the direct map. On the way back all that is touched after SRR0 and SRR1 have been loaded is mapped by
 * BATs: this text (hash_text_check) and the stack.
 *
 * USER MODE has another segment 15, in which nothing is ever mapped: so it does not see the kernel's pages, which the
 * hash table cannot forbid it to read if the kernel may only read them. It is exchanged here.
 *
 * A MISS is looked up in the page tables (mm/pt_layout.h) and put into the hash table (arch/ppc32/hash.c). Some 60
 * instructions, and as many more if an entry has to go.
 */

#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/page_format.h>
#include <offsets.h>

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)
/* From the direct map to physical addresses, for ADDIS. */
#define TO_PHYS (0x10000 - (IDENTITY_VIRT >> 16))

#define SAVED_R11 CPU_SAVED
#define SAVED_R12 CPU_SAVED + 4
#define SAVED_CR CPU_SAVED + 8
#define SAVED_R9 CPU_SAVED + 12
#define SAVED_R8 CPU_SAVED + 16
#define SAVED_R7 CPU_SAVED + 20
#define SAVED_R6 CPU_SAVED + 24
#define SAVED_R5 CPU_SAVED + 28

#define REGISTER(number) FRAME_REGISTERS + 4 * number

.macro load register, value
	lis \register, (\value)@h
	ori \register, \register, (\value)@l
.endm

	.text

/* What is at each vector, at most eight instructions; its number and where it goes on are filled in. */
	.globl trap_stub, trap_stub_number, trap_stub_branch, trap_stub_end
trap_stub:
	mtsprg 1, r10
	mfsprg r10, 0
	stw r11, SAVED_R11(r10)
	stw r12, SAVED_R12(r10)
trap_stub_number:
	li r11, 0
trap_stub_branch:
	ba 0
trap_stub_end:

/* ---- any trap: r10 = struct cpu, r11 = the vector ---- */

	.globl trap_entry
trap_entry:
	mfcr r12
	stw r12, SAVED_CR(r10)
trap_saved:
	stw r9, SAVED_R9(r10)
	mfsrr1 r12
	load r9, ppc_trap
	andi. r12, r12, MSR_PR
	lwz r12, CPU_STACK_LIMIT(r10)
	beq 1f
	lwz r12, CPU_STACK_FRAME(r10)
	b save
1:	cmplw r1, r12
	addis r12, r1, TO_PHYS
	addi r12, r12, -FRAME_SIZE
	bge save

	/* The stack is used up (THREAD_STACK_DIRECT of kernel/machine.h). */
	li r9, 0
	stw r9, CPU_STACK_LIMIT(r10)
	load r9, trap_overflow
	load r12, PHYS(overflow_stack_end - FRAME_SIZE)

save: /* r12 = the frame, r9 = where C goes on */
	stw r0, REGISTER(0)(r12)
	stw r1, REGISTER(1)(r12)
	stw r2, REGISTER(2)(r12)
	stw r3, REGISTER(3)(r12)
	stw r4, REGISTER(4)(r12)
	stw r5, REGISTER(5)(r12)
	stw r6, REGISTER(6)(r12)
	stw r7, REGISTER(7)(r12)
	stw r8, REGISTER(8)(r12)
	stmw r13, REGISTER(13)(r12)
	stw r11, FRAME_VECTOR(r12)
	lwz r3, SAVED_R9(r10)
	mfsprg r4, 1
	lwz r5, SAVED_R11(r10)
	lwz r6, SAVED_R12(r10)
	stw r3, REGISTER(9)(r12)
	stw r4, REGISTER(10)(r12)
	stw r5, REGISTER(11)(r12)
	stw r6, REGISTER(12)(r12)
	lwz r3, SAVED_CR(r10)
	mflr r4
	mfctr r5
	mfxer r6
	stw r3, FRAME_CR(r12)
	stw r4, FRAME_LR(r12)
	stw r5, FRAME_CTR(r12)
	stw r6, FRAME_XER(r12)
	mfsrr0 r3
	mfsrr1 r4
	mfdar r5
	mfdsisr r6
	stw r3, FRAME_PC(r12)
	stw r4, FRAME_MSR(r12)
	stw r5, FRAME_FAULT_ADDRESS(r12)
	stw r6, FRAME_FAULT_STATUS(r12)
	.globl vrsave_save, vrsave_restore
vrsave_save: /* not if the CPU has none */
	mfspr r7, SPR_VRSAVE
	stw r7, FRAME_VRSAVE(r12)
	andi. r4, r4, MSR_PR
	mr r5, r1
	beq 2f
	li r5, 0
	load r6, SEGMENT_KEY_USER | VSID_KERNEL_IMAGE
	mtsr 15, r6
2:	stw r5, 0(r12) /* the back chain */
	addis r1, r12, -TO_PHYS
	mr r3, r1
	load r4, trap_return
	mtlr r4
	mtsrr0 r9
	li r4, MSR_KERNEL
	mtsrr1 r4
	rfi

/* The frame is at the stack pointer. Interrupts are off. */
	.globl trap_return
trap_return:
	stwcx. r1, 0, r1 /* no reservation of the code before is the code's after (PEM, 8.2, "stwcx.") */
	li r3, MSR_KERNEL & ~MSR_RI
	mtmsr r3
	isync
	lwz r3, FRAME_PC(r1)
	lwz r4, FRAME_MSR(r1)
	mtsrr0 r3
	mtsrr1 r4
	andi. r4, r4, MSR_PR
	beq 1f
	load r4, SEGMENT_KEY_USER /* VSID 0 */
	mtsr 15, r4
1:	lwz r3, FRAME_CR(r1)
	lwz r4, FRAME_LR(r1)
	lwz r5, FRAME_CTR(r1)
	lwz r6, FRAME_XER(r1)
	lwz r7, FRAME_VRSAVE(r1)
	mtcr r3
	mtlr r4
	mtctr r5
	mtxer r6
vrsave_restore:
	mtspr SPR_VRSAVE, r7
	lwz r0, REGISTER(0)(r1)
	lwz r2, REGISTER(2)(r1)
	lwz r3, REGISTER(3)(r1)
	lwz r4, REGISTER(4)(r1)
	lwz r5, REGISTER(5)(r1)
	lwz r6, REGISTER(6)(r1)
	lwz r7, REGISTER(7)(r1)
	lwz r8, REGISTER(8)(r1)
	lwz r9, REGISTER(9)(r1)
	lwz r10, REGISTER(10)(r1)
	lwz r11, REGISTER(11)(r1)
	lwz r12, REGISTER(12)(r1)
	lmw r13, REGISTER(13)(r1)
	lwz r1, REGISTER(1)(r1)
	rfi

/* void trap_resume(struct trap_frame *frame): as a trap ends. */
	.globl trap_resume
trap_resume:
	mr r1, r3
	b trap_return

/* ---- a miss ---- */

	.globl miss_code, miss_data
miss_code:
	mfcr r12
	stw r12, SAVED_CR(r10)
	mfsrr1 r12
	andis. r12, r12, FAULT_NOT_FOUND >> 16
	beq trap_saved
	stw r9, SAVED_R9(r10)
	stw r8, SAVED_R8(r10)
	stw r7, SAVED_R7(r10)
	mfsrr0 r9
	b miss
miss_data:
	mfcr r12
	stw r12, SAVED_CR(r10)
	mfdsisr r12
	andis. r12, r12, FAULT_NOT_FOUND >> 16
	beq trap_saved
	stw r9, SAVED_R9(r10)
	stw r8, SAVED_R8(r10)
	stw r7, SAVED_R7(r10)
	mfdar r9

miss: /* r9 = the address; r11, the vector, stays */
	rlwinm r12, r9, 2, 30, 31
	cmplwi r12, KERNEL_START >> 30
	mfsrr1 r12
	rlwinm r12, r12, 0, MSR_PR
	bne 1f
	cmplwi cr1, r12, 0 /* user mode, and the kernel part? */
	bne cr1, miss_not_mapped
1:	lwz r8, CPU_ROOT(r10)
	rlwinm r7, r9, 32 - PT_SHIFT_0 + PT_ENTRY_WIDTH, 32 - PT_BITS_0 - PT_ENTRY_WIDTH, 31 - PT_ENTRY_WIDTH
	lwzx r8, r8, r7
	rlwinm r7, r9, 32 - PT_SHIFT_1 + PT_ENTRY_WIDTH, 32 - PT_BITS_1 - PT_ENTRY_WIDTH, 31 - PT_ENTRY_WIDTH
	andi. r12, r8, PTE_PRESENT
	rlwinm r8, r8, 0, 0, 19
	beq miss_not_mapped
	lwzux r12, r8, r7 /* r8 = where the entry is, r12 = the entry */
	andi. r7, r12, PTE_PRESENT
	beq miss_not_mapped
	andi. r7, r12, PTE_KERNEL | PTE_PP
	cmplwi r7, PTE_KERNEL | PP_READ
	beq miss_kernel_reads

miss_fill: /* r8 = where the entry is, r12 = the entry, r9 = the address */
	stw r6, SAVED_R6(r10)
	stw r5, SAVED_R5(r10)
	/* Word 0, and the group: bytes from the beginning of the table. */
	mfsrin r7, r9
	rlwinm r5, r9, 20, 16, 31
	xor r5, r5, r7
	rlwinm r7, r7, 7, 1, 24
	rlwimi r7, r9, 10, 26, 31
	oris r7, r7, HASH_VALID >> 16
	rlwinm r5, r5, 6, 7, 25
	lwz r6, CPU_HASH_MASK(r10)
	lwz r9, CPU_HASH(r10)
	and r5, r5, r6
	add r5, r5, r9
	/* r5 = the first group, r6 = the mask, r7 = word 0, r8 = where the entry is, r12 = the entry, r9 = the table */
	addi r5, r5, -8
	.rept HASH_GROUP_ENTRIES
	lwzu r9, 8(r5)
	cmpwi r9, 0
	bge miss_put
	.endr
	addi r5, r5, -8 * (HASH_GROUP_ENTRIES - 1)
	lwz r9, CPU_HASH(r10)
	xor r5, r5, r6 /* the table is aligned to its size */
	addi r5, r5, -8
	ori r7, r7, HASH_SECONDARY
	.rept HASH_GROUP_ENTRIES
	lwzu r9, 8(r5)
	cmpwi r9, 0
	bge miss_put
	.endr
	addi r5, r5, -8 * (HASH_GROUP_ENTRIES - 1)
	xor r5, r5, r6
	rlwinm r7, r7, 0, 26, 24 /* the first group again */
	b miss_evict

miss_put: /* r5 = the entry of the hash table (PEM, 7.6.3.2.1, "Adding a PTE") */
	lwz r6, CPU_HASH(r10)
	lwz r9, CPU_BACKS(r10)
	subf r6, r6, r5
	srwi r6, r6, 1
	stwx r8, r9, r6
	rlwinm r12, r12, 0, 23, 19 /* without the core's own bits */
	stw r12, 4(r5)
	eieio
	stw r7, 0(r5)
	sync
	lwz r6, CPU_FILLS(r10)
	addi r6, r6, 1
	stw r6, CPU_FILLS(r10)
	lwz r12, SAVED_CR(r10)
	lwz r5, SAVED_R5(r10)
	lwz r6, SAVED_R6(r10)
	lwz r7, SAVED_R7(r10)
	lwz r8, SAVED_R8(r10)
	lwz r9, SAVED_R9(r10)
	mtcr r12
	lwz r11, SAVED_R11(r10)
	lwz r12, SAVED_R12(r10)
	mfsprg r10, 1
	rfi

/* Both groups are full: the entries of the first go in turn. r5 = it, r7 = word 0 to come; r11 is free. */
miss_evict:
	lwz r6, CPU_VICTIM(r10)
	addi r9, r6, 1
	stw r9, CPU_VICTIM(r10)
	rlwinm r6, r6, 3, 26, 28
	add r5, r5, r6
	lwz r6, 0(r5)
	li r9, 0
	stw r9, 0(r5)
	sync
	/* hash_page of arch/page_format.h */
	lwz r9, CPU_HASH(r10)
	subf r9, r9, r5
	srwi r9, r9, 6
	srwi r11, r6, 7
	xor r9, r9, r11
	andi. r11, r6, HASH_SECONDARY
	beq 1f
	not r9, r9
1:	rlwinm r9, r9, 12, 10, 19
	rlwimi r9, r6, 22, 4, 9
	tlbie r9
	eieio
	tlbsync
	sync
	/* Referenced and changed, back to where it came from, if that still leads to the same frame. */
	lwz r9, CPU_HASH(r10)
	subf r6, r9, r5
	srwi r6, r6, 1
	lwz r9, CPU_BACKS(r10)
	lwzx r6, r9, r6
	lwz r9, 4(r5)
	lwz r11, 0(r6)
	xor r11, r11, r9
	rlwinm. r11, r11, 0, 0, 19
	lwz r11, 0(r6)
	bne 2f
	andi. r9, r9, PTE_REFERENCED | PTE_CHANGED
	or r9, r9, r11
	andi. r11, r11, PTE_PRESENT
	beq 2f
	stw r9, 0(r6)
2:	b miss_put

/* A page that only the kernel may read: user mode may not find it in the hash table (hash.c, "Rights"). */
miss_kernel_reads:
	rlwinm r7, r9, 2, 30, 31
	cmplwi r7, KERNEL_START >> 30
	beq miss_fill
	mfsrr1 r7
	andi. r7, r7, MSR_PR
	bne miss_not_mapped
	li r7, 1
	stw r7, CPU_HAS_KERNELS(r10)
	b miss_fill

miss_not_mapped:
	lwz r7, SAVED_R7(r10)
	lwz r8, SAVED_R8(r10)
	lwz r9, SAVED_R9(r10)
	b trap_saved

	.globl trap_text_end
trap_text_end:

	.section .note.GNU-stack, "", %progbits
