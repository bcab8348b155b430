// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * The simulated machine: one Itanium processor, memory, a clock and a console.
 *
 * References are to the Intel Itanium Architecture Software Developer's Manual,
 * revision 2.3: "1:", "2:" and "3:" are its volumes. README.md has the map of
 * the files, what is modelled, and what is not.
 *
 * There is one machine in a process, so its state is the one object @c cpu.
 * An instruction that raises an interruption does not return: interruption.c
 * sets the machine up at the vector and jumps back to the loop in run.c. An
 * instruction therefore changes nothing before its last possible fault.
 */
#ifndef IA64SIM_SIM_H
#define IA64SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef unsigned __int128 u128;

/** Stacked registers that the register file has; the least that 1:4.1 allows. */
enum { STACKED = 96 };

/** Fields of the PSR (2:3.3.2). */
enum {
	PSR_BE = 1,
	PSR_UP = 2,
	PSR_AC = 3,
	PSR_MFL = 4,
	PSR_MFH = 5,
	PSR_IC = 13,
	PSR_I = 14,
	PSR_PK = 15,
	PSR_DT = 17,
	PSR_DFL = 18,
	PSR_DFH = 19,
	PSR_SP = 20,
	PSR_PP = 21,
	PSR_DI = 22,
	PSR_SI = 23,
	PSR_DB = 24,
	PSR_LP = 25,
	PSR_TB = 26,
	PSR_RT = 27,
	PSR_CPL = 32,
	PSR_IS = 34,
	PSR_MC = 35,
	PSR_IT = 36,
	PSR_ID = 37,
	PSR_DA = 38,
	PSR_DD = 39,
	PSR_SS = 40,
	PSR_RI = 41,
	PSR_ED = 43,
	PSR_BN = 44,
	PSR_IA = 45,
};

#define BIT(n) (1ULL << (n))

/** Application registers (1:3.1.8). */
enum {
	AR_RSC = 16,
	AR_BSP = 17,
	AR_BSPSTORE = 18,
	AR_RNAT = 19,
	AR_CSD = 25,
	AR_CCV = 32,
	AR_UNAT = 36,
	AR_FPSR = 40,
	AR_ITC = 44,
	AR_PFS = 64,
	AR_LC = 65,
	AR_EC = 66,
};

/** Control registers (2:3.3.4). */
enum {
	CR_DCR = 0,
	CR_ITM = 1,
	CR_IVA = 2,
	CR_PTA = 8,
	CR_IPSR = 16,
	CR_ISR = 17,
	CR_IIP = 19,
	CR_IFA = 20,
	CR_ITIR = 21,
	CR_IIPA = 22,
	CR_IFS = 23,
	CR_IIM = 24,
	CR_IHA = 25,
	CR_LID = 64,
	CR_IVR = 65,
	CR_TPR = 66,
	CR_EOI = 67,
	CR_IRR0 = 68,
	CR_ITV = 72,
	CR_PMV = 73,
	CR_CMCV = 74,
	CR_LRR0 = 80,
	CR_LRR1 = 81,
};

/** A floating-point register: 82 bits (1:5.1). */
struct fr {
	uint64_t significand;
	uint32_t exponent; //!< 17 bits, biased by 0xffff
	uint32_t sign;
};

/** One decoded instruction. Which of the fields it uses depends on @c execute. */
struct insn {
	bool (*execute)(const struct insn *); //!< true if it has set cpu.ip and cpu.slot itself
	uint64_t imm;
	uint8_t qp;         //!< 0 also where the instruction must run with a false predicate; then @c q has it
	uint8_t r1, r2, r3; //!< general, floating-point or branch registers
	uint8_t p1, p2;     //!< target predicates, or the fourth register
	uint8_t x, y;       //!< variants: size, form, relation; see each execute function
	uint8_t q;
};

/** A decoded bundle. An MLX bundle has its long instruction in slot 1, and in slot 2 one that only steps on. */
struct bundle {
	struct insn slot[3];
	bool decoded;
};

/** A translation (2:4.1.1). */
struct translation {
	bool valid;
	uint64_t va, mask; //!< va & mask is the page; mask has the bits of the offset cleared, and the region
	uint32_t rid;
	uint32_t key;
	uint8_t ps;
	uint8_t ma, rights, pl;
	bool present, accessed, dirty, ed;
	uint64_t pa;
	uint64_t used; //!< stamp of the last look-up; the least goes first
};

enum { TRANSLATION_REGISTERS = 16, TRANSLATION_CACHE = 128 };

struct tlb {
	struct translation fixed[TRANSLATION_REGISTERS];
	struct translation cache[TRANSLATION_CACHE];
};

