# SPDX-License-Identifier: BSD-2-Clause
#
# The host build: one test program for each page-table design, of the memory
# core, the host's machine part, the cases of kernel/test that are one source
# for machine and host, and the runner, models and fuzzers in test/.

INCLUDES += kernel/include test
SANITIZERS_address := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZERS_thread := -fsanitize=thread
CFLAGS += $(SANITIZERS_$(SANITIZE))

# The machines whose page format is compared with its manual.
FORMAT_MACHINES := $(patsubst arch/%/include/arch/page_format.h,%,$(wildcard arch/*/include/arch/page_format.h))
TEST_SOURCES := $(filter-out kernel/test/machine/%,$(call find_sources,kernel/test)) \
	$(filter-out test/examples/% test/compare/% test/embed/% test/formats/%,$(call find_sources,test)) \
	test/formats/page_format_test.c $(foreach machine,$(FORMAT_MACHINES),$(wildcard test/formats/$(machine).c test/formats/$(machine)_*.c))
# What the kernel has that needs no kernel, and is tested here too; so have the ways of booting.
KERNEL_SOURCES := kernel/lib/format.c kernel/boot_reader.c $(wildcard kernel/console/line/*.c) \
	boot/multiboot/multiboot.c boot/yamon/yamon.c boot/fdt/fdt.c boot/fdt/boot.c boot/fw_cfg/fw_cfg.c \
	boot/openfirmware/openfirmware.c genarch/x86/madt.c genarch/division.c

SHARED_SOURCES := $(CORE_SOURCES) $(KERNEL_SOURCES) $(ARCH_SOURCES) $(GENARCH_SOURCES) $(TEST_SOURCES)
# Programs of the manual: each is one file, and the core.
EXAMPLE_SOURCES := $(wildcard test/examples/*.c)
SOURCES := $(SHARED_SOURCES) $(EXAMPLE_SOURCES) $(foreach design,$(MAPPING),$(call mapping_sources,$(design)))
EXAMPLES := $(patsubst test/examples/%.c,$(B)/%,$(EXAMPLE_SOURCES))
PROGRAMS := $(foreach design,$(MAPPING),$(B)/test-$(design))

.PHONY: all run test

# The programs of the bench stand on the core with parts of the host, so each check links them.
all: $(PROGRAMS) $(EXAMPLES) $(if $(filter release,$(MODE)),compare-pages)

$(EXAMPLES): $(B)/%: $(B)/test/examples/%.o $(call objects,$(CORE_SOURCES) $(ARCH_SOURCES) $(GENARCH_SOURCES) \
		$(call mapping_sources,$(firstword $(MAPPING))))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(MACHINE_LIBS)

$(PROGRAMS): $(B)/test-%: $(call objects,$(SHARED_SOURCES)) $(B)/flags $(B)/objects

# A source that is gone is to be gone from the programs.
$(B)/objects: FORCE
	@echo '$(SOURCES)' | tools/keep $@
$(foreach design,$(MAPPING),$(eval $(B)/test-$(design): $(call objects,$(call mapping_sources,$(design)))))

$(PROGRAMS):
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(sort $(filter %.o,$^)) $(MACHINE_LIBS)

run: test

# ThreadSanitizer is for the cases that have threads. The debug build tries failures densely, the others sample them.
INJECT_RUNS_address := 12
INJECT_RUNS := $(or $(INJECT_RUNS_$(SANITIZE)),24)
TEST_ARGUMENTS := --timeout $(TIMEOUT) $(if $(filter debug,$(VARIANT)),,--inject-runs $(INJECT_RUNS)) $(if $(filter no,$(LARGE_PAGES)),--no-large-pages) \
	$(if $(filter hardware,$(DIRECT_MAP)),--hardware-map) $(if $(filter no,$(DMA_ZONE)),--no-dma-zone) $(if $(filter yes,$(SOFT_TLB)),--soft-tlb) $(if $(filter thread,$(SANITIZE)),--threads)

# What is made of mappings, TLBs and identifiers: the cases that another page format, walker or TLB reaches. TEST=mappings
# runs these.
MAPPING_CASES := page tlb asid seen roots caches direct sequence km shootdown as reserve reservation wake preempt port \
	held offsets
# The two programs differ by the design of page mapping alone, so of a variant's second one only these are run.
CASES_FIRST = $(if $(filter mappings,$(TEST)),$(MAPPING_CASES),$(filter-out all,$(subst $(COMMA), ,$(TEST))))
CASES_SECOND = $(if $(filter all,$(TEST)),$(if $(filter debug release,$(VARIANT)),,$(MAPPING_CASES)),$(CASES_FIRST))
cases = $(if $(filter test-$(firstword $(MAPPING)),$1),$(CASES_FIRST),$(CASES_SECOND))

# A test that hangs is ended by the program itself.
TEST_SILENCE = $(shell expr 2 '*' $(TIMEOUT))

# The archive has page tables, which have no uneven steps.
EMBED_RUN = $(if $(filter uneven,$(LARGE_PAGES)),,$(EMBED))

test: all
	@$(RUN) for example in $(EXAMPLES) $(EMBED_RUN); do $$example >$$example.log 2>&1 || { cat $$example.log; exit 1; }; done
	@status=0; $(foreach program,$(notdir $(PROGRAMS)), \
		tools/run --title '$(PROFILE) $(VARIANT) $(program)' --timeout $(TEST_SILENCE) --log $(B)/$(program).log \
			program -- $(B)/$(program) $(TEST_ARGUMENTS) $(call cases,$(program)) || status=1;) \
	exit $$status

.PHONY: soak

soak: all
	@$(RUN) tools/soak --title 'soak $(PROFILE) $(VARIANT)' --seconds $(SECONDS) --test $(if $(filter all,$(TEST)),threads,$(TEST)) \
		--timeout $(TIMEOUT) --keep build/soak/$(PROFILE)-$(VARIANT) $(if $(SEED),--seed $(SEED)) host $(PROGRAMS)

# Both designs, and page tables of all levels, held against each other.
agree_build = build/$(PROFILE)/$(MODE)$(if $(filter-out $(firstword $(PAGE_LEVELS)),$1),-levels$1)

.PHONY: agree

agree: ## host: both page-table designs, with all levels, answer the same random sequences of mappings
	+@for levels in $(PAGE_LEVELS); do $(MAKE) --no-print-directory LEVELS=$$levels SANITIZE=none all || exit; done
	@$(RUN) tools/run --title '$(PROFILE) $(MODE) designs' --timeout $(SEARCH_SILENCE) program -- tools/agree \
		$(foreach levels,$(PAGE_LEVELS),$(levels)=$(call agree_build,$(levels)))

CHECK_STEPS := $(foreach mode,debug release,MODE=$(mode)+test) MODE=debug+agree \
	MODE=debug+LEVELS=3+DIRECT_MAP=hardware+TEST=mappings+test MODE=debug+LEVELS=2+RUNS=yes+TEST=mappings+test \
	MODE=debug+STRICT=yes+TEST=mappings+test MODE=debug+STRICT=yes+RUNS=yes+TEST=page+test \
	MODE=debug+STRICT=yes+SOFT_TLB=yes+TEST=mappings+test MODE=debug+LEVELS=3+LARGE_PAGES=uneven+TEST=mappings+test \
	MODE=debug+PAGE_WIDTH=13+DMA_ZONE=no+SHARED_TLB=yes+test MODE=debug+PAGE_WIDTH=14+LARGE_PAGES=no+test \
	$(foreach sanitizer,address thread,MODE=debug+SANITIZE=$(sanitizer)+test)
# The one of them that tells most.
QUICK_STEPS := MODE=debug+test

.PHONY: debug iso iso-test

debug iso iso-test:
	@echo 'PROFILE=$(PROFILE) is a process: it boots nothing. `make PROFILE=$(PROFILE) test` runs its tests.' >&2; false

include tools/make/lib.mk
include tools/make/compare.mk
