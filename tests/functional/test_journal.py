#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's side of the log: a socket of the test's own in the place of journald's, and what arrives there."""
import os
import re
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from sis_testlib import *  # noqa: E402,F403


class JournalDaemon(Daemon):
    """A daemon whose standard error is what $JOURNAL_STREAM names, in a mount namespace where the journal's socket is ours."""

    def __init__(self, reads=True, stderr=None, **options):
        self.journal_dir = temporary("journal")
        os.chmod(self.journal_dir, 0o755)
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.journal.bind(self.journal_dir + "/socket")
        os.chmod(self.journal_dir + "/socket", 0o666)
        self.entries = []
        # All the time, as journald does: the kernel holds few datagrams, and the sender waits when they are too many.
        self.reads = threading.Event()
        self.fillers = []
        if reads:
            self.reads.set()
        else:
            self.fill()
        threading.Thread(target=self.read, daemon=True).start()
        commands = "mkdir -p /run/systemd/journal && mount --bind %s /run/systemd/journal" % self.journal_dir
        super().__init__(start=False, wrapper=["unshare", "--mount", "--propagation", "private", "sh", "-c", commands + ' && exec "$0" "$@" 2>>"%s"' % (stderr or "/dev/stderr")], **options)
        write_file(self.log_path, b"")
        status = os.stat(stderr or self.log_path)
        self.environment["JOURNAL_STREAM"] = "%d:%d" % (status.st_dev, status.st_ino)

    def fill(self):
        """Until nobody can send: the kernel lets so many datagrams wait, 10 or 512, and each sender so many bytes."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.fillers.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
                self.fillers[-1].setblocking(False)
                self.fillers[-1].connect(self.journal_dir + "/socket")
                self.fillers[-1].send(b"FILLER=1\n")
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self.fillers[-1].send(b"FILLER=1\n")

    def drain(self):
        self.reads.set()
        self.fillers.pop().close()              # the one that could not send any more
        self.fillers[-1].setblocking(True)
        self.fillers[-1].send(b"FILLER=last\n")
        self.wait_entry(FILLER="last")

    def command(self):
        return [word for word in super().command() if word != "-f"]

    def read(self):
        while self.reads.wait():
            self.entries.append(parse(self.journal.recv(1 << 20)))

    def wait_entry(self, **fields):
        def found():
            return next((e for e in list(self.entries) if all(e.get(k) == v for k, v in fields.items())), None)
        return wait_for(found, "a journal entry with %r" % fields)


def parse(datagram):
    """The native protocol: NAME=value lines, or NAME, a 64-bit little-endian size, and bytes."""
    entry = {}
    while datagram:
        line, datagram = datagram.split(b"\n", 1)
        if b"=" in line:
            name, value = line.split(b"=", 1)
        else:
            name, size = line, struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8:8 + size], datagram[9 + size:]
        entry[name.decode()] = value.decode()
    return entry


def event_table():
    """NAME -> MESSAGE_ID, priority: from the one table."""
    names = dict(LOG_DEBUG="7", LOG_INFO="6", LOG_NOTICE="5", LOG_WARNING="4", LOG_ERR="3", LOG_CRIT="2")
    text = read_file(os.path.join(SOURCE, "src/base/event.def")).decode()
    return {m[1]: (m[2], names[m[3]]) for m in re.finditer(r'^EVENT\((\w+),\s+"([0-9a-f]{32})",\s+(LOG_\w+)', text, re.MULTILINE)}


@test("every event has a MESSAGE_ID of its own")
def ids_are_unique():
    table = event_table()
    check(len(table) > 30, "the table has rows")
    check_equal(len({message_id for message_id, _ in table.values()}), len(table), "different ids")


@test("journalctl takes the catalog, and has an explanation for every event", needs=["journalctl"])
def catalog():
    root = temporary("root")
    os.makedirs(root + "/usr/lib/systemd/catalog")
    os.makedirs(root + "/var/lib/systemd/catalog")
    write_file(root + "/usr/lib/systemd/catalog/sisd.catalog", read_file(os.path.join(SOURCE, "systemd/sisd.catalog")))
    run_program(["journalctl", "--root=" + root, "--update-catalog"])
    listed = run_program(["journalctl", "--root=" + root, "--list-catalog"]).stdout
    for name, (message_id, _) in event_table().items():
        check_in(message_id, listed, name)


@test("events reach the journal with MESSAGE_ID, PRIORITY and SIS_ fields, and standard error stays empty", root=True, needs=["unshare"])
def fields():
    if run_program(["unshare", "--mount", "true"], status=None).returncode != 0:
        raise Skip("may not make a mount namespace")
    table = event_table()
    with JournalDaemon(log_level="info") as daemon:
        daemon.start()
        alice, bob = daemon.client("alice", device="laptop"), daemon.client("bob")
        picture = make_picture(os.path.join(temporary("pictures"), "secret-name.jpg"))
        item = alice.upload(picture, bob)
        bob.get(item)
        daemon.sisctl("revoke", "alice")
        alice.run("list", status=77)
        for name, wanted in (("STARTED", {}), ("ENROLLED", dict(SIS_USER="alice", SIS_DEVICE="laptop")),
                             ("UPLOADED", dict(SIS_USER="alice", SIS_DEVICE="laptop", SIS_ITEM=item)),
                             ("FETCHED", dict(SIS_USER="bob", SIS_ITEM=item)), ("REVOKED", dict(SIS_USER="alice")),
                             ("LOGIN_REFUSED", dict(SIS_USER="alice", SIS_DEVICE="laptop"))):
            message_id, priority = table[name]
            entry = daemon.wait_entry(MESSAGE_ID=message_id, PRIORITY=priority, **wanted)
            check(entry.get("MESSAGE"), "%s has a text" % name)
            if name in ("UPLOADED", "FETCHED", "LOGIN_REFUSED", "ENROLLED"):
                check(re.fullmatch(r"127\.0\.0\.1:\d+", entry.get("SIS_PEER", "")), "%s names the peer: %r" % (name, entry))
        check_in("SIS_COUNT", daemon.wait_entry(MESSAGE_ID=table["REVOKED"][0]), "the number of closed connections, for the catalog, also when it is 0")
        uploaded = daemon.wait_entry(MESSAGE_ID=table["UPLOADED"][0])
        check(int(uploaded["SIS_BYTES"]) > 0, "SIS_BYTES")
        for entry in list(daemon.entries):
            check_not_in("secret-name", repr(entry), "the journal")
        check_equal(daemon.log_text(), "", "standard error")


@test("a journal that takes nothing holds nobody up: lines go to standard error, and when that is full too, they are counted and the count is told", root=True,
      needs=["unshare"])
def stalled():
    if run_program(["unshare", "--mount", "true"], status=None).returncode != 0:
        raise Skip("may not make a mount namespace")
    with JournalDaemon(reads=False, workers=1) as daemon:
        daemon.start()
        daemon.sisctl("add", "meanwhile")
        daemon.wait_log("user meanwhile added")
        check_in(" STARTED ", daemon.log_text(), "standard error")
        daemon.drain()
        daemon.sisctl("add", "afterwards")
        daemon.wait_entry(SIS_EVENT="USER_ADDED", SIS_USER="afterwards")
        check_not_in("afterwards", daemon.log_text(), "standard error")
    fifo = temporary("pipe")
    os.rmdir(fifo)
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(pipe, b"x" * 4096)
    except BlockingIOError:
        pass
    with JournalDaemon(reads=False, stderr=fifo, workers=1) as daemon:
        daemon.start()
        for i in range(10):
            daemon.sisctl("add", "user%d" % i)
        check_equal(len([l for l in daemon.sisctl("--json", "logs").stdout.splitlines() if "USER_ADDED" in l]), 10, "lines of the audit trail")
        daemon.drain()
        daemon.sisctl("add", "afterwards")
        told = wait_for(lambda: next((e for e in list(daemon.entries) if e.get("SIS_EVENT") == "LOG_LOST"), None), "LOG_LOST", 30)
        check(int(told["SIS_COUNT"]) > 20, "lost lines: %r" % told)
        check_equal(told["MESSAGE_ID"], event_table()["LOG_LOST"][0], "MESSAGE_ID")
        wait_for(lambda: "LOG_LOST" in daemon.sisctl("--json", "logs").stdout, "the same in the audit trail")
    os.close(pipe)


run()
