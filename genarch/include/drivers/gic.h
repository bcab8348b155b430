/* SPDX-License-Identifier: BSD-2-Clause */

/* ARM's Generic Interrupt Controller, architecture version 2 (ARM IHI 0048B). */

#ifndef DRIVERS_GIC_H
#define DRIVERS_GIC_H

#include <arch/io.h>

struct gic {
	io_t distributor, cpu; /* where the registers are */
};

/* Of what gic_acknowledge returns, the number of the interrupt; from 1020 on there was none. */
#define GIC_ID 0x3ffu

/** Sets up the distributor, all lines masked. Once. */
void gic_init(const struct gic *gic);

/**
 * Sets up the running CPU's interface, and what of the distributor is its own.
 *
 * @param stop  the software-generated interrupt that comes as a FIQ, if that can be; the same on all CPUs
 */
void gic_cpu_init(const struct gic *gic, unsigned stop);

/** The running CPU, as gic_send has it: a bit. */
uint8_t gic_cpu_target(const struct gic *gic);

/** Takes the interrupt that is pending for this CPU. Interrupts are off. @return what gic_end wants */
uint32_t gic_acknowledge(const struct gic *gic);

/** An interrupt is served. Interrupts are off. */
void gic_end(const struct gic *gic, uint32_t acknowledged);

/** Lets a line through: to the first CPU, or, of lines below 32, to the running CPU. Callers keep each other out. */
void gic_unmask(const struct gic *gic, unsigned line);

/** Interrupts other CPUs. What was written before is seen there if the caller has put a barrier before. */
void gic_send(const struct gic *gic, uint8_t targets, unsigned number);

#endif
