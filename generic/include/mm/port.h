/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the memory core wants of the kernel around it: the whole of it.
 *
 * A kernel that takes the core supplies these functions. The first five are on
 * the hot paths; a kernel that wants them inline supplies a header
 * <port_inline.h> on its include path with static inline definitions of the
 * five, and defines the rest in a .c file. One that does not care defines all
 * of them in one file.
 *
 * CONTEXTS. The core may be called from threads, and, with FRAME_ATOMIC, with
 * interrupts off and from interrupt handlers. It protects per-CPU state by
 * turning interrupts off, and shared state by spinlocks that are held with
 * interrupts off (mm/spinlock.h). So "may sleep" and "interrupts are on" are
 * the same question, and whoever holds a spinlock has them off.
 *
 * ORDER OF LOCKS. A lock may be taken while another is held only if it stands
 * below it in this table. No lock is held across port_park, port_cross_call,
 * tlb_drop (whatever unmaps or changes a mapping) or an allocation that may
 * sleep.
 *
 *   as list       as_list_lock               all address spaces, and the spare ones
 *   as mutex      struct as_mutex.guard      who waits for an address space or its memory
 *   arenas        vmem_list_lock             the list of all arenas
 *   arena caches  struct vmem_cache.lock     one CPU's ranges of one arena; an arena's before its parent's
 *   arena         struct vmem.lock           its spans, segments and tags
 *   page table    struct page_table.lock     one address space's mappings (genarch/ht: ht.lock, those of all)
 *   page tables   page_table_list_lock       the list of page tables; taken after page_kernel's lock, before another's
 *   slab registry slab_registry_lock         the list of all caches
 *   slab cache    struct slab_cache.lock     depot and slab lists of one cache
 *   frames        frame_lock                 zones, promises, sleepers
 *   (kernel)      scheduler, wait queues, console: whatever port_* functions take
 */

#ifndef MM_PORT_H
#define MM_PORT_H

#include <mm/types.h>

/* What port_irq_save returns and port_irq_restore takes; opaque to the core. */
typedef uintptr_t port_irq_t;

#if __has_include(<port_inline.h>)
#include <port_inline.h>
#else
/** Turns interrupts off on this CPU; the thread stays on it till they are on again. Nests. */
port_irq_t port_irq_save(void);

/** Puts interrupts back to what they were at the matching port_irq_save. */
void port_irq_restore(port_irq_t state);

/** Whether interrupts were on when state was saved: whether the caller may sleep. */
bool port_irq_were_on(port_irq_t state);

/** Number of the running CPU, 0 to CONFIG_MAX_CPUS - 1. Stable while interrupts are off. */
unsigned port_cpu(void);

/** Told in each round of a spinning loop: `pause`, or a yield where CPUs are threads. */
void port_relax(void);
#endif

/**
 * Runs function(argument) once on every CPU that is up, this one included, with
 * interrupts off there, and returns when all have done so. The caller has
 * interrupts on and holds no spinlock.
 */
void port_cross_call(void (*function)(void *argument), void *argument);

/**
 * Interrupts another CPU: it calls tlb_answer (mm/tlb.h) as soon as its interrupts are on. Interrupts are off here.
 * What this CPU has written before is seen there: where an interrupt overtakes stores, a barrier goes before it.
 * Never called before a second CPU has called tlb_cpu_start.
 */
void port_interrupt(unsigned cpu);

/** The running thread: anything that port_unpark takes. Never NULL in a thread. */
void *port_self(void);

struct held;

/**
 * The running thread's record of what it holds (mm/held.h): memory that is all 0 when the thread begins, and that
 * nothing else touches. Before there are threads, and where none runs: some record all the same. Any context.
 */
struct held *port_held(void);

/**
 * Sleeps until port_unpark of this thread. One port_unpark that came before is
 * remembered: then it returns at once. It may return without cause; the caller
 * looks again. Called with interrupts on.
 *
 * @param milliseconds  longest sleep; 0 = no limit
 */
void port_park(unsigned milliseconds);

/**
 * Wakes a thread in port_park, or lets its next one return at once. Any context, under locks of the core: whatever
 * frees memory may call it. So no thread that calls the core holds a lock that this takes.
 */
void port_unpark(void *thread);

/** Milliseconds since some moment; never goes back. May be as coarse as a timer's ticks. Any context. */
uint64_t port_time_ms(void);

/**
 * Writes one line of log, printf style: %d %u %x %s %p, the flag # (%#x), the lengths l, ll and z. No widths, no
 * precisions. Any context.
 */
void port_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Stops the kernel: prints the message, with the same formats, and a backtrace. Any context. */
void port_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
