/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Clearing and copying frames word by word, several at a time (mm/frame_contents.h), for
 * machines that have nothing faster. <arch/mm.h> includes it last.
 */

#ifndef FRAME_WORDS_H
#define FRAME_WORDS_H

/** Fills one page with zeros. */
static inline void frame_clear(void *page)
{
	uintptr_t *to = page, *end = to + PAGE_SIZE / sizeof(*to);

	for (; to != end; to += 8)
		to[0] = to[1] = to[2] = to[3] = to[4] = to[5] = to[6] = to[7] = 0;
}
#define frame_clear frame_clear

/** Copies one page. */
static inline void frame_copy(void *destination, const void *source)
{
	uintptr_t *to = destination, *end = to + PAGE_SIZE / sizeof(*to);
	const uintptr_t *from = source;

	for (; to != end; to += 4, from += 4) {
		uintptr_t words[4] = { from[0], from[1], from[2], from[3] };

		to[0] = words[0];
		to[1] = words[1];
		to[2] = words[2];
		to[3] = words[3];
	}
}
#define frame_copy frame_copy

#endif
