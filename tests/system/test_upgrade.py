#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people notice who upload, fetch and watch while the administrator reloads, restarts or upgrades: nothing is lost, and nobody is refused."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *
from sis_sealing import SealingDevice
from sis_watching import Stream
import sis_debian

LARGE = 48 << 20
DRAFT = {"Upload-Draft-Interop-Version": "8"}
_crowd = None


class Crowd:
    """People of one machine who are in the middle of things: alice uploads and dora fetches something large, bob watches."""

    def __init__(self):
        self.machine = shared_machine("sisd", "sis")
        self.machine.wait_active()
        self.server = self.machine.server()
        self.alice, self.bob, self.dora = (self.machine.person(name) for name in ("alice", "bob", "dora"))
        self.alice.file("large.bin", make_bytes(LARGE))
        self.fetched = self.alice.upload("/home/alice/large.bin", "dora")
        self.n_uploads = 0

    def hold(self, person, words, files):
        """Starts sis and stops it in the middle: when one of the files (a pattern of the shell, $p is its process) has 2 MiB. Returns the process."""
        process = person.popen(*words)
        line = ("while p=$(pgrep -u %s -x sis || sleep 0.01); do for s in $(stat -L -c %%s %s 2>/dev/null); do [ $s -lt 2097152 ] || { kill -STOP $p; exit 0; }; done; done"
                % (person.name, files))
        self.machine.run(["timeout", str(30 * SLOW), "sh", "-c", line])
        check(process.poll() is None, lambda: "sis %s was done before it could be stopped: %r" % (words[0], process.communicate()))
        return process

    def goes_on(self, person, process):
        # nsenter and runuser have stopped themselves with their child, and go on with it.
        self.machine.run("pkill -CONT -u %s -x sis" % person.name)
        process.send_signal(signal.SIGCONT)
        out, error = process.communicate(timeout=60 * SLOW)
        check_equal(process.returncode, 0, "exit status of what was held: %s%s" % (out, error))
        return out

    def upload(self):
        self.n_uploads += 1
        path = self.alice.file("large%d.bin" % self.n_uploads, make_bytes(LARGE, seed=1 + self.n_uploads))
        return self.hold(self.alice, ["--json", "upload", path, "--to", "bob", "--no-thumbnail"], "/var/lib/sis/incoming/*")

    def download(self):
        directory = self.machine.run("mktemp -d", user="dora").stdout.strip()
        process = self.hold(self.dora, ["get", self.fetched, "-o", directory], "/proc/$p/fd/*")
        return process, directory

    def watch(self):
        """bob's watch, begun."""
        process = self.bob.popen("--json", "watch", "--since", "now", "--no-notify")
        wait_for(lambda: self.machine.sisctl("--json", "status").stdout and self.watchers() > 0, "bob's watch")
        return process

    def watchers(self):
        return json.loads(self.machine.sisctl("--json", "status").stdout)["watchers"]

    def check_end(self, upload, download, watch):
        """All goes on: the upload's bytes are right, the download's too, and the watch has told of the upload, once."""
        item = find_item_id(self.goes_on(self.alice, upload))
        self.goes_on(self.dora, download[0])
        same = self.machine.run("cmp %s/large.bin /home/alice/large.bin" % download[1], status=None)
        check_equal(same.returncode, 0, "what dora fetched: " + same.stdout)
        check(self.bob.get(item) == make_bytes(LARGE, seed=1 + self.n_uploads), "bob got other bytes than alice sent")
        small = self.alice.upload(self.alice.file("small.bin", make_bytes(1000)), "bob")
        lines = []
        while not any(small in line for line in lines):
            line = watch.stdout.readline()
            check(line, "the watch ended after %r" % lines)
            lines.append(line)
        told = [text for text in lines if '"item"' in text]
        check_equal([sum(i in text for text in told) for i in (item, small)], [1, 1], "how often the watch told of each item")
        self.machine.run("pkill -INT -u bob -x sis")
        watch.communicate(timeout=20 * SLOW)


def crowd():
    global _crowd
    _crowd = _crowd or Crowd()
    return _crowd


