# SPDX-License-Identifier: BSD-2-Clause
#
# What is done with the sources themselves. SOURCES is what this profile is
# made of.

C_FILES = $(shell find generic genarch arch kernel boot test tools/ia64sim -name '*.[ch]')
SCRIPTS = $(shell grep -rlE '^.!/bin/sh' tools contrib .ci)

# What searches or compares says nothing until one program has ended.
SEARCH_SILENCE = $(shell expr 5 '*' $(TIMEOUT))

.PHONY: format lint form model compile_commands.json check-steps

format: ## bring the C sources into form (.clang-format)
	$(Q)clang-format -i $(C_FILES)

form: ## look at what every file must keep to: SPDX line, tabs, what may include what
	@$(RUN) tools/run --title form program -- tools/form

model: ## every interleaving of the models in test/model, whole and broken on purpose
	@$(RUN) tools/run --title model --timeout $(SEARCH_SILENCE) program -- tools/model

lint: form compile_commands.json ## form, then shellcheck, clang-format and clang-tidy
	$(Q)shellcheck $(SCRIPTS)
	$(Q)clang-format --dry-run --Werror $(C_FILES)
	$(Q)clang-tidy --quiet -p build $(filter %.c,$(SOURCES))

compile_commands.json: build/compile_commands.json ## build/compile_commands.json: how each source is compiled, for editors

build/compile_commands.json: $(CONFIG_H) $(OFFSETS_H) FORCE
	$(file >$@,[)
	$(foreach source,$(SOURCES),$(file >>$@,$(if $(filter-out $(firstword $(SOURCES)),$(source)),$(COMMA))$(command_line)))
	$(file >>$@,])
	@:

# One source. Flags that clang does not know are left out: the readers of the file are made of it.
command_line = {"directory": "$(CURDIR)", "file": "$(source)", \
	"command": "$(CC) $(filter-out $(GCC_ONLY),$(command_flags)) -c -o $(call objects,$(source)) $(source)"}
command_flags = $(CPPFLAGS) $(CFLAGS) $(call folder_flags,$(source))
GCC_ONLY := -no-pie -fno-tree-loop-distribute-patterns

check-steps:
	@$(foreach step,$(if $(filter yes,$(QUICK)),$(QUICK_STEPS),$(CHECK_STEPS)),echo '$(subst +, ,$(step))';)
