# SPDX-License-Identifier: BSD-2-Clause
#
# The words of arch/<machine>/machine.mk, and what holds where it is silent:
#
#   MACHINE_TITLE     the machine in a line
#   HOSTED            set: an ordinary process; the build makes test programs, not an image
#   CROSS             prefix of the compiler and the binutils
#   MACHINE_CFLAGS    what the compiler needs to know of the machine
#   LEAF_CFLAGS       added for the memory core in a release build
#   MACHINE_LDFLAGS   what the linker needs to know
#   MACHINE_LIBS      libraries that it is linked with, last: of a hosted program; -lgcc, where compiled code calls it
#   MACHINE           the folder of arch/ with its sources; empty: that of this machine.mk. Another one's: see below
#   LINK_SCRIPT       linker script; goes through the preprocessor, so it may include <config.h> and <arch/mm.h>
#   MAPPING           page-table design, a folder of genarch/; host may name several, each makes a test program
#   GENARCH           what else it shares with other machines: genarch/<name>.c, or all files of genarch/<name>/
#   BOOT              way of booting, a folder of boot/
#   EMULATOR          program that runs it
#   GDB               a gdb that knows the machine: gdb, or gdb-multiarch
#   AFTER_LINK        command that makes what is booted, $@, of the linked image, $<; empty: the image itself is booted
#   EMULATOR_FLAGS    its arguments before the image; QEMU_FLAGS has what all QEMU machines take
#   EMULATOR_IMAGE    the arguments with the image, $(BOOTED)
#   EMULATOR_LAST     arguments behind the image
#   ICOUNT_SHIFT      emulated time of an instruction, log2 of ns, when they are counted: so that cycles() counts them
#   STATUS_GOOD       exit status of the emulator after `halt 0`
#   STATUS_PANIC      exit status of the emulator after a panic
#   KERNEL_SPLITS     values KERNEL_SPLIT may have; empty: the boundary of user and kernel space is fixed
#   PAGE_LEVELS       values LEVELS may have, the default first; empty: the page format has levels of its own
#   PHYS_BITS_MORE    values PHYS_BITS may have: 64 where physical addresses are, or can be, wider than virtual ones
#   STACKS_DIRECT     set: the knob STACKS may be direct: kernel stacks in the direct map, on a machine that need not
#   PAGE_WIDTHS       values PAGE_WIDTH may have; then config.h has CONFIG_PAGE_WIDTH. Empty: the base page has one size
#   ASIDS_MOST        most that ASIDS may be, which config.h has as CONFIG_ASIDS if it is given; empty: it may not
#   MEMORY_LEAST, MEMORY_MOST   MiB of memory the machine can have
#   CHECK_MEMORIES    MiB of memory `make check` runs the debug build with, the least first
#   SMP_MOST          CPUs the machine can have
#   CHECK_SMPS        numbers of CPUs beyond 1 that `make check` runs it with: debug the first, release the last
#   CHECK_RELEASE_MEMORIES  the same of the release build; empty: the last of CHECK_MEMORIES
#   CHECK_VARIANTS    steps of `make check` with these knobs of the machine's, + for a space: MODE=debug+ASIDS=3+test
#   CHECK_CPUS        models of CPUs, in place of the default, that it runs the debug build with on so many CPUs
#   EMBED             kernel of test/embed for this machine, a folder there: make check boots it with every compiler
#   MISTAKES          set: it has what tools/mistakes wants to see
#   MAX_CPUS_DEFAULT  what MAX_CPUS is if it is empty
#
# Two profiles of one folder, for another byte order, say: arch/<second>/machine.mk includes arch/<first>/machine.mk,
# sets MACHINE := <first>, and then what is different. Headers, offsets.c and needs of its own are found before those
# of the first; sources of its own are compiled too.
#
# arch/<machine>/offsets.c, if there is one, is compiled to assembly, and each
# line of it that reads `->NAME value` becomes `#define NAME value` in the
# generated <offsets.h>, for the files in assembly.

HOSTED :=
MACHINE :=
AFTER_LINK :=
GDB := gdb
EMULATOR_IMAGE = -kernel $(BOOTED)
EMULATOR_LAST :=
ICOUNT_SHIFT := 0
KERNEL_SPLITS :=
PAGE_LEVELS :=
PHYS_BITS_MORE :=
PAGE_WIDTHS :=
ASIDS_MOST :=
CHECK_VARIANTS :=
STACKS_DIRECT :=
MACHINE_LIBS :=
GENARCH :=
BOOT :=
LEAF_CFLAGS :=
MAX_CPUS_DEFAULT := 8
CHECK_CPUS :=
MISTAKES :=
EMBED :=
SMP_MOST := 1
CHECK_SMPS :=
CHECK_RELEASE_MEMORIES :=

# More emulated CPUs than there are real ones take turns in one thread: otherwise each would wait, spinning, for others
# that do not run. (Counting instructions, they take turns anyway.)
CPU_THREADS = $(if $(filter yes,$(ICOUNT)),single,$(shell test $(SMP) -le `nproc` && echo multi || echo single))

# (Network and display would want their ROMs, which are packages of their own.)
QEMU_FLAGS = -m $(MEMORY) -net none -vga none -display none -serial stdio -monitor none -no-reboot \
	$(if $(filter-out 1,$(SMP)),-smp $(SMP) -accel tcg$(COMMA)thread=$(CPU_THREADS)) $(if $(CPU),-cpu $(CPU)) $(if $(filter yes,$(ICOUNT)),-icount shift=$(ICOUNT_SHIFT)$(COMMA)sleep=off)

COMMA := ,

ifneq ($(filter $(PROFILE),$(PROFILES)),)
include arch/$(PROFILE)/machine.mk
else ifneq ($(BUILDING)$(filter check,$(MAKECMDGOALS)),)
$(error There is no profile "$(PROFILE)". There are: $(PROFILES))
endif

# The folders of the machine's own files.
ARCH_FOLDERS := $(addprefix arch/,$(PROFILE) $(filter-out $(PROFILE),$(MACHINE)))

CPUS_MAX := $(or $(MAX_CPUS),$(MAX_CPUS_DEFAULT))
