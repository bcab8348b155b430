/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which name was meant.
 *
 * The distance of two words is the number of letters to put in, take out or
 * replace (Levenshtein 1966), by the usual table (Wagner and Fischer 1974), of
 * which one row is kept. A name is near enough if a third of its letters is
 * wrong, but always one may be; or if the word is its beginning. Costs length
 * times length for each name, and no allocation.
 */

#include <kernel/command.h>
#include <kernel/lib.h>

static unsigned least(unsigned one, unsigned other)
{
	return one < other ? one : other;
}

/* Both have fewer than NEAREST_SIZE characters. */
static unsigned distance(const char *word, const char *name)
{
	unsigned row[NEAREST_SIZE];
	size_t length = strlen(name);

	for (size_t j = 0; j <= length; j++)
		row[j] = (unsigned) j;
	for (; *word != 0; word++) {
		unsigned diagonal = row[0]++;

		for (size_t j = 1; j <= length; j++) {
			unsigned replaced = diagonal + (name[j - 1] != *word);

			diagonal = row[j];
			row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[length];
}

static bool near_enough(const struct nearest *nearest, const char *name, unsigned wrong)
{
	size_t most = strlen(name) / 3;

	return wrong <= (most > 0 ? most : 1) || string_starts_with(name, nearest->word);
}

static void take(struct name_sink *sink, const char *name)
{
	struct nearest *nearest = CONTAINER_OF(sink, struct nearest, sink);
	unsigned wrong;

	if (strlen(name) >= NEAREST_SIZE || nearest->exact)
		return;
	wrong = distance(nearest->word, name);
	nearest->exact = wrong == 0;
	if (wrong >= nearest->distance || !near_enough(nearest, name, wrong))
		return;
	nearest->distance = wrong;
	strlcpy(nearest->name, name, NEAREST_SIZE);
}

void nearest_find(struct nearest *nearest, const char *word, void (*names)(struct name_sink *sink))
{
	memset(nearest, 0, sizeof(*nearest));
	nearest->sink.take = take;
	nearest->word = word;
	nearest->distance = ~0u;
	if (strlen(word) < NEAREST_SIZE)
		names(&nearest->sink);
}
