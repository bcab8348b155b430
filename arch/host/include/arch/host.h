/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the host offers its programs beyond the contract: starting up, threads
 * as CPUs, and what only a test asks a machine.
 */

#ifndef ARCH_HOST_H
#define ARCH_HOST_H

#include <arch/mm.h>

/* ---- starting (arch/host/boot.c) and memory (arch/host/memory.c) ---- */

/* The memory of the machine that host_boot builds. */
struct host_memory {
	size_t low;  /* bytes that stand in the identity window, from physical address 0 */
	size_t high; /* bytes from physical address IDENTITY_SIZE on, without a permanent address */
};

#define HOST_MEMORY_DEFAULT ((struct host_memory){ .low = MiB(64), .high = MiB(16) })

/** Makes the memory, and maps it; ends the program with a message if it cannot be had. */
void host_memory_map(const struct host_memory *memory);

/** Whether there is memory at this physical address. */
bool host_memory_has(phys_t pa);

/** Where the process has it: what a CPU reads and writes at this physical address, which there is. */
void *host_memory_at(phys_t pa);

/** The file that it is: a physical address is an offset in it. */
int host_memory_file(void);

/**
 * What boot code and kernel do on a machine: memory, boot page tables, the map of memory, and every *_init of the
 * core. The calling thread becomes CPU 0. Ends the program with a message if something fails. Once a process.
 */
void host_boot(const struct host_memory *memory);

/* ---- CPUs (arch/host/cpu.c) ---- */

/** Gives the calling thread a CPU, which it must have before it enters the core, and which is its own to the end. */
void host_cpu_enter(void);

/** Gives the CPU back: another thread may get it, with all that the core keeps for it. */
void host_cpu_leave(void);

/**
 * Around whatever makes the thread wait outside the core (a join, a barrier, a sleep): in between its CPU counts as
 * idle, and what other CPUs call on it is done on its behalf.
 */
void host_cpu_idle_begin(void);
void host_cpu_idle_end(void);

/**
 * The thread goes on as another CPU, which some thread had before and none has now; it may not be in an address space.
 * port_self() is another after it. @return false if there is none
 */
bool host_cpu_move(void);

/** CPUs that ever had a thread. */
unsigned host_cpus_up(void);

/* ---- TLB (arch/host/tlb.c) ---- */

/* What the core has told the TLBs since host_tlb_forget. */
struct host_tlb_record {
	size_t pages;         /* calls of tlb_invalidate_page, all CPUs */
	size_t alls;          /* calls of tlb_invalidate_all */
	uintptr_t recent[64]; /* the last addresses; recent[pages % 64] is the oldest */
};

void host_tlb_forget(void);
void host_tlb_get(struct host_tlb_record *record);

/** Whether the translation of va has been dropped on this CPU since host_tlb_forget (one that recent still holds). */
bool host_tlb_dropped(uintptr_t va);

/* ---- when a change is seen (arch/host/seen.c) ---- */

/* Times that barriers were called for since boot, of all CPUs; in debug builds. */
struct host_barriers {
	size_t published;       /* pte_publish */
	size_t begun, finished; /* tlb_invalidate_begin, tlb_invalidate_finish */
};

void host_barriers_get(struct host_barriers *barriers);

/* Debug builds: called, if not NULL, with each frame that is made executable. */
extern void (*host_executable_hook)(phys_t frame);

/** What is complete in itself, an invalidation of all or the load of a root: all that was stored before is seen. */
void host_seen(void);

/** Debug builds: a page is being invalidated; panics if that was not begun by tlb_invalidate_begin. */
void host_check_begun(uintptr_t va);

struct page_table;
struct page_mapping;

/** What the hardware finds at an address of this CPU, whose root this is (arch/host/walk.c). Interrupts are off. */
struct page_mapping host_look_up(phys_t root, uintptr_t va);

/** The calling thread's CPU translates by this page table from now on, as by tlb_switch. */
void host_tlb_use(struct page_table *table);

/* Called, if not NULL, when a CPU has loaded a root, interrupts off: in the midst of a switch. */
extern void (*host_root_hook)(void);

/* Called, if not NULL, when a CPU has invalidated what it held under identifiers, interrupts off: it may look ahead. */
extern void (*host_asids_hook)(void);

/* Called, if not NULL, when a CPU is about to invalidate on all CPUs (STRICT=yes); interrupts are off there. */
extern void (*host_broadcast_hook)(void);

/** Sets how many identifiers of address spaces there are: from 2 to ASIDS_MOST. While no other CPU runs. */
void host_asids_set(unsigned count);

/**
 * What the CPU does at va: as its TLB remembers, or else, remembering it from now on, as the page table says.
 *
 * @param mapping  receives where it leads; size 0 = nowhere
 * @return false where a CPU would fault
 */
bool host_access(uintptr_t va, bool write, struct page_mapping *mapping);

/** Reads or writes a byte, in memory that there is. @return false where a CPU would fault */
bool host_load(uintptr_t va, uint8_t *value);
bool host_store(uintptr_t va, uint8_t value);

/* The cache of translations that all CPUs share, of a host that has one. */
struct host_cache_info {
	size_t removals; /* calls of tlb_cache_invalidate */
	size_t filled;   /* translations that were put in */
	size_t found;    /* look-ups that it answered */
	size_t late;     /* times that a TLB was to drop a page of which it held what is not mapped any more */
};

void host_cache_get_info(struct host_cache_info *info);

/** Whether it holds a translation of va, under whatever identifier. */
bool host_cache_has(uintptr_t va);

/** The translation of an address of the kernel part, by that cache or by the page table. Any context. */
struct page_mapping host_kernel_find(uintptr_t va);

/** A TLB that is deaf drops nothing it is told to drop, only writes it down: so a test can show what that would be. */
void host_tlb_deafen(bool is_deaf);

/** A translation that leads to a frame is being invalidated: the frame is not free by then. Else it panics. */
void host_check_owned(uintptr_t va, pfn_t pfn);

/**
 * From now on, or no more, counts translations that were invalidated after their frame was freed, rather than panic.
 * @return how many there were since it was called last
 */
size_t host_tlb_watch(bool watch);

/* ---- the kernel's window as the process sees it (arch/host/window.c) ---- */

/** Before anything is mapped in it. */
void host_window_init(void);

/** Hides a page, if it is one of the window, and all pages: told by the TLBs. */
void host_window_drop(uintptr_t va);
void host_window_drop_all(void);

/** As host_tlb_deafen. */
void host_window_deafen(bool deaf);

/** Around a fork, after which the window's pages are others in the child: there it is seen anew. */
void host_window_lock(void);
void host_window_unlock(bool anew);

/* ---- log and panic (arch/host/port.c) ---- */

/** Whether lines of log are printed (as comments of KTAP) or only kept. */
void host_log_print(bool print);

/** Prints what is kept. */
void host_log_tell(void);

/** Lines that begin so, and those after them that begin with a blank, are marked as expected; NULL = none. */
void host_log_expect(const char *beginning);

/** Whether a line of log since host_log_forget had this text; only the last 16 KiB are kept. */
bool host_log_has(const char *text);
void host_log_forget(void);

/** Called by port_panic with the message, if set, before anything is printed; does not return. */
extern void (*host_panic_hook)(const char *message);

#endif
