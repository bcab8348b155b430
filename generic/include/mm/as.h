/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces: what a user task sees of memory.
 *
 * An address space is a page table and the areas in it. An AREA is a range of
 * pages with the same rights and one backend, which knows what stands in a page
 * that nobody has touched:
 *
 *   anonymous   zeros
 *   physical    the frames of a range of physical memory, a device's perhaps; all mapped when the area is made
 *   image       a file in memory; what is read only is mapped in place, what is written is copied first
 *   guard       nothing: the range is taken, and touching it is refused
 *
 * Pages get their frames when they are touched (as_page_fault). How it works is
 * told in generic/as.c (address spaces), as_area.c (areas), as_pages.c (the
 * pages of an area), as_share.c (sharing and copy-on-write), as_fault.c.
 *
 * RULES. No area is writable and executable. None has page 0 but by AS_PAGE_0. All addresses and
 * sizes are multiples of PAGE_SIZE. What fails leaves everything as it was.
 *
 * CONTEXTS. Unless it says otherwise, a function is called with interrupts on
 * and no spinlock held, for it may wait for others that work on the same address
 * space. That goes for the first address space too, which no other thread can have: it is made after interrupts were
 * turned on. FRAME_ATOMIC is about memory: with it no call waits for that, and what
 * cannot be had is ENOMEM.
 */

#ifndef MM_AS_H
#define MM_AS_H

#include <mm/frame.h>
#include <mm/page.h>
#include <mm/types.h>

struct as;

/* ---- address spaces ---- */

/**
 * Makes an address space with no areas. The caller holds it.
 *
 * @param alloc  FRAME_ATOMIC or 0 (then it may sleep for memory), and FRAME_NO_RECLAIM
 * @return NULL with FRAME_ATOMIC for want of memory
 */
MUST_USE struct as *as_create(frame_flags_t alloc);

/** One more holder. The caller is one already. Any context. */
void as_hold(struct as *as);

/** One holder less. The last one's call destroys the address space and all its areas; no CPU may run in it then. */
void as_release(struct as *as);

/** Holders of it. */
size_t as_holders(const struct as *as);

/**
 * This CPU goes on in another address space; NULL: in the kernel's alone. Whoever runs in one holds it. Interrupts are
 * off, or the caller makes sure in another way that it stays on this CPU. Any context.
 */
void as_switch(struct as *as);

/** The address space this CPU runs in, or NULL. Stable while interrupts are off. */
struct as *as_current(void);

/** Its mappings, for page_mapping_find and the like. They are the address space's to change. */
struct page_table *as_page_table(struct as *as);

/** A number that no other address space had or will have. */
unsigned as_number(const struct as *as);

/* ---- areas ---- */

/* What an area allows. Reading is always allowed, but in a guard. */
#define AS_WRITE 0x1u
#define AS_EXEC 0x2u
#define AS_UNCACHED 0x4u /* physical areas only, and not of RAM that the direct map has (mm/page_caches.h) */
#define AS_RIGHTS (AS_WRITE | AS_EXEC | AS_UNCACHED)

/* How an area is made. */
#define AS_ANYWHERE 0x10u /* at the lowest place at or above va that has room */
#define AS_PAGE_0 0x40u   /* if va is 0, there: otherwise page 0 is refused, so that a null pointer leads nowhere */
#define AS_RESERVE 0x20u /* frames for all pages are promised now: no touch will find memory gone. Otherwise on touch */

enum as_backend_kind { AS_ANONYMOUS, AS_PHYSICAL, AS_IMAGE, AS_GUARD, AS_BACKENDS };

/** What an area is to be. */
struct as_area_request {
	enum as_backend_kind backend;
	uintptr_t va;   /* its first address; with AS_ANYWHERE the least that will do (0 = any) */
	size_t size;    /* bytes, at least a page */
	unsigned flags; /* AS_* */
	/*
	 * physical: address of the first byte. image: of the file in memory, which has a permanent address; one that is
	 * not page-aligned is copied and not mapped in place.
	 */
	phys_t base;
	size_t file_size; /* image: bytes of the file; what the area has beyond that is zeros */
};

