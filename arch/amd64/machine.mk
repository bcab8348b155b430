# SPDX-License-Identifier: BSD-2-Clause
#
# amd64: a PC with four-level paging. The words are explained in tools/make/machine.mk.

MACHINE_TITLE := PC, 64 bits, four-level page tables
CROSS := x86_64-linux-gnu-
MACHINE_CFLAGS := -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fcf-protection=none
LEAF_CFLAGS := -momit-leaf-frame-pointer
MACHINE_LDFLAGS := -m elf_x86_64 -z max-page-size=4096
LINK_SCRIPT := arch/amd64/kernel.ld
MAPPING := pt
GENARCH := x86 ns16550 i8259 i8254 isa_debug_exit
BOOT := multiboot
EMULATOR := qemu-system-x86_64
EMULATOR_FLAGS = $(QEMU_FLAGS) -device isa-debug-exit,iobase=0xf4,iosize=4
STATUS_GOOD := 33
STATUS_PANIC := 35
MEMORY_LEAST := 8
MEMORY_MOST := 65536
CHECK_MEMORIES := 8 128
# 1 GiB of the second lies above 4 GiB.
CHECK_RELEASE_MEMORIES := 16 4096
SMP_MOST := 64
CHECK_SMPS := 2 4
# It has SMEP, SMAP and UMIP.
CHECK_CPUS := max
MISTAKES := yes
