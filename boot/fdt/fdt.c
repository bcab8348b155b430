/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Going through a flattened device tree (boot/fdt/fdt.h).
 *
 * A tree is three blocks behind a header: reservations, pairs of 64-bit numbers up
 * to a pair of zeros; the structure, tokens of 32 bits; and strings, the names of
 * properties.
 *
 *     BEGIN_NODE name      PROPERTY bytes, offset of its name, value
 *       PROPERTY ...       NOP
 *       BEGIN_NODE ...     END of all
 *     END_NODE
 *
 * Names and values are filled up to whole tokens. A node's properties come before
 * its children (5.4.2), so a look for one ends at the first token that is
 * neither PROPERTY nor NOP.
 *
 * BOUNDS. A block ends where it says, or where the tree does, if that is before. So an
 * offset is compared with an end once, and all that is read begins below it: token_read,
 * text_within, name_is and bytes_within are the only functions that read, or let others read.
 *
 * COST. What is read of a property is its token and as much of its name as agrees with the
 * one that is looked for: names are in a block of their own, where many properties can share one
 * that is long. A node's cells are looked up once, not by each of its children.
 */

#include <kernel/lib.h>

#include "fdt.h"

#define MAGIC 0xd00dfeedu
#define VERSION_FIRST 16u /* the oldest that has these tokens; 17 says how long the structure is */
#define VERSION 17u

/* Words of the header, 5.2. */
enum {
	HEADER_MAGIC,
	HEADER_SIZE,
	HEADER_STRUCTURE,
	HEADER_STRINGS,
	HEADER_RESERVATIONS,
	HEADER_VERSION,
	HEADER_COMPATIBLE,
	HEADER_CPU,
	HEADER_STRINGS_BYTES,
	HEADER_STRUCTURE_BYTES,
	HEADER_WORDS
};

#define WORD sizeof(uint32_t)

enum token { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4, END = 9 };

/* ---- reading ---- */

static uint32_t word_of(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 | bytes[3];
}

static uint64_t long_of(const uint8_t *bytes)
{
	return (uint64_t) word_of(bytes) << 32 | word_of(bytes + WORD);
}

static bool bytes_within(uint32_t at, uint32_t end, uint32_t bytes)
{
	return at <= end && bytes <= end - at;
}

/* Reads a word of the structure; *at goes on behind it. */
static bool token_read(const struct fdt *fdt, uint32_t *at, uint32_t *token)
{
	if (!bytes_within(*at, fdt->structure_end, WORD))
		return false;
	*token = word_of(fdt->blob + *at);
	*at += WORD;
	return true;
}

/* The text at an offset, if it ends before `end`. *bytes: its length, with the 0. */
static const char *text_within(const struct fdt *fdt, uint32_t at, uint32_t end, uint32_t *bytes)
{
	const char *text = (const char *) fdt->blob + at;
	uint32_t length = 0;

	while (at <= end && length < end - at)
		if (text[length++] == 0) {
			*bytes = length;
			return text;
		}
	return NULL;
}

/* Whether the text at an offset of the strings is this one; what leads out of them is none. */
static bool name_is(const struct fdt *fdt, uint32_t offset, const char *name)
{
	const char *text = (const char *) fdt->blob + fdt->strings;
	uint32_t end = fdt->strings_end - fdt->strings;

	for (; offset < end && text[offset] == *name; offset++, name++)
		if (*name == 0)
			return true;
	return false;
}

/* Goes on behind what has so many bytes, and is filled up to whole words. @return false if that leads out */
static bool go_behind(const struct fdt *fdt, uint32_t *at, uint32_t bytes)
{
	uint32_t filled = bytes + (0 - bytes) % WORD;

	if (filled < bytes || !bytes_within(*at, fdt->structure_end, filled))
		return false;
	*at += filled;
	return true;
}

/* ---- opening ---- */

/* A block that begins at an offset: *end becomes where it ends, within the tree. @return false if it begins outside */
static bool block_open(const struct fdt *fdt, uint32_t start, uint32_t bytes, uint32_t *end)
{
	if (start > fdt->size)
		return false;
	*end = bytes < fdt->size - start ? start + bytes : fdt->size;
	return true;
}

const char *fdt_open(struct fdt *fdt, const void *blob, size_t readable)
{
	uint32_t header[HEADER_WORDS];

	if (readable < sizeof(header))
		return "it is out of reach";
	for (size_t i = 0; i < HEADER_WORDS; i++)
		header[i] = word_of((const uint8_t *) blob + i * WORD);
	if (header[HEADER_MAGIC] != MAGIC)
		return "there is none";
	if (header[HEADER_COMPATIBLE] > VERSION || header[HEADER_VERSION] < VERSION_FIRST)
		return "it has another version";
	if (header[HEADER_SIZE] < sizeof(header) || header[HEADER_SIZE] > FDT_SIZE_MAX)
		return "its size makes no sense";
	if (header[HEADER_SIZE] > readable)
		return "it is cut off";
	*fdt = (struct fdt){ .blob = blob,
		.size = header[HEADER_SIZE],
		.reservations = header[HEADER_RESERVATIONS],
		.structure = header[HEADER_STRUCTURE],
		.strings = header[HEADER_STRINGS] };
	if (fdt->structure % WORD != 0 ||
		!block_open(fdt, fdt->structure, header[HEADER_VERSION] < VERSION ? fdt->size : header[HEADER_STRUCTURE_BYTES],
			&fdt->structure_end) ||
		!block_open(fdt, fdt->strings, header[HEADER_STRINGS_BYTES], &fdt->strings_end))
		return "its blocks lie outside of it";
	return NULL;
}

