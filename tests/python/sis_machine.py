# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian system of its own for a test: really booted by systemd, with the packages of this tree, thrown away at the end.

    machine = shared_machine()                      # or: with Machine() as machine: – nothing installed yet
    machine.install("sisd", "sis")
    machine.systemctl("start", "sisd")
    alice = machine.person("alice")                 # an account on that system, and a user of sis
    alice.upload("picture.jpg", "bob")
    machine.journal("_SYSTEMD_UNIT=sisd.service")   # entries as dictionaries

The system is an overlay over sis_debian.machine_root(), what it writes is in memory. Commands run in it as root through nsenter. The network in it is a
loopback that nobody else sees, so port 7443 is free in each. Everything ends with the process that made it, however that ends: mounts are in its own
namespace, and systemd-nspawn, which is told by the kernel when its parent has ended, then kills the machine.

A clock is nobody's own: what sets the time in the machine sets the host's (it has no capability to).
"""

import ctypes
import glob
import json
import os
import re
import shlex
import signal
import subprocess
import time

import sis_debian
from sis_testlib import *

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UNIT = "_SYSTEMD_UNIT=sisd.service"


class Machine:
    """arguments: more for systemd-nspawn, "--bind=…". size: how much the machine may write, as tmpfs(5) says it. tools: more Debian packages in it."""
    count = 0

    def __init__(self, arguments=(), size="2g", boot=True, tools=()):
        Machine.count += 1
        self.name = "sis-%d-%d" % (os.getpid(), Machine.count)
        self.arguments, self.process, self.leader, self.group = list(arguments), None, None, None
        self.directory = temporary("machine")
        self.console = os.path.join(self.directory, "console")
        self.root = os.path.join(self.directory, "mount", "root")
        self._mount(self._base(tools), size)
        if boot:
            self.boot()

    def __enter__(self):
        return self

    def __exit__(self, kind, _value, _trace):
        if kind is not None:
            for line in (self.console_text()[-1500:] + "\n" + self.log_text()[-6000:]).splitlines():
                print("# " + line, flush=True)
        self.end()

    # -- its life

    @staticmethod
    def _base(tools):
        # It may have to be made first, which is not the test's time.
        left = signal.alarm(0)
        try:
            return sis_debian.machine_root(*tools)
        except sis_debian.Cannot as reason:
            raise Skip(str(reason))
        finally:
            signal.alarm(left)

    def _mount(self, base, size):
        top = os.path.dirname(self.root)
        os.makedirs(top)
        sis_debian.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=" + size, "sis-tests", top])
        for name in ("upper", "work", "root"):
            os.mkdir(os.path.join(top, name), 0o755)
        sis_debian.run(["mount", "-t", "overlay", "-o", "lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (base, top, top), "sis-tests", self.root])

    def boot(self, limit_s=60):
        """Starts it, and waits until systemd says that it is up."""
        self.group = control_group(self.name)
        command = sis_debian.NSPAWN + ["--machine=" + self.name, "--private-network", "--directory=" + self.root, "--boot", "--console=pipe",
                                       "--kill-signal=SIGKILL",
                                       # Landlock is not among what nspawn of Debian 12 lets through.
                                       "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"] + self.arguments
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
        with open(self.console, "ab") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment, start_new_session=True,
                                            preexec_fn=lambda: join_and_end_with_parent(self.group))
        Daemon.running.append(self)
        self.leader = wait_for(self._find_leader, "the machine's first process", limit_s)
        wait_for(self.is_up, "the machine to be up", limit_s)

    def _find_leader(self):
        if self.process.poll() is not None:
            raise Failure("systemd-nspawn ended with %d: %s" % (self.process.returncode, self.console_text()[-2000:]))
        # nspawn has another child for a moment before: the one that is meant is number 1 where it lives.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
                pids = file.read().split()
            for pid in pids:
                with open("/proc/%s/status" % pid) as file:
                    if re.search(r"^NSpid:.*\s1$", file.read(), re.MULTILINE):
                        return int(pid)
        return None

    def is_up(self):
        if self.process.poll() is not None:
            raise Failure("the machine ended while it booted: %s" % self.console_text()[-2000:])
        return self.run("systemctl is-system-running", status=None).stdout.strip() in ("running", "degraded")

    def end(self):
        """Ends it at once: nothing in it is worth an orderly stop. For run(): returns what was wrong, or None."""
        if self in Daemon.running:
            Daemon.running.remove(self)
        if self.process is not None:
            remove_control_group(self.group)
            self.process.wait()
            self.process = None
        top = os.path.dirname(self.root)
        for path in (self.root, top):
            sis_debian.run(["umount", "--lazy", path], may_fail=True)
        return None

    def power_off(self, limit_s=60):
        """An orderly stop, as an administrator's; its files stay until end(), and boot() starts it again. No command may still run in it: systemd waits for what
        it did not start itself."""
        self.run("systemctl poweroff", status=None)
        self.process.wait(limit_s * SLOW)
        Daemon.running.remove(self)
        remove_control_group(self.group)
        self.process = None

    # -- commands

    def command(self, command, user=None, environment=None):
        """The list of arguments that runs a command (a list, or a line for sh) in the machine."""
        words = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        if user:
            words = ["runuser", "--user", user, "--"] + words
        home = "/home/" + user if user else "/root"
        variables = {"PATH": SYSTEM_PATH, "HOME": home, "LC_ALL": "C.UTF-8", "USER": user or "root", **(environment or {})}
        return ["nsenter", "--target", str(self.leader), "--all", "env", "-i", "--chdir=/"] + ["%s=%s" % pair for pair in variables.items()] + words

    def run(self, command, user=None, environment=None, **options):
        """As run_program() of sis_testlib: status=, input=, limit_s=, binary=; output is text."""
        return run_program(self.command(command, user, environment), **options)

    def popen(self, command, user=None, environment=None, **options):
        return subprocess.Popen(self.command(command, user, environment), **dict({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                                                                                   "stderr": subprocess.PIPE, "text": True}, **options))

    def systemctl(self, *arguments, **options):
        return self.run(["systemctl", *arguments], **options)

    def show(self, unit, *properties):
        """{"ActiveState": "active", …}"""
        lines = self.systemctl("show", "--property", ",".join(properties), unit).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def is_active(self, unit):
        return self.systemctl("is-active", unit, status=None).stdout.strip() == "active"

    def wait_active(self, unit="sisd.service", limit_s=30):
        wait_for(lambda: self.is_active(unit), "%s to be active; it is:\n%s" % (unit, self.systemctl("status", unit, status=None).stdout), limit_s)

    def main_pid(self, unit="sisd.service"):
        """In the machine's own counting."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def sisctl(self, *arguments, **options):
        return self.run(["sisctl", *arguments], **options)

    # -- files

    def read(self, path, binary=False):
        return self.run(["cat", path], binary=binary).stdout

    def write(self, path, data, mode=0o644, owner=None):
        self.run("mkdir -p %s && cat > %s && chmod %o %s" % (shlex.quote(os.path.dirname(path)), shlex.quote(path), mode, shlex.quote(path)),
                 input=data if isinstance(data, bytes) else data.encode())
        if owner:
            self.run(["chown", owner, path])
        return path

    def exists(self, path):
        return self.run(["test", "-e", path], status=None).returncode == 0

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread makes meanwhile belong to the machine's network, and stay there."""
        with open("/proc/thread-self/ns/net") as own, open("/proc/%d/ns/net" % self.leader) as theirs:
            enter_namespace(theirs)
            try:
                yield
            finally:
                enter_namespace(own)

    # -- packages

    def install(self, *names, **options):
        """apt-get install of packages of this tree ("sisd") or of any .deb of the host (a path)."""
        paths = [name if "/" in name else sis_debian.packages()[name] for name in names]
        inside = [self.write("/var/tmp/" + os.path.basename(path), read_file(path)) for path in paths]
        return self.run(["apt-get", "-qq", "-y", "--no-install-recommends", "install", *inside], environment={"DEBIAN_FRONTEND": "noninteractive"},
                        limit_s=120, **options)

    # -- the journal

    def journal(self, *matches, after=None):
        """Entries as dictionaries, oldest first. matches: as journalctl takes them ("_SYSTEMD_UNIT=sisd.service"). after: an entry's __CURSOR."""
        # Not --after-cursor=: where the entry itself does not match, that passes over the first one that does.
        more = ["--cursor=" + after] if after else []
        text = self.run(["journalctl", "--quiet", "--no-pager", "--all", "--output=json", *more, *matches]).stdout
        return [entry for entry in map(json.loads, text.splitlines()) if entry["__CURSOR"] != after]

    def cursor(self):
        return self.journal()[-1]["__CURSOR"]

    def wait_journal(self, pattern, *matches, after=None, limit_s=20):
        """The first entry whose message matches."""
        def found():
            return next((entry for entry in self.journal(*(matches or [UNIT]), after=after) if re.search(pattern, str(entry.get("MESSAGE", "")))), None)
        return wait_for(found, "a line like %r in the journal" % pattern, limit_s)

    def console_text(self):
        return read_file(self.console).decode("utf-8", "replace") if os.path.exists(self.console) else ""

    # run() of sis_testlib shows what these say when a test fails.
    def log_text(self):
        if self.process is None or self.process.poll() is not None or not self.leader:
            return self.console_text()
        with contextlib.suppress(Failure):
            return self.run("journalctl --no-pager --quiet --output=short-precise -n 120", status=None).stdout
        return "(no journal)"

    def log_size(self):
        return 0

    # -- people

    def account(self, name, groups=()):
        """A login on the machine, with a home."""
        self.run(["useradd", "--create-home", "--shell", "/bin/sh", *(["--groups", ",".join(groups)] if groups else []), name])
        return name

    def person(self, name, host="localhost"):
        """An account on the machine that is a user of sis there, one device enrolled."""
        self.account(name)
        return Person(self, name).enroll(host)

    def server(self):
        return Server(self)

    def is_serving(self):
        return self.server().is_serving()


