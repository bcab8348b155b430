/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A set of CPUs into which several CPUs put themselves at once, and out of
 * which one takes all of them: the inbox of a CPU whom others ask for
 * something.
 *
 * ORDER. Putting in releases and taking out acquires, so the one that takes out sees
 * what was written before. Both are sequentially consistent read-modify-writes of
 * one word, so they have one order: the CPU that finds the word empty has put itself
 * in after it was emptied, and interrupts. The look before the exchange is relaxed:
 * it may miss a CPU that puts itself in just now, and then the interrupt of that one
 * (or of the one that found the word empty before it) is still to come; an interrupt
 * brings what was written before it was sent (port_interrupt).
 */

#ifndef MM_CPU_SET_H
#define MM_CPU_SET_H

#include <arch/mm.h>
#include <mm/types.h>

#define CPU_SET_BITS (8 * sizeof(uintptr_t))
#define CPU_SET_WORDS ((CONFIG_MAX_CPUS + CPU_SET_BITS - 1) / CPU_SET_BITS)

struct cpu_set {
	uintptr_t words[CPU_SET_WORDS];
} __attribute__((aligned(CACHE_LINE)));

/**
 * Puts a CPU in; what the caller wrote before is seen by who takes it out.
 * @return whether nobody was in its word: then whoever takes them out has to be told
 */
static inline bool cpu_set_put(struct cpu_set *set, unsigned cpu)
{
	uintptr_t bit = (uintptr_t) 1 << cpu % CPU_SET_BITS;

	return __atomic_fetch_or(&set->words[cpu / CPU_SET_BITS], bit, __ATOMIC_SEQ_CST) == 0;
}

/** Takes out all there are, and calls take with each. Cheap if there are none. */
static inline void cpu_set_take_all(struct cpu_set *set, void (*take)(unsigned cpu))
{
	for (size_t i = 0; i < CPU_SET_WORDS; i++) {
		if (__atomic_load_n(&set->words[i], __ATOMIC_RELAXED) == 0)
			continue;

		uintptr_t taken = __atomic_exchange_n(&set->words[i], 0, __ATOMIC_SEQ_CST);

		for (; taken != 0; taken &= taken - 1)
			take((unsigned) (i * CPU_SET_BITS) + (unsigned) __builtin_ctzl(taken));
	}
}

#endif
