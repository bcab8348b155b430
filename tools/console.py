# SPDX-License-Identifier: BSD-2-Clause
"""A command whose output is watched: an emulator with its console, or a program.

HUNG OR SLOW. A command has a limit on its SILENCE: the time since it last
printed something. The limit is not counted in seconds of the wall, because a
command that waits for a CPU which others use is slow, and not hung. It is
counted in the command's OWN TIME: of each interval that passes, the part in
which no thread of the command was ready to run and had to wait for a CPU. The
kernel counts that wait exactly, thread by thread (/proc/PID/task/TID/schedstat,
the second number). Of several threads the one that waited longest counts, for
the others may wait for it.

So a guest that spins is hung when it has had the limit's worth of CPU; a guest
that halts, because all its threads sleep, has its emulator sleep too: it waits
for no CPU, so all of the wall's time is its own; and a guest among busy
neighbours has as many seconds more as the neighbours took. Time that a
hypervisor took from this machine (`steal` in /proc/stat) is not its own either.

A slow machine has a slow clock, too: Console.limit is never less than so many
times what the boot took, in own time. Where there is no schedstat, a thread
that is ready at the moment of looking makes the interval count only by the CPU
time that the command used in it.
"""

import os
import re
import selectors
import signal
import subprocess
import time

PROMPT = "hoplite> "
PANIC = "panic: "
BANNER = re.compile(r"^Hoplite \d[^ ]* \([a-z0-9_-]+, (?:debug|release)\)$", re.MULTILINE)
HALTED = re.compile(r"^halted, status \d+$", re.MULTILINE)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SILENT_BOOTS = 60  # the limit on silence is at least as long as so many boots
DYING_SECONDS = 5  # of own time, for the rest of a panic's message, and for the emulator to go
KEY_SECONDS = 0.01  # between two keys
LOOK_SECONDS = 0.5  # between two looks at the threads
TICKS = os.sysconf("SC_CLK_TCK")


class Trouble(Exception):
    """The run did not go as it should; says how."""


