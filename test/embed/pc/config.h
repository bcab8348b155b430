/* SPDX-License-Identifier: BSD-2-Clause */

/* What the core, and <arch/mm.h> of ia32, want to be told of this kernel. DEBUG and CPUS are given by the makefile. */

#ifndef CONFIG_H
#define CONFIG_H

#define CONFIG_DEBUG DEBUG
#define CONFIG_MAX_CPUS CPUS
#define CONFIG_KERNEL_SPLIT 3

#endif
