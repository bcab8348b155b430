/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about virtual memory: layout, page, pt, tlb.
 */

#include "groups.h"

#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/symbols.h>
#include <mm/kernel_map.h>
#include <mm/km.h>
#include <mm/km_local.h>
#include <mm/tlb.h>

#define RIGHTS_TEXT 32

/* What a mapping allows: "rw- global". */
static const char *rights_text(char text[static RIGHTS_TEXT], page_flags_t flags)
{
	ksnprintf(text, RIGHTS_TEXT, "%c%c%c%s%s%s", (flags & PAGE_READ) != 0 ? 'r' : '-',
		(flags & PAGE_WRITE) != 0 ? 'w' : '-', (flags & PAGE_EXEC) != 0 ? 'x' : '-',
		(flags & PAGE_USER) != 0 ? " user" : "", (flags & PAGE_GLOBAL) != 0 ? " global" : "",
		(flags & PAGE_UNCACHED) != 0 ? " uncached" : "");
	return text;
}

/* ---- layout ---- */

struct part {
	const char *name;
	uintptr_t first, last;
};

static void print_part(const struct part *part)
{
	uint64_t size = (uint64_t) part->last - part->first + 1;
	size_t mapped = page_mapping_count(&page_kernel, part->first, (size_t) (size / PAGE_SIZE));
	struct page_mapping mapping = page_mapping_find(&page_kernel, part->first);

	kprintf("%-16s  " ADDRESS "  " ADDRESS "  %9s  %9s  %s\n", part->name, ADDRESS_OF(part->first),
		ADDRESS_OF(part->last), SIZE(size), SIZE((uint64_t) mapped * PAGE_SIZE),
		mapping.size != 0 ? rights_text((char[RIGHTS_TEXT]){ 0 }, mapping.flags) : "-");
}

/* What the arenas of the window have given out. */
static void print_window(void)
{
	struct km_info info;

	km_get_info(&info);
	kprintf("\nOf the window %s are free. Ranges taken, each with its guard page: %zu; %s of km_map, %s of km_alloc.\n",
		SIZE((uint64_t) info.free * PAGE_SIZE), info.mappings, SIZE((uint64_t) info.map_pages * PAGE_SIZE),
		SIZE((uint64_t) info.alloc_pages * PAGE_SIZE));
}

/* Of a machine that has them. */
static void print_temporary(const struct km_local_info *local)
{
	if (local->pages == 0)
		return;
	kprintf("Temporary mappings: each CPU can have %u at a time. %zu were made since boot, at most %zu at a time.\n",
		KM_LOCAL_DEPTH, local->made, local->deepest);
}

static void print_fixed(void)
{
	const struct fixed_mapping fixed[] = { KERNEL_FIXED };

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
		if (fixed[i].pages != 0)
			print_part(&(struct part){ "fixed", fixed[i].va, fixed[i].va + fixed[i].pages * PAGE_SIZE - 1 });
}

static bool run_layout(const struct command_call *call)
{
	struct km_local_info local;
	const struct part parts[] = {
		{ "user space", USER_START, USER_LAST },
		{ "identity window", IDENTITY_VIRT, (uintptr_t) IDENTITY_VIRT + (IDENTITY_SIZE - 1) },
		{ "image: text", (uintptr_t) image_start, (uintptr_t) image_text_end - 1 },
		{ "image: read-only", (uintptr_t) image_text_end, (uintptr_t) image_rodata_end - 1 },
		{ "image: data", (uintptr_t) image_rodata_end, (uintptr_t) image_end - 1 },
		{ "window", KM_START, KM_END - 1 },
	};

	(void) call;
	km_local_get_info(&local);
	kprintf("%-16s  %-*s  %-*s  %9s  %9s  %s\n", "PART", ADDRESS_WIDTH, "FIRST", ADDRESS_WIDTH, "LAST", "SIZE",
		"MAPPED", "RIGHTS");
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		print_part(&parts[i]);
	if (local.pages != 0)
		print_part(&(struct part){ "  temporary", local.start, local.start + local.pages * PAGE_SIZE - 1 });
	print_fixed();
	print_window();
	print_temporary(&local);
	return true;
}

/* ---- page VA ---- */

#define LEVELS_MOST 8

static void print_level(const struct page_level *level, const struct page_mapping *mapping)
{
	kprintf("PTL%u   %5zu  " ADDRESS "  " ADDRESS "  ", level->level, level->index, PHYSICAL_OF(level->entry_at),
		ADDRESS_OF(level->entry));
	if (!level->present)
		kprintf("nothing\n");
	else if (!level->leaf)
		kprintf("a table, at " ADDRESS "\n", PHYSICAL_OF(ALIGN_DOWN(level[1].entry_at, PAGE_SIZE)));
	else
		kprintf("a page of %s, at " ADDRESS "\n", SIZE(mapping->size),
			PHYSICAL_OF(ALIGN_DOWN(mapping->pa, (phys_t) mapping->size)));
}

