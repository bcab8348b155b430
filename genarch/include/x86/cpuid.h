/* SPDX-License-Identifier: BSD-2-Clause */

/* The CPUID instruction (SDM vol. 2A, "CPUID"). */

#ifndef X86_CPUID_H
#define X86_CPUID_H

#include <mm/types.h>

#define CPUID_FEATURES 1u
#define CPUID_FEATURES_ECX_PCID (1u << 17)
#define CPUID_MORE_FEATURES 7u
#define CPUID_MORE_FEATURES_EBX_SMEP (1u << 7)
#define CPUID_MORE_FEATURES_EBX_SMAP (1u << 20)
#define CPUID_MORE_FEATURES_ECX_UMIP (1u << 2)
#define CPUID_EXTENDED 0x80000001u
#define CPUID_EXTENDED_EDX_1_GIB (1u << 26)
#define CPUID_SIZES 0x80000008u
#define CPUID_SIZES_EAX_PHYSICAL 0xffu /* bits of a physical address */

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/** What the CPU reports in a leaf; zeros if it has no such leaf. */
static inline struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid last, result = { 0, 0, 0, 0 };

	__asm__("cpuid" : "=a"(last.eax), "=b"(last.ebx), "=c"(last.ecx), "=d"(last.edx) : "a"(leaf & 0x80000000u), "c"(0));
	if (leaf <= last.eax)
		__asm__("cpuid" : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx) : "a"(leaf), "c"(0));
	return result;
}

#endif
