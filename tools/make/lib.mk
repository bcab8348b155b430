# SPDX-License-Identifier: BSD-2-Clause
#
# The core for other kernels: generic/ and one page-table design, without any
# port, in an archive, with the headers and a pkg-config file. What it leaves
# undefined is what mm/port.h and <arch/mm.h> ask for. test/embed has such
# kernels; the one for a process sees nothing but these headers and this archive.

LIB := $(B)/lib
LIB_HEADERS := $(patsubst generic/include/%,$(LIB)/include/%,$(wildcard generic/include/mm/*.h)) \
	$(LIB)/include/arch/mm.h $(LIB)/include/config.h $(LIB)/include/kernel/format.h
# Beside the core a formatter, for kernels that have none: one that does not call it does not get it.
LIB_SOURCES := kernel/lib/format.c $(CORE_SOURCES) $(GENARCH_SOURCES) $(call mapping_sources,$(firstword $(MAPPING)))
# The kernel of test/embed, twice: by the build, and as doc/embedding.md says.
EMBED := $(LIB)/embed $(LIB)/embed-pkg-config
EMBED_SOURCES := $(wildcard test/embed/*.c test/embed/host/*.c)
LIB_OBJECTS := $(patsubst %.c,$(LIB)/%.o,$(LIB_SOURCES))

.PHONY: lib

lib: $(LIB)/libhoplite.a $(LIB)/hoplite.pc ## host: the core as libhoplite.a, with headers and hoplite.pc, for other kernels

all: $(EMBED)

$(LIB)/include/mm/%.h: generic/include/mm/%.h
	@mkdir -p $(@D)
	@cp $< $@

$(LIB)/include/arch/mm.h: $(firstword $(wildcard $(addsuffix /include/arch/mm.h,$(ARCH_FOLDERS))))
	@mkdir -p $(@D)
	@cp $< $@

$(LIB)/include/kernel/format.h: kernel/include/kernel/format.h
	@mkdir -p $(@D)
	@cp $< $@

$(LIB)/include/config.h: $(CONFIG_H)
	@mkdir -p $(@D)
	@cp $< $@

$(LIB)/%.o: %.c $(B)/flags | $(LIB_HEADERS)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -I$(LIB)/include $(CFLAGS) $(call folder_flags,$<) -MMD -MP -c -o $@ $<

$(LIB)/libhoplite.a: $(LIB_OBJECTS) $(B)/objects tools/apart
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(filter %.o,$^)
	$(Q)tools/apart $@ $(LIB)/include "`$(CC) -print-file-name=libc.so.6`"

$(LIB)/hoplite.pc: $(B)/flags tools/make/lib.mk
	@mkdir -p $(@D)
	@{ echo 'prefix=$${pcfiledir}'; \
	echo 'Name: hoplite'; \
	echo 'Description: Memory core for kernels ($(MODE), $(firstword $(MAPPING)))'; \
	echo 'Version: $(VERSION)'; \
	echo 'Cflags: -I$${prefix}/include -DMM_NO_SHORT_NAMES='; \
	echo 'Libs: -L$${prefix} -lhoplite$(if $(SANITIZERS_$(SANITIZE)), $(SANITIZERS_$(SANITIZE)))'; } >$@

$(LIB)/embed: $(patsubst %.c,$(LIB)/%.o,$(EMBED_SOURCES)) $(LIB)/libhoplite.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) -L$(LIB) -lhoplite -lpthread

$(LIB)/embed-pkg-config: $(EMBED_SOURCES) $(wildcard test/embed/*.h test/embed/host/*.h) $(LIB)/libhoplite.a $(LIB)/hoplite.pc
	$(call say,LINK,$@)
	$(Q)PKG_CONFIG_PATH=$(LIB) && export PKG_CONFIG_PATH && \
		$(CC) -std=gnu17 `pkg-config --cflags hoplite` $(EMBED_SOURCES) `pkg-config --libs hoplite` -lpthread -o $@
