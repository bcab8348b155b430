/* SPDX-License-Identifier: BSD-2-Clause */

/* Which CPUs there are: ACPI's "Multiple APIC Description Table" (ACPI 6.4, 5.2.12). */

#ifndef X86_MADT_H
#define X86_MADT_H

#include <kernel/boot_reader.h>
#include <mm/types.h>

/* CPUs whose LAPIC has a number of 8 bits; 255 is all of them. */
#define MADT_CPUS_MOST 255

struct madt {
	phys_t lapic; /* the registers of the LAPICs */
	unsigned count;
	uint8_t ids[MADT_CPUS_MOST]; /* of the LAPICs of all CPUs that may be used, each once, in the firmware's order */
};

/** Finds and reads the table. @return false if there is none that can be believed: then there is one CPU */
MUST_USE bool madt_read(const struct boot_reader *reader, struct madt *madt);

#endif
