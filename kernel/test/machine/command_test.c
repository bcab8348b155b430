/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The console's commands, run as if they had been typed. What they print goes
 * to the log, where the cases look for it.
 */

#include <kernel/command.h>
#include <kernel/console.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <mm/inject.h>
#include <test.h>

static bool run_quietly(const char *line)
{
	bool done;

	print_mute(true);
	done = command_run(line);
	print_mute(false);
	return done;
}

TEST(command_size_text, "sizes are written in the largest unit, with a tenth if they are not whole")
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1, "1 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1025, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ 640 << 10, "640 KiB" },
		{ (1 << 20) - 1, "1023.9 KiB" },
		{ 1 << 20, "1 MiB" },
		{ 3ull << 30, "3 GiB" },
		{ UINT64_MAX, "15.9 EiB" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		CHECK_STR(SIZE(cases[i].bytes), cases[i].text);
}

TEST(command_addresses, "an address is a number, a symbol, or a symbol and a number")
{
	uintptr_t va = 0, here = CODE_ADDRESS(command_run);

	CHECK_EQ(address_parse("0x1000", &va), EOK);
	CHECK_EQ(va, 0x1000);
	CHECK_EQ(address_parse("64K", &va), EOK);
	CHECK_EQ(va, 0x10000);
	CHECK_EQ(address_parse("command_run", &va), EOK);
	CHECK_EQ(va, here);
	CHECK_EQ(address_parse("command_run+0x10", &va), EOK);
	CHECK_EQ(va, here + 0x10);
	CHECK_EQ(address_parse("command_run+", &va), EINVAL);
	CHECK_EQ(address_parse("no_such_symbol", &va), ENOENT);
	CHECK_EQ(address_parse("+4", &va), EINVAL);
	CHECK_EQ(address_parse("0x10000000000000000", &va), ERANGE);
	CHECK_EQ(va, here + 0x10);
}

static void tell_words(struct name_sink *sink)
{
	sink->take(sink, "zone");
	sink->take(sink, "zones");
	sink->take(sink, "threads");
}

TEST(command_nearest, "the nearest name is found, if it can have been what was meant")
{
	static const struct {
		const char *word, *name;
		bool exact;
	} cases[] = {
		{ "zone", "zone", true },
		{ "zonse", "zone", false },
		{ "zoness", "zones", false },
		{ "thraeds", "threads", false },
		{ "t", "threads", false },
		{ "thre", "threads", false },
		{ "frames", "", false },
		{ "x", "", false },
	};
	struct nearest nearest;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		nearest_find(&nearest, cases[i].word, tell_words);
		CHECK_EQ(nearest.exact, cases[i].exact);
		CHECK_STR(nearest.name, cases[i].name);
	}
}

TEST(command_refusals, "what cannot be done is refused with a sentence that says why, and changes nothing",
	.inject_runs = 1)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{ "zonez", "There is no command \"zonez\"; did you mean \"zones\"?" },
		{ "qqq", "There is no command \"qqq\"; help lists those there are." },
		{ "zone", "zone: N is missing (usage: zone N)" },
		{ "zone x", "zone: N is to be a number" },
		{ "zone 1 2", "zone: \"2\" is one argument too many" },
		{ "zone 1 2 3 4", "is one argument too many" },
		{ "zone 99", "zone: N may be 0 to " },
		{ "zone 0x10000000000000000", "zone: N may be 0 or more, at most 64 bits" },
		{ "zones 1", "zones: \"1\" is one argument too many (usage: zones)" },
		{ "halt 100", "halt: STATUS may be 0 to 99, not 100" },
		{ "help zonse", "help: there is no command called \"zonse\"; did you mean \"zone\"?" },
		{ "slab no-such-cache", "slab: there is no cache called \"no-such-cache\"" },
		{ "page ?", "page: there is no symbol called \"?\"" },
		{ "page command_run+x", "page: VA is to be an address" },
		{ "symaddr command_rum", "did you mean \"command_run\"?" },
		{ "inject 0", "inject: which allocation is to fail is a number, 1 to " },
		{ "inject every", "inject: after \"every\" comes" },
		{ "inject every x", "inject: which allocation is to fail is a number, 1 to " },
		{ "inject off 1", "inject: only after \"every\"" },
		{ "test no-such-case", "test: the name of no case begins with \"no-such-case\"" },
		{ "btrace 999999", "btrace: there is no thread 999999" },
	};
	bool every;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		CHECK(!run_quietly(cases[i].line));
		if (!CHECK(test_logged(cases[i].says)))
			test_note("%s", cases[i].line);
	}
	CHECK(run_quietly("") && run_quietly("   \t "));
	if (!test_injecting())
		CHECK_EQ(inject_get(&every), 0);
}

TEST(command_symaddr, "symaddr tells the address of a name, the name at an address, and that there is none")
{
	char line[64];

	CHECK(run_quietly("symaddr command_run"));
	CHECK(test_logged("  command_run\n"));
	ksnprintf(line, sizeof line, "symaddr %zu", (size_t) (uintptr_t) command_run + 1);
	CHECK(run_quietly(line));
	CHECK(test_logged("  command_run+0x1\n"));
	CHECK(run_quietly("symaddr 0x10"));
	CHECK(test_logged("  no symbol: it does not lie"));
}

#if CONFIG_DEBUG
TEST(command_slab_owners, "slab NAME tells where objects were allocated, by name, and by which thread")
{
	CHECK(run_quietly("slab thread"));
	/* Its caller, or what that is part of when it is inlined. */
	CHECK(test_logged("last had at memory_try+0x") || test_logged("last had at memory_alloc+0x") ||
		test_logged("last had at thread_create+0x"));
	CHECK(test_logged(" by thread 1\n"));
}
#endif

TEST(command_no_frame_left, "every command works with no free frame left", .inject_runs = 1)
{
	static const char *const lines[] = { "physmem", "zones", "zone 0", "frames", "frames 0", "slabs", "slab thread",
		"layout", "page command_run", "page 0", "pt", "tlb", "check", "inject", "threads", "cpus",
		"symaddr command_run", "btrace", "btrace 1", "uptime", "version", "help", "help zone", "history", "test",
		"bench no-such-row" };
	struct frame_info info;

	(void) test_take_all_frames(FRAME_LOWMEM);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	frame_get_info(&info);
	if (!test_injecting())
		CHECK_EQ(info.free + info.cached, 0);
	for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
		if (!CHECK(run_quietly(lines[i]) || i == ARRAY_COUNT(lines) - 1))
			test_note("%s", lines[i]);
}

#define OWN "it arms the injector itself"

TEST(command_bench_injected, "bench comes to its end whichever allocations of its set-ups fail, and keeps nothing",
	.plain_only = OWN)
{
	static const char *const lines[] = { "bench frame-none", "bench slab-1000", "bench malloc-256k", "bench vmem",
		"bench page", "bench as" };

	for (size_t nth = 1; nth <= 4; nth++)
		for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
			bool done;

			inject_arm(nth, nth == 1);
			done = run_quietly(lines[i]);
			inject_arm(0, false);
			if (!CHECK(done))
				test_note("%s", lines[i]);
		}
}
