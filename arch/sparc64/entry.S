/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the loader to C, and into the kernel and out of it. V9 is "The SPARC Architecture Manual, Version 9"; UM the
 * "UltraSPARC-IIi User's Manual", 805-0087.
 *
 * THE FIRST 64 KiB of the image hold all that runs while a miss cannot be served, or serves it: the trap table and the
 * handlers. They are executed in the direct map, by one locked entry of the instruction TLB (the hash table never maps
 * an address there as executable, so no other entry overlaps it). What they read is read by physical address, so no
 * entry of the data TLB is locked, and the image may have any size.
 *
 * A MISS (UM, 15.7) looks at the TSB, in 14 instructions, and then into the page hash table (mm/ht_layout.h), size by
 * size: some 30 instructions for one of which the tag is the first in its chain. Base pages get into the TSB. Of the
 * direct map an entry of 4 MiB is made, of data only. There is one CPU, so at every instant what is mapped is found,
 * whatever code was interrupted. Until the kernel's root is known the image is mapped by arithmetic, too.
 *
 * Misses have globals of their own (MG), in which stay
 *
 *   g4  the struct mmu        g5  what makes an entry of the direct map of its address
 *   g6  the struct ht         g7  the TSB                                                   g4, g6, g7 physical
 *
 * so one can come within any other trap, at any level up to the last; nothing else uses them. Window handlers use no
 * globals at all. All other traps change over to the alternate globals (AG), and nest in nothing but these two.
 *
 * WINDOWS. The kernel's are spilled and filled at the stack pointer, as they are. Out of user mode all of the program's
 * windows are saved in the trap frame, and come back from there: while the kernel runs, no window is another address
 * space's, and none is spilled to a user's stack. In user mode windows are spilled and filled with the user's rights.
 * If that fails, the trap is one of the program's: level 2 is left, the window is that of the instruction again, which
 * is `save`, `restore`, `return` or `flushw`, and is tried once more when the page is there.
 *
 * ANY OTHER TRAP builds a struct trap_frame and calls sparc_trap, at level 0. Out of user mode the frame is the first
 * on the thread's stack. Out of the kernel it lies below the interrupted function's frame; it is written at level 1,
 * so that a stack which is used up is found there: what fails at level 2 and is no program's window goes on with a
 * stack that is for this alone, with all windows saved, as a fault of the code that was interrupted first.
 */

#include <arch/layout.h>
#include <arch/sparc.h>
#include <mm/ht_layout.h>
#include <offsets.h>

	.register %g2, #scratch
	.register %g3, #scratch
	.register %g6, #scratch
	.register %g7, #scratch

/* Low 32 bits of a symbol's physical address, which has no more. */
#define PHYS(symbol) (symbol - KERNEL_IMAGE_OFFSET)
#define DIRECT(symbol) (symbol - KERNEL_IMAGE_OFFSET + IDENTITY_VIRT)

/* Bits of TTEs (arch/page_format.h). */
#define TTE_WRITE 0x02
#define TTE_GLOBAL_PRIVILEGED 0x05
#define TTE_CACHED 0x20
#define TTE_CACHED_CODE 0x30
#define TTE_LOCKED 0x40
#define TTE_VALID_8K 0x8000000000000000
#define TTE_VALID_64K 0xa000000000000000
#define TTE_VALID_4M 0xe000000000000000

#define FRAME_BELOW (STACK_LEAST + FRAME_SIZE)

/* The sixteen registers of the current window, each by a macro with its name and offset; base is an address. */
.macro window_each instruction, base
	.set offset, 0
	.irp register, l0, l1, l2, l3, l4, l5, l6, l7, i0, i1, i2, i3, i4, i5, i6, i7
	\instruction \register, offset, \base
	.set offset, offset + 8
	.endr
.endm

.macro window_store register, offset, base
	stx %\register, [\base + \offset]
.endm

.macro window_load register, offset, base
	ldx [\base + \offset], %\register
