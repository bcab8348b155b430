/* SPDX-License-Identifier: BSD-2-Clause */

/* Between the way of booting (boot/) and x86_start. */

#ifndef X86_BOOT_H
#define X86_BOOT_H

#include <kernel/boot.h>

/**
 * Reads what the loader has left and makes it the kernel's own: nothing of the loader's is needed afterwards. Console
 * and traps work. What cannot be used is logged; if no memory is reported at all, the machine is stopped.
 *
 * @param magic, info  as the loader has left them in EAX and EBX
 */
const struct boot_info *boot_collect(uint32_t magic, uint32_t info);

#endif
