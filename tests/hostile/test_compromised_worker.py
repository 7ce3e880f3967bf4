#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that a stranger has taken over: it tries everything that its process could try (sisd_worker_hostile.c), and all of it is refused.

The daemon first runs with real workers, so that there are people, an item and an unfinished upload to go for. Then they are ended, and what the
master starts in their place is the hostile one; at the end real ones again, which must find everything as it was."""

import glob
import hashlib
import os
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *

WORKERS = 6
# The ones that the kernel answers with the process's end.
DEADLY = {"ptrace_signer", "seize_master", "read_signer_memory", "run_shell", "fork_process", "enter_namespace", "mount_something", "load_bpf",
          "log_an_enrollment", "stop_the_daemon"}


def hostile_programs():
    """A directory of roles, in which the worker is the real one as long as nobody writes hostile.txt."""
    programs = temporary("libexec")
    for role in ("signer", "ledger"):
        shutil.copy(os.path.join(BUILD, "sisd-" + role), programs)
    shutil.copy(os.path.join(BUILD, "sisd-worker"), os.path.join(programs, "sisd-worker-real"))
    shutil.copy(os.path.join(BUILD, "tests/hostile/sisd-worker-hostile"), os.path.join(programs, "sisd-worker"))
    return programs


class Scene:
    """The daemon, what there is to go for, and the log of the attempts."""

    def __init__(self):
        self.programs = hostile_programs()
        self.daemon = Daemon(workers=WORKERS, arguments=["-L", self.programs])
        self.alice, self.mallory = self.daemon.client("alice"), self.daemon.client("mallory")
        self.item = self.alice.upload(write_file(os.path.join(temporary("files"), "picture.jpg"), os.urandom(200000)))
        self.upload = self.begin_upload(self.alice, os.urandom(100000), 100000)
        self.sealer = SealingDevice(self.daemon)
        self.share()
        self.whole = self.begin_upload(self.sealer, self.sealer.seal(os.urandom(50000)), 0)
        # An object's name under incoming/ goes a moment after its commit.
        objects = os.path.join(self.daemon.state_dir, "objects/*/*")
        wait_for(lambda: all(os.stat(path).st_nlink == 1 for path in glob.glob(objects)), "second names to be swept")
        self.before = self.fingerprints()
        self.roles = self.daemon.roles()
        self.log = ""

    def share(self):
        """Two items of the sealer's, and grants of his for somebody who has neither: one of the other item, one that is too old."""
        self.third, known = SealingDevice(self.daemon), {}
        for name in ("other", "shared"):
            check_equal(self.sealer.upload(self.sealer.seal(os.urandom(1000))).status, 201, "status of an upload")
            known[name] = self.sealer.item
            if name == "other":
                known["other_grant"] = self.sealer.grant(self.third).hex()
        known["shared_statement"] = self.sealer.sealed[1].hex()
        known["old_grant"] = self.sealer.grant(self.third, time=int(time.time()) - 7200).hex()
        self.grants = {**known, "sealer_user": self.sealer.user, "third_user": self.third.user, "third": self.third.fingerprint.hex()}

    def begin_upload(self, who, data, n_missing):
        reply = self.daemon.request("POST", "/v1/items", who, data,
                                    {"Content-Type": "application/vnd.sis.item", "Upload-Complete": "?0", "Upload-Length": str(len(data) + n_missing)})
        check_equal(reply.status, 201, "status of the first part of an upload (%r)" % reply.body)
        return reply.headers["Location"].split("/")[-1]

    def files(self):
        found = []
        for part in ("objects", "keys", "incoming"):
            found += [path for path in glob.glob(os.path.join(self.daemon.state_dir, part, "**"), recursive=True) if os.path.isfile(path)]
        return sorted(found)

    def fingerprints(self):
        return {path: (hashlib.sha256(read_file(path)).hexdigest(), os.stat(path).st_mode, os.stat(path).st_nlink) for path in self.files()}

    def replace_workers(self):
        for pid in self.daemon.roles()["worker"]:
            os.kill(pid, signal.SIGKILL)

    def attack(self):
        def fingerprint(client):
            return client_json(client)["fingerprint"]
        known = {"item": self.item, "upload": self.upload, "whole": self.whole, "sealer": self.sealer.fingerprint.hex(), "alice": fingerprint(self.alice), "device": client_json(self.alice)["device"],
                 "mallory": fingerprint(self.mallory), "nobody": "77" * 32,
                 "signer": self.roles["signer"][0], "ledger": self.roles["ledger"][0], "master": self.daemon.pid, "port": self.daemon.port,
                 "control": self.daemon.control, "workers": WORKERS, **self.grants}
        log = write_file(os.path.join(self.programs, "hostile.log"), "")
        knowledge = write_file(os.path.join(self.programs, "hostile.txt"), "".join("%s %s\n" % pair for pair in known.items()))
        self.replace_workers()
        wait_for(lambda: len(re.findall(r"^finished", read_file(log).decode(), re.MULTILINE)) >= WORKERS, "the end of all attempts; so far:\n"
                 + read_file(log).decode(), 200)
        self.log = read_file(log).decode()
        os.unlink(knowledge)
        for pid in self.daemon.children():
            if pid not in self.roles["signer"] + self.roles["ledger"]:
                os.kill(pid, signal.SIGKILL)


