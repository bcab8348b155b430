/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a trap is about.
 *
 * The entry code (arch/<machine>/trap.S) saves the registers and calls the
 * kernel's trap_dispatch; the kernel comes back here to have the frame explained
 * in terms that all machines share, and, for a report, printed in this
 * machine's own.
 *
 * Names and error codes are those of SDM vol. 3A, chapter 6; page faults 4.7.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/as.h>
#include <x86/smp.h>

/* Error code of a page fault, figure 4-12. */
#define FAULT_PRESENT 0x01u
#define FAULT_WRITE 0x02u
#define FAULT_USER 0x04u
#define FAULT_RESERVED_BIT 0x08u
#define FAULT_EXECUTE 0x10u

/* The kernel may touch the user's pages while it is set (SDM vol. 3A, 4.6.1). */
#define FLAGS_ACCESS ((uintptr_t) 1 << 18)

/* Error code of a fault over a segment, figure 6-6. */
#define SELECTOR_EXTERNAL 0x1u
#define SELECTOR_IDT 0x2u
#define SELECTOR_LDT 0x4u

static const char *const exception_names[VECTOR_IRQ] = {
	[0] = "divide error",
	[1] = "debug exception",
	[2] = "non-maskable interrupt",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[6] = "invalid opcode",
	[7] = "device not available",
	[8] = "double fault",
	[9] = "coprocessor segment overrun",
	[10] = "invalid TSS",
	[11] = "segment not present",
	[12] = "stack-segment fault",
	[13] = "general protection",
	[14] = "page fault",
	[16] = "x87 floating-point error",
	[17] = "alignment check",
	[18] = "machine check",
	[19] = "SIMD floating-point exception",
	[20] = "virtualization exception",
	[21] = "control protection exception",
};

static const char *trap_name(unsigned vector)
{
	if (vector == VECTOR_SYSTEM_CALL)
		return "system call";
	if (vector >= VECTOR_IRQ + IRQ_LINES)
		return "unexpected interrupt";
	if (vector >= VECTOR_IRQ)
		return "interrupt";
	return exception_names[vector] != NULL ? exception_names[vector] : "reserved exception";
}

/* What it is, if it is no page fault. */
static enum trap_kind trap_kind(unsigned vector)
{
	switch (vector) {
	case VECTOR_NMI:
		return cpus_stopping() ? TRAP_STOP : TRAP_ERROR;
	case VECTOR_BREAKPOINT:
		return TRAP_BREAKPOINT;
	case VECTOR_SYSTEM_CALL:
		return TRAP_SYSTEM_CALL;
	default:
		return vector - VECTOR_IRQ < IRQ_LINES ? TRAP_INTERRUPT : TRAP_ERROR;
	}
}

/*
 * The question whether a fault is curable, where the answer is not plain. Code of the kernel executes no page of the
 * user's (SMEP), and touches none where the CPU has SMAP, unless user_access_begin was called.
 */
static NOINLINE bool is_curable(const struct trap_frame *frame)
{
	if ((frame->error & FAULT_RESERVED_BIT) != 0)
		return false;
	if ((frame->cs & 3) != 0)
		return true;
	return (frame->error & FAULT_EXECUTE) == 0 && (!cpu_has_smap || (frame->flags & FLAGS_ACCESS) != 0);
}

/* One test for all that may keep a fault from being curable: this is the way of every page that is touched first. */
static inline void describe_page_fault(const struct trap_frame *frame, struct trap_info *info)
{
	uint32_t error = frame->error;

	info->kind = TRAP_PAGE_FAULT;
	info->number = VECTOR_PAGE_FAULT;
	info->is_curable = ((error & (FAULT_RESERVED_BIT | FAULT_EXECUTE)) | cpu_has_smap) == 0 || is_curable(frame);
	info->access =
		((error & FAULT_WRITE) != 0 ? AS_ACCESS_WRITE : 0) | ((error & FAULT_EXECUTE) != 0 ? AS_ACCESS_EXEC : 0);
	info->address = frame->fault_address;
}

void trap_describe(const struct trap_frame *frame, struct trap_info *info)
{
	info->from_user = (frame->cs & 3) != 0;
	info->interrupts_on = interrupts_were_on(frame->flags);
	if (frame->vector == VECTOR_PAGE_FAULT) {
		describe_page_fault(frame, info);
		return;
	}
	info->kind = trap_kind(frame->vector);
	info->number = info->kind == TRAP_INTERRUPT ? frame->vector - VECTOR_IRQ : frame->vector;
}

