# SPDX-License-Identifier: BSD-2-Clause
#
# ppc32: a Power Macintosh G4 (QEMU's mac99). The words are explained in tools/make/machine.mk.

MACHINE_TITLE := Power Macintosh G4, 32 bits, big-endian, a hash table behind two-level page tables
CROSS := powerpc-linux-gnu-
# The unwinder reads prologues (arch/ppc32/unwind.c): they stay at the beginning of their functions.
MACHINE_CFLAGS := -mcpu=750 -msoft-float -mno-sdata -mno-string -fno-shrink-wrap -Wa,-mregnames
MACHINE_LDFLAGS := -m elf32ppc -z max-page-size=4096
# Divisions of 64 bits.
MACHINE_LIBS := -lgcc
LINK_SCRIPT := arch/ppc32/kernel.ld
MAPPING := pt
GENARCH := asid_shared escc openpic cuda pvpanic
BOOT := openfirmware
EMULATOR := qemu-system-ppc
EMULATOR_FLAGS = -M mac99 $(QEMU_FLAGS) -device pvpanic-pci,addr=0x1e -action panic=exit-failure
# The time base counts 10 ns: 1.6 for an instruction (cycles() in arch/cpu.h).
ICOUNT_SHIFT := 4
STATUS_GOOD := 0
STATUS_PANIC := 1
ASIDS_MOST := 4096
MEMORY_LEAST := 24
MEMORY_MOST := 2048
CHECK_MEMORIES := 24 128
# With high memory.
CHECK_RELEASE_MEMORIES := 1024
CHECK_VARIANTS := MODE=debug+ASIDS=3+ARGUMENTS=hash=64+test
MISTAKES := yes
MAX_CPUS_DEFAULT := 1