class Person:
    """sis in the home of an account of the machine."""

    def __init__(self, machine, name):
        self.machine, self.name, self.home = machine, name, "/home/" + name

    def command(self, *arguments):
        return self.machine.command(["sis", *arguments], user=self.name)

    def run(self, *arguments, **options):
        return self.machine.run(["sis", *arguments], user=self.name, **options)

    def popen(self, *arguments, **options):
        return self.machine.popen(["sis", *arguments], user=self.name, **options)

    def enroll(self, host="localhost"):
        line = re.search(r"sis://\S+", self.machine.sisctl("add", self.name).stdout).group(0)
        self.run("enroll", re.sub(r"//[^/]*:", "//%s:" % host, line))
        return self

    def file(self, name, data):
        return self.machine.write(os.path.join(self.home, name), data, owner=self.name)

    def upload(self, path, *to, more=("--keep-metadata", "--no-thumbnail")):
        return find_item_id(self.run("--json", "upload", "--to", ",".join(to or [self.name]), *more, "--", path).stdout)

    def items(self):
        return find_item_ids(self.run("--json", "list").stdout)

    def get(self, item):
        """Fetches an item and returns its bytes."""
        directory = self.machine.run("mktemp -d", user=self.name).stdout.strip()
        self.run("get", item, "-o", directory)
        return self.machine.run("cat %s/*" % directory, user=self.name, binary=True).stdout


