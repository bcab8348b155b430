# SPDX-License-Identifier: BSD-2-Clause
#
# make [PROFILE=...] [target]: `make help` lists the targets and the knobs.
#
# Everything is made under build/<profile>/<variant>, where the variant is the
# mode and the knobs that differ from their defaults, so that no two of them
# clash. What a machine is made of stands in arch/<machine>/machine.mk; a new
# port adds that folder and changes nothing here.

VERSION := 0.1

include Makefile.config

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/sh

.DEFAULT_GOAL := all

# Goals that build nothing: they want no tools and no profile.
PLAIN_GOALS := help clean check ia64sim ia64sim-test
BUILDING := $(filter-out $(PLAIN_GOALS),$(or $(MAKECMDGOALS),all))

Q := $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),:,printf '  %-8s %s\n' '$1' '$(patsubst $(B)/%,%,$2)')

PROFILES := $(sort $(patsubst arch/%/machine.mk,%,$(wildcard arch/*/machine.mk)))

include tools/make/machine.mk
include tools/make/knobs.mk
include tools/make/ia64sim.mk
ifneq ($(BUILDING),)
include tools/make/variant.mk
ifeq ($(UNLOCKED),)
include tools/make/setup.mk
include tools/make/compile.mk
include tools/make/$(if $(HOSTED),host,kernel).mk
include tools/make/source.mk
endif
endif

.PHONY: help check clean FORCE

help: ## this list
	@tools/help Makefile.config Makefile tools/make/*.mk
	@echo 'Profiles: $(PROFILES)'

check: ## every test there is, for every profile; says first how long it takes; status 0 only if none failed
	@tools/check $(if $(call given_here,PROFILE),--profile $(PROFILE)) $(if $(filter yes,$(QUICK)),--quick)

clean: ## remove all that was made
	$(Q)rm -rf build

FORCE:
