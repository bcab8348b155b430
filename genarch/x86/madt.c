/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the firmware's root pointer to the table of CPUs:
 *
 *   "RSD PTR ", on a multiple of 16 in the BIOS  ->  RSDT: addresses of tables  ->  the one with signature "APIC"
 *
 * Tables lie anywhere in physical memory, so each is mapped while it is read.
 * A table whose bytes do not add up to 0 is not believed.
 *
 * Context: once, at boot. COST. Linear in the sizes of the tables.
 */

#include <kernel/lib.h>
#include <mm/km.h>
#include <x86/madt.h>

#define BIOS_START 0xe0000u
#define BIOS_SIZE 0x20000u
#define TABLE_MOST KiB(64) /* a longer table is not believed */

/* ACPI 6.4, 5.2.5.3, the part that all versions have. */
struct root_pointer {
	char signature[8];
	uint8_t sum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
} __attribute__((packed));

/* 5.2.6: what all tables begin with. */
struct table {
	char signature[4];
	uint32_t bytes;
	uint8_t revision, sum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct rsdt {
	struct table table;
	uint32_t tables[];
} __attribute__((packed));

struct madt_table {
	struct table table;
	uint32_t lapic, flags;
	uint8_t entries[];
} __attribute__((packed));

/* 5.2.12.2 */
#define ENTRY_LAPIC 0
#define LAPIC_ENABLED 1u

struct entry {
	uint8_t type, bytes;
	uint8_t processor, id;
	uint32_t flags;
} __attribute__((packed));

static bool sum_is_right(const void *start, size_t bytes)
{
	const uint8_t *byte = start;
	uint8_t sum = 0;

	while (bytes-- > 0)
		sum = (uint8_t) (sum + *byte++);
	return sum == 0;
}

static const void *map(phys_t pa, size_t bytes)
{
	uintptr_t va;

	return km_map(pa, bytes, PAGE_READ, FRAME_ATOMIC, &va) == EOK ? (const void *) va : NULL;
}

static void unmap(const void *mapped, size_t bytes)
{
	km_unmap((uintptr_t) mapped, bytes);
}

/* Physical address of the RSDT; 0 if there is none. */
static phys_t rsdt_find(void)
{
	const char *bios = map(BIOS_START, BIOS_SIZE);
	phys_t found = 0;

	for (size_t at = 0; bios != NULL && at + sizeof(struct root_pointer) <= BIOS_SIZE && found == 0; at += 16) {
		const struct root_pointer *pointer = (const struct root_pointer *) (bios + at);

		if (memcmp(pointer->signature, "RSD PTR ", sizeof(pointer->signature)) == 0 &&
			sum_is_right(pointer, sizeof(*pointer)))
			found = pointer->rsdt;
	}
	if (bios != NULL)
		unmap(bios, BIOS_SIZE);
	return found;
}

/* A table, mapped whole, for unmap(…, table->bytes); NULL if it is not one. */
static const struct table *table_map(phys_t pa, const char *signature)
{
	const struct table *head = map(pa, sizeof(*head)), *whole = NULL;
	size_t bytes;

	if (head == NULL)
		return NULL;
	bytes = head->bytes;
	if (memcmp(head->signature, signature, sizeof(head->signature)) == 0 && bytes >= sizeof(*head) &&
		bytes <= TABLE_MOST)
		whole = map(pa, bytes);
	unmap(head, sizeof(*head));
	if (whole != NULL && !sum_is_right(whole, bytes)) {
		unmap(whole, bytes);
		whole = NULL;
	}
	return whole;
}

static const struct table *madt_map(const struct rsdt *rsdt)
{
	const struct table *found = NULL;

	for (size_t i = 0; i < (rsdt->table.bytes - sizeof(*rsdt)) / sizeof(rsdt->tables[0]) && found == NULL; i++)
		found = table_map(rsdt->tables[i], "APIC");
	return found;
}

static void entries_read(const struct madt_table *table, struct madt *madt)
{
	size_t bytes = table->table.bytes - sizeof(*table);
	const struct entry *entry;

	for (size_t at = 0; at + sizeof(*entry) <= bytes; at += entry->bytes) {
		entry = (const struct entry *) (table->entries + at);
		if (entry->bytes < 2)
			return;
		if (entry->type == ENTRY_LAPIC && (entry->flags & LAPIC_ENABLED) != 0 && madt->count < MADT_CPUS_MOST)
			madt->ids[madt->count++] = entry->id;
	}
}

bool madt_read(struct madt *madt)
{
	phys_t rsdt_at = rsdt_find();
	const struct table *rsdt = rsdt_at != 0 ? table_map(rsdt_at, "RSDT") : NULL;
	const struct table *table = rsdt != NULL ? madt_map((const struct rsdt *) rsdt) : NULL;

	*madt = (struct madt){ .count = 0 };
	if (table != NULL && table->bytes >= sizeof(struct madt_table)) {
		madt->lapic = ((const struct madt_table *) table)->lapic;
		entries_read((const struct madt_table *) table, madt);
	}
	if (table != NULL)
		unmap(table, table->bytes);
	if (rsdt != NULL)
		unmap(rsdt, rsdt->bytes);
	return madt->count != 0;
}
