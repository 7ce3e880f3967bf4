#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server moves to another host, on which the roles have other numbers, as sis-backup(7) says it: by its state directory, and by a backup."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *

PICTURE = read_file(make_picture())
ROLES = "sis-ledger", "sis-signer", "sis-worker", "sis"
CONFIGURATION = "/etc/sis/sisd.conf"


def old_machine():
    """Where it has been until now: (machine, alice, bob, the item that alice shares with bob)."""
    machine = Machine()
    machine.install("sisd", "sis")
    alice, bob = machine.person("alice"), machine.person("bob")
    alice.file("holiday.jpg", PICTURE)
    item = alice.upload("/home/alice/holiday.jpg", "bob")
    check_equal(bob.items(), [item], "bob's items")
    return machine, alice, bob, item


def new_machine():
    """Others were there before sis, so that its users and group get other numbers."""
    machine = Machine()
    for n in range(7):
        machine.run(["useradd", "--system", "before%d" % n])
    machine.account("alice")
    machine.account("bob")
    machine.install("sisd", "sis")
    machine.run("systemctl stop sisd.socket sisd && rm -rf /var/lib/sis")
    return machine


def numbers(machine):
    return [machine.run("getent passwd %s || getent group %s" % (name, name)).stdout.split(":")[2] for name in ROLES]


def carry(old, new, *paths, more=""):
    """Files with their numbers, as a disk, a tar or rsync --numeric-ids brings them."""
    data = old.run("tar -C / %s -c %s" % (more, " ".join(paths)), binary=True).stdout
    new.run("tar -C / -x --numeric-owner -p", input=data)


def carry_people(old, new):
    """Their devices are their own, and move nowhere; but here each machine has a network of its own."""
    carry(old, new, "home/alice/.local", "home/bob/.local")
    for name in "alice", "bob":
        new.run(["chown", "-R", "%s:%s" % (name, name), "/home/" + name])
    return Person(new, "alice"), Person(new, "bob")


def check_owners(machine):
    wrong = machine.run("find /var/lib/sis/db /var/lib/sis/objects /var/lib/sis/incoming ! \\( -user sis-ledger -group sis \\) -o -path '*' -nouser; "
                        "find /var/lib/sis/keys ! -user sis-signer").stdout
    check_equal(wrong, "", "files that belong to somebody else")


@test("by its state directory: other numbers, the same server; people go on, who was revoked stays out, and nobody is told of anything", root=True)
def by_state_directory():
    old, alice, bob, item = old_machine()
    with old:
        old.person("mallory")
        old.sisctl("revoke", "mallory")
        horizon = old.read("/home/bob/.local/share/sis/profiles/default/horizon")
        old.run("systemctl stop sisd.socket sisd")
        with new_machine() as new:
            check(all(a != b for a, b in zip(numbers(old), numbers(new))), "the roles have the same numbers: %s, %s" % (numbers(old), numbers(new)))
            carry(old, new, "var/lib/sis", "etc/sis")
            # As the manual has it.
            new.run("chown -R sis-ledger:sis /var/lib/sis/db /var/lib/sis/objects /var/lib/sis/incoming /var/lib/sis/lost")
            new.run("chown -R sis-signer:sis /var/lib/sis/keys && chown root:sis /var/lib/sis && rm /var/lib/sis/lock")
            carry(old, new, "home/mallory/.local")
            new.account("mallory")
            new.run("chown -R mallory:mallory /home/mallory")
            new.run("systemctl start sisd.socket sisd")
            new.wait_active()
            alice, bob = carry_people(old, new)
            check_equal(bob.items(), [item], "bob's items")
            check(bob.get(item) == PICTURE, "the picture is another")
            check(int(new.read("/home/bob/.local/share/sis/profiles/default/horizon")) >= int(horizon), "numbers went back")
            alice.file("next.jpg", PICTURE[:-2] + b"\xff\xd9")
            more = alice.upload("/home/alice/next.jpg", "bob")
            check_equal(set(bob.items()), {item, more}, "bob's items, later")
            check(Person(new, "mallory").run("list", status=None).returncode != 0, "who was revoked is let in again")
            check_equal(json.loads(new.sisctl("--json", "check", "--full").stdout)["problems"], [], "sisctl check")
            new.sisctl("audit", "verify")
            check_owners(new)
            check_equal([e["MESSAGE"] for e in new.journal(UNIT) if "restored from a backup" in str(e.get("MESSAGE"))], [], "a restore that was none")


@test("by a backup, under another name: everybody is told once that the server went back, accepts it, and reads every byte; the authority is the same", root=True)
def by_backup():
    old, alice, bob, item = old_machine()
    with old:
        name = json.loads(old.sisctl("--json", "backup", "/var/tmp/backup", "--with-keys").stdout)["snapshot"]
        alice.file("late.jpg", PICTURE)
        late = alice.upload("/home/alice/late.jpg", "bob")
        check_equal([set(person.items()) for person in (alice, bob)], [{item, late}] * 2, "what alice and bob have seen before")
        old.run("systemctl stop sisd.socket sisd")
        with new_machine() as new:
            carry(old, new, "var/tmp/backup")
            check_in(name, new.sisctl("check", "--backup", "/var/tmp/backup").stdout)
            new.sisctl("restore", "/var/tmp/backup", "--state-dir", "/var/lib/sis")
            check_owners(new)
            new.run("echo '127.0.0.1 pictures.example' >> /etc/hosts && echo 'server_names = [ \"pictures.example\" ];' >> " + CONFIGURATION)
            new.run("systemctl start sisd.socket sisd")
            new.wait_active()
            new.wait_journal("restored from a backup")
            alice, bob = carry_people(old, new)
            for person in alice, bob:
                profile = person.home + "/.local/share/sis/profiles/default/profile.json"
                facts = json.loads(new.read(profile))
                new.write(profile, json.dumps({**facts, "server": "pictures.example:7443"}), owner=person.name + ":" + person.name)
            told = bob.run("list", status=65).stderr
            check_in("set back to a backup", told, "what bob is told")
            check_equal(find_item_ids(bob.run("--json", "list", "--accept-restored").stdout), [item], "bob's items: what came after the backup is gone")
            check(bob.get(item) == PICTURE, "the picture is another")
            check_in("set back to a backup", alice.run("list", status=65).stderr, "what alice is told")
            alice.run("list", "--accept-restored")
            alice.file("again.jpg", PICTURE)
            again = alice.upload("/home/alice/again.jpg", "bob")
            check_equal(set(bob.items()), {item, again}, "bob's items: nobody is told twice")
            check_equal(json.loads(new.sisctl("--json", "check", "--full").stdout)["problems"], [], "sisctl check")
            new.systemctl("restart", "sisd")
            check_equal(set(bob.items()), {item, again}, "bob's items after a restart")


run()
