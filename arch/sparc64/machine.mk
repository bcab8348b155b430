# SPDX-License-Identifier: BSD-2-Clause
#
# sparc64: an UltraSPARC IIi (QEMU's sun4u). The words are explained in tools/make/machine.mk.

MACHINE_TITLE := sun4u, UltraSPARC IIi, 64 bits, big-endian, TLBs filled by software from a page hash table
CROSS := sparc64-linux-gnu-
# The unwinder looks for the `save` at the beginning of a function (arch/sparc64/unwind.c).
MACHINE_CFLAGS := -m64 -mcpu=ultrasparc -mcmodel=medany -msoft-float -mno-app-regs -fno-shrink-wrap
MACHINE_LDFLAGS := -m elf64_sparc -z max-page-size=8192
# __clzdi2, __bswapsi2, __popcountdi2: the CPU has no such instructions.
MACHINE_LIBS := -lgcc
LINK_SCRIPT := arch/sparc64/kernel.ld
MAPPING := ht
GENARCH := asid ns16550 pvpanic
BOOT := fw_cfg
EMULATOR := qemu-system-sparc64
EMULATOR_FLAGS = -M sun4u $(QEMU_FLAGS) -device pvpanic-pci,bus=pciB,addr=0 -action panic=exit-failure
GDB := gdb-multiarch
# %tick counts 10 ns: 1.6 for an instruction (cycles() in arch/cpu.h).
ICOUNT_SHIFT := 4
STATUS_GOOD := 0
STATUS_PANIC := 1
ASIDS_MOST := 8192
MEMORY_LEAST := 16
MEMORY_MOST := 4096
CHECK_MEMORIES := 16 128
CHECK_RELEASE_MEMORIES := 2048
CHECK_VARIANTS := MODE=debug+ASIDS=3+test
MISTAKES := yes
MAX_CPUS_DEFAULT := 1
