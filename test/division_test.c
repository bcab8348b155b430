/* SPDX-License-Identifier: BSD-2-Clause */

/* genarch/division.c against the host's own division, which it does not stand in for there. */

#include <test.h>

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);

#define ROUNDS 20000

/* A number of any width, as likely to be short as long; sometimes all ones. */
static uint64_t number(struct test_random *random)
{
	uint64_t bits = test_random_below(random, 8) == 0 ? UINT64_MAX : test_random(random);

	return bits >> test_random_below(random, 64);
}

static void check(uint64_t dividend, uint64_t divisor)
{
	int64_t left = (int64_t) dividend, right = (int64_t) divisor;

	CHECK_EQ(__udivdi3(dividend, divisor), dividend / divisor);
	CHECK_EQ(__umoddi3(dividend, divisor), dividend % divisor);
	if (left == INT64_MIN && right == -1)
		return;
	CHECK_EQ((uint64_t) __divdi3(left, right), (uint64_t) (left / right));
	CHECK_EQ((uint64_t) __moddi3(left, right), (uint64_t) (left % right));
}

TEST(division, "divisions of 64 bits are what the host makes of them", .host_only = "machines use what they link",
	.plain_only = "nothing is allocated")
{
	struct test_random random = TEST_RANDOM(test_seed());

	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t divisor = number(&random);

		check(number(&random), divisor != 0 ? divisor : 1);
	}
	check(UINT64_MAX, UINT64_MAX);
	check((uint64_t) 1 << 63, 3);
	check((uint64_t) INT64_MIN, (uint64_t) INT64_MIN);
}
