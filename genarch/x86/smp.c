/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The other CPUs: starting them, calling them, stopping them.
 *
 * START (SDM vol. 3A, 8.4.4). The firmware's table says which CPUs there are
 * (x86/madt.h). The first one starts the others one after another, each by a
 * reset and a start-up interrupt, which lets it begin in real mode at a page
 * below 1 MiB, where the trampoline (genarch/x86/trampoline.S) has been copied:
 *
 *   first CPU                                   the other
 *     fills in its start record: OFFERED
 *     reset, 10 ms, start-up interrupt   --->   trampoline: claims the record of its LAPIC's number: CLAIMED
 *                                               page table made for the trampoline
 *                                               x86_start_other: the kernel's page table, GDT, IDT, TSS, LAPIC
 *     waits till cpu_count has risen     <---   cpu_main
 *
 * A record belongs to one LAPIC's number for good (`starts`), so no CPU can take
 * what is another's: its number and its stack are found by its own LAPIC alone.
 * Both sides change the state by compare and exchange. If the first CPU turns
 * OFFERED back into NONE the CPU is given up: it is logged, the next one gets
 * its number and its stack, and if it comes after all it halts in the trampoline,
 * which is therefore not freed then. If the other CPU was first it is on its way,
 * and is waited for. Only a CPU that has claimed uses page tables, so when all
 * others were started or given up, those of the trampoline can go.
 *
 * The page table for the trampoline is an address space of its own, in which
 * the page is mapped at its physical address. Its root is copied below 1 MiB
 * too, as CR3 is loaded before there are 64 bits.
 *
 * With one CPU the LAPIC is not touched.
 *
 * STOP. A CPU is stopped by an NMI, since its interrupts may be off for good; it
 * parks (cpu_park), and prints nothing.
 *
 * Contexts: arch_cpus_start once, at boot, interrupts off; the others any, with
 * interrupts off.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/mistake.h>
#include <kernel/print.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <mm/page.h>
#include <x86/io.h>
#include <x86/lapic.h>
#include <x86/madt.h>
#include <x86/physical.h>
#include <x86/smp.h>
#include <x86/trampoline.h>

#define RESET_US 10000
#define START_US 200000 /* after which the start-up interrupt is sent once more */
#define GIVE_UP_US 5000000

/* Writing here does nothing, and takes about 1 us on a PC's bus. */
#define DELAY_PORT 0x80

#define TRAMPOLINE_FRAMES 2 /* the code, and the root of its page table */
#define TRAMPOLINE_LAST 0xfffff

#define INT3 0xcc /* an instruction that ends what runs there: no CPU that starts has an IDT */

/* Numbers that a LAPIC may have. */
#define LAPIC_IDS 256

_Static_assert(sizeof(struct start) == 1 << START_SHIFT && offsetof(struct start, state) == 0 &&
		offsetof(struct start, stack) == START_STACK,
	"as the trampoline has it");

static uint8_t lapic_ids[CONFIG_MAX_CPUS];
static phys_t kernel_root;
struct start starts[LAPIC_IDS];
static bool stopping;
static unsigned parked;

/* ---- calls ---- */

void arch_cpu_interrupt(unsigned cpu)
{
	lapic_send_vector(lapic_ids[cpu], VECTOR_IRQ + CALL_LINE);
}

void cpus_tick(void)
{
	for (unsigned cpu = 1; cpu < cpu_count(); cpu++)
		lapic_send_vector(lapic_ids[cpu], VECTOR_IRQ + TICK_LINE);
}

static void call_interrupt(void *unused)
{
	(void) unused;
	cpu_called();
}

static void tick_interrupt(void *unused)
{
	(void) unused;
	timer_tick();
}

/* ---- stop ---- */

bool cpus_stopping(void)
{
	return __atomic_load_n(&stopping, __ATOMIC_ACQUIRE);
}

void arch_cpus_stop(void)
{
	unsigned others = cpu_count() - 1;

	if (cpu_count() < 2 || __atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST))
		return;
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		if (cpu != cpu_number())
			lapic_send_nmi(lapic_ids[cpu]);
	for (unsigned i = 0; i < RESET_US && __atomic_load_n(&parked, __ATOMIC_ACQUIRE) < others; i++)
		io_write8(DELAY_PORT, 0);
}

void arch_cpu_park(void)
{
	__atomic_fetch_add(&parked, 1, __ATOMIC_RELEASE);
	for (;;)
		cpu_wait();
}

/* ---- start ---- */

void x86_start_other(void)
{
	const struct start *here;

	page_root_load(kernel_root);
	here = &starts[lapic_id()];
	cpu_start(here->number);
	machine_root_set(kernel_root);
	lapic_start(false);
	cpu_main(here->stack - THREAD_STACK_SIZE, THREAD_STACK_SIZE);
}

static bool wait_for_cpu(unsigned number, unsigned microseconds)
{
	while (cpu_count() == number && microseconds-- > 0)
		io_write8(DELAY_PORT, 0);
	return cpu_count() > number;
}

static void wait(unsigned microseconds)
{
	while (microseconds-- > 0)
		io_write8(DELAY_PORT, 0);
}

