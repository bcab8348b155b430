/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each CPU has a LAPIC, whose registers are 32 bits wide, 16 bytes apart, in
 * one page that every CPU sees at the same address, each its own. page_init maps
 * it (KERNEL_FIXED), so that CPUs can be interrupted and stopped from then on.
 *
 * An interrupt for another CPU is sent by two writes, the upper half of the
 * command first; so interrupts are off in between. The next one may be sent
 * when the one before has left (DELIVERY_PENDING).
 *
 * Devices go on interrupting by the i8259, whose output is local input 0 of
 * the first CPU ("virtual wire", MultiProcessor Specification 1.4, 3.6.2.2).
 */

#include <arch/cpu.h>
#include <arch/mm.h>
#include <mm/page.h>
#include <x86/lapic.h>
#include <x86/vectors.h>

/* SDM vol. 3A, table 10-1. */
#define REGISTER_ID 0x020
#define REGISTER_END 0x0b0
#define REGISTER_SPURIOUS 0x0f0
#define REGISTER_COMMAND_LOW 0x300
#define REGISTER_COMMAND_HIGH 0x310
#define REGISTER_INPUT0 0x350
#define REGISTER_INPUT1 0x360

#define SPURIOUS_ENABLE 0x100u

/* Local inputs, figure 10-8. */
#define INPUT_NMI 0x400u
#define INPUT_I8259 0x700u
#define INPUT_MASKED 0x10000u

/* The command, figure 10-12. */
#define COMMAND_NMI 0x400u
#define COMMAND_INIT 0x500u
#define COMMAND_START 0x600u
#define DELIVERY_PENDING 0x1000u
#define COMMAND_ASSERT 0x4000u
#define ID_SHIFT 24

static uint32_t read(unsigned offset)
{
	return *(volatile uint32_t *) (LAPIC_VIRT + offset);
}

static void write(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *) (LAPIC_VIRT + offset) = value;
}

errno_t lapic_move(phys_t registers)
{
	if (registers == LAPIC_PHYS)
		return EOK;
	return page_mapping_replace(&page_kernel, LAPIC_VIRT, registers, LAPIC_FLAGS | PAGE_GLOBAL);
}

void lapic_start(bool first)
{
	write(REGISTER_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	write(REGISTER_INPUT0, first ? INPUT_I8259 : INPUT_MASKED);
	write(REGISTER_INPUT1, INPUT_NMI);
}

unsigned lapic_id(void)
{
	return read(REGISTER_ID) >> ID_SHIFT;
}

void lapic_end(void)
{
	write(REGISTER_END, 0);
}

static void send(unsigned id, uint32_t command)
{
	while ((read(REGISTER_COMMAND_LOW) & DELIVERY_PENDING) != 0)
		cpu_relax();
	write(REGISTER_COMMAND_HIGH, id << ID_SHIFT);
	write(REGISTER_COMMAND_LOW, command | COMMAND_ASSERT);
}

void lapic_send_vector(unsigned id, unsigned vector)
{
	send(id, vector);
}

void lapic_send_nmi(unsigned id)
{
	send(id, COMMAND_NMI);
}

void lapic_send_reset(unsigned id)
{
	send(id, COMMAND_INIT);
}

void lapic_send_start(unsigned id, phys_t page)
{
	send(id, COMMAND_START | (uint32_t) (page >> 12));
}
