#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket: Varlink as the specification has it, and whatever else comes."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

SERVICE = "org.varlink.service."


@test("GetInfo and GetInterfaceDescription describe io.sis.control")
def introspection():
    daemon = shared_daemon()
    with Varlink(daemon.control) as varlink:
        info = varlink.call(SERVICE + "GetInfo")["parameters"]
        check_equal(sorted(info["interfaces"]), ["io.sis.control", "org.varlink.service"], "interfaces")
        check(all(info.get(name) for name in ("vendor", "product", "version")), "info %r" % info)
        text = varlink.call(SERVICE + "GetInterfaceDescription", interface="io.sis.control")["parameters"]["description"]
        check(text.startswith("#") or text.startswith("interface io.sis.control"), "description %r" % text[:100])
        for method in ("AddUser", "Invite", "ListUsers", "Revoke", "ListCertificates", "Logs", "Status", "Check"):
            check(re.search(r"^method %s\(" % method, text, re.MULTILINE), "%s is not described" % method)
        reply = varlink.call(SERVICE + "GetInterfaceDescription", interface="io.sis.other")
        check_equal(reply["error"], SERVICE + "InterfaceNotFound", "error")


@test("varlinkctl introspects and calls", needs=["varlinkctl"])
def varlinkctl():
    daemon = shared_daemon()
    run_program(["varlinkctl", "introspect", daemon.control, "io.sis.control"])
    run_program(["varlinkctl", "call", daemon.control, "io.sis.control.Status", "{}"])


@test("unknown methods, interfaces and wrong parameters are answered with the specification's errors")
def errors():
    daemon = shared_daemon()
    with Varlink(daemon.control) as varlink:
        for method, error in (("io.sis.control.Nonsense", "MethodNotFound"), ("io.other.Thing", "InterfaceNotFound"), (SERVICE + "Nonsense", "MethodNotFound")):
            check_equal(varlink.call(method)["error"], SERVICE + error, method)
        for parameters in ({}, {"user": 5}, {"user": None}, {"user": ["alice"]}, {"user": {"a": 1}}):
            check_equal(varlink.call("io.sis.control.AddUser", **parameters)["error"], SERVICE + "InvalidParameter", "AddUser %r" % parameters)
        check_equal(varlink.call("io.sis.control.AddUser", user="Not Valid")["error"], "io.sis.control.BadName", "bad name")
        check_equal(varlink.call("io.sis.control.Invite", user="nobody")["error"], "io.sis.control.NoSuchUser", "no user")
        check_in("status", varlink.call("io.sis.control.Status")["parameters"])


@test("several calls in one write are answered in order; oneway gets no answer")
def pipelined():
    daemon = shared_daemon()
    with Varlink(daemon.control) as varlink:
        calls = [{"method": SERVICE + "GetInfo"}, {"method": "io.sis.control.ListUsers", "oneway": True}, {"method": "io.sis.control.ListUsers"}]
        varlink.send_raw(b"".join(json.dumps(c).encode() + b"\0" for c in calls))
        check_in("vendor", varlink.receive()["parameters"])
        check_in("users", varlink.receive()["parameters"])
        check_in("status", varlink.call("io.sis.control.Status")["parameters"])


@test("a call that comes byte by byte is answered")
def slowly():
    daemon = shared_daemon()
    with Varlink(daemon.control) as varlink:
        for byte in json.dumps({"method": SERVICE + "GetInfo"}).encode() + b"\0":
            varlink.send_raw(bytes([byte]))
        check_in("vendor", varlink.receive()["parameters"])


@test("garbage on the control socket ends that connection and nothing else")
def garbage():
    daemon = shared_daemon()
    pids = daemon.roles()
    bombs = [b"\0", b"garbage\0", b"[]\0", b"5\0", b'"text"\0', b"{}\0", b'{"method": 5}\0', b'{"method": ""}\0', b'{"method": "a\\u0000b"}\0',
             b"{" * 100000 + b"\0", b"[" * 100000 + b"\0", b'{"method": "' + b"x" * 100000 + b'"}\0', b'{"a":1,"a":2,"method":"x.y"}\0', b"\xff\xfe\xfd\0",
             b'{"method": "io.sis.control.ListUsers", "parameters": 5}\0', b'{"method": "io.sis.control.ListUsers", "more": 5}\0',
             make_bytes(200000).replace(b"\0", b"\1") + b"\0"]
    for bomb in bombs:
        with Varlink(daemon.control) as varlink:
            try:
                varlink.send_raw(bomb)
                reply = varlink.receive()
            except (BrokenPipeError, ConnectionResetError):
                continue
            check(reply is None or "error" in reply, "%r was answered with %r" % (bomb[:40], reply))
    check_equal(daemon.roles(), pids, "processes")


