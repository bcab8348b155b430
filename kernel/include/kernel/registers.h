/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The registers of a trap frame as a table of names and places: for the machines'
 * trap_frame_print and for the probe of user mode.
 */

#ifndef KERNEL_REGISTERS_H
#define KERNEL_REGISTERS_H

#include <mm/types.h>

struct trap_frame;

/* A register: a word of the frame. */
struct trap_register {
	char name[7];
	uint8_t kind;    /* the machine's own; 0 if it has no kinds */
	uint16_t offset; /* in struct trap_frame */
};

/** Where a register lies in a frame. */
static inline uintptr_t *trap_register(struct trap_frame *frame, const struct trap_register *reg)
{
	return (uintptr_t *) ((char *) frame + reg->offset);
}

/** Prints registers with their names, in columns, as many in a line as 80 characters hold. Any context. */
void trap_registers_print(const struct trap_frame *frame, const struct trap_register *registers, size_t count);

#endif
