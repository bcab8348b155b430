# SPDX-License-Identifier: BSD-2-Clause
#
# The image of a machine: linking it, and all that is done with it.
#
# The image carries its own symbol table, so it is linked three times: with an
# empty table; with the table of that, which has its final size; and with the
# table of that one, which has the final addresses. A last look at the result
# makes sure of it.

INCLUDES += kernel/include

KERNEL_SOURCES := $(call find_sources,kernel)
BOOT_SOURCES := $(sort $(foreach way,$(BOOT),$(wildcard boot/$(way)/*.[cS])))
SOURCES := $(BOOT_SOURCES) $(ARCH_SOURCES) $(GENARCH_SOURCES) $(call mapping_sources,$(MAPPING)) $(CORE_SOURCES) \
	$(KERNEL_SOURCES)
OBJECTS := $(call objects,$(SOURCES))

IMAGE := $(B)/hoplite.elf
# What the emulator is given.
BOOTED := $(if $(AFTER_LINK),$(B)/hoplite.boot,$(IMAGE))
LINK = $(CC) $(MACHINE_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,--no-warn-rwx-segments $(addprefix -Wl$(COMMA),$(subst -z ,-z$(COMMA),$(subst -m ,-m$(COMMA),$(MACHINE_LDFLAGS)))) \
	-Wl,-T,$(B)/kernel.ld

.PHONY: all run test bench debug iso iso-test emulator soak

all: $(BOOTED) ## the image (host: the test programs); the default

$(B)/kernel.ld: $(LINK_SCRIPT) $(B)/flags $(CONFIG_H)
	@mkdir -p $(@D)
	$(call say,LDS,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -std=c17 -E -P -D__ASSEMBLER__ -x c -MMD -MP -MF $(B)/kernel.ld.d -MT $@ -o $@ $<

$(B)/objects: FORCE
	@echo '$(OBJECTS)' | tools/keep $@

# The tables that the second and the third link carry; the first has the empty one of kernel/symbols.c.
$(B)/symbols%.S: $(B)/stage%.elf tools/mksymbols
	$(Q)$(NM) -n $< | tools/mksymbols >$@

$(B)/symbols%.o: $(B)/symbols%.S
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/stage2.elf: $(B)/symbols1.o
$(IMAGE): $(B)/symbols2.o

$(B)/stage1.elf $(B)/stage2.elf: $(OBJECTS) $(B)/kernel.ld $(B)/objects
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(MACHINE_LIBS)

$(IMAGE): $(OBJECTS) $(B)/kernel.ld $(B)/objects
	$(call say,LINK,$@)
	$(Q)$(LINK) -Wl,-Map,$(B)/hoplite.map -o $@ $(filter %.o,$^) $(MACHINE_LIBS)
	$(Q)$(NM) -n $@ | tools/mksymbols | cmp -s - $(B)/symbols2.S || { rm -f $@; \
		echo 'The symbol table in the image does not tell its addresses: linking it in has moved them.' >&2; false; }

ifneq ($(BOOTED),$(IMAGE))
$(BOOTED): $(IMAGE)
	$(call say,BOOT,$@)
	$(Q)$(AFTER_LINK)
endif

# ---- runs ----

SMP_TITLE = $(if $(filter-out 1,$(SMP)), $(SMP) CPUs)$(CPU:%= %)
RUNNER = tools/run --good $(STATUS_GOOD) --panic $(STATUS_PANIC) --timeout $(TIMEOUT) --title '$(PROFILE) $(VARIANT) $(MEMORY) MiB$(SMP_TITLE)'
# $(call emulate,arguments of the run): boots the image.
emulate = $(EMULATOR) $(EMULATOR_FLAGS) $1 $(EMULATOR_IMAGE) $(if $(ARGUMENTS),-append '$(ARGUMENTS)') $(EMULATOR_LAST)
TRANSCRIPT = $(B)/$@-$(MEMORY)$(if $(filter-out 1,$(SMP)),-smp$(SMP))$(CPU:%=-%).log

run: all ## boot it, the console in this terminal (host: run the tests)
	@$(RUN) $(RUNNER) console -- $(call emulate)

test: all ## boot it, type `test all`, and sum up what it says (host: run the tests)
	@$(RUN) $(RUNNER) --log $(TRANSCRIPT) --type 'test $(TEST)' test -- $(call emulate)

ifeq ($(MODE),release)
bench: ICOUNT := yes
bench: all ## boot a release build that counts instructions, type `bench`, keep the table in build/<profile>/bench.txt
	@$(RUN) $(RUNNER) --log $(TRANSCRIPT) --table build/$(PROFILE)/bench.txt bench -- $(call emulate)
else
bench:
	+@$(MAKE) --no-print-directory MODE=release bench
endif

# For tools/soak: the exit status of `halt`, and the command that boots the image.
emulator:
	@echo '$(STATUS_GOOD) $(call emulate)'

# What is not given is drawn anew for each boot.
SOAK_MEMORIES = $(if $(call given,MEMORY),$(MEMORY),$(filter-out $(MEMORY_LEAST),$(wordlist 1,3,$(CHECK_MEMORIES) $(CHECK_RELEASE_MEMORIES))) 24 33 64)
SOAK_SMPS = $(if $(call given,SMP),$(SMP),1 $(CHECK_SMPS) $(CHECK_SMPS))

soak: all ## the cases with threads over and over, with other seeds, sizes and CPUs, for SECONDS
	@$(RUN) tools/soak --title 'soak $(PROFILE) $(VARIANT)' --seconds $(SECONDS) --memory '$(SOAK_MEMORIES)' --smp '$(SOAK_SMPS)' \
		--test $(if $(filter all,$(TEST)),threads,$(TEST)) --timeout $(TIMEOUT) --keep build/soak/$(PROFILE)-$(VARIANT) \
		$(if $(SEED),--seed $(SEED)) machine $(SOAK_KNOBS)
SOAK_KNOBS = $(foreach knob,PROFILE MODE $(if $(KERNEL_SPLITS),KERNEL_SPLIT) $(if $(MAX_CPUS),MAX_CPUS) $(if $(PHYS_BITS),PHYS_BITS) $(if $(PAGE_WIDTHS),PAGE_WIDTH) $(if $(ASIDS),ASIDS) STACKS ICOUNT,$(knob)=$($(knob)))

.PHONY: mistakes

ifeq ($(MODE),debug)
mistakes: all ## boot once for each mistake that a debug build can make on purpose, and read what it says of it
	@tools/mistakes --only '$(filter-out all,$(TEST))' --profile $(or $(MACHINE),$(PROFILE)) --panic $(STATUS_PANIC) --title '$(PROFILE) $(VARIANT) mistakes' -- \
		$(call emulate)
else
mistakes:
	+@$(MAKE) --no-print-directory MODE=debug mistakes
endif

debug: all ## boot it halted, the console in this terminal, and wait for gdb
	@echo 'In another terminal: $(GDB) -x contrib/gdb/hoplite.gdb $(IMAGE)'
	@$(RUN) $(RUNNER) console -- $(call emulate,-S -gdb tcp:127.0.0.1:1234)

ISO := $(B)/hoplite.iso

iso: $(ISO) ## an image for a CD or USB stick, with GRUB, that boots the same kernel

$(ISO): $(IMAGE) tools/mkiso
	$(call say,ISO,$@)
	$(Q)tools/mkiso $(IMAGE) $@ $(B)/iso

iso-test: $(ISO) ## as test, booted from the GRUB image
	@$(RUN) $(RUNNER) --log $(TRANSCRIPT) --type 'test $(TEST)' test -- $(EMULATOR) $(EMULATOR_FLAGS) -cdrom $(ISO)


.PHONY: lib

lib:
	@echo 'The archive for other kernels is made by PROFILE=host only: `make PROFILE=host lib`.' >&2; false

include tools/make/embed.mk

# Steps of `make check`, with + for a space. What doc/testing.md, "What make check runs", says of a machine.
RELEASE_MEMORIES = $(or $(CHECK_RELEASE_MEMORIES),$(lastword $(CHECK_MEMORIES)))
OTHER_SPLITS = $(filter-out 3,$(KERNEL_SPLITS))

CHECK_STEPS := $(foreach memory,$(CHECK_MEMORIES),MODE=debug+MEMORY=$(memory)+test) \
	$(foreach smp,$(firstword $(CHECK_SMPS)),$(foreach cpu,$(or $(CHECK_CPUS:%=+CPU=%),+),MODE=debug+SMP=$(smp)$(cpu)+test)) \
	$(foreach memory,$(RELEASE_MEMORIES),MODE=release+MEMORY=$(memory)+test) \
	$(foreach smp,$(lastword $(CHECK_SMPS)),MODE=release+SMP=$(smp)+test) \
	$(foreach split,$(lastword $(OTHER_SPLITS)),MODE=debug+KERNEL_SPLIT=$(split)+test) \
	$(foreach bits,$(PHYS_BITS_MORE),MODE=debug+PHYS_BITS=$(bits)+SMP=4+MEMORY=1024+test) \
	$(if $(STACKS_DIRECT),MODE=debug+STACKS=direct+TEST=overflow+mistakes MODE=debug+STACKS=direct+SMP=2+TEST=threads+test) \
	$(CHECK_VARIANTS) \
	$(if $(filter-out 1,$(SMP_MOST)),MODE=release+MAX_CPUS=1+$(patsubst %,KERNEL_SPLIT=%+,$(firstword $(OTHER_SPLITS)))MEMORY=$(firstword $(CHECK_MEMORIES))+test) \
	$(if $(MISTAKES),MODE=debug+mistakes) $(if $(EMBED),MODE=debug+embed) \
	$(if $(filter multiboot,$(BOOT)),MODE=release+iso-test)
# The third of them that tells most.
QUICK_STEPS := $(foreach memory,$(sort $(firstword $(CHECK_MEMORIES)) $(lastword $(CHECK_MEMORIES))),MODE=debug+MEMORY=$(memory)+test) \
	MODE=release+$(or $(patsubst %,SMP=%,$(lastword $(CHECK_SMPS))),MEMORY=$(firstword $(RELEASE_MEMORIES)))+test
