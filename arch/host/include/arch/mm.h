/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The contract between the memory core and `host`: an ordinary process plays
 * the machine. Physical memory is a file that the process maps (arch/host/memory.c),
 * page tables stand in it as they would in RAM and are walked by nobody but the
 * core, CPUs are threads (arch/host/cpu.c).
 *
 * THE PAGE FORMAT is that of the x86 in one of its three shapes, as
 * CONFIG_HOST_LEVELS says: 2 = 32-bit entries, pages of 4 KiB and 4 MiB; 3 = PAE,
 * 4 KiB and 2 MiB; 4 = long mode, 4 KiB, 2 MiB and 1 GiB. With four levels the base
 * page may have 8 or 16 KiB (CONFIG_HOST_PAGE_WIDTH 13, 14): a table has 512 entries
 * all the same, in the first part of its frame, and the other pages are 512 times as
 * large, each. With three levels the steps may be uneven (CONFIG_HOST_UNEVEN): pages of
 * 4 KiB, 32 KiB and 16 MiB, for the page hash table, which has no tables.
 *
 * THE LAYOUT has all that a machine's has, at addresses that a process can
 * have, and in two orders, so that nobody relies on the kernel being above:
 *
 *   2 and 3 levels                     4 levels, from HOST_KERNEL on
 *   40000000  identity window          0           identity window
 *   60000000  km_map's window          + 4 TiB     km_map's window
 *             and 8 MiB behind it fixed mappings, in both
 *   70000000  image                    + 8 TiB     image
 *   80000000  user space               and user space below HOST_KERNEL
 *
 * STRICT=yes. The host's hardware differs from a PC's in all that a machine may state:
 *
 *   roots    one for the kernel part, one for the user part; each entry of a root is four
 *            in the walker's (mm/page_roots.h)
 *   TLB      one CPU invalidates on all; and an entry that is valid may not become another
 *            valid one but in its rights (mm/page_seen.h)
 *
 * The identity window is really there, and so is what the kernel maps in km_map's
 * window (arch/host/window.c); image and user space are not.
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <config.h>

#if CONFIG_HOST_UNEVEN
#define PTL_SHIFT(level) (PAGE_WIDTH + ((level) < 2 ? PTL_BITS(2) : 0) + ((level) < 1 ? PTL_BITS(1) : 0))
#endif

#include <mm/page_flags.h>
#include <mm/page_geometry.h>
#include <mm/types.h>

#define PAGE_WIDTH CONFIG_HOST_PAGE_WIDTH
#define CACHE_LINE 64

/* As on a PC, so that there is such a zone; a test may start an allocator with another. */
extern phys_t host_dma_limit;
#define ARCH_DMA_LIMIT host_dma_limit

/* ---- layout of virtual addresses ---- */

#if CONFIG_HOST_LEVELS == 4
/* The place that AddressSanitizer and valgrind leave free is not one that ThreadSanitizer does. */
#ifdef __SANITIZE_THREAD__
#define HOST_KERNEL ((uintptr_t) 0x7e8000000000)
#define KERNEL_LAST ((uintptr_t) 0x7fffffffffff)
#define KM_START ((uintptr_t) 0x7f0000000000)
#define HOST_IMAGE ((uintptr_t) 0x7f8000000000)
#else
/* One entry of the root above 16 TiB: the kernel part is to begin at such an entry. */
#define HOST_KERNEL ((uintptr_t) 0x100000000000 + ((uintptr_t) 1 << (PAGE_WIDTH + 27)))
#define KERNEL_LAST ((uintptr_t) 0x1fffffffffff)
#define KM_START ((uintptr_t) 0x140000000000)
#define HOST_IMAGE ((uintptr_t) 0x180000000000)
#endif
#define KM_END (KM_START + MiB(1024))
#define USER_START ((uintptr_t) 0)
#define USER_LAST (HOST_KERNEL - 1)
#define PHYS_LAST ((phys_t) 0x000fffffffffffff)
#else
/* Bare numbers, as a machine's layout.h has them for assembly and the linker: of whatever type they happen to be. */
#define HOST_KERNEL 0x40000000
#define KERNEL_LAST 0x7fffffff
#define KM_START 0x60000000
#define KM_END 0x6f000000
#define HOST_IMAGE 0x70000000
#define USER_START 0x80000000
#define USER_LAST 0xffffffff
#if CONFIG_HOST_LEVELS == 3
#define PHYS_LAST ((phys_t) 0x000fffffffffffff)
#else
#define PHYS_LAST ((phys_t) 0xffffffff)
#endif
#endif

