/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A doubly linked list without a beginning of its own: a list is a link that
 * stands before the first and after the last member; a link in no list links to
 * itself. Not synchronised.
 */

#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include <mm/types.h>

struct list_link {
	struct list_link *next, *previous;
};

#define LIST_INIT(list)  \
	{                    \
		&(list), &(list) \
	}

static inline void list_init(struct list_link *link)
{
	link->next = link->previous = link;
}

/** Whether a list has no member; whether a link is in no list. */
static inline bool list_empty(const struct list_link *link)
{
	return link->next == link;
}

/** Puts link, which is in no list, before another; before the list itself means at its end. */
static inline void list_insert_before(struct list_link *other, struct list_link *link)
{
	link->next = other;
	link->previous = other->previous;
	other->previous->next = link;
	other->previous = link;
}

/** Takes link out of its list, if it is in one. */
static inline void list_remove(struct list_link *link)
{
	link->next->previous = link->previous;
	link->previous->next = link->next;
	list_init(link);
}

#define LIST_EACH(link, list) for (struct list_link *link = (list)->next; link != (list); link = link->next)

#endif
