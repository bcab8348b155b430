/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The reservation counter: promises of frames that are taken later.
 *
 * A promise sets frames aside by number, not by name. While promises stand, an
 * ordinary allocation is refused (or sleeps) rather than take the last frames
 * promised; frame_alloc with FRAME_NO_RESERVE takes a frame and one off the
 * promise. So a promise made is kept: memory promised is there when touched.
 *
 * A promise is of frames of any kind, as the memory of user programs is: take
 * them with FRAME_NO_RESERVE | FRAME_HIGHMEM. Who leaves FRAME_HIGHMEM out may
 * find, where there are frames without a permanent address, that only such are
 * left.
 */

#ifndef MM_RESERVE_H
#define MM_RESERVE_H

#include <mm/frame.h>

/**
 * Promises frames to the caller; gives the reclaimers their chance first. May sleep for the reclaimers, not for memory.
 * @retval ENOMEM  so many are not free and unpromised; nothing is promised
 */
MUST_USE errno_t reserve_try(size_t frames);

/**
 * As reserve_try, but sleeps in line till so many can be promised: for who wants several frames one by one and must not
 * wait for the next while it holds the last.
 * @retval ENOMEM  there are not so many frames in the machine; nothing is promised
 */
MUST_USE errno_t reserve_wait(size_t frames);

/** Gives back what was promised and not taken. Any context. */
void reserve_free(size_t frames);

#endif