/**
 * Makes an area.
 *
 * @param va  receives its first address
 * @retval EOK
 * @retval EINVAL  size is 0; an address or size is not a multiple of PAGE_SIZE; both writable and executable; flags
 *                 that the backend does not have (AS_RESERVE: anonymous and image only; a guard has none); a file
 *                 that is not all in the kernel's direct map; AS_UNCACHED, and the direct map has cached some of it
 * @retval ERANGE  it would leave the user part of the address space, or have page 0 without AS_PAGE_0; or the physical
 *                 range would leave what the machine can address (phys_last)
 * @retval EEXIST  it would meet another area
 * @retval ENOMEM  with AS_ANYWHERE no room, whatever alloc says; with AS_RESERVE not so many frames to promise,
 *                 whatever alloc says; or (FRAME_ATOMIC) no memory for the area or, physical, its page tables
 */
MUST_USE errno_t as_area_create(
	struct as *as, const struct as_area_request *request, frame_flags_t alloc, uintptr_t *va);

/**
 * Moves an area's end. What is cut off is gone.
 *
 * @param va    any address in the area
 * @param size  bytes that it is to have
 * @retval EOK
 * @retval ENOENT  there is no area at va
 * @retval EINVAL  size is 0 or not a multiple of PAGE_SIZE; it would be uncached RAM, as as_area_create
 * @retval ERANGE  it would leave the user part of the address space, or the physical range what the machine can address
 * @retval EEXIST  it would meet its neighbour
 * @retval EBUSY   it is shared: others rely on its size
 * @retval ENOMEM  as as_area_create
 */
MUST_USE errno_t as_area_resize(struct as *as, uintptr_t va, size_t size, frame_flags_t alloc);

/**
 * Changes what an area allows, from the next access on, on every CPU. Needs no memory.
 *
 * @param va      any address in the area
 * @param rights  AS_WRITE, AS_EXEC, AS_UNCACHED
 * @retval EOK
 * @retval ENOENT  there is no area at va
 * @retval EINVAL  both writable and executable; a right that the backend does not have; uncached RAM, as as_area_create
 * @retval EBUSY   a shared file that nobody could write when it was shared stays so
 */
MUST_USE errno_t as_area_change_flags(struct as *as, uintptr_t va, unsigned rights);

/* How as_area_share gives an area to another address space. */
enum as_share_mode {
	AS_SHARE, /* one memory: what one writes, the others read */
	AS_COPY   /* a memory of its own, that begins equal: frames are shared until one side writes */
};

/**
 * Gives a whole area to another address space (or the same once more).
 *
 * @param from_va  any address in the area
 * @param mode     AS_SHARE or AS_COPY; a physical area and a guard can only be shared
 * @param va       where it is to be in `to`, or with AS_ANYWHERE in flags the least address that will do
 * @param flags    rights there; AS_ANYWHERE; AS_PAGE_0; with AS_COPY also AS_RESERVE. AS_SHARE keeps the area's promise
 * @param at       receives its first address there
 * @retval ENOENT  there is no area at from_va
 * @retval EINVAL  flags that do not go with the mode; and as as_area_create
 * @retval EBUSY   AS_WRITE on a shared file that nobody could write when it was shared
 * @retval others  as as_area_create. ENOMEM also if what is shared needs memory: a page that both must own
 *                 is copied
 */
MUST_USE errno_t as_area_share(struct as *from, uintptr_t from_va, enum as_share_mode mode, struct as *to, uintptr_t va,
	unsigned flags, frame_flags_t alloc, uintptr_t *at);

/**
 * Destroys an area: what only it has is given back.
 *
 * @param va  any address in the area
 * @retval ENOENT  there is no area at va
 */
MUST_USE errno_t as_area_destroy(struct as *as, uintptr_t va);

/* ---- page faults ---- */

/* What was tried. */
#define AS_ACCESS_READ 0x0u
#define AS_ACCESS_WRITE 0x1u
#define AS_ACCESS_EXEC 0x2u
#define AS_ACCESS_COPYING 0x4u /* by a copy routine that can fail */

