#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Items whose rows a damaged database has lost are read back from their objects: never one that was deleted, never for anybody whose access may have been
taken back, and whole or not at all."""

import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_store import *
from sis_testlib import *

ALL = slice(0, None)


def database_of(daemon):
    return os.path.join(daemon.state_dir, "db/sis.db")


def used(daemon):
    return dict(ask(daemon, "SELECT name, used FROM users"))


def read_back(reply):
    return sorted(p["item"] for p in reply["problems"] if p.get("read_back"))


def put_aside(daemon, item):
    """As a repair has left it whose administrator did not ask for more."""
    os.rename(object_of(daemon, item), os.path.join(daemon.state_dir, "lost", item))


def lose_row(daemon, item):
    edit(daemon, *("DELETE FROM %s WHERE item_row=(SELECT item_row FROM items WHERE id=x'%s')" % (table, raw_id(item).hex()) for table in ("grants", "inbox")),
         "DELETE FROM items WHERE id=x'%s'" % raw_id(item).hex())


def raw_id(item):
    import base64
    return base64.b32decode(item.upper() + "=" * 6)


class People:
    """alice has uploaded for bob; one item was shared with carol later, one taken back from bob, one deleted."""

    def __init__(self, daemon):
        self.alice, self.bob, self.carol = daemon.client("alice"), daemon.client("bob"), daemon.client("carol")
        self.pictures = [make_picture(seed=n) for n in range(5)]
        self.plain, self.shared, self.taken, self.deleted, self.own = [self.alice.upload(p, "bob") for p in self.pictures[:4]] + [self.alice.upload(self.pictures[4])]
        self.late = self.bob.upload(make_picture(seed=9), "alice")
        self.alice.run("share", self.shared, "carol")
        self.alice.run("unshare", self.taken, "bob")
        self.deleted_object = read_file(object_of(daemon, self.deleted))
        self.alice.run("rm", self.deleted)

    def check_lists(self, alice, bob, carol, *more):
        lists = [set(find_item_ids(who.run("--json", "list", *more).stdout)) for who in (self.alice, self.bob, self.carol)]
        check_equal(lists, [set(alice), set(bob), set(carol)], "what alice, bob and carol have")


@test("pages of items are damaged, grants are not: all comes back at once, for exactly whom the database still lets read it; alice fetches it, byte for byte")
def rows_alone():
    with Daemon() as daemon:
        people = People(daemon)
        before = used(daemon)
        daemon.stop()
        damage_pages(database_of(daemon), "items", ALL)
        found = offline(daemon, status=65)
        check_equal(kinds(found), ["DATABASE"], "what is found, and told once")
        mended = offline(daemon, "--repair", status=1)
        everything = sorted([people.plain, people.shared, people.taken, people.own, people.late])
        check_equal(read_back(mended), everything, "what is read back")
        check_equal({p["kind"] for p in mended["problems"] if p["read_back"]}, {"ITEM_ROW"}, "as what")
        check_equal(offline(daemon, "--full", "--recover-items")["problems"], [], "what is left")
        check_equal(used(daemon), before, "the quotas")
        daemon.start()
        people.check_lists([people.plain, people.shared, people.taken, people.own, people.late], [people.plain, people.shared, people.late], [people.shared], "--accept-restored")
        check_equal(read_file(people.alice.get(people.plain)), read_file(people.pictures[0]), "alice's picture")
        check_equal(read_file(people.carol.get(people.shared)), read_file(people.pictures[1]), "carol's picture")
        check_in("no such item", people.bob.run("get", people.taken, "-o", temporary(), status=66).stderr.lower())
        log = daemon.sisctl("logs", "--audit", "--event", "ITEM_READ_BACK").stdout
        check_equal((log.count("with the access that the database still had"), log.count("for its owner alone")), (5, 0), "lines in the log")
        daemon.sisctl("audit", "verify")


@test("pages of items and of grants are damaged: nothing comes back unasked; --recover-items gives each item to its owner alone, beside the running sisd, under a "
      "new number, without an alarm")
def rows_and_grants():
    with Daemon() as daemon:
        people = People(daemon)
        before = used(daemon)
        daemon.stop()
        for table in ("items", "grants", "inbox"):
            damage_pages(database_of(daemon), table, ALL)
        done = run_program([os.path.join(BUILD, "sisctl"), "check", "--offline", "--config", daemon.config, "--repair"], status=1)
        check_in("5 items can be read back from their objects, for their owners alone: sisctl check --repair --recover-items", done.stdout)
        objects = sorted([people.plain, people.shared, people.taken, people.own, people.late])
        check_equal([n for n in lost(daemon) if not n.startswith("sis.db")], objects, "lost/")
        daemon.start()
        people.check_lists([], [], [], "--accept-restored")
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "a store without these items is whole")
        found = check_store(daemon, "--recover-items")
        check_equal((sorted(p["item"] for p in found["problems"]), set(kinds(found))), (objects, {"ITEM_OBJECT"}), "what could be read back")
        check_equal({tuple(p["readers"]) for p in found["problems"] if p["user"] == "alice"}, {("bob",), ()}, "for whom they were uploaded")
        watching = people.alice.popen("--json", "watch", "--since", "all")
        done = daemon.sisctl("check", "--repair", "--recover-items", status=1)
        check_in("5 items were read back for each owner alone", done.stdout)
        check(done.stdout.strip().endswith(("Tell alice, bob", "Tell bob, alice")), "who is to be told: " + done.stdout[-200:])
        people.check_lists([people.plain, people.shared, people.taken, people.own], [people.late], [])
        seen = set()
        for line in watching.stdout:
            seen |= set(find_item_ids(line.decode()))
            if seen >= {people.plain, people.shared, people.taken, people.own}:
                break
        watching.terminate()
        check_not_in("back", watching.communicate()[1].decode(), "what watch has to say")
        check_equal(used(daemon), before, "the quotas")
        check_equal(read_file(people.alice.get(people.plain)), read_file(people.pictures[0]), "alice's picture")
        check_equal(daemon.sisctl("logs", "--audit", "--event", "ITEM_READ_BACK").stdout.count("for its owner alone"), 5, "lines in the log")
        people.alice.run("share", people.plain, "bob")
        people.check_lists([people.plain, people.shared, people.taken, people.own], [people.plain, people.late], [])
        check_equal(read_file(people.bob.get(people.plain)), read_file(people.pictures[0]), "bob's picture, shared anew")
        check_equal(check_store(daemon, "--full", "--recover-items", status=0)["problems"], [], "in the end")
        check_equal([n for n in lost(daemon) if not n.startswith("sis.db")], [], "lost/ in the end")


@test("what was deleted does not come back: not when people's news have forgotten it, the audit trail has not; what was given up as lost and found again does")
def deleted():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        gone, given_up = alice.upload(make_picture(seed=1)), alice.upload(make_picture(seed=2))
        # Its name in incoming/ goes a moment after the answer; with two, it is one that a start decides about.
        wait_for(lambda: os.stat(object_of(daemon, given_up)).st_nlink == 1, "the upload to leave incoming/")
        copy = read_file(object_of(daemon, gone))
        alice.run("rm", gone)
        os.rename(object_of(daemon, given_up), os.path.join(daemon.directory, "unmounted"))
        check_store(daemon, "--repair", "--remove-lost", status=1)
        write_file(os.path.join(daemon.state_dir, "lost", gone), copy)
        for forgotten in (False, True):
            if forgotten:
                edit(daemon, "DELETE FROM events")
            found = check_store(daemon, "--repair", "--recover-items")
            check_equal([(p["kind"], p["item"], p["mended"]) for p in found["problems"]], [("KEPT", gone, False)], "what is told")
            check_in("cannot be read back: it was deleted", found["problems"][0]["sentence"])
            check_equal((alice.items(), lost(daemon)), ([], sorted([gone, given_up + ".texts"])), "alice's list, and lost/")
        os.rename(os.path.join(daemon.directory, "unmounted"), os.path.join(daemon.state_dir, "lost", given_up))
        check_equal(read_back(check_store(daemon, "--repair", "--recover-items")), [given_up], "what is found again")
        check_equal(alice.items(), [given_up], "alice's list")


@test("what was uploaded again after it was deleted comes back where its grants show that; where nothing does, it is kept in lost/, and only what is older than its "
      "deletion goes")
def again():
    with Daemon() as daemon:
        alice = SealingDevice(daemon)
        bundle = alice.seal(b"gone, and here again")
        check_equal(alice.upload(bundle).status, 201, "status of the upload")
        check_equal(daemon.request("DELETE", "/v1/items/" + alice.item, who=alice).status, 204, "status of its deletion")
        wait_for(lambda: alice.upload(bundle).status == 201, "the same upload to be taken again")
        there = object_of(daemon, alice.item)
        wait_for(lambda: os.stat(there).st_nlink == 1, "the upload to leave incoming/")
        daemon.stop()
        edit(daemon, "DELETE FROM items")
        check_equal(read_back(offline(daemon, "--repair", status=1)), [alice.item], "what is read back")
        lose_row(daemon, alice.item)
        os.utime(there, (time.time() + 60, time.time() + 60))
        found = offline(daemon, "--repair", "--recover-items", status=None)["problems"]
        check_equal([(p["kind"], p["read_back"]) for p in found if p["item"] == alice.item], [("ORPHAN", False)], "what is told")
        check_equal(lost(daemon), [alice.item], "lost/")
        os.rename(os.path.join(daemon.state_dir, "lost", alice.item), there)
        os.utime(there, (1, 1))
        offline(daemon, "--repair", "--recover-items", status=None)
        check_equal((os.path.exists(there), lost(daemon)), (False, []), "the object and lost/ in the end")


@test("an object that does not hold stays in lost/, with the reason: altered, of another owner, under another name, without certificate, its owner revoked or without a device")
def reasons():
    with Daemon() as daemon:
        alice, bob, carol, dora = [daemon.client(name) for name in ("alice", "bobby", "carol", "doras")]
        good, revoked, unknown, homeless = alice.upload(make_picture(seed=1), "bobby"), bob.upload(make_picture(seed=2)), carol.upload(make_picture(seed=3)), dora.upload(make_picture(seed=4))
        whole = read_file(object_of(daemon, good))
        for item in (good, revoked, unknown, homeless):
            lose_row(daemon, item)
            put_aside(daemon, item)
        daemon.sisctl("revoke", "bobby")
        daemon.sisctl("revoke", "doras", "--device", json.loads(daemon.sisctl("--json", "certs", "doras").stdout)["certificates"][0]["device"])
        edit(daemon, "DELETE FROM certificates WHERE device_id=(SELECT device_id FROM devices JOIN users u USING(user_id) WHERE u.name='carol')")
        check_store(daemon, "--repair", status=1)
        at = whole.index(b"\nsignature ") + 30
        other = "a" * 26
        cases = (
            (good, whole[:-1] + bytes([whole[-1] ^ 1]), "its bytes are not those that its owner signed"),
            (good, whole[:at] + (b"A" if whole[at:at + 1] != b"A" else b"B") + whole[at + 1:], "the statement's signature does not hold"),
            (good, whole.replace(b"\nowner alice\n", b"\nowner bobby\n", 1), "by a device of somebody else"),
            (good, whole[:-5], "the bundle is not as long as its head says"),
            (good, b"no object", "its beginning is damaged"),
            (other, whole, "it is the object of another item, under a wrong name"),
        )
        always = {revoked: "its owner was revoked", unknown: "does not have the certificate", homeless: "none of its owner's devices that are left"}
        for item, data, words in cases:
            path = os.path.join(daemon.state_dir, "lost", item)
            os.path.exists(path) and os.unlink(path)
            write_file(path, data)
            found = check_store(daemon, "--repair", "--recover-items")
            sentences = {p["item"]: p["sentence"] for p in found["problems"]}
            for kept, why in dict(always, **{item: words}).items():
                check_in(why, sentences.get(kept, "nothing"))
                check(kept in lost(daemon), "%s has left lost/ (%s)" % (kept, why))
            check_equal((set(kinds(found)), read_back(found), alice.items()), ({"KEPT"}, [], []), "kinds, what was read back, alice's list: " + words)
            os.unlink(path)
        write_file(os.path.join(daemon.state_dir, "lost", good), whole)
        check_equal(read_back(check_store(daemon, "--repair", "--recover-items")), [good], "the whole one")
        check_equal(alice.items(), [good], "alice's list")


@test("what is left of an item's grants is sifted: one of another item, or for another name than its row's, gives nobody access")
def sifted():
    with Daemon() as daemon:
        alice, bob, carol = [daemon.client(name) for name in ("alice", "bob", "carol")]
        item, other = alice.upload(make_picture(seed=1), "bob"), alice.upload(make_picture(seed=2), "carol")
        daemon.stop()
        digest = ask(daemon, "SELECT lower(hex(statement_hash)) FROM items WHERE id=x'%s'" % raw_id(item).hex())[0][0]
        row, other_row = [ask(daemon, "SELECT item_row FROM items WHERE id=x'%s'" % raw_id(i).hex())[0][0] for i in (item, other)]
        edit(daemon, "UPDATE grants SET user_id=(SELECT user_id FROM users WHERE name='carol') WHERE item_row=%d AND user_id=(SELECT user_id FROM users WHERE name='bob')" % row,
             "INSERT INTO grants SELECT %d, user_id, device||'x', text, expires, may_share FROM grants WHERE item_row=%d AND user_id=(SELECT user_id FROM users WHERE name='carol')" % (row, other_row),
             "DELETE FROM items WHERE item_row=%d" % row)
        # That a grant of another statement names the item shows nothing.
        run_program(["cp", "-a", daemon.state_dir, daemon.state_dir + ".copy"])
        edit(daemon, "UPDATE grants SET text=replace(text, 'statement %s', 'statement %s') WHERE item_row=%d" % (digest, digest[::-1], row))
        check_equal([p["kind"] for p in offline(daemon, status=65)["problems"] if p["item"]], ["ITEM_OBJECT"], "without a grant of its own")
        shutil.rmtree(daemon.state_dir)
        os.rename(daemon.state_dir + ".copy", daemon.state_dir)
        check_equal(read_back(offline(daemon, "--repair", status=1)), [item], "what is read back")
        daemon.start()
        check_equal([set(who.items()) for who in (alice, bob, carol)], [{item, other}, set(), {other}], "who has what")
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "in the end")


def killer():
    if SLOW > 1:
        raise Skip("a sanitizer's runtime must be loaded first")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Skip("needs a C compiler")
    library = os.path.join(temporary("kill"), "kill_at.so")
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python")
    run_program([compiler, "-shared", "-fPIC", "-O1", "-D_LARGEFILE64_SOURCE", "-o", library, os.path.join(here, "kill_at.c"), "-ldl"])
    return library


@test("an item that cannot be read back this time keeps what the database has of it, for the next; an upload whose commit was interrupted is left to the next start")
def later():
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        item = alice.upload(make_picture(), "bob")
        daemon.stop()
        edit(daemon, "DELETE FROM items")
        put_aside(daemon, item)
        directory = os.path.dirname(object_of(daemon, item))
        os.rmdir(directory)
        write_file(directory, b"where a directory should be")
        mended = offline(daemon, "--repair", status=65)
        check_equal([(p["kind"], p["mended"]) for p in mended["problems"]], [("ITEM_ROW", False), ("REFERENCE", False), ("REFERENCE", False), ("USED", True), ("STRAY", True)], "what is mended")
        check_equal(read_back(offline(daemon, "--repair", status=1)), [item], "the next time")
        lose_row(daemon, item)
        os.link(object_of(daemon, item), os.path.join(daemon.state_dir, "incoming", "b" * 26))
        mended = offline(daemon, "--repair", "--recover-items", status=65)
        check_equal([(p["kind"], p["mended"]) for p in mended["problems"]], [("ITEM_OBJECT", False), ("USED", True)], "an object with two names")
        os.unlink(os.path.join(daemon.state_dir, "incoming", "b" * 26))
        check_equal(read_back(offline(daemon, "--repair", "--recover-items", status=1)), [item], "with one")
        daemon.start()
        check_equal((find_item_ids(alice.run("--json", "list").stdout), bob.items()), ([item], []), "who has it")


@test("a backup is restored beside the objects of what came after it, as sis-backup(7) says: they come back for their owners, and nothing else does")
def after_restore():
    directory, state = temporary("backups"), os.path.join(temporary("restored"), "state")
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        saved, gone, later = alice.upload(make_picture(seed=1), "bob"), None, None
        daemon.sisctl("backup", directory, "--with-keys")
        gone, later = alice.upload(make_picture(seed=2), "bob"), alice.upload(make_picture(seed=3), "bob")
        alice.run("rm", gone)
        wait_for(lambda: not os.path.exists(object_of(daemon, gone)), "the object to go")
        daemon.stop()
        owners = ["--ledger-user", str(LEDGER_ID), "--signer-user", str(SIGNER_ID), "--group", str(GROUP_ID)] if IS_ROOT else []
        run_program([os.path.join(BUILD, "sisctl"), "restore", directory, "--state-dir", state] + owners)
        old, daemon.options["state_dir"] = daemon.state_dir, state
        daemon.start()
        # All of them are brought: those that the backup has are passed over.
        run_program(["find", os.path.join(old, "objects"), "-type", "f", "-exec", "cp", "-a", "-t", os.path.join(state, "lost"), "{}", "+"])
        check_equal(read_back(check_store(daemon, "--repair", "--recover-items", status=1)), [later], "what is read back")
        check_equal([set(find_item_ids(who.run("--json", "list", "--accept-restored").stdout)) for who in (alice, bob)], [{saved, later}, {saved}], "who has what")
        check_equal(read_file(alice.get(later)), read_file(make_picture(seed=3)), "alice's picture")


class Killing:
    """sisd --check-store on copies of a store, killed before its 1st, 2nd, … write, until it comes to its end."""

    def __init__(self, daemon):
        self.daemon, self.library, self.libexec = daemon, killer(), temporary("libexec")
        self.whole = daemon.state_dir + ".whole"
        run_program(["cp", "-a", daemon.state_dir, self.whole])
        for role in ("signer", "worker"):
            os.symlink(os.path.join(BUILD, "sisd-" + role), os.path.join(self.libexec, "sisd-" + role))

    def run(self, n):
        """True when it was killed."""
        script = write_file(os.path.join(self.libexec, "sisd-ledger"), "#!/bin/sh\nexec env LD_PRELOAD='%s' SIS_TEST_KILL_AT=%d '%s/sisd-ledger' \"$@\"\n" % (self.library, n, BUILD))
        os.chmod(script, 0o755)
        shutil.rmtree(self.daemon.state_dir)
        run_program(["cp", "-a", self.whole, self.daemon.state_dir])
        done = run_program([os.path.join(BUILD, "sisd"), "--check-store", "-c", self.daemon.config, "-L", self.libexec, "--repair", "--recover-items"], status=None)
        if '"done":true' in done.stdout:
            return False
        check_equal(done.returncode, 99, "exit status of what was killed at the %d. write (%s)" % (n, done.stderr[-300:]))
        check(n < 1000, "there is no end of writes")
        return True


@test("killed before each single write while it reads items back: the store is one that a check understands, and the next repair completes it, nothing twice", limit_s=600)
def killed():
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        items = sorted([alice.upload(make_picture(seed=1), "bob"), alice.upload(make_picture(seed=2), "bob")])
        before = used(daemon)
        daemon.stop()
        # One comes out of lost/, with nothing left in the database; of the other there are grants, and the object is where it was.
        lose_row(daemon, items[0])
        put_aside(daemon, items[0])
        edit(daemon, "DELETE FROM items")
        killing, n = Killing(daemon), 1
        while killing.run(n):
            where = "killed at the %d. write" % n
            found = kinds(offline(daemon, "--full", "--recover-items", status=None))
            check(set(found) <= {"ITEM_ROW", "ITEM_OBJECT", "REFERENCE", "USED"}, "%s: %r" % (where, found))
            offline(daemon, "--repair", "--recover-items", status=None)
            check_equal(offline(daemon, "--full", "--recover-items")["problems"], [], "left after a second repair, " + where)
            check_equal((used(daemon), len(ask(daemon, "SELECT * FROM items"))), (before, 2), "quotas and items, " + where)
            check_equal(ask(daemon, "SELECT count(*) FROM inbox GROUP BY item_row ORDER BY 1"), [(1,), (2,)], "lists, " + where)
            check_equal(lost(daemon), [], "lost/, " + where)
            n += 1
        check(n > 10, "only %d writes were counted" % n)
        daemon.start()
        check_equal((sorted(alice.items()), bob.items()), (items, [items[1]]), "who has what")
        daemon.sisctl("audit", "verify")


@test("killed while a damaged database is saved: either the damaged one is there, or the new one and the mark by which people are told", limit_s=600)
def killed_saving():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        items = sorted(alice.upload(make_picture(seed=n)) for n in range(3))
        daemon.stop()
        damage_pages(database_of(daemon), "items", ALL)
        killing, n = Killing(daemon), 1
        while killing.run(n):
            where = "killed at the %d. write" % n
            found = kinds(offline(daemon, status=None))
            check(found == ["DATABASE"] or os.path.exists(os.path.join(daemon.state_dir, "db/restored")), "%s: %r, and no mark" % (where, found))
            offline(daemon, "--repair", status=None)
            check_equal((offline(daemon, "--full")["problems"], len(ask(daemon, "SELECT * FROM items"))), ([], 3), "left after a second repair, and items, " + where)
            check(os.path.exists(os.path.join(daemon.state_dir, "db/restored")), "no mark, " + where)
            n += 4
        check(n > 10, "only %d writes were counted" % n)
        daemon.start()
        check_equal(sorted(find_item_ids(alice.run("--json", "list", "--accept-restored").stdout)), items, "alice's list")


run()
