# SPDX-License-Identifier: BSD-2-Clause
#
# tools/ia64sim, a simulator for the host. It depends on no profile, so it is
# built once, with the host's compiler.

IA64SIM := build/tools/ia64sim
IA64SIM_CC ?= cc
IA64SIM_FLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Wshadow -Werror
IA64SIM_SOURCES := $(wildcard tools/ia64sim/*.c)
IA64SIM_OBJECTS := $(IA64SIM_SOURCES:tools/ia64sim/%.c=build/tools/ia64sim.d/%.o)

.PHONY: ia64sim ia64sim-test

ia64sim: $(IA64SIM) ## build/tools/ia64sim: a simulator of an ia64 machine, where there is no Ski

$(IA64SIM): $(IA64SIM_OBJECTS)
	@printf '  %-8s %s\n' LINK '$@'
	$(Q)$(IA64SIM_CC) $(IA64SIM_FLAGS) $(IA64SIM_EXTRA) -o $@ $(IA64SIM_OBJECTS)

build/tools/ia64sim.d/%.o: tools/ia64sim/%.c tools/make/ia64sim.mk
	@mkdir -p $(@D)
	@printf '  %-8s %s\n' CC '$<'
	$(Q)$(IA64SIM_CC) $(IA64SIM_FLAGS) $(IA64SIM_EXTRA) -MMD -MP -c -o $@ $<

-include $(IA64SIM_OBJECTS:.o=.d)

ia64sim-test: $(IA64SIM) ## each instruction of the simulator against values from the manual
	@tools/run --title ia64sim --timeout 60 program -- tools/ia64sim/test/run $(IA64SIM)
