/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who is asked when translations are dropped (generic/tlb.c, "Who is asked"),
 * for Spin: a CPU that switches between page tables, with identifiers of
 * address spaces or without, while others change one of them. tools/model runs
 * it. How who is asked answers is another model, shootdown.pml.
 *
 * WHAT IS SHOWN, over all interleavings:
 *
 *   no stale access    whoever uses a translation meets a frame that was not
 *                      given back; and when a frame is given back no CPU that
 *                      has its page table loaded holds a translation to it
 *   no deadlock        every run ends
 *
 * SCENE. Two CPUs unmap a page each of page table T, and give its frame back. A
 * third goes over to T, to another one, U, and back, several times; in T it reads
 * pages. It has two identifiers to give, so that a generation ends soon.
 *
 * WRITES that others see go through a queue, as on a machine with store
 * buffers: a fence waits till the CPU's own is empty. What a CPU reads of its
 * own it reads after a fence. A CPU may look a page up at any time, and keep it,
 * in the page table and under the identifier it has loaded. Interrupts are taken
 * between instructions and not in a switch.
 *
 * PLAIN leaves identifiers out: loading a root drops what there is.
 *
 * BROKEN ON PURPOSE. Each of these takes one thing out, and then the model has to
 * find a stale access:
 *
 *   NO_SWITCHING    S1 is left out: between two page tables the CPU still says the first
 *   USES_EARLY      S4 comes before S3
 *   NO_FENCE_SWITCH S2 is left out
 *   NO_FENCE_ASK    A1 is left out
 *   NO_FENCE_VOID   A3 has no fence
 *   NO_VOID         A3 does not make the context void
 *   NO_SECOND_LOOK  A3 does not look again
 *   LOOK_THEN_VOID  A3 looks again, then makes it void
 *   VOID_TRUSTED    A3 does nothing if the context is void
 *   VOID_EARLY      A3 writes nothing if the context was void before A2
 *   UNDER_OLD       a generation begins under the identifier in use
 */

#define T 1
#define U 2
#define SWITCHING 3

#define IDENTIFIERS 2
#define RUNNER 2
#define ASKERS 2
#define BIT(i) (1 << (i))

/* What is in the queues: a variable and its value. */
#define PRESENT 0 /* + page */
#define CONTEXT 2
#define USES 3

chan queue[3] = [4] of { byte, byte };

bool present[ASKERS] = true;
bool frame_kept[ASKERS] = true;
byte context; /* of T on the third CPU; 0 = void */
byte uses;    /* by the third CPU */
bool asked[ASKERS];

/* The third CPU's own. */
byte tlb[IDENTIFIERS + 1]; /* by identifier: a bit for each page of T */
byte root, identifier;

inline write(cpu, variable, value)
{
	queue[cpu] ! variable, value
}

inline fence(cpu)
{
	empty(queue[cpu])
}

/* The first of a queue reaches memory, some time. */
proctype memory(byte cpu)
{
	byte variable, value;

end:
	do
	:: atomic {
		queue[cpu] ? variable, value ->
		if
		:: variable < CONTEXT -> present[variable] = value
		:: variable == CONTEXT -> context = value
		:: variable == USES -> uses = value
		fi;
		variable = 0;
		value = 0
	}
	od
}

/* ---- who asks ---- */

inline ask()
{
	asked[me] = true;
	!asked[me]
}

inline look_again()
{
#ifdef NO_SECOND_LOOK
	skip
#else
	if
	:: uses == T || uses == SWITCHING -> ask()
	:: else
	fi
#endif
}

/* As asid_void: what is void already is not written. */
inline make_void()
{
#ifndef NO_VOID
	if
#ifdef VOID_EARLY
	:: seen != 0 -> write(me, CONTEXT, 0)
#else
	:: context != 0 -> write(me, CONTEXT, 0)
#endif
	:: else
	fi;
#endif
#ifndef NO_FENCE_VOID
	fence(me)
#else
	skip
#endif
}

