/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From entry.S to the kernel: the vectors, the memory map, the hash table, the page tables that are in use until
 * page_init has made its own, and the BATs that stay:
 *
 *   instructions 0 to 3   the text of the image, in blocks of powers of two from 128 KiB on; what is left at the end of
 *                         it is executed by its pages
 *   data 0 to 2           the direct map
 *   data 3                the mac-io chip: what the console prints to, and the interrupt controller, need no page table
 *
 * The rest of the image is mapped by its pages: so what may not be written cannot be.
 */

#include <arch/cpu.h>
#include <arch/hash.h>
#include <arch/io.h>
#include <arch/kernel.h>
#include <arch/machine.h>
#include <arch/mm.h>
#include <drivers/pvpanic.h>
#include <kernel/boot.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <mm/assert.h>

#include "../../boot/openfirmware/openfirmware.h"

#define RANGES 64
#define BAT_LEAST KiB(128)
#define NOP 0x60000000u
#define BRANCH_ABSOLUTE 0x48000002u

/* MPC750, in the upper half of the processor version register: it has no AltiVec, and so no VRSAVE. */
#define VERSION_750 8

struct openfirmware openfirmware;

static struct memmap_range ranges[RANGES];
static struct memmap map;
static struct boot_info info = { .map = &map, .command_line = "", .loader = "OpenBIOS" };

static pte_t boot_root[PTL_ENTRIES(0)] __attribute__((aligned(PAGE_SIZE)));
static pte_t boot_tables[2][PTL_ENTRIES(1)] __attribute__((aligned(PAGE_SIZE)));

/* ---- vectors ---- */

extern const char trap_stub[], trap_stub_number[], trap_stub_branch[], trap_stub_end[];
extern const char trap_entry[], miss_data[], miss_code[], vrsave_save[], vrsave_restore[];

static void vector_write(uint32_t vector, const char *target)
{
	char *at = (char *) PA2KA(vector);

	memcpy(at, trap_stub, (size_t) (trap_stub_end - trap_stub));
	*(uint32_t *) (at + (trap_stub_number - trap_stub)) |= vector;
	*(uint32_t *) (at + (trap_stub_branch - trap_stub)) = BRANCH_ABSOLUTE | IMAGE2PA(target);
}

/* Of an instruction that the CPU does not have; by the direct map, as text cannot be written where it is executed. */
static void leave_out(const char *instruction)
{
	uintptr_t at = PA2KA(IMAGE2PA(instruction));

	*(volatile uint32_t *) at = NOP;
	frame_make_executable((const void *) ALIGN_DOWN(at, PAGE_SIZE));
}

static void vectors_write(void)
{
	for (uint32_t vector = VECTOR_RESET; vector < VECTORS_SIZE; vector += 0x100)
		vector_write(vector, trap_entry);
	vector_write(VECTOR_ALTIVEC, trap_entry);
	vector_write(VECTOR_DATA, miss_data);
	vector_write(VECTOR_CODE, miss_code);
	if (SPR_READ(SPR_PVR) >> 16 == VERSION_750) {
		leave_out(vrsave_save);
		leave_out(vrsave_restore);
	}
	for (uintptr_t at = 0; at < VECTORS_SIZE; at += PAGE_SIZE)
		frame_make_executable((const void *) PA2KA(at));
}

/* ---- devices ---- */

/* Registers of the bridge (Apple's UniNorth): type 0 accesses, a bit of the address chooses the device. */
#define PCI_ADDRESS (PCI_VIRT + 0x800000)
#define PCI_DATA (PCI_VIRT + 0xc00000)
#define PCI_FIRST 11
#define PCI_LAST 31
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 0x02
#define PCI_BAR0 0x10

phys_t pvpanic_page;
size_t pvpanic_pages;

static uintptr_t pvpanic_offset;

static uint32_t pci_read(unsigned device, unsigned reg)
{
	io_write32_le(PCI_ADDRESS, 1u << device | reg);
	return io_read32_le(PCI_DATA);
}

static void pvpanic_find(void)
{
	for (unsigned device = PCI_FIRST; device <= PCI_LAST; device++) {
		uint32_t at;

		if (pci_read(device, 0) != PVPANIC_PCI_ID)
			continue;
		at = pci_read(device, PCI_BAR0) & ~0xfu;
		if (at == 0)
			return;
		/* The lowest four bits are no part of an address (PCI 3.0, 6.2.5.1); here OpenBIOS leaves some of them set. */
		io_write32_le(PCI_ADDRESS, 1u << device | PCI_BAR0);
		io_write32_le(PCI_DATA, at);
		io_write32_le(PCI_ADDRESS, 1u << device | PCI_COMMAND);
		io_write32_le(PCI_DATA, PCI_COMMAND_MEMORY);
		pvpanic_page = ALIGN_DOWN(at, PAGE_SIZE);
		pvpanic_offset = at % PAGE_SIZE;
		pvpanic_pages = 1;
		return;
	}
}

