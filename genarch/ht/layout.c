/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The numbers of <mm/ht_layout.h> are those of the structures here.
 */

#include <mm/ht_layout.h>

#include "ht.h"

#define IS(number, value) _Static_assert((number) == (value), #number " is " #value)

IS(HT_WORD, sizeof(uintptr_t));
IS(HT_ROOT_SPACE, offsetof(struct page_table, space));
IS(HT_ROOT_SIZES, offsetof(struct page_table, sizes));
IS(4, sizeof((struct page_table *) 0)->sizes);
IS(HT_BUCKETS, offsetof(struct ht, buckets));
IS(HT_MASK, offsetof(struct ht, mask));
IS(HT_DIRECTORY, offsetof(struct ht, directory));
IS(HT_LOCK_HELD, offsetof(struct ht, lock) + offsetof(struct mm_spinlock, held));
IS(1 << HT_BUCKET_WIDTH, sizeof(struct bucket));
IS(HT_BUCKET_CHANGES, offsetof(struct bucket, changes));
IS(HT_BUCKET_NEXT, offsetof(struct bucket, next));
IS(HT_BUCKET_SLOT, offsetof(struct bucket, slots));
IS(HT_SLOTS, BUCKET_SLOTS);
IS(HT_SLOT_SIZE, sizeof(struct slot));
IS(HT_SLOT_TAG, offsetof(struct slot, tag));
IS(HT_SLOT_CLUSTER, offsetof(struct slot, cluster));
IS(HT_SPACE_SHIFT, SPACE_SHIFT);
IS(HT_SIZE_SHIFT, SIZE_SHIFT);
IS(HT_HASH_MULTIPLIER, HASH_MULTIPLIER);
IS(HT_HASH_GOOD, HASH_GOOD);
