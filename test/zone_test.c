/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Zones over memory maps of other machines. Each case starts the frame allocator
 * anew, so it runs in a process of its own, and ends in a panic that says how it
 * went. Where the maps have memory the host has none, but nobody touches a frame.
 */

#include <arch/host.h>
#include <mm/page_roots.h>
#include <test.h>

#define GiB(count) ((uint64_t) (count) << 30)
#define RIGHT "all is as it should be"

/* Frames that page_init allocates for so little memory, at most. */
#define PAGE_INIT_FRAMES ((CONFIG_HOST_UNEVEN ? 64 : 12) + ROOT_MIRROR_FRAMES)

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

/* Bytes of metadata that n frames have, at most, in so many zones. */
static size_t metadata_of(size_t frames, size_t zones)
{
	return frames * 13 / 4 + 3 * CACHE_LINE * zones + PAGE_SIZE;
}

TEST(zone_far_page, "a hole costs nothing, so a page behind one is used", .panics = RIGHT)
{
	size_t frames = LOW_FRAMES + ((MiB(112) + PAGE_SIZE + MiB(1)) >> PAGE_WIDTH);
	struct frame_info info;

	if (small_addresses())
		end();
	begin();
	add(MiB(16), MiB(112));
	add(GiB(4), PAGE_SIZE);
	add(GiB(16), MiB(1));
	start();
	frame_get_info(&info);
	must(info.total == frames - info.books / PAGE_SIZE, "all is used but what has the metadata");
	must(info.books <= metadata_of(frames, zone_count()), "the metadata is of what is RAM");
	must(frame_kind(GiB(4) >> PAGE_WIDTH) == FRAME_KIND_FREE, "the page at 4 GiB is free");
	must(frame_kind((GiB(4) >> PAGE_WIDTH) + 1) == FRAME_KIND_HOLE, "what is behind it is a hole");
	must(frame_kind((GiB(16) >> PAGE_WIDTH) - 1) == FRAME_KIND_HOLE, "up to the next");
	end();
}

TEST(zone_far_reserved, "a reserved range of 2.5 TiB costs nothing, and what is behind it is used", .panics = RIGHT)
{
	size_t frames = LOW_FRAMES + (GiB(1) / 2 >> PAGE_WIDTH);
	struct frame_info before, after;

	if (small_addresses())
		end();
	begin();
	must(memmap_add(&map, GiB(1), GiB(2560), MEMMAP_RESERVED) == EOK, "the map has room");
	add(GiB(2561), GiB(1) / 2);
	start();
	frame_get_info(&before);
	must(before.total == frames - before.books / PAGE_SIZE, "all is used but what has the metadata");
	must(before.books <= metadata_of(frames, zone_count()), "the metadata is of what is RAM");
	must(page_init() == EOK, "there are page tables");
	frame_get_info(&after);
	must(before.free + before.cached - after.free - after.cached < PAGE_INIT_FRAMES, "they are few");
	end();
}

TEST(zone_small_share, "a hole that is small beside all memory does not divide a zone; a larger one does",
	.panics = RIGHT)
{
	if (small_addresses())
		end();
	begin();
	add(GiB(1), GiB(2));
	add(GiB(4), GiB(2));
	start();
	must(zone_count() == 2, "the high memory is one zone");
	begin();
	add(GiB(1), GiB(2));
	add(GiB(4) + GiB(1) / 2, GiB(2));
	start();
	must(zone_count() == 3, "the high memory is two zones");
	end();
}

TEST(zone_many_holes, "of more holes than there can be zones the largest are free", .panics = RIGHT)
{
	uint64_t base = GiB(4);
	struct frame_info info;

	if (small_addresses())
		end();
	begin();
	for (unsigned i = 0; i < 24; i++) {
		add(base, MiB(1));
		base += MiB(1) + (i % 3 == 0 ? GiB(8) : MiB(17));
	}
	start();
	frame_get_info(&info);
	must(info.total == LOW_FRAMES + (MiB(24) >> PAGE_WIDTH) - info.books / PAGE_SIZE, "all is used");
	must(info.books <= metadata_of(LOW_FRAMES + (MiB(24 + 17 * 16) >> PAGE_WIDTH), zone_count()),
		"only the smaller holes have metadata");
	end();
}

/* Low memory in two tables, of which the second begins at 128 MiB. */
static void two_tables(void)
{
	begin();
	add(MiB(128), MiB(2));
	start();
	must(frame_kind(MiB(127) >> PAGE_WIDTH) == FRAME_KIND_HOLE, "what is between them is a hole");
}

