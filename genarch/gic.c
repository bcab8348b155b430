/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The GIC (ARM IHI 0048B; registers in 4.3 and 4.4). Interrupts 0 to 15 are
 * software-generated, 16 to 31 a CPU's own, the others are shared and go to the first CPU.
 *
 * GROUPS. Where we may choose, all interrupts are of group 1, IRQs, and one is of
 * group 0, a FIQ (3.7). Where the Security Extensions keep group 0 for others, the
 * register of groups cannot be written: then that one is an IRQ as well.
 */

#include <drivers/gic.h>

enum {
	D_CONTROL = 0x000,
	D_TYPE = 0x004,
	D_GROUP = 0x080,
	D_ENABLE = 0x100,
	D_DISABLE = 0x180,
	D_PRIORITY = 0x400,
	D_TARGETS = 0x800,
	D_SEND = 0xf00
};

enum { C_CONTROL = 0x00, C_PRIORITY = 0x04, C_ACKNOWLEDGE = 0x0c, C_END = 0x10 };

#define D_CONTROL_ON 0x3
#define C_CONTROL_IRQ 0x1
#define C_CONTROL_GROUPS 0xf /* both groups; IAR gives group 1, too; group 0 is FIQ */
#define TYPE_LINES 0x1f
#define SEND_TARGETS_SHIFT 16
#define SEND_GROUP1 0x8000u /* as one of group 1 */
#define PRIORITY 0xa0a0a0a0u
#define PRIORITY_STOP 0
#define PRIORITY_ALL 0xff

static bool has_groups;
static unsigned stop_number; /* the one of group 0 */

static unsigned line_count(const struct gic *gic)
{
	return 32 * ((io_read32(gic->distributor + D_TYPE) & TYPE_LINES) + 1);
}

void gic_init(const struct gic *gic)
{
	io_write32(gic->distributor + D_CONTROL, 0);
	for (unsigned line = 32; line < line_count(gic); line += 32) {
		io_write32(gic->distributor + D_DISABLE + line / 8, ~0u);
		io_write32(gic->distributor + D_GROUP + line / 8, ~0u);
	}
	for (unsigned line = 32; line < line_count(gic); line += 4)
		io_write32(gic->distributor + D_PRIORITY + line, PRIORITY);
	io_write32(gic->distributor + D_CONTROL, D_CONTROL_ON);
}

void gic_cpu_init(const struct gic *gic, unsigned stop)
{
	stop_number = stop;
	io_write32(gic->distributor + D_DISABLE, 0xffff0000u);
	io_write32(gic->distributor + D_GROUP, ~(1u << stop));
	has_groups = io_read32(gic->distributor + D_GROUP) == ~(1u << stop);
	for (unsigned line = 0; line < 32; line += 4)
		io_write32(gic->distributor + D_PRIORITY + line, PRIORITY);
	io_write8(gic->distributor + D_PRIORITY + stop, PRIORITY_STOP);
	io_write32(gic->distributor + D_ENABLE, 0xffff); /* software-generated ones */
	io_write32(gic->cpu + C_PRIORITY, PRIORITY_ALL);
	io_write32(gic->cpu + C_CONTROL, has_groups ? C_CONTROL_GROUPS : C_CONTROL_IRQ);
}

uint8_t gic_cpu_target(const struct gic *gic)
{
	uint8_t target = io_read8(gic->distributor + D_TARGETS);

	return target != 0 ? target : 1; /* with one CPU the register may be 0 (4.3.12) */
}

uint32_t gic_acknowledge(const struct gic *gic)
{
	return io_read32(gic->cpu + C_ACKNOWLEDGE);
}

void gic_end(const struct gic *gic, uint32_t acknowledged)
{
	io_write32(gic->cpu + C_END, acknowledged);
}

void gic_unmask(const struct gic *gic, unsigned line)
{
	if (line >= 32)
		io_write8(gic->distributor + D_TARGETS + line, 1);
	io_write32(gic->distributor + D_ENABLE + line / 32 * 4, 1u << line % 32);
}

void gic_send(const struct gic *gic, uint8_t targets, unsigned number)
{
	io_write32(gic->distributor + D_SEND,
		(uint32_t) targets << SEND_TARGETS_SHIFT | (has_groups && number != stop_number ? SEND_GROUP1 : 0) | number);
}