.endm

/* A physical address of 32 bits. */
.macro set_phys symbol, register
	sethi %hi(PHYS(\symbol)), \register
	or \register, %lo(PHYS(\symbol)), \register
.endm

/* ---- from the loader ---- */

	.section .image_first, "ax"
	.globl start
start:
	wrpr %g0, PSTATE_PRIV, %pstate
	wrpr %g0, 15, %pil
	wrpr %g0, 0, %tl

	/* The entry that stays (UM, 15.9.7, 15.9.9). OpenBIOS's still maps where this runs. */
	setx DIRECT(start), %g1, %g2
	setx TTE_VALID_64K | TTE_LOCKED | TTE_CACHED_CODE | TTE_GLOBAL_PRIVILEGED | KERNEL_IMAGE_PHYS, %g1, %g3
	mov MMU_TAG_ACCESS, %g1
	stxa %g2, [%g1] ASI_IMMU
	membar #Sync
	mov TLB_LOCKED << TLB_ENTRY_SHIFT, %g1
	stxa %g3, [%g1] ASI_ITLB_ENTRY
	membar #Sync
	setx DIRECT(1f), %g1, %g2
	jmp %g2
	nop

1:	set_phys tsb, %g1
	mov -1, %g2
	set TSB_ENTRIES, %g3
2:	stxa %g2, [%g1] ASI_PHYS
	subcc %g3, 1, %g3
	bne,pt %xcc, 2b
	add %g1, 16, %g1

	/* What misses find in their globals. */
	wrpr %g0, PSTATE_PRIV | PSTATE_MG, %pstate
	set_phys mmu, %g4
	set_phys ht, %g6
	set_phys tsb, %g7
	setx IDENTITY_VIRT ^ (TTE_VALID_4M | TTE_CACHED | TTE_WRITE | TTE_GLOBAL_PRIVILEGED), %g1, %g5
	wrpr %g0, PSTATE_PRIV, %pstate
	setx DIRECT(trap_table), %g1, %g2
	wrpr %g2, 0, %tba

	/* Nothing of OpenBIOS's stays. */
	mov (TLB_ENTRIES - 1) << TLB_ENTRY_SHIFT, %g1
	stxa %g0, [%g1] ASI_DTLB_ENTRY
3:	subcc %g1, 1 << TLB_ENTRY_SHIFT, %g1
	stxa %g0, [%g1] ASI_DTLB_ENTRY
	bne,pt %xcc, 3b
	stxa %g0, [%g1] ASI_ITLB_ENTRY
	mov MMU_PRIMARY, %g1
	stxa %g0, [%g1] ASI_DMMU
	mov MMU_SECONDARY, %g1
	stxa %g0, [%g1] ASI_DMMU
	membar #Sync

	/* Caches and MMUs on (UM, A.6 "LSU Control Register"). */
	mov 0xf, %g1
	stxa %g1, [%g0] ASI_LSU
	membar #Sync

	wrpr %g0, 0, %cwp
	wrpr %g0, WINDOWS_USED, %cansave
	wrpr %g0, 0, %canrestore
	wrpr %g0, 0, %otherwin
	wrpr %g0, WINDOWS - 1, %cleanwin
	wrpr %g0, WSTATE_KERNEL, %wstate
	wr %g0, 0, %fprs

	/* The counter is the kernel's (V9, 5.2.3), and its interrupt is off (UM, 14.5.1). */
	rdpr %tick, %g1
	mov 1, %g2
	sllx %g2, 63, %g2
	or %g1, %g2, %g1
	wrpr %g1, 0, %tick
	wr %g2, 0, %asr23

	setx image_load_end, %g1, %g2
	setx image_end, %g1, %g3
