/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Temporary mappings (mm/km_local.h).
 *
 * Each CPU has KM_LOCAL_DEPTH slots: pages of kernel space whose page tables
 * are there for ever, a guard page behind each. They are taken in order, as a
 * stack, and given back in the reverse order:
 *
 *     CPU 0                                            CPU 1
 *     | slot 0 | guard | slot 1 | guard | slot 2 ...   | slot 0 | guard | ...
 *
 * To map a frame is to write its leaf into the entry of the next slot, and to
 * drop what this CPU's TLB has for that page. No lock, no memory, no other CPU
 * is asked: interrupts are off from the first mapping to the last unmapping, so
 * the slots of a CPU have one user at a time, which stays on it.
 *
 * OTHER CPUS see these entries too, since kernel space is everybody's, and may
 * fill their TLBs from them by speculation. They use no address of this CPU's
 * slots, so what they hold of them, however stale, is never used. What this CPU
 * may have filled in by speculation is dropped each time an entry changes: when
 * a slot is taken and when it is given back.
 *
 * A SLOT NOT IN USE is mapped to the parking frame, to be read only. So the page
 * tables have as many entries in use at all times, and nothing else about them
 * needs to know of slots. Who writes through a slot that he has given back
 * faults; who reads, reads poison.
 *
 * CONTEXTS. Any. An interrupt handler finds no slot in use: interrupts are on
 * then. Who sleeps with one in hand is told, since sleeping with interrupts off
 * is. The depth is what a copy takes, twice: one under way, and one more by
 * what it calls.
 *
 * INVARIANTS, by the names that km_local_check logs: "parked" (a slot that is
 * not in use is mapped to the parking frame, read only).
 *
 * COST. About 45 instructions to map, as many to unmap.
 */

#include <mm/assert.h>
#include <mm/km.h>
#include <mm/km_local.h>

#define SLOT_RIGHTS (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)
#define PARKED_RIGHTS (PAGE_READ | PAGE_GLOBAL)
#define POISON 0x9d

/* A slot and its guard page, and those of a CPU. */
#define SLOT_SIZE (2 * PAGE_SIZE)
#define CPU_SIZE (KM_LOCAL_DEPTH * SLOT_SIZE)

/* What a CPU has: its own to change, with interrupts off. */
struct local {
	uintptr_t va; /* of slot 0 */
	unsigned depth;
	unsigned deepest;
	port_irq_t irq; /* what interrupts were before the first */
	size_t made;
	pte_t *entries[KM_LOCAL_DEPTH];
} __attribute__((aligned(CACHE_LINE)));

static struct local locals[CONFIG_MAX_CPUS];
static uintptr_t start; /* of all slots; 0 = there are none */
static phys_t parking;

static inline uintptr_t slot_va(const struct local *local, unsigned slot)
{
	return local->va + slot * SLOT_SIZE;
}

/* The counters are written by their own CPU only, and glanced at by others. */
static inline void depth_set(struct local *local, unsigned depth)
{
	__atomic_store_n(&local->depth, depth, __ATOMIC_RELAXED);
}

/* ---- mapping ---- */

void *km_local_map_high(phys_t pa)
{
	port_irq_t irq = port_irq_save();
	struct local *local = &locals[port_cpu()];
	unsigned slot = local->depth;
	uintptr_t va = slot_va(local, slot);

	mm_assert(start != 0 && pa <= RAM_LAST, "%#" PHYS_X " is mapped before km_init, or is no memory", pa);
	mm_assert(slot < KM_LOCAL_DEPTH, "CPU %u has %u temporary mappings already, and wants one of %#" PHYS_X, port_cpu(),
		slot, pa);
	if (slot == 0)
		local->irq = irq;
	depth_set(local, slot + 1);
	__atomic_store_n(&local->made, local->made + 1, __ATOMIC_RELAXED);
	if (unlikely(slot >= local->deepest))
		__atomic_store_n(&local->deepest, slot + 1, __ATOMIC_RELAXED);
	page_local_set(local->entries[slot], va, ALIGN_DOWN(pa, PAGE_SIZE), SLOT_RIGHTS);
	return (void *) (va + (uintptr_t) (pa & (PAGE_SIZE - 1)));
}

