# SPDX-License-Identifier: BSD-2-Clause
#
# From sources to objects: the flags, the generated headers, the rules. A
# change of flags or knobs rebuilds what it reaches: the command line is kept
# in $(B)/flags, the knobs in config.h.

CC := $(CROSS)gcc
NM := $(CROSS)nm
AR := $(CROSS)ar
OBJCOPY := $(CROSS)objcopy

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wundef -Wvla -Wimplicit-fallthrough -Wwrite-strings -Wformat=2

INCLUDES := $(B)/include $(wildcard $(addsuffix /include,$(ARCH_FOLDERS))) generic/include genarch/include kernel/test

CPPFLAGS = $(FREESTANDING_INCLUDES) $(addprefix -I,$(INCLUDES))
CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -fno-strict-aliasing -fno-omit-frame-pointer \
	$(if $(filter debug,$(MODE)),-fno-optimize-sibling-calls) $(MACHINE_CFLAGS)
ifeq ($(HOSTED),)
FREESTANDING_INCLUDES := -nostdinc -isystem $(shell $(CC) -print-file-name=include)
CFLAGS += -ffreestanding -fno-builtin -fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-delete-null-pointer-checks
endif

# What some folders are compiled with beyond that: $(call folder_flags,source)
core_folders := generic/% $(addprefix genarch/,$(addsuffix /%,$(MAPPING)))
folder_flags = $(if $(filter release,$(MODE)),$(if $(filter $(core_folders),$1),$(LEAF_CFLAGS))) \
	$(if $(filter kernel/lib/%,$1),-fno-tree-loop-distribute-patterns)

find_sources = $(sort $(shell find $(wildcard $1) -name '*.c' -o -name '*.S' | grep -v '/offsets\.c$$'))
objects = $(patsubst %.c,$(B)/%.o,$(patsubst %.S,$(B)/%.S.o,$1))

CORE_SOURCES := $(sort $(wildcard generic/*.c))
GENARCH_SOURCES := $(sort $(foreach part,$(GENARCH),$(wildcard genarch/$(part).[cS] genarch/$(part)/*.[cS])))
ARCH_SOURCES := $(call find_sources,$(ARCH_FOLDERS))
mapping_sources = $(sort $(wildcard genarch/$1/*.c))

CONFIG_H := $(B)/include/config.h
OFFSETS_C := $(firstword $(wildcard $(addsuffix /offsets.c,$(ARCH_FOLDERS))))
OFFSETS_H := $(if $(OFFSETS_C),$(B)/include/offsets.h)

$(CONFIG_H): FORCE
	@{ echo '/* SPDX-License-Identifier: BSD-2-Clause */'; \
	echo '/* Made from Makefile.config and the command line. */'; \
	echo '#ifndef CONFIG_H'; \
	echo '#define CONFIG_H'; \
	echo '#define CONFIG_VERSION "$(VERSION)"'; \
	echo '#define CONFIG_PROFILE "$(PROFILE)"'; \
	echo '#define CONFIG_MODE "$(MODE)"'; \
	echo '#define CONFIG_DEBUG $(if $(filter debug,$(MODE)),1,0)'; \
	echo '#define CONFIG_MAX_CPUS $(CPUS_MAX)'; \
	echo '#define CONFIG_KERNEL_SPLIT $(KERNEL_SPLIT)'; \
	$(if $(HOSTED),,echo '#define CONFIG_STACKS_DIRECT $(if $(filter direct,$(STACKS)),1,0)';) \
	$(if $(PHYS_BITS),echo '#define CONFIG_PHYS_BITS $(PHYS_BITS)';) \
	$(if $(PAGE_LEVELS),echo '#define CONFIG_HOST_LEVELS $(LEVELS)';) \
	$(if $(PAGE_WIDTHS),echo '#define CONFIG_PAGE_WIDTH $(PAGE_WIDTH)';) \
	$(if $(ASIDS),echo '#define CONFIG_ASIDS $(ASIDS)';) \
	$(if $(HOSTED),echo '#define CONFIG_HOST_PAGE_WIDTH $(PAGE_WIDTH)';) \
	$(if $(HOSTED),echo '#define CONFIG_HOST_UNEVEN $(if $(filter uneven,$(LARGE_PAGES)),1,0)';) \
	$(if $(HOSTED),echo '#define CONFIG_HOST_SHARED $(if $(filter yes,$(SHARED_TLB)),1,0)';) \
	$(if $(HOSTED),echo '#define CONFIG_HOST_STRICT $(if $(filter yes,$(STRICT)),1,0)';) \
	$(if $(HOSTED),echo '#define CONFIG_HOST_RUNS $(if $(filter yes,$(RUNS)),1,0)';) \
	echo '#endif'; } | tools/keep $@

$(B)/flags: FORCE
	@echo '$(CC) $(CPPFLAGS) $(CFLAGS) $(LEAF_CFLAGS)' | tools/keep $@

$(OFFSETS_H): $(OFFSETS_C) $(B)/flags $(CONFIG_H)
	$(call say,OFFSETS,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $(B)/offsets.d -MT $@ -S -o $(B)/offsets.s $<
	@sed -n 's/^[[:space:]]*->\([A-Za-z_][A-Za-z0-9_]*\) *[$$#]*\(-*[0-9][0-9a-fx]*\).*/#define \1 \2/p' $(B)/offsets.s >$@

$(B)/%.o: %.c $(B)/flags | $(CONFIG_H) $(OFFSETS_H)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(call folder_flags,$<) -MMD -MP -c -o $@ $<

$(B)/%.S.o: %.S $(B)/flags | $(CONFIG_H) $(OFFSETS_H)
	@mkdir -p $(@D)
	$(call say,AS,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)
