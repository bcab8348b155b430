/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The PC, as far as this kernel needs it: the serial port, the timer with the
 * old interrupt controllers, each CPU's LAPIC, the interrupt table, and the four
 * functions that a compiler may call by itself. (What <arch/mm.h> of ia32
 * declares it defines as well.) Nothing is looked for: it is QEMU's PC.
 */

#include <arch/mm.h>
#include <mm/port.h>
#include <x86/io.h>

#include "pc.h"

/* ---- serial port, and the end ---- */

#define SERIAL 0x3f8
#define SERIAL_STATUS (SERIAL + 5)
#define SERIAL_EMPTY 0x20
#define EXIT_PORT 0xf4 /* isa-debug-exit: v ends QEMU with status 2v + 1 */

static bool console_in_use;

static void console_put(char character)
{
	while ((io_read8(SERIAL_STATUS) & SERIAL_EMPTY) == 0)
		port_relax();
	io_write8(SERIAL, (uint8_t) character);
}

void console_print(const char *format, va_list arguments)
{
	char text[256], *line = text;
	port_irq_t state;

	(void) kvsnprintf(text, sizeof(text), format, arguments);
	state = port_irq_save();
	while (__atomic_exchange_n(&console_in_use, true, __ATOMIC_ACQUIRE))
		port_relax();
	while (*line != 0)
		console_put(*line++);
	console_put('\n');
	__atomic_store_n(&console_in_use, false, __ATOMIC_RELEASE);
	port_irq_restore(state);
}

void machine_exit(bool good)
{
	io_write8(EXIT_PORT, good ? 16 : 17);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ---- LAPIC: KERNEL_FIXED of <arch/mm.h> lists it, so page_init has mapped it ---- */

#define LAPIC_END 0x0b0
#define LAPIC_SPURIOUS 0x0f0
#define LAPIC_COMMAND 0x300
#define LAPIC_TARGET 0x310
#define LAPIC_INPUT0 0x350
#define SPURIOUS_ENABLE 0x100
#define INPUT_I8259 0x700
#define INPUT_MASKED 0x10000
#define COMMAND_VECTOR 0x4000
#define COMMAND_INIT 0x4500
#define COMMAND_START 0x4600
#define COMMAND_PENDING 0x1000

static volatile uint32_t *lapic(unsigned offset)
{
	return (volatile uint32_t *) (LAPIC_VIRT + offset);
}

static void lapic_send(unsigned cpu, uint32_t command)
{
	while ((*lapic(LAPIC_COMMAND) & COMMAND_PENDING) != 0)
		port_relax();
	*lapic(LAPIC_TARGET) = cpu << 24; /* QEMU numbers them from 0 on */
	*lapic(LAPIC_COMMAND) = command;
}

void send_interrupt(unsigned cpu)
{
	lapic_send(cpu, COMMAND_VECTOR | VECTOR_CALL);
}

/* ---- traps ---- */

static struct gate {
	uint16_t low, selector, type, high;
} idt[VECTORS];

void on_trap(struct trap *trap);

void on_trap(struct trap *trap)
{
	switch (trap->vector) {
	case 14:
		on_page_fault(trap);
		break;
	case VECTOR_TIMER:
		port_tick();
		io_write8(0x20, 0x20);
		break;
	case VECTOR_CALL:
		*lapic(LAPIC_END) = 0;
		on_interrupt();
		break;
	case VECTOR_TIMER + 7: /* the i8259's own */
	case VECTOR_SPURIOUS:
		break;
	default:
		port_panic("trap %u at 0x%lx, error %lx", (unsigned) trap->vector, (unsigned long) trap->pc,
			(unsigned long) trap->error);
	}
}

static void idt_fill(void)
{
	for (unsigned vector = 0; vector < VECTORS; vector++) {
		uintptr_t entry = (uintptr_t) trap_entries + vector * 16;

		idt[vector] = (struct gate){ (uint16_t) entry, 8, 0x8e00, (uint16_t) (entry >> 16) };
	}
}

/* 1,000 interrupts a second, by line 0; all other lines are masked. */
static void timer_start(void)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} writes[] = { { 0x20, 0x11 }, { 0xa0, 0x11 }, { 0x21, VECTOR_TIMER }, { 0xa1, VECTOR_TIMER + 8 }, { 0x21, 4 },
		{ 0xa1, 2 }, { 0x21, 1 }, { 0xa1, 1 }, { 0x21, 0xfe }, { 0xa1, 0xff }, { 0x43, 0x34 },
		{ 0x40, 1193182 / 1000 % 256 }, { 0x40, 1193182 / 1000 / 256 } };

	for (size_t i = 0; i < ARRAY_COUNT(writes); i++)
		io_write8(writes[i].port, writes[i].value);
}

void machine_start(void)
{
	struct {
		uint16_t last;
		uintptr_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t) idt };

	if (port_cpu() == 0) {
		idt_fill();
		timer_start();
	}
	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
	*lapic(LAPIC_SPURIOUS) = SPURIOUS_ENABLE | VECTOR_SPURIOUS;
	*lapic(LAPIC_INPUT0) = port_cpu() == 0 ? INPUT_I8259 : INPUT_MASKED;
}

/* ---- other CPUs ---- */

static void wait_ms(unsigned limit)
{
	uint64_t start = port_time_ms();

	while (port_time_ms() - start < limit)
		port_relax();
}

void machine_start_others(void)
{
	char *page = (char *) PA2KA(OTHER_PAGE);

	for (size_t i = 0; i < (size_t) (other_end - other_start); i++)
		page[i] = other_start[i];
	for (other_number = 1; other_number < CONFIG_MAX_CPUS; other_number++) {
		lapic_send(other_number, COMMAND_INIT);
		wait_ms(10);
		lapic_send(other_number, COMMAND_START | OTHER_PAGE >> 12);
		while (__atomic_load_n(&cpus_up, __ATOMIC_ACQUIRE) == other_number)
			port_relax();
	}
}

/* ---- what a compiler may call ---- */

void *memset(void *to, int value, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
int memcmp(const void *one, const void *other, size_t bytes);

void *memset(void *to, int value, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	const char *last = (const char *) from + bytes - 1;
	char *at = (char *) to + bytes - 1;

	if ((uintptr_t) to - (uintptr_t) from >= bytes)
		return memcpy(to, from, bytes);
	__asm__ volatile("std; rep movsb; cld" : "+D"(at), "+S"(last), "+c"(bytes) : : "memory");
	return to;
}

int memcmp(const void *one, const void *other, size_t bytes)
{
	const unsigned char *left = one, *right = other;

	for (size_t i = 0; i < bytes; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}