bool fdt_reservation(const struct fdt *fdt, size_t number, uint64_t *base, uint64_t *bytes)
{
	const uint32_t pair = 4 * WORD;

	if (fdt->reservations > fdt->size || number >= (fdt->size - fdt->reservations) / pair)
		return false;
	/* All those before it are looked at: the list ends at the first pair of zeros. */
	for (size_t i = 0; i <= number; i++) {
		*base = long_of(fdt->blob + fdt->reservations + i * pair);
		*bytes = long_of(fdt->blob + fdt->reservations + i * pair + 2 * WORD);
		if (*base == 0 && *bytes == 0)
			return false;
	}
	return true;
}

/* ---- properties ---- */

/* Reads the property whose token was read; *at goes on behind it. *name: offset of its name in the strings. */
static bool property_read(const struct fdt *fdt, uint32_t *at, uint32_t *name, struct fdt_property *property)
{
	uint32_t bytes;

	if (!token_read(fdt, at, &bytes) || !token_read(fdt, at, name))
		return false;
	*property = (struct fdt_property){ .value = fdt->blob + *at, .bytes = bytes };
	return go_behind(fdt, at, bytes);
}

bool fdt_find(const struct fdt_node *node, const char *name, struct fdt_property *property)
{
	uint32_t at = node->properties, token, found;

	while (token_read(node->fdt, &at, &token) && (token == PROPERTY || token == NOP)) {
		if (token == NOP)
			continue;
		if (!property_read(node->fdt, &at, &found, property))
			return false;
		if (name_is(node->fdt, found, name))
			return true;
	}
	return false;
}

bool fdt_number(const struct fdt_node *node, const char *name, uint64_t *value)
{
	struct fdt_property property;

	if (!fdt_find(node, name, &property) || (property.bytes != WORD && property.bytes != 2 * WORD))
		return false;
	*value = property.bytes == WORD ? word_of(property.value) : long_of(property.value);
	return true;
}

bool fdt_says(const struct fdt_node *node, const char *name, const char *text)
{
	struct fdt_property property;
	uint32_t at, end, length;
	const char *found;

	if (!fdt_find(node, name, &property))
		return false;
	at = (uint32_t) (property.value - node->fdt->blob);
	end = at + property.bytes;
	while ((found = text_within(node->fdt, at, end, &length)) != NULL) {
		if (strcmp(found, text) == 0)
			return true;
		at += length;
	}
	return false;
}

bool fdt_range(
	const struct fdt_node *node, const struct fdt_property *reg, size_t number, uint64_t *base, uint64_t *bytes)
{
	unsigned address = node->address_cells, size = node->size_cells;
	const uint8_t *at;

	if (address < 1 || address > 2 || size > 2 || number >= reg->bytes / ((address + size) * WORD))
		return false;
	at = reg->value + number * (address + size) * WORD;
	*base = address == 1 ? word_of(at) : long_of(at);
	at += address * WORD;
	*bytes = size == 0 ? 0 : size == 1 ? word_of(at) : long_of(at);
	return true;
}

/* ---- nodes ---- */

bool fdt_is_called(const struct fdt_node *node, const char *name)
{
	size_t length = strlen(name);

	return strncmp(node->name, name, length) == 0 && (node->name[length] == 0 || node->name[length] == '@');
}

/* The nodes from the root to where a walk is; those nested deeper are only counted. */
struct path {
	struct fdt_node nodes[FDT_DEPTH_MAX];
	unsigned address_cells[FDT_DEPTH_MAX], size_cells[FDT_DEPTH_MAX]; /* of the children of each */
	unsigned depth;                                                   /* of the next node */
};

static unsigned cells_of(const struct fdt_node *node, const char *name, unsigned otherwise)
{
	uint64_t cells;

	if (!fdt_number(node, name, &cells))
		return otherwise;
	return cells > 255 ? 255 : (unsigned) cells;
}

/* A node begins whose name is at *at, which goes on to its first token. @return false if the tree is broken there */
static bool node_begin(const struct fdt *fdt, struct path *path, uint32_t *at)
{
	unsigned depth = path->depth++;
	struct fdt_node *node;
	uint32_t length;
	const char *name = text_within(fdt, *at, fdt->structure_end, &length);

	if (name == NULL || !go_behind(fdt, at, length))
		return false;
	if (depth >= FDT_DEPTH_MAX)
		return true;
	node = &path->nodes[depth];
	*node = (struct fdt_node){ .fdt = fdt, .name = name, .properties = *at, .depth = depth };
	if (depth > 0) {
		node->parent = node - 1;
		node->address_cells = path->address_cells[depth - 1];
		node->size_cells = path->size_cells[depth - 1];
	}
	path->address_cells[depth] = cells_of(node, "#address-cells", 2);
	path->size_cells[depth] = cells_of(node, "#size-cells", 1);
	return true;
}

bool fdt_each(const struct fdt *fdt, bool (*visit)(const struct fdt_node *node, void *argument), void *argument)
{
	struct path path = { .depth = 0 };
	struct fdt_property property;
	uint32_t at = fdt->structure, token, name;

	while (token_read(fdt, &at, &token))
		switch (token) {
		case BEGIN_NODE:
			if (!node_begin(fdt, &path, &at))
				return false;
			if (path.depth <= FDT_DEPTH_MAX && !visit(&path.nodes[path.depth - 1], argument))
				return true;
			break;
		case END_NODE:
			if (path.depth-- == 0)
				return false;
			break;
		case PROPERTY:
			if (!property_read(fdt, &at, &name, &property))
				return false;
			break;
		case NOP:
			break;
		default:
			return token == END && path.depth == 0;
		}
	return false;
}