def client_json(client):
    return client.daemon.request("GET", "/v1/whoami", client).json()


_scene = None


def scene():
    global _scene
    if _scene is None:
        _scene = Scene()
        _scene.attack()
    return _scene


@test("whatever a compromised worker tries is refused", limit_s=240)
def everything_refused():
    log = scene().log
    begun, refused = re.findall(r"^begin (\w+)$", log, re.MULTILINE), set(re.findall(r"^refused (\w+):", log, re.MULTILINE))
    check(len(begun) > 50, "only %d attempts were made:\n%s" % (len(begun), log))
    check_equal(re.findall(r"^ALLOWED.*$", log, re.MULTILINE), [], "attempts that succeeded")
    for proof in ("without_proof", "with_own_proof"):
        check_in("refused renew_to_own_key_%s: RENEW: not allowed\n" % proof, log, "the attempts' log")
    for attempt, words in (("forged_grant", "the signature does not hold"), ("grant_of_past", "the grant does not belong to this item or device"),
                           ("grant_of_other_item", "the grant does not belong to this item or device"), ("anothers_grant", "no such item")):
        check_in("refused share_with_%s: GRANTS_PUT: %s\n" % (attempt, words), log, "the attempts' log")
    check_in("refused drop_grants_of_others: GRANTS_DROP: no such item\n", log, "the attempts' log")
    check_in("refused invite_for_a_device: INVITE_DEVICE: not allowed\n", log, "the attempts' log")
    check_in("refused publish_forged_key: PUBLISH_KEY: the signature does not hold\n", log, "the attempts' log")
    ended = set(begun) - refused
    check(ended <= DEADLY, "attempts without an answer that should have had one: %r\n%s" % (ended - DEADLY, log))


@test("the sandbox was the real one")
def really_confined():
    check_equal(len(re.findall(r"^confined \d+: .*seccomp", scene().log, re.MULTILINE)) >= WORKERS, True, "workers that said how they are confined")


@test("the signer and the ledger did not die of it, and say what they refused")
def roles_alive():
    here = scene()
    check_equal({name: here.daemon.roles()[name] for name in ("signer", "ledger")}, {name: here.roles[name] for name in ("signer", "ledger")}, "pids")
    log = here.daemon.log_text()
    check_in("refused to sign for worker", log, "the daemon's log")
    check_in("sent a message that it may not send", log, "the daemon's log")
    check_in("UPLOAD_HELD", log, "the daemon's log")


@test("nothing in the store has changed")
def nothing_changed():
    here = scene()
    # What was cancelled or dropped loses its name in incoming/ a moment later.
    wait_for(lambda: here.fingerprints() == here.before, "the files of the store to be as they were: %r" % (set(here.fingerprints()) ^ set(here.before)))


