/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls, by the tables that the compiler writes (-funwind-tables; DWARF 4, 6.4
 * "Call Frame Information", in the form of .eh_frame: Linux Standard Base, 10.6). A MIPS stack
 * frame leads nowhere by itself: there is no chain, and a function that calls none
 * keeps its return address in its register. The tables say for each instruction
 * where the caller's stack pointer (the CFA), frame pointer and return address are,
 * so the compiler may arrange prologues as it likes, and needs no frame pointer.
 *
 *   CIE  how the functions of one object file begin        FDE  one function: its first address, its length, and
 *        (CFA = the stack pointer)                              what changes at which instruction
 *
 * Only what compilers write for MIPS is known: registers that are at an offset from the
 * CFA, which is at an offset from a register. Something else ends the trace.
 *
 * Assembly has no tables. A function of it that was interrupted is taken as one that
 * keeps all in its registers (the idle loop, and the switch between threads, as a
 * context has it); the end of a trap's entry leads to the frame of the trap, and on to
 * what was interrupted. What calls the rest, the boot and a thread's first function, ends
 * the trace.
 *
 * Nothing is believed of the stack: what is read lies within the bounds, above what was
 * read before, and is read by probes. Any context. COST. Linear in the tables.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <arch/saved.h>
#include <kernel/machine.h>
#include <kernel/trap.h>

#define WORD sizeof(uintptr_t)

/* trap.S: below a frame, for what the callee stores. */
#define ARGUMENTS 16

/* Call frame instructions (DWARF 4, 7.23), the first three with an operand in their low six bits. */
enum {
	ADVANCE_LOC = 0x40,
	OFFSET = 0x80,
	RESTORE = 0xc0,
	NOP = 0x00,
	ADVANCE_LOC1 = 0x02,
	ADVANCE_LOC2 = 0x03,
	ADVANCE_LOC4 = 0x04,
	REMEMBER_STATE = 0x0a,
	RESTORE_STATE = 0x0b,
	DEF_CFA = 0x0c,
	DEF_CFA_REGISTER = 0x0d,
	DEF_CFA_OFFSET = 0x0e
};

#define STATES_MAX 4
#define REGISTERS 32

/* What a CIE has behind its number: version, "zR", factors 1 and -4, return address in ra, addresses of 4 bytes. */
static const uint8_t cie_known[] = { 1, 'z', 'R', 0, 1, 0x7c, REGISTER_RA, 1, 0x0b };

extern const uint8_t image_frames[], image_frames_end[]; /* kernel.ld */
extern const char trap_return[];

/* Bytes of a table that are read one after another. */
struct reader {
	const uint8_t *at, *end;
};

/* Where the caller's registers are, at an instruction. */
struct rules {
	unsigned cfa_register;
	uintptr_t cfa_offset;
	uintptr_t saved[REGISTERS]; /* at CFA - 4 * this; 0 = in the register */
};

/* A function, and its tables. */
struct function {
	uintptr_t first, bytes;
	struct reader common, own;
};

static uintptr_t read_bytes(struct reader *reader, unsigned count)
{
	uintptr_t value = 0;

	for (unsigned i = 0; i < count && reader->at < reader->end; i++, reader->at++)
		value |= (uintptr_t) *reader->at << 8 * (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : count - 1 - i);
	return value;
}

static uintptr_t read_uleb(struct reader *reader)
{
	uintptr_t value = 0;
	uint8_t byte = 0x80;

	for (unsigned shift = 0; reader->at < reader->end && (byte & 0x80) != 0 && shift < 32; shift += 7) {
		byte = *reader->at++;
		value |= (uintptr_t) (byte & 0x7f) << shift;
	}
	return value;
}

/* The next entry of the tables, without its length. @return false at the end */
static bool entry_next(struct reader *tables, struct reader *entry)
{
	uintptr_t bytes = read_bytes(tables, 4);

	if (bytes < 8 || bytes > (uintptr_t) (tables->end - tables->at))
		return false;
	*entry = (struct reader){ .at = tables->at, .end = tables->at + bytes };
	tables->at += bytes;
	return true;
}