struct cpu {
	uint64_t ip; //!< address of the bundle
	unsigned slot;
	uint64_t last_ip;          //!< bundle that was left last, for IIPA
	unsigned entered;          //!< slot by which the current bundle was entered
	uint64_t pr;               //!< predicates as the program names them; bit 0 is 1
	uint64_t gr[32 + STACKED]; //!< r0 to r31, then the stacked registers of the file; gr_index() finds one
	uint8_t nat[32 + STACKED];
	uint64_t banked[16]; //!< r16 to r31 of the other bank
	uint8_t banked_nat[16];
	struct fr fr[128];
	uint64_t br[8];
	uint64_t ar[128];
	uint64_t cr[128];
	uint64_t rr[8], pkr[16], ibr[8], dbr[8], pmc[32], pmd[32], cpuid[8];
	uint64_t psr; //!< without ri, which is @c slot

	/** CFM, in parts (1:3.1.7); sor in registers. */
	unsigned sof, sol, sor, rrb_gr, rrb_fr, rrb_pr;

	/** The register stack engine; rse.c has the picture. */
	unsigned bof;
	int dirty;
	uint64_t bsp, bspstore, rnat;
	bool incomplete; //!< RSE.CFLE

	struct tlb itlb, dtlb;
	bool code_ed; //!< ed of the page that instructions come from

	uint64_t irr[4], in_service[4];

	uint64_t count;               //!< instructions executed
	uint64_t attend_at;           //!< attend() is called when @c count gets here
	uint64_t timer_at;            //!< @c count at the next match of itc and itm
	uint64_t itc_base, itc_count; //!< ar.itc had the value itc_base when @c count was itc_count
	uint64_t interruptions;
};

extern struct cpu cpu;

static inline bool psr_is(unsigned bit)
{
	return cpu.psr >> bit & 1;
}

static inline unsigned cpl(void)
{
	return cpu.psr >> PSR_CPL & 3;
}

/** @return the place of register @p r in cpu.gr; @p r is in the current frame, else see frame_violation() */
static inline unsigned gr_index(unsigned r);

