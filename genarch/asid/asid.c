/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers of address spaces, in generations.
 *
 * EACH CPU gives out its own: it has a counter of identifiers and the number of
 * its generation. A page table has for each CPU a context, an identifier and the
 * generation it was given in. A CPU that goes over to a page table
 *
 *   uses the context, if it is not void and of this generation
 *   else gives it the next identifier
 *   and if there is none left, begins a generation: drops all that belongs to
 *   any identifier, and counts from the first again
 *
 *       CPU 0: generation 7, next 3            contexts of page table A
 *                                                on CPU 0:  7 | 2     in use
 *              1      2      3                   on CPU 1:  3 | 5     an old one, if CPU 1 is in a later generation
 *             [B]    [A]    [ ]                  on CPU 2:  - | 0     void: never ran there, or was dropped
 *
 * So no lock is taken and no other CPU asked; and it is exact: two page tables
 * never have one identifier in one generation of one CPU, whatever their number,
 * and no translation outlives its generation. Two identifiers are enough, the
 * kernel's and one more: then each switch to another page table begins a
 * generation, as on a machine that has none.
 *
 * IDENTIFIER 0 is the kernel's: under it runs who has no address space. Nothing
 * is mapped in the user part then, so nothing comes to stand under it.
 *
 * A GENERATION BEGINS under identifier 0: a CPU that looks ahead must not
 * look up, after the drop, pages of the page table it leaves, under the identifier
 * that the next one is about to get.
 *
 * VOID. Any CPU may make a context void, by writing 0 for its identifier; that is
 * all that others ever do to it. The identifier is not given out again in this
 * generation, so what stands under it is met by nobody. The CPU itself overwrites
 * that only with a fresh identifier; generic/tlb.c says why that is right.
 *
 * NOTHING TO LEAK. Identifiers are not given back one by one: a page table that
 * goes takes its contexts along, and the generation's end serves them all. The
 * generation has 64 bits and never comes round.
 *
 * LOCKS. None. All of it is a CPU's own, with interrupts off.
 *
 * ORDER. What other CPUs access is a context's identifier, which they make void
 * at any time, and the counters, which they read as figures. All of these are
 * relaxed here. An identifier is read and written between the fence of a switch
 * and the release that ends it, or in the answer to a request: generic/tlb.c,
 * "Order", says how these go with the fences of callers that make it void. The
 * generation of a context, and of a CPU, is plain: no other CPU accesses it.
 *
 * COST. A switch: ten instructions more than the loading of the root; beginning a
 * generation, the drop, once in as many switches as there are identifiers.
 */

#include <mm/asid.h>
#include <mm/page.h>
#include <mm/port.h>

static struct asid_cpu {
	uint64_t generation;
	unsigned next;      /* 0 = no generation was begun yet */
	size_t generations; /* for others to look at */
} __attribute__((aligned(CACHE_LINE))) asid_cpus[CONFIG_MAX_CPUS];

static void generation_begin(struct asid_cpu *here)
{
	page_root_load(page_table_root(&page_kernel));
	tlb_invalidate_asids();
	here->generation++;
	__atomic_store_n(&here->generations, here->generations + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&here->next, 1, __ATOMIC_RELAXED);
}

static unsigned take(struct asid_cpu *here)
{
	unsigned asid;

	if (here->next == 0 || here->next >= asid_count())
		generation_begin(here);
	asid = here->next;
	__atomic_store_n(&here->next, asid + 1, __ATOMIC_RELAXED);
	return asid;
}

void asid_renew(struct asid_contexts *contexts, phys_t root)
{
	struct asid_cpu *here = &asid_cpus[port_cpu()];
	struct asid_context *context = &contexts->on[port_cpu()];
	unsigned asid = take(here);

	/* If another CPU makes it void between the two stores, that is overwritten: by an identifier that is fresh. */
	context->generation = here->generation;
	__atomic_store_n(&context->asid, asid, __ATOMIC_RELAXED);
	page_root_load_asid(root, asid);
}

void asid_load(struct asid_contexts *contexts, phys_t root)
{
	const struct asid_context *context = &contexts->on[port_cpu()];
	unsigned asid = __atomic_load_n(&context->asid, __ATOMIC_RELAXED); /* behind S2 of generic/tlb.c */

	if (likely(asid != 0 && context->generation == asid_cpus[port_cpu()].generation))
		page_root_load_asid(root, asid);
	else
		asid_renew(contexts, root);
}

void asid_get_info(struct asid_info *info)
{
	*info = (struct asid_info){ .most = asid_count() };
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		unsigned next = __atomic_load_n(&asid_cpus[i].next, __ATOMIC_RELAXED);

		info->in_use += next != 0 ? next - 1 : 0;
		info->generations += __atomic_load_n(&asid_cpus[i].generations, __ATOMIC_RELAXED);
	}
}

size_t asid_check(const struct asid_contexts *contexts, struct asid_set *seen)
{
	const struct asid_context *context = &contexts->on[port_cpu()];
	unsigned asid = __atomic_load_n(&context->asid, __ATOMIC_RELAXED);
	uint8_t bit = (uint8_t) (1u << asid % 8);
	bool taken;

	if (asid == 0 || context->generation != asid_cpus[port_cpu()].generation)
		return 0;
	taken = (seen->bits[asid / 8] & bit) != 0;
	seen->bits[asid / 8] |= bit;
	return taken;
}
