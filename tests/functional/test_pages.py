#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual: a page for everything that is installed, and on the task pages nothing that is not there. tests/system/test_pages*.py type their commands."""

import os
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import sis_pages
from sis_testlib import *

MAN = os.path.join(SOURCE, "man")
# Programs that Debian 12 has, whose options are their own.
OTHERS = {"apt-get", "systemctl", "journalctl", "curl", "openssl", "install", "cd", "mv", "cp", "rm", "ls", "tar", "ssh", "adduser", "certbot", "grep", "sort", "uniq",
          "sed", "runuser", "cat", "chmod", "sha256sum", "chown", "chgrp", "rsync", "mkdir", "find", "stat", "systemd-creds", "systemd-tmpfiles", "systemd-sysusers", "sleep", "test", "echo", "true", "printf"}
VERBS = {"start", "stop", "restart", "reload", "status", "edit", "enable", "disable", "is-active", "daemon-reload", "cat", "show", "list-timers", "is-enabled"}
PATHS = ("/etc/sis", "/var/lib/sis", "/run/sis", "/etc/systemd/system/sisd", "/etc/letsencrypt/", "/usr/lib/", "/usr/share/", "/var/lib/prometheus/", "/backup/", "/mnt/", "/root/", "/tmp/",
         "/dev/null", "/var/lib/machines")


def pages():
    return sorted(name for name in os.listdir(MAN) if name[-1].isdigit())


def text(name):
    return read_file(os.path.join(MAN, name)).decode()


def sisctl_commands():
    """{"add": {"--device", "-d"}, …} as the help has it."""
    names = re.findall(r"^  ([a-z]+)\b", run_program([SISCTL, "--help"]).stdout, re.MULTILINE)
    return {name: set(re.findall(r"(?<![\w-])(--?[A-Za-z][a-z-]*)", "".join(re.findall(r"^  [- ].{22}", run_program([SISCTL, name, "--help"]).stdout, re.MULTILINE))))
            for name in names}


def sis_commands():
    found = {}
    for row in run_program([SIS, "help", "--table"]).stdout.splitlines():
        name = row.split("\t")[0]
        found[name] = set(re.findall(r"(?<![\w-])(--?[A-Za-z][a-z-]*)", run_program([SIS, "help", name]).stdout.split("Options:")[-1]))
    return found


def units():
    directory = os.path.join(SOURCE, "systemd")
    found = {re.sub(r"\.in$", "", name) for name in os.listdir(directory) if re.search(r"\.(service|socket|timer|target)(\.in)?$", name)}
    return found | {"sisd@.service", "sisd@.socket"}                # of the same two templates


def units_of_pages():
    """Those whose files stand on a page."""
    written = [step.path for name in pages() for step in sis_pages.steps(name) if isinstance(step, sis_pages.File)]
    return {os.path.basename(path) for path in written if os.path.dirname(path) == "/etc/systemd/system"}