// run.c
/** Runs until @p limit instructions are counted, or something stops it. */
enum stop { STOP_LIMIT, STOP_BREAKPOINT, STOP_EXIT, STOP_ERROR, STOP_INTERRUPTED };
enum stop run(uint64_t limit);
/** From now on Ctrl-C ends run(), not the process. */
void catch_interrupts(void);
/** Leaves run(). */
_Noreturn void leave(enum stop why);
/** Goes on at cpu.ip; what the current instruction has not done, it will not do. */
_Noreturn void resume(void);
/** Reports what this simulator does not model, with the instruction, and leaves run() with STOP_ERROR. */
_Noreturn void unmodelled(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** attend() is to be called before the next instruction. */
void want_attention(void);
/** Status of the process, after STOP_EXIT. */
extern int exit_status;
/** Options that the user gave, see main.c. */
extern struct options {
	unsigned itc_period; //!< instructions for one count of ar.itc
	bool real_idle;      //!< halt light waits in real time
	bool statistics, quiet;
	const char *arguments; //!< boot arguments
	const char *initramfs;
} options;

// interruption.c
enum vector {
	VECTOR_VHPT = 0x0000,
	VECTOR_ITLB = 0x0400,
	VECTOR_DTLB = 0x0800,
	VECTOR_ALT_ITLB = 0x0c00,
	VECTOR_ALT_DTLB = 0x1000,
	VECTOR_NESTED = 0x1400,
	VECTOR_IKEY_MISS = 0x1800,
	VECTOR_DKEY_MISS = 0x1c00,
	VECTOR_DIRTY = 0x2000,
	VECTOR_IACCESS = 0x2400,
	VECTOR_DACCESS = 0x2800,
	VECTOR_BREAK = 0x2c00,
	VECTOR_EXTERNAL = 0x3000,
	VECTOR_NOT_PRESENT = 0x5000,
	VECTOR_KEY_PERMISSION = 0x5100,
	VECTOR_IRIGHTS = 0x5200,
	VECTOR_DRIGHTS = 0x5300,
	VECTOR_GENERAL = 0x5400,
	VECTOR_DISABLED_FP = 0x5500,
	VECTOR_NAT = 0x5600,
	VECTOR_SPECULATION = 0x5700,
	VECTOR_DEBUG = 0x5900,
	VECTOR_UNALIGNED = 0x5a00,
	VECTOR_UNSUPPORTED = 0x5b00,
	VECTOR_FP_FAULT = 0x5c00,
	VECTOR_FP_TRAP = 0x5d00,
	VECTOR_LOWER_PRIVILEGE = 0x5e00,
	VECTOR_TAKEN_BRANCH = 0x5f00,
	VECTOR_SINGLE_STEP = 0x6000,
};
/** Bits of ISR (2:8.2). */
enum {
	ISR_X = 32,
	ISR_W = 33,
	ISR_R = 34,
	ISR_NA = 35,
	ISR_SP = 36,
	ISR_RS = 37,
	ISR_IR = 38,
	ISR_NI = 39,
	ISR_EI = 41,
	ISR_ED = 43,
};
/** Codes of VECTOR_GENERAL, bits 7:4 of ISR.code, and of VECTOR_NAT. */
enum { ILLEGAL_OPERATION = 0x00, PRIVILEGED_OPERATION = 0x10, PRIVILEGED_REGISTER = 0x20, RESERVED_FIELD = 0x30 };
enum { REGISTER_NAT = 0x10, PAGE_NAT = 0x20 };

_Noreturn void interrupt(enum vector vector, uint64_t isr);
/** Interruption that has an address: IFA, and ITIR and IHA where the vector has them. */
_Noreturn void interrupt_at(enum vector vector, uint64_t isr, uint64_t va);
_Noreturn void illegal_operation(void);
_Noreturn void privileged_operation(void);
_Noreturn void register_nat(uint64_t isr);
/** break (and the faults of chk on a missing branch): @p imm goes into IIM. */
_Noreturn void interrupt_with(enum vector vector, uint64_t imm);
void switch_banks(void);
/** The external interrupts (2:5.8). */
void external_pend(unsigned vector);
bool external_waits(void);
uint64_t external_take(void);
void external_end(void);
/** Called by attend(): the timer, and an interrupt if one is due. */
void interruption_attend(void);
void timer_changed(void);
uint64_t itc_read(void);
void itc_write(uint64_t value);
/** psr = @p value, with the consequences of what changed. */
void psr_write(uint64_t value);

// memory.c: physical memory
uint8_t *physical(uint64_t pa);
struct bundle *decoded_page(uint64_t pa);
/** What fc, sync.i and srlz.i do to decoded bundles. */
void icache_flush_line(uint64_t pa);
void icache_sync(void);
void icache_serialize(void);
bool memory_read(uint64_t pa, void *to, unsigned size);
bool memory_write(uint64_t pa, const void *from, unsigned size);

// tlb.c
enum access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXECUTE = 4,
	ACCESS_RSE = 8,
	ACCESS_SPECULATIVE = 16,
	ACCESS_NON = 32, //!< non-access; bits 11:8 are its code
};
#define NON_ACCESS(code) (ACCESS_NON | (code) << 8)
enum { CODE_TPA = 0, CODE_FC = 1, CODE_PROBE = 2, CODE_TAK = 3, CODE_LFETCH = 4, CODE_PROBE_FAULT = 5 };
/** What a translation comes to. */
struct outcome {
	enum { TRANSLATED, FAULT, UNIMPLEMENTED } kind;
	enum vector vector;
	uint64_t code;
	uint64_t pa;
	unsigned ma;
	bool ed;
	unsigned deferral; //!< bit of DCR that defers this fault
	uint64_t iha;
};
struct outcome translate_quietly(uint64_t va, unsigned access, unsigned pl, bool on);
/** @return the physical address; raises the fault if there is one */
uint64_t translate(uint64_t va, unsigned access, unsigned pl, bool on);
_Noreturn void translation_fault(const struct outcome *outcome, uint64_t va, unsigned access);
void tlb_insert(struct tlb *tlb, int slot, uint64_t va, uint64_t pte, uint64_t itir);
void tlb_purge(uint64_t va, unsigned ps);
void tlb_purge_all(void);
void tlb_purge_fixed(struct tlb *tlb, uint64_t va, unsigned ps);
const struct translation *tlb_find(struct tlb *tlb, uint64_t va);
uint64_t vhpt_hash(uint64_t va);
uint64_t vhpt_tag(uint64_t va);
/** What fast look-ups remember no longer holds. */
void fast_forget(void);
/** Memory as the program addresses it: aligned, within a page. */
uint64_t load(uint64_t va, unsigned size, unsigned access, unsigned pl, bool on);
void store(uint64_t va, uint64_t value, unsigned size, unsigned access, unsigned pl, bool on);
uint8_t *data_pointer(uint64_t va, unsigned access, unsigned pl, bool on);
struct bundle *fetch_page(uint64_t ip);

