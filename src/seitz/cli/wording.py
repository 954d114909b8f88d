"""Messages of the library in the words of the command line: it speaks of options, not of Python arguments."""

from __future__ import annotations

import re

# Strict about what stands around a spelling: folders are called symprec=0.01, too.
_SPELLINGS = (
    (re.compile(r"\bon_error=(?=[\"'])"), "on-error="),
    (
        re.compile(r"\b(descriptor|finder|missing|mode|occupancy|on-error|symmetry|walk)=([\"'])([\w-]*)\2"),
        r"--\1 \3",
    ),
    (re.compile(r"\b(descriptor|property|unit)=\.\.\."), r"--\1"),
    (re.compile(r"\bsymprec=([^\s/\\:]+)(?= Å|: give a)"), r"--symprec \1"),
    (re.compile(r"\bn_threads=([^\s/\\:]+)(?=:? |$)"), r"--threads \1"),
    (re.compile(r"(?<![\w/.-])(mix|refresh)=True\b"), r"--\1"),
    (re.compile(r"(?<![\w/.-])target=\(\)(?= )"), "--no-target"),
    (re.compile(r"(?<![\w/.-])(base|page)_(url|limit)(?![\w/.-])"), r"--\1-\2"),
    (re.compile(r", or None for all processors"), ", or leave it out for all processors"),
    (re.compile(r", or give the format\b"), ""),
    (re.compile(r"[:;,] use read_structures\(\)"), ""),
)
_SITE = re.compile(r"\bsites? \d")
_COUNTED = "(sites count from 0)"


def as_command_line(message: str) -> str:
    """The message with options spelled as on the command line, and with what its site numbers mean.

    Examples
    --------
    >>> as_command_line('site 3 is partially occupied: pass occupancy="average"')
    'site 3 is partially occupied: pass --occupancy average (sites count from 0)'
    """
    for spelling, replacement in _SPELLINGS:
        message = spelling.sub(replacement, message)
    if _SITE.search(message) and "count from 0" not in message:
        message = f"{message} {_COUNTED}"
    return message
