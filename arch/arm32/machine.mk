# SPDX-License-Identifier: BSD-2-Clause
#
# arm32: QEMU's `virt` with ARMv7-A. The words are explained in tools/make/machine.mk.

MACHINE_TITLE := ARMv7-A, 32 bits, short descriptors, QEMU virt
CROSS := arm-linux-gnueabi-
# Frames as the APCS has them, of all functions: doc/arm32.md, "Backtraces".
MACHINE_CFLAGS := -mcpu=cortex-a15 -marm -mfloat-abi=soft -mno-unaligned-access -mapcs-frame -mno-sched-prolog
# Divisions of 64 bits, and counting bits.
MACHINE_LIBS := -lgcc
LINK_SCRIPT := arch/arm32/kernel.ld
MAPPING := pt
GENARCH := asid pl011 gic arm_timer psci semihosting
BOOT := fdt
EMULATOR := qemu-system-arm
EMULATOR_FLAGS = -M virt $(if $(CPU),,-cpu cortex-a15) $(QEMU_FLAGS) -semihosting-config enable=on$(COMMA)target=native
# The virtual timer counts at 62.5 MHz: a tick is 16 ns.
ICOUNT_SHIFT := 4
GDB := gdb-multiarch
STATUS_GOOD := 64
STATUS_PANIC := 65
ASIDS_MOST := 256
MEMORY_LEAST := 8
MEMORY_MOST := 3072
CHECK_MEMORIES := 8 128
CHECK_RELEASE_MEMORIES := 2048
SMP_MOST := 8
CHECK_SMPS := 2
CHECK_VARIANTS := MODE=debug+ASIDS=3+test
MISTAKES := yes