void trap_report(const struct trap_frame *frame, struct trap_report *report)
{
	uint32_t error = frame->vector == VECTOR_PAGE_FAULT ? frame->error : 0;

	*report = (struct trap_report){ .name = trap_name(frame->vector),
		.pc = frame->ip,
		.stack_pointer = trap_stack_pointer(frame),
		.present = (error & FAULT_PRESENT) != 0,
		.broken = (error & FAULT_RESERVED_BIT) != 0 };
}

void trap_set_pc(struct trap_frame *frame, uintptr_t pc)
{
	frame->ip = pc;
}

void trap_set_result(struct trap_frame *frame, uintptr_t result)
{
	frame->ax = result;
}

/* ---- printing ---- */

static const char *fault_access(uint32_t error)
{
	return (error & FAULT_EXECUTE) != 0 ? "execution of" : (error & FAULT_WRITE) != 0 ? "write to" : "read of";
}

static const char *fault_reason(uint32_t error)
{
	if ((error & FAULT_PRESENT) == 0)
		return "is not mapped";
	if ((error & FAULT_RESERVED_BIT) != 0)
		return "has a reserved bit set in an entry of its tables";
	if ((error & FAULT_EXECUTE) != 0)
		return "is not executable, or not the user's";
	if ((error & FAULT_WRITE) != 0)
		return (error & FAULT_USER) != 0 ? "is read-only, or not the user's" : "is read-only";
	return "is not the user's";
}

/* The entries by which the CPU translates an address, from the root on; none is believed to lead to a table. */
static void print_entries(uintptr_t va)
{
	phys_t table = page_root_current();
	bool more = true;

	for (unsigned level = 0; more && level < PTL_LEVELS; level++) {
		uintptr_t at = PA2KA(table) + PTL_INDEX(va, level) * sizeof(pte_t);
		pte_t pte;

		if (table - IDENTITY_PHYS >= IDENTITY_SIZE || !probe_read(at))
			return;
		pte = *(const volatile pte_t *) at;
		kprintf("  entry of PTL%u: %0*llx\n", level, (int) (2 * sizeof(pte_t)), (unsigned long long) pte);
		more = pte_present(pte) && !pte_is_leaf(pte, level);
		table = pte_table_pa(pte);
	}
}

static void print_error_code(const struct trap_frame *frame)
{
	uint32_t error = frame->error;

	if (frame->vector == VECTOR_PAGE_FAULT) {
		kprintf("  error 0x%x: %s a page that %s, by the %s\n", error, fault_access(error), fault_reason(error),
			(error & FAULT_USER) != 0 ? "user" : "kernel");
		if ((error & FAULT_RESERVED_BIT) != 0)
			print_entries(frame->fault_address);
	} else if (error == 0) {
		kprintf("  error 0\n");
	} else {
		kprintf("  error 0x%x: entry %u of the %s%s\n", error, error >> 3,
			(error & SELECTOR_IDT) != 0       ? "IDT"
				: (error & SELECTOR_LDT) != 0 ? "LDT"
											  : "GDT",
			(error & SELECTOR_EXTERNAL) != 0 ? ", in the delivery of an interrupt" : "");
	}
}

void trap_frame_print(const struct trap_frame *frame)
{
	const int digits = 2 * sizeof(uintptr_t);

	kprintf("  trap %u: %s, CPU %u, from %s mode\n", frame->vector, trap_name(frame->vector), cpu_number(),
		(frame->cs & 3) != 0 ? "user" : "kernel");
	if (frame->vector < VECTOR_IRQ && (VECTORS_WITH_ERROR >> frame->vector & 1) != 0)
		print_error_code(frame);
	trap_registers_print(frame, trap_registers, trap_register_count);
	kprintf("   ip %0*lx  sp %0*lx flags %lx cs %lx\n", digits, (unsigned long) frame->ip, digits,
		(unsigned long) trap_stack_pointer(frame), (unsigned long) frame->flags, (unsigned long) frame->cs);
	kprintf("  cr2 %0*lx cr3 %0*lx cr0 %lx cr4 %lx\n", digits, (unsigned long) frame->fault_address, digits,
		(unsigned long) page_root_current(), (unsigned long) cr0_read(), (unsigned long) cr4_read());
}
