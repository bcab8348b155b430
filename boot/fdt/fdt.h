/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A flattened device tree (Devicetree Specification 0.4, chapter 5), as firmware
 * or an emulator leaves it in memory.
 *
 *   fdt.c   opens it, and goes from node to node
 *   boot.c  makes the memory map and the rest of struct boot_info of it
 *
 * Nothing in it is believed. Whoever opens a tree says how many bytes can be read, and
 * no byte outside of them is. All numbers are big-endian and taken apart byte by byte,
 * so the tree may lie at any address. Blocks that overlap do no harm. A tree that is cut
 * off, whose nodes do not end, or whose names or properties lead out of it, is used up to
 * that place; fdt_each says that there was one. Each step goes on by at least one token, so
 * every walk ends.
 *
 * Context: any; nothing is allocated and nothing is written. COST. A walk is linear in the
 * structure block; a look for a property is linear in the properties of its node. No tree makes it more: many nodes,
 * long names and lists of ranges do not multiply.
 */

#ifndef BOOT_FDT_H
#define BOOT_FDT_H

#include <kernel/boot.h>
#include <mm/types.h>

/* The largest tree that can be believed, and the deepest. */
#define FDT_SIZE_MAX MiB(2)
#define FDT_DEPTH_MAX 16

/* A tree that was opened. The blocks lie within it: from an offset on, up to another. */
struct fdt {
	const uint8_t *blob;
	uint32_t size; /* what the header says, all of which can be read */
	uint32_t reservations;
	uint32_t structure, structure_end;
	uint32_t strings, strings_end;
};

/* A node. It is good as long as the tree is, but its parent only in the visit that was given the node. */
struct fdt_node {
	const struct fdt *fdt;
	const struct fdt_node *parent;      /* NULL: it is the root */
	const char *name;                   /* with its unit address; "" for the root */
	uint32_t properties;                /* offset of its first token */
	unsigned depth;                     /* 0: the root */
	unsigned address_cells, size_cells; /* words of an address and of a size in its `reg`: as the parent says */
};

/* A property: bytes of the tree. */
struct fdt_property {
	const uint8_t *value;
	uint32_t bytes;
};

/**
 * Opens a tree: looks at its header and its blocks.
 *
 * @param readable  bytes from blob on that can be read
 * @return NULL, or why it is not used, as a clause; then *fdt is undefined
 */
MUST_USE const char *fdt_open(struct fdt *fdt, const void *blob, size_t readable);

/** The number-th entry of the memory reservation block. @return false if there is none */
MUST_USE bool fdt_reservation(const struct fdt *fdt, size_t number, uint64_t *base, uint64_t *bytes);

/**
 * Calls visit with each node, a parent before its children, until it returns false. What is nested deeper than
 * FDT_DEPTH_MAX is not visited.
 *
 * @return false if the tree is broken somewhere: what comes behind that place was not visited
 */
bool fdt_each(const struct fdt *fdt, bool (*visit)(const struct fdt_node *node, void *argument), void *argument);

/** Finds a property of a node by its name. @return false if it has none that lies within the tree */
MUST_USE bool fdt_find(const struct fdt_node *node, const char *name, struct fdt_property *property);

/** Reads a property that is one number, of 32 or 64 bits. @return false if there is none */
MUST_USE bool fdt_number(const struct fdt_node *node, const char *name, uint64_t *value);

/** Whether a property is a text, or a list of texts, one of which is this one. */
bool fdt_says(const struct fdt_node *node, const char *name, const char *text);

/** Whether a node's name is this one, a unit address apart. */
bool fdt_is_called(const struct fdt_node *node, const char *name);

/**
 * The number-th range of a property of the node, its `reg`, by the cells of its parent, at most two each (none for a
 * size means 0).
 * @return false if there is none, or the cells are others
 */
MUST_USE bool fdt_range(
	const struct fdt_node *node, const struct fdt_property *reg, size_t number, uint64_t *base, uint64_t *bytes);

/* ---- what a kernel wants of it (boot.c) ---- */

/* Where the tree and the kernel are. */
struct fdt_place {
	const void *blob;
	size_t readable; /* bytes from blob on */
	uint64_t image, image_bytes;
};

/**
 * Makes the memory map and the texts of a tree the kernel's own; nothing of the tree is needed for them afterwards, and
 * it is not kept out of the map. Once, at boot.
 *
 *   free      the nodes `memory`, as far as phys_last
 *   reserved  the memory reservation block; the children of `reserved-memory` that have a place
 *   image     the image itself; what `chosen` says was loaded with it, linux,initrd-start to -end
 *
 * What cannot be used is logged.
 *
 * @param fdt  receives the tree, opened, for what the machine itself looks up
 * @return NULL, or why the kernel cannot start, as a clause
 */
MUST_USE const char *fdt_boot_read(const struct fdt_place *place, struct fdt *fdt, const struct boot_info **result);

/**
 * The hardware numbers of the CPUs, the nodes `cpu` in `cpus` that are not disabled.
 * @return how many there are; a number that is there twice counts once, if it is among the first `capacity`
 */
size_t fdt_cpus(const struct fdt *fdt, uint64_t *numbers, size_t capacity);

#endif
