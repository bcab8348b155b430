/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the host makes of mm/page_seen.h, in debug builds. Its own look-ups
 * need no barrier; so it follows whether the core has called for them, on each
 * CPU, and panics where a machine that needs them would go wrong:
 *
 *   unpublished    a present entry was stored, and neither pte_publish nor
 *                  tlb_invalidate_begin came after it
 *   unfinished     an invalidation has begun, and tlb_invalidate_finish did not come
 *
 * and interrupts come on, or this CPU looks something up (arch/host/tlb.c); or
 * a page is invalidated that has no tlb_invalidate_begin before it. Interrupts
 * are off while a change is made, so both marks are the thread's own. With STRICT=yes
 * it panics as well if a valid entry becomes another that differs in more than rights
 * (PTE_BREAK_FIRST); arch/host/tlb.c does if it comes to hold both.
 */

#include <arch/host.h>
#include <mm/page.h>
#include <mm/port.h>

#define HOST_UNPUBLISHED 1u
#define HOST_UNFINISHED 2u

static struct host_barriers counts;

void host_barriers_get(struct host_barriers *barriers)
{
	barriers->published = __atomic_load_n(&counts.published, __ATOMIC_RELAXED);
	barriers->begun = __atomic_load_n(&counts.begun, __ATOMIC_RELAXED);
	barriers->finished = __atomic_load_n(&counts.finished, __ATOMIC_RELAXED);
}

void host_unseen(void)
{
	unsigned unseen = host_local.unseen;

	host_local.unseen = 0;
	port_panic("CPU %u goes on, and %s", port_cpu(),
		unseen & HOST_UNFINISHED ? "an invalidation that it has begun is not finished"
								 : "an entry that it has stored is not published");
}

void host_seen(void)
{
	host_local.unseen &= ~HOST_UNPUBLISHED;
}

void host_check_begun(uintptr_t va)
{
	if (CONFIG_DEBUG && !(host_local.unseen & HOST_UNFINISHED))
		port_panic("CPU %u invalidates the page at %#zx, and has not begun to invalidate", port_cpu(), (size_t) va);
}

#if CONFIG_DEBUG

static void count(size_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void (*host_executable_hook)(phys_t frame);

void host_make_executable(const void *page)
{
	void (*hook)(phys_t frame) = __atomic_load_n(&host_executable_hook, __ATOMIC_RELAXED);
	phys_t frame;

	if (hook != NULL && page_translate(&page_kernel, (uintptr_t) page, &frame))
		hook(frame);
}

/* What of a valid entry may be another in the next one. */
#define MAY_CHANGE (PTE_WRITE | PTE_USER | PTE_NO_EXEC)

void host_entry_stored(pte_t before, pte_t pte)
{
	if (PTE_BREAK_FIRST && pte_present(before) && pte_present(pte) && ((before ^ pte) & ~MAY_CHANGE) != 0)
		port_panic("a valid entry, %#zx, becomes %#zx at once", (size_t) before, (size_t) pte);
	if (pte_present(pte))
		host_local.unseen |= HOST_UNPUBLISHED;
}

void host_published(void)
{
	count(&counts.published);
	host_local.unseen &= ~HOST_UNPUBLISHED;
}

void host_invalidate_begun(void)
{
	count(&counts.begun);
	host_local.unseen = HOST_UNFINISHED;
}

void host_invalidate_finished(void)
{
	count(&counts.finished);
	host_local.unseen &= ~HOST_UNFINISHED;
}

#endif
