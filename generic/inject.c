/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Injected failures. One counter counts the allocations since the injector was
 * armed; the n-th, or every n-th, is told to fail. Lock-free, any context: the
 * fields are read and written one at a time, and who arms it while others
 * allocate may find the change take effect a few allocations late.
 */

#include <mm/inject.h>

bool inject_armed;

static size_t inject_nth;
static bool inject_every;
static size_t seen;
static size_t failed;

void inject_arm(size_t nth, bool every)
{
	__atomic_store_n(&inject_armed, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&inject_nth, nth, __ATOMIC_RELAXED);
	__atomic_store_n(&inject_every, every, __ATOMIC_RELAXED);
	if (nth != 0) {
		__atomic_store_n(&seen, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&failed, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&inject_armed, nth != 0, __ATOMIC_SEQ_CST);
}

size_t inject_get(bool *every)
{
	*every = __atomic_load_n(&inject_every, __ATOMIC_RELAXED);
	return __atomic_load_n(&inject_nth, __ATOMIC_RELAXED);
}

size_t inject_seen(void)
{
	return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}

size_t inject_failed(void)
{
	return __atomic_load_n(&failed, __ATOMIC_RELAXED);
}

bool inject_count(void)
{
	size_t nth = __atomic_load_n(&inject_nth, __ATOMIC_RELAXED);
	size_t number = __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
	bool fail = nth != 0 && (__atomic_load_n(&inject_every, __ATOMIC_RELAXED) ? number % nth == 0 : number == nth);

	if (fail)
		__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
	return fail;
}