/* Gives up a CPU that was offered its start record. @return false if it has claimed it */
static bool give_up(unsigned id)
{
	uint32_t offered = START_OFFERED;

	return __atomic_compare_exchange_n(
		&starts[id].state, &offered, START_NONE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Starts one CPU; its start record is on offer. */
static bool start(unsigned id, unsigned number, phys_t trampoline)
{
	lapic_send_reset(id);
	wait(RESET_US);
	lapic_send_start(id, trampoline);
	if (wait_for_cpu(number, START_US))
		return true;
	lapic_send_start(id, trampoline);
	if (wait_for_cpu(number, mistake_asked("late-cpu") ? START_US : GIVE_UP_US))
		return true;
	if (give_up(id))
		return false;
	while (cpu_count() == number)
		cpu_relax();
	return true;
}

static void trampoline_word_set(phys_t trampoline, const char *word, phys_t value)
{
	volatile uint32_t *copied = (volatile uint32_t *) (PA2KA(trampoline) + (size_t) (word - trampoline_start));

	*copied = (uint32_t) value;
}

/* For a test: keeps the first CPU that is started waiting till it is given up, and another one may come, or none. */
static void hold(phys_t trampoline, bool first)
{
#if CONFIG_DEBUG
	if (mistake_asked("late-cpu"))
		trampoline_word_set(trampoline, trampoline_hold, first);
#else
	(void) trampoline, (void) first;
#endif
}

/* Lets it go, when all that it must not use is gone: what is free below 1 MiB has been used for something else. */
static void hold_end(phys_t trampoline)
{
#if CONFIG_DEBUG
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_DMA);
	size_t taken;
	phys_t frame;

	if (!mistake_asked("late-cpu"))
		return;
	request.upper = TRAMPOLINE_LAST;
	while ((frame = frame_alloc_request(&request, &taken)) != 0)
		memset((void *) PA2KA(frame), INT3, PAGE_SIZE);
	trampoline_word_set(trampoline, trampoline_hold, 0);
#else
	(void) trampoline;
#endif
}

/* @return whether it came */
static bool start_with_stack(unsigned id, phys_t trampoline, bool first)
{
	unsigned number = cpu_count();
	phys_t stack = frame_alloc(THREAD_STACK_SIZE / PAGE_SIZE, FRAME_ATOMIC | FRAME_LOWMEM, 0);

	if (stack == 0) {
		kprintf("smp: no memory for the stack of CPU %u\n", number);
		return true; /* it was not called, so it will not come late */
	}
	lapic_ids[number] = (uint8_t) id;
	starts[id].number = number;
	starts[id].stack = PA2KA(stack) + THREAD_STACK_SIZE;
	__atomic_store_n(&starts[id].state, START_OFFERED, __ATOMIC_SEQ_CST);
	hold(trampoline, first);
	if (start(id, number, trampoline))
		return true;
	frame_free(stack, THREAD_STACK_SIZE / PAGE_SIZE);
	kprintf("smp: the CPU with LAPIC %u does not start\n", id);
	return false;
}

/* Frames with the trampoline, the page table in use there; 0 if there are none. */
static phys_t trampoline_prepare(struct page_table *table, phys_t lapic)
{
	struct frame_request request = FRAME_REQUEST(TRAMPOLINE_FRAMES, FRAME_ATOMIC | FRAME_DMA);
	size_t taken, code = (size_t) (trampoline_end - trampoline_start);
	phys_t frames;

	request.upper = TRAMPOLINE_LAST;
	frames = frame_alloc_request(&request, &taken);
	if (frames == 0)
		return 0;
	if (page_mapping_insert(table, (uintptr_t) frames, frames, 1, PAGE_READ | PAGE_EXEC, FRAME_ATOMIC) != EOK) {
		frame_free(frames, TRAMPOLINE_FRAMES);
		return 0;
	}
	memcpy((void *) PA2KA(frames), trampoline_start, code);
	memcpy((void *) PA2KA(frames + PAGE_SIZE), (const void *) PA2KA(page_table_root(table)), PAGE_SIZE);
	trampoline_word_set(frames, trampoline_root, frames + PAGE_SIZE);
	trampoline_word_set(frames, trampoline_lapic, lapic);
	return frames;
}

/* Starts all that there is room for. @return whether all that were called have come */
static bool start_all(const struct madt *madt, phys_t trampoline)
{
	bool all = true, first = true;
	unsigned left = 0;

	for (unsigned i = 0; i < madt->count; i++) {
		if (madt->ids[i] == lapic_ids[0])
			continue;
		if (cpu_count() < CONFIG_MAX_CPUS)
			all = start_with_stack(madt->ids[i], trampoline, first) && all;
		else
			left++;
		first = false;
	}
	if (left != 0)
		kprintf("smp: CPUs left alone: %u, as this image is built for %u (MAX_CPUS)\n", left, CONFIG_MAX_CPUS);
	return all;
}

static errno_t start_others(const struct madt *madt)
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t trampoline = table != NULL ? trampoline_prepare(table, madt->lapic) : 0;

	bool all = trampoline != 0 && start_all(madt, trampoline);

	if (table != NULL)
		page_table_destroy(table);
	if (all)
		frame_free(trampoline, TRAMPOLINE_FRAMES);
	if (trampoline != 0)
		hold_end(trampoline);
	return trampoline != 0 ? EOK : ENOMEM;
}

static errno_t lines_register(void)
{
	errno_t error = irq_register(CALL_LINE, "calls of other CPUs", call_interrupt, NULL);

	return error != EOK ? error : irq_register(TICK_LINE, "ticks passed on", tick_interrupt, NULL);
}

void arch_cpus_start(void)
{
	static struct madt madt;
	errno_t error;

	kernel_root = page_table_root(&page_kernel);
	machine_root_set(kernel_root);
	if (!madt_read(&physical_reader, &madt) || madt.count < 2)
		return;
	error = lapic_move(madt.lapic);
	if (error == EOK)
		error = lines_register();
	if (error == EOK) {
		lapic_start(true);
		lapic_ids[0] = (uint8_t) lapic_id();
		error = start_others(&madt);
	}
	if (error != EOK)
		kprintf(
			"smp: %u CPUs, but only one is used: the others cannot be started (%s)\n", madt.count, error_text(error));
	else
		kprintf("smp: CPUs up: %u\n", cpu_count());
}
