/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The kernel's window on the host, KM_START to KM_END, where page tables decide
 * what is seen. The process has nothing mapped there. Who touches a page faults,
 * and the handler of the fault does what a CPU does at a TLB miss: it looks the
 * address up in the kernel's page table, and shows the page of memory found, by
 * a mapping of the process with the rights found. When the core drops a
 * translation the page is hidden again, as a TLB forgets. An access that the
 * page table does not allow is a panic, as it is on a machine.
 *
 * So pages shown are one TLB for all CPUs, where each should have its own: a
 * translation that is dropped on one is dropped on all. Missing calls on other
 * CPUs show in arch/host/tlb.c, not here.
 *
 * Like a TLB it has so many places: when PAGES_MOST are shown, all are hidden.
 *
 * ORDER OF UNMAPPING AND FREEING. A page is hidden when its translation is
 * invalidated. Until then a CPU could store through it, so then its frame is not
 * free, nor is the range of kernel space that it is in (if it was allocated when
 * the page was shown): a violation is a panic, in whatever case it happens.
 *
 * LOCK. window_lock, around showing and hiding; the handler looks up under it. Who
 * removes a mapping changes the entry first, so either the look-up finds the new
 * one, or the page is hidden after it was shown. The handler runs in the midst
 * of whatever touched the window, which therefore has neither this lock nor one
 * that a look-up takes (none does). Interrupts are off in it.
 *
 * With STRICT=yes a page may be away for a moment, invalidated here as well: so what is
 * looked up under the lock does not wait for its end, and a fault that finds nothing looks
 * again without the lock.
 *
 * The calls are the system's own, past what a sanitizer makes of mmap: showing
 * a page writes nothing to it.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <arch/host.h>
#include <mm/km.h>
#include <mm/page.h>
#include <mm/port.h>

#define WINDOW_SIZE ((size_t) (KM_END - KM_START))
#define PAGES_MOST 8192
#define FAULT_WRITE 2 /* of the error code of a page fault (Intel SDM vol. 3A, 4.7) */

static pthread_mutex_t window_lock = PTHREAD_MUTEX_INITIALIZER;
static struct shown {
	uint32_t frame;  /* its number, and one more; 0 = the page is hidden */
	bool was_in_use; /* its range was allocated */
} shown[WINDOW_SIZE / PAGE_SIZE];
static size_t pages_shown;
static bool is_deaf;
static struct sigaction before; /* what else happens at a fault */

void host_window_lock(void)
{
	pthread_mutex_lock(&window_lock);
}

static void map(uintptr_t va, size_t bytes, int rights, int flags, int file, phys_t offset)
{
	if (syscall(SYS_mmap, va, bytes, rights, flags | MAP_FIXED | MAP_NORESERVE, file, offset) == (long) va)
		return;
	fprintf(stderr, "host: %zu bytes of the kernel's window at %#lx: %s\n", bytes, va, strerror(errno));
	abort();
}

/* ---- order ---- */

/* Whether an address is in a range that is allocated of one of the window's arenas. */
static bool is_in_use(uintptr_t va)
{
	struct vmem *const arenas[] = { &km_alloc_arena, &km_map_arena, &km_arena };
	struct vmem_range range;

	for (size_t i = 0; i < ARRAY_COUNT(arenas); i++)
		if (vmem_find(arenas[i], va, &range) && va >= range.start)
			return range.kind == VMEM_TAKEN;
	return false;
}

/* A page is hidden, or is to be. */
static void check_order(size_t page, struct shown was)
{
	uintptr_t va = KM_START + (page << PAGE_WIDTH);

	host_check_owned(va, was.frame - 1);
	if (was.was_in_use && !is_in_use(va))
		port_panic("the page at %#zx is free in its arena, and its translation is valid still", (size_t) va);
}

static void check_order_all(void)
{
	for (size_t page = 0, left = pages_shown; left != 0; page++)
		if (shown[page].frame != 0) {
			check_order(page, shown[page]);
			left--;
		}
}

/* ---- hiding ---- */