#ifndef RAM_LAST
#define RAM_LAST PHYS_LAST
#endif
#define KERNEL_START HOST_KERNEL

#define IDENTITY_PHYS ((phys_t) 0)
#define IDENTITY_VIRT HOST_KERNEL
#define IDENTITY_SIZE ((size_t) 0x18000000)
/* Bytes of the identity window that the boot page tables map; page_init maps the rest. */
#define BOOT_MAPPED MiB(16)

/* Devices that are not there: their registers, and a block of them at the end of what 32 bits address. */
#define HOST_FIXED (KM_END + MiB(8))
#define KERNEL_FIXED                                                                                  \
	{ HOST_FIXED, (phys_t) 0xfee00000, 1, PAGE_READ | PAGE_WRITE | PAGE_DEVICE },                     \
	{                                                                                                 \
		HOST_FIXED + 16 * PAGE_SIZE, (phys_t) 0x100000000 - 4 * PAGE_SIZE, 4, PAGE_READ | PAGE_DEVICE \
	}

/* What a linker script tells on a machine: an image of four equal parts, text, read-only data, data and boot tables. */
#define KERNEL_IMAGE_OFFSET HOST_IMAGE
#define KERNEL_IMAGE_PHYS ((phys_t) MiB(1))
#define HOST_IMAGE_PART KiB(64)
#define image_start ((char *) (HOST_IMAGE + KERNEL_IMAGE_PHYS))
#define image_text_end (image_start + HOST_IMAGE_PART)
#define image_rodata_end (image_start + 2 * HOST_IMAGE_PART)
#define image_end (image_start + 4 * HOST_IMAGE_PART)

/* ---- page format ---- */

#define PTL_LEVELS CONFIG_HOST_LEVELS

#if CONFIG_HOST_LEVELS == 2
typedef uint32_t pte_t;
#define PTL_BITS(level) 10u
#else
typedef uint64_t pte_t;
#if CONFIG_HOST_UNEVEN
#define PTL_BITS(level) ((level) == 0 ? 8u : (level) == 1 ? 9u : 3u)
#else
#define PTL_BITS(level) ((level) == 0 && PTL_LEVELS == 3 ? 2u : 9u)
#endif
#endif

#define PTE_PRESENT ((pte_t) 1 << 0)
#define PTE_WRITE ((pte_t) 1 << 1)
#define PTE_USER ((pte_t) 1 << 2)
#define PTE_DEVICE ((pte_t) 1 << 3)
#define PTE_UNCACHED ((pte_t) 1 << 4)
#define PTE_LARGE ((pte_t) 1 << 7) /* a leaf above the last level */
#define PTE_GLOBAL ((pte_t) 1 << 8)
#if CONFIG_HOST_LEVELS == 2
#define PTE_NO_EXEC ((pte_t) 0) /* this format cannot forbid it */
#define PTE_ADDRESS ((pte_t) 0xfffff000)
#else
#define PTE_NO_EXEC ((pte_t) 1 << 63)
#define PTE_ADDRESS ((pte_t) 0x000ffffffffff000)
#endif

/* Whether this "CPU" has pages of 1 GiB, and of all sizes between that and the base page; tests set it. */
extern bool host_gigabyte_pages, host_large_pages;

/** Whether a page can be mapped at this level. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	if (level == PTL_LEVELS - 1)
		return true;
	if (PTL_LEVELS == 4)
		return (level == 2 && host_large_pages) || (level == 1 && host_gigabyte_pages);
	return (level == PTL_LEVELS - 2 || CONFIG_HOST_UNEVEN) && host_large_pages;
}

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_PRESENT) != 0;
}

static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	return level == PTL_LEVELS - 1 || (pte & PTE_LARGE) != 0;
}

static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	pte_t pte = (pte_t) pa | PTE_PRESENT;

	if (level != PTL_LEVELS - 1)
		pte |= PTE_LARGE;
	if (flags & PAGE_WRITE)
		pte |= PTE_WRITE;
	if (!(flags & PAGE_EXEC))
		pte |= PTE_NO_EXEC;
	if (flags & PAGE_USER)
		pte |= PTE_USER;
	if (flags & PAGE_GLOBAL)
		pte |= PTE_GLOBAL;
	if (flags & PAGE_UNCACHED)
		pte |= PTE_UNCACHED;
	if (flags & PAGE_DEVICE & ~PAGE_UNCACHED)
		pte |= PTE_DEVICE;
	return pte;
}

/** An entry that points to a table of the next level; it allows all that the leaves below may allow. */
static inline pte_t pte_table(phys_t pa)
{
	return (pte_t) pa | PTE_PRESENT | PTE_WRITE | PTE_USER;
}

