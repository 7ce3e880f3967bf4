# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness of the functional and hostile tests: the real daemon and the real tools from a build directory, TAP on standard output.

    from sis_testlib import *

    @test("an invite works once")
    def invite_once():
        daemon = shared_daemon()
        ...

    run()

$SIS_BUILD names the build directory (default build/gcc in the source tree). Nothing here sleeps for a fixed time: wait_for() polls for the state
that a test needs, with a limit. Everything a test makes lies beneath one temporary directory that goes away at the end.
"""

import atexit
import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SIS_BUILD") or os.path.join(SOURCE, "build/gcc"))
SANITIZED = bool(os.environ.get("SIS_SANITIZE"))
SLOW = 5 if SANITIZED else 1            # factor for every limit of time
IS_ROOT = os.geteuid() == 0
# User ids for the roles when the tests run as root; they need no entry in passwd.
SIGNER_ID, LEDGER_ID, WORKER_ID, GROUP_ID, CONTROL_GROUP_ID = 64101, 64102, 64103, 64100, 64104

SISD, SISCTL, SIS = (os.path.join(BUILD, name) for name in ("sisd", "sisctl", "sis"))


# ------------------------------------------------------------------------------------------------ tests and TAP

class Skip(Exception):
    """Raised by a test that cannot run here; its words say why."""


class Failure(AssertionError):
    pass


_tests = []


def test(line, root=False, needs=(), limit_s=180):
    """Registers a test. line: the behaviour that it pins, in one line. root: needs root. needs: programs that must be there."""
    def register(function):
        _tests.append((line, function, root, needs, limit_s))
        return function
    return register


def check(condition, words="the condition does not hold"):
    if not condition:
        raise Failure(words() if callable(words) else words)


def check_equal(got, wanted, what="value"):
    if got != wanted:
        raise Failure("%s: got %r, wanted %r" % (what, got, wanted))


def check_in(part, whole, what="text"):
    if part not in whole:
        raise Failure("%s: %r is not in %r" % (what, part, whole))


def check_not_in(part, whole, what="text"):
    if part in whole:
        raise Failure("%s: %r is in it" % (what, part))


def wait_for(predicate, what, limit_s=20):
    """Polls until predicate() is true and returns its value; fails after limit_s (times the sanitizers' factor)."""
    deadline = time.monotonic() + limit_s * SLOW
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("waited %d s in vain for: %s" % (limit_s * SLOW, what))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _alarm(_signal, _frame):
    raise Failure("the test ran out of time")


def _run_one(line, function, root, needs, limit_s):
    if root and not IS_ROOT:
        raise Skip("needs root")
    for program in needs:
        if shutil.which(program) is None:
            raise Skip("needs %s" % program)
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(limit_s * SLOW)
    try:
        function()
    finally:
        signal.alarm(0)


def run():
    """Runs the registered tests (or those whose line or function contains a word of the command line), then the shared daemon's end."""
    chosen = [t for t in _tests if len(sys.argv) < 2 or any(word in t[0] or word in t[1].__name__ for word in sys.argv[1:])]
    failed = 0
    number = 0
    for number, entry in enumerate(chosen, 1):
        marks = [(d, d.log_size()) for d in Daemon.running]
        try:
            _run_one(*entry)
            print("ok %d - %s" % (number, entry[0]), flush=True)
        except Skip as skip:
            print("ok %d - %s # SKIP %s" % (number, entry[0], skip), flush=True)
        except BaseException as error:          # also what a library raises to end the process: the other tests still run
            failed += 1
            print("not ok %d - %s" % (number, entry[0]))
            _show(traceback.format_exc())
            for daemon in list(Daemon.running):
                _show("the daemon's log:\n" + daemon.log_text()[dict(marks).get(daemon, 0):][-6000:])
            if isinstance(error, KeyboardInterrupt):
                break
    trouble = [t for t in (d.end() for d in list(Daemon.running)) if t]
    number += 1
    print("%sok %d - every daemon served until the end and stopped in time" % ("not " if trouble else "", number))
    for words in trouble:
        _show(words)
    print("1..%d" % number, flush=True)
    sys.exit(1 if failed or trouble else 0)


def _show(text):
    for line in text.rstrip().splitlines():
        print("# " + line)
    sys.stdout.flush()


# ------------------------------------------------------------------------------------------------ places and programs

_top = None
_names = {}


def temporary(name="t"):
    """A new directory beneath this program's temporary directory. The roles' own user ids must be able to pass through: 0755."""
    global _top
    if _top is None:
        _top = tempfile.mkdtemp(prefix="sis-test-")
        os.chmod(_top, 0o755)
        atexit.register(shutil.rmtree, _top, ignore_errors=True)
    path = tempfile.mkdtemp(prefix=name + "-", dir=_top)
    os.chmod(path, 0o755)
    return path


def unique(prefix):
    """A user name that this program has not used yet."""
    _names[prefix] = _names.get(prefix, 0) + 1
    return prefix if _names[prefix] == 1 else "%s%d" % (prefix, _names[prefix])


def write_file(path, data):
    with open(path, "wb" if isinstance(data, bytes) else "w") as file:
        file.write(data)
    return path


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def program_environment(**more):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("SIS_") and name not in ("NOTIFY_SOCKET", "JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID", "WATCHDOG_USEC")}
    # Roles are not dumpable and cannot be traced: LeakSanitizer could not work in them.
    environment.setdefault("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:exitcode=99")
    environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=99")
    environment.update(more)
    return environment