TEST(zone_far_frames, "frames behind a hole are allocated, cached, shared, marked and freed as any others",
	.panics = RIGHT)
{
	static phys_t frames[MiB(2) >> PAGE_WIDTH];
	size_t count = 0, total;

	two_tables();
	total = frame_total(0);
	while (count < ARRAY_COUNT(frames)) {
		phys_t frame = frame_alloc(1, FRAME_ATOMIC, 0);

		must(frame != 0, "there is a frame");
		if (frame >= MiB(128))
			frames[count++] = frame;
	}
	must(frame_check() == 0, "the metadata is right when all of them are allocated");
	for (size_t i = 0; i < count; i++) {
		must(frame_is_ram(frames[i] >> PAGE_WIDTH), "it is RAM");
		must(frame_reference_count(frames[i]) == 1, "it has one holder");
		must(frame_reference_add(frames[i]) == EOK && frame_reference_count(frames[i]) == 2, "and another");
		frame_free(frames[i], 1);
		frame_mark(frames[i] >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
		must(frame_kind(frames[i] >> PAGE_WIDTH) == FRAME_KIND_TABLE && *frame_uses(frames[i] >> PAGE_WIDTH) == 0,
			"it is marked");
		frame_mark(frames[i] >> PAGE_WIDTH, 1, FRAME_KIND_PLAIN, 0);
		frame_free(frames[i], 1);
		must(frame_kind(frames[i] >> PAGE_WIDTH) != FRAME_KIND_PLAIN, "it is free");
	}
	must(frame_check() == 0, "the metadata is right when they are free");
	must(frame_total(0) == total, "and there are as many");
	end();
}

TEST(zone_far_runs, "runs behind a hole are cached and freed as any others", .panics = RIGHT)
{
	struct frame_request request = FRAME_REQUEST(4, FRAME_ATOMIC);
	size_t taken;
	phys_t run;

	two_tables();
	request.lower = MiB(128);
	run = frame_alloc_request(&request, &taken);
	must(run >= MiB(128), "there is a run");
	frame_free(run, 4);
	must(frame_kind(run >> PAGE_WIDTH) == FRAME_KIND_CACHED, "it is in a CPU's cache when it is freed");
	must(frame_alloc(4, FRAME_ATOMIC, 0) == run, "from where it is allocated again");
	frame_free(run + PAGE_SIZE, 1);
	frame_free(run, 1);
	frame_free(run + 2 * PAGE_SIZE, 2);
	must(frame_check() == 0, "the metadata is right when it was freed in parts");
	end();
}

TEST(zone_far_free, "a run that begins in one table and ends in the next is not one of this machine",
	.panics = "not frames of this machine")
{
	phys_t last;

	two_tables();
	last = MiB(15) - PAGE_SIZE;
	frame_free(last, (MiB(128) - last) / PAGE_SIZE + 1);
}

TEST(zone_hole_free, "a frame of a hole between two tables is not one of this machine",
	.panics = "not frames of this machine")
{
	two_tables();
	frame_free(MiB(64), 1);
}

TEST(zone_boot_release, "a large image between two parts of memory is no hole: it can be freed later", .panics = RIGHT)
{
	size_t total;

	begin();
	add(MiB(24), MiB(8));
	must(memmap_add(&map, MiB(32), MiB(64), MEMMAP_IMAGE) == EOK, "the map has room");
	add(MiB(96), MiB(1));
	start();
	total = frame_total(0);
	frame_release_boot(MiB(32), MiB(64) >> PAGE_WIDTH);
	must(frame_total(0) == total + (MiB(64) >> PAGE_WIDTH), "it is the allocator's");
	must(frame_check() == 0, "the metadata is right after it");
	end();
}

TEST(zone_far_worth, "half a GiB behind a hole is used", .panics = RIGHT)
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
	const uint64_t much = GiB(64) << (PAGE_WIDTH - 12);

	if (small_addresses())
		end();
	begin();
	add(GiB(1), much);
	start();
	must(frame_total(FRAME_HIGHMEM) > GiB(4) >> PAGE_WIDTH, "some GiB are used");
	must(frame_total(FRAME_HIGHMEM) - frame_total(0) < much >> PAGE_WIDTH, "but not all");
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

	begin();
	add((uint64_t) RAM_LAST - MiB(64) + 1, MiB(64));
	start();
	request.lower = ALIGN_DOWN(RAM_LAST, PAGE_SIZE);
	must(frame_alloc_request(&request, &taken) == request.lower, "the last page is found");
	end();
}
