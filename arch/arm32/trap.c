/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a trap is about, of the frame that trap.S has built. Names and status codes
 * are those of ARM DDI 0406C, B3.13 (table B3-23).
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/smp.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/as.h>

/* Bits of DFSR and IFSR: the status is in two parts. */
#define STATUS_BITS 0x40fu
#define STATUS_WRITE (1u << 11) /* DFSR */

enum {
	STATUS_ALIGNMENT = 0x001,
	STATUS_CACHE = 0x004,
	STATUS_SECTION_ABSENT = 0x005,
	STATUS_PAGE_ABSENT = 0x007,
	STATUS_EXTERNAL = 0x008,
	STATUS_SECTION_DENIED = 0x00d,
	STATUS_PAGE_DENIED = 0x00f,
	STATUS_CONFLICT = 0x400,
	STATUS_EXTERNAL_LATE = 0x406
};

static bool is_abort(const struct trap_frame *frame)
{
	return frame->vector == VECTOR_DATA_ABORT || frame->vector == VECTOR_PREFETCH_ABORT;
}

static uint32_t status_of(const struct trap_frame *frame)
{
	return frame->status & STATUS_BITS;
}

static bool is_denied(const struct trap_frame *frame)
{
	return status_of(frame) == STATUS_SECTION_DENIED || status_of(frame) == STATUS_PAGE_DENIED;
}

static bool is_page_fault(const struct trap_frame *frame)
{
	return is_abort(frame) &&
		(is_denied(frame) || status_of(frame) == STATUS_SECTION_ABSENT || status_of(frame) == STATUS_PAGE_ABSENT);
}

static bool is_users(const struct trap_frame *frame)
{
	return (frame->cpsr & CPSR_MODE) == CPSR_USER;
}

static bool is_breakpoint(const struct trap_frame *frame)
{
	return frame->vector == VECTOR_PREFETCH_ABORT && status_of(frame) == FAULT_DEBUG;
}

static const char *trap_name(const struct trap_frame *frame)
{
	switch (frame->vector) {
	case VECTOR_UNDEFINED:
		return "undefined instruction";
	case VECTOR_SYSTEM_CALL:
		return "system call";
	case VECTOR_IRQ:
		return "interrupt";
	case VECTOR_FIQ:
		return "fast interrupt";
	default:
		break;
	}
	if (is_page_fault(frame))
		return "page fault";
	switch (status_of(frame)) {
	case STATUS_ALIGNMENT:
		return "alignment fault";
	case FAULT_DEBUG:
		return "breakpoint";
	case STATUS_EXTERNAL:
	case STATUS_EXTERNAL_LATE:
		return "external abort";
	case STATUS_CONFLICT:
		return "TLB conflict abort";
	default:
		return frame->vector == VECTOR_DATA_ABORT ? "data abort" : "prefetch abort";
	}
}

static void describe_interrupt(struct trap_info *info)
{
	uint32_t active = gic_acknowledge(&arm_gic);

	cpu_current()->irq_active = active;
	info->number = active & GIC_ID;
	info->kind = TRAP_INTERRUPT;
	if (info->number != STOP_LINE)
		return;
	gic_end(&arm_gic, active);
	info->kind = TRAP_STOP;
}

void trap_describe(const struct trap_frame *frame, struct trap_info *info)
{
	info->from_user = is_users(frame);
	info->interrupts_on = interrupts_were_on(frame->cpsr);
	info->number = frame->vector;
	if (is_page_fault(frame)) {
		bool executes = frame->vector == VECTOR_PREFETCH_ABORT;

		info->kind = TRAP_PAGE_FAULT;
		info->access = executes                   ? AS_ACCESS_EXEC
			: (frame->status & STATUS_WRITE) != 0 ? AS_ACCESS_WRITE
												  : AS_ACCESS_READ;
		info->is_curable = info->from_user || !executes; /* the kernel executes no page of the user's (PXN) */
		info->address = frame->address;
	} else if (frame->vector == VECTOR_IRQ) {
		describe_interrupt(info);
	} else {
		info->kind = frame->vector == VECTOR_FIQ  ? TRAP_STOP
			: frame->vector == VECTOR_SYSTEM_CALL ? TRAP_SYSTEM_CALL
			: is_breakpoint(frame)                ? TRAP_BREAKPOINT
												  : TRAP_ERROR;
	}
}

void trap_report(const struct trap_frame *frame, struct trap_report *report)
{
	*report = (struct trap_report){ .name = trap_name(frame),
		.pc = frame->pc,
		.stack_pointer = frame->sp,
		.present = is_page_fault(frame) && is_denied(frame) };
}

/* Code of the kernel and of the probe is in ARM state. */
void trap_set_pc(struct trap_frame *frame, uintptr_t pc)
{
	frame->pc = pc;
	frame->cpsr &= ~CPSR_THUMB;
}

void trap_set_result(struct trap_frame *frame, uintptr_t result)
{
	frame->r[0] = result;
}

void trap_frame_print(const struct trap_frame *frame)
{
	kprintf("  trap %u: %s, CPU %u, from %s mode\n", frame->vector, trap_name(frame), cpu_number(),
		is_users(frame) ? "user" : "kernel");
	if (is_abort(frame))
		kprintf("  status %03x at %08x: %s of a page that %s\n", frame->status, frame->address,
			frame->vector == VECTOR_PREFETCH_ABORT    ? "execution"
				: (frame->status & STATUS_WRITE) != 0 ? "write"
													  : "read",
			!is_page_fault(frame)  ? "is not to blame"
				: is_denied(frame) ? "does not allow it"
								   : "is not mapped");
	for (unsigned i = 0; i < 12; i += 4)
		kprintf("  r%-2u %08x  r%-2u %08x  r%-2u %08x  r%-2u %08x\n", i, frame->r[i], i + 1, frame->r[i + 1], i + 2,
			frame->r[i + 2], i + 3, frame->r[i + 3]);
	kprintf("  r12 %08x  sp  %08x  lr  %08x  pc  %08x\n", frame->r[12], frame->sp, frame->lr, frame->pc);
	kprintf("  cpsr %08x  ttbr0 %08x  ttbr1 %08x  contextidr %08x\n", frame->cpsr, CP15_READ(2, 0, 0, 0),
		CP15_READ(2, 0, 0, 1), CP15_READ(13, 0, 0, 1));
}
