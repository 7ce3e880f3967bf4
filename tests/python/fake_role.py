#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role played by a test, so that the master can be seen with roles that misbehave. It is copied as sisd-signer, sisd-ledger and sisd-worker
into a directory for sisd -L; the words in the file ROLE.behaviour there say what it does:

    log EVENT       says LOG with this event after READY
    serving         says what it serves, before READY
    forbidden       says a message that a role may not say
    garbage         says bytes that are no message
    mutter          writes to standard error what is not for a terminal, in lines and without an end
    die STATUS      ends with this status after READY
    die-early       ends with status 78 before READY
    never-ready     does not say READY
    deaf            does not answer PING and STOP
    as-user ID      becomes this user
    stubborn        goes on when the master has closed the channel
    write-report    writes its environment and descriptors to ROLE.report
"""

import os
import re
import signal
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
ROLE = os.path.basename(sys.argv[0]).removeprefix("sisd-")
with open(os.path.join(HERE, "messages.def")) as table:
    MESSAGES = ["NONE"] + re.findall(r"^MESSAGE\((\w+),", table.read(), re.MULTILINE)
with open(os.path.join(HERE, "event.def")) as table:
    EVENTS = re.findall(r"^EVENT\((\w+),", table.read(), re.MULTILINE)

master = socket.socket(fileno=3)
master.setblocking(True)


def sized(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data


def say(name, payload=b"", id=0):
    master.send(struct.pack(">HHIQ", MESSAGES.index(name), 1, len(payload), id) + payload)


def say_log(event):
    say("LOG", struct.pack(">I", EVENTS.index(event)) + b"".join(sized(w) for w in ("alice", "", "", "", "", "", "", "de\x1btail"))
        + struct.pack(">qqqq", 0, 0, 0, 0))


def read_behaviour():
    try:
        with open(os.path.join(HERE, ROLE + ".behaviour")) as file:
            return [line.split() for line in file.read().splitlines()]
    except FileNotFoundError:
        return []


def write_report():
    descriptors = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            descriptors[fd] = os.readlink("/proc/self/fd/" + fd)
        except FileNotFoundError:
            pass
    with open(os.path.join(HERE, ROLE + ".report"), "w") as report:
        report.write(repr((dict(os.environ), descriptors)))


def hear():
    """One packet: its name, its id, and how many descriptors came with it."""
    data, ancillary, _flags, _address = master.recvmsg(200000, socket.CMSG_SPACE(4 * 32))
    if not data:
        if ["stubborn"] in read_behaviour():
            time.sleep(60)
        os._exit(0)
    type, _version, _size, id = struct.unpack(">HHIQ", data[:16])
    n_fds = 0
    for _level, _type, fds in ancillary:
        n_fds += len(fds) // 4
    with open(os.path.join(HERE, "%s.heard.%d" % (ROLE, os.getpid())), "a") as log:
        log.write("%s %d %r\n" % (MESSAGES[type], n_fds, data[16:]))
    return MESSAGES[type], id


def act(behaviour):
    deaf = False
    for words in behaviour:
        if words[0] == "log":
            say_log(words[1])
        elif words[0] == "forbidden":
            say("PING")
        elif words[0] == "garbage":
            master.send(b"garbage")
        elif words[0] == "mutter":
            os.write(2, b"<0>2026-11-21T00:00:00Z notice REVOKED alice\x1b[2J\n\n" + 5000 * b"long" + b"\nand no end")
        elif words[0] == "die":
            os._exit(int(words[1]))
        elif words[0] == "deaf":
            deaf = True
    return deaf


def main():
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    behaviour = read_behaviour()
    deaf = False
    for words in behaviour:
        if words[0] == "as-user":
            os.setgroups([])
            os.setresuid(*3 * [int(words[1])])
    if ["write-report"] in behaviour:
        write_report()
    if ["die-early"] in behaviour:
        os._exit(78)
    while True:
        name, id = hear()
        if name.startswith("START_") and ["never-ready"] not in behaviour:
            if ["serving"] in behaviour:
                say("SERVING", sized("GET /v1/items") + sized("192.0.2.1") + struct.pack(">I", 7))
            say("READY", sized("played by a test"))
            deaf = act(behaviour)
        elif name == "PING" and not deaf:
            say("PONG", id=id)
        elif name == "STOP" and not deaf:
            os._exit(0)


main()
