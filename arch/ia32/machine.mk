# SPDX-License-Identifier: BSD-2-Clause
#
# ia32: a PC with 32-bit paging. The words are explained in tools/make/machine.mk.

MACHINE_TITLE := PC, 32 bits, two-level page tables
CROSS := i686-linux-gnu-
MACHINE_CFLAGS := -mgeneral-regs-only -fcf-protection=none
LEAF_CFLAGS := -momit-leaf-frame-pointer
MACHINE_LDFLAGS := -m elf_i386 -z max-page-size=4096
# Divisions of 64 bits, which the console and some cases make.
MACHINE_LIBS := -lgcc
LINK_SCRIPT := arch/ia32/kernel.ld
MAPPING := pt
GENARCH := x86 ns16550 i8259 i8254 isa_debug_exit
BOOT := multiboot
EMULATOR := qemu-system-i386
EMULATOR_FLAGS = $(QEMU_FLAGS) -device isa-debug-exit,iobase=0xf4,iosize=4
STATUS_GOOD := 33
STATUS_PANIC := 35
KERNEL_SPLITS := 3 2 1
# Its paging reaches 4 GiB; so it shows that nothing takes an address for as wide as a pointer.
PHYS_BITS_MORE := 64
# So it shows how stacks are that a TLB filled by software need not have, and how their overflow is found.
STACKS_DIRECT := yes
MEMORY_LEAST := 8
MEMORY_MOST := 3584
CHECK_MEMORIES := 8 128
CHECK_RELEASE_MEMORIES := 16 2048
SMP_MOST := 64
CHECK_SMPS := 2 4
# It has SMEP, SMAP and UMIP.
CHECK_CPUS := max
MISTAKES := yes
EMBED := pc