def simple_commands(line):
    """Lists of words, one for each program that the line runs."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    words, skip = [[]], False
    for word in lexer:
        if skip:
            skip = False
        elif re.fullmatch(r"[|;&]+", word):
            words.append([])
        elif re.fullmatch(r"[<>&]+", word):
            skip = True
            if words[-1] and words[-1][-1] in ("1", "2"):
                words[-1].pop()
        else:
            words[-1].append(word)
    return [each for each in words if each]


def problems_of_tool(words, commands, before):
    """What is wrong with the words of a sis or sisctl command."""
    words, at = words[1:], 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] not in before:
            return ["%s is no option" % words[at]]
        at += 1 + before[words[at]]
    if at == len(words):
        return []
    if words[at] not in commands:
        return ["there is no command %s" % words[at]]
    known = commands[words[at]] | set(before)
    return ["%s has no option %s" % (words[at], word) for word in words[at + 1:]
            if re.match(r"--?[A-Za-z]", word) and word.split("=")[0] not in known and not re.match(r"sis://", word)]


def problems_of_systemctl(words):
    names = [word for word in words[1:] if not word.startswith("-")]
    found = [] if names and names[0] in VERBS else ["systemctl knows no %r" % names[:1]]
    known = units() | units_of_pages() | {"systemd-journal-upload.service"}
    for name in names[1:]:
        full = name if "." in name else name + ".service"
        if full not in known and re.sub(r"@[^.]*\.", "@.", full) not in known:
            found.append("there is no unit %s" % name)
    return found


def problems_of_command(words, tools):
    program = words[0]
    if program in tools:
        return problems_of_tool(words, *tools[program])
    if program == "sisd":
        return [] if set(words[1:]) <= {"--check", "-c", "--print-options"} else ["sisd %r" % words[1:]]
    if program == "systemctl":
        return problems_of_systemctl(words)
    return [] if program in OTHERS else ["%s is none of the programs that the pages use" % program]


def problems_of_page(name, tools):
    found = []
    for step in sis_pages.steps(name):
        if not isinstance(step, sis_pages.Command) or step.hidden:
            continue
        for words in simple_commands(step.line):
            found += ["%s: %s: %s" % (name, step.line, problem) for problem in problems_of_command(words, tools)]
        found += ["%s: %s: %s is none of our places" % (name, step.line, path) for path in re.findall(r"(?:(?<=\s)|(?<=['\"=]))(/[a-z][\w./-]*)", step.line)
                  if not path.startswith(PATHS)]
    return found


@test("every command, option, unit and place in the commands of the task pages is there")
def commands():
    tools = {"sis": (sis_commands(), {"--home": 1, "--profile": 1, "--json": 0, "--quiet": 0}),
             "sisctl": (sisctl_commands(), {"-s": 1, "--socket": 1, "--instance": 1, "--json": 0, "--help": 0, "-h": 0})}
    check_in("--compromised", tools["sisctl"][0]["revoke"], "what sisctl's help says")
    check_in("--device", tools["sis"][0]["enroll"], "what sis's help says")
    found = [problem for name in sis_pages.task_pages() for problem in problems_of_page(name, tools)]
    check(not found, "\n".join(found))
    wrong = problems_of_command(["sisctl", "revoke", "alice", "--devise", "x"], tools) + problems_of_command(["systemctl", "reload", "sisdd"], tools)
    check_equal(len(wrong), 2, "mistakes that this test would find")


@test("every event and option that the task pages name is in its table")
def names():
    events = set(re.findall(r"^EVENT\((\w+),", read_file(os.path.join(SOURCE, "src/base/event.def")).decode(), re.MULTILINE))
    options = set(re.findall(r"^OPTION_\w+\((\w+),", read_file(os.path.join(SOURCE, "src/conf/options.def")).decode(), re.MULTILINE))
    for name in (page for page in pages() if page.endswith(".7") and page != "sisd-events.7"):
        page = text(name)
        for words in re.findall(r"^\.(?:It )?Dv ([A-Z_ ,]+)$", page, re.MULTILINE):
            for event in re.findall(r"[A-Z]+_[A-Z_]+|RESTORED|REVOKED", words):
                check_in(event, events, "%s: events" % name)
        for line in re.findall(r"^\.(?:It )?Cm (.+)$", page, re.MULTILINE):
            for option in re.findall(r"\b[a-z]+_[a-z_]+\b", line):
                check_in(option, options | {"server_certificate_ends", "tls_certificate_ends", "ca_ends"}, "%s: options of sisd.conf" % name)
        for option in re.findall(r"^([a-z_]+) = .*;$", page, re.MULTILINE):
            check_in(option, options, "%s: options of sisd.conf" % name)


# What other programs say.
FOREIGN = ("unable to get local issuer certificate", "sisd.socket: Failed to create listening socket")


@test("every sentence that a page says can be printed is one of the sources'")
def diagnostics():
    sources, wrong = "", []
    for directory, _, files in os.walk(os.path.join(SOURCE, "src")):
        sources += "".join(read_file(os.path.join(directory, file)).decode() for file in files if re.search(r"\.(c|h|def)$", file))
    sources = re.sub(r'"\s*\n\s*"', "", sources).replace('\\"', '"')
    for name in (page for page in pages() if page.endswith(".7")):
        for line in re.findall(r"^\.It Qq (.*)$", text(name), re.MULTILINE):
            line = sis_pages.plain(line)
            pieces = re.split(r"\.\.\.|/\S+|\d+|\b[A-Z]{5,}\b|\b(?:yesterday|tomorrow)\b|\"|\b(?:server_names?|tls_key|tls_certificate)\b|: ", line)
            longest = max((piece.strip(" .,;()") for piece in pieces), key=len)
            if longest not in sources and not line.startswith(FOREIGN):
                wrong.append("%s: nobody says %r" % (name, longest))
    check(not wrong, "\n".join(wrong))


@test("the verifier on sis-audit(5) agrees with sisctl audit verify, and finds what was changed")
def verifier():
    import sqlite3
    daemon = shared_daemon()
    daemon.client().upload(make_picture())
    program, = (step for step in sis_pages.steps("sis-audit.5") if isinstance(step, sis_pages.File))
    path = write_file(os.path.join(temporary("verifier"), program.path), program.text)
    place = temporary("backup")
    daemon.sisctl("backup", place)
    database = os.path.join(place, os.listdir(place)[0], "db/sis.db")
    said = run_program([sys.executable, path, database]).stdout
    number, head = re.fullmatch(r"(\d+) lines, head (\d+:[0-9a-f]{64})\n", said).groups()
    check_in("0 problems", daemon.sisctl("audit", "verify", "--head", head).stdout)
    for change, wanted in (("UPDATE audit SET peer='nobody' WHERE sequence=3", "line 3 is not"), ("DELETE FROM audit WHERE sequence=2", "line 2 is not"),
                           ("DELETE FROM audit WHERE sequence=%s" % number, "lines are missing after line %d" % (int(number) - 1))):
        copy = write_file(os.path.join(temporary("copy"), "sis.db"), read_file(database))
        with contextlib.closing(sqlite3.connect(copy)) as connection, connection:
            connection.execute(change)
        check_in(wanted, run_program([sys.executable, path, copy], status=1).stderr)


@test("every reference between our pages leads to one, and every page of the administrator's is on sis-administration(7)")
def references():
    there = set(pages()) | set(re.findall(r"(\S+\.\d)=", text("local.mk")))
    for name in pages():
        for page, section in re.findall(r"^\.Xr (\S+) (\d)", text(name), re.MULTILINE):
            if page.startswith("sis"):
                check_in("%s.%s" % (page, section), there, "pages, which %s refers to" % name)
    overview = text("sis-administration.7")
    for name in pages():
        page, section = name.rsplit(".", 1)
        if section in "78" and name != "sis-administration.7":
            check_in(".Xr %s %s" % (page, section), overview, "sis-administration(7)")


@test("every program, unit, configuration file and format has a page, and the build installs every page")
def everything():
    links = dict(re.findall(r"(\S+)=(\S+)", re.search(r"^MAN_LINKS = (.*)", read_file(os.path.join(MAN, "local.mk")).decode(), re.MULTILINE).group(1)))
    for name, page in links.items():
        check_in(".Nm %s" % name[:-2], text(page), page)
    there = set(pages()) | set(links)
    programs = set(re.findall(r"\b(?:s?bin|pkglibexec)_PROGRAMS \+= (.+)", "\n".join(
        read_file(os.path.join(directory, file)).decode() for directory, _, files in os.walk(os.path.join(SOURCE, "src")) for file in files if file == "local.mk")))
    names = {word for line in programs for word in line.split()}
    check("sisd" in names and "sis" in names and "sisctl" in names and len(names) >= 8, "programs: %r" % names)
    for name in names | units():
        check(any("%s.%s" % (name, section) in there for section in "18"), "%s has no page" % name)
    for name in ("sisd.conf.5", "sis-item.5", "sis-audit.5", "sis-backup.7", "sis-recovery.1", "sis-metrics.7", "sisd-events.7"):
        check_in(name, there, "pages")
    installed = set(re.findall(r"man/(\S+\.\d)", read_file(os.path.join(MAN, "local.mk")).decode()))
    check_equal(sorted(pages()), sorted(installed), "pages in man/local.mk")
    lists = "\n".join(read_file(os.path.join(SOURCE, "debian", name)).decode() for name in os.listdir(os.path.join(SOURCE, "debian")) if name.endswith(".install"))
    for name in there:
        check(re.search(r"^usr/share/man/man%s(/%s)?$" % (name[-1], re.escape(name)), lists, re.MULTILINE), "%s is in no package" % name)


run()
