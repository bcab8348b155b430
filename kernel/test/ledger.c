/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The ledger: what a case holds, so that all of it can be given back whenever
 * and wherever the case ends.
 *
 *   frames    a bit for each frame the core knows (ledger_frames.c)
 *   records   a hash table (open addressing, linear probing, no tombstones) of
 *             what else has an address: objects, blocks, mappings …
 *
 * Its memory is taken from the core before a case and given back after it, in
 * one run of frames; so it neither allocates while a case runs nor is part of
 * what the case is measured by.
 *
 * LOCKS. ledger_lock, below no other and above none: what goes into the ledger
 * is taken before, what leaves it given back after.
 */

#include <mm/spinlock.h>

#include "test_internal.h"

/* In the order in which they are given back. */
enum record_kind {
	RECORD_NONE,
	RECORD_AS,
	RECORD_MAPPING,
	RECORD_KM,
	RECORD_KM_MEMORY,
	RECORD_OBJECT,
	RECORD_BLOCK,
	RECORD_CHAIN,
	RECORD_CACHE,
	RECORD_REFERENCE,
	RECORD_ARENA_IMPORTING,
	RECORD_ARENA,
	RECORD_KINDS
};

struct record {
	enum record_kind kind;
	uintptr_t key; /* its address */
	void *owner;   /* the cache, the table */
	size_t size;   /* bytes, pages, references */
};

#define SLOTS 4096
_Static_assert(TEST_LEDGER_ROOM <= SLOTS * 3 / 4, "probing would be slow");

static struct mm_spinlock ledger_lock = SPINLOCK_INIT;
static struct record *records;
static size_t record_count;
static phys_t ledger_base;
static size_t ledger_frames;

/* ---- opening and closing ---- */

bool ledger_open(void)
{
	size_t bytes = SLOTS * sizeof(struct record) + ledger_frames_size();

	ledger_frames = ALIGN_UP(bytes, PAGE_SIZE) >> PAGE_WIDTH;
	ledger_base = frame_alloc(ledger_frames, FRAME_ATOMIC | FRAME_ZERO, 0);
	if (ledger_base == 0)
		return false;
	records = (struct record *) PA2KA(ledger_base);
	record_count = 0;
	ledger_frames_open((uint32_t *) (records + SLOTS));
	return true;
}

void ledger_close(void)
{
	frame_free(ledger_base, ledger_frames);
	records = NULL;
}

/* ---- records ---- */

static size_t slot_of(enum record_kind kind, uintptr_t key)
{
	return (size_t) ((key >> 3) * 0x9e3779b1u + (key >> 15) + (uintptr_t) kind * 977) % SLOTS;
}

/* The slot that has this record, or the free one where it would be put. */
static struct record *find_locked(enum record_kind kind, uintptr_t key)
{
	size_t slot = slot_of(kind, key);

	while (records[slot].kind != RECORD_NONE && (records[slot].kind != kind || records[slot].key != key))
		slot = (slot + 1) % SLOTS;
	return &records[slot];
}

/* Empties a slot, and moves up what probing would no longer find past it (Knuth, vol. 3, 6.4, algorithm R). */
static void delete_locked(struct record *record)
{
	size_t hole = (size_t) (record - records);

	record_count--;
	for (size_t slot = (hole + 1) % SLOTS; records[slot].kind != RECORD_NONE; slot = (slot + 1) % SLOTS) {
		size_t home = slot_of(records[slot].kind, records[slot].key);

		if ((slot - home) % SLOTS >= (slot - hole) % SLOTS) {
			records[hole] = records[slot];
			hole = slot;
		}
	}
	records[hole].kind = RECORD_NONE;
}

/* Puts a record in; one that is there already grows to the larger size. @return false if the ledger is full (told) */
static bool enter(enum record_kind kind, uintptr_t key, void *owner, size_t size)
{
	port_irq_t irq = spinlock_lock(&ledger_lock);
	struct record *record = find_locked(kind, key);
	bool room = record->kind != RECORD_NONE || record_count < TEST_LEDGER_ROOM;

	if (room) {
		record_count += record->kind == RECORD_NONE;
		if (record->kind == RECORD_NONE || record->size < size)
			record->size = size;
		record->kind = kind;
		record->key = key;
		record->owner = owner;
	}
	spinlock_unlock(&ledger_lock, irq);
	if (!room && test_fail())
		test_note("the case holds more than the ledger has room for: use a chain");
	return room;
}

/* Takes a record out. @return whether it was there */
static bool leave(enum record_kind kind, uintptr_t key)
{
	port_irq_t irq = spinlock_lock(&ledger_lock);
	struct record *record = find_locked(kind, key);
	bool found = record->kind != RECORD_NONE;

	if (found)
		delete_locked(record);
	spinlock_unlock(&ledger_lock, irq);
	return found;
}

