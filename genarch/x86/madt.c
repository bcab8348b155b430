/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the firmware's root pointer to the table of CPUs (ACPI 6.4, 5.2.5):
 *
 *   "RSD PTR ", on a multiple of 16 in the first KiB of the EBDA, or in the BIOS
 *     ->  XSDT (from version 2 on) or RSDT: addresses of tables
 *     ->  the one with signature "APIC"
 *
 * Nothing is believed: bytes are reached through a reader that refuses what
 * cannot be read, a table counts only if its length is one it may have and its
 * bytes add up to 0, and of each table a bounded part is read. A root pointer or
 * an XSDT that leads nowhere is passed over for the next.
 *
 * Context: once, at boot. COST. Linear in the sizes of the tables, of which there
 * are TABLES_MAX at most.
 */

#include <mm/types.h>
#include <x86/madt.h>

#define BIOS_START 0xe0000u
#define BIOS_END 0x100000u

/* The word of the BIOS data area that has the segment of the EBDA, the part of that to look at, where it may lie. */
#define EBDA_SEGMENT 0x40eu
#define EBDA_SIZE 0x400u
#define EBDA_FIRST 0x500u
#define EBDA_LAST (0xa0000u - EBDA_SIZE)

#define TABLE_SIZE_MAX KiB(64) /* a longer table is not believed */
#define TABLES_MAX 256         /* addresses that are followed, of one root */
#define PIECE 256              /* bytes that are read at a time */

/* 5.2.5.3; up to rsdt in all versions. */
struct root_pointer {
	char signature[8];
	uint8_t sum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t bytes;
	uint64_t xsdt;
	uint8_t sum_of_all, reserved[3];
} __attribute__((packed));

#define ROOT_POINTER_FIRST 20 /* bytes of the first version */