def run_program(arguments, status=0, input=None, limit_s=60, **options):
    """Runs a program to its end. status: what it must end with, None for anything. Output is text."""
    binary = options.pop("binary", False)
    environment = options.pop("env", None) or program_environment()
    try:
        done = subprocess.run(arguments, input=input, stdin=None if input is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=limit_s * SLOW, env=environment, **options)
    except subprocess.TimeoutExpired as late:
        raise Failure("%s did not end within %d s; standard error: %s" % (" ".join(arguments), limit_s * SLOW, late.stderr))
    if not binary:
        done.stdout = done.stdout.decode("utf-8", "replace")
    done.stderr = done.stderr.decode("utf-8", "replace")
    if "AddressSanitizer" in done.stderr or "runtime error:" in done.stderr:
        raise Failure("sanitizer report of %s:\n%s" % (" ".join(arguments), done.stderr))
    if status is not None and done.returncode != status:
        raise Failure("%s ended with %d instead of %d\nstandard output: %s\nstandard error: %s"
                      % (" ".join(arguments), done.returncode, status, done.stdout[-2000:], done.stderr[-4000:]))
    return done


def config_text(options):
    """libconfig text of a dictionary: strings, numbers and lists of strings."""
    def value(v):
        if isinstance(v, (list, tuple)):
            return "( " + ", ".join(value(x) for x in v) + " )"
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, int):
            return str(v) if abs(v) < 2 ** 31 else "%dL" % v
        return '"%s"' % str(v).replace("\\", "\\\\").replace('"', '\\"')
    return "".join("%s = %s;\n" % (name, value(v)) for name, v in options.items())


# ------------------------------------------------------------------------------------------------ the daemon