uintptr_t pvpanic_register(void)
{
	return PVPANIC_VIRT + pvpanic_offset;
}

/* ---- memory ---- */

static void add(uint64_t base, uint64_t bytes, enum memmap_type type)
{
	if (memmap_add(&map, base, bytes, type) != EOK)
		kprintf("boot: %llx bytes at %llx are not in the memory map\n", (unsigned long long) bytes,
			(unsigned long long) base);
}

/* The number after "name=" on the command line; 0 if there is none. */
static size_t argument(const char *name)
{
	const char *at = strstr(info.command_line, name);
	size_t value = 0;

	for (at = at != NULL ? at + strlen(name) : ""; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (size_t) (*at - '0');
	return value;
}

/* In RAM that is mapped already: the first block of the direct map. @return what SDR1 is to be */
static uint32_t hash_make(void)
{
	size_t size = hash_size(memmap_total(&map, MEMMAP_FREE), argument("hash="));
	phys_t at = memmap_carve(&map, size + size / 2, size, IDENTITY_PHYS + 0x10000000 - 1);

	if (at == 0) {
		kprintf("Cannot start: there are no %zu KiB for the hash table.\n", size * 3 / 2 >> 10);
		arch_halt(HALT_BOOT);
	}
	return hash_place(at, size);
}

static void table_fill(pte_t *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags)
{
	boot_root[PTL_INDEX(va, 0)] = pte_table(IMAGE2PA(table));
	for (size_t i = 0; i < pages; i++)
		table[PTL_INDEX(va, 1) + i] = pte_leaf(pa + i * PAGE_SIZE, flags, 1);
}

static void tables_make(void)
{
	table_fill(boot_tables[0], (uintptr_t) image_start, IMAGE2PA(image_start),
		(size_t) (image_end - image_start) >> PAGE_WIDTH, PAGE_READ | PAGE_WRITE | PAGE_GLOBAL);
	table_fill(boot_tables[1], MACIO_VIRT, MACIO_PHYS, MACIO_SIZE >> PAGE_WIDTH, DEVICE_RIGHTS | PAGE_GLOBAL);
	table_fill(boot_tables[1], PVPANIC_VIRT, pvpanic_page, pvpanic_pages, DEVICE_RIGHTS | PAGE_GLOBAL);
}

/* The text in blocks, the largest first: each lies at a multiple of its size, as the image does. */
static void text_blocks(uint32_t *bats)
{
	size_t text = (size_t) (image_text_end - image_start), at = 0;

	for (unsigned i = 0; i < 4; i++) {
		size_t block = BAT_LEAST;

		while (block * 2 <= text - at)
			block *= 2;
		if (block > text - at)
			break;
		bats[2 * i] = BAT_UPPER((uint32_t) (uintptr_t) image_start + at, block);
		bats[2 * i + 1] = (uint32_t) (IMAGE2PA(image_start) + at) | BAT_READ_ONLY;
		at += block;
	}
	hash_text_check((uintptr_t) image_start + at);
}

static void mmu_set(uint32_t sdr1)
{
	static uint32_t values[17];

	values[0] = sdr1;
	text_blocks(values + 1);
	for (uint32_t i = 0; i < 3; i++) {
		values[9 + 2 * i] = BAT_UPPER(IDENTITY_VIRT + (i << 28), 0x10000000);
		values[10 + 2 * i] = (IDENTITY_PHYS + (i << 28)) | BAT_MEMORY;
	}
	values[15] = BAT_UPPER(MACIO_VIRT, MACIO_SIZE);
	values[16] = MACIO_PHYS | BAT_DEVICE;
	hash_segments_load();
	page_root_load(IMAGE2PA(boot_root));
	mmu_start(IMAGE2PA(values));
	tlb_invalidate_all();
}

static void timebase_take(void)
{
	uint32_t hz = openfirmware_number(openfirmware.timebase);

	if (hz >= 1000000)
		timebase_hz = hz;
}

void ppc_start(void)
{
	uintptr_t stack = PA2KA(IMAGE2PA(boot_stack));
	const char *why;

	arch_stack_set(stack, BOOT_STACK_SIZE);
	vectors_write();
	SPR_WRITE(SPR_HID0, SPR_READ(SPR_HID0) | HID0_DOZE);
	timebase_take();
	pvpanic_find();
	info.command_line = openfirmware_command_line(&openfirmware);
	memmap_init(&map, ranges, RANGES);
	add(0, VECTORS_SIZE, MEMMAP_RESERVED);
	add(IMAGE2PA(image_start), (size_t) (image_end - image_start), MEMMAP_IMAGE);
	why = openfirmware_read(&openfirmware, &map);
	if (why != NULL) {
		kprintf("Cannot start: %s.\n", why);
		arch_halt(HALT_BOOT);
	}
	tables_make();
	mmu_set(hash_make());
	kernel_main(&info, stack, BOOT_STACK_SIZE);
}
