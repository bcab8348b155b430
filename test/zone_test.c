/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Zones over memory maps of other machines. Each case starts the frame allocator
 * anew, so it runs in a process of its own, and ends in a panic that says how it
 * went. Where the maps have memory the host has none, but nobody touches a frame.
 */

#include <arch/host.h>
#include <test.h>

#define GiB(count) ((uint64_t) (count) << 30)
#define RIGHT "all is as it should be"

/* Frames that page_init allocates for so little memory, at most. */
#define PAGE_INIT_FRAMES 12

/* 13 MiB, where the books are. */
#define LOW_FRAMES (MiB(13) >> PAGE_WIDTH)

static struct memmap map;
static struct memmap_range ranges[32];

static void __attribute__((noreturn)) end(void)
{
	port_panic(RIGHT);
}

static void must(bool holds, const char *what)
{
	if (!holds)
		port_panic("not so: %s (%zu frames, %zu zones)", what, frame_total(FRAME_HIGHMEM), zone_count());
}

static void add(uint64_t base, uint64_t size)
{
	must(memmap_add(&map, base, size, MEMMAP_FREE) == EOK, "the map has room");
}

static void begin(void)
{
	memmap_init(&map, ranges, ARRAY_COUNT(ranges));
	add(MiB(2), MiB(13));
}

static void start(void)
{
	struct frame_info info;

	must(frame_init(&map) == EOK, "it starts");
	frame_get_info(&info);
	must(info.books <= MiB(13), "the books are no larger than where they are");
	must(frame_check() == 0, "the books are right");
}

/* Frames that are as the request says, of this number and alignment. */
static phys_t aligned(size_t count, uint64_t bytes)
{
	struct frame_request request = FRAME_REQUEST(count, FRAME_ATOMIC | FRAME_HIGHMEM | FRAME_NO_RECLAIM);
	size_t taken;

	request.align = (size_t) (bytes >> PAGE_WIDTH);
	return frame_alloc_request(&request, &taken);
}

static bool small_addresses(void)
{
	return (uint64_t) PHYS_LAST < GiB(64) || sizeof(phys_t) < 8;
}

TEST(zone_align, "an alignment coarser than that of its zone is found", .panics = RIGHT)
{
	phys_t frame;

	if (small_addresses())
		end();
	begin();
	add(GiB(7) / 2, GiB(3) / 4);
	start();
	frame = aligned(1, GiB(4));
	must(frame == GiB(4), "the frame at 4 GiB is found");
	must(aligned(1, GiB(4)) == 0, "and it is the only one");
	must(!test_logged("could ever"), "which is not said to be impossible");
	must(aligned(1, GiB(8)) == 0 && test_logged("could ever"), "a multiple of 8 GiB there is none");
	frame_free(frame, 1);
	must(frame_check() == 0, "the books are right after it");
	end();
}

TEST(zone_align_run, "a run of more than a block of buddies is found where it is aligned in memory", .panics = RIGHT)
{
	phys_t run;

	if (small_addresses())
		end();
	begin();
	add(GiB(1), GiB(4));
	start();
	run = aligned((size_t) (GiB(2) >> PAGE_WIDTH), GiB(2));
	must(run == GiB(2), "2 GiB at 2 GiB are found");
	must(aligned((size_t) (GiB(2) >> PAGE_WIDTH), GiB(2)) == 0, "there are no others");
	must(aligned((size_t) (GiB(1) >> PAGE_WIDTH), GiB(1)) != 0, "1 GiB is left before or behind it");
	frame_free(run, (size_t) (GiB(2) >> PAGE_WIDTH));
	must(frame_check() == 0, "the books are right after it");
	end();
}

TEST(zone_far_page, "memory whose books would cost more than it brings is left out", .panics = RIGHT)
{
	struct frame_info info;

	if (small_addresses())
		end();
	begin();
	add(MiB(16), MiB(112));
	add(GiB(4), PAGE_SIZE);
	add(GiB(16), MiB(1));
	start();
	frame_get_info(&info);
	must(info.total <= LOW_FRAMES + (MiB(112) >> PAGE_WIDTH), "what is near is used, and nothing else");
	must(info.total > LOW_FRAMES + (MiB(112) >> PAGE_WIDTH) - 40, "all of it");
	must(info.books < KiB(128), "the books are those of what is near");
	must(test_logged("4 KiB at 0x100000000 are not used"), "what is left out is told");
	must(test_logged("1024 KiB at 0x400000000 are not used"), "each piece");
	end();
}

