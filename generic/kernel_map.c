/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the kernel maps for itself at boot, by whatever design maps pages:
 *
 *   - the identity window, unless hardware makes it (mm/direct_map.h): what the
 *     boot code had mapped, as far as there is RAM, and beyond that every slot of a
 *     large page in which the frame allocator has a frame; writable, not executable
 *   - the image at its own address, where that is not in the window
 *   - in both: text that can be executed, read-only data that can only be read;
 *     seen through the window, both can only be read. Not where hardware decides
 *   - the machine's fixed mappings (KERNEL_FIXED)
 */

#include <mm/assert.h>
#include <mm/direct_map.h>
#include <mm/kernel_map.h>

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define PAGE_MASK (PAGE_SIZE - 1)
#define WINDOW_FLAGS (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)

/*
 * The numbers of a layout may be constants of any integer type, so that assembly and the linker script can read them:
 * none is negative, none is too large, and whoever adds to one converts it first.
 */
#define IS_PLACE(number) (((number) | 1) > 0 && (uintptr_t) (number) == (number) && (number) % PAGE_SIZE == 0)
#define IS_LAST(number) \
	(((number) | 1) > 0 && (uintptr_t) (number) == (number) && ((number) | (PAGE_SIZE - 1)) == (number))

_Static_assert(IS_PLACE(KERNEL_START) && IS_LAST(KERNEL_LAST), "the kernel part is whole pages of the address space");
_Static_assert(IS_PLACE(USER_START) && IS_LAST(USER_LAST), "the user part is whole pages of the address space");
_Static_assert((uintptr_t) USER_START - KERNEL_START > KERNEL_LAST - KERNEL_START &&
		(uintptr_t) KERNEL_START - USER_START > USER_LAST - USER_START,
	"the parts are apart");
_Static_assert(IS_PLACE(KM_START) && IS_PLACE(KM_END) && KERNEL_START <= KM_START && KM_START < KM_END &&
		(uintptr_t) KM_END - 1 <= KERNEL_LAST,
	"km_map's window lies in the kernel part");
_Static_assert(IS_PLACE(IDENTITY_VIRT) && IS_PLACE(IDENTITY_SIZE) && IDENTITY_SIZE != 0 &&
		KERNEL_START <= IDENTITY_VIRT && IDENTITY_SIZE - 1 <= KERNEL_LAST - IDENTITY_VIRT,
	"the identity window lies in the kernel part");
_Static_assert((IDENTITY_PHYS | 1) > 0 && (phys_t) IDENTITY_PHYS == IDENTITY_PHYS && IDENTITY_PHYS % PAGE_SIZE == 0 &&
		(IDENTITY_PHYS | (PAGE_SIZE - 1)) <= PHYS_LAST && (phys_t) PHYS_LAST == PHYS_LAST && RAM_LAST <= PHYS_LAST,
	"the identity window begins at a frame, and no RAM is beyond what an entry can express");

phys_t page_physical_last = PHYS_LAST;

static phys_t window_last(void)
{
	return (phys_t) IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1);
}

phys_t kernel_map_boot_last(void)
{
	return BOOT_MAPPED < IDENTITY_SIZE ? IDENTITY_PHYS + (phys_t) (BOOT_MAPPED - 1) : window_last();
}

/* ---- the identity window ---- */

static errno_t window_map(phys_t pa, phys_t last)
{
	return page_mapping_insert(
		&page_kernel, PA2KA(pa), pa, ((last - pa) >> PAGE_WIDTH) + 1, WINDOW_FLAGS, FRAME_ATOMIC);
}

/* What the boot code has mapped: no more than there is RAM, for what is behind that may be registers of devices. */
static errno_t window_map_boot(void)
{
	phys_t last = kernel_map_boot_last(), ram = frame_ram_last() | (LARGE - 1);

	return window_map(IDENTITY_PHYS, ram < last ? ram : last);
}

/* The last address of the slot of a large page that pa lies in, or of the window. */
static phys_t slot_end(phys_t pa)
{
	phys_t end = pa | (LARGE - 1);

	return end < window_last() ? end : window_last();
}

static bool slot_has_frames(phys_t pa)
{
	pfn_t last = slot_end(pa) >> PAGE_WIDTH;

	for (pfn_t pfn = frame_known_from(pa >> PAGE_WIDTH); pfn <= last && pfn < frame_end;
		 pfn = frame_known_from(pfn + 1))
		if (frame_is_ram(pfn))
			return true;
	return false;
}