@test("real workers take over and serve, the item is whole, the upload goes on")
def served_again():
    here = scene()

    def serves():
        try:
            return here.daemon.is_serving()
        except OSError:
            return False
    wait_for(serves, "a real worker", 30)
    check_in(here.item, here.alice.items(), "alice's list")
    here.alice.get(here.item)
    reply = here.daemon.request("HEAD", "/v1/uploads/" + here.upload, here.alice)
    check_equal((reply.status, reply.headers["Upload-Offset"]), (204, "100000"), "the unfinished upload")
    check_equal(here.daemon.request("GET", "/v1/items/" + here.item, here.mallory).status, 404, "mallory's view of it")
    check_equal([here.daemon.request("GET", "/v1/items", who).json()["items"] for who in (here.third,)], [[]], "what somebody got by others' grants")
    size = int(here.daemon.request("HEAD", "/v1/uploads/" + here.whole, here.sealer).headers["Upload-Offset"])
    reply = here.daemon.request("PATCH", "/v1/uploads/" + here.whole, here.sealer, b"",
                                {"Content-Type": "application/partial-upload", "Upload-Offset": str(size), "Upload-Complete": "?1"})
    check_equal(reply.status, 201, "status of completing what was refused while it could be altered (%r)" % reply.body)
    here.daemon.sisctl("check")


@test("what it says it counts ends at the largest number, is never less than nothing, and takes no other role with it")
def lies():
    programs = hostile_programs()
    with Daemon(workers=2, arguments=["-L", programs]) as daemon:
        alice = daemon.client("alice")
        roles = daemon.roles()
        log = write_file(os.path.join(programs, "hostile.log"), "")
        knowledge = write_file(os.path.join(programs, "hostile.txt"), "lie 1\n")
        for pid in roles["worker"]:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: read_file(log).count(b"lied") == 2, "two workers that lie")
        status = wait_for(lambda: (lambda told: told if told["events_left_out"] == 1 << 53 else None)(daemon.status()), "all of it to be counted")
        check_equal((status["connections"], status["watchers"], status["penalised"]), (2 * 0xffffffff,) * 3, "sums over two workers")
        check_equal(set(status["refusals"].values()) | {row["refused"] for row in status["limits"]}, {1 << 53}, "counts")
        check_equal([row["connections"] for row in status["roles"] if row["role"] == "worker"], [0xffffffff] * 2, "connections of each")
        daemon.sisctl("metrics")
        os.unlink(knowledge)
        for pid in daemon.roles()["worker"]:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: daemon.request("GET", "/v1/items", alice).status == 200, "real workers", 30)
        check_equal([daemon.roles()[role] for role in ("signer", "ledger")], [roles[role] for role in ("signer", "ledger")], "the other roles")


@test("it answers a revocation for itself alone: whoever else still has connections is waited for")
def answers_for_others():
    programs = hostile_programs()
    with Daemon(workers=2, log_level="debug", arguments=["-L", programs]) as daemon:
        daemon.client("alice")
        hostile, honest = daemon.roles()["worker"]
        log = write_file(os.path.join(programs, "hostile.log"), "")
        knowledge = write_file(os.path.join(programs, "hostile.txt"), "answer 1\n")
        os.kill(hostile, signal.SIGKILL)
        wait_for(lambda: b"answering" in read_file(log), "a worker that answers for others")
        os.unlink(knowledge)
        since = daemon.log_size()
        os.kill(honest, signal.SIGSTOP)
        try:
            daemon.sisctl("revoke", "alice")
        finally:
            os.kill(honest, signal.SIGCONT)
        daemon.wait_log("a worker did not say in time that it closed the connections", since)
        for pid in set(daemon.roles()["worker"]) - {honest}:
            os.kill(pid, signal.SIGKILL)


@test("who keeps the database locked, which every reader can, is ended: even revoking would wait for him for ever")
def holds_database():
    programs = hostile_programs()
    with Daemon(workers=1, arguments=["-L", programs]) as daemon:
        alice = daemon.client("alice")
        before = daemon.log_size()
        log = write_file(os.path.join(programs, "hostile.log"), "")
        knowledge = write_file(os.path.join(programs, "hostile.txt"), "hold 1\n")
        os.kill(daemon.roles()["worker"][0], signal.SIGKILL)
        wait_for(lambda: b"holding" in read_file(log), "a worker that holds the database")
        os.unlink(knowledge)
        check_in("locked", read_file(log).decode())
        holder = re.search("holding ([0-9]+)", read_file(log).decode()).group(1)
        daemon.sisctl("revoke", "alice")
        daemon.wait_log("STORE_FAILED .*process %s keeps the database locked" % holder, before)
        daemon.wait_log("ROLE_DIED worker .process %s. died: it kept the database locked" % holder, before)
        wait_for(lambda: daemon.request("GET", "/v1/items", alice).status == 403, "a real worker that refuses who was revoked", 30)


run()
