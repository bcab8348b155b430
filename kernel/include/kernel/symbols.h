/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names for addresses. The kernel is linked twice: tools/mksymbols makes the
 * table below out of the first link's symbols, and the second link puts it at
 * the image's end, so that nothing moves. The first link has the empty table of
 * kernel/symbols_none.c, whose definitions are weak.
 */

#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include <mm/types.h>

/*
 * The table. Symbols are sorted by address; symbol i lies at symbol_base +
 * symbol_offsets[i] and is called symbol_names + symbol_name_offsets[i].
 */
extern const uintptr_t symbol_base; /* address of the first symbol */
extern const uint32_t symbol_count;
extern const uint32_t symbol_offsets[];
extern const uint32_t symbol_name_offsets[];
extern const char symbol_names[]; /* each name with a terminating 0 */

/**
 * Finds the symbol that an address belongs to: the last one at or below it, within the image.
 *
 * @param offset  receives the distance from the symbol; may be NULL
 * @return NULL if there is none
 */
const char *symbol_name(uintptr_t va, size_t *offset);

/** Finds the address of a symbol. @return false if there is none of that name */
MUST_USE bool symbol_address(const char *name, uintptr_t *va);

/** Calls visit for every symbol whose name begins with prefix, by address; stops on false. For completion. */
void symbol_each(const char *prefix, bool (*visit)(const char *name, uintptr_t va, void *argument), void *argument);

#endif