def session_threads(session):
    """The threads of all processes of a session: (its folder in /proc, state, ticks of CPU time)."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as stat:
                if int(stat.read().rpartition(")")[2].split()[3]) != session:
                    continue
            for thread in os.listdir(f"/proc/{process}/task"):
                folder = f"/proc/{process}/task/{thread}"
                with open(f"{folder}/stat", encoding="ascii", errors="replace") as stat:
                    fields = stat.read().rpartition(")")[2].split()
                yield folder, fields[0], int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended


def stolen():
    """Ticks that a hypervisor took from all CPUs, and all ticks there were."""
    try:
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:9]]
        return ticks[7], sum(ticks)
    except (OSError, ValueError, IndexError):
        return 0, 0


class OwnClock:
    """The own time of a session, as told above. Starts at 0."""

    def __init__(self, session):
        self.session, self.seconds = session, 0.0
        self.waits, self.used, self.steal, self.at = {}, 0.0, stolen(), time.monotonic()
        self.look()

    def look(self):
        """Takes the interval since the last look into account. @return seconds of own time since the start"""
        now = time.monotonic()
        if self.waits and now - self.at < LOOK_SECONDS:
            return self.seconds
        waits, ready, used = {}, False, 0
        for folder, state, ticks in session_threads(self.session):
            ready, used = ready or state == "R", used + ticks
            try:
                with open(f"{folder}/schedstat", encoding="ascii") as counts:
                    waits[folder] = int(counts.read().split()[1]) / 1e9
            except (OSError, ValueError, IndexError):
                waits[folder] = None
        interval, steal = now - self.at, stolen()
        known = [wait - (self.waits.get(folder) or 0) for folder, wait in waits.items() if wait is not None]
        if known:
            own = interval - max(known)
        else:
            own = used / TICKS - self.used if ready else interval
        if steal[1] > self.steal[1]:
            own *= 1 - (steal[0] - self.steal[0]) / (steal[1] - self.steal[1])
        self.seconds += min(max(own, 0.0), interval)
        self.waits, self.used, self.steal, self.at = waits, used / TICKS, steal, now
        return self.seconds


class Console:
    """A command's output as text that grows, and its input as keys."""

    def __init__(self, command, limit, heard=None):
        self.text = ""  # all that came so far, with plain line ends
        self.mark = 0  # where in it the answer to the last line typed begins
        self.limit = limit  # seconds of own time that it may be silent
        self.heard = heard or (lambda text: None)  # called with what is new
        self.resets_told = 0
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Trouble(f"{command[0]} could not be started: {error.strerror}") from error
        self.clock = OwnClock(self.process.pid)
        self.heard_at = self.clock.seconds  # own time of the last sign of life
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def read(self, seconds):
        """Takes in what comes within so many seconds; False when the output has ended."""
        if not self.selector.select(seconds):
            self.clock.look()
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        new = ESCAPE.sub("", data.decode("utf-8", "replace").replace("\r", ""))
        self.text += new
        self.heard(new)
        self.heard_at = self.clock.look()
        return bool(data)

    def silence(self):
        """Seconds of own time since something was printed."""
        return self.clock.look() - self.heard_at

    def hold(self, what, limit=None):
        """Trouble if it was silent for too long."""
        limit = limit or self.limit
        if self.silence() > limit:
            raise Trouble(f"Hung: {limit:.0f} s of its own time without a line, and {what} has not come")

    def type(self, line):
        """Types a line as a person would."""
        self.mark = len(self.text)
        self.heard_at = self.clock.look()
        try:
            for key in line + "\r":
                self.process.stdin.write(key.encode())
                self.process.stdin.flush()
                time.sleep(KEY_SECONDS)
        except BrokenPipeError as error:
            raise Trouble(f"The machine was gone while `{line}` was typed") from error

    def wait_for_prompt(self, what, limit=None):
        """Reads up to the next prompt, at the begin of a line; returns what came before it."""
        while not self.text.endswith("\n" + PROMPT, self.mark):
            if not self.read(0.2):
                raise Trouble(f"The machine was gone before {what}: {self.ending()}")
            if PANIC in self.text[self.mark :]:
                self.drain()
                raise Trouble(f"The kernel panicked before {what}")
            if len(BANNER.findall(self.text)) > 1:
                raise Trouble(f"The machine has reset, and booted again, before {what}")
            self.hold(what, limit)
        return self.text[self.mark :]

    def boot(self):
        """Reads up to the first prompt."""
        self.wait_for_prompt("the prompt")
        self.limit = max(self.limit, SILENT_BOOTS * self.clock.look())

    def command(self, line):
        """Types a line. @return the lines that it prints"""
        self.type(line)
        return self.wait_for_prompt(f"the end of `{line}`").split("\n")[1:-1]

    def halt(self, good):
        """Halts the machine, which is to end the emulator with status `good`."""
        self.type("halt")
        self.drain()
        if self.status() != good:
            raise Trouble(f"After `halt`: {self.ending()}, not {good}")
        if not HALTED.search(self.text, self.mark):
            raise Trouble("After `halt`: the machine has reset, or ended without a word")

    def drain(self):
        """Reads what still comes, till the command ends or is silent."""
        while self.silence() < DYING_SECONDS and self.read(0.2):
            pass

    def ending(self):
        """How the command ended, in words."""
        status = self.status()
        if status is None:
            return "it closed its console and went on"
        if status < 0:
            return f"the emulator was killed by signal {-status}"
        if status == 0:
            return "the emulator ended with status 0, as it does when the machine resets (a triple fault)"
        return f"the emulator ended with status {status}"

    def status(self):
        """Exit status, once the output has ended; None if the command does not end."""
        start = self.clock.look()
        while self.process.poll() is None and self.clock.look() - start < DYING_SECONDS:
            time.sleep(0.02)
        return self.process.poll()

    def close(self):
        """Ends the command, and what it has started, if anything still runs."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass
        self.process.wait()
