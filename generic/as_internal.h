/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of address spaces share, and nobody else sees.
 *
 *   as.c         address spaces: made, held, switched to, gone
 *   as_area.c    areas: made, resized, changed, destroyed
 *   as_tree.c    the tree they stand in, and the gaps between them
 *   as_pages.c   the pages of an area: taken, given back, made read only, made one's own
 *   as_memory.c  memory that areas have together
 *   as_share.c   areas given to other address spaces, shared or copied
 *   as_fault.c   what a page fault comes to
 *   as_anon.c    as_phys.c   as_image.c      the backends
 *   as_copy.c    copying in and out
 *   as_check.c   what is true of all of it, and what there is of it
 *   as_mutex.c   the lock of an address space
 *
 * LOCKS. as.lock, a lock to sleep for, holds areas, pages and mappings of one
 * address space; who needs two takes the one at the lower address first. Below
 * it as_memory.lock, of the same kind, holds memory that is shared. Then come
 * the spinlocks: as_list_lock, and those of the layers below.
 *
 * MEMORY UNDER A LOCK. A thread that waits for memory holds no lock of these
 * (mm/held.h): what it waits for may be in an area of the same address space,
 * and the thread that would destroy it needs the lock. So every operation that
 * allocates under a lock is written to be tried again:
 *
 *   lock                                     lock
 *   look, allocate without sleeping          look again: the area may have changed, or be gone
 *   short of memory?  count what it takes    allocate from the reservation
 *   undo, unlock, free objects               unlock, free what is left of it
 *      └── reservation_wait, nothing held ──┘
 *
 * The functions below take `alloc`, which says how to try, and `from`, the
 * reservation or NULL. Short of memory is EAGAIN, and ENOMEM is what no memory
 * would help. A reservation is enough for what was counted; if the area has
 * grown meanwhile the operation goes round again. So two operations cannot keep
 * each other from going on: each has what it counted for itself alone, and only
 * another operation that was done can have made it too little.
 *
 * INVARIANTS, by the names that as_check logs.
 *
 *   tree        in order, nothing overlaps, heights differ by one at most, and
 *               what each node says of its branch is so
 *   resident    as many pages of an area are mapped as it says, and none is
 *               mapped outside of areas
 *   promised    an area with AS_RESERVE has promises for all pages that it may
 *               have to take a frame for: no fewer than its pages less those
 *               mapped, and no more than its pages; one without has none
 *   rights      no page allows what its area does not
 *   identifier  no two have the same on one CPU (the one that looks)
 */

#ifndef AS_INTERNAL_H
#define AS_INTERNAL_H

#include <mm/as.h>
#include <mm/assert.h>
#include <mm/held.h>
#include <mm/inject.h>
#include <mm/km_local.h>
#include <mm/page_caches.h>
#include <mm/reserve.h>
#include <mm/slab.h>
#include <mm/spinlock.h>

#define PAGE_MASK (PAGE_SIZE - 1)

/* The first address an area may have unless its request has AS_PAGE_0. */
#define AS_FIRST (USER_START > 0 ? (uintptr_t) USER_START : (uintptr_t) PAGE_SIZE)
#define AS_LAST ((uintptr_t) USER_LAST)

/* Of the flags that an area is made with: those that say where it may be. */
#define AS_PLACE (AS_ANYWHERE | AS_PAGE_0)

/** Whether the user part has this address: page 0 too, which an area may have. */
static inline bool as_address_valid(uintptr_t va)
{
	return va - USER_START <= AS_LAST - USER_START;
}

/** Whether the user part has all of n bytes from va on. */
static inline bool as_range_valid(uintptr_t va, size_t bytes)
{
	return bytes == 0 || (as_address_valid(va) && bytes - 1 <= AS_LAST - va);
}

/* ---- as_mutex.c ---- */

struct as_waiter {
	void *thread;
	bool granted;
	struct as_waiter *next;
};

struct as_mutex {
	uint32_t state; /* 0 = free, 1 = held, 2 = held, and somebody may wait */
	struct mm_spinlock guard;
	struct as_waiter *first, **end;
};

void as_mutex_init(struct as_mutex *mutex);

/* What is seldom taken of the two below. */
void as_mutex_lock_slow(struct as_mutex *mutex);
void as_mutex_unlock_slow(struct as_mutex *mutex);
void as_mutex_forbidden(void);