static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	return (phys_t) (pte & PTE_ADDRESS) & ~(phys_t) (PTL_COVERS(level) - 1);
}

static inline phys_t pte_table_pa(pte_t pte)
{
	return (phys_t) (pte & PTE_ADDRESS);
}

static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	page_flags_t flags = PAGE_READ;

	(void) level;
	if (pte & PTE_WRITE)
		flags |= PAGE_WRITE;
	if (!(pte & PTE_NO_EXEC))
		flags |= PAGE_EXEC;
	if (pte & PTE_USER)
		flags |= PAGE_USER;
	if (pte & PTE_GLOBAL)
		flags |= PAGE_GLOBAL;
	if (pte & PTE_UNCACHED)
		flags |= PAGE_UNCACHED;
	if (pte & PTE_DEVICE)
		flags |= PAGE_DEVICE;
	return flags;
}

#if CONFIG_HOST_RUNS
/*
 * RUNS=yes. Sixteen equal entries of the last level map one page, and so do four of the level above it, as on arm: of
 * 64 KiB, and of 8 MiB with base pages of 4 KiB.
 */
#define PTE_OF_RUN ((pte_t) 1 << 9)
#define PTE_RUN(level) ((level) == PTL_LEVELS - 1 ? 16u : (level) == PTL_LEVELS - 2 ? 4u : 1u)

static inline bool pte_is_run(pte_t pte, unsigned level)
{
	(void) level;
	return (pte & PTE_OF_RUN) != 0;
}

static inline pte_t pte_run(phys_t pa, page_flags_t flags, unsigned level)
{
	return pte_leaf(pa, flags, level) | PTE_OF_RUN;
}
#endif

/* ---- when a change is seen (arch/host/seen.c) ---- */

#define PTE_BREAK_FIRST CONFIG_HOST_STRICT
#define TLB_BROADCAST CONFIG_HOST_STRICT

#if TLB_BROADCAST
void host_broadcast_page(uintptr_t va) __attribute__((weak));
void host_broadcast_all(void) __attribute__((weak));

/** Drops the translation of one address on all CPUs, under all identifiers. */
static inline void tlb_broadcast_page(uintptr_t va)
{
	if (&host_broadcast_page != NULL)
		host_broadcast_page(va);
}

/** Drops all translations on all CPUs. */
static inline void tlb_broadcast_all(void)
{
	if (&host_broadcast_all != NULL)
		host_broadcast_all();
}
#endif

#if CONFIG_DEBUG
/*
 * The host follows what is stored, published and invalidated, and panics where something is relied on too early. A
 * program that has the core without the host's own files has none of these functions.
 */
void host_entry_stored(pte_t before, pte_t pte) __attribute__((weak));
void host_published(void) __attribute__((weak));
void host_invalidate_begun(void) __attribute__((weak));
void host_invalidate_finished(void) __attribute__((weak));

static inline void pte_store(pte_t *entry, pte_t pte)
{
	pte_t before = __atomic_load_n(entry, __ATOMIC_RELAXED);

	__atomic_store_n(entry, pte, __ATOMIC_RELEASE);
	if (&host_entry_stored != NULL)
		host_entry_stored(before, pte);
}
#define pte_store pte_store

static inline void pte_publish(void)
{
	if (&host_published != NULL)
		host_published();
}
#define pte_publish pte_publish

static inline void tlb_invalidate_begin(void)
{
	if (&host_invalidate_begun != NULL)
		host_invalidate_begun();
}
#define tlb_invalidate_begin tlb_invalidate_begin

static inline void tlb_invalidate_finish(void)
{
	if (&host_invalidate_finished != NULL)
		host_invalidate_finished();
}
#define tlb_invalidate_finish tlb_invalidate_finish
#endif

