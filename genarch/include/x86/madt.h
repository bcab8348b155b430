/* SPDX-License-Identifier: BSD-2-Clause */

/* Which CPUs there are: ACPI's "Multiple APIC Description Table" (ACPI 6.4, 5.2.12). */

#ifndef X86_MADT_H
#define X86_MADT_H

#include <mm/types.h>

/* CPUs whose LAPIC has a number of 8 bits. */
#define MADT_CPUS_MOST 255

struct madt {
	phys_t lapic; /* the registers of the LAPICs */
	unsigned count;
	uint8_t ids[MADT_CPUS_MOST]; /* of the LAPICs of all CPUs that may be used, in the firmware's order */
};

/** Reads the table. After km_init. @return false if there is none: then there is one CPU */
MUST_USE bool madt_read(struct madt *madt);

#endif
