/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The shootdown of generic/tlb.c, for Spin. tools/model runs it.
 *
 * WHAT IS SHOWN, over all interleavings of three CPUs:
 *
 *   no stale access    whoever uses a translation, or walks through a page
 *                      table, meets a frame that was not given back
 *   no deadlock        every run ends with each CPU idle and nobody waiting.
 *                      The programs have no loops but bounded ones, so that no
 *                      run that is stuck can go on in a circle instead.
 *
 * SCENE. Page p is mapped to frame p by a table of its own. CPU 0 unmaps pages
 * 0 and 2, so that it writes its request anew; CPU 1 unmaps page 1 at the same
 * time; CPU 2 reads, and starts late. All of them read any page in between. Of
 * an even page the table is unhooked with its entry still in it, and given back
 * as well; of an odd page the entry is cleared and the table stays. What is
 * given back counts as given out again at once.
 *
 * A STEP is one access to memory that others see. An instruction of a program
 * (reading a page) is several: look into the TLB, read the entry of the table
 * above, read that of the table, use the frame. Interrupts are taken between
 * instructions, where they are on, or any time later: that they are off for a
 * while is one case of that.
 *
 * NOT IN IT: accesses that other CPUs see in another order; ranges of pages;
 * and the short way of a machine with one CPU up (tlb_shared).
 *
 * BROKEN ON PURPOSE. Each of these names takes out one thing that the protocol
 * rests on, and then the model has to fail:
 *
 *   NO_WAIT     who asks does not wait                         stale access
 *   JOIN_LATE   a new CPU drops what it holds, then joins      stale access
 *   NO_ANSWER   who waits does not answer                      deadlock
 *   LOCK_KEPT   who waits holds the lock of the page table     deadlock
 *   TAKE_LATE   the inbox is emptied after it was answered     deadlock
 */

#define CPUS 3
#define PAGES 3
#define LATE 2 /* the CPU that starts late */

#define BIT(i) (1 << (i))
#define TABLE_GOES(page) ((page) % 2 == 0)

/* Page tables, and whether what they lead to is still that of the page. */
bool hooked[PAGES] = true;
bool present[PAGES] = true;
bool table_kept[PAGES] = true;
bool frame_kept[PAGES] = true;
bool locked;

/* generic/tlb.c */
byte request[CPUS]; /* the page */
byte waiting[CPUS];
byte inbox[CPUS]; /* a bit for each CPU */
bool up[CPUS];

/* The machine. */
bool interrupted[CPUS];

inline tlb_answer()
{
	if
	:: inbox[me] != 0 ->
#ifdef TAKE_LATE
		taken = inbox[me];
#else
		d_step { taken = inbox[me]; inbox[me] = 0 };
#endif
		do
		:: asker < CPUS && (taken & BIT(asker)) ->
			tlb = tlb & ~BIT(request[asker]);
			waiting[asker]--;
			asker++
		:: asker < CPUS && !(taken & BIT(asker)) -> asker++
		:: asker == CPUS -> break
		od;
#ifdef TAKE_LATE
		inbox[me] = 0;
#endif
		taken = 0;
		asker = 0
	:: else
	fi
}

inline take_interrupt()
{
	interrupted[me] = false;
	tlb_answer()
}

/* Between two instructions: an interrupt may come now, or later. */
inline interrupts_on()
{
	if
	:: interrupted[me] -> take_interrupt()
	:: true
	fi
}

inline ask()
{
	do
	:: asked < CPUS && asked != me && up[asked] ->
		waiting[me]++;
		d_step { was_empty = inbox[asked] == 0; inbox[asked] = inbox[asked] | BIT(me) };
		if
		:: was_empty -> interrupted[asked] = true
		:: else
		fi;
		was_empty = false;
		asked++
	:: asked < CPUS && (asked == me || !up[asked]) -> asked++
	:: asked == CPUS -> break
	od;
	asked = 0
}

inline wait()
{
#ifdef NO_WAIT
	skip
#else
	do
	:: waiting[me] == 0 -> break
#ifndef NO_ANSWER
	:: waiting[me] != 0 && inbox[me] != 0 -> tlb_answer()
#endif
	od
#endif
}

inline tlb_drop(page)
{
	request[me] = page;
	waiting[me] = 0;
	ask();
	tlb = tlb & ~BIT(page);
	wait()
}

/* genarch/pt/remove.c, and the caller, who gives the frame back. */
inline unmap(page)
{
	atomic { !locked -> locked = true };
	if
	:: TABLE_GOES(page) -> hooked[page] = false
	:: else -> present[page] = false
	fi;
#ifdef LOCK_KEPT
	tlb_drop(page);
	locked = false;
#else
	locked = false;
	tlb_drop(page);
#endif
	if
	:: TABLE_GOES(page) -> table_kept[page] = false
	:: else
	fi;
	frame_kept[page] = false
}

/* The CPU looks a page up, if it is not in the TLB. */
inline walk(page)
{
	if
	:: !(tlb & BIT(page)) && hooked[page] ->
		assert(table_kept[page]);
		if
		:: present[page] -> tlb = tlb | BIT(page)
		:: else
		fi
	:: else
	fi
}

/* An instruction that reads any page; it faults if that is not mapped. */
inline read_any()
{
	if
	:: page = 0
	:: page = 1
	:: page = 2
	fi;
	walk(page);
	if
	:: tlb & BIT(page) -> assert(frame_kept[page])
	:: else
	fi;
	page = 0;
	interrupts_on()
}

/* What a CPU may look up before anybody has told it to. */
inline walk_ahead()
{
	if
	:: atomic { hooked[0] -> tlb = tlb | BIT(0) }
	:: atomic { present[1] -> tlb = tlb | BIT(1) }
	:: true
	fi
}

inline tlb_cpu_start()
{
	walk_ahead();
#ifdef JOIN_LATE
	tlb = 0;
	walk_ahead();
	up[me] = true
#else
	up[me] = true;
	walk_ahead();
	tlb = 0
#endif
}

proctype cpu(byte me)
{
	byte tlb; /* a bit for each page */
	byte taken, asker, asked, page;
	bool was_empty;

	if
	:: me == 0 ->
		read_any();
		unmap(0);
		read_any();
		unmap(2)
	:: me == 1 ->
		read_any();
		unmap(1);
		read_any()
	:: me == LATE ->
		tlb_cpu_start();
		read_any();
		read_any()
	fi;
end:
	do
	:: interrupted[me] -> take_interrupt()
	od
}

init
{
	atomic {
		up[0] = true;
		up[1] = true;
		run cpu(0);
		run cpu(1);
		run cpu(LATE)
	}
}