void km_local_unmap_high(const void *address)
{
	uintptr_t va = ALIGN_DOWN((uintptr_t) address, PAGE_SIZE);
	struct local *local = &locals[port_cpu()];
	unsigned slot = local->depth - 1;

	mm_assert(
		local->depth != 0, "CPU %u has no temporary mapping, and is to undo one at %#zx", port_cpu(), (size_t) va);
	mm_assert(va == slot_va(local, slot),
		"CPU %u is to undo a temporary mapping at %#zx, but the last of its %u is at %#zx", port_cpu(), (size_t) va,
		slot + 1, (size_t) slot_va(local, slot));
	page_local_set(local->entries[slot], va, parking, PARKED_RIGHTS);
	depth_set(local, slot);
	if (slot == 0)
		port_irq_restore(local->irq);
}

/* ---- setting up ---- */

static errno_t slot_make(struct local *local, unsigned slot)
{
	uintptr_t va = slot_va(local, slot);
	errno_t error = page_mapping_insert(&page_kernel, va, parking, 1, PARKED_RIGHTS, FRAME_ATOMIC);

	if (error == EOK)
		local->entries[slot] = page_local_entry(va);
	return error;
}

static errno_t slots_make(void)
{
	errno_t error = EOK;

	for (size_t cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		locals[cpu] = (struct local){ .va = start + cpu * CPU_SIZE };
		for (unsigned slot = 0; error == EOK && slot < KM_LOCAL_DEPTH; slot++)
			error = slot_make(&locals[cpu], slot);
	}
	return error;
}

errno_t km_local_init(void)
{
	struct vmem_request request = VMEM_REQUEST(CONFIG_MAX_CPUS * CPU_SIZE);
	errno_t error;

	if (!KM_LOCAL_NEEDED)
		return EOK;
	parking = frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	if (parking == 0)
		return ENOMEM;
	__builtin_memset((void *) PA2KA(parking), POISON, PAGE_SIZE);
	error = vmem_alloc_request(&km_arena, &request, FRAME_ATOMIC, &start);
	return error == EOK ? slots_make() : error;
}

/* ---- looking at ---- */

void km_local_get_info(struct km_local_info *info)
{
	*info = (struct km_local_info){ .start = start, .pages = start != 0 ? CONFIG_MAX_CPUS * CPU_SIZE / PAGE_SIZE : 0 };
	for (size_t cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		unsigned deepest = __atomic_load_n(&locals[cpu].deepest, __ATOMIC_RELAXED);

		info->made += __atomic_load_n(&locals[cpu].made, __ATOMIC_RELAXED);
		info->held += __atomic_load_n(&locals[cpu].depth, __ATOMIC_RELAXED);
		info->deepest = deepest > info->deepest ? deepest : info->deepest;
	}
}

static bool is_parked(uintptr_t va)
{
	struct page_mapping mapping = page_mapping_find(&page_kernel, va);

	return mapping.size == PAGE_SIZE && mapping.pa == parking && !(mapping.flags & PAGE_WRITE);
}

size_t km_local_check(void)
{
	size_t breaches = 0;

	for (size_t cpu = 0; start != 0 && cpu < CONFIG_MAX_CPUS; cpu++)
		for (unsigned slot = __atomic_load_n(&locals[cpu].depth, __ATOMIC_RELAXED); slot < KM_LOCAL_DEPTH; slot++) {
			uintptr_t va = slot_va(&locals[cpu], slot);

			if (is_parked(va))
				continue;
			port_log("km_local_check: parked: slot %u of CPU %zu at %#zx", slot, cpu, (size_t) va);
			breaches++;
		}
	return breaches;
}