class Daemon:
    """A private sisd with its own state directory, on a free loopback port.

    Options of sisd.conf are keyword arguments: Daemon(workers=1, registration="open"). It is started at once unless start=False."""
    running = []

    def __init__(self, start=True, state_dir=None, environment=None, arguments=(), wrapper=(), pass_fds=(), **options):
        self.directory = temporary("daemon")
        self.options = {"listen": ["127.0.0.1:0"], "state_dir": state_dir or os.path.join(self.directory, "state"),
                        "control": os.path.join(self.directory, "control.sock"), "workers": 2,
                        "server_names": ["localhost", "127.0.0.1"], "log_level": "debug"}
        if IS_ROOT:
            self.options.update(signer_user=str(SIGNER_ID), ledger_user=str(LEDGER_ID), worker_user=str(WORKER_ID), group=str(GROUP_ID),
                                control_group=str(CONTROL_GROUP_ID))
        self.options.update(options)
        self.environment = environment or {}
        self.arguments, self.wrapper, self.pass_fds = list(arguments), list(wrapper), tuple(pass_fds)
        self.config = os.path.join(self.directory, "sisd.conf")
        self.ready_file = os.path.join(self.directory, "ready")
        self.log_path = os.path.join(self.directory, "log")
        self.process, self.host, self.port = None, "127.0.0.1", None
        self._ca = self._held = None
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        if kind is not None:
            _show("the daemon's log:\n" + self.log_text()[-6000:])
        trouble = self.end()
        if trouble and kind is None:
            raise Failure(trouble)

    state_dir = property(lambda self: self.options["state_dir"])
    control = property(lambda self: self.options["control"])
    pid = property(lambda self: self.process.pid)
    address = property(lambda self: (self.host, self.port))
    url = property(lambda self: "https://%s:%d" % (self.host, self.port))

    def write_config(self, **changes):
        self.options.update(changes)
        write_file(self.config, config_text(self.options))

    def command(self):
        return self.wrapper + [SISD, "-f", "-c", self.config, "-L", BUILD, "--ready-file", self.ready_file] + self.arguments

    def spawn(self):
        """Starts the process and does not wait."""
        self.write_config()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ready_file)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            env=program_environment(**self.environment), pass_fds=self.pass_fds)
        Daemon.running.append(self)

    def start(self):
        self.spawn()
        self.wait_ready()
        # A restart keeps its port, so that clients which know the address find it again.
        if self.options["listen"] == ["127.0.0.1:0"]:
            self.options["listen"] = ["127.0.0.1:%d" % self.port]
        return self

    def wait_ready(self, limit_s=30):
        def ready():
            if self.process.poll() is not None:
                raise Failure("sisd ended with %d before it was ready; its log:\n%s" % (self.process.returncode, self.log_text()[-6000:]))
            # Renamed into place by sisd, so it is whole; holds the port.
            return os.path.exists(self.ready_file) and os.path.getsize(self.ready_file) > 0
        try:
            wait_for(ready, "the daemon's ready file", limit_s)
        except Failure:
            self.kill()
            raise
        self.port = int(read_file(self.ready_file))

    def stop(self, limit_s=20):
        """SIGTERM and a bounded wait; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(limit_s * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("sisd did not stop within %d s of SIGTERM; its log:\n%s" % (limit_s * SLOW, self.log_text()[-4000:]))
        self._gone()
        return status

    def kill(self):
        """SIGKILL to the master and to every role that is left."""
        pids = self.children()
        for pid in [self.process.pid] + pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        for pid in pids:
            wait_for(lambda: not process_is_alive(pid), "role %d to be gone" % pid)
        self._gone()

    def _gone(self):
        if self in Daemon.running:
            Daemon.running.remove(self)
        if self._held is None and self.options["listen"] == ["127.0.0.1:%s" % self.port]:
            # Bound and not listened on, so that no other program on this host is given the port before the restart.
            self._held = socket.socket()
            self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                self._held.bind(self.address)

    def restart(self, hard=False):
        if hard:
            self.kill()
        else:
            check_equal(self.stop(), 0, "exit status after SIGTERM")
        self.start()

    def end(self):
        """For the end of a test: stops it and returns what was wrong, or None."""
        trouble = None
        if self in Daemon.running:
            if self.process.poll() is not None:
                trouble = "sisd had ended with status %d" % self.process.returncode
                self._gone()
            else:
                try:
                    status = self.stop()
                    trouble = None if status == 0 else "sisd ended with %d after SIGTERM" % status
                except Failure as failure:
                    trouble = str(failure)
        report = re.search(r"(==\d+==ERROR: \w+Sanitizer|runtime error:)(.*\n){0,40}", self.log_text())
        if report:
            trouble = "sanitizer report in the daemon's log:\n" + report.group(0)
        return trouble and trouble + "\n" + self.log_text()[-4000:]

    def reload(self):
        """SIGHUP, and waits until the log says that it was done."""
        before = self.log_size()
        self.process.send_signal(signal.SIGHUP)
        return self.wait_log(r"configuration (not )?reloaded", since=before)

    # -- what it says

    def log_text(self):
        try:
            return read_file(self.log_path).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_size(self):
        return len(self.log_text())

    def wait_log(self, pattern, since=0, limit_s=15):
        """Waits for a log line that matches; since: a log_size() from before."""
        found = wait_for(lambda: re.search(pattern, self.log_text()[since:]), "a log line like %r in:\n%s" % (pattern, self.log_text()[since:][-3000:]),
                         limit_s)
        return found.group(0)

    # -- its processes

    def children(self):
        """Pids of the roles, as the kernel knows them."""
        pids = []
        try:
            for task in os.listdir("/proc/%d/task" % self.process.pid):
                with open("/proc/%d/task/%s/children" % (self.process.pid, task)) as file:
                    pids += [int(word) for word in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
        return pids

    def status(self):
        reply = json.loads(self.sisctl("--json", "status").stdout)
        return reply.get("status", reply)

    def roles(self):
        """{"signer": [pid], "ledger": [pid], "worker": [pid, …]}: those that have a process now. (Who waits for one has 0, which to kill(2) is ourselves.)"""
        found = {}
        for role in self.status()["roles"]:
            # "worker" or "worker 1"
            found.setdefault(role["role"].split()[0].split("-")[0], []).extend([role["pid"]] if role["pid"] > 0 else [])
        return found

    # -- its tools

    def sisctl(self, *arguments, **options):
        return run_program([SISCTL, "-s", self.control] + [str(a) for a in arguments], **options)

    def invite(self, user, device=None):
        """The invite line for a device of a new or known user."""
        extra = ["--device", device] if device else []
        done = self.sisctl("add", user, *extra, status=None)
        if done.returncode != 0:
            done = self.sisctl("invite", user, *extra)
        return done.stdout.strip()

    def client(self, user=None, device=None, **options):
        """Enrolls a new client with sis and returns it."""
        client = Client(self, user or unique("user"), **options)
        client.run("enroll", self.invite(client.user, device))
        return client

    def ca(self):
        """The CA certificate in PEM, in a file, learned as a stranger does who checks the fingerprint later."""
        if self._ca is None:
            from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
            reply = self.request("GET", "/.well-known/est/cacerts", verify=False)
            check_equal(reply.status, 200, "status of cacerts")
            certificates = pkcs7.load_der_pkcs7_certificates(base64.b64decode(reply.body))
            self._ca = write_file(os.path.join(self.directory, "ca.pem"), certificates[0].public_bytes(Encoding.PEM))
        return self._ca

    # -- its wire

    def tls_context(self, who=None, verify=True):
        """who: something with certificate_path and key_path (Client, Device), or None for no client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if verify:
            context.load_verify_locations(self.ca())
        else:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if who is not None:
            context.load_cert_chain(who.certificate_path, who.key_path)
        return context

    def connect(self, limit_s=20, **socket_options):
        """A plain TCP connection."""
        connection = socket.create_connection(self.address, timeout=limit_s * SLOW)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def tls(self, who=None, verify=True, limit_s=20, context=None):
        """A TLS connection, handshake done."""
        context = context or self.tls_context(who, verify)
        return context.wrap_socket(self.connect(limit_s), server_hostname="localhost")

    def http(self, who=None, verify=True, limit_s=20, context=None):
        """An http.client connection that stays open between requests: .request(), .getresponse()."""
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=limit_s * SLOW)
        connection.sock = self.tls(who, verify, limit_s, context)
        connection.auto_open, connection.response_class = 0, FinalResponse
        return connection

    def request(self, method, path, who=None, body=None, headers=None, verify=True, connection=None):
        """One request; returns Reply."""
        own = connection is None
        connection = connection or self.http(who, verify)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            if own:
                connection.close()

    def is_serving(self):
        """A fresh connection gets its answer: what every hostile test ends with."""
        reply = self.request("GET", "/healthz")
        check_equal((reply.status, reply.body), (200, b"ok\n"), "GET /healthz")
        return True

    def curl(self, path, *arguments, who=None, status=0, **options):
        """curl with the CA, and with a client certificate when who is given."""
        command = ["curl", "--silent", "--show-error", "--max-time", str(60 * SLOW), "--cacert", self.ca(), "--resolve",
                   "localhost:%d:%s" % (self.port, self.host)]
        if who is not None:
            command += ["--cert", who.certificate_path, "--key", who.key_path]
        return run_program(command + [str(a) for a in arguments] + ["https://localhost:%d%s" % (self.port, path)], status=status, **options)


