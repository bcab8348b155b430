# SPDX-License-Identifier: BSD-2-Clause
"""Counts instructions of a program under callgrind, while its function `measured` runs."""

import re
import subprocess
import tempfile


def collected(command, environment=None):
    """Runs a command. @return the instructions that were counted, and what it printed"""
    with tempfile.TemporaryDirectory() as scratch:
        tool = ["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--collect-atstart=no"]
        tool += [f"--callgrind-out-file={scratch}/out"]
        done = subprocess.run(tool + command, env=environment, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1)), done.stdout