// rse.c
uint64_t cfm_read(void);
void cfm_write(uint64_t cfm);
void rrb_pr_write(unsigned rrb);
uint64_t pr_read(void);
void pr_write(uint64_t value, uint64_t mask);
void rotate(void);
void rse_call(void);
void rse_cover(void);
void rse_alloc(unsigned sof, unsigned sol, unsigned sor);
/** Return to a frame of @p cfm of which the first @p preserved registers lie below the current one. */
void rse_return(uint64_t cfm, unsigned preserved);
void rse_fill(void);
void rse_flush(void);
void rse_load(void);
void rse_write_bspstore(uint64_t value);
uint64_t rse_skip(uint64_t address, int registers);
_Noreturn void frame_violation(unsigned r);

static inline unsigned gr_index(unsigned r)
{
	if (r < 32)
		return r;
	r -= 32;
	if (__builtin_expect(r >= cpu.sof, 0))
		frame_violation(r + 32);
	if (__builtin_expect(r < cpu.sor, 0)) {
		r += cpu.rrb_gr;
		if (r >= cpu.sor)
			r -= cpu.sor;
	}
	r += cpu.bof;
	if (r >= STACKED)
		r -= STACKED;
	return r + 32;
}

/** @return the place of target @p r; r0 and those outside the frame are illegal (3:2, check_target_register) */
static inline unsigned gr_target(unsigned r)
{
	if (__builtin_expect(r == 0 || (r >= 32 && r - 32 >= cpu.sof), 0))
		illegal_operation();
	return gr_index(r);
}

static inline bool pr_is(unsigned p)
{
	return cpu.pr >> p & 1;
}

/** Writes to p0 are dropped. */
static inline void pr_set(unsigned p, bool value)
{
	cpu.pr = (cpu.pr & ~BIT(p)) | (uint64_t) value << p | 1;
}

static inline unsigned fr_index(unsigned f)
{
	if (f < 32)
		return f;
	f += cpu.rrb_fr;
	return f < 128 ? f : f - 96;
}

/** Bits @p high to @p low of an instruction. */
static inline uint64_t field(uint64_t slot, unsigned high, unsigned low)
{
	return slot >> low & ((2ULL << (high - low)) - 1);
}

static inline int64_t sign_extend(uint64_t value, unsigned bits)
{
	return (int64_t) (value << (64 - bits)) >> (64 - bits);
}

// decode.c
void decode(struct bundle *bundle, const uint8_t *bytes);
/** Each fills in @p insn from the 41 bits of a slot; false: not an instruction that is known. */
bool decode_integer(struct insn *insn, uint64_t slot, bool i_unit);
bool decode_memory(struct insn *insn, uint64_t slot);
bool decode_branch(struct insn *insn, uint64_t slot);
bool decode_long(struct insn *insn, uint64_t slot, uint64_t extension);
bool decode_fp(struct insn *insn, uint64_t slot);
bool decode_fp_memory(struct insn *insn, uint64_t slot);
bool decode_system(struct insn *insn, uint64_t slot);
bool decode_multimedia(struct insn *insn, uint64_t slot, bool i_unit);
bool execute_nop(const struct insn *insn);
bool execute_second_half(const struct insn *insn);
bool execute_break(const struct insn *insn);
bool execute_illegal(const struct insn *insn);
bool execute_chk_s(const struct insn *insn);
uint64_t imm21(uint64_t slot);

// system.c: also reached from the I unit
bool execute_mov_from_ar(const struct insn *insn);
bool execute_mov_to_ar(const struct insn *insn);
void decode_ar_imm(struct insn *insn, uint64_t slot);
bool execute_mov_ar_imm(const struct insn *insn);

// fp.c
void fr_write(unsigned f, struct fr value);
void fp_enabled(unsigned f1, unsigned f2, unsigned f3, unsigned f4, bool target);
bool fr_is_natval(struct fr value);
struct fr fr_from_memory(unsigned format, uint64_t low, uint64_t high);
void fr_to_memory(unsigned format, struct fr value, uint64_t *low, uint64_t *high);

// ssc.c
/** @return true if the break was a call of the simulator */
bool ssc_call(uint64_t imm);
void ssc_poll(void);
void ssc_end(void);

// elf.c
/** @return the entry; does not return if the file is not one to boot */
uint64_t elf_load(const char *path);

// trace.c
extern FILE *trace_file;
void trace_before(void);
void trace_after(void);
void print_registers(FILE *out);
void print_fp(FILE *out);
void print_tlbs(FILE *out);
/** Value of a register by the name that assembly has for it. @return false if there is none of that name */
bool register_named(const char *name, uint64_t *value);

// command.c
extern uint64_t breakpoints[16];
extern unsigned breakpoint_count;
/** Runs commands from @p script, or a terminal if it is NULL. @return what stopped the machine last */
enum stop command_loop(const char *script);

#endif