4:	stx %g0, [%g2]
	add %g2, 8, %g2
	cmp %g2, %g3
	blu,pt %xcc, 4b
	nop

	setx boot_stack_end - STACK_LEAST - STACK_BIAS, %g1, %g2
	mov %g2, %sp
	clr %fp
	clr %i7
	wrpr %g0, 0, %pil
	setx sparc_start, %g1, %g2
	jmp %g2
	clr %o7 /* a backtrace ends there */

/* ---- misses ---- */

/* g1 = the tag, with the number of the page in g2: g2 = where its entry of the TSB is (tlb.h). */
.macro tsb_place
	xor %g1, %g2, %g2
	and %g2, TSB_ENTRIES - 1, %g2
	sllx %g2, 4, %g2
	add %g2, %g7, %g2
.endm

/* Data, in 32 instructions: the MMU has the address, and in its low 13 bits the context. */
.macro miss_data
	mov MMU_TAG_ACCESS, %g1
	ldxa [%g1] ASI_DMMU, %g1
	brlz,pn %g1, 2f
	srlx %g1, PAGE_WIDTH, %g2
1:	tsb_place
	ldxa [%g2] ASI_PHYS, %g3
	add %g2, 8, %g2
	cmp %g3, %g1
	bne,pn %xcc, look_data
	ldxa [%g2] ASI_PHYS, %g2
	stxa %g2, [%g0] ASI_DTLB_IN
	retry
2:	srax %g1, 40, %g3
	cmp %g3, -8 /* IDENTITY_VIRT >> 40 */
	bne,pn %xcc, 1b
	sllx %g2, PAGE_WIDTH, %g1 /* the kernel's belong to no context */
	srlx %g1, 22, %g1
	sllx %g1, 22, %g1
	xor %g1, %g5, %g1
	stxa %g1, [%g0] ASI_DTLB_IN
	retry
.endm

.macro miss_code
	mov MMU_TAG_ACCESS, %g1
	ldxa [%g1] ASI_IMMU, %g1
	brlz,pn %g1, 2f
	srlx %g1, PAGE_WIDTH, %g2
1:	tsb_place
	ldxa [%g2] ASI_PHYS, %g3
	add %g2, 8, %g2
	cmp %g3, %g1
	bne,pn %xcc, look_code
	ldxa [%g2] ASI_PHYS, %g2
	andcc %g2, PTE_EXEC_BIT, %g0
	be,pn %xcc, look_failed_code
	nop
	stxa %g2, [%g0] ASI_ITLB_IN
	retry
2:	ba,pt %xcc, 1b
	sllx %g2, PAGE_WIDTH, %g1
.endm

/*
 * The page of a size that g1 is in, found: g2 = its entry, and on to `found`. g3 = the space. g5 and g7 are used up,
 * and what g4 and g6 lead to is read by %asi.
 */
.macro look_size size, shift, found
	srlx %g1, \shift + HT_CLUSTER_WIDTH, %g2
	sllx %g2, 64 - HT_SIZE_SHIFT, %g2
	srlx %g2, 64 - HT_SIZE_SHIFT, %g2
	or %g2, %g3, %g2 /* the tag */
	.if \size != 0
	mov \size, %g3
	sllx %g3, HT_SIZE_SHIFT, %g3
	or %g2, %g3, %g2
	.endif
	ldxa [%g4 + MMU_HASH] %asi, %g5
	mulx %g2, %g5, %g5
	srlx %g5, 64 - HT_HASH_GOOD, %g3
	sllx %g5, HT_HASH_GOOD, %g5
	or %g5, %g3, %g5 /* the hash */
	ldxa [%g6 + HT_MASK] %asi, %g3
	and %g5, %g3, %g5
	srlx %g3, 1, %g3
	and %g5, %g3, %g3
	ldxa [%g6 + HT_BUCKETS] %asi, %g7
	cmp %g5, %g7
	movgeu %xcc, %g3, %g5 /* the bucket's number */
	ldxa [%g6 + HT_DIRECTORY] %asi, %g7
	srlx %g5, HT_SEGMENT_WIDTH, %g3
	sllx %g3, 3, %g3
	ldxa [%g7 + %g3] ASI_PHYS, %g3
	and %g5, (1 << HT_SEGMENT_WIDTH) - 1, %g5
	sllx %g5, HT_BUCKET_WIDTH, %g5
	add %g3, %g5, %g3 /* the bucket */
