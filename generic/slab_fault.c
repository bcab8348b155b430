/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is wrong with an address that should be an object of a cache.
 *
 * The mark of its frame (mm/frame.h) says whether it lies in a slab or in a
 * block, and of what order the slab is; the slab's header says whose it is, and
 * where its objects are. So nothing is read at an address of which it is not
 * known that there is a slab. A frame that is free tells that the object was
 * given back before, and its slab with it; whether an object of a living slab
 * is free, the slab's map knows (slab.c), or in debug builds its tag.
 *
 * CONTEXTS. Any. LOCKS. None: who has an object keeps its slab alive.
 * COST. About 25 instructions, with one multiplication.
 */

#include "slab_internal.h"

size_t slab_index(const struct slab *slab, const void *object)
{
	uint32_t offset = (uint32_t) ((const char *) object - slab_objects(slab));

	return (size_t) ((uint64_t) offset * slab->cache->reciprocal >> 32);
}

/* What an address is that lies in no slab and no block. */
static enum slab_fault judge_foreign(pfn_t pfn)
{
	enum frame_kind kind = frame_kind(pfn);

	return kind == FRAME_KIND_FREE || kind == FRAME_KIND_CACHED ? SLAB_FAULT_FREE : SLAB_FAULT_FOREIGN;
}

static enum slab_fault judge_block(pfn_t pfn, const void *object)
{
	if (!frame_is(pfn, FRAME_KIND_BLOCK) || frame_detail(pfn) < SLAB_DETAIL_BLOCK_FREE)
		return judge_foreign(pfn);
	return (uintptr_t) object % PAGE_SIZE == 0 ? SLAB_FAULT_NONE : SLAB_FAULT_MIDDLE;
}

static enum slab_fault judge_in_slab(const struct slab_cache *cache, const struct slab *slab, const void *object)
{
	const char *first = slab_objects(slab);
	size_t index;

	if ((const char *) object < first)
		return SLAB_FAULT_MIDDLE;
	index = slab_index(slab, object);
	if (index >= cache->objects || first + index * cache->stride != object)
		return SLAB_FAULT_MIDDLE;
	return SLAB_FAULT_NONE;
}

enum slab_fault slab_judge(const struct slab_cache *cache, const void *object)
{
	pfn_t pfn = KA2PA((uintptr_t) object) >> PAGE_WIDTH;
	const struct slab *slab;

	if (object == NULL)
		return SLAB_FAULT_NULL;
	if (!frame_known(pfn))
		return SLAB_FAULT_FOREIGN;
	if (cache->objects == 0)
		return judge_block(pfn, object);
	if (!frame_is(pfn, FRAME_KIND_SLAB))
		return judge_foreign(pfn);
	slab = slab_of_order(object, frame_detail(pfn) % SLAB_DETAIL_MALLOC);
	if (slab->cache != cache)
		return SLAB_FAULT_OTHER_CACHE;
	return judge_in_slab(cache, slab, object);
}

void slab_panic(const struct slab_cache *cache, const void *object, enum slab_fault fault, const char *function)
{
	static const char *const faults[] = {
		[SLAB_FAULT_NULL] = "it is NULL",
		[SLAB_FAULT_FOREIGN] = "it was never allocated from a cache",
		[SLAB_FAULT_OTHER_CACHE] = "it belongs to another cache",
		[SLAB_FAULT_MIDDLE] = "it is not the start of an object",
		[SLAB_FAULT_FREE] = "it is free already (double free)",
	};
	const char *owner = "";

	if (fault == SLAB_FAULT_OTHER_CACHE) {
		pfn_t pfn = KA2PA((uintptr_t) object) >> PAGE_WIDTH;

		owner = slab_of_order(object, frame_detail(pfn) % SLAB_DETAIL_MALLOC)->cache->name;
	}
	port_panic("%s(%s, %p): %s%s%s", function, cache->name, object, faults[fault], owner[0] != 0 ? ": " : "", owner);
}