/* The first slot behind this one that can have frames: those within a large hole are not looked at one by one. */
static phys_t slot_next(phys_t pa)
{
	phys_t next = slot_end(pa) + 1;
	pfn_t known = frame_known_from(next >> PAGE_WIDTH);

	return next == 0 || known <= next >> PAGE_WIDTH ? next : ALIGN_DOWN((phys_t) known << PAGE_WIDTH, LARGE);
}

static phys_t frames_last(void)
{
	phys_t last = ((phys_t) frame_end << PAGE_WIDTH) - 1;

	return last < window_last() ? last : window_last();
}

/* Maps what the boot code has not, in runs of slots that have frames. */
static errno_t window_map_rest(void)
{
	phys_t pa = kernel_map_boot_last() + 1;
	errno_t error = EOK;

	while (error == EOK && pa != 0 && pa <= frames_last()) {
		phys_t first = pa;

		while (pa != 0 && pa <= frames_last() && slot_has_frames(pa))
			pa = slot_end(pa) + 1;
		if (pa != first)
			error = window_map(first, pa - 1);
		else
			pa = slot_next(pa);
	}
	return error;
}

/* ---- the image ---- */

static errno_t rights_set(uintptr_t va, const char *start, const char *end, page_flags_t flags)
{
	size_t pages = (size_t) (end - start) >> PAGE_WIDTH;

	return pages == 0 ? EOK : page_mapping_update(&page_kernel, va, pages, flags | PAGE_GLOBAL, FRAME_ATOMIC);
}

static errno_t image_map(void)
{
	uintptr_t image = (uintptr_t) image_start;
	uintptr_t alias = PA2KA(IMAGE2PA(image_start));
	errno_t error = EOK;

	mm_assert(
		(((uintptr_t) image_start | (uintptr_t) image_text_end | (uintptr_t) image_rodata_end | (uintptr_t) image_end) &
			PAGE_MASK) == 0,
		"the parts of the image are not whole pages");
	if (image != alias) {
		error = page_mapping_insert(&page_kernel, image, IMAGE2PA(image_start),
			(size_t) (image_end - image_start) >> PAGE_WIDTH, WINDOW_FLAGS | PAGE_NO_LARGE, FRAME_ATOMIC);
		if (error == EOK && !direct_map_has(alias))
			error = rights_set(alias, image_start, image_rodata_end, PAGE_READ);
	}
	if (direct_map_has(image))
		return error;
	if (error == EOK)
		error = rights_set(image, image_start, image_text_end, PAGE_READ | PAGE_EXEC);
	if (error == EOK)
		error = rights_set((uintptr_t) image_text_end, image_text_end, image_rodata_end, PAGE_READ);
	return error;
}

/* ---- fixed mappings ---- */

static bool is_apart(const struct fixed_mapping *fixed, uintptr_t start, size_t size)
{
	uintptr_t last = fixed->va + ((fixed->pages << PAGE_WIDTH) - 1);

	return last < start || fixed->va > start + (size - 1);
}

static errno_t fixed_map(const struct fixed_mapping *fixed)
{
	if (fixed->pages == 0)
		return EOK;
	mm_assert(is_apart(fixed, IDENTITY_VIRT, IDENTITY_SIZE) && is_apart(fixed, KM_START, (size_t) (KM_END - KM_START)),
		"the fixed mapping of %zu pages at %#zx lies in a window", fixed->pages, (size_t) fixed->va);
	return page_mapping_insert(
		&page_kernel, fixed->va, fixed->pa, fixed->pages, fixed->flags | PAGE_GLOBAL, FRAME_ATOMIC);
}

static errno_t fixed_map_all(void)
{
	const struct fixed_mapping fixed[] = { KERNEL_FIXED };
	errno_t error = EOK;

	for (size_t i = 0; i < ARRAY_COUNT(fixed) && error == EOK; i++)
		error = fixed_map(&fixed[i]);
	return error;
}

/* ---- the whole ---- */

errno_t kernel_map(void)
{
	errno_t error = EOK;

	mm_assert(IDENTITY_RIGHTS == 0 || ((IDENTITY_VIRT | IDENTITY_SIZE) & (LARGE - 1)) == 0,
		"the direct map is hardware's, but not whole tables of the last level");
	if (IDENTITY_RIGHTS == 0)
		error = window_map_boot();
	if (IDENTITY_RIGHTS == 0 && error == EOK)
		error = window_map_rest();
	if (error == EOK)
		error = image_map();
	return error == EOK ? fixed_map_all() : error;
}
