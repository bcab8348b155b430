/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The header by which a Multiboot loader (GRUB, QEMU) knows the image, first in
 * it: Multiboot Specification 0.6.96, section 3.1. It gives addresses of its own
 * (flag 16), so that loaders that know no 64-bit ELF load one as well as the
 * other; the machine's entry is called start, in 32-bit protected mode.
 */

#include <arch/layout.h>

#define HEADER_MAGIC 0x1badb002
#define HEADER_FLAGS 0x00010003 /* modules on page bounds; report the memory; addresses in the header */

	.section .image_first, "a", %progbits
	.balign 4
header:
	.long HEADER_MAGIC
	.long HEADER_FLAGS
	.long -(HEADER_MAGIC + HEADER_FLAGS)
	.long header - KERNEL_IMAGE_OFFSET         /* where this header belongs */
	.long image_start - KERNEL_IMAGE_OFFSET    /* load from here ... */
	.long image_load_end - KERNEL_IMAGE_OFFSET /* ... to here, */
	.long image_end - KERNEL_IMAGE_OFFSET      /* then zeros to here, */
	.long start - KERNEL_IMAGE_OFFSET          /* and enter here */

	.section .note.GNU-stack, "", %progbits
