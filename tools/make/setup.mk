# SPDX-License-Identifier: BSD-2-Clause
#
# What a build needs must be there. tools/setup looks, in a few milliseconds
# when nothing is missing; what is missing it installs, or with SETUP=no tells.

SETUP_PARTS := $(patsubst arch/%/needs,%,$(firstword $(wildcard $(addsuffix /needs,$(ARCH_FOLDERS))))) $(if $(filter iso iso-test,$(BUILDING)),iso) $(if $(filter debug,$(BUILDING)),$(if $(filter gdb,$(GDB)),debug,debug-multiarch)) \
	$(if $(filter format lint,$(BUILDING)),lint) $(if $(filter model,$(BUILDING)),model) $(if $(filter embed,$(BUILDING)),embed) \
	$(if $(HOSTED),$(if $(filter bench,$(BUILDING)),compare))

ifneq ($(shell tools/setup $(if $(filter yes,$(SETUP)),install,missing) $(SETUP_PARTS) >&2 && echo good),good)
$(error Something that PROFILE=$(PROFILE) needs is missing (see above))
endif
