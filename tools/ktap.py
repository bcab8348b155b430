# SPDX-License-Identifier: BSD-2-Clause
"""Reads KTAP, the test results that the kernel's console and the host's runner print.

Only the outermost level counts. A plan that was not kept is so many failures:
cases that never said how they ended did not end well.
"""

import re

RESULT = re.compile(r"(not )?ok\b[ \t]*(\d+)?[ \t]*(?:- )?([^#]*)(?:#[ \t]*(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#.*)?$")


class Summary:
    """What the lines of one run add up to."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.planned = None
        self.failures = []  # (name, its lines of diagnosis)
        self._notes = []

    def add(self, line):
        """Takes one line of output; what is not KTAP is passed over."""
        line = line.rstrip()
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan and self.planned is None:
            self.planned = int(plan.group(1))
        elif result:
            self._case(result)
        elif line.startswith("Bail out!"):
            self.failed += 1
            self.failures.append((line, []))
        elif line.startswith("#"):
            self._notes.append(line)

    def _case(self, result):
        name, directive = result.group(3).strip(), (result.group(4) or "").upper()
        if directive.startswith("SKIP"):
            self.skipped += 1
        elif result.group(1):
            self.failed += 1
            self.failures.append((name, self._notes))
        else:
            self.passed += 1
        self._notes = []

    def close(self):
        """No more lines: holds what came to the plan."""
        told = self.ended()
        if self.planned is None:
            self.failed += 1
            self.failures.append(("no plan: the run told no results", []))
        elif told < self.planned:
            self.failed += self.planned - told
            self.failures.append((f"{self.planned - told} of {self.planned} cases never ended", []))

    def ended(self):
        """Cases that have told how they ended."""
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