1:	ldxa [%g3 + HT_BUCKET_SLOT] %asi, %g5
	cmp %g5, %g2
	be,pn %xcc, 5f
	ldxa [%g3 + HT_BUCKET_SLOT + HT_SLOT_CLUSTER] %asi, %g7
	ldxa [%g3 + HT_BUCKET_SLOT + HT_SLOT_SIZE] %asi, %g5
	cmp %g5, %g2
	be,pn %xcc, 5f
	ldxa [%g3 + HT_BUCKET_SLOT + HT_SLOT_SIZE + HT_SLOT_CLUSTER] %asi, %g7
	ldxa [%g3 + HT_BUCKET_SLOT + 2 * HT_SLOT_SIZE] %asi, %g5
	cmp %g5, %g2
	be,pn %xcc, 5f
	ldxa [%g3 + HT_BUCKET_SLOT + 2 * HT_SLOT_SIZE + HT_SLOT_CLUSTER] %asi, %g7
	ldxa [%g3 + HT_BUCKET_NEXT] %asi, %g3
	brnz,pn %g3, 1b
	nop
	ba,pt %xcc, 6f
	nop
5:	srlx %g1, \shift - HT_ENTRY_WIDTH, %g2
	and %g2, ((1 << HT_CLUSTER_WIDTH) - 1) << HT_ENTRY_WIDTH, %g2
	ldxa [%g7 + %g2] ASI_PHYS, %g2
	brlz,pt %g2, \found
	nop
6:
.endm

/* g3 = the root that g1 is looked up by; on to `failed` if there is none, or no page can have such an address. */
.macro look_root failed
	srax %g1, 43, %g2
	brz,pt %g2, 1f
	ldxa [%g4 + MMU_USER_ROOT] %asi, %g3
	add %g2, 1, %g2
	brnz,pn %g2, \failed
	ldxa [%g4 + MMU_KERNEL_ROOT] %asi, %g3
1:
.endm

/* The next larger size, if there are pages of it. */
.macro look_next size, shift, found, failed
	look_root \failed
	add %g3, HT_ROOT_SIZES, %g2
	lduwa [%g2] ASI_PHYS, %g2
	andcc %g2, 1 << (HT_LEVELS - 1 - \size), %g0
	be,pt %xcc, 7f
	ldxa [%g3 + HT_ROOT_SPACE] %asi, %g3
	look_size \size, \shift, \found
7:
.endm

/* g1 = the tag, the TSB does not have it. */
.macro look found_base, found_larger, failed
	wr %g0, ASI_PHYS, %asi
	look_root \failed
	brz,pn %g3, look_boot
	nop
	ldxa [%g3 + HT_ROOT_SPACE] %asi, %g3
	look_size 0, HT_PAGE_SHIFT_0, \found_base
	look_next 1, HT_PAGE_SHIFT_1, \found_larger, \failed
	look_next 2, HT_PAGE_SHIFT_2, \found_larger, \failed
	look_next 3, HT_PAGE_SHIFT_3, \found_larger, \failed
.endm

/* g2 = an entry for the tag in g1: into the TSB; g3, g5 and g7 as they have to be. */
.macro tsb_fill
	ldxa [%g4 + MMU_TSB] %asi, %g7
	mov %g2, %g3
	srlx %g1, PAGE_WIDTH, %g2
	tsb_place
	stxa %g1, [%g2] ASI_PHYS
	add %g2, 8, %g2
	stxa %g3, [%g2] ASI_PHYS
	ldxa [%g4 + MMU_DIRECT] %asi, %g5
.endm

	.balign 32
look_data:
	look found_data, found_data_larger, look_failed_data
	ba,pt %xcc, look_failed_data
	nop