/* The instructions of the CIE at an address; none if it is not of the known kind. */
static struct reader common_of(const uint8_t *cie)
{
	struct reader tables = { .at = cie, .end = image_frames_end }, entry;

	if (cie < image_frames || cie >= image_frames_end || !entry_next(&tables, &entry) || read_bytes(&entry, 4) != 0)
		return (struct reader){ 0 };
	for (size_t i = 0; i < sizeof(cie_known); i++)
		if (read_bytes(&entry, 1) != cie_known[i])
			return (struct reader){ 0 };
	return entry;
}

static bool function_find(uintptr_t pc, struct function *function)
{
	struct reader tables = { .at = image_frames, .end = image_frames_end }, entry;

	while (entry_next(&tables, &entry)) {
		const uint8_t *base = entry.at;
		uintptr_t back = read_bytes(&entry, 4);

		if (back == 0)
			continue;
		function->first = read_bytes(&entry, 4);
		function->bytes = read_bytes(&entry, 4);
		if (pc - function->first >= function->bytes)
			continue;
		function->common = common_of(base - back);
		(void) read_bytes(&entry, (unsigned) read_uleb(&entry));
		function->own = entry;
		return function->common.at != NULL;
	}
	return false;
}

struct machine {
	struct rules rules, initial, states[STATES_MAX];
	unsigned depth;
	uintptr_t location;
};

/* One with an operand in its low bits, or ADVANCE_LOC of some form. @return false if it is something else */
static bool execute_packed(struct machine *machine, struct reader *program, unsigned instruction)
{
	unsigned low = instruction & 0x3f;

	switch (instruction & 0xc0) {
	case ADVANCE_LOC:
		machine->location += low;
		return true;
	case OFFSET:
		machine->rules.saved[low % REGISTERS] = read_uleb(program);
		return true;
	case RESTORE:
		machine->rules.saved[low % REGISTERS] = machine->initial.saved[low % REGISTERS];
		return true;
	default:
		return false;
	}
}

static bool execute_other(struct machine *machine, struct reader *program, unsigned instruction)
{
	struct rules *rules = &machine->rules;

	switch (instruction) {
	case NOP:
		return true;
	case ADVANCE_LOC1:
	case ADVANCE_LOC2:
		machine->location += read_bytes(program, instruction == ADVANCE_LOC1 ? 1 : 2);
		return true;
	case ADVANCE_LOC4:
		machine->location += read_bytes(program, 4);
		return true;
	case REMEMBER_STATE:
		machine->states[machine->depth++ % STATES_MAX] = *rules;
		return machine->depth <= STATES_MAX;
	case RESTORE_STATE:
		if (machine->depth-- == 0)
			return false;
		*rules = machine->states[machine->depth % STATES_MAX];
		return true;
	case DEF_CFA:
	case DEF_CFA_REGISTER:
		rules->cfa_register = (unsigned) read_uleb(program);
		if (instruction == DEF_CFA)
			rules->cfa_offset = read_uleb(program);
		return true;
	case DEF_CFA_OFFSET:
		rules->cfa_offset = read_uleb(program);
		return true;
	default:
		return false;
	}
}

/* Executes a program up to an instruction of the function. @return false if there is something unknown in it */
static bool execute(struct machine *machine, struct reader program, uintptr_t pc)
{
	while (program.at < program.end && machine->location <= pc) {
		unsigned instruction = (unsigned) read_bytes(&program, 1);
		uintptr_t before = machine->location;

		if (!execute_packed(machine, &program, instruction) && !execute_other(machine, &program, instruction))
			return false;
		if (machine->location < before)
			return false;
	}
	return true;
}