/* As leave, where only a mistake of the case can make it fail. */
static void leave_surely(enum record_kind kind, uintptr_t key)
{
	if (!leave(kind, key) && test_fail())
		test_note("the case gives back %p, which it does not hold", (void *) key);
}

/* ---- references ---- */

errno_t test_frame_reference_add(phys_t frame)
{
	errno_t error = frame_reference_add(frame);
	port_irq_t irq;
	struct record *record;
	size_t references;

	if (error != EOK)
		return error;
	irq = spinlock_lock(&ledger_lock);
	record = find_locked(RECORD_REFERENCE, frame);
	references = record->kind == RECORD_NONE ? 1 : record->size + 1;
	spinlock_unlock(&ledger_lock, irq);
	if (enter(RECORD_REFERENCE, frame, NULL, references))
		return EOK;
	frame_free(frame, 1);
	return ENOMEM;
}

void test_frame_reference_drop(phys_t frame)
{
	port_irq_t irq = spinlock_lock(&ledger_lock);
	struct record *record = find_locked(RECORD_REFERENCE, frame);
	bool last = record->kind != RECORD_NONE && --record->size == 0;

	spinlock_unlock(&ledger_lock, irq);
	if (last)
		leave_surely(RECORD_REFERENCE, frame);
	frame_free(frame, 1);
}

/* ---- objects and blocks ---- */

struct slab_cache *test_slab_cache_create(
	const char *name, size_t size, const struct slab_cache_options *options, frame_flags_t flags)
{
	struct slab_cache *cache = slab_cache_create(name, size, options, flags);

	if (cache != NULL && !enter(RECORD_CACHE, (uintptr_t) cache, NULL, 0)) {
		(void) !slab_cache_destroy(cache);
		return NULL;
	}
	return cache;
}

errno_t test_slab_cache_destroy(struct slab_cache *cache)
{
	errno_t error = slab_cache_destroy(cache);

	if (error == EOK)
		leave_surely(RECORD_CACHE, (uintptr_t) cache);
	return error;
}

void *test_slab_alloc(struct slab_cache *cache, frame_flags_t flags)
{
	void *object = slab_alloc(cache, flags);

	if (object != NULL && !enter(RECORD_OBJECT, (uintptr_t) object, cache, 0)) {
		slab_free(cache, object);
		return NULL;
	}
	return object;
}

void test_slab_free(struct slab_cache *cache, void *object)
{
	leave_surely(RECORD_OBJECT, (uintptr_t) object);
	slab_free(cache, object);
}

static void *enter_block(void *block)
{
	if (block != NULL && !enter(RECORD_BLOCK, (uintptr_t) block, NULL, 0)) {
		mm_free(block);
		return NULL;
	}
	return block;
}

void *test_malloc(size_t size, frame_flags_t flags)
{
	return enter_block(mm_malloc(size, flags));
}

void *test_memalign(size_t align, size_t size, frame_flags_t flags)
{
	return enter_block(mm_memalign(align, size, flags));
}

void *test_realloc(void *old, size_t size, frame_flags_t flags)
{
	uintptr_t key = (uintptr_t) old;
	void *block;

	/* Out of the ledger first: once it has moved, its old address may be another thread's. */
	if (old != NULL)
		leave_surely(RECORD_BLOCK, key);
	block = mm_realloc(old, size, flags);
	if (block == NULL && old != NULL)
		(void) enter(RECORD_BLOCK, key, NULL, 0);
	return enter_block(block);
}

void test_free(void *address)
{
	if (address != NULL)
		leave_surely(RECORD_BLOCK, (uintptr_t) address);
	mm_free(address);
}

/* ---- mappings ---- */

errno_t test_page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	errno_t error = page_mapping_insert(table, va, pa, pages, flags, alloc);

	if (error == EOK && !enter(RECORD_MAPPING, va, table, pages)) {
		page_mapping_remove(table, va, pages);
		return ENOMEM;
	}
	return error;
}

void test_page_mapping_remove(struct page_table *table, uintptr_t va, size_t pages)
{
	port_irq_t irq = spinlock_lock(&ledger_lock);
	struct record *record = find_locked(RECORD_MAPPING, va);

	/* A part removed leaves the record: at the end what is left of the range goes. */
	if (record->kind != RECORD_NONE && record->size <= pages)
		delete_locked(record);
	spinlock_unlock(&ledger_lock, irq);
	page_mapping_remove(table, va, pages);
}

errno_t test_km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va)
{
	errno_t error = km_map(pa, bytes, flags, alloc, va);

	if (error == EOK && !enter(RECORD_KM, *va, NULL, bytes)) {
		km_unmap(*va, bytes);
		return ENOMEM;
	}
	return error;
}

void test_km_unmap(uintptr_t va, size_t bytes)
{
	leave_surely(RECORD_KM, va);
	km_unmap(va, bytes);
}