found_data:
	tsb_fill
	stxa %g3, [%g0] ASI_DTLB_IN
	retry
found_data_larger:
	ldxa [%g4 + MMU_TSB] %asi, %g7
	ldxa [%g4 + MMU_DIRECT] %asi, %g5
	stxa %g2, [%g0] ASI_DTLB_IN
	retry

	.balign 32
look_code:
	look found_code, found_code_larger, look_failed_code
	ba,pt %xcc, look_failed_code
	nop
found_code:
	andcc %g2, PTE_EXEC_BIT, %g0
	be,pn %xcc, look_failed_code
	nop
	tsb_fill
	stxa %g3, [%g0] ASI_ITLB_IN
	retry
found_code_larger:
	andcc %g2, PTE_EXEC_BIT, %g0
	be,pn %xcc, look_failed_code
	nop
	ldxa [%g4 + MMU_TSB] %asi, %g7
	ldxa [%g4 + MMU_DIRECT] %asi, %g5
	stxa %g2, [%g0] ASI_ITLB_IN
	retry

/*
 * There is no root yet. Of the kernel part, the image: an entry for it, which may do all. The first TLB entries of it
 * go when the root comes.
 */
look_boot:
	ldxa [%g4 + MMU_DIRECT] %asi, %g5
	srlx %g1, 32, %g2
	set KERNEL_IMAGE_OFFSET >> 32, %g3
	cmp %g2, %g3
	bne,pn %xcc, look_failed
	ldxa [%g4 + MMU_TSB] %asi, %g7
	srl %g1, 0, %g1
	setx TTE_VALID_8K | TTE_CACHED | PTE_EXEC_BIT | TTE_WRITE | TTE_GLOBAL_PRIVILEGED, %g2, %g3
	or %g1, %g3, %g1
	rdpr %tt, %g2
	cmp %g2, TT_DATA_MISS
	be,pt %xcc, 1f
	nop
	stxa %g1, [%g0] ASI_ITLB_IN
	retry
1:	stxa %g1, [%g0] ASI_DTLB_IN
	retry

/* Nothing is mapped there, or not for that: a trap. */
look_failed_data:
look_failed_code:
look_failed:
	wr %g0, ASI_PHYS, %asi
	ldxa [%g4 + MMU_TSB] %asi, %g7
	ldxa [%g4 + MMU_DIRECT] %asi, %g5
	mov MMU_TAG_ACCESS, %g1
	ldxa [%g1] ASI_DMMU, %g1
	srlx %g1, PAGE_WIDTH, %g1
	sllx %g1, PAGE_WIDTH, %g1
	stxa %g1, [%g4 + MMU_FAULT_ADDRESS] %asi
	rdpr %tl, %g1
	cmp %g1, 1
	be,pt %xcc, trap_any
	nop
	/* fall through */

/* ---- traps ---- */

/* A trap within a trap. */
trap_nested:
	wrpr %g0, PSTATE_PRIV | PSTATE_AG, %pstate
	rdpr %tt, %g5
	rdpr %tl, %g2
	wrpr %g0, 1, %tl
	rdpr %tstate, %g1
	and %g1, TSTATE_CWP, %g3
	wrpr %g3, 0, %cwp
	cmp %g2, 2
	bne,pn %xcc, 1f
	andcc %g1, TSTATE_PRIV, %g0
	bne,pn %xcc, 1f
	rdpr %tt, %g3
	andn %g3, 0x7f, %g3
	cmp %g3, 0x80 /* spills and fills: 80 to ff */
	be,pt %xcc, trap_user
	wrpr %g5, 0, %tt
1:	wrpr %g5, 0, %tt
	setx last_stack_end - FRAME_SIZE, %g2, %g6
	ba,pt %xcc, trap_whole
	nop

trap_user: /* AG, g1 = TSTATE */
	set_phys stack_frame, %g6
	ldxa [%g6] ASI_PHYS, %g6
	/* fall through */