static void hide(uintptr_t va, size_t bytes)
{
	map(va, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void hide_all_locked(void)
{
	if (pages_shown == 0)
		return;
	hide(KM_START, WINDOW_SIZE);
	memset(shown, 0, sizeof shown);
	pages_shown = 0;
}

void host_window_unlock(bool anew)
{
	if (anew)
		hide_all_locked();
	pthread_mutex_unlock(&window_lock);
}

void host_window_drop(uintptr_t va)
{
	size_t page = (va - KM_START) >> PAGE_WIDTH;
	struct shown was = { 0 };

	if (va - KM_START >= WINDOW_SIZE)
		return;
	host_window_lock();
	if (shown[page].frame != 0 && !is_deaf) {
		was = shown[page];
		hide(ALIGN_DOWN(va, PAGE_SIZE), PAGE_SIZE);
		shown[page].frame = 0;
		pages_shown--;
	}
	host_window_unlock(false);
	if (was.frame != 0)
		check_order(page, was);
}

void host_window_drop_all(void)
{
	host_window_lock();
	if (!is_deaf) {
		check_order_all();
		hide_all_locked();
	}
	host_window_unlock(false);
}

void host_window_deafen(bool deaf)
{
	host_window_lock();
	is_deaf = deaf;
	host_window_unlock(false);
}

/* ---- showing ---- */

/* Shows the page that va is in. @return false if the page table does not allow it, or there is no memory */
static bool show_locked(uintptr_t va, bool write)
{
	uintptr_t page = ALIGN_DOWN(va, PAGE_SIZE);
	struct page_mapping mapping = PTE_BREAK_FIRST ? host_look_up(page_root_current(), page) : host_kernel_find(page);
	bool writable = (mapping.flags & PAGE_WRITE) != 0;
	struct shown *entry;

	if (mapping.size == 0 || (write && !writable) || !host_memory_has(mapping.pa))
		return false;
	if (pages_shown == PAGES_MOST)
		hide_all_locked();
	map(page, PAGE_SIZE, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, host_memory_file(), mapping.pa);
	entry = &shown[(page - KM_START) >> PAGE_WIDTH];
	if (PTE_BREAK_FIRST && !is_deaf && entry->frame != 0 && entry->frame != (uint32_t) (mapping.pa >> PAGE_WIDTH) + 1)
		port_panic("the page at %#zx leads to another frame, and its old translation is valid still", (size_t) page);
	pages_shown += entry->frame == 0;
	*entry = (struct shown){ .frame = (uint32_t) (mapping.pa >> PAGE_WIDTH) + 1, .was_in_use = is_in_use(page) };
	return true;
}

/* Whether the page table allows it after all: the page was away for a moment. The lock is not held. */
static bool was_away(uintptr_t va, bool write)
{
	struct page_mapping mapping = { .size = 0 };

	if (PTE_BREAK_FIRST)
		mapping = page_mapping_find(&page_kernel, va);
	return mapping.size != 0 && (!write || (mapping.flags & PAGE_WRITE)) && host_memory_has(mapping.pa);
}

static bool resolve(uintptr_t va, bool write)
{
	uintptr_t interrupts_off = host_local.interrupts_off;
	bool is_shown;

	host_local.interrupts_off = 1;
	do {
		host_window_lock();
		is_shown = show_locked(va, write);
		host_window_unlock(false);
	} while (!is_shown && was_away(va, write));
	host_local.interrupts_off = interrupts_off;
	return is_shown;
}

static void fault(int number, siginfo_t *info, void *context)
{
	uintptr_t va = (uintptr_t) info->si_addr;
	bool write = (((ucontext_t *) context)->uc_mcontext.gregs[REG_ERR] & FAULT_WRITE) != 0;
	int error = errno;

	(void) number;
	if (va - KM_START >= WINDOW_SIZE)
		sigaction(SIGSEGV, &before, NULL); /* it faults again, into other hands */
	else if (!resolve(va, write))
		port_panic("page fault: %s %#zx, which the kernel's page table does not allow", write ? "writing" : "reading",
			(size_t) va);
	errno = error;
}

void host_window_init(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_NODEFER };
	void *wanted = (void *) KM_START;

	action.sa_sigaction = fault;
	sigemptyset(&action.sa_mask);
	if (mmap(wanted, WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			0) == wanted &&
		sigaction(SIGSEGV, &action, &before) == 0)
		return;
	fprintf(stderr, "host: no room for the kernel's window at %p: %s\n", wanted, strerror(errno));
	exit(2);
}