class Callers(threading.Thread):
    """Somebody new connects and asks, again and again, until told to stop. Nobody may be refused or get no answer."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.n_answers, self.longest_s, self.trouble, self.stops = server, 0, 0, [], threading.Event()
        server.ca()
        self.start()

    def run(self):
        while not self.stops.is_set():
            started = time.monotonic()
            try:
                reply = self.server.request("GET", "/healthz")
                if reply.status != 200:
                    self.trouble.append("status %d" % reply.status)
            except Exception as error:
                self.trouble.append("%s after %.3f s" % (error, time.monotonic() - started))
            self.n_answers += 1
            self.longest_s = max(self.longest_s, time.monotonic() - started)

    def check_end(self, what):
        before = self.n_answers
        wait_for(lambda: self.n_answers > before + 5, "new callers served after it")
        self.stops.set()
        self.join()
        print("# %s: %d callers, the longest waited %.1f s" % (what, self.n_answers, self.longest_s))
        check_equal(self.trouble, [], "callers who were not served, of %d" % self.n_answers)


class HalfUpload:
    """A device in the middle of the body of one request, over a connection that the test sees."""

    def __init__(self, server):
        self.server, self.device = server, SealingDevice(server)
        self.bundle = self.device.seal(make_bytes(600000))
        self.connection = server.tls(self.device)
        head = ["POST /v1/items HTTP/1.1", "Host: localhost", "Content-Type: application/vnd.sis.item", "Content-Length: %d" % len(self.bundle),
                "Upload-Complete: ?1", "Upload-Draft-Interop-Version: 8"]
        self.connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + self.bundle[:300000])
        self.file = self.connection.makefile("rb")
        check_in(b" 104 ", self.file.readline(), "interim answer")
        self.where = http.client.parse_headers(self.file)["Location"]

    def same_connection_goes_on(self):
        self.connection.sendall(self.bundle[300000:])
        check_in(b" 201 ", self.file.readline(), "the same connection, the same request")
        self._check_item()

    def resumes(self):
        """A new connection, from where the server stands."""
        at = int(self.server.request("HEAD", self.where, who=self.device, headers=DRAFT).headers["Upload-Offset"])
        check(0 < at <= 300000, "the server stands at %d" % at)
        done = self.server.request("PATCH", self.where, who=self.device, body=self.bundle[at:], headers={
            "Content-Type": "application/partial-upload", "Upload-Offset": str(at), "Upload-Complete": "?1", **DRAFT})
        check_equal(done.status, 201, "the rest of the upload (%r)" % done.body[:300])
        self._check_item()

    def _check_item(self):
        check_equal(self.server.request("GET", "/v1/items/" + self.device.item, who=self.device).status, 200, "the item")


@test("systemctl reload drops no connection: the same request's body goes on, a download, a watch and an idle connection too", root=True)
def reload():
    crowd_, machine, server = crowd(), crowd().machine, crowd().server
    half = HalfUpload(server)
    idle, stream = server.http(half.device), Stream(server, half.device)
    upload, download, watch = crowd_.upload(), crowd_.download(), crowd_.watch()
    callers, pid = Callers(server), machine.main_pid()
    machine.run("echo 'workers = 3;' >> /etc/sis/sisd.conf")
    before = machine.cursor()
    machine.systemctl("reload", "sisd.service")
    machine.wait_journal("configuration reloaded", after=before)
    callers.check_end("reload")
    check_equal((machine.main_pid(), machine.is_active("sisd.service")), (pid, True), "the daemon after the reload")
    idle.request("GET", "/v1/whoami")
    check_equal(idle.getresponse().status, 200, "a request over a connection from before the reload")
    half.same_connection_goes_on()
    check_in(half.device.item, repr(stream.take(1)[0]), "what the event stream from before the reload tells")
    stream.close()
    crowd_.check_end(upload, download, watch)


@test("systemctl restart refuses nobody and loses nothing: uploads, downloads and a watch go on by themselves", root=True)
def restart():
    crowd_, machine, server = crowd(), crowd().machine, crowd().server
    half, upload, download, watch = HalfUpload(server), crowd_.upload(), crowd_.download(), crowd_.watch()
    callers, pid = Callers(server), machine.main_pid()
    started = time.monotonic()
    machine.systemctl("restart", "sisd.service", limit_s=60)
    print("# restarted in %.1f s, with requests under way" % (time.monotonic() - started))
    callers.check_end("restart")
    check(machine.main_pid() != pid, "it is the same process")
    half.resumes()
    crowd_.check_end(upload, download, watch)


def start_instance(machine, name, port):
    """A second server on the same host."""
    machine.run("cp /etc/sis/sisd.conf /etc/sis/%s.conf" % name)
    machine.write("/etc/systemd/system/sisd@%s.socket.d/port.conf" % name, "[Socket]\nListenStream=127.0.0.1:%d\n" % port)
    machine.run("systemctl daemon-reload && systemctl enable --now sisd@%s.socket sisd@%s.service" % (name, name))
    machine.wait_active("sisd@%s.service" % name)


@test("an upgrade of the package with live connections refuses nobody and loses nothing, and all processes are the new ones, those of an instance too, which purging ends", root=True)
def upgrade():
    crowd_, machine, server = crowd(), crowd().machine, crowd().server
    newer = [sis_debian.newer_package(name, temporary("newer")) for name in ("sisd", "sis")]
    start_instance(machine, "studio", 7444)
    instance = machine.main_pid("sisd@studio.service")
    half, upload, download, watch = HalfUpload(server), crowd_.upload(), crowd_.download(), crowd_.watch()
    sockets = machine.show("sisd.socket", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
    callers = Callers(server)
    started = time.monotonic()
    machine.install(*newer)
    print("# upgraded in %.1f s, with requests under way" % (time.monotonic() - started))
    callers.check_end("upgrade")
    machine.wait_active()
    check_in("+next1", machine.run("dpkg-query -W -f '${Version}' sisd").stdout, "version that is installed")
    programs = machine.run("for p in $(pgrep '^sisd'); do readlink /proc/$p/exe; done").stdout.splitlines()
    check(machine.main_pid("sisd@studio.service") not in (0, instance), "the instance is the old process")
    check(len(programs) >= 8 and not any("deleted" in path for path in programs), "programs that run: %r" % programs)
    check_equal(machine.show("sisd.socket", *sockets), sockets, "the sockets stayed open all the time")
    check(machine.is_active("sisd@studio.socket") and machine.is_active("sisd@studio.service"), "the instance is active")
    check_equal(machine.systemctl("--failed", "--plain", "--no-legend").stdout, "", "failed units")
    half.resumes()
    crowd_.check_end(upload, download, watch)
    machine.run("mkdir -p /var/lib/sis-moved/db && touch /var/lib/sis-moved/db/sis.db")         # of no instance: a store that somebody put aside
    machine.run("apt-get -qq -y purge sisd")
    check_equal(machine.run("systemctl is-active sisd@studio.socket sisd@studio.service; ls -d /var/lib/sis* /run/sis* /etc/systemd/system/*.wants/sisd*; pgrep ^sisd",
                            status=None).stdout.split(), ["inactive", "inactive", "/var/lib/sis-moved"], "what purging left of the instance")


run()
