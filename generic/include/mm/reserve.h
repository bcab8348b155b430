/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The reservation counter: promises of frames that are taken later.
 *
 * A promise sets frames aside by number, not by name. While promises stand, an
 * ordinary allocation is refused (or sleeps) rather than take the last frames
 * promised; frame_alloc with FRAME_NO_RESERVE takes a frame and one off the
 * promise. So a promise made is kept: memory promised is there when touched.
 *
 * A promise is of one of two classes, which flags tell as they do for frame_alloc:
 * of frames of any kind (FRAME_HIGHMEM), or of frames with a permanent address
 * (FRAME_LOWMEM, or nothing said; FRAME_DMA counts as that). Who takes what was
 * promised, or gives the promise back, says the same class. One frame that was
 * promised is always there, and of its class; so is a run, or one within bounds,
 * only in so far as free memory happens to have it: who wants such, waits.
 */

#ifndef MM_RESERVE_H
#define MM_RESERVE_H

#include <mm/frame.h>

/**
 * Promises frames to the caller; gives the reclaimers their chance first. May sleep for the reclaimers, not for memory.
 * @param flags  the class, by FRAME_HIGHMEM and FRAME_LOWMEM; others mean nothing here
 * @retval ENOMEM  so many are not free and unpromised; nothing is promised
 */
MUST_USE errno_t reserve_try(size_t frames, frame_flags_t flags);

/**
 * As reserve_try, but sleeps in line till so many can be promised: for who wants several frames one by one and must not
 * wait for the next while it holds the last.
 * @retval ENOMEM  there are not so many frames of the class in the machine; nothing is promised
 */
MUST_USE errno_t reserve_wait(size_t frames, frame_flags_t flags);

/** Gives back what was promised, of this class, and not taken. Any context. */
void reserve_free(size_t frames, frame_flags_t flags);

/**
 * Undoes a frame_alloc of one frame with FRAME_NO_RESERVE: the frame is free, and reserved as it was before, at no time
 * for others to allocate. Never fails. Any context.
 */
void reserve_return(phys_t frame, frame_flags_t flags);

/*
 * A reservation with an owner: the frames that one operation needs, of both
 * classes, reserved at once. An operation that needs memory under a lock tries
 * first without sleeping; if that fails it lets go of everything, waits for the
 * reservation of all that is needed, takes the lock again, looks again, and goes
 * on with frames of the reservation. While a thread has one it may not wait for
 * memory (mm/held.h).
 *
 * A frame that has become a part of the page tables is not reserved any more. What
 * of it is not in use yet may serve others as well; as far as the design needs it
 * for the owner's further pages, it is set aside for the owner until the end
 * (page_mapping_insert_reserved of mm/page.h).
 */
struct reservation {
	size_t low;       /* frames reserved with a permanent address */
	size_t any;       /* frames reserved of either kind */
	size_t set_aside; /* what page tables have set aside, in units of the design */
};

/**
 * Reserves low frames with a permanent address and any more of either kind, all at once: sleeps, once, till that can
 * be had. The caller holds nothing.
 *
 * @param r  receives them; {0, 0} after an error
 * @retval ENOMEM  the machine does not have so many
 */
MUST_USE errno_t reservation_wait(struct reservation *r, size_t low, size_t any);

/**
 * The same at once, after the reclaimers had their chance. Any context.
 * @retval ENOMEM  so many are not free and unreserved; r is {0, 0}
 */
MUST_USE errno_t reservation_try(struct reservation *r, size_t low, size_t any);

/**
 * Allocates frames from a reservation, and counts them off: with FRAME_HIGHMEM off r->any, and off r->low if that has
 * too few; otherwise off r->low. Never sleeps; any context. A single frame is there, unless FRAME_DMA asks for a
 * special one; a run may not be.
 *
 * @param flags  FRAME_HIGHMEM, FRAME_LOWMEM, FRAME_DMA, FRAME_ZERO; others mean nothing here
 * @return address of the first; 0 if the reservation has too few, or no such run is free: then nothing is counted off
 */
MUST_USE phys_t reservation_take(struct reservation *r, size_t count, frame_flags_t flags);

/**
 * Frees what is left of a reservation, and what page tables have set aside for it; all of it is 0 after that. Does
 * nothing if it is so already. Any context; no lock of a page table or of frames is held.
 */
void reservation_end(struct reservation *r);

#endif
