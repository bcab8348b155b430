/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A thread that waits for a reservation, for cases about the wait queue: it ends
 * only when the case lets it go, so that what it has reserved stays reserved.
 */

#include <mm/reserve.h>
#include <test.h>

static void reserver_main(void *argument)
{
	struct test_reserver *self = argument;
	struct reservation reservation;

	if (reservation_wait(&reservation, self->low, self->any) != EOK)
		return;
	__atomic_store_n(&self->served, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&self->let_go, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	reservation_end(&reservation);
}

void test_reserver_start(struct test_reserver *reserver, size_t sleepers)
{
	reserver->thread = test_thread_start("reserver", reserver_main, reserver);
	CHECK(test_wait_for(frame_sleepers() == sleepers, PATIENCE_MS));
}

bool test_reserver_served(const struct test_reserver *reserver)
{
	return __atomic_load_n(&reserver->served, __ATOMIC_ACQUIRE);
}

void test_reserver_end(struct test_reserver *reserver)
{
	__atomic_store_n(&reserver->let_go, true, __ATOMIC_RELEASE);
	test_thread_join(reserver->thread);
}