class FinalResponse(http.client.HTTPResponse):
    """Python's own reads a 104 as if it were the answer."""

    def _read_status(self):
        while True:
            version, status, reason = super()._read_status()
            if not 102 <= status <= 199:
                return version, status, reason
            http.client.parse_headers(self.fp)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def check_problem(self, status, name=None):
        """An RFC 9457 problem document with this status (and this error of error.def, "no-item")."""
        check_equal(self.status, status, "status (body %r)" % self.body[:300])
        check_equal(self.headers.get("Content-Type"), "application/problem+json", "content type")
        problem = self.json()
        check_equal(problem.get("status"), status, "status in the problem document")
        check(problem.get("title") and problem.get("type", "").startswith("urn:sis:error:"), "not a full problem document: %r" % problem)
        if name:
            check_equal(problem["type"], "urn:sis:error:" + name, "problem type")
        return problem


def live_connection(daemon, who, verify=True):
    """A TLS connection that has had one answer and stays open."""
    connection = daemon.tls(who, verify)
    connection.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
    data = b""
    while b"\r\n\r\n" not in data or not data.rstrip().endswith(b"}"):
        more = connection.recv(65536)
        check(more, "closed after %r" % data)
        data += more
    check(data.startswith(b"HTTP/1.1 200"), "answer %r" % data[:100])
    return connection


