/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What kind of TLB a machine has. <arch/mm.h> states what is not the usual by
 * defining these; what it does not define is as here.
 */

#ifndef MM_TLB_KIND_H
#define MM_TLB_KIND_H

#include <arch/mm.h>
#include <mm/page_seen.h>

/*
 * Ranges of more pages than this are invalidated by invalidating everything. A machine states how many pages it
 * invalidates one by one in the time that it takes to fill its TLB anew.
 */
#ifndef TLB_RANGE_MAX
#define TLB_RANGE_MAX 32u
#endif

/*
 * Not 0: translations of the kernel part belong to the identifier under which they were looked up, as those of the
 * user part do: the format has no global bit, or the machine does not use it. Such a machine supplies
 * tlb_invalidate_page_asids, which invalidates one page of the kernel part on this CPU under all identifiers. (0: they
 * belong to none, and tlb_invalidate_page is enough.) It does not go with TLB_CACHE (mm/tlb_cache.h): what that holds
 * of the kernel part is under no identifier.
 */
#ifndef TLB_KERNEL_TAGGED
#define TLB_KERNEL_TAGGED 0
static inline void tlb_invalidate_page_asids(uintptr_t va)
{
	tlb_invalidate_page(va);
}
#endif

/*
 * Not 0: the TLB may keep that a page is not mapped, as one does that has the pages of a pair in one entry, each with a
 * valid bit of its own. Nothing is invalidated when a page is mapped where none was, so a fault may be stale:
 * page_fault_is_stale (mm/page_miss.h) is asked before it is reported, by kernel/trap.c. A machine that refuses, as a
 * page fault, what the entry allows, would try such an access for ever, and may not define it.
 */
#ifndef TLB_KEEPS_INVALID
#define TLB_KEEPS_INVALID 0
#endif

/** This CPU invalidates a page of the kernel part, or of the user part under the identifier in use. */
static inline void tlb_invalidate_page_of(bool is_kernel, uintptr_t va)
{
	if (TLB_KERNEL_TAGGED && is_kernel)
		tlb_invalidate_page_asids(va);
	else
		tlb_invalidate_page(va);
}

/** The same of one page alone: when it returns, that is complete. */
static inline void tlb_invalidate_one(bool is_kernel, uintptr_t va)
{
	tlb_invalidate_begin();
	tlb_invalidate_page_of(is_kernel, va);
	tlb_invalidate_finish();
}

#endif
