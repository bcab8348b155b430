# SPDX-License-Identifier: BSD-2-Clause
#
# mips32el: mips32 in the other byte order.

include arch/mips32/machine.mk

MACHINE := mips32
MACHINE_TITLE := Malta, 32 bits, little-endian, TLB filled by software
MACHINE_CFLAGS := $(patsubst -EB,-EL,$(MACHINE_CFLAGS))
EMULATOR := qemu-system-mipsel
# What has nothing to do with the order of bytes is checked on mips32.
CHECK_MEMORIES := 128
CHECK_VARIANTS :=
MISTAKES :=
