/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Setting up a CPU: what the kernel runs with on all of them, whatever the firmware
 * left (ARM DDI 0406C; sections at each register).
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/vectors.h>
#include <mm/assert.h>

extern const char trap_vectors[];

struct cpu cpus[CONFIG_MAX_CPUS];

/* What the image is built for and the CPU must have (B4.1, "ID_..."): a field of four bits, no less than a value. */
static void check(const char *what, uint32_t id, unsigned shift, unsigned least)
{
	mm_assert((id >> shift & 0xf) >= least, "this CPU lacks what the kernel needs: %s", what);
}

static void requirements_check(void)
{
	check("page tables with PXN (ID_MMFR0.VMSA)", CP15_READ(0, 0, 1, 4), 0, 4);
	check("a walker that looks into the caches (ID_MMFR3)", CP15_READ(0, 0, 1, 7), 20, 1);
	check("TLB operations for all CPUs (ID_MMFR3)", CP15_READ(0, 0, 1, 7), 12, 2);
	check("the Generic Timer (ID_PFR1)", CP15_READ(0, 0, 1, 1), 16, 1);
	check("division (ID_ISAR0)", CP15_READ(0, 0, 2, 0), 24, 2);
}

/* The stack pointer of a mode becomes the place where its entry puts words aside (trap.S). */
static void save_areas_set(struct cpu *cpu)
{
	__asm__ volatile("cps #0x17\n\tmov sp, %0\n\tcps #0x1b\n\tmov sp, %0\n\tcps #0x13"
					 :
					 : "r"(cpu->abort_save)
					 : "memory");
}

void cpu_start(unsigned number)
{
	struct cpu *cpu = &cpus[number];

	cpu->number = number;
	CP15_WRITE(13, 0, 0, 4, cpu);          /* TPIDRPRW */
	CP15_WRITE(13, 0, 0, 3, 0);            /* TPIDRURO, which user mode can read: nothing */
	CP15_WRITE(12, 0, 0, 0, trap_vectors); /* VBAR, B4.1.156 */
	CP15_WRITE(1, 0, 0, 2, 0);             /* CPACR: no floating point (B4.1.40) */
	CP15_WRITE(14, 0, 1, 0, 0);            /* CNTKCTL: no counters and timers for user mode (B4.1.25) */
	CP15_WRITE(9, 0, 14, 0, 0);            /* PMUSERENR: nor the performance monitors (B4.1.120) */
	if ((CP15_READ(0, 0, 1, 0) >> 12 & 0xf) != 0)
		__asm__ volatile("mcr p14, 6, %0, c0, c0, 0" : : "r"(1)); /* TEECR.XED: nor TEEHBR (B4.1.148) */
	BARRIER_ISB();
	save_areas_set(cpu);
	requirements_check();
	__asm__ volatile("cpsie af" : : : "memory");
}

/* ---- caches ---- */

/* Bytes of the smallest line of the data caches (CTR.DminLine, B4.1.42). */
static uintptr_t data_line(void)
{
	return (uintptr_t) 4 << (CP15_READ(0, 0, 0, 1) >> 16 & 0xf);
}

void frame_make_executable(const void *page)
{
	uintptr_t line = data_line(), va = ALIGN_DOWN((uintptr_t) page, PAGE_SIZE);

	for (uintptr_t end = va + PAGE_SIZE; va != end; va += line)
		CP15_WRITE(7, 0, 11, 1, va); /* DCCMVAU */
	BARRIER_DSB(ish);
	CP15_WRITE(7, 0, 1, 0, 0); /* ICIALLUIS */
	CP15_WRITE(7, 0, 1, 6, 0); /* BPIALLIS */
	BARRIER_DSB(ish);
	BARRIER_ISB();
}

void cache_clean(const void *at, size_t bytes)
{
	uintptr_t line = data_line();

	for (uintptr_t va = ALIGN_DOWN((uintptr_t) at, line); va < (uintptr_t) at + bytes; va += line)
		CP15_WRITE(7, 0, 10, 1, va); /* DCCMVAC */
	BARRIER_DSB(sy);
}
