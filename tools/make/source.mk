# SPDX-License-Identifier: BSD-2-Clause
#
# What is done with the sources themselves. SOURCES is what this profile is
# made of.

C_FILES = $(shell find generic genarch arch kernel boot test -name '*.[ch]')
SCRIPTS = $(shell grep -rlE '^.!/bin/sh' tools contrib .ci)

.PHONY: format lint form compile_commands.json check-steps

format: ## bring the C sources into form (.clang-format)
	$(Q)clang-format -i $(C_FILES)

form: ## look at what every file must keep to: SPDX line, tabs, what may include what
	@tools/run --title form program -- tools/form

lint: form compile_commands.json ## form, then shellcheck, clang-format, cppcheck and clang-tidy
	$(Q)shellcheck $(SCRIPTS)
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(Q)cppcheck --project=build/compile_commands.json --quiet --error-exitcode=1 --inline-suppr \
		--enable=warning,portability --suppress=missingIncludeSystem --suppress=staticStringCompare \
		--suppress=comparePointers
	$(Q)clang-tidy --quiet -p build $(filter %.c,$(SOURCES))

# How each source is compiled, one line a source; the first has no comma before it.
compile_commands.json: build/compile_commands.json ## build/compile_commands.json: how each source is compiled, for editors

build/compile_commands.json: $(CONFIG_H) $(OFFSETS_H) FORCE
	$(file >$@,[)
	$(foreach source,$(SOURCES),$(file >>$@,$(if $(filter-out $(firstword $(SOURCES)),$(source)),$(COMMA))$(command_line)))
	$(file >>$@,])
	@:

command_line = {"directory": "$(CURDIR)", "file": "$(source)", \
	"command": "$(CC) $(CPPFLAGS) $(CFLAGS) $(call folder_flags,$(source)) -c -o $(call objects,$(source)) $(source)"}

check-steps:
	@$(foreach step,$(CHECK_STEPS),echo '$(subst +, ,$(step))';)