def is_closed(connection, limit_s=10):
    connection.settimeout(limit_s * SLOW)
    try:
        return connection.recv(1) == b""
    except (ConnectionResetError, ssl.SSLError, BrokenPipeError):
        return True
    except TimeoutError:
        return False


def process_is_alive(pid):
    """Zombies are dead."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


_shared = None


def shared_daemon():
    """One daemon for all tests of a program that do not mind each other. Started anew when a test has ended it."""
    global _shared
    if _shared is None or _shared.process.poll() is not None:
        if _shared is not None:
            _shared._gone()
        _shared = Daemon()
    return _shared


# ------------------------------------------------------------------------------------------------ people

class Client:
    """A home of sis: client.run("upload", path, "--to", "bob")."""

    def __init__(self, daemon, user, home=None, profile="default"):
        self.daemon, self.user, self.profile = daemon, user, profile
        self.home = home or os.path.join(temporary("home"), user)

    directory = property(lambda self: os.path.join(self.home, "profiles", self.profile))
    certificate_path = property(lambda self: os.path.join(self.directory, "device.pem"))
    key_path = property(lambda self: os.path.join(self.directory, "device.key"))

    def command(self, *arguments):
        return [SIS, "--home", self.home] + [str(a) for a in arguments]

    def run(self, *arguments, **options):
        return run_program(self.command(*arguments), **options)

    def json(self, *arguments, **options):
        """The JSON values that `sis --json …` prints: one value, or a list when there are several lines."""
        text = self.run("--json", *arguments, **options).stdout
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
        return values[0] if len(values) == 1 else values

    def popen(self, *arguments, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(*arguments), **dict({"stdin": subprocess.DEVNULL, "env": program_environment()}, **options))

    def upload(self, path, *to, more=("--keep-metadata", "--no-thumbnail")):
        """Uploads one file as it is (for nobody else, when to is empty) and returns its item's id."""
        names = [t.user if isinstance(t, Client) else t for t in to] or [self.user]
        done = self.run("--json", "upload", "--to", ",".join(names), *more, "--", path)
        return find_item_id(done.stdout)

    def items(self):
        """Ids of what `sis list` shows."""
        return find_item_ids(self.run("--json", "list").stdout)

    def get(self, item, directory=None):
        """Fetches an item into a (new) directory and returns the path of the one file that came."""
        directory = directory or temporary("got")
        before = set(os.listdir(directory))
        self.run("get", item, "-o", directory)
        new = sorted(set(os.listdir(directory)) - before)
        check_equal(len(new), 1, "files that came: %r" % new)
        return os.path.join(directory, new[0])


