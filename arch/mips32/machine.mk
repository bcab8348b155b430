# SPDX-License-Identifier: BSD-2-Clause
#
# mips32: a Malta with a 24Kf, big-endian. The words are explained in tools/make/machine.mk.

MACHINE_TITLE := Malta, 32 bits, big-endian, TLB filled by software
CROSS := mips-linux-gnu-
# Backtraces go by tables, so no register is spent on a frame pointer.
MACHINE_CFLAGS := -EB -mabi=32 -march=mips32r2 -mno-abicalls -G0 -msoft-float -fomit-frame-pointer -funwind-tables
LINK_SCRIPT := arch/mips32/kernel.ld
MAPPING := pt
GENARCH := asid ns16550 i8259 division
BOOT := yamon
EMULATOR := qemu-system-mips
EMULATOR_FLAGS = -M malta $(if $(CPU),,-cpu 24Kf) $(QEMU_FLAGS) -semihosting-config enable=on,target=native
GDB := gdb-multiarch
# Count has a tick in 6 ns; cycles() makes instructions of it.
ICOUNT_SHIFT := 3
STATUS_GOOD := 16
STATUS_PANIC := 17
PAGE_WIDTHS := 12 14
ASIDS_MOST := 256
MEMORY_LEAST := 8
MEMORY_MOST := 2048
CHECK_MEMORIES := 8 128
# With high memory.
CHECK_RELEASE_MEMORIES := 1024
CHECK_VARIANTS := MODE=debug+PAGE_WIDTH=14+ASIDS=3+MEMORY=256+test
MISTAKES := yes
MAX_CPUS_DEFAULT := 1
