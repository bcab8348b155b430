/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the CPU reports of its TLBs: leaves 80000005H and 80000006H of CPUID
 * (AMD64 Architecture Programmer's Manual vol. 3, appendix E.4.4 and E.4.5).
 * Intel's CPUs leave them zero and report the sizes by other leaves, in codes
 * that change from one to the next: for those only the features are printed.
 */

#include <kernel/machine.h>
#include <kernel/print.h>
#include <x86/cpuid.h>

/* Where a leaf describes a TLB: eight bits of each count at level 1, twelve at level 2. */
static const struct tlb_field {
	const char *name;
	uint32_t leaf;
	bool ebx; /* in EBX; otherwise in EAX */
	uint32_t mask;
} tlb_fields[] = {
	{ "level 1, base pages", 0x80000005, true, 0xff },
	{ "level 1, large pages", 0x80000005, false, 0xff },
	{ "level 2, base pages", 0x80000006, true, 0xfff },
	{ "level 2, large pages", 0x80000006, false, 0xfff },
};

static bool field_print(const struct tlb_field *field)
{
	struct cpuid leaf = cpuid(field->leaf);
	uint32_t bits = field->ebx ? leaf.ebx : leaf.eax;
	uint32_t instructions = bits & field->mask, data = bits >> 16 & field->mask;

	if (instructions != 0 || data != 0)
		kprintf("  %s: %u entries for instructions, %u for data\n", field->name, instructions, data);
	return instructions != 0 || data != 0;
}

void arch_tlb_describe(void)
{
	bool printed = false;

	kprintf("CPU %u: global pages: in use; pages of 1 GiB: %s; process-context identifiers: %s\n", cpu_number(),
		(cpuid(CPUID_EXTENDED).edx & CPUID_EXTENDED_EDX_1_GIB) != 0 ? "yes" : "no",
		(cpuid(CPUID_FEATURES).ecx & CPUID_FEATURES_ECX_PCID) != 0 ? "it has them, they are not in use" : "no");
	for (size_t i = 0; i < ARRAY_COUNT(tlb_fields); i++)
		printed = field_print(&tlb_fields[i]) || printed;
	if (!printed)
		kprintf("  it does not report the sizes of its TLBs\n");
}
