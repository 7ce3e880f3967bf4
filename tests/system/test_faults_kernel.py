#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel takes a worker for its memory, and the clock jumps, under load."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_load import *


@test("a worker for which memory ends is killed before all others, and replaced; the service goes on", root=True)
def out_of_memory():
    machine, alice, bob = people()
    check_equal(machine.show("sisd", "OOMPolicy", "OOMScoreAdjust"), {"OOMPolicy": "continue", "OOMScoreAdjust": "-500"}, "the unit")
    group = memory_group()
    try:
        # All of the service in one group of memory, as MemoryMax= would have it: what the machine's systemd starts is where systemd is.
        write_file(group + "/tasks", str(machine.leader))
        machine.systemctl("restart", "sisd")
        write_file(os.path.dirname(group) + "/tasks", str(machine.leader))
        with Load(alice, bob) as load:
            load.wait_uploads()
            after, before = machine.cursor(), roles(machine)
            # As little as it has now, so that the next that is asked for is too much: whom it takes then is the kernel's choice.
            squeeze(group)
            killed = machine.wait_journal(r"^worker \(process \d+\) died: signal 9", "MESSAGE_ID=" + DEATH, after=after, limit_s=40)
            write_file(group + "/memory.limit_in_bytes", "-1")
            print("# " + killed["MESSAGE"])
            print("# uploads again after %.1f s" % load.wait_uploads())
            now = roles(machine)
            check_equal([now[role] for role in ("master", "signer", "ledger")], [before[role] for role in ("master", "signer", "ledger")], "the other roles")
        load.verify()
    finally:
        write_file(group + "/memory.limit_in_bytes", "-1")
        machine.systemctl("restart", "sisd")
        wait_for(lambda: empty_group(group), "the group of memory to be empty")


def memory_group():
    """A control group for memory, of the first version where the host has that: in the second, the machine's systemd would do it itself, by MemoryMax=."""
    top = "/sys/fs/cgroup/memory"
    if not os.path.exists(top + "/tasks"):
        raise Skip("no control groups of the first version for memory here")
    with open("/proc/self/cgroup") as file:
        own = re.search(r"^\d+:memory:(/.*)$", file.read(), re.MULTILINE).group(1)
    path = "%s%s/sis-memory-%d" % (top, own.rstrip("/"), os.getpid())
    try:
        os.mkdir(path)
    except OSError as error:
        raise Skip("may not make a control group for memory (%s)" % error)
    return path


def squeeze(group):
    limit = int(read_file(group + "/memory.usage_in_bytes"))
    with contextlib.suppress(OSError):          # EBUSY: less than this cannot be reclaimed
        while limit > 0:
            write_file(group + "/memory.limit_in_bytes", str(limit))
            limit -= 65536


def empty_group(group):
    """Back to where this program is; gone when nothing is left in it."""
    for pid in read_file(group + "/tasks").split():
        with contextlib.suppress(OSError):
            write_file(os.path.dirname(group) + "/tasks", pid)
    with contextlib.suppress(OSError):
        os.rmdir(group)
    return not os.path.exists(group)


class Clock:
    """The time of day of sisd's processes."""

    def __init__(self, machine):
        library = os.path.join(temporary("clock"), "offset_clock.so")
        run_program(["cc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(SOURCE, "tests/system/offset_clock.c")])
        self.path = machine.root + "/srv/clock-offset"
        self.ahead(0)
        os.chmod(self.path, 0o644)
        machine.write("/usr/lib/offset_clock.so", read_file(library), 0o755)
        machine.write("/etc/ld.so.preload", "/usr/lib/offset_clock.so\n")
        machine.systemctl("restart", "sisd")

    def ahead(self, seconds):
        # In place: the processes have it mapped.
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))


@test("the clock jumps, hours and years, forwards and back: nothing is lost or repeated, nothing is removed, and it is said", root=True, needs=["cc"])
def clock_jumps():
    machine, alice, bob = people()
    clock = Clock(machine)
    # Of what would end: an item of a week, and an invite.
    alice.run("upload", alice.file("week", b"for a week"), "--to", "bob", "--expire", "7d", "--keep-metadata", "--no-thumbnail")
    machine.sisctl("add", "zoe")
    try:
        with Load(alice, bob) as load:
            load.wait_uploads()
            for name, seconds in ("two hours ahead", 7200), ("right", 0), ("twelve hours ahead", 43200), ("right", 0):
                clock.ahead(seconds)
                print("# the clock is %s: uploads after %.1f s" % (name, load.wait_uploads()))
            pid = machine.main_pid()
        load.verify()
        clock.ahead(-3600)
        check_in("not valid yet", wait_for(lambda: alice.run("list", status=None).stderr, "a refusal while the clock is behind"))
        clock.ahead(0)
        for seconds in 3 * 365 * 86400, -365 * 86400, 0:
            after = machine.cursor()
            clock.ahead(seconds)
            machine.wait_journal("^the clock is ", "MESSAGE_ID=c127f80746f54294b835d986c907bcbd", after=after, limit_s=60)
            check(machine.is_active("sisd"), "it has ended")
        check_equal(machine.main_pid(), pid, "the daemon")
        with Load(alice, bob) as load:
            load.wait_uploads()
        load.verify()
        check_in("week", alice.run("list", "--all").stdout)
        check_in("zoe", machine.sisctl("invites").stdout)
    finally:
        machine.run("rm /etc/ld.so.preload")
        machine.systemctl("restart", "sisd")


run()
