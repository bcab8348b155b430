# SPDX-License-Identifier: BSD-2-Clause
#
# The kernel of test/embed that is for this machine: the core's sources, built
# as doc/embedding.md says and by nothing of what builds Hoplite, with each
# compiler at each level of optimization, and booted each time. Half of the
# builds are debug builds of the core. EMBED names its folder.

EMBED_FOLDER := test/embed/$(EMBED)
EMBED_CPUS := 2
EMBED_BUILDS := $(foreach compiler,gcc clang,$(foreach level,O0 Og O2 Os,$(compiler)-$(level)))
EMBED_SOURCES := $(CORE_SOURCES) $(call mapping_sources,$(MAPPING)) kernel/lib/format.c \
	$(wildcard test/embed/*.c $(EMBED_FOLDER)/*.[cS])
EMBED_HEADERS = $(shell find generic genarch/include genarch/$(MAPPING) arch/$(PROFILE)/include test/embed -name '*.h')
EMBED_CC_gcc = $(CC)
EMBED_CC_clang := clang --target=$(CROSS:-=)
EMBED_CFLAGS := -std=gnu17 -Wall -Wextra -Werror -ffreestanding -fno-strict-aliasing -fno-pic -fno-stack-protector \
	-fno-asynchronous-unwind-tables $(MACHINE_CFLAGS)
# $(call embed_word,build,1 = compiler or 2 = level)
embed_word = $(word $2,$(subst -, ,$1))
embed_includes = -I$B/embed/include -I$(EMBED_FOLDER) -Igeneric/include -Iarch/$(PROFILE)/include -Igenarch/include

.PHONY: embed

ifneq ($(EMBED),)
embed: $(EMBED_BUILDS:%=$(B)/embed/%/kernel.elf) ## ia32: the kernel of test/embed, built by gcc and clang at four levels, each booted
	@$(RUN) status=0; for build in $(EMBED_BUILDS); do \
		tools/run --good $(STATUS_GOOD) --timeout $(TIMEOUT) --title "$(PROFILE) embed $$build" \
			--log $(B)/embed/$$build.log program -- $(EMULATOR) $(EMULATOR_FLAGS) -smp $(EMBED_CPUS) \
			-kernel $(B)/embed/$$build/kernel.elf || status=1; \
	done; exit $$status

$(B)/embed/%/kernel.elf: $(EMBED_SOURCES) $(EMBED_HEADERS) $(EMBED_FOLDER)/kernel.ld genarch/include/image.ld kernel/include/kernel/format.h \
		tools/make/embed.mk $(B)/flags
	$(call say,EMBED,$@)
	@mkdir -p $(@D) $(B)/embed/include/kernel
	@cp kernel/include/kernel/format.h $(B)/embed/include/kernel/
	$(Q)set -e; for source in $(EMBED_SOURCES) $(EMBED_FOLDER)/kernel.ld; do \
		object=$(@D)/$${source##*/}.o; as_script=; \
		case $$source in *.ld) object=$(@D)/kernel.ld; as_script='-E -P -D__ASSEMBLER__ -x c' ;; esac; \
		$(EMBED_CC_$(call embed_word,$*,1)) $(EMBED_CFLAGS) -$(call embed_word,$*,2) $(embed_includes) -DCPUS=$(EMBED_CPUS) \
			-DDEBUG=$(if $(filter %0 %g,$*),1,0) $${as_script:--c} -o $$object $$source; \
	done
	$(Q)$(CROSS)ld --no-warn-rwx-segments -m elf_i386 -T $(@D)/kernel.ld -o $@ $(@D)/*.o
else
embed:
	@echo 'test/embed has no kernel for PROFILE=$(PROFILE).' >&2; false
endif