errno_t test_km_alloc(size_t bytes, frame_flags_t flags, uintptr_t *va)
{
	errno_t error = km_alloc(bytes, flags, va);

	if (error == EOK && !enter(RECORD_KM_MEMORY, *va, NULL, bytes)) {
		km_free(*va, bytes);
		return ENOMEM;
	}
	return error;
}

void test_km_free(uintptr_t va, size_t bytes)
{
	leave_surely(RECORD_KM_MEMORY, va);
	km_free(va, bytes);
}

/* ---- arenas ---- */

static enum record_kind arena_kind(const struct vmem *arena)
{
	return arena->parent != NULL ? RECORD_ARENA_IMPORTING : RECORD_ARENA;
}

errno_t test_vmem_init(struct vmem *arena, const char *name, const struct vmem_options *options, frame_flags_t flags)
{
	errno_t error = vmem_init(arena, name, options, flags);

	if (error == EOK && !enter(arena_kind(arena), (uintptr_t) arena, NULL, 0)) {
		(void) !vmem_destroy(arena);
		return ENOMEM;
	}
	return error;
}

errno_t test_vmem_destroy(struct vmem *arena)
{
	errno_t error = vmem_destroy(arena);

	if (error == EOK)
		leave_surely(arena_kind(arena), (uintptr_t) arena);
	return error;
}

/* Gives back all that is taken of an arena, and ends it. */
static void arena_settle(struct vmem *arena)
{
	struct vmem_range range;
	uintptr_t va = 0;

	frame_reclaim(RECLAIM_FULL, true); /* so that nothing is in a cache, which would look taken */
	while (vmem_find(arena, va, &range)) {
		if (range.kind == VMEM_TAKEN)
			vmem_free(arena, range.start, range.size);
		va = range.start + range.size;
		if (va == 0)
			break;
	}
	(void) !vmem_destroy(arena);
}

/* ---- address spaces ---- */

struct as *test_as_create(frame_flags_t alloc)
{
	struct as *as = as_create(alloc);

	if (as != NULL && !enter(RECORD_AS, (uintptr_t) as, NULL, 0)) {
		as_release(as);
		return NULL;
	}
	return as;
}

void test_as_release(struct as *as)
{
	leave_surely(RECORD_AS, (uintptr_t) as);
	as_release(as);
}

/* ---- chains ---- */

void test_chain_push(struct test_chain *chain, void *object)
{
	if (!chain->known)
		chain->known = enter(RECORD_CHAIN, (uintptr_t) chain, NULL, 0);
	*(void **) object = chain->first;
	chain->first = object;
	chain->count++;
}

void *test_chain_pop(struct test_chain *chain)
{
	void *object = chain->first;

	if (object == NULL)
		return NULL;
	chain->first = *(void **) object;
	chain->count--;
	return object;
}

void test_chain_free(struct test_chain *chain)
{
	void *object;

	while ((object = test_chain_pop(chain)) != NULL)
		if (chain->cache != NULL)
			slab_free(chain->cache, object);
		else
			mm_free(object);
	if (chain->known)
		(void) leave(RECORD_CHAIN, (uintptr_t) chain);
	chain->known = false;
}

/* ---- the end of a case ---- */

static void settle(struct record record)
{
	void *address = (void *) record.key;

	switch (record.kind) {
	case RECORD_AS:
		as_release(address);
		break;
	case RECORD_MAPPING:
		page_mapping_remove(record.owner, record.key, record.size);
		break;
	case RECORD_KM:
		km_unmap(record.key, record.size);
		break;
	case RECORD_KM_MEMORY:
		km_free(record.key, record.size);
		break;
	case RECORD_ARENA:
	case RECORD_ARENA_IMPORTING:
		arena_settle(address);
		break;
	case RECORD_OBJECT:
		slab_free(record.owner, address);
		break;
	case RECORD_BLOCK:
		mm_free(address);
		break;
	case RECORD_CHAIN:
		test_chain_free(address);
		break;
	case RECORD_CACHE:
		(void) !slab_cache_destroy(address);
		break;
	case RECORD_REFERENCE:
		while (record.size-- > 0)
			frame_free(record.key, 1);
		break;
	case RECORD_NONE:
	case RECORD_KINDS:
		break;
	}
}

void ledger_settle(void)
{
	test_as_borrow(NULL);
	for (int kind = RECORD_NONE + 1; kind < RECORD_KINDS && record_count > 0; kind++) {
		for (size_t slot = 0; slot < SLOTS;) {
			struct record record = records[slot];

			if (record.kind != (enum record_kind) kind) {
				slot++;
				continue;
			}
			settle(record);
			(void) leave(record.kind, record.key); /* may move another record into this slot: look again */
		}
	}
	ledger_frames_settle();
}
