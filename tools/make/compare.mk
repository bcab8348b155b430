# SPDX-License-Identifier: BSD-2-Clause
#
# The host's bench. The same loads (test/compare) on this core and on the
# allocators that the distribution has: one program for each subject; the
# allocators of others are loaded into the one for the C library. And the same
# mappings on both designs of page tables: one program for each.

COMPARE_SUBJECTS := slab malloc libc nothing
COMPARE_PROGRAMS := $(addprefix $(B)/compare-,$(COMPARE_SUBJECTS))
COMPARE_PARTS := $(CORE_SOURCES) $(ARCH_SOURCES) $(GENARCH_SOURCES)
COMPARE_CORE := $(call objects,$(COMPARE_PARTS) $(call mapping_sources,$(firstword $(MAPPING))))

compare_start = $(if $(filter slab malloc,$1),hoplite,libc)

PAGES_PROGRAMS := $(addprefix $(B)/compare-,$(MAPPING) no-pages)
PAGES_CORE := $(call objects,$(filter-out arch/host/tlb.c,$(COMPARE_PARTS)) test/compare/tlb.c)
# The builds whose page tables have other levels.
PAGES_OTHERS := $(wordlist 2,9,$(PAGE_LEVELS))

.PHONY: bench compare-pages $(addprefix compare-pages-,$(PAGES_OTHERS))

ifeq ($(MODE),release)
bench: $(COMPARE_PROGRAMS) compare-pages $(addprefix compare-pages-,$(PAGES_OTHERS))
	@tools/compare --table build/$(PROFILE)/bench.txt --plot build/$(PROFILE)/bench.svg $(B)
	@tools/compare-pages --table build/$(PROFILE)/bench-pages.txt --plot build/$(PROFILE)/bench-pages.svg \
		$(B) $(foreach levels,$(PAGES_OTHERS),$(levels)=build/$(PROFILE)/release-levels$(levels))
else
bench:
	+@$(MAKE) --no-print-directory MODE=release bench
endif

compare-pages: $(PAGES_PROGRAMS)

$(addprefix compare-pages-,$(PAGES_OTHERS)): compare-pages-%:
	+@$(MAKE) --no-print-directory MODE=release LEVELS=$* compare-pages

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

$(PAGES_PROGRAMS): $(B)/compare-%: $(PAGES_CORE) $(B)/flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(sort $(filter %.o,$^)) -lpthread

$(foreach design,$(MAPPING),$(eval $(B)/compare-$(design): $(call objects,test/compare/pages.c $(call mapping_sources,$(design)))))
$(B)/compare-no-pages: $(B)/test/compare/pages-nothing.o $(call objects,$(call mapping_sources,$(firstword $(MAPPING))))
