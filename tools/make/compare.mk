# SPDX-License-Identifier: BSD-2-Clause
#
# The host's bench: the same loads (test/compare) on this core and on the
# allocators that the distribution has. One program for each subject; the
# allocators of others are loaded into the one for the C library.

COMPARE_SUBJECTS := slab malloc libc nothing
COMPARE_PROGRAMS := $(addprefix $(B)/compare-,$(COMPARE_SUBJECTS))
COMPARE_CORE := $(call objects,$(CORE_SOURCES) $(ARCH_SOURCES) $(GENARCH_SOURCES) $(call mapping_sources,$(firstword $(MAPPING))))

compare_start = $(if $(filter slab malloc,$1),hoplite,libc)

.PHONY: bench compare-programs

ifeq ($(MODE),release)
bench: $(COMPARE_PROGRAMS)
	@tools/compare --table build/$(PROFILE)/bench.txt --plot build/$(PROFILE)/bench.svg $(B)
else
bench:
	+@$(MAKE) --no-print-directory MODE=release bench
endif

define compare_program
$(B)/compare-$1: $(B)/test/compare/loads-$1.o $(B)/test/compare/$(call compare_start,$1)-$1.o \
		$(if $(filter slab malloc,$1),$(COMPARE_CORE)) $(B)/flags
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(CFLAGS) -o $$@ $$(sort $$(filter %.o,$$^)) -lpthread

$(B)/test/compare/%-$1.o: test/compare/%.c $(B)/flags | $(CONFIG_H)
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) -DSUBJECT_$(shell echo $1 | tr a-z A-Z) -MMD -MP -c -o $$@ $$<
endef

$(foreach subject,$(COMPARE_SUBJECTS),$(eval $(call compare_program,$(subject))))