def find_item_ids(json_text):
    """Every "item" member in (possibly several lines of) JSON, in order."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("item"), str):
                found.append(value["item"])
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)
    decoder, at = json.JSONDecoder(), 0
    while at < len(json_text):
        if json_text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(json_text, at)
        walk(value)
    return found


def find_item_id(json_text):
    found = find_item_ids(json_text)
    check(found and re.fullmatch(r"[a-z2-7]{26}", found[0]), "no item id in %r" % json_text)
    return found[0]


class Invite:
    def __init__(self, line):
        match = re.fullmatch(r"sis://([^/#]+):(\d+)/([a-z0-9._-]+)#([a-z2-7]{26})\.([0-9a-f]{64})", line.strip())
        check(match, "not an invite line: %r" % line)
        self.host, port, self.user, self.code, self.fingerprint = match.groups()
        self.port = int(port)


class Device:
    """A device made by these tests, without sis: a key, a CSR, EST over http.client. algorithm: "ed25519", "p256", "p384", "rsa"."""

    def __init__(self, daemon, user, name="test", algorithm="ed25519"):
        self.daemon, self.user, self.name = daemon, user, name
        self.directory = temporary("device")
        self.key = make_key(algorithm)
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        self.key_path = write_file(os.path.join(self.directory, "key.pem"),
                                   self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.certificate_path = os.path.join(self.directory, "certificate.pem")
        self.certificate = None

    def enroll(self, code, csr=None, status=200, path="simpleenroll"):
        if csr is None:
            csr = make_csr(self.key, self.user, self.name)
        reply = est_enroll(self.daemon, self.user, code, csr, path)
        if status is not None:
            check_equal(reply.status, status, "status of enrollment (%r)" % reply.body[:300])
        if reply.status == 200:
            self.take(reply.body)
        return reply

    def take(self, body):
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
        self.certificate = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))[0]
        write_file(self.certificate_path, self.certificate.public_bytes(Encoding.PEM))


def make_key(algorithm="ed25519"):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    return {"ed25519": ed25519.Ed25519PrivateKey.generate,
            "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "rsa": lambda: rsa.generate_private_key(65537, 2048)}[algorithm]()


def make_csr(key, user, device=None):
    """DER of a PKCS#10 request with CN=user, OU=device."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, user)] if user else []
    if device:
        names.append(x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, device))
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, digest).public_bytes(Encoding.DER)


def est_enroll(daemon, user, code, csr, path="simpleenroll", who=None, more_headers=()):
    headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64", **dict(more_headers)}
    if code is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(("%s:%s" % (user, code)).encode()).decode()
    return daemon.request("POST", "/.well-known/est/" + path, who=who, body=base64.encodebytes(csr), headers=headers)


def enroll_device(daemon, user=None, name="test", algorithm="ed25519"):
    """A live device made without sis: adds the user when it is new."""
    device = Device(daemon, user or unique("user"), name, algorithm)
    device.enroll(Invite(daemon.invite(device.user)).code)
    return device


# ------------------------------------------------------------------------------------------------ the control socket

class Varlink:
    """A raw connection to a control socket."""

    def __init__(self, path, limit_s=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(limit_s * SLOW)
        self.socket.connect(path)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_ignored):
        self.socket.close()

    def send(self, message):
        self.send_raw(json.dumps(message).encode() + b"\0")

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next message, or None when the other side has closed."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.send({"method": method, "parameters": parameters})
        return self.receive()


# ------------------------------------------------------------------------------------------------ files

def make_bytes(size, seed=1):
    """Bytes that look random and are the same for the same seed."""
    import random
    return random.Random(seed).randbytes(size)


def make_picture(path=None, width=64, height=48, seed=1):
    """A small JPEG with EXIF and GPS, in a file."""
    import make_photo
    return write_file(path or os.path.join(temporary("picture"), "holiday.jpg"), make_photo.make(width, height, seed))


def foreign_certificate(directory, days):
    """tls_certificate and tls_key of somebody else's authority."""
    key, certificate = os.path.join(directory, "tls.key"), os.path.join(directory, "tls.pem")
    run_program(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", certificate, "-days", str(days), "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost"])
    os.chmod(key, 0o600)
    return {"tls_certificate": certificate, "tls_key": key}


def find_in_tree(directory, needles):
    """The (path, needle) of every occurrence of one of the byte strings in a file or file name beneath directory."""
    hits = []
    for where, names, files in os.walk(directory):
        for name in names + files:
            hits += [(os.path.join(where, name), needle) for needle in needles if needle in os.fsencode(name)]
        for name in files:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                data = read_file(path)
                hits += [(path, needle) for needle in needles if needle in data]
    return hits
