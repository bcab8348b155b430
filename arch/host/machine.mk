# SPDX-License-Identifier: BSD-2-Clause
#
# host: an ordinary process, where the core is tested. The words are explained in tools/make/machine.mk.

MACHINE_TITLE := an ordinary process, with the test suite under Check
CROSS :=
MACHINE_CFLAGS := -DMM_NO_SHORT_NAMES= -pthread
MACHINE_LIBS := -lcheck -lsubunit -lm -lrt -lpthread
# Steps that are uneven want tables of eight entries, a frame each, of pt.
MAPPING := $(if $(filter uneven,$(LARGE_PAGES)),,pt) ht
GENARCH := $(if $(filter 4,$(LEVELS)),$(if $(filter yes,$(SHARED_TLB)),asid_shared,asid))
HOSTED := yes
MAX_CPUS_DEFAULT := 64
PAGE_LEVELS := 4 3 2