/* g1 = TSTATE, g6 = where the frame is: all windows are saved there. */
trap_whole:
	add %g6, FRAME_WINDOW, %g2
	rdpr %canrestore, %g3
	add %g3, 1, %g5
	rdpr %cwp, %g4
1:	window_each window_store, %g2
	brz,pn %g3, 2f
	sub %g3, 1, %g3
	sub %g4, 1, %g4
	and %g4, WINDOWS - 1, %g4
	wrpr %g4, 0, %cwp
	ba,pt %xcc, 1b
	add %g2, WINDOW_BYTES, %g2

	/* The next window, whose ins are the outs of what was interrupted. */
2:	add %g1, 1, %g1
	and %g1, WINDOWS - 1, %g1
	wrpr %g1, 0, %cwp
	wrpr %g0, WINDOWS_USED, %cansave
	wrpr %g0, 0, %canrestore
	wrpr %g0, 0, %otherwin
	wrpr %g0, WINDOWS - 1, %cleanwin
	wrpr %g0, WSTATE_KERNEL, %wstate
	mov %g5, %l5
	sub %g6, STACK_LEAST, %g6
	ba,pt %xcc, trap_save
	sub %g6, STACK_BIAS, %sp

trap_any:
	wrpr %g0, PSTATE_PRIV | PSTATE_AG, %pstate
	rdpr %tstate, %g1
	andcc %g1, TSTATE_PRIV, %g0
	be,pn %xcc, trap_user
	nop
	save %sp, -FRAME_BELOW, %sp
	clr %l5

trap_save: /* l5 = windows that are saved */
	add %sp, STACK_BIAS + STACK_LEAST, %l7
	rdpr %tstate, %l0
	rdpr %tpc, %l1
	rdpr %tnpc, %l2
	rdpr %tt, %l3
	rd %y, %l4
	wrpr %g0, PSTATE_PRIV, %pstate
	stx %g1, [%l7 + FRAME_GLOBALS + 0x08]
	stx %g2, [%l7 + FRAME_GLOBALS + 0x10]
	stx %g3, [%l7 + FRAME_GLOBALS + 0x18]
	stx %g4, [%l7 + FRAME_GLOBALS + 0x20]
	stx %g5, [%l7 + FRAME_GLOBALS + 0x28]
	stx %g6, [%l7 + FRAME_GLOBALS + 0x30]
	stx %g7, [%l7 + FRAME_GLOBALS + 0x38]
	stx %i0, [%l7 + FRAME_OUTS]
	stx %i1, [%l7 + FRAME_OUTS + 0x08]
	stx %i2, [%l7 + FRAME_OUTS + 0x10]
	stx %i3, [%l7 + FRAME_OUTS + 0x18]
	stx %i4, [%l7 + FRAME_OUTS + 0x20]
	stx %i5, [%l7 + FRAME_OUTS + 0x28]
	stx %i6, [%l7 + FRAME_OUTS + 0x30]
	stx %i7, [%l7 + FRAME_OUTS + 0x38]
	srlx %l0, TSTATE_CCR_SHIFT, %g1
	and %g1, 0xff, %g1
	srlx %l0, TSTATE_ASI_SHIFT, %g2
	and %g2, 0xff, %g2
	rd %fprs, %g3
	stx %l0, [%l7 + FRAME_STATE]
	stx %l1, [%l7 + FRAME_PC]
	stx %l2, [%l7 + FRAME_NEXT_PC]
	stx %l3, [%l7 + FRAME_TYPE]
	stx %l4, [%l7 + FRAME_Y]
	stx %l5, [%l7 + FRAME_WINDOWS]
	stx %g1, [%l7 + FRAME_CCR]
	stx %g2, [%l7 + FRAME_ASI]
	stx %g3, [%l7 + FRAME_FPRS]
	wr %g0, 0, %fprs
	wrpr %g0, 0, %tl
	brz,pt %l5, 1f
	mov %l7, %o0
	clr %i6 /* a backtrace ends here, or goes on with the windows of the frame */
	clr %i7
