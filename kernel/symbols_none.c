/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The empty symbol table, for the first link. The definitions are weak, so those
 * of the table that tools/mksymbols makes take their place; and they have a file
 * of their own, where no code can be compiled with their values in mind.
 */

#include <kernel/symbols.h>

#define WEAK __attribute__((weak))

const uintptr_t symbol_base WEAK = 0;
const uint32_t symbol_count WEAK = 0;
const uint32_t symbol_offsets[1] WEAK = { 0 };
const uint32_t symbol_name_offsets[1] WEAK = { 0 };
const char symbol_names[1] WEAK = "";
