#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master: start, supervision, reload, stop. The roles are played by tests/python/fake_role.py, so that they can misbehave on demand."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

ROLES = ("signer", "ledger", "worker")


class Played(Daemon):
    """sisd with played roles; behaviour: {"worker": ["serving", "die 3"]}"""

    def __init__(self, behaviour=None, **options):
        self.libexec = temporary("libexec")
        for role in ROLES:
            shutil.copy(os.path.join(SOURCE, "tests/python/fake_role.py"), os.path.join(self.libexec, "sisd-" + role))
            os.chmod(os.path.join(self.libexec, "sisd-" + role), 0o755)
        shutil.copy(os.path.join(SOURCE, "src/ipc/messages.def"), self.libexec)
        shutil.copy(os.path.join(SOURCE, "src/base/event.def"), self.libexec)
        for role, words in (behaviour or {}).items():
            self.behave(role, *words)
        super().__init__(**options)

    def command(self):
        words = super().command()
        words[words.index("-L") + 1] = self.libexec
        return words

    def behave(self, role, *words):
        write_file(os.path.join(self.libexec, role + ".behaviour"), "\n".join(words))

    def heard(self, role, pid=None):
        """What the processes of a role have heard: [(message, descriptors, payload)]"""
        lines = []
        for name in os.listdir(self.libexec):
            if name.startswith(role + ".heard.") and (pid is None or name.endswith(".%d" % pid)):
                lines += read_file(os.path.join(self.libexec, name)).decode().splitlines()
        return [(line.split()[0], int(line.split()[1]), line) for line in lines]

    def started(self, role):
        """Pids of every process that this role ever had, oldest first."""
        return [int(pid) for pid in re.findall(r"%s started as process (\d+)" % role, self.log_text())]

    def wait_end(self, limit_s=25):
        status = self.process.wait(limit_s * SLOW)
        self._gone()
        return status


def refused(daemon, status, words):
    """Starts a daemon that must refuse to, with this status and these words."""
    daemon.spawn()
    got = daemon.wait_end()
    check_in(words, daemon.log_text(), "log")
    check_equal(got, status, "exit status")


@test("all roles get their first messages with the right descriptors, and the ready file names the port that was taken")
def start():
    with Played(workers=3, listen=["127.0.0.1:0", "127.0.0.2:0"]) as daemon:
        check_in("STARTED sisd is ready on 127.0.0.1:%d, 127.0.0.2:" % daemon.port, daemon.log_text())
        wait_for(lambda: len(daemon.heard("worker")) == 6, "every worker's slice")
        for role in ("signer", "ledger"):
            wait_for(lambda: len([m for m in daemon.heard(role) if m[0] == "PEER"]) == 3, "the %s to know every worker" % role)
        check_equal([m[:2] for m in daemon.heard("signer")][:2], [("START_SIGNER", 2), ("CONFIG_SIGNER", 0)], "signer's start")
        check_equal([m[:2] for m in daemon.heard("ledger")][:2], [("START_LEDGER", 3), ("CONFIG_LEDGER", 0)], "ledger's start")
        check_equal(sorted(m[:2] for m in daemon.heard("worker")), [("CONFIG_WORKER", 0)] * 3 + [("START_WORKER", 4)] * 3, "workers' start")
        check_equal([m[:2] for m in daemon.heard("ledger") if m[0] == "PEER"], [("PEER", 1)] * 3, "peers of the ledger")
        check_equal([m[:2] for m in daemon.heard("signer") if m[0] == "PEER"], [("PEER", 1)] * 3, "peers of the signer")
        check_in("localhost:%d" % daemon.port, daemon.heard("ledger")[1][2], "public address")