static void print_levels(uintptr_t va, const struct page_mapping *mapping)
{
	struct page_level levels[LEVELS_MOST];
	size_t count = page_describe(&page_kernel, va, levels, LEVELS_MOST);

	if (count == 0)
		return;
	kprintf("LEVEL  INDEX  %-*s  %-*s  LEADS TO\n", PHYSICAL_WIDTH, "ENTRY AT", ADDRESS_WIDTH, "BITS");
	for (size_t i = 0; i < count; i++)
		print_level(&levels[i], mapping);
}

static bool run_page(const struct command_call *call)
{
	uintptr_t va = (uintptr_t) call->values[0];
	struct page_mapping mapping = page_mapping_find(&page_kernel, va);

	print_levels(va, &mapping);
	kprintf(ADDRESS " ", ADDRESS_OF(va));
	if (symbol_name(va, NULL) != NULL) {
		kprintf("(");
		print_symbol(va);
		kprintf(") ");
	}
	if (mapping.size == 0)
		kprintf("is not mapped by the kernel\n");
	else
		kprintf("is physical " ADDRESS ", %s\n", PHYSICAL_OF(mapping.pa),
			rights_text((char[RIGHTS_TEXT]){ 0 }, mapping.flags));
	return true;
}

/* ---- pt ---- */

static void print_occupancy(const struct page_table_info *info, unsigned level)
{
	size_t room = info->room[level], used = info->entries[level];

	kprintf("PTL%u   %6zu  %7zu  %9zu  %8u  %10zu\n", level, info->tables[level], room, used,
		(unsigned) (room == 0 ? 0 : (uint64_t) used * 100 / room), info->leaves[level]);
}

static bool run_pt(const struct command_call *call)
{
	struct page_table_info info;
	size_t tables = 0;

	(void) call;
	page_table_get_info(&page_kernel, &info);
	kprintf("page tables of the kernel; design: %s\n", page_design_name());
	kprintf("LEVEL  TABLES  ENTRIES       USED  FULL (%%)  MAP A PAGE\n");
	for (unsigned level = 0; level < info.levels; level++) {
		print_occupancy(&info, level);
		tables += info.tables[level];
	}
	kprintf("\n%zu tables, and %zu set aside for splits of large pages: %s\n", tables, info.spares,
		SIZE((uint64_t) info.frames * PAGE_SIZE));
	return true;
}

/* ---- tlb ---- */

static bool run_tlb(const struct command_call *call)
{
	struct tlb_info info;

	(void) call;
	arch_tlb_describe();
	tlb_get_info(&info);
	kprintf("\nDropped since boot, on all CPUs:\n");
	kprintf("%12llu pages, one by one; %llu ranges of up to %u pages among them\n", (unsigned long long) info.pages,
		(unsigned long long) info.ranges, (unsigned) TLB_RANGE_MAX);
	kprintf("%12llu times everything\n", (unsigned long long) info.alls);
	kprintf("%12llu times other CPUs were asked to drop it too, by %llu interrupts; they have answered %llu times\n",
		(unsigned long long) info.requests, (unsigned long long) info.interrupts, (unsigned long long) info.answers);
	if (info.asids.most > 1)
		kprintf("\nIdentifiers of address spaces: %zu on each CPU, %zu given in the generations under way, %zu begun\n",
			info.asids.most, info.asids.in_use, info.asids.generations);
	else
		kprintf("\nNo identifiers of address spaces: a switch drops what is not global.\n");
	return true;
}

static const struct command commands[] = {
	{
		.name = "layout",
		.summary = "what virtual addresses are for",
		.detail = "MAPPED: by the kernel's page tables. RIGHTS: of the first page of the part, as\n"
				  "the page tables have it. The window is where km_map and km_alloc have room; its\n"
				  "first page is never mapped. vmem has more about it. Part of it, where there may\n"
				  "be memory without a permanent address, is for temporary mappings of that.\n",
		.run = run_layout,
	},
	{
		.name = "page",
		.summary = "how a virtual address translates, level by level",
		.run = run_page,
		.arguments = { { .kind = ARGUMENT_ADDRESS, .name = "VA", .names = symbol_names_tell } },
	},
	{
		.name = "pt",
		.summary = "the page tables: how many, how full",
		.run = run_pt,
	},
	{
		.name = "tlb",
		.summary = "the machine's TLB, and what was dropped from it",
		.run = run_tlb,
	},
};

const struct command_group mapping_commands = { "Virtual memory", commands, ARRAY_COUNT(commands) };
