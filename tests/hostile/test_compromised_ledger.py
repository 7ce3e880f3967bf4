#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger that was taken over answers sisctl, which is run by root: what it names and what it put into its directories moves nothing outside of them."""

import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

ITEM = "a" * 26


class FalseLedger:
    """Answers every call with the same parameters, for as long as the test runs."""

    def __init__(self, parameters, error=None):
        self.path = os.path.join(temporary("false"), "control.sock")
        self.answer = json.dumps({"parameters": parameters, **({"error": error} if error else {})}).encode() + b"\0"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(8)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection = self.socket.accept()[0]
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        while data := connection.recv(65536):
            connection.sendall(self.answer * data.count(b"\0"))


def make_state(listed, mode=0o710):
    """A state directory with what a backup begins with: a copy of the database, and the list of its objects."""
    state = os.path.join(temporary("state"), "a/b")
    for name in ("incoming", "objects", "keys"):
        os.makedirs(os.path.join(state, name))
    write_file(os.path.join(state, "incoming/.backup.db"), b"a database")
    write_file(os.path.join(state, "incoming/.backup.list"), listed)
    os.chmod(state, mode)
    return state


def backup(state, directory, status):
    ledger = FalseLedger({"state_dir": state, "sequence": 1, "users": 1})
    return run_program([os.path.join(BUILD, "sisctl"), "-s", ledger.path, "--json", "backup", directory], status=status, limit_s=20)


def files_below(directory):
    return sorted(os.path.relpath(os.path.join(at, name), directory) for at, _, names in os.walk(directory) for name in names)


@test("a backup takes no path for an item's id: nothing is read or written outside of store and snapshot")
def path_for_id():
    place = temporary("place")
    directory = os.path.join(place, "backups")
    os.makedirs(directory)
    # Two up from objects/.. of the snapshot is beside the backups; and two up from that of the store is what the ledger has prepared.
    state = make_state("../../planted/as.root 6\n")
    os.makedirs(os.path.join(state, "../../planted"))
    write_file(os.path.join(state, "../../planted/as.root"), b"secret")
    done = backup(state, directory, os.EX_DATAERR)
    check_in("nothing was saved", done.stderr)
    check_equal(files_below(place), [], "files")


@test("a directory of objects that is a link leads nowhere, and a pipe keeps no backup waiting: both are told as missing")
def links_and_pipes():
    elsewhere, directory = temporary("elsewhere"), temporary("backups")
    pipe = "b" * 25 + "a"
    write_file(os.path.join(elsewhere, ITEM), b"secret")
    state = make_state("%s 6\n%s 0\n" % (ITEM, pipe))
    os.symlink(elsewhere, os.path.join(state, "objects", ITEM[:2]))
    os.makedirs(os.path.join(state, "objects", pipe[:2]))
    os.mkfifo(os.path.join(state, "objects", pipe[:2], pipe))
    told = json.loads(backup(state, directory, os.EX_DATAERR).stdout)
    check_equal((told["items"], told["missing"]), (2, 2), "items")
    check_equal([name for name in files_below(directory) if "objects" in name], [], "objects")


@test("what it says moves no cursor and turns no writing around: neither in tables nor in JSON")
def words():
    name = "alice\x1b[2J\u009b2J\u202egnp"
    ledger = FalseLedger({"text": name + "\n", "users": [{"user": name, "state": name, "created": "2026-11-21T00:00:00Z", "devices": 1, "items": 1, "bytes": 1, "invites": 0}]})
    for words in (("metrics",), ("list",), ("--json", "list")):
        told = run_program([os.path.join(BUILD, "sisctl"), "-s", ledger.path, *words]).stdout
        check_in("alice", told)
        check_equal([c for c in told if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c == "\u202e"], [], "characters of %r" % told)
    check_equal(json.loads(told)["users"][0]["user"], name, "the JSON says the same")


@test("and none of its words does so in any command: names of members, sentences, errors, the trail, the invite line")
def every_command():
    evil = "x\x1b[2J\x9b2J\u202ey\r\n\x07"
    row = {name: evil for name in ("user", "device", "item", "state", "created", "received", "kind", "fingerprint", "serial", "not_before", "not_after", "time",
                                   "event", "role", "peer", "text", "sentence", "mend", "error", "sandbox", "limit", "last_upload", "expires", "head", "since")}
    row.update(readers=[evil], id=1, mendable=True, bytes=1, used=1, quota=1, own=True)
    ledger = FalseLedger({"invite": evil, "user": evil, "users": [row], "certificates": [row], "authorities": [row], "quotas": [row], "items": [row], "invites": [row],
                          "problems": [row, evil], "entry": row, "head": evil, "anchor": evil, "fingerprint": evil, "text": evil, "lines": 1, "devices": 1,
                          "connections": 1, "state_dir": evil,
                          "status": {evil: evil, evil + "1": [evil], evil + "2": {evil: 1}, evil + "3": "2026-11-21T00:00:00Z", evil + "bytes": 5,
                                     "roles": [row], "limits": [row], "events": {evil: 1}, "version": evil}})
    refusing = FalseLedger({}, evil)
    failing = FalseLedger({"error": evil, "detail": evil}, "io.sis.control.Failed")
    commands = (("status",), ("list",), ("certs",), ("items",), ("invites",), ("quota",), ("ca",), ("ca", "rollover"), ("check",), ("audit", "verify"), ("metrics",),
                ("logs", "--audit"), ("add", "bob"), ("invite", "bob"), ("revoke", "bob"), ("rm", ITEM), ("clock", "accept"), ("user", "disable", "bob"),
                ("invites", "revoke", "bob"), ("backup", temporary("backups")), ("help", "--complete-line", "revoke", ""))
    for place in (ledger, refusing, failing):
        for words in commands + tuple(("--json",) + words for words in commands):
            done = run_program([os.path.join(BUILD, "sisctl"), "-s", place.path, *words], status=None, limit_s=20)
            for told in (done.stdout, done.stderr):
                check_equal([c for c in told if ord(c) < 32 and c not in "\n\t" or 127 <= ord(c) < 160 or c == "\u202e"], [], "characters of %r: %r" % (words, told))


@test("a state directory that others can write to is not taken for one")
def foreign_state():
    state, directory = make_state("", mode=0o777), temporary("backups")
    check_in("can be written by others", backup(state, directory, os.EX_NOPERM).stderr)
    check_equal(files_below(directory), [], "files")


run()
