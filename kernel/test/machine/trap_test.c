/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Traps: what may be touched and what not, and that a probe survives.
 */

#include <kernel/machine.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/page.h>
#include <test.h>

static uintptr_t data_word;
static const uintptr_t constant_word = 1;

static void nothing(void)
{
}

TEST(trap_text_is_read_only, "a write to kernel text faults, reading and executing it does not")
{
	CHECK(probe_read((uintptr_t) trap_dispatch));
	CHECK(!probe_write((uintptr_t) trap_dispatch));
	CHECK(!probe_write((uintptr_t) image_start));
	CHECK(!probe_write((uintptr_t) image_text_end - 1));
	CHECK(probe_execute((uintptr_t) nothing));
}

TEST(trap_constants_are_read_only, "a write to a constant faults, to a variable it does not")
{
	CHECK(probe_read((uintptr_t) &constant_word));
	CHECK(!probe_write((uintptr_t) &constant_word));
	CHECK(!probe_write((uintptr_t) image_rodata_end - 1));
	CHECK(probe_write((uintptr_t) &data_word));
	CHECK(probe_write((uintptr_t) image_end - 1));
}

TEST(trap_unmapped, "touching what is not mapped faults, and the kernel goes on")
{
	uintptr_t value = 42;

	CHECK(!probe_read(0));
	CHECK(!probe_write(0));
	CHECK(!probe_load(USER_LAST - sizeof(value) + 1, &value));
	CHECK_EQ(value, 42);
	CHECK(!probe_read(KM_END - PAGE_SIZE));
	CHECK(!probe_execute(PAGE_SIZE));
	CHECK(interrupts_are_on());
}

TEST(trap_data_is_not_executable, "executing data faults where the machine can forbid it")
{
	struct page_mapping mapping = page_mapping_find(&page_kernel, (uintptr_t) &data_word);

	CHECK_NE(mapping.size, 0);
	if ((mapping.flags & PAGE_EXEC) != 0)
		SKIP("this machine cannot forbid it");
	CHECK(!probe_execute((uintptr_t) &data_word));
}

TEST(trap_probe_loads, "a probe reads what is there")
{
	uintptr_t value = 0;

	data_word = 0x600d;
	CHECK(probe_load((uintptr_t) &data_word, &value));
	CHECK_EQ(value, 0x600d);
}

TEST(trap_interrupts, "the timer and the console have their lines, and no line can be taken twice")
{
	unsigned lines = 0;

	for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
		const char *name;
		uint64_t count;

		if (!irq_get_info(irq, &name, &count))
			continue;
		lines++;
		CHECK_EQ(irq_register(irq, "second", NULL, NULL), EBUSY);
	}
	CHECK_GE(lines, 2);
	CHECK_EQ(irq_register(IRQ_COUNT, "beyond", NULL, NULL), ERANGE);
}

TEST(trap_timer, "time goes on")
{
	uint64_t before = time_ticks(), last = before;

	while (last < before + 3) {
		uint64_t now = time_ticks();

		if (!CHECK_GE(now, last))
			return;
		last = now;
		cpu_relax();
	}
}