enum as_fault_result {
	AS_FAULT_OK,       /* try again: the page is mapped, and allows it */
	AS_FAULT_REFUSED,  /* no area is there, or it does not allow that */
	AS_FAULT_KILLED,   /* it is allowed, but there is no memory: the task cannot go on */
	AS_FAULT_DEFERRED, /* as REFUSED or KILLED, but a copy routine tried: it is to fail, the task is not */
	AS_FAULT_RESULTS
};

/**
 * Makes a page do for an access that faulted.
 *
 * @param alloc  FRAME_ATOMIC: for want of memory the result is KILLED; 0: it sleeps
 */
MUST_USE enum as_fault_result as_page_fault(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc);

/**
 * Makes every page of a range present, and allows the access, as page faults would that came one after the other. For a
 * kernel that then touches the range where it may not fault: under a spinlock of its own, or with interrupts off. No
 * page of it faults until an area there is changed, resized, destroyed or copied to another address space (AS_COPY lets
 * both write only what they have copied); that no thread does so meanwhile is the caller's to see to. Nothing else
 * takes a page away: there is no paging out. It counts as no page fault.
 *
 * @param va      any address, not only a page's first
 * @param size    bytes; 0 is fine everywhere
 * @param access  AS_ACCESS_READ, AS_ACCESS_WRITE (then it may be read too), AS_ACCESS_EXEC
 * @param alloc   FRAME_ATOMIC or 0: then it sleeps for memory. With both it may sleep for the address space
 * @retval EOK
 * @retval EFAULT  an address may not be accessed so. The pages before it stay present
 * @retval ENOMEM  (FRAME_ATOMIC) no memory. The pages before that stay present
 */
MUST_USE errno_t as_range_populate(struct as *as, uintptr_t va, size_t size, unsigned access, frame_flags_t alloc);

/** "ok", "refused", "killed", "deferred". */
const char *as_fault_result_name(enum as_fault_result result);

/* ---- copying in and out, by the page table and not the CPU's translation: of any address space, from any ---- */

/**
 * Copies from an address space into the kernel, as its user would read. What was copied before an error stays.
 *
 * @retval EFAULT  an address may not be read; or it is in a physical area, and leads to no RAM of the frame allocator
 * @retval ENOMEM  (FRAME_ATOMIC) no memory for a page that was not touched before
 */
MUST_USE errno_t as_copy_in(struct as *as, void *to, uintptr_t from, size_t bytes, frame_flags_t alloc);

/** Copies from the kernel into an address space, as its user would write. As as_copy_in. */
MUST_USE errno_t as_copy_out(struct as *as, uintptr_t to, const void *from, size_t bytes, frame_flags_t alloc);

/* ---- looking ---- */

/** An area, as it is at the moment. */
struct as_area_info {
	uintptr_t first, last; /* addresses, both inclusive */
	enum as_backend_kind backend;
	unsigned flags;  /* rights, and AS_RESERVE */
	size_t resident; /* pages mapped */
	size_t promised; /* frames promised and not taken yet */
	size_t sharers;  /* areas that have its memory together; 1 = it is not shared */
};

/** The area at va. @retval ENOENT  there is none */
MUST_USE errno_t as_area_find(struct as *as, uintptr_t va, struct as_area_info *info);

/** Calls visit for every area, in order of address; visit may change them; stops on false. */
void as_area_each(struct as *as, bool (*visit)(const struct as_area_info *info, void *argument), void *argument);

const char *as_backend_name(enum as_backend_kind kind);

struct as_info {
	unsigned number;
	size_t holders;
	size_t areas;
	size_t pages;    /* that they have */
	size_t resident; /* of these, mapped */
	size_t promised;
};

void as_get_info(struct as *as, struct as_info *info);

/** Calls visit for every address space, which is held meanwhile; stops on false. */
void as_each(bool (*visit)(struct as *as, void *argument), void *argument);

/** Address spaces there are. */
size_t as_count(void);

/** Page faults since boot, by their result. */
struct as_fault_counts {
	size_t results[AS_FAULT_RESULTS];
	size_t copied; /* of those that are ok: pages copied because their frame was shared, or a file's */
};

void as_fault_get_counts(struct as_fault_counts *counts);

/** Sets up. After malloc_init. */
MUST_USE errno_t as_init(void);

/** Holds every address space to its invariants; every breach is logged. @return number of breaches */
size_t as_check(void);

#endif