@test("an endless message is cut off, and silent connections do not keep others out")
def endless():
    daemon = shared_daemon()
    with Varlink(daemon.control) as varlink:
        sent = 0
        try:
            varlink.send_raw(b'{"method": "')
            while sent < 256 << 20:
                varlink.send_raw(b"x" * 65536)
                sent += 65536
            raise Failure("256 MiB were taken")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
    silent = []
    try:
        for _ in range(200):
            silent.append(Varlink(daemon.control))
        daemon.sisctl("status")
    except (BlockingIOError, ConnectionRefusedError):
        pass
    finally:
        for varlink in silent:
            varlink.socket.close()
    wait_for(lambda: daemon.sisctl("status", status=None).returncode == 0, "an answer after the silent ones left")


@test("others than root and the group may not connect", root=True, needs=["setpriv"])
def credentials():
    daemon = shared_daemon()
    info = os.stat(daemon.control)
    check_equal(info.st_mode & 0o777, 0o660, "mode of the socket")
    program = shutil.copy(SISCTL, os.path.join(temporary("program"), "sisctl"))
    os.chmod(program, 0o755)
    stranger = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "-s", daemon.control]
    check_in("sis-admin", run_program(stranger + ["list"], status=77).stderr)
    member = ["setpriv", "--reuid", "65534", "--regid", str(CONTROL_GROUP_ID), "--clear-groups", program, "-s", daemon.control]
    run_program(member + ["list"])
    run_program(member + ["add", "bymember"])
    # Even when the file's mode is too wide, the peer's credentials decide.
    os.chmod(daemon.control, 0o666)
    check_equal(run_program(stranger + ["list"], status=None).returncode in (69, 77), True, "a stranger was let in")


@test("whoever of the group takes all connections leaves root some, and is turned away in measure", root=True, needs=["setpriv"])
def places_for_root():
    daemon = shared_daemon()
    since = daemon.log_size()
    hold = ("import socket, sys\nheld = []\n"
            "for i in range(600):\n    s = socket.socket(socket.AF_UNIX)\n    s.connect(sys.argv[1])\n    if i < 300: held.append(s)\n"
            "print('held', flush=True)\nsys.stdin.read()\n")
    member = subprocess.Popen(["setpriv", "--reuid", "65534", "--regid", str(CONTROL_GROUP_ID), "--clear-groups", sys.executable, "-c", hold, daemon.control],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        check_equal(member.stdout.readline(), b"held\n", "the group's connections")
        daemon.wait_log("CONTROL_REFUSED control connection from uid 65534 refused: too many control connections", since)
        daemon.sisctl("status")
    finally:
        member.stdin.close()
        member.wait()
    daemon.wait_log("LIMIT_HIT .*refusals are noted in measure", since)


@test("a long trail is looked through in turns: what is asked for is found wherever it is, also by who follows")
def long_trail():
    with Daemon(workers=1) as daemon:
        daemon.client("alice")
        daemon.stop()
        n, wanted = 30000, (0, 4095, 4096, 12345, 29999)
        with contextlib.closing(sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"))) as database:
            head = database.execute("SELECT CAST(value AS TEXT) FROM meta WHERE name='audit_head'").fetchone()[0]
            first = int(head.split(":")[0]) + 1
            database.executemany("INSERT INTO audit(sequence, time, event, role, text, hash) VALUES(?, ?, ?, 'worker', ?, x'00')",
                                 ((first + i, int(time.time()), "LOGIN_REFUSED" if i in wanted else "FETCHED", "line %d" % i) for i in range(n)))
            database.execute("UPDATE meta SET value=? WHERE name='audit_head'", ("%d:%s" % (first + n - 1, head.split(":")[1]),))
            database.commit()
        daemon.start()

        def lines(*words):
            return [line.split(" ", 1)[1] for line in daemon.sisctl("logs", "--audit", *words).stdout.splitlines()]
        check_equal(lines("-e", "login_refused"), ["line %d" % i for i in wanted], "lines of one kind")
        check_equal(len(lines("-e", "fetched")), n - len(wanted), "lines of the other")
        check_equal(lines("-u", "nobody"), [], "lines of nobody")
        follower = subprocess.Popen([SISCTL, "-s", daemon.control, "logs", "--audit", "-f", "-e", "user_added"], stdout=subprocess.PIPE)
        try:
            check_in(b"alice", follower.stdout.readline())
            for user in ("bob", "carol"):
                daemon.sisctl("add", user)
                check_in(user.encode(), follower.stdout.readline())
        finally:
            follower.kill()
            follower.wait()


@test("Logs with more streams entries; without it answers once")
def more():
    daemon = shared_daemon()
    daemon.sisctl("add", unique("morelogs"))
    daemon.sisctl("add", unique("morelogs"))
    with Varlink(daemon.control) as varlink:
        varlink.send({"method": "io.sis.control.Logs", "parameters": {}, "more": True})
        replies = []
        while True:
            replies.append(varlink.receive())
            check(replies[-1] is not None, "closed")
            if not replies[-1].get("continues"):
                break
        check(len(replies) >= 2, "replies: %d" % len(replies))


run()
