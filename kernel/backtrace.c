/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who called whom. All of the kernel is compiled with frame pointers, so the
 * frames of a stack are a chain: each begins with the address of its caller's,
 * and the address where the caller goes on lies beside it.
 *
 * This runs when things are broken, so nothing is believed: every frame is
 * probed before it is read, must be aligned and lie above the one before, and
 * the trace ends after BACKTRACE_MOST calls. Any context.
 */

#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/symbols.h>
#include <kernel/trap.h>

#define BACKTRACE_MOST 32

/* The words of a frame that frame_pointer_next reads lie within so many bytes on either side. */
#define FRAME_REACH (2 * sizeof(uintptr_t))

void print_symbol(uintptr_t va)
{
	size_t offset;
	const char *name = symbol_name(va, &offset);

	if (name != NULL)
		kprintf("%s+0x%zx", name, offset);
	else
		kprintf("%p", (void *) va);
}

static bool frame_readable(uintptr_t frame_pointer)
{
	return frame_pointer >= FRAME_REACH && frame_pointer % sizeof(uintptr_t) == 0 &&
		probe_read(frame_pointer - FRAME_REACH) && probe_read(frame_pointer + FRAME_REACH - 1);
}

/* The call before a return address; that may lie beyond the function's end, if what was called never returns. */
static void print_call(uintptr_t return_address)
{
	size_t offset;
	const char *name = symbol_name(return_address - 1, &offset);

	if (name != NULL)
		kprintf("  %p  %s+0x%zx\n", (void *) return_address, name, offset + 1);
	else
		kprintf("  %p\n", (void *) return_address);
}

void backtrace_print(uintptr_t frame_pointer)
{
	if (frame_pointer == 0)
		frame_pointer = (uintptr_t) __builtin_frame_address(0);

	for (unsigned calls = 0; calls < BACKTRACE_MOST && frame_readable(frame_pointer); calls++) {
		uintptr_t before = frame_pointer, pc;

		if (!frame_pointer_next(&frame_pointer, &pc))
			return;
		print_call(pc);
		if (frame_pointer <= before)
			return;
	}
}

void backtrace_print_trap(const struct trap_frame *frame)
{
	struct trap_report report;

	trap_report(frame, &report);
	kprintf("  %p  ", (void *) report.pc);
	print_symbol(report.pc);
	kprintf("\n");
	if (report.frame_pointer != 0)
		backtrace_print(report.frame_pointer);
}