/** Takes the lock; sleeps while another has it. Interrupts are on. */
static inline void as_mutex_lock(struct as_mutex *mutex)
{
	uint32_t free = 0;
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	if (unlikely(!port_irq_were_on(irq)))
		as_mutex_forbidden();
	if (unlikely(!__atomic_compare_exchange_n(&mutex->state, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		as_mutex_lock_slow(mutex);
	held_add(HELD_LOCK, 1);
}

static inline void as_mutex_unlock(struct as_mutex *mutex)
{
	uint32_t held = 1;

	held_sub(HELD_LOCK, 1);
	if (unlikely(!__atomic_compare_exchange_n(&mutex->state, &held, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)))
		as_mutex_unlock_slow(mutex);
}

static inline bool as_mutex_is_held(const struct as_mutex *mutex)
{
	return __atomic_load_n(&mutex->state, __ATOMIC_RELAXED) != 0;
}

/* ---- the structures ---- */

struct as {
	struct as_mutex lock;
	struct page_table *table;
	phys_t root;
	struct as_area *areas; /* the tree */
	size_t area_count;
	unsigned number;
	uint32_t holders;
	struct as *next, *previous; /* as_list_lock */
};

/* Memory of areas that have it together (as_memory.c). */
struct as_memory {
	struct as_mutex lock;
	uint32_t sharers;
	bool read_only;  /* no sharer may ever write: then pages of a file may be mapped in place */
	unsigned levels; /* of the index */
	size_t pages;
	size_t promised; /* frames promised to it */
	phys_t root;     /* of the index; 0 = no page has a frame */
};

struct as_area {
	/* The tree: branches, their height, and of the area and both branches together the ends and the widest gap. */
	struct as_area *left, *right;
	unsigned height;
	uintptr_t low, high;
	uintptr_t widest;

	uintptr_t first, last; /* addresses, both inclusive */
	const struct as_backend *backend;
	unsigned flags;           /* rights, AS_RESERVE */
	bool was_changed;         /* its rights, once: so a page that is read only need not be one that others have too */
	size_t resident;          /* pages mapped */
	size_t promised;          /* frames */
	struct as_memory *memory; /* NULL = its pages are its own */
	phys_t base;              /* physical, image */
	size_t file_size;         /* image */
};

/* All but the tree's fields, which area_tree_insert sets, and first and last, which area_place does. */
static inline void area_init(
	struct as_area *area, const struct as_backend *backend, unsigned flags, phys_t base, size_t file_size)
{
	area->backend = backend;
	area->flags = flags;
	area->was_changed = false;
	area->resident = area->promised = 0;
	area->memory = NULL;
	area->base = base;
	area->file_size = file_size;
}

/* What differs from backend to backend. */
struct as_backend {
	enum as_backend_kind kind;
	const char *name;
	unsigned flags; /* AS_* that it may have */
	bool shared;    /* its frames are nobody's: a copy makes no sense */

	/** Whether this is an area that can be. NULL = nothing to say. */
	errno_t (*validate)(const struct as_area *area);
	/** Maps pages when the area is made or grows, all or nothing. NULL = on touch. @retval EAGAIN  short of memory */
	errno_t (*map)(struct as *as, const struct as_area *area, uintptr_t va, size_t pages, frame_flags_t alloc,
		struct reservation *from);
	/** Whether a page can be mapped, to be read, to a frame that is not the area's own. NULL = no */
	bool (*in_place)(const struct as_area *area, size_t page, phys_t *pa);
	/** Writes what stands in a page that nobody has written; may not sleep. NULL = the page cannot be touched */
	void (*fill)(const struct as_area *area, size_t page, void *to);
};

extern const struct as_backend as_anonymous, as_physical, as_image, as_guard;
extern const struct as_backend *const as_backends[AS_BACKENDS];

static inline size_t area_pages(const struct as_area *area)
{
	return ((area->last - area->first) >> PAGE_WIDTH) + 1;
}

static inline size_t area_page(const struct as_area *area, uintptr_t va)
{
	return (va - area->first) >> PAGE_WIDTH;
}

/** What its pages allow, as the page table has it. */
static inline page_flags_t area_page_flags(const struct as_area *area)
{
	return PAGE_READ | PAGE_USER | PAGE_NO_LARGE | ((area->flags & AS_WRITE) != 0 ? PAGE_WRITE : 0) |
		((area->flags & AS_EXEC) != 0 ? PAGE_EXEC : 0) | ((area->flags & AS_UNCACHED) != 0 ? PAGE_UNCACHED : 0);
}

/** The same of a physical area: what is not cached there is a device. */
static inline page_flags_t physical_flags(page_flags_t flags)
{
	return flags & PAGE_UNCACHED ? flags | PAGE_DEVICE : flags;
}

/* ---- as.c ---- */

/* How to allocate under a lock beside a reservation: what is promised to an area comes off its promise. */
#define ALLOC_RESERVED (FRAME_NO_WAIT | FRAME_NO_RECLAIM)

/** How to allocate under a lock: a caller that may sleep waits, and reclaims, when it has let go of the lock. */
static inline frame_flags_t alloc_locked(frame_flags_t alloc)
{
	return alloc & FRAME_ATOMIC ? alloc : alloc | ALLOC_RESERVED;
}

extern struct mm_spinlock as_list_lock;
extern struct slab_cache *as_area_cache, *as_memory_cache;

/** Address spaces that have the same identifier on this CPU as another has; each is logged. */
size_t asids_check(void);

/* What an operation that allocates under a lock goes round with. */
struct as_round {
	frame_flags_t alloc;         /* the caller's */
	frame_flags_t now;           /* how to allocate in this round */
	struct reservation *from;    /* NULL = it has not waited yet */
	struct reservation reserved; /* what it has waited for */
};

#define AS_ROUND(caller) ((struct as_round){ .alloc = (caller), .now = alloc_locked(caller) })

/**
 * Waits for what the next round takes; the thread holds nothing.
 * @return false if the caller may not sleep, or the machine never has so many: the operation ends with ENOMEM
 */
MUST_USE bool as_round_wait(struct as_round *round, size_t low, size_t any);

/**
 * An object for a round, allocated before the lock is taken and not handed over yet (HELD_OBJECTS). The first round
 * allocates with the flags `first`; one that has waited never sleeps, and makes a slab of a frame of its reservation if
 * it must: one frame for each object is to be waited for with the rest.
 * @return NULL in the first round only
 */
MUST_USE void *as_object_alloc(struct as_round *round, struct slab_cache *cache, frame_flags_t first);

/** Frees an object that was not handed over: before the round waits, or when it came to nothing. */
void as_object_free(struct slab_cache *cache, void *object);

/** The object is in its place: in the tree of an address space, or of an area. */
static inline void as_object_handed_over(void)
{
	held_sub(HELD_OBJECTS, 1);
}

/** Frees what is left of the reservation. */
static inline void as_round_end(struct as_round *round)
{
	if (unlikely(round->from != NULL))
		reservation_end(round->from);
}

/* ---- as_tree.c ---- */

/** The area with the greatest first address that is not above va, or NULL. */
struct as_area *area_tree_floor(struct as_area *root, uintptr_t va);
/** The area with the least first address that is not below va, or NULL. */
struct as_area *area_tree_ceiling(struct as_area *root, uintptr_t va);
/** All three: @return the new root */
MUST_USE struct as_area *area_tree_insert(struct as_area *root, struct as_area *area);
MUST_USE struct as_area *area_tree_remove(struct as_area *root, const struct as_area *area);
/** After the last address of an area has changed. */
void area_tree_refresh(struct as_area *root, const struct as_area *area);

/*
 * The two functions that know which ranges of an address space are free. The lock is held.
 *
 * Finds room at the lowest address from bound. @return false if there is none
 */
MUST_USE bool as_range_find(const struct as *as, uintptr_t bound, size_t size, uintptr_t *va);
/** Whether [first, last] meets no area but `except` (NULL = none). */
MUST_USE bool as_range_free(const struct as *as, uintptr_t first, uintptr_t last, const struct as_area *except);

/* ---- as_area.c ---- */

/** The area at va, or NULL. The lock is held. */
static inline struct as_area *as_area_at(const struct as *as, uintptr_t va)
{
	struct as_area *area = area_tree_floor(as->areas, va);

	return area != NULL && va <= area->last ? area : NULL;
}

/** Sets where an area is to be: at va or anywhere above. The lock is held. Errors as as_area_create. */
MUST_USE errno_t area_place(const struct as *as, struct as_area *area, uintptr_t va, size_t size, unsigned flags);
void area_link(struct as *as, struct as_area *area);

/** Whether the backend has these flags, and they go together. */
bool area_flags_valid(const struct as_backend *backend, unsigned flags);

/**
 * Promises and page tables for pages of the area from va on.
 * @retval ENOMEM  so many cannot be promised; nothing was taken
 * @retval EAGAIN  short of memory for page tables, of which area_tables are enough; nothing was taken
 */
MUST_USE errno_t area_provide(
	struct as *as, struct as_area *area, uintptr_t va, size_t pages, frame_flags_t alloc, struct reservation *from);

/** Frames that area_provide needs at most, all with a permanent address. */
static inline size_t area_tables(const struct as_area *area, size_t pages)
{
	return area->backend->map != NULL ? page_tables_most(pages) : 0;
}

/** Destroys an area: pages, promises, the structure. The lock is held. */
void area_destroy(struct as *as, struct as_area *area);

/* ---- as_pages.c ---- */

/* Which frames pages take: without a permanent address if there are; those promised to them are of the same class. */
#define PAGE_FRAMES FRAME_HIGHMEM

/**
 * A frame for a page, which is in the caller's hands (HELD_FRAMES); off the promise if there is one, else off the
 * reservation. @return 0 if it is short of memory
 */
MUST_USE static inline phys_t page_frame_take(size_t *promised, frame_flags_t alloc, struct reservation *from)
{
	phys_t pa;

	alloc = (alloc & ~FRAME_CLASS) | PAGE_FRAMES;
	if (unlikely(*promised != 0)) {
		pa = frame_alloc(1, alloc | FRAME_NO_RESERVE, 0);
		*promised -= pa != 0;
	} else if (likely(from == NULL)) {
		pa = frame_alloc(1, alloc, 0);
	} else {
		pa = reservation_take(from, 1, PAGE_FRAMES);
	}
	held_add(HELD_FRAMES, pa != 0);
	return pa;
}

/** The frame is in its place: a page table, or the index of shared memory. */
static inline void page_frame_handed_over(void)
{
	held_sub(HELD_FRAMES, 1);
}

/** Frees a frame that was not handed over. */
static inline void page_frame_free(phys_t frame)
{
	held_sub(HELD_FRAMES, 1);
	frame_free(frame, 1);
}

/** What stands in a frame is what CPUs execute from it; then it may be mapped so (mm/page_caches.h). */
static inline void page_make_executable(phys_t frame, page_flags_t flags)
{
	if (FRAME_MAKE_EXECUTABLE && (flags & PAGE_EXEC)) {
		void *page = km_local_map(frame);

		frame_make_executable(page);
		km_local_unmap(page);
	}
}

/** As page_mapping_insert of one page. @retval EAGAIN  short of memory for page tables */
MUST_USE static inline errno_t page_insert(struct as *as, struct as_area *area, uintptr_t va, phys_t pa,
	page_flags_t flags, frame_flags_t alloc, struct reservation *from)
{
	errno_t error;

	page_make_executable(pa, flags);
	if (likely(from == NULL))
		error = page_mapping_insert(as->table, va, pa, 1, flags, alloc);
	else
		error = page_mapping_insert_reserved(as->table, va, pa, 1, flags, from);
	if (likely(error == EOK))
		area->resident++;
	return likely(error != ENOMEM) ? error : EAGAIN;
}

/** Writes into a frame what stands in a page that nobody has written. */
static inline void page_fill(const struct as_area *area, size_t page, phys_t frame)
{
	void *to = km_local_map(frame);

	area->backend->fill(area, page, to);
	km_local_unmap(to);
}

/* Runs of pages that a walk finds at a time. */
#define WALK_RUNS 16

/*
 * The pages that are mapped in [va, last], one after the other. They are found some runs at a time: what the walk has
 * told may change, what it has not told yet may not.
 */
struct pages_walk {
	struct page_table *table;
	uintptr_t va, last;          /* the part that is not looked at yet; none if ended */
	const struct page_run *next; /* runs that were found, and not told */
	const struct page_run *end;
	struct page_run run; /* what is left of the run that is told */
	bool ended;
	struct page_run runs[WALK_RUNS];
};

#define PAGES_WALK(walk_table, from, to) ((struct pages_walk){ .table = (walk_table), .va = (from), .last = (to) })

/** Goes on to the next run. @return false if there is none */
MUST_USE bool pages_walk_on(struct pages_walk *walk);

/** What is left of the run, at most so many pages, 1 or more. @return false if there are no more */
MUST_USE static inline bool pages_next_run(struct pages_walk *walk, size_t most, struct page_run *run)
{
	if (walk->run.pages == 0 && !pages_walk_on(walk))
		return false;
	*run = walk->run;
	if (run->pages > most)
		run->pages = most;
	walk->run.va += run->pages << PAGE_WIDTH;
	walk->run.pa += run->pages << PAGE_WIDTH;
	walk->run.pages -= run->pages;
	return true;
}

/** The next page that is mapped, and to what. @return false if there is none */
MUST_USE static inline bool pages_next(struct pages_walk *walk, uintptr_t *va, phys_t *pa)
{
	struct page_run run;
	bool found = pages_next_run(walk, 1, &run);

	if (found) {
		*va = run.va;
		*pa = run.pa;
	}
	return found;
}

/** Whether the frame that a page is mapped to is held by the mapping. */
static inline bool page_is_own(const struct as_area *area, uintptr_t va, phys_t pa)
{
	phys_t place;

	if (area->memory != NULL || area->backend->shared)
		return false;
	return area->backend->in_place == NULL || !area->backend->in_place(area, area_page(area, va), &place) ||
		place != pa;
}

/**
 * Unmaps [first, last] of an area and gives back what was its own. idle: NULL, or a batch of the address space, in
 * which no CPU runs, nor will before the batch is finished.
 */
void pages_unmap(struct as *as, struct as_area *area, uintptr_t first, uintptr_t last, struct tlb_batch *idle);

/** Changes what the mapped pages of an area allow. */
void pages_protect(struct as *as, struct as_area *area, page_flags_t flags);

/**
 * Gives a mapped page a frame of its own, with the same contents; *pa changes from one to the other.
 * @retval EAGAIN  short of memory for a frame
 */
MUST_USE errno_t page_copy(
	struct as *as, struct as_area *area, uintptr_t va, phys_t *pa, frame_flags_t alloc, struct reservation *from);

/** Makes a mapped page one that can be written: its own, by a copy if need be. @retval EAGAIN  as page_copy */
MUST_USE errno_t page_own(
	struct as *as, struct as_area *area, uintptr_t va, phys_t *pa, frame_flags_t alloc, struct reservation *from);

/** Promises frames to an area or a memory. @retval ENOMEM */
MUST_USE errno_t promise_more(size_t *promised, size_t frames);
void promise_less(size_t *promised, size_t frames);

/* ---- as_memory.c ---- */

/* Pages that a node of the last level has room for; other nodes for as many nodes. */
#define MEMORY_NODE_WIDTH (PAGE_WIDTH - (sizeof(phys_t) == 8 ? 3 : 2))
#define MEMORY_NODE_PAGES ((size_t) 1 << MEMORY_NODE_WIDTH)

/** Memory for so many pages, none of which has a frame, in an object of as_memory_cache. One sharer has it. */
void memory_init(struct as_memory *memory, size_t pages, bool read_only);

/** One sharer less; the last one's call frees the frames. */
void memory_drop(struct as_memory *memory);

/** Frees the index, not the frames that it leads to: they are the area's still. */
void memory_index_free(struct as_memory *memory);

/** Nodes that an index has at most if `touched` of its pages have frames. */
size_t memory_nodes_most(size_t pages, size_t touched);

/** Where the frame of a page is noted; makes the nodes on the way. @return NULL if it is short of memory for them */
MUST_USE phys_t *memory_slot_make(struct as_memory *memory, size_t page, frame_flags_t alloc, struct reservation *from);

/**
 * Where the frame of the first page from *page on is noted that has one; *page becomes that.
 * @return NULL = none has
 */
phys_t *memory_slot_next(const struct as_memory *memory, size_t *page);

/** The frame of a page of shared memory, taken and filled if there is none. @retval EAGAIN  short of memory */
MUST_USE errno_t memory_frame(
	struct as_area *area, size_t page, frame_flags_t alloc, struct reservation *from, phys_t *pa);

/** Nodes of the index that are missing for a page. */
size_t memory_nodes_missing(struct as_memory *memory, size_t page);

/** Frames promised to it and not taken yet. */
size_t memory_promised(struct as_memory *memory);

/* ---- as_fault.c ---- */

/**
 * as_page_fault with the lock held; pa receives what va is mapped to if the result is OK. To wait for memory it lets go
 * of the lock, and has it again when it returns.
 */
MUST_USE enum as_fault_result as_touch(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa);

extern size_t as_pages_copied;

#endif
