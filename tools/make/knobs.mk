# SPDX-License-Identifier: BSD-2-Clause
#
# Holds each knob to the values it may have, and knobs against each other. A
# wrong one is refused with a sentence.

given = $(filter command% environment%,$(origin $1))
# $(call one_of,KNOB,values)
one_of = $(if $(and $(filter 1,$(words $($1))),$(filter $($1),$2)),,$(error $1=$($1) is not known. It may be: $2))
# The text without its digits.
undigit = $(subst 9,,$(subst 8,,$(subst 7,,$(subst 6,,$(subst 5,,$(undigit_low))))))
undigit_low = $(subst 4,,$(subst 3,,$(subst 2,,$(subst 1,,$(subst 0,,$1)))))
in_range = $(shell test $($1) -ge $2 && test $($1) -le $3 && echo yes)
# $(call number,KNOB,least,most,unit)
number = $(if $(and $($1),$(if $(call undigit,$($1)),,yes)),$(if $(call in_range,$1,$2,$3),,$(call \
	number_error,$1,$2,$3,$4)),$(call number_error,$1,$2,$3,$4))
number_error = $(error $1=$($1) does not do with PROFILE=$(PROFILE). It may be: $2 to $3$(if $4, $4))

$(call one_of,MODE,debug release)
$(call one_of,ICOUNT,yes no)
$(call one_of,QUICK,yes no)
$(call one_of,SETUP,yes no)
$(call one_of,V,0 1)
$(call one_of,SANITIZE,none address thread)
$(call number,TIMEOUT,1,86400,seconds)
$(call number,SECONDS,1,864000,seconds)
$(if $(SEED),$(call number,SEED,0,4294967295))

# Knobs that the steps of `check` set themselves.
given_here = $(filter command%,$(origin $1))
ifneq ($(filter check,$(MAKECMDGOALS)),)
$(foreach knob,MODE MEMORY SMP KERNEL_SPLIT MAX_CPUS PHYS_BITS STACKS ICOUNT ARGUMENTS TEST LEVELS PAGE_WIDTH ASIDS LARGE_PAGES DIRECT_MAP DMA_ZONE SHARED_TLB STRICT SOFT_TLB RUNS SANITIZE,$(if $(call given_here,$(knob)),$(error $(knob) \
	does not go with check, which runs all of them. PROFILE=... and QUICK=yes make it shorter)))
endif

ifneq ($(BUILDING),)
$(if $(MAX_CPUS),$(call number,MAX_CPUS,1,64,CPUs))

ifeq ($(KERNEL_SPLITS),)
$(if $(call given,KERNEL_SPLIT),$(error KERNEL_SPLIT does not go with PROFILE=$(PROFILE): its boundary between user and \
	kernel space is fixed))
else
$(call one_of,KERNEL_SPLIT,$(KERNEL_SPLITS))
endif

$(if $(PHYS_BITS),$(if $(PHYS_BITS_MORE),$(call one_of,PHYS_BITS,$(PHYS_BITS_MORE)),$(error PHYS_BITS does not go with \
	PROFILE=$(PROFILE): its physical addresses are as wide as its virtual ones)))

$(call one_of,STACKS,mapped direct)
$(if $(filter direct,$(STACKS)),$(if $(STACKS_DIRECT),,$(error STACKS does not go with PROFILE=$(PROFILE): it has one kind of \
	kernel stack)))

$(if $(ASIDS),$(if $(ASIDS_MOST),$(call number,ASIDS,2,$(ASIDS_MOST),identifiers),$(error ASIDS does not go with \
	PROFILE=$(PROFILE): it has no identifiers of address spaces, or always uses all)))

ifeq ($(PAGE_LEVELS),)
$(if $(call given,LEVELS),$(error LEVELS does not go with PROFILE=$(PROFILE): its page tables have levels of their own))
else
$(call one_of,LEVELS,$(PAGE_LEVELS))
endif

ifeq ($(HOSTED),)
$(if $(PAGE_WIDTHS),$(call one_of,PAGE_WIDTH,$(PAGE_WIDTHS)))
$(foreach knob,$(if $(PAGE_WIDTHS),,PAGE_WIDTH) LARGE_PAGES DIRECT_MAP DMA_ZONE SHARED_TLB STRICT SOFT_TLB RUNS,$(if $(call given,$(knob)),$(error $(knob) does not go with \
	PROFILE=$(PROFILE): only the host can play such a machine)))
$(call number,MEMORY,$(MEMORY_LEAST),$(MEMORY_MOST),MiB)
$(call number,SMP,1,$(SMP_MOST),CPUs)
$(if $(filter none,$(SANITIZE)),,$(error SANITIZE=$(SANITIZE) does not go with PROFILE=$(PROFILE): only host has sanitizers))
else
$(call one_of,PAGE_WIDTH,12 13 14)
$(call one_of,LARGE_PAGES,yes no uneven)
$(if $(filter uneven,$(LARGE_PAGES)),$(if $(filter 3,$(LEVELS)),,$(error LARGE_PAGES=uneven goes with LEVELS=3 only)))
$(call one_of,DIRECT_MAP,tables hardware)
$(call one_of,DMA_ZONE,yes no)
$(call one_of,SHARED_TLB,yes no)
$(if $(filter no,$(SHARED_TLB)),,$(if $(filter 4,$(LEVELS)),,$(error SHARED_TLB=yes goes with LEVELS=4 only: otherwise \
	the host has no identifiers)))
$(call one_of,STRICT,yes no)
$(call one_of,SOFT_TLB,yes no)
$(call one_of,RUNS,yes no)
$(if $(filter yes-yes,$(SHARED_TLB)-$(STRICT)),$(error SHARED_TLB=yes does not go with STRICT=yes))
$(if $(filter 12,$(PAGE_WIDTH)),,$(if $(filter 4,$(LEVELS)),,$(error PAGE_WIDTH=$(PAGE_WIDTH) goes with LEVELS=4 only)))
$(if $(filter 12,$(PAGE_WIDTH)),,$(if $(filter thread,$(SANITIZE)),$(error PAGE_WIDTH=$(PAGE_WIDTH) does not go with \
	SANITIZE=thread: its place in the address space is laid out for 12)))
$(foreach knob,MEMORY SMP ICOUNT,$(if $(call given,$(knob)),$(error $(knob) does not go with PROFILE=$(PROFILE): there is \
	no emulator to tell it)))
endif
endif