/* ---- TLB and root (arch/host/tlb.c): what a CPU would do is counted and remembered, for tests to look at ---- */

/* Identifiers of address spaces: with two and three levels there are none, as on the PCs that have these formats. */
#define ASIDS_MOST (CONFIG_HOST_LEVELS == 4 ? 256 : 1)

/* What tests choose of the CPU's TLB, and of what else a machine states in this header (arch/host/traits.c). */
struct host_traits {
	page_flags_t identity_rights; /* IDENTITY_RIGHTS; chosen before host_boot */
	size_t tlb_range_max;         /* TLB_RANGE_MAX */
	bool is_kernel_tagged;        /* TLB_KERNEL_TAGGED */
	bool keeps_invalid;           /* TLB_KEEPS_INVALID: then its entries are looked up in pairs */
};

extern struct host_traits host_traits;

#define IDENTITY_RIGHTS host_traits.identity_rights
#define TLB_RANGE_MAX host_traits.tlb_range_max
#define TLB_KERNEL_TAGGED host_traits.is_kernel_tagged
#define TLB_KEEPS_INVALID host_traits.keeps_invalid

/** Drops one page of the kernel part on this CPU, under all identifiers. */
void tlb_invalidate_page_asids(uintptr_t va);

/** Drops the translation of one address on this CPU: of the kernel part, or under the identifier in use. */
void tlb_invalidate_page(uintptr_t va);

/** Drops all translations on this CPU, the global ones too. */
void tlb_invalidate_all(void);

phys_t page_root_current(void);

#if CONFIG_HOST_STRICT
/* As on arm: two roots; and four entries of the walker's root for one of the core's. */
#define KERNEL_ROOT_SEPARATE 1
void page_root_load(phys_t root);
void host_kernel_root_set(phys_t root) __attribute__((weak));

static inline void page_kernel_root_load(phys_t root)
{
	if (&host_kernel_root_set != NULL)
		host_kernel_root_set(root);
	page_root_load(root);
}
#define page_kernel_root_load page_kernel_root_load

#define HOST_ROOT_PARTS 4
#define ROOT_MIRROR_FRAMES ((HOST_ROOT_PARTS * PTL_ENTRIES(0) * sizeof(pte_t) + PAGE_SIZE - 1) / PAGE_SIZE)

static inline void pte_root_mirror(phys_t root, size_t index, pte_t pte)
{
	pte_t *entry = (pte_t *) PA2KA(root) + index * HOST_ROOT_PARTS;
	pte_t step = pte_present(pte) && pte_is_leaf(pte, 0) ? (pte_t) (PTL_COVERS(0) / HOST_ROOT_PARTS) : 0;

#if CONFIG_HOST_RUNS
	step = pte_is_run(pte, 0) ? 0 : step;
#endif

	for (size_t i = 0; i < HOST_ROOT_PARTS; i++, pte += step)
		__atomic_store_n(&entry[i], pte, __ATOMIC_RELEASE);
}
#else
#define HOST_ROOT_PARTS 1
#endif

/** Uses another root, under identifier 0 where there are some. Otherwise drops all but the kernel part. */
void page_root_load(phys_t root);

/** Uses another root, and of the translations those under this identifier, and the kernel part's. Drops nothing. */
void page_root_load_asid(phys_t root, unsigned asid);

/** Drops all but the kernel part, under all identifiers. */
void tlb_invalidate_asids(void);

/** Identifiers that there are, 0 among them; tests set how many. */
unsigned asid_count(void);

/* Whether all CPUs share identifiers, and a cache of translations behind their TLBs (mm/tlb_cache.h). */
#define TLB_CACHE CONFIG_HOST_SHARED
#define ASIDS_SHARED CONFIG_HOST_SHARED

#if TLB_CACHE
void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages);
void tlb_cache_invalidate_asids(void);
#endif

/* ---- contents of frames ---- */

#if CONFIG_DEBUG
/* The host notes which pages are made executable; with no files of its own, a program has no such function. */
void host_make_executable(const void *page) __attribute__((weak));

static inline void frame_make_executable(const void *page)
{
	if (&host_make_executable != NULL)
		host_make_executable(page);
}
#define frame_make_executable frame_make_executable
#endif

#endif
