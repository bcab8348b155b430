/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * SYS_EXIT_EXTENDED ("Semihosting for AArch32 and AArch64", 6.3), by HLT #0xf000 in
 * ARM state, which no code of the kernel's can take for a system call.
 */

#include <drivers/semihosting.h>
#include <mm/types.h>

#define EXIT_EXTENDED 0x20
#define REASON_APPLICATION_EXIT 0x20026

void semihosting_exit(unsigned status)
{
	const uint32_t block[] = { REASON_APPLICATION_EXIT, status };
	register uint32_t r0 __asm__("r0") = EXIT_EXTENDED;
	register const uint32_t *r1 __asm__("r1") = block;

	__asm__ volatile(".inst 0xe10f0070" : "+r"(r0) : "r"(r1) : "memory");
}
