/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers of address spaces, few and many, far past their end; and who is
 * asked to drop translations, with threads as CPUs. With a TLB that drops
 * nothing the same loads must show what is stale.
 *
 * With two and three levels of page tables the host has no identifiers: then the
 * same is shown without them.
 */

#include <arch/host.h>
#include <mm/tlb.h>

#include "../kernel/test/shootdown.h"
#include "../kernel/test/test_internal.h"

#define SPACES 1000
#define SWITCHES 100000

static const unsigned counts[] = { 2, 16, 256 };

/* Cases for each number of identifiers, or one without any. */
#define ROUNDS (ASIDS_MOST == 1 ? 1 : ARRAY_COUNT(counts))

static void identifiers(size_t round)
{
	if (ASIDS_MOST > 1)
		host_asids_set(counts[round]);
}

static size_t generations(void)
{
	struct asid_info info = { 0 };

	if (ASIDS_MOST > 1)
		asid_get_info(&info);
	return info.generations;
}

TEST(asid_exhausted, "1,000 address spaces and 100,000 switches with 2, 16 and 256 identifiers: each reads its own",
	.host_only = "its TLB has as many identifiers as it is told", .frames = 6000, .plain_only = "it would take long")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t before = generations();
		size_t wrong;

		identifiers(round);
		wrong = shootdown_switch(SPACES, SWITCHES / ROUNDS);
		NEED(wrong != SIZE_MAX);
		CHECK_EQ(wrong, 0);
		if (ASIDS_MOST > 1)
			CHECK_GT(generations() - before, SWITCHES / ROUNDS / counts[round] / 2);
		ledger_settle();
	}
}

TEST(asid_exhausted_deaf, "with a TLB that does not drop a generation the same reads what is another's",
	.host_only = "its TLB can be deaf", .plain_only = "what it reads is wrong anyway")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t wrong;

		identifiers(round);
		host_tlb_deafen(true);
		wrong = shootdown_switch(300, 1000);
		host_tlb_deafen(false);
		NEED(wrong != SIZE_MAX);
		CHECK_GT(wrong, 0);
		ledger_settle();
	}
}

TEST(asid_storm,
	"with 2, 16 and 256 identifiers nothing stale is seen while pages are unmapped, protected and replaced",
	.host_only = "its TLB has as many identifiers as it is told", .threads = true,
	.plain_only = "its threads may not be refused")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		struct storm_result result;

		identifiers(round);
		result = shootdown_storm(200, false);
		CHECK_GT(result.reads, 0);
		CHECK_EQ(result.stale, 0);
		CHECK_EQ(result.written_through, 0);
		ledger_settle();
	}
}

#ifndef __SANITIZE_THREAD__
TEST(asid_storm_deaf, "with TLBs that drop nothing the same sees what is stale", .host_only = "its TLBs can be deaf",
	.threads = true, .plain_only = "its threads may not be refused")
{
	size_t stale = 0;

	host_tlb_deafen(true);
	for (size_t round = 0; stale == 0 && round < 20; round++) {
		stale = shootdown_storm(200, true).stale;
		ledger_settle();
	}
	host_tlb_deafen(false);
	CHECK_GT(stale, 0);
}
#endif

TEST(asid_users, "only CPUs that run an address space are asked when an area goes, not those that ran it, nor others",
	.host_only = "a machine's CPUs are in machine/cpus_test.c", .threads = true,
	.plain_only = "its threads may not be refused")
{
	shootdown_users(0, 2);
	ledger_settle();
	shootdown_users(1, 1);
	ledger_settle();
	shootdown_users(5, 6);
}
