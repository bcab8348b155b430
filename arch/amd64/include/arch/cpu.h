/* SPDX-License-Identifier: BSD-2-Clause */

/* The CPU as the kernel sees it; amd64 shares all of it with its sibling. */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/descriptors.h>
#include <x86/cpu.h>

/* They were measured on it. */
#define BENCH_GOALS 1

#endif