1:	setx sparc_trap, %g1, %g2
	setx trap_return - 8, %g1, %o7
	jmp %g2
	nop

/* ---- windows (V9, H.1.1; UM, 14.2.2) ---- */

.macro window_store_user register, offset, base
	stxa %\register, [\base + \offset] %asi
.endm

.macro window_load_user register, offset, base
	ldxa [\base + \offset] %asi, %\register
.endm

.macro spill_kernel
	.balign 128
	window_each window_store, %sp + STACK_BIAS
	saved
	retry
.endm

/*
 * Windows are clean from the oldest that is in the CPU on (CLEANWIN counts them from there); as that goes, the last
 * clean one must not become the next, which may have what is the kernel's. The locals are free by now.
 */
.macro spill_user
	.balign 128
	wr %g0, ASI_AIUP, %asi
	window_each window_store_user, %sp + STACK_BIAS
	rdpr %cleanwin, %l0
	sub %l0, 1, %l0
	wrpr %l0, 0, %cleanwin
	saved
	retry
.endm

.macro fill_kernel
	.balign 128
	window_each window_load, %sp + STACK_BIAS
	restored
	retry
.endm

.macro fill_user
	.balign 128
	wr %g0, ASI_AIUP, %asi
	window_each window_load_user, %sp + STACK_BIAS
	restored
	retry
.endm

/* A window that a program gets has nothing of anybody else (V9, 6.3.6.4): CWP is its own already. */
.macro window_clean
	.balign 128
	rdpr %cleanwin, %l0
	add %l0, 1, %l0
	wrpr %l0, 0, %cleanwin
	.irp register, l0, l1, l2, l3, l4, l5, l6, l7, o0, o1, o2, o3, o4, o5, o6, o7
	clr %\register
	.endr
	retry
.endm

/* ---- the table ---- */

.macro vectors count, target
	.rept \count
	.balign 32
	ba,pt %xcc, \target
	nop
	.endr
	.balign 32
.endm

.macro table any
	vectors 0x24, \any
	window_clean
	.balign 128
	vectors 0x64 - 0x28, \any
	.balign 128
	miss_code
	.balign 128
	miss_data
	.balign 128
	vectors 0x80 - 0x6c, \any
	spill_kernel
	spill_user
	.balign 128
	vectors 0xc0 - 0x88, \any
	fill_kernel
	fill_user
	.balign 128
	vectors 0x200 - 0xc8, \any
.endm

	.balign 0x8000
trap_table:
	table trap_any
	.org trap_table + 0x4000 /* an error if it is longer; traps at higher levels have theirs here (V9, 5.2.8) */
	table trap_nested
	.org trap_table + 0x8000

/* ---- out of the kernel ---- */

	.text

	.globl trap_return