TEST(zone_far_worth, "memory behind a hole that brings more than its books cost is used", .panics = RIGHT)
{
	if (small_addresses())
		end();
	begin();
	add(GiB(4), GiB(1) / 2);
	start();
	must(frame_total(FRAME_HIGHMEM) > GiB(1) / 2 >> PAGE_WIDTH, "the half GiB at 4 GiB is used");
	end();
}

TEST(zone_page_tables_hole, "a hole in memory costs page_init nothing", .panics = RIGHT)
{
	struct frame_info before, after;

	if (small_addresses())
		end();
	begin();
	add(GiB(4), GiB(1) / 2);
	start();
	frame_get_info(&before);
	must(page_init() == EOK, "there are page tables");
	frame_get_info(&after);
	must(before.free + before.cached - after.free - after.cached < PAGE_INIT_FRAMES, "they are those of half a GiB");
	end();
}

TEST(zone_small_hole, "the buddy of a zone has no units far before its first frame", .panics = RIGHT)
{
	struct zone_info zone;

	begin();
	add(MiB(600) + 5 * PAGE_SIZE, MiB(1));
	start();
	for (size_t i = 0; zone_get(i, &zone); i++)
		must(zone.first - zone.base < 2 * zone.frames, "a zone's buddy begins where it does, or little before");
	end();
}

TEST(zone_cut, "of memory that is too much for the books a part is used, not nothing", .panics = RIGHT)
{
	if (small_addresses())
		end();
	begin();
	add(GiB(1), GiB(64));
	start();
	must(frame_total(FRAME_HIGHMEM) > GiB(4) >> PAGE_WIDTH, "some GiB are used");
	must(frame_total(FRAME_HIGHMEM) - frame_total(0) < GiB(64) >> PAGE_WIDTH, "but not all");
	must(frame_total(0) > LOW_FRAMES / 3, "and low memory is left");
	must(test_logged("no room for their books"), "what is left out is told");
	end();
}

TEST(zone_huge, "a range of more frames than a buddy manages is not lost", .panics = RIGHT)
{
	if (small_addresses())
		end();
	begin();
	add(GiB(1), GiB(6 * 1024));
	start();
	must(frame_total(FRAME_HIGHMEM) > GiB(4) >> PAGE_WIDTH, "some GiB are used");
	end();
}

/* That each zone's kind is what is asked for below this address, and another from there on. */
static void kinds(enum zone_kind below, enum zone_kind from, uint64_t border)
{
	struct zone_info zone;

	for (size_t i = 0; zone_get(i, &zone); i++)
		must(zone.kind == ((uint64_t) zone.first << PAGE_WIDTH < border ? below : from), "the zone is of its kind");
}

TEST(zone_dma_all, "devices that reach all memory, or more than has an address, leave no zone but theirs below",
	.panics = RIGHT)
{
	host_dma_limit = (phys_t) MiB(2048);
	begin();
	add(MiB(16), MiB(64));
	add(IDENTITY_PHYS + IDENTITY_SIZE - MiB(8), MiB(16));
	start();
	kinds(ZONE_DMA, ZONE_HIGH, IDENTITY_PHYS + (phys_t) IDENTITY_SIZE);
	must(frame_total(FRAME_DMA) == frame_total(0), "all that has an address is reached");
	end();
}

TEST(zone_dma_none, "memory that no device reaches has no zone for devices, and a request for such is answered",
	.panics = RIGHT)
{
	host_dma_limit = (phys_t) MiB(1);
	begin();
	start();
	kinds(ZONE_LOW, ZONE_LOW, MiB(1));
	must(frame_alloc(1, FRAME_DMA | FRAME_ATOMIC, 0) == 0, "there is no frame that devices reach");
	must(test_logged("could ever"), "which is told");
	end();
}
TEST(zone_last_page, "memory in the last page of the physical space is used", .panics = RIGHT)
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_HIGHMEM);
	size_t taken;

	if (!small_addresses()) /* so far off that its books cost more */
		end();
	begin();
	add((uint64_t) RAM_LAST - MiB(64) + 1, MiB(64));
	start();
	request.lower = ALIGN_DOWN(RAM_LAST, PAGE_SIZE);
	must(frame_alloc_request(&request, &taken) == request.lower, "the last page is found");
	end();
}