class Server(Daemon):
    """The sisd of a machine, for what speaks its wire from the test itself: .request(), .tls(), SealingDevice(server), Stream(server, …)."""

    def __init__(self, machine):
        self.machine, self.directory, self.host, self.port, self._ca = machine, temporary("server"), "127.0.0.1", 7443, None

    def connect(self, limit_s=20, **socket_options):
        with self.machine.network():
            return super().connect(limit_s, **socket_options)

    def sisctl(self, *arguments, **options):
        return self.machine.sisctl(*arguments, **options)


_shared = None


def shared_machine(*packages):
    """One machine for all tests of a program, with these packages installed when it is made."""
    global _shared
    if _shared is None:
        machine = Machine()
        if packages:
            machine.install(*packages)
        _shared = machine
    return _shared


# ------------------------------------------------------------------------------------------------ control groups

def control_group(name):
    """A new control group of the second version, in which the machine's systemd is alone."""
    top = next((path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(path + "/cgroup.procs")), None)
    if top is None:
        raise Skip("no control groups of the second version (cgroup2) here")
    with open("/proc/self/cgroup") as file:
        own = re.search(r"^0::(/.*)$", file.read(), re.MULTILINE).group(1)
    # Processes live in leaves alone: beside the own group, not below it.
    parent = top + (os.path.dirname(own) if own != "/" else "")
    for old in glob.glob(parent + "/sis-[0-9]*-*"):
        if not process_is_alive(int(old.rsplit("-", 2)[1])):
            remove_control_group(old)
    path = os.path.join(parent, name)
    try:
        os.mkdir(path)
    except OSError as error:
        raise Skip("may not make a control group here (%s)" % error)
    return path


def remove_control_group(path):
    """Ends everything in it."""
    write_file(os.path.join(path, "cgroup.kill"), "1")

    def gone():
        for directory, _names, _files in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        return not os.path.exists(path)
    with contextlib.suppress(Failure):
        wait_for(gone, "the control group to be empty", 10)


def enter_namespace(file):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file.fileno(), 0) != 0:
        raise Failure("setns: " + os.strerror(ctypes.get_errno()))


def join_and_end_with_parent(group):
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)                  # PR_SET_PDEATHSIG
    with open(os.path.join(group, "cgroup.procs"), "w") as file:
        file.write("0")