proctype asker(byte me)
{
#ifdef VOID_EARLY
	byte seen;
#endif

	write(me, PRESENT + me, false);
#ifndef NO_FENCE_ASK
	fence(me);
#endif
#ifdef VOID_EARLY
	seen = context;
#endif
	if
	:: uses == T || uses == SWITCHING -> ask()
	:: else ->
#ifndef PLAIN
#ifdef VOID_TRUSTED
		if
		:: context == 0
		:: else -> make_void(); look_again()
		fi
#else
#ifdef LOOK_THEN_VOID
		look_again();
		make_void()
#else
		make_void();
		look_again()
#endif
#endif
#else
		skip
#endif
	fi;
	atomic {
		frame_kept[me] = false;
		assert(!(root == T && tlb[identifier] & BIT(me)))
	}
}

/* ---- who switches ---- */

/* The page table that is loaded is T: the CPU looks up a page that it has not. */
inline look_up(page)
{
	if
	:: root == T && !(tlb[identifier] & BIT(page)) && present[page] -> tlb[identifier] = tlb[identifier] | BIT(page)
	:: else
	fi
}

inline look_ahead()
{
	if
	:: true -> look_up(0)
	:: true -> look_up(1)
	:: true
	fi
}

inline generation_begin()
{
#ifndef UNDER_OLD
	root = 0;
	identifier = 0;
#endif
	d_step { tlb[1] = 0; tlb[2] = 0; next = 1; is_of_t = false; is_of_u = false };
	look_ahead()
}

inline take()
{
	if
	:: next > IDENTIFIERS -> generation_begin()
	:: else
	fi;
	taken = next;
	next++
}

inline renew_t()
{
	take();
	is_of_t = true;
	write(RUNNER, CONTEXT, taken);
	d_step { root = T; identifier = taken }
}

inline load_t()
{
#ifdef PLAIN
	d_step { root = T; identifier = 1; tlb[1] = 0 };
#else
	taken = context;
	if
	:: taken == 0 || !is_of_t -> renew_t()
	:: else -> d_step { root = T; identifier = taken }
	fi;
#endif
	look_ahead()
}

/* Nobody makes U's context void. */
inline load_u()
{
#ifdef PLAIN
	d_step { root = U; identifier = 1; tlb[1] = 0 }
#else
	if
	:: !is_of_u -> take(); is_of_u = true; context_u = taken
	:: else
	fi;
	d_step { root = U; identifier = context_u }
#endif
}

inline switch_begin(to)
{
#ifdef USES_EARLY
	write(RUNNER, USES, to);
#else
#ifndef NO_SWITCHING
	write(RUNNER, USES, SWITCHING);
#endif
#endif
#ifndef NO_FENCE_SWITCH
	fence(RUNNER);
#endif
	table = to
}

inline switch_end()
{
#ifndef USES_EARLY
	write(RUNNER, USES, table)
#else
	skip
#endif
}

inline answer_one(page)
{
	if
	:: asked[page] ->
		if
		:: table != T -> write(RUNNER, CONTEXT, 0)
		:: table == T -> tlb[identifier] = tlb[identifier] & ~BIT(page)
#ifndef PLAIN
		:: table == T -> renew_t()
#endif
		fi;
		asked[page] = false
	:: else
	fi
}

inline interrupts_on()
{
	if
	:: true -> answer_one(0); answer_one(1)
	:: true
	fi
}

/* An instruction that reads a page; it faults if that is not mapped. */
inline read(page)
{
	look_up(page);
	if
	:: tlb[identifier] & BIT(page) -> assert(frame_kept[page])
	:: else
	fi
}

inline read_any()
{
	if
	:: true -> read(0)
	:: true -> read(1)
	:: true
	fi;
	interrupts_on()
}

inline stay_in_t()
{
	switch_begin(T);
	load_t();
	switch_end();
	interrupts_on();
	read_any()
}

inline stay_in_u()
{
	switch_begin(U);
	load_u();
	switch_end();
	interrupts_on()
}

proctype runner()
{
	byte table, taken, context_u, next = 1;
	bool is_of_t, is_of_u; /* the contexts are of this generation */

	stay_in_t();
	stay_in_u();
	stay_in_t();
	stay_in_u();
	stay_in_t();
	stay_in_u();
	stay_in_t();
end:
	do
	:: asked[0] || asked[1] -> answer_one(0); answer_one(1)
	od
}

init
{
	atomic {
		run memory(0);
		run memory(1);
		run memory(RUNNER);
		run asker(0);
		run asker(1);
		run runner()
	}
}
