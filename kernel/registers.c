/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Registers, printed. Each line is printed in one go, so that another CPU's text does
 * not come in between. Needs 100 bytes of stack; no memory and, in a panic, no lock.
 */

#include <kernel/lib.h>
#include <kernel/print.h>
#include <kernel/registers.h>

#define LINE 80
#define DIGITS (2 * sizeof(uintptr_t))

static size_t name_width(const struct trap_register *registers, size_t count)
{
	size_t width = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(registers[i].name);

		width = length > width ? length : width;
	}
	return width;
}

static void print_line(const struct trap_frame *frame, const struct trap_register *first, size_t count, size_t width)
{
	char line[LINE + 1];
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		uintptr_t value = *(const uintptr_t *) ((const char *) frame + first[i].offset);

		length += (size_t) ksnprintf(line + length, sizeof(line) - length, " %*s %0*lx", (int) width, first[i].name,
			(int) DIGITS, (unsigned long) value);
	}
	kprintf(" %s\n", line);
}

void trap_registers_print(const struct trap_frame *frame, const struct trap_register *registers, size_t count)
{
	size_t width = name_width(registers, count), columns = (LINE - 1) / (2 + width + DIGITS);

	for (size_t i = 0; i < count; i += columns)
		print_line(frame, &registers[i], count - i < columns ? count - i : columns, width);
}
