# SPDX-License-Identifier: BSD-2-Clause
#
# The folder that a build has for itself, and the lock on it. A make that is to
# build calls itself once more, under the lock, so that two makes in one tree do
# not write the same files; before it runs what it has built it gives the lock
# back (RUN). HOPLITE_LOCKED: the folders whose locks a make above has.

VARIANT := $(MODE)$(if $(KERNEL_SPLITS),$(patsubst %,-split%,$(filter-out 3,$(KERNEL_SPLIT))))$(PHYS_BITS:%=-phys%)$(patsubst %,-stacks,$(filter direct,$(STACKS)))$(patsubst \
	%,-cpus%,$(filter-out $(MAX_CPUS_DEFAULT),$(CPUS_MAX)))$(if $(PAGE_LEVELS),$(patsubst \
	%,-levels%,$(filter-out $(firstword $(PAGE_LEVELS)),$(LEVELS))))$(if $(HOSTED)$(PAGE_WIDTHS),$(patsubst \
	%,-page%,$(filter-out 12,$(PAGE_WIDTH))))$(ASIDS:%=-asids%)$(if $(HOSTED),$(if $(filter yes,$(SHARED_TLB)),-shared)$(patsubst yes,-strict,$(filter yes,$(STRICT)))$(patsubst yes,-runs,$(filter yes,$(RUNS)))$(patsubst \
	%,-%,$(filter uneven,$(LARGE_PAGES))))$(patsubst %,-%,$(filter-out none,$(SANITIZE)))
B := build/$(PROFILE)/$(VARIANT)

# Begins a recipe that runs what is built.
RUN = flock -u 9 2>/dev/null;

ifeq ($(filter $(B),$(HOPLITE_LOCKED)),)
UNLOCKED := yes

.PHONY: locked
locked:
	+@HOPLITE_LOCKED='$(HOPLITE_LOCKED) $(B)' tools/lock $(B) $(MAKE) --no-print-directory $(BUILDING)

$(BUILDING): locked
	@:
endif
