# SPDX-License-Identifier: BSD-2-Clause
"""Reads KTAP, the test results that the kernel's console and the host's runner print.

Only the outermost level counts. A plan that was not kept is so many failures:
cases that never said how they ended did not end well.
"""

import re

# Cases by what they are about: the first word of a name.
GROUPS = {
    "frames": "frame buddy zone",
    "memory map": "memmap boot fdt yamon openfirmware",
    "memory pressure": "wake reserve reservation reclaim held inject",
    "slabs": "slab",
    "malloc": "malloc",
    "ranges": "vmem",
    "kernel ranges": "km",
    "pages": "page mapping direct sequence offsets",
    "TLB and roots": "tlb asid seen roots caches shootdown",
    "address spaces": "as",
    "user mode": "user",
    "threads": "thread semaphore mutex condvar preempt cpus port",
    "traps": "trap unwind backtrace",
    "console": "line command lib format",
}
OTHERS = "others"
GROUP_OF = {word: group for group, words in GROUPS.items() for word in words.split()}

RESULT = re.compile(r"(not )?ok\b[ \t]*(\d+)?[ \t]*(?:- )?([^#]*)(?:#[ \t]*(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#.*)?$")


class Summary:
    """What the lines of one run add up to."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.planned = None
        self.failures = []  # (name, its lines of diagnosis)
        self.groups = {}  # of each group: passed, failed, skipped, seconds
        self._notes = []

    def add(self, line, seconds=0.0):
        """Takes one line of output; what is not KTAP is passed over. seconds: since the last result, if this is one."""
        line = line.rstrip()
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan and self.planned is None:
            self.planned = int(plan.group(1))
        elif result:
            self._case(result, seconds)
            return True
        elif line.startswith("Bail out!"):
            self.failed += 1
            self._count(OTHERS, 1, 1)
            self.failures.append((line, []))
        elif line.startswith("#"):
            self._notes.append(line)
        return False

    def _count(self, group, column, amount):
        self.groups.setdefault(group, [0, 0, 0, 0.0])[column] += amount

    def _case(self, result, seconds):
        name, directive = result.group(3).strip(), (result.group(4) or "").upper()
        if directive.startswith("SKIP"):
            self.skipped += 1
        elif result.group(1):
            self.failed += 1
            self.failures.append((name, self._notes))
        else:
            self.passed += 1
        group = GROUP_OF.get(re.split(r"[_. ]", name)[0], OTHERS)
        self._count(group, 2 if directive.startswith("SKIP") else 1 if result.group(1) else 0, 1)
        self._count(group, 3, seconds)
        self._notes = []

    def close(self):
        """No more lines: holds what came to the plan."""
        told = self.ended()
        if self.planned is None:
            self.failed += 1
            self._count(OTHERS, 1, 1)
            self.failures.append(("no plan: the run told no results", []))
        elif told < self.planned:
            self.failed += self.planned - told
            self._count(OTHERS, 1, self.planned - told)
            self.failures.append((f"{self.planned - told} of {self.planned} cases never ended", []))

    def ended(self):
        """Cases that have told how they ended."""
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
