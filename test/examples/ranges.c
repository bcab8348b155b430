/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Slabs come and go, of 4 pages, of 5 pages: which virtual ranges are free? doc/mm.md tells what happens here.
 *
 * The addresses are those of nothing; an arena does not touch what it hands out.
 */

#include <stdio.h>
#include <stdlib.h>

#include <arch/host.h>
#include <mm/vmem.h>

#define START ((uintptr_t) 0xd0000000)
#define PAGES(count) ((size_t) (count) *PAGE_SIZE)

static struct vmem space;

static void must(errno_t error, const char *what)
{
	if (error == EOK)
		return;
	fprintf(stderr, "%s: error %d\n", what, error);
	exit(1);
}

/* All of the arena, read from its boundary tags. */
static void show(const char *what)
{
	struct vmem_range range;

	printf("%-18s", what);
	for (uintptr_t va = START; vmem_find(&space, va, &range); va = range.start + range.size)
		printf(range.kind == VMEM_FREE ? "[%zu free]" : "[%zu]", range.size / PAGE_SIZE);
	printf("\n");
}

static uintptr_t slab_take(size_t pages)
{
	uintptr_t va;
	char what[32];

	must(vmem_alloc(&space, PAGES(pages), 0, &va), "no range");
	snprintf(what, sizeof(what), "%zu at %lx", pages, (unsigned long) va);
	show(what);
	return va;
}

static void slab_give(uintptr_t va, size_t pages)
{
	char what[32];

	vmem_free(&space, va, PAGES(pages));
	snprintf(what, sizeof(what), "%lx is back", (unsigned long) va);
	show(what);
}

int main(void)
{
	struct host_memory memory = { .low = MiB(32) };
	uintptr_t a, b, c, d, e;

	host_boot(&memory);
	must(vmem_init(&space, "slabs", NULL, 0), "vmem_init");
	must(vmem_add(&space, START, PAGES(24), 0), "vmem_add");
	show("in the beginning");
	a = slab_take(4);
	b = slab_take(5);
	c = slab_take(4);
	d = slab_take(5);
	slab_give(b, 5);
	e = slab_take(4); /* from the hole: it need not be as large as the hole */
	b = slab_take(5); /* the hole is too small now */
	if (vmem_alloc(&space, PAGES(5), 0, &b) != ENOMEM)
		return 1;
	show("5 more: refused");
	slab_give(c, 4); /* joins what is free before it */
	slab_give(e, 4);
	slab_give(a, 4);
	slab_give(d, 5);
	slab_give(b, 5);
	return vmem_check() == 0 ? 0 : 1;
}