/* What holds at pc. @return false if nothing is known of it */
static bool rules_find(uintptr_t pc, struct machine *machine)
{
	struct function function;

	if (!function_find(pc, &function))
		return false;
	*machine = (struct machine){ .location = function.first };
	if (!execute(machine, function.common, function.first))
		return false;
	machine->initial = machine->rules;
	return execute(machine, function.own, pc);
}

static bool load(const struct unwind *unwind, uintptr_t at, uintptr_t *value)
{
	return at % WORD == 0 && at >= unwind->first && at <= unwind->last && unwind->last - at >= WORD - 1 &&
		probe_load(at, value);
}

/* From the frame of a trap to what it has interrupted in the kernel. */
static bool step_trap(struct unwind *unwind)
{
	uintptr_t frame = unwind->stack_pointer + ARGUMENTS, status;
	const struct trap_frame *saved = (const struct trap_frame *) frame;

	if (!load(unwind, (uintptr_t) &saved->status, &status) || (status & STATUS_UM) != 0 ||
		!load(unwind, (uintptr_t) &saved->epc, &unwind->pc) ||
		!load(unwind, (uintptr_t) &saved->registers[REGISTER_SP], &unwind->stack_pointer) ||
		!load(unwind, (uintptr_t) &saved->registers[REGISTER_FP], &unwind->frame_pointer) ||
		!load(unwind, (uintptr_t) &saved->registers[REGISTER_RA], &unwind->return_address))
		return false;
	unwind->is_exact = true;
	return unwind->stack_pointer > frame;
}

/* To the caller, as the tables have it. */
static bool step_call(struct unwind *unwind, const struct rules *rules)
{
	bool by_fp = rules->cfa_register == REGISTER_FP;
	uintptr_t cfa = (by_fp ? unwind->frame_pointer : unwind->stack_pointer) + rules->cfa_offset;
	uintptr_t ra = rules->saved[REGISTER_RA], fp = rules->saved[REGISTER_FP];

	if ((!by_fp && rules->cfa_register != REGISTER_SP) || cfa < unwind->stack_pointer + (unwind->is_exact ? 0 : 1))
		return false;
	if (ra == 0 && !unwind->is_exact)
		return false;
	unwind->pc = unwind->return_address;
	if (ra != 0 && !load(unwind, cfa - WORD * ra, &unwind->pc))
		return false;
	if (fp != 0 && !load(unwind, cfa - WORD * fp, &unwind->frame_pointer))
		return false;
	unwind->stack_pointer = cfa;
	unwind->is_exact = false;
	return unwind->pc != 0;
}

bool unwind_next(struct unwind *unwind, uintptr_t *pc)
{
	static const struct rules assembly = { .cfa_register = REGISTER_SP };
	struct machine machine;
	bool stepped = false;

	if (unwind->pc == (uintptr_t) trap_return && !unwind->is_exact)
		stepped = step_trap(unwind);
	else if (rules_find(unwind->pc - (unwind->is_exact ? 0 : 1), &machine))
		stepped = step_call(unwind, &machine.rules);
	else if (unwind->is_exact)
		stepped = step_call(unwind, &assembly);
	*pc = unwind->pc;
	if (!stepped)
		unwind->pc = 0;
	return stepped;
}

void unwind_begin(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	unwind->return_address = 0;
	unwind->is_exact = false;
	unwind->first = first;
	unwind->last = last;
}

void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .pc = frame->epc,
		.stack_pointer = frame->registers[REGISTER_SP],
		.frame_pointer = frame->registers[REGISTER_FP],
		.return_address = frame->registers[REGISTER_RA],
		.is_exact = true,
		.first = first,
		.last = last };
}

void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last)
{
	const struct saved_registers *saved = (const struct saved_registers *) context->stack_pointer;

	*unwind = (struct unwind){ .pc = (uintptr_t) context_switch,
		.stack_pointer = context->stack_pointer + sizeof(*saved),
		.frame_pointer = saved->frame_pointer,
		.return_address = saved->return_address,
		.is_exact = true,
		.first = first,
		.last = last };
}