trap_return: /* l7 = the frame */
	wrpr %g0, PSTATE_PRIV, %pstate
	ldx [%l7 + FRAME_STATE], %l0
	ldx [%l7 + FRAME_PC], %l1
	ldx [%l7 + FRAME_NEXT_PC], %l2
	ldx [%l7 + FRAME_Y], %l4
	ldx [%l7 + FRAME_CCR], %g1
	ldx [%l7 + FRAME_ASI], %g2
	and %g1, 0xff, %g1
	and %g2, 0xff, %g2
	sllx %g1, TSTATE_CCR_SHIFT, %g1
	sllx %g2, TSTATE_ASI_SHIFT, %g2
	srl %l0, 0, %l0
	sll %l0, 12, %l0
	srl %l0, 12, %l0 /* PSTATE and CWP */
	or %l0, %g1, %l0
	or %l0, %g2, %l0
	wr %l4, 0, %y
	ldx [%l7 + FRAME_GLOBALS + 0x08], %g1
	ldx [%l7 + FRAME_GLOBALS + 0x10], %g2
	ldx [%l7 + FRAME_GLOBALS + 0x18], %g3
	ldx [%l7 + FRAME_GLOBALS + 0x20], %g4
	ldx [%l7 + FRAME_GLOBALS + 0x28], %g5
	ldx [%l7 + FRAME_GLOBALS + 0x30], %g6
	ldx [%l7 + FRAME_GLOBALS + 0x38], %g7
	andcc %l0, TSTATE_PRIV, %g0
	be,pn %xcc, return_user
	nop
	ldx [%l7 + FRAME_OUTS], %i0
	ldx [%l7 + FRAME_OUTS + 0x08], %i1
	ldx [%l7 + FRAME_OUTS + 0x10], %i2
	ldx [%l7 + FRAME_OUTS + 0x18], %i3
	ldx [%l7 + FRAME_OUTS + 0x20], %i4
	ldx [%l7 + FRAME_OUTS + 0x28], %i5
	ldx [%l7 + FRAME_OUTS + 0x38], %i7
	wrpr %g0, PSTATE_PRIV | PSTATE_AG, %pstate
	mov %l0, %g1
	mov %l1, %g2
	mov %l2, %g3
	restore
	rdpr %cwp, %g4

return_state: /* AG: TSTATE but CWP, TPC, TNPC, CWP in g1 to g4 */
	andn %g1, TSTATE_CWP, %g1
	or %g1, %g4, %g1
	wrpr %g0, 1, %tl
	wrpr %g1, 0, %tstate
	wrpr %g2, 0, %tpc
	wrpr %g3, 0, %tnpc
	retry

return_user:
	wrpr %g0, PSTATE_PRIV | PSTATE_AG, %pstate
	mov %l0, %g1
	mov %l1, %g2
	mov %l2, %g3
	mov %l7, %g6
	ldx [%g6 + FRAME_FPRS], %g4
	wr %g4, 0, %fprs
	and %g1, WINDOWS - 1, %g4
	wrpr %g4, 0, %cwp
	ldx [%g6 + FRAME_OUTS], %o0
	ldx [%g6 + FRAME_OUTS + 0x08], %o1
	ldx [%g6 + FRAME_OUTS + 0x10], %o2
	ldx [%g6 + FRAME_OUTS + 0x18], %o3
	ldx [%g6 + FRAME_OUTS + 0x20], %o4
	ldx [%g6 + FRAME_OUTS + 0x28], %o5
	ldx [%g6 + FRAME_OUTS + 0x30], %o6
	ldx [%g6 + FRAME_OUTS + 0x38], %o7
	ldx [%g6 + FRAME_WINDOWS], %g5
	add %g6, FRAME_WINDOW, %g7
1:	window_each window_load, %g7
	sub %g5, 1, %g5
	brlez,pn %g5, 2f
	add %g7, WINDOW_BYTES, %g7
	sub %g4, 1, %g4
	and %g4, WINDOWS - 1, %g4
	ba,pt %xcc, 1b
	wrpr %g4, 0, %cwp
2:	and %g1, WINDOWS - 1, %g4
	wrpr %g4, 0, %cwp
	ldx [%g6 + FRAME_WINDOWS], %g5
	sub %g5, 1, %g5
	mov WINDOWS_USED, %g7
	sub %g7, %g5, %g7
	wrpr %g5, 0, %canrestore
	wrpr %g7, 0, %cansave
	wrpr %g5, 0, %cleanwin
	wrpr %g0, 0, %otherwin
	ba,pt %xcc, return_state
	wrpr %g0, WSTATE_USER, %wstate

/* void user_enter(struct trap_frame *frame) */
	.globl user_enter
user_enter:
	ba,pt %xcc, trap_return
	mov %o0, %l7

	.bss

	.balign 64
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:
	.skip LAST_STACK_SIZE
last_stack_end:

	.section .note.GNU-stack, "", %progbits
