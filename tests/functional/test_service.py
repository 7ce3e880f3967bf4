#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisd as a service: what it tells systemd, and sockets that are passed to it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


class NotifySocket:
    """What systemd's end of $NOTIFY_SOCKET would hear."""

    def __init__(self):
        self.path = os.path.join(temporary("notify"), "socket")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self.socket.settimeout(0.05)
        self.heard = []

    def hear(self, pattern, limit_s=15):
        def found():
            with contextlib.suppress(TimeoutError):
                self.heard.append(self.socket.recv(65536).decode())
            return next((text for text in self.heard if re.search(pattern, text, re.MULTILINE)), None)
        return wait_for(found, "a notification like %r in %r" % (pattern, self.heard), limit_s)


@test("READY, STATUS, RELOADING and STOPPING are told, in this order, and WATCHDOG in time")
def notifications():
    notify = NotifySocket()
    daemon = Daemon(environment={"NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "2000000"}, workers=1)
    with daemon:
        notify.hear(r"^READY=1$")
        notify.hear(r"^STATUS=.")
        notify.hear(r"^WATCHDOG=1$")
        notify.heard.clear()
        notify.hear(r"^WATCHDOG=1$", 5)
        daemon.process.send_signal(signal.SIGHUP)
        check_in("MONOTONIC_USEC=", notify.hear(r"^RELOADING=1$"))
        notify.hear(r"^READY=1$")
        notify.heard.clear()
        wrong = read_file(daemon.config)
        write_file(daemon.config, wrong + b"nonsense = 1;\n")
        daemon.process.send_signal(signal.SIGHUP)
        notify.hear(r"^STATUS=Serving on .* with 1 worker; the last reload failed, the log says why$")
        write_file(daemon.config, wrong)
        daemon.process.send_signal(signal.SIGHUP)
        notify.hear(r"^STATUS=Serving on .* with 1 worker$")
        daemon.process.send_signal(signal.SIGTERM)
        notify.hear(r"^STOPPING=1$")
        check_equal(daemon.process.wait(20 * SLOW), 0, "exit status")
        daemon._gone()


@test("a start that fails says why in its status, which systemctl shows")
def failed_start():
    notify = NotifySocket()
    path = write_file(os.path.join(temporary("wrong"), "sisd.conf"), b"workers = 300;\n")
    done = run_program([SISD, "-c", path], status=78, env=program_environment(NOTIFY_SOCKET=notify.path))
    check_equal(done.stderr, path + ":1: workers is out of range: it must be from 0 to 64\n", "standard error")
    check_in("STATUS=Cannot start: " + path + ":1: workers is out of range", notify.hear("^STATUS=Cannot start"))
    with Daemon(workers=1) as daemon:
        daemon.stop()
    write_file(os.path.join(daemon.state_dir, "db/sis.db"), b"garbage" * 1000)
    notify.heard.clear()
    run_program([SISD, "-c", daemon.config, "-L", BUILD], status=65, env=program_environment(NOTIFY_SOCKET=notify.path))
    check_in("STATUS=Cannot start: the log says why", notify.hear("^STATUS=Cannot start"))


@test("nothing is told as ready before it serves")
def ready_means_ready():
    for _ in range(3):
        notify = NotifySocket()
        with Daemon(environment={"NOTIFY_SOCKET": notify.path}, workers=2) as daemon:
            notify.hear(r"^READY=1$")
            daemon.is_serving()


@test("a socket that is passed by LISTEN_FDS is served, and listen is not used")
def listen_fds():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    port = listener.getsockname()[1]
    # The shell puts the socket to descriptor 3 and says that it is meant for the process that it becomes.
    os.set_inheritable(listener.fileno(), True)
    wrapper = ["sh", "-c", 'exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@"' % listener.fileno()]
    with Daemon(wrapper=wrapper, pass_fds=[listener.fileno()], workers=2) as daemon:
        check_equal(daemon.port, port, "port")
        daemon.port = port
        daemon.is_serving()
        client = daemon.client()
        client.upload(make_picture())


@test("with no more of root than sisd.service leaves it, CAP_SETUID, CAP_SETGID and CAP_SETPCAP, it makes its state and serves", root=True, needs=["setpriv"])
def few_capabilities():
    listener, control = socket.socket(), socket.socket(socket.AF_UNIX)
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    os.set_inheritable(listener.fileno(), True)
    os.set_inheritable(control.fileno(), True)
    wrapper = ["setpriv", "--bounding-set=-all,+setuid,+setgid,+setpcap", "sh", "-c",
               'exec 3<&%d 4<&%d; export LISTEN_FDS=2 LISTEN_PID=$$; exec "$0" "$@"' % (listener.fileno(), control.fileno())]
    daemon = Daemon(start=False, wrapper=wrapper, pass_fds=[listener.fileno(), control.fileno()], workers=1)
    control.bind(daemon.control)
    os.chown(daemon.control, LEDGER_ID, CONTROL_GROUP_ID)
    control.listen(16)
    # As systemd's StateDirectory= makes it, and Group= lets the master into it.
    os.mkdir(daemon.state_dir, 0o710)
    os.chown(daemon.state_dir, 0, GROUP_ID)
    daemon.start()
    with daemon:
        daemon.client().upload(make_picture())
        check_equal({name: os.stat(os.path.join(daemon.state_dir, name)).st_uid for name in ("db", "objects", "incoming", "keys", "keys/ca.key")},
                    {"db": LEDGER_ID, "objects": LEDGER_ID, "incoming": LEDGER_ID, "keys": SIGNER_ID, "keys/ca.key": SIGNER_ID}, "owners")
        check_equal({role["role"]: "(" in role["sandbox"].replace("(sanitizers)", "") for role in daemon.status()["roles"]}, dict.fromkeys(("master", "signer", "ledger", "worker"), False),
                    "whether something is missing in a role's sandbox")
        daemon.restart()
        daemon.is_serving()


@test("systemd-socket-activate starts it at the first connection", needs=["systemd-socket-activate"])
def socket_activate():
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    daemon = Daemon(start=False, wrapper=["systemd-socket-activate", "-l", "127.0.0.1:%d" % port], workers=1)
    daemon.spawn()
    try:
        def knock():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return os.path.exists(daemon.ready_file)
        wait_for(knock, "the daemon behind the socket")
        daemon.port = port
        daemon.is_serving()
    finally:
        daemon.end()


def starts_of(directory):
    with contextlib.suppress(FileNotFoundError):
        return int(read_file(directory + "/starts"))


@test("starts that do not last are counted in the runtime directory; the fourth waits, says so, and a good end forgets them")
def starts_are_delayed():
    directory = temporary("runtime")
    notify = NotifySocket()
    daemon = Daemon(start=False, workers=1, environment={"RUNTIME_DIRECTORY": directory + ":/nowhere", "NOTIFY_SOCKET": notify.path})
    for n in (1, 2, 3):
        daemon.start()
        check_equal(starts_of(directory), n, "starts")
        check_not_in("START_DELAYED", daemon.log_text(), "the log")
        daemon.kill()
    daemon.start()
    with daemon:
        check_in("the last 3 starts failed, or did not last a minute: the next try is in 1 second", daemon.log_text())
        notify.hear(r"^EXTEND_TIMEOUT_USEC=91000000$")
        notify.hear(r"^STATUS=The last 3 starts failed, the next try is in 1 second:")
        check_equal(starts_of(directory), 4, "starts")
        check_equal(daemon.stop(), 0, "exit status")
        check_equal(starts_of(directory), None, "starts after a good end")


@test("who stops a daemon that waits for its next try does not wait, and neither does the start after it; a count that is none counts as none")
def delay_is_cut_short():
    directory = temporary("runtime")
    daemon = Daemon(start=False, workers=1, environment={"RUNTIME_DIRECTORY": directory})
    for words in ("40\n", "999999999999999999\n"):
        write_file(directory + "/starts", words)
        daemon.spawn()
        daemon.wait_log("START_DELAYED .*the next try is in 60 seconds")
        check_equal(daemon.children(), [], "roles")
        check_equal(daemon.stop(5), 0, "exit status")
        check_equal(starts_of(directory), None, "starts")
        os.unlink(daemon.log_path)
    for words in ("", "many", "-5"):
        write_file(directory + "/starts", words)
        daemon.start()
        check_not_in("START_DELAYED", daemon.log_text(), "the log")
        daemon.stop()


@test("workers are what the kernel ends first when memory ends", root=True)
def workers_go_first():
    with Daemon(workers=2) as daemon:
        roles = daemon.roles()
        def score(pid):
            return int(read_file("/proc/%d/oom_score_adj" % pid))
        check_equal({score(pid) for pid in roles["worker"]}, {min(score(daemon.pid) + 500, 1000)}, "the workers' score")
        check_equal({score(pid) for role in ("signer", "ledger") for pid in roles[role]}, {score(daemon.pid)}, "signer's and ledger's score")


@test("without a terminal or a journal every line of the log says its level, and nothing spans two lines")
def log_lines():
    with Daemon(workers=1) as daemon:
        daemon.is_serving()
        for line in daemon.log_text().splitlines():
            check(line.strip() and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line), "line %r" % line)


@test("an unprivileged start works, and says that all roles share one id", root=True, needs=["setpriv"])
def unprivileged():
    # The programs are copied to where another user may execute them.
    place = temporary("programs")
    for name in ("sisd", "sisd-signer", "sisd-ledger", "sisd-worker", "sisctl"):
        os.chmod(shutil.copy(os.path.join(BUILD, name), place), 0o755)
    os.chown(place, 65534, 65534)
    daemon = Daemon(start=False, workers=1, state_dir=place + "/state", control=place + "/control.sock")
    daemon.ready_file = place + "/ready"
    daemon.command = lambda: ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", place + "/sisd", "-f", "-c", daemon.config, "-L", place,
                              "--ready-file", daemon.ready_file]
    daemon.start()
    with daemon:
        daemon.is_serving()
        daemon.client().upload(make_picture())
        words = " ".join(role["sandbox"] for role in daemon.status()["roles"])
        check(re.search(r"seccomp", words), "sandbox: %r" % words)


run()
