#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that break in the middle: a relay between sis and sisd that cuts them."""
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from sis_testlib import *  # noqa: E402,F403


class Relay:
    """Passes bytes both ways; cuts a connection once it has carried cut_after bytes from the server, as often as `cuts` says."""

    def __init__(self, daemon, cut_after, cuts):
        self.daemon, self.cut_after, self.cuts = daemon, cut_after, cuts
        self.on_cut, self.goes_on = None, threading.Event()
        self.n_connections = self.n_cut = self.from_server = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = self.daemon.connect()
            self.n_connections += 1
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source, target, is_from_server):
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_from_server:
                    carried += len(data)
                    self.from_server += len(data)
                    if carried > self.cut_after and self.n_cut < self.cuts:
                        self.n_cut += 1
                        if self.on_cut is None:
                            break
                        self.on_cut()
                        self.goes_on.wait(30 * SLOW)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def move_to(client, port):
    path = os.path.join(client.directory, "profile.json")
    profile = json.loads(read_file(path))
    profile["server"] = "localhost:%d" % port
    write_file(path, json.dumps(profile))


@test("a download whose connection breaks three times goes on where it stood, and the file is whole")
def download():
    daemon = shared_daemon()
    alice, bob = daemon.client(), daemon.client()
    data = make_bytes(12 << 20)
    item = alice.upload(write_file(os.path.join(temporary("large"), "large.bin"), data), bob)
    relay = Relay(daemon, cut_after=2 << 20, cuts=3)
    move_to(bob, relay.port)
    check(read_file(bob.get(item)) == data, "the bytes that came are those that were shared")
    check_equal(relay.n_cut, 3, "connections cut")
    check(relay.from_server < len(data) + (2 << 20), "hardly anything was fetched twice: %d bytes for %d" % (relay.from_server, len(data)))


@test("a download whose connection always breaks at once ends in one sentence, and leaves nothing behind")
def never():
    daemon = shared_daemon()
    alice, bob = daemon.client(), daemon.client()
    item = alice.upload(write_file(os.path.join(temporary("large"), "large.bin"), make_bytes(4 << 20)), bob)
    # Less than one TLS record of the object, whenever it comes: no connection gets any further than the one before.
    relay = Relay(daemon, cut_after=16000, cuts=1000)
    move_to(bob, relay.port)
    place = temporary("out")
    done = bob.run("get", item, "-o", place, status=None)
    check(done.returncode in (69, 76), "exit status %d" % done.returncode)
    check_equal(len(done.stderr.strip().splitlines()), 1, "lines on standard error: %r" % done.stderr)
    check_equal(os.listdir(place), [], "files")


class FirstOnly(Relay):
    """Lets the first connection through, until it is open."""
    is_open = False

    def carry(self, source, target, is_from_server):
        if self.n_connections > 1 and not self.is_open:
            source.close()
            target.close()
        else:
            super().carry(source, target, is_from_server)


@test("an enrollment whose server goes away after the certificate keeps the profile, for which the invite was spent; the next command publishes the key")
def enrolled_half():
    daemon = shared_daemon()
    carol, dave = daemon.client(), Client(daemon, unique("user"))
    relay = FirstOnly(daemon, 0, 0)
    done = dave.run("enroll", daemon.invite(dave.user).replace(":%d/" % daemon.port, ":%d/" % relay.port))
    check_in("the encryption key is not published yet", done.stderr)
    carol.run("upload", make_picture(), "--to", dave.user, status=67)
    relay.is_open = True
    check_in("the encryption key is published", dave.run("whoami").stderr)
    carol.upload(make_picture(), dave)


@test("^C in a download: said in a word, with exit status 130, and nothing is left")
def interrupted():
    daemon = shared_daemon()
    alice = daemon.client()
    item = alice.upload(write_file(os.path.join(temporary("p"), "large"), make_bytes(4_000_000)))
    relay = Relay(daemon, 1_000_000, 1)
    move_to(alice, relay.port)
    directory = temporary("got")
    started = []
    relay.on_cut = lambda: wait_for(lambda: started, "the program")[0].send_signal(signal.SIGINT)
    get = alice.popen("get", item, "-o", directory)
    started.append(get)
    status = get.wait(60 * SLOW)
    relay.goes_on.set()
    check_equal((status, get.stderr.read().decode()), (130, "sis: get: %s: interrupted\n" % item), "what it says")
    check_equal(os.listdir(directory), [], "what is left")


class Upwards(Relay):
    """Counts what goes to the server, and cuts there."""

    def carry(self, source, target, is_from_server):
        super().carry(source, target, not is_from_server)


@test("^C in a large upload: exit status 130 and what to do, which is to say it again; then it goes on")
def interrupted_upload():
    daemon = shared_daemon()
    alice = daemon.client()
    relay = Upwards(daemon, 4 << 20, 1)
    move_to(alice, relay.port)
    path = write_file(os.path.join(temporary("large"), "large.bin"), make_bytes(24 << 20))
    started = []
    relay.on_cut = lambda: wait_for(lambda: started, "the program")[0].send_signal(signal.SIGINT)
    upload = alice.popen("upload", path)
    started.append(upload)
    status = upload.wait(60 * SLOW)
    relay.goes_on.set()
    check_equal((status, upload.stderr.read().decode()), (130, "sis: upload: %s: interrupted; the same command goes on where it stopped\n" % path), "what it says")
    done = alice.run("--json", "upload", path)
    check_equal((json.loads(done.stdout)["resumed"], len(alice.items())), (True, 1), "resumed, and items")


@test("what is kept to save time and a crash has mangled is fetched again: revocation list, ticket, what was verified and listed")
def mangled():
    daemon = shared_daemon()
    alice, bob = daemon.client(), daemon.client()
    alice.upload(make_picture(), bob)
    for name in ("crl", "ticket", "verified", "recent"):
        for garbage in (b"garbage", b""):
            write_file(os.path.join(alice.directory, name), garbage)
            item = alice.upload(make_picture(), bob)
            check_in(item, alice.items(), "after %s was mangled" % name)


@test("two profiles in one home are two people on two servers")
def profiles():
    with Daemon(workers=1) as first, Daemon(workers=1) as second:
        home = temporary("home")
        for daemon, name in ((first, "work"), (second, "family")):
            run_program([SIS, "--home", home, "--profile", name, "enroll", daemon.invite("alice-" + name)])
        for name in ("work", "family"):
            check_in("alice-" + name, run_program([SIS, "--home", home, "--profile", name, "whoami"]).stdout)
        done = run_program([SIS, "--home", home, "whoami"], status=None)
        check(done.returncode != 0 and "enroll" in done.stderr, "without a default profile: %r" % done.stderr)


run()
