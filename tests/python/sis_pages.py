# SPDX-License-Identifier: GPL-3.0-or-later
"""The task pages (man/*.7): the commands that stand on them, who types them, and what they print.

In a literal block, or behind .Dl, a line that begins with a prompt is a command, and what follows is its output. A prompt is "#" (root on the server),
"NAME$" (a person, with an account of that name) or "NAME#" (root on the host NAME). In an output a line "..." stands for any number of lines. Comments say
to a test what the reader need not be told:

    .\\" test: write PATH             the next literal block is this file
    .\\" test: status N               the next command ends with this status
    .\\" test: skip WHY               the next block is not run, or not here
    .\\" test: run COMMAND            something that the page does not tell: root, on the server
    .\\" test: carry PATH             the file goes from the host "old" to the host "new"
"""

import os
import re

from sis_testlib import SOURCE

PROMPT = re.compile(r"^((?:[a-z]+)?[#$]) (.*)$")


class Command:
    def __init__(self, prompt, line, status=0, skipped=None, output=(), hidden=False):
        self.prompt, self.line, self.status, self.skipped, self.output, self.hidden = prompt, line, status, skipped, list(output), hidden

    def __repr__(self):
        return "%s %s" % (self.prompt, self.line)


class File:
    def __init__(self, path, text):
        self.path, self.text = path, text


class Carry:
    def __init__(self, path):
        self.path = path


def page_path(name):
    return os.path.join(SOURCE, "man", name)


def plain(line):
    """A line of a literal block as it is shown."""
    return line.replace("\\&", "").replace("\\(aq", "'").replace("\\(dq", '"').replace("\\-", "-").replace("\\e", "\\")


class _Parser:
    def __init__(self):
        self.steps, self.notes, self.block = [], {}, None

    def line(self, line):
        note = re.match(r'^\.\\" test: (\w+) ?(.*)$', line)
        if note:
            self.note(*note.groups())
        elif line.startswith(".Bd -literal"):
            self.block = []
        elif line.startswith(".Ed"):
            self.end_block()
        elif self.block is not None:
            self.block.append(plain(line))
        elif line.startswith(".Dl "):
            self.block = [plain(line[4:]), "..."]           # alone, without what it prints
            self.end_block()

    def note(self, word, rest):
        if self.block is not None and word == "status":
            self.block.append((word, rest))
        elif word == "run":
            self.steps.append(Command("#", rest, output=["..."], hidden=True))
        elif word == "carry":
            self.steps.append(Carry(rest))
        else:
            self.notes[word] = rest

    def end_block(self):
        lines, notes, self.block, self.notes = self.block, self.notes, None, {}
        if lines is None:
            return
        if "write" in notes:
            self.steps.append(File(notes["write"], "".join(line + "\n" for line in lines)))
            return
        current = None
        for line in lines:
            if isinstance(line, tuple):
                notes[line[0]] = line[1]
                continue
            found = PROMPT.match(line)
            if current is not None and current.line.endswith("\\"):
                current.line = current.line[:-1] + line.strip()
            elif found:
                current = Command(found.group(1), found.group(2), int(notes.pop("status", 0)), notes.get("skip"))
                self.steps.append(current)
            elif current is not None:
                current.output.append(line)


def steps(name):
    """Commands and files of man/NAME, in their order."""
    parser = _Parser()
    with open(page_path(name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            parser.line(line)
    return parser.steps


def task_pages():
    """The pages of section 7 with commands on them."""
    return sorted(name for name in os.listdir(os.path.join(SOURCE, "man")) if name.endswith(".7") and any(isinstance(s, Command) for s in steps(name)))


# ------------------------------------------------------------------------------------------------ outputs

# What differs from one run to the next. Each kind of token stands for itself alone, so that a time is never taken for a digest.
VARYING = [("INVITE", r"sis://\S+#[a-z2-7]{26}\.[0-9a-f]{64}"), ("HASH", r"\b[0-9a-f]{64}\b"), ("SERIAL", r"\b[0-9a-f]{32}\b"), ("ID", r"\b[a-z2-7]{26}\b"),
           ("TIME", r"\d{4}-\d\d-\d\dT\d{2}:?\d\d:?\d\d(?:\.\d+)?Z|\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?(?: UTC)?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"),
           ("PEER", r"\b127\.0\.0\.1:\d+|\[::1\]:\d+"), ("PID", r"(?<=process )\d+|(?<=\[)\d+(?=\]:)|(?<=uid )\d+|(?<=abi )\d+|(?<=seccomp )\d+|(?<=against )\d+"),
           ("SIZE", r"\b\d+\.\d [KMG]iB|\b\d+ bytes(?=, from)"), ("CA", r"(?<=sis CA )[0-9a-f]{8}"), ("SHORT", r"^[a-z2-7]{8}(?=  )")]
_varying = re.compile("|".join("(?P<%s>%s)" % pair for pair in VARYING), re.MULTILINE)


def tokens(text):
    return [found.group(0) for found in _varying.finditer(text)]


def masked(line):
    """A line with everything that differs replaced by its kind, and columns of any width."""
    return re.sub(r" {2,}|\t", "  ", _varying.sub(lambda found: found.lastgroup, line)).rstrip()


def compare(wanted, got):
    """None, or the first line of an expected output (a list) that is not there."""
    lines = [masked(line) for line in got]
    at, anything = 0, False
    for line in wanted:
        if line.strip() == "...":
            anything = True
            continue
        goal = masked(line)
        while anything and at < len(lines) and lines[at] != goal:
            at += 1
        if at >= len(lines) or lines[at] != goal:
            return line
        at, anything = at + 1, False
    return None if anything or at >= len(lines) else "(the end)"


class Names:
    """What a page calls something, and what it is this time: invites, items, digests."""

    def __init__(self):
        self.known = {}

    def learn(self, wanted, got):
        told, real = tokens("\n".join(line for line in wanted)), tokens("\n".join(got))
        if "..." in (line.strip() for line in wanted):
            lines = {masked(line): line for line in got}
            for line in wanted:
                if masked(line) in lines:
                    self.known.update(zip(tokens(line), tokens(lines[masked(line)])))
        elif len(told) == len(real):
            self.known.update(zip(told, real))

    def apply(self, line):
        for told in sorted(self.known, key=len, reverse=True):
            line = line.replace(told, self.known[told])
        # Beginnings of ids that the page has told.
        for told, real in self.known.items():
            if re.fullmatch(r"[a-z2-7]{26}", told):
                line = re.sub(r"\b%s\b" % told[:8], real[:8], line)
        return line