@test("a role starts with descriptor 3, /dev/null, a pipe as standard error, and nothing of the caller's environment")
def clean_role():
    with Played({"worker": ["write-report"]}, workers=1, environment={"SECRET": "hunter2"}) as daemon:
        environment, descriptors = eval(read_file(os.path.join(daemon.libexec, "worker.report")))
        check_equal({name for name in environment if name not in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LC_CTYPE")}, {"PATH", "LANG"},
                    "environment")
        check_equal(descriptors["0"], "/dev/null", "standard input")
        check_equal({fd for fd in descriptors if descriptors[fd].startswith("socket:")}, {"3"}, "sockets")
        check(SANITIZED or (descriptors["2"].startswith("pipe:") and descriptors["2"] != os.readlink("/proc/%d/fd/2" % daemon.pid)), "standard error: %r" % descriptors)


@test("what a role writes to standard error is a line of the log in its own name, harmless and bounded")
def mutter():
    if SANITIZED:
        return
    with Played({"worker": ["mutter", "die 3"]}, workers=1) as daemon:
        worker = daemon.started("worker")[0]
        daemon.wait_log("ROLE_DIED worker .process %d. died: it ended by itself with status 3" % worker)
        lines = [line for line in daemon.log_text().splitlines() if "process %d" % worker in line]
        check_equal([re.sub("(long)+.*", "long", line.split(": ", 1)[1].split(" SIS_")[0]) for line in lines if " err ROLE_SAID worker" in line],
                    ["<0>2026-11-21T00:00:00Z notice REVOKED alice?[2J", "long", "and no end"], "what it said")
        check(max(len(line) for line in lines) < 2000, "a line has its bounds")
        check_in("ROLE_DIED", lines[-1], "its last words come before its end")
        check_not_in("\x1b", daemon.log_text(), "the log")


@test("the roles' descriptors, the state directory's owners and modes are those of the table", root=True)
def modes():
    with Played(workers=1) as daemon:
        def owned(path):
            st = os.stat(os.path.join(daemon.state_dir, path) if path != "control" else daemon.control)
            return (st.st_uid, st.st_gid, st.st_mode & 0o7777)
        check_equal(owned(""), (0, GROUP_ID, 0o710), "state_dir")
        check_equal(owned("db"), (LEDGER_ID, GROUP_ID, 0o750), "db")
        check_equal(owned("objects"), (LEDGER_ID, GROUP_ID, 0o750), "objects")
        check_equal(owned("incoming"), (LEDGER_ID, GROUP_ID, 0o700), "incoming")
        check_equal(owned("keys")[0::2], (SIGNER_ID, 0o700), "keys")
        check_equal(owned("control"), (LEDGER_ID, CONTROL_GROUP_ID, 0o660), "control socket")


@test("a worker that is killed is replaced, and the log says what it was serving")
def worker_killed():
    with Played({"worker": ["serving"]}, workers=2) as daemon:
        first = daemon.started("worker")[0]
        os.kill(first, signal.SIGKILL)
        line = daemon.wait_log(r"ROLE_DIED .*\n")
        check_in("worker (process %d) died: signal 9 (Killed); it was serving GET /v1/items for 192.0.2.1" % first, line)
        check_in("SIS_ROUTE=\"GET /v1/items\"", line)
        check_in("SIS_PEER=192.0.2.1", line)
        wait_for(lambda: len(daemon.started("worker")) == 3, "the third worker")
        for role in ("signer", "ledger"):
            wait_for(lambda: [m[0] for m in daemon.heard(role)].count("PEER") == 3, "the %s to hear of it" % role)
            check_equal([m[0] for m in daemon.heard(role) if m[0].startswith("PEER")], ["PEER", "PEER", "PEER_GONE", "PEER"], role + " heard")


@test("of a role that served nobody the log says just that, and of one that never serves anybody nothing")
def served_nobody():
    with Played(workers=1) as daemon:
        pid = daemon.started("worker")[0]
        os.kill(pid, signal.SIGKILL)
        check_in("worker (process %d) died: signal 9 (Killed); it was serving nobody SIS_" % pid, daemon.wait_log(r"ROLE_DIED .*\n"))
        before = daemon.log_size()
        pid = daemon.started("ledger")[0]
        os.kill(pid, signal.SIGKILL)
        line = daemon.wait_log(r"ROLE_DIED .*ledger .*\n", since=before)
        check_in("ledger (process %d) died: signal 9 (Killed) SIS_" % pid, line)
        check_not_in("serving", line)
        check_equal(daemon.wait_end(), 70, "exit status")


@test("a worker that keeps dying is restarted more and more slowly")
def backoff():
    with Played(workers=1) as daemon:
        daemon.behave("worker", "die 1")
        os.kill(daemon.started("worker")[0], signal.SIGKILL)
        begin = time.monotonic()
        wait_for(lambda: len(daemon.started("worker")) >= 5, "four restarts")
        check(time.monotonic() - begin > 0.1 + 0.2 + 0.4 + 0.8, "restarted too fast: %.2f s" % (time.monotonic() - begin))
        daemon.behave("worker")


@test("a role that says what it may not say is ended and replaced, and nothing else is")
def protocol():
    for behaviour in ("forbidden", "garbage", "log UPLOADED", "log STARTED"):
        with Played(workers=1) as daemon:
            daemon.behave("worker", behaviour)
            os.kill(daemon.started("worker")[0], signal.SIGKILL)
            daemon.wait_log(r"ROLE_PROTOCOL worker sent a message that it may not send")
            daemon.behave("worker")
            wait_for(lambda: daemon.log_text().count("ROLE_DIED") < len(daemon.started("worker")), "a worker that lives")
            check_equal(len(daemon.started("ledger")), 1, "ledgers")
            check_not_in("alice", daemon.log_text(), "the log")


@test("a role that has taken its own user id is ended all the same by a master that may not signal other users' processes", root=True)
def signal_as_role():
    with Played({"worker": ["as-user %d" % WORKER_ID, "stubborn", "forbidden"]}, workers=1, start=False) as daemon:
        os.chmod(daemon.libexec, 0o777)
        daemon.spawn()
        daemon.wait_log(r"ROLE_PROTOCOL worker sent a message that it may not send")
        check_equal(re.search(r"(?m)^CapPrm:\s+(\w+)", read_file("/proc/%d/status" % daemon.pid).decode()).group(1), "00000000000001c0",
                    "capabilities of the master: SETUID, SETGID, SETPCAP")
        worker = daemon.started("worker")[0]
        daemon.behave("worker")
        wait_for(lambda: not process_is_alive(worker), "the stubborn worker's end", 10)
        daemon.wait_ready()


@test("a ledger that says what it may not say ends the daemon with 70")
def ledger_protocol():
    daemon = Played({"ledger": ["forbidden"]}, start=False, workers=1)
    refused(daemon, 70, "ROLE_PROTOCOL ledger")


@test("events of a role are logged, made harmless, and the audited ones told to the ledger")
def events():
    with Played({"worker": ["log FETCHED", "log REQUEST_REFUSED"]}, workers=1) as daemon:
        daemon.wait_log(r"info FETCHED alice/- fetched")
        line = daemon.wait_log(r"REQUEST_REFUSED .*\n")
        check_in("SIS_USER=alice", line)
        check_in("SIS_DETAIL=de?tail", line)
        wait_for(lambda: any(m[0] == "AUDIT" and "FETCHED" in m[2] for m in daemon.heard("ledger")), "the audit")
        check(not any("REQUEST_REFUSED" in m[2] for m in daemon.heard("ledger")), "an event that is not audited went to the ledger")


@test("audited events reach the ledger also when they are too unimportant for the log")
def audit_when_quiet():
    with Played({"worker": ["log FETCHED"]}, workers=1, log_level="err") as daemon:
        wait_for(lambda: any(m[0] == "AUDIT" and "FETCHED" in m[2] for m in daemon.heard("ledger")), "the audit")
        check_not_in("FETCHED", daemon.log_text(), "the log")


@test("when the signer or the ledger dies, the workers drain and the daemon ends with 70")
def fatal():
    for role in ("signer", "ledger"):
        daemon = Played(workers=2)
        os.kill(daemon.started(role)[0], signal.SIGKILL)
        check_equal(daemon.wait_end(), 70, "exit status")
        check_in("STOPPING sisd is stopping: the %s died" % role, daemon.log_text())
        for worker in daemon.started("worker"):
            check(any(m[0] == "STOP" for m in daemon.heard("worker", worker)), "a worker was not asked to stop")


@test("a role that ends before it is ready ends the start with its own status")
def early_death():
    refused(Played({"ledger": ["die-early"]}, start=False), 78, "ledger (process")
    refused(Played({"worker": ["die-early"]}, start=False, workers=1), 78, "a worker cannot be started")


@test("SIGTERM stops workers, then ledger, then signer, exits 0, and removes the control socket")
def stop():
    daemon = Played(workers=2)
    check(os.path.exists(daemon.control), "no control socket")
    begin = time.monotonic()
    check_equal(daemon.stop(), 0, "exit status")
    check(time.monotonic() - begin < 5 * SLOW, "it took long")
    check(not os.path.exists(daemon.control), "the control socket is still there")


@test("roles that do not hear STOP are killed within 20 seconds, and a second SIGTERM does not wait at all")
def stop_deaf():
    slow = Played({"worker": ["deaf"], "ledger": ["deaf"], "signer": ["deaf"]}, workers=1)
    fast = Played({"worker": ["deaf"]}, workers=1)
    slow.process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    fast.process.send_signal(signal.SIGTERM)
    fast.wait_log("STOPPING")
    fast.process.send_signal(signal.SIGTERM)
    check_equal(fast.wait_end(3), 0, "exit status of the hurried one")
    check_equal(slow.wait_end(21), 0, "exit status of the patient one")
    check(time.monotonic() - begin < 20.5 * SLOW, "it took longer than 20 s")


@test("a role that falls silent for 30 seconds is replaced")
def watchdog():
    with Played(workers=1) as daemon:
        first = daemon.started("worker")[0]
        os.kill(first, signal.SIGSTOP)
        check_in("it did not answer for 30 seconds", daemon.wait_log(r"ROLE_DIED .*\n", limit_s=55))
        wait_for(lambda: len(daemon.started("worker")) == 2, "its replacement")
        check_equal(len(daemon.started("ledger")), 1, "ledgers")


@test("SIGHUP with a wrong file changes nothing and says so; with a right one every role gets its new slice")
def reload():
    with Played(workers=1) as daemon:
        daemon.write_config(registration="perhaps")
        check_in("not reloaded", daemon.reload())
        check_in("sisd.conf:", daemon.log_text())
        daemon.write_config(registration="open", state_dir="/nonexistent")
        daemon.reload()
        check_in("RELOAD_NOTE", daemon.log_text())
        check_in("only after a restart: listen, state_dir", daemon.log_text())
        for role in ROLES:
            wait_for(lambda: len([m for m in daemon.heard(role) if m[0].startswith("CONFIG_")]) == 2, "the new slice of the %s" % role)
        check_in("open", [m for m in daemon.heard("ledger") if m[0] == "CONFIG_LEDGER"][1][2])


@test("SIGHUP makes more workers, and retires some")
def resize():
    with Played(workers=1) as daemon:
        daemon.write_config(workers=4)
        daemon.reload()
        wait_for(lambda: len(daemon.started("worker")) == 4 and len(daemon.children()) == 6, "four workers")
        daemon.write_config(workers=2)
        daemon.reload()
        wait_for(lambda: len(daemon.children()) == 4, "two workers")
        check_not_in("ROLE_DIED", daemon.log_text(), "the log")


class Notified:
    """A notification socket as systemd has it."""

    def __init__(self):
        self.path = os.path.join(temporary("notify"), "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.text = ""

    def has(self, words):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.text += self.socket.recv(4096).decode() + "\n"
        return words in self.text


@test("systemd is told READY, RELOADING, STOPPING, and that the watchdog lives")
def notify():
    notified = Notified()
    with Played(workers=1, environment={"NOTIFY_SOCKET": notified.path, "WATCHDOG_USEC": "400000"}) as daemon:
        wait_for(lambda: notified.has("READY=1\nSTATUS=Serving on 127.0.0.1:%d" % daemon.port), "READY=1")
        check_in("MAINPID=%d" % daemon.pid, notified.text)
        wait_for(lambda: notified.has("WATCHDOG=1\nWATCHDOG=1") or notified.text.count("WATCHDOG=1") > 3, "the watchdog")
        daemon.reload()
        wait_for(lambda: notified.has("RELOADING=1\nMONOTONIC_USEC="), "RELOADING=1")
        wait_for(lambda: notified.has("") and notified.text.count("READY=1") == 2, "READY=1 after the reload")
        daemon.stop()
        wait_for(lambda: notified.has("STOPPING=1"), "STOPPING=1")


@test("sockets that systemd passes are used by their names, and nothing is bound beside them")
def activation():
    https, control = socket.socket(), socket.socket(socket.AF_UNIX)
    https.bind(("127.0.0.1", 0))
    https.listen()
    control_path = os.path.join(temporary("control"), "passed.sock")
    control.bind(control_path)
    control.listen()
    # The child's descriptors must be 3 and 4, and LISTEN_PID its own: a shell does both.
    script = 'exec 3<&%d 4<&%d; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=control:https; exec "$@"' % (control.fileno() + 50, https.fileno() + 50)
    os.dup2(control.fileno(), control.fileno() + 50, inheritable=True)
    os.dup2(https.fileno(), https.fileno() + 50, inheritable=True)
    with Played(workers=1, wrapper=["/bin/bash", "-c", script, "bash"], pass_fds=(control.fileno() + 50, https.fileno() + 50)) as daemon:
        check_equal(daemon.port, https.getsockname()[1], "port")
        check(not os.path.exists(daemon.control), "a control socket was made beside the one that was passed")
        check_equal([m[1] for m in daemon.heard("worker") if m[0] == "START_WORKER"], [3], "descriptors of the worker")
    check(os.path.exists(control_path), "the passed control socket was removed")


@test("a second daemon on the same state_dir, or on the same control socket, is refused, and the first serves on")
def two_daemons():
    with Played(workers=1) as first:
        refused(Played(start=False, state_dir=first.state_dir), 75, "is in use by another sisd, process %d" % first.pid)
        refused(Played(start=False, control=first.control), 75, "another daemon answers on this control socket")
        check(first.process.poll() is None, "the first daemon has ended")


@test("a stale control socket is replaced, anything else in its place is left alone")
def stale_control():
    path = os.path.join(temporary("control"), "control.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    with Played(workers=1, control=path):
        pass
    write_file(path, "precious")
    refused(Played(start=False, control=path), 73, "something else than a socket")
    check_equal(read_file(path), b"precious")


@test("a state_dir that others can write is refused")
def open_state_dir():
    state = temporary("state")
    os.chmod(state, 0o777)
    refused(Played(start=False, state_dir=state), 77, "can be written by others")


@test("an address in use is refused in one clear sentence")
def address_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused(Played(start=False, listen=["127.0.0.1:%d" % other.getsockname()[1]]), 69, "another program listens there")


@test("missing role programs, unknown users and the rights of root are refused with what to do", root=True)
def bad_users():
    refused(Played(start=False, signer_user="no-such-user"), 67, "systemd-sysusers")
    refused(Played(start=False, worker_user="root"), 78, "rights of root")
    refused(Played(start=False, worker_user=str(LEDGER_ID)), 78, "three different users")
    daemon = Played(start=False)
    os.unlink(os.path.join(daemon.libexec, "sisd-ledger"))
    refused(daemon, 69, "give the directory of the roles' programs with -L")


@test("--check names every problem with file and line, and is content with the shipped file")
def check_option():
    path = os.path.join(temporary("conf"), "sisd.conf")
    write_file(path, 'listen = [ "localhost:1" ];\nworkers = "many";\nregistratoin = "open";\ntls_key = 5;\ninvite_lifetime = "7y";\n')
    done = run_program([SISD, "--check", "-c", path], status=78)
    for words in (':1: "localhost:1" in listen must be', ":2: workers is a string, but must be", ":3: unknown option registratoin: did you mean registration?",
                  ":4: tls_key is a number", ':5: invite_lifetime = "7y" must be'):
        check_in(path + words, done.stderr)
    check_equal(len(done.stderr.splitlines()), 5, "number of problems")
    users = "".join('%s = "%d";\n' % row for row in (("signer_user", 64101), ("ledger_user", 64102), ("worker_user", 64103), ("group", 64100),
                                                       ("control_group", 64104)))
    write_file(path, read_file(os.path.join(SOURCE, "etc/sisd.conf")).decode() + users)
    check_in("no problems", run_program([SISD, "--check", "-c", path]).stdout)


@test("the shipped configuration and manual are those of the option table")
def shipped_options():
    conf = run_program([SISD, "--print-options", "conf"]).stdout
    check_equal(read_file(os.path.join(SOURCE, "etc/sisd.conf")).decode(), conf, "etc/sisd.conf")
    check_in(run_program([SISD, "--print-options", "man"]).stdout, read_file(os.path.join(SOURCE, "man/sisd.conf.5")).decode(), "man/sisd.conf.5")


if __name__ == "__main__":
    run()