/* 5.2.6: what all tables begin with. */
struct table {
	char signature[4];
	uint32_t bytes;
	uint8_t revision, sum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct madt_table {
	struct table table;
	uint32_t lapic, flags;
} __attribute__((packed));

/* 5.2.12.2 and 5.2.12.8: entries of the table. */
#define ENTRY_LAPIC 0
#define ENTRY_LAPIC_ADDRESS 5
#define LAPIC_ENABLED 1u
#define LAPIC_ALL 255

struct entry_head {
	uint8_t type, bytes;
} __attribute__((packed));

struct entry_lapic {
	struct entry_head head;
	uint8_t processor, id;
	uint32_t flags;
} __attribute__((packed));

struct entry_lapic_address {
	struct entry_head head;
	uint16_t reserved;
	uint64_t lapic;
} __attribute__((packed));

static uint8_t sum_of(const void *start, size_t bytes)
{
	const uint8_t *byte = start;
	uint8_t sum = 0;

	while (bytes-- > 0)
		sum = (uint8_t) (sum + *byte++);
	return sum;
}

static bool is_signed(const char *signature, const char *wanted, size_t bytes)
{
	return __builtin_memcmp(signature, wanted, bytes) == 0;
}

/* ---- tables ---- */

/* Whether all of a table can be read, and its bytes add up to 0. */
static bool table_adds_up(const struct boot_reader *reader, uint64_t pa, size_t bytes)
{
	uint8_t piece[PIECE], sum = 0;

	for (size_t at = 0; at < bytes; at += sizeof(piece)) {
		size_t here = bytes - at < sizeof(piece) ? bytes - at : sizeof(piece);

		if (!reader->read(reader, pa + at, piece, here))
			return false;
		sum = (uint8_t) (sum + sum_of(piece, here));
	}
	return sum == 0;
}

/* The length of the table at pa, if it is one with this signature, at least so long and whole; otherwise 0. */
static size_t table_validate(const struct boot_reader *reader, uint64_t pa, const char *signature, size_t least)
{
	struct table head;

	if (pa == 0 || !reader->read(reader, pa, &head, sizeof(head)) ||
		!is_signed(head.signature, signature, sizeof(head.signature)) || head.bytes < least ||
		head.bytes > TABLE_SIZE_MAX || pa + head.bytes < pa || !table_adds_up(reader, pa, head.bytes))
		return 0;
	return head.bytes;
}

static void id_add(struct madt *madt, uint8_t id)
{
	for (unsigned i = 0; i < madt->count; i++)
		if (madt->ids[i] == id)
			return;
	if (id != LAPIC_ALL)
		madt->ids[madt->count++] = id;
}

/* One entry of which all bytes lie in the table. @return false if it cannot be read */
static bool entry_read(const struct boot_reader *reader, uint64_t pa, struct entry_head head, struct madt *madt)
{
	struct entry_lapic lapic;
	struct entry_lapic_address address;

	if (head.type == ENTRY_LAPIC && head.bytes >= sizeof(lapic)) {
		if (!reader->read(reader, pa, &lapic, sizeof(lapic)))
			return false;
		if ((lapic.flags & LAPIC_ENABLED) != 0)
			id_add(madt, lapic.id);
	} else if (head.type == ENTRY_LAPIC_ADDRESS && head.bytes >= sizeof(address)) {
		if (!reader->read(reader, pa, &address, sizeof(address)))
			return false;
		if (address.lapic <= UINT32_MAX) /* beyond, a CPU that starts cannot reach it */
			madt->lapic = (phys_t) address.lapic;
	}
	return true;
}

static bool madt_take(const struct boot_reader *reader, uint64_t pa, struct madt *madt)
{
	size_t bytes = table_validate(reader, pa, "APIC", sizeof(struct madt_table));
	struct madt_table table;
	struct entry_head head;

	if (bytes == 0 || !reader->read(reader, pa, &table, sizeof(table)))
		return false;
	*madt = (struct madt){ .lapic = table.lapic };
	for (size_t at = sizeof(table); at + sizeof(head) <= bytes; at += head.bytes)
		if (!reader->read(reader, pa + at, &head, sizeof(head)) || head.bytes < sizeof(head) ||
			head.bytes > bytes - at || !entry_read(reader, pa + at, head, madt))
			break;
	return madt->count != 0;
}

/* Looks for the table among those of a root, whose addresses are words of so many bytes. */
static bool root_take(
	const struct boot_reader *reader, uint64_t root, const char *signature, size_t word, struct madt *madt)
{
	size_t bytes = table_validate(reader, root, signature, sizeof(struct table));
	size_t count = bytes == 0 ? 0 : (bytes - sizeof(struct table)) / word;

	for (size_t i = 0; i < count && i < TABLES_MAX; i++) {
		uint64_t pa;

		if (boot_number_read(reader, root + sizeof(struct table) + i * word, word, BOOT_LITTLE, &pa) &&
			madt_take(reader, pa, madt))
			return true;
	}
	return false;
}

/* ---- the root pointer ---- */

static bool pointer_take(const struct boot_reader *reader, uint64_t pa, struct madt *madt)
{
	struct root_pointer pointer = { .rsdt = 0 };

	if (!reader->read(reader, pa, &pointer, ROOT_POINTER_FIRST) || sum_of(&pointer, ROOT_POINTER_FIRST) != 0)
		return false;
	if (pointer.revision >= 2 && reader->read(reader, pa, &pointer, sizeof(pointer)) &&
		pointer.bytes >= sizeof(pointer) && pointer.bytes <= TABLE_SIZE_MAX &&
		table_adds_up(reader, pa, pointer.bytes) && root_take(reader, pointer.xsdt, "XSDT", sizeof(uint64_t), madt))
		return true;
	return root_take(reader, pointer.rsdt, "RSDT", sizeof(uint32_t), madt);
}

static bool range_take(const struct boot_reader *reader, uint64_t start, uint64_t end, struct madt *madt)
{
	char piece[PIECE];

	for (uint64_t pa = start; pa < end; pa += sizeof(piece)) {
		if (!reader->read(reader, pa, piece, sizeof(piece)))
			continue;
		for (size_t at = 0; at < sizeof(piece); at += 16)
			if (is_signed(piece + at, "RSD PTR ", 8) && pointer_take(reader, pa + at, madt))
				return true;
	}
	return false;
}

/* The start of the EBDA; 0 if there is none. */
static uint64_t ebda_find(const struct boot_reader *reader)
{
	uint16_t segment;
	uint64_t start;

	if (!reader->read(reader, EBDA_SEGMENT, &segment, sizeof(segment)))
		return 0;
	start = (uint64_t) segment << 4;
	return start >= EBDA_FIRST && start <= EBDA_LAST ? start : 0;
}

bool madt_read(const struct boot_reader *reader, struct madt *madt)
{
	uint64_t ebda = ebda_find(reader);

	if ((ebda != 0 && range_take(reader, ebda, ebda + EBDA_SIZE, madt)) ||
		range_take(reader, BIOS_START, BIOS_END, madt))
		return true;
	*madt = (struct madt){ .count = 0 };
	return false;
}
