#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisctl check says exactly what is damaged, --repair mends exactly that, and afterwards nothing is left to say."""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_store import *
from sis_testlib import *


def make_old(path):
    """Of an hour ago, as nothing is that is on its way."""
    os.utime(path, (1, 1))


@test("each thing that can be wrong in the database is named, mended with --repair, logged, and not there afterwards")
def rows():
    cases = (
        ("USED", ("UPDATE users SET used=used+7 WHERE name='alice'",), "quota of alice: "),
        ("INBOX", ("DELETE FROM inbox WHERE user_id=(SELECT user_id FROM users WHERE name='bob')",), ", bob: has access"),
        ("EXPIRY", ("UPDATE items SET expires=unixepoch()+86400",), "ends before the last"),
        ("SEQUENCE", ("UPDATE meta SET value=1 WHERE name='sequence'",), "newest that is remembered"),
        ("REFERENCE", ("INSERT INTO inbox VALUES(1, 1, 4711)",), "1 entries in lists are of items"),
        ("UPLOAD_ROW", ("INSERT INTO uploads SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaa', user_id, device_id, 10, 1, NULL, NULL, NULL FROM devices LIMIT 1",), "has lost its file"),
        ("AUDIT_HEAD", ("DELETE FROM meta WHERE name='audit_head'",), "head"),
    )
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        item = alice.upload(make_picture(), "bob")
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "a whole store")
        for kind, statements, words in cases:
            edit(daemon, *statements)
            found = check_store(daemon)
            check_equal(kinds(found), [kind], "what is found after " + statements[0])
            check_in(words, found["problems"][0]["sentence"])
            check(found["problems"][0]["mendable"] and not found["problems"][0]["mended"], "mended without being told to: " + kind)
            check_in("with --repair: ", daemon.sisctl("check", status=65).stdout)
            mended = check_store(daemon, "--repair", status=1)
            check_equal([(p["kind"], p["mended"], p["error"]) for p in mended["problems"]], [(kind, True, "")], "what --repair says")
            check_equal(check_store(daemon, "--full", status=0)["problems"], [], "after " + kind)
        check_equal(bob.items(), [item], "bob's list")
        log = daemon.sisctl("logs", "--audit", "--event", "REPAIRED").stdout
        check_equal(log.count("repaired the store"), len(cases), "lines in the log")
        check_in("DAMAGE_FOUND", daemon.sisctl("logs", "--audit", "-o", "json").stdout)
        daemon.sisctl("audit", "verify")
        daemon.restart()
        check_equal(bob.items(), [item], "bob's list after a restart")


@test("an index that does not fit its rows is built anew")
def index():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        for seed in range(3):
            alice.upload(make_picture(seed=seed))
        daemon.stop()
        # The table's definition is changed for a moment, so that a row goes in without its index entry.
        path = os.path.join(daemon.state_dir, "db/sis.db")
        database = sqlite3.connect(path)
        before = database.execute("SELECT rootpage, sql FROM sqlite_schema WHERE name='certificates_by_device'").fetchone()
        database.execute("PRAGMA writable_schema=ON")
        database.execute("DELETE FROM sqlite_schema WHERE name='certificates_by_device'")
        database.commit()
        database.close()
        database = sqlite3.connect(path)
        database.execute("INSERT INTO certificates(fingerprint, device_id, serial, der, not_before, not_after) SELECT randomblob(32), device_id, x'01', der, 1, 2 FROM certificates LIMIT 1")
        database.execute("PRAGMA writable_schema=ON")
        database.execute("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('index', 'certificates_by_device', 'certificates', ?, ?)", before)
        database.commit()
        database.close()
        daemon.start()
        check_equal(kinds(check_store(daemon)), ["INDEX"], "what is found")
        check_equal(kinds(check_store(daemon, "--repair", status=1)), ["INDEX"], "what is mended")
        check_equal(check_store(daemon, status=0)["problems"], [], "afterwards")


@test("files that nothing names are moved to lost/, not deleted; what is on its way, or kept for a backup, is left alone")
def files():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        item = alice.upload(make_picture())
        objects = os.path.join(daemon.state_dir, "objects")
        young = os.path.join(objects, "ab", "ab" + "a" * 24)
        os.makedirs(os.path.dirname(young), exist_ok=True)
        write_file(os.path.join(objects, item[:2], "stranger"), b"who am I")
        write_file(os.path.join(objects, "loose"), b"1")
        write_file(os.path.join(os.fsencode(objects), b"\xff\x1b\n"), b"a name that is no text")
        write_file(young, b"2")
        old = os.path.join(daemon.state_dir, "incoming", "b" * 26)
        write_file(old, b"3")
        make_old(old)
        found = check_store(daemon)
        check_equal(kinds(found), ["STRAY", "STRAY", "STRAY", "UPLOAD_FILE"], "what is found")
        check_equal(kinds(check_store(daemon, "--repair", status=1)), ["STRAY", "STRAY", "STRAY", "UPLOAD_FILE"], "what is mended")
        check_equal(lost(daemon), ["b" * 26, "loose", "stranger", os.fsdecode(b"\xff\x1b\n")], "lost/")
        check(os.path.exists(young), "a young object was taken away")
        with Varlink(daemon.control) as holder:
            holder.send({"method": "io.sis.control.Backup", "more": True})
            holder.receive()
            alice.run("rm", item)
            check_equal(check_store(daemon, "--repair", status=0)["problems"], [], "while a backup is made")
            check(os.path.exists(object_of(daemon, item)), "an object that a backup still has")


@test("after an unclean stop: the object of a deleted item goes; one that the database knows nothing of is kept in lost/ – somebody put an older database here")
def unclean():
    with Daemon() as daemon:
        alice, directory = daemon.client("alice"), temporary("backups")
        kept, deleted = alice.upload(make_picture(seed=1)), alice.upload(make_picture(seed=2))
        copy = read_file(object_of(daemon, deleted))
        name = json.loads(daemon.sisctl("--json", "backup", directory).stdout)["snapshot"]
        alice.run("rm", deleted)
        wait_for(lambda: not os.path.exists(object_of(daemon, deleted)), "the object to go")
        daemon.kill()
        write_file(object_of(daemon, deleted), copy)
        daemon.start()
        daemon.wait_log("1 objects without an item")
        check_equal((os.path.exists(object_of(daemon, deleted)), lost(daemon)), (False, []), "a deletion that had not reached the disk")
        later = alice.upload(make_picture(seed=3))
        daemon.stop()
        path = os.path.join(daemon.state_dir, "db/sis.db")
        owner = os.stat(path)
        write_file(path, read_file(os.path.join(directory, name, "db/sis.db")))
        os.chown(path, owner.st_uid, owner.st_gid)
        daemon.start()
        check_equal(lost(daemon), [later], "what an older database knows nothing of")
        check_equal(kinds(check_store(daemon)), ["OBJECT_MISSING"], "what the older database promises, and was deleted since")
        check(os.path.exists(object_of(daemon, kept)), "an item that is in both")


@test("a lost object: whose, since when, who could read it, and whether a backup has it; put back from there, byte for byte; a false copy is not taken")
def from_backup():
    with Daemon() as daemon:
        alice, bob, directory = daemon.client("alice"), daemon.client("bob"), temporary("backups")
        pictures = [make_picture(seed=n) for n in range(4)]
        items = [alice.upload(p, "bob") for p in pictures]
        daemon.sisctl("backup", directory)
        late = alice.upload(make_picture(seed=9))
        os.unlink(object_of(daemon, items[0]))
        os.truncate(object_of(daemon, items[1]), 100)
        with open(object_of(daemon, items[2]), "r+b") as file:
            file.seek(-3, 2)
            file.write(b"!")
        os.unlink(object_of(daemon, late))
        check_equal(kinds(check_store(daemon)), ["OBJECT_DAMAGED", "OBJECT_MISSING", "OBJECT_MISSING"], "a quick look")
        found = check_store(daemon, "--full", "--from-backup", directory)
        by_item = {p["item"]: p for p in found["problems"]}
        check_equal(set(by_item), {items[0], items[1], items[2], late}, "which")
        check_equal({(p["user"], p["received"][:2]) for p in found["problems"]}, {("alice", "20")}, "whose")
        check_equal((by_item[items[0]]["readers"], by_item[late]["readers"]), (["bob"], []), "readers")
        check_equal([("backup" in by_item[i]) for i in (items[0], items[1], items[2], late)], [True, True, True, False], "which the backup has")
        words = daemon.sisctl("check", "--full", "--from-backup", directory, status=65).stdout
        for part in ("it is of alice, received 20", "others who can read it: bob", "has it", "with --repair: it is put back from there", "--remove-lost", "5 items"):
            check_in(part, words)
        # A copy that is something else than the signed statement says, though its list of digests agrees, is refused by sisd.
        snapshot = os.path.join(directory, sorted(os.listdir(directory))[-1])
        path = os.path.join(snapshot, "objects", items[0][:2], items[0])
        whole = open(path, "rb").read()
        false = whole[:-1] + bytes([whole[-1] ^ 1])
        write_file(path, false)
        check_in("of no use", daemon.sisctl("check", "--repair", "--full", "--from-backup", directory, status=65).stderr)
        check_equal(sorted(p["item"] for p in check_store(daemon)["problems"]), sorted([items[0], late]), "what is left")
        check_equal(read_file(bob.get(items[1])), read_file(pictures[1]), "a truncated picture, put back")
        check_equal(read_file(bob.get(items[2])), read_file(pictures[2]), "an altered picture, put back")
        write_file(path, whole)
        check_store(daemon, "--repair", "--from-backup", snapshot)
        check_equal(read_file(bob.get(items[0])), read_file(pictures[0]), "a missing picture, put back")
        check_equal(sorted(lost(daemon)), sorted([items[1] + ".damaged", items[2] + ".damaged"]), "lost/")
        check_equal([n for n in os.listdir(os.path.join(daemon.state_dir, "incoming")) if n.startswith(".")], [], "left in incoming/")
        check_equal({p["item"] for p in check_store(daemon, "--full")["problems"]}, {late}, "what is left in the end")


@test("an item that no backup has is given up only when told to: owner and readers hear that it is lost, its texts are kept, and the quota is given back")
def remove_lost():
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        item, other = alice.upload(make_picture(seed=1), "bob"), alice.upload(make_picture(seed=2), "bob")
        os.unlink(object_of(daemon, item))
        check_store(daemon, "--repair")
        kept = {i["item"] for i in json.loads(daemon.sisctl("--json", "items").stdout)["items"]}
        check_equal(kept, {item, other}, "nothing is given up without being told to")
        check_in("--repair", daemon.sisctl("check", "--remove-lost", status=64).stderr)
        watching = bob.popen("--json", "watch", "--since", "all")
        gone = check_store(daemon, "--repair", "--remove-lost", status=1)
        check_equal([(p["item"], p["mended"], p["given_up"]) for p in gone["problems"]], [(item, True, True)], "what is given up")
        told = {}
        for line in watching.stdout:
            told = json.loads(line)
            if told.get("what") == "lost":
                break
        watching.kill()
        watching.wait()
        check_equal((told["what"], told["item"], told["by"]), ("lost", item, ""), "what bob hears")
        check_equal(bob.items(), [other], "bob's list")
        texts = read_file(os.path.join(daemon.state_dir, "lost", item + ".texts")).decode()
        check_equal((texts.count("\nowner alice\n"), texts.count("\nrecipient bob\n")), (1, 1), "the statement and the grants that are kept")
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "afterwards")
        check_in("is lost and was removed", daemon.sisctl("logs", "--audit", "--event", "ITEM_LOST").stdout)


@test("altered texts: a statement whose signature does not hold, a grant for somebody else; and an edited line of the audit trail stays told, whatever is repaired")
def texts():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        daemon.client("bob")
        item = alice.upload(make_picture(), "bob")
        daemon.stop()
        edit(daemon, "UPDATE grants SET text=replace(text, 'recipient bob', 'recipient bab') WHERE user_id=(SELECT user_id FROM users WHERE name='bob')",
             "UPDATE audit SET text='nothing happened' WHERE sequence=(SELECT max(sequence)-1 FROM audit)")
        daemon.start()
        found = check_store(daemon, "--full", "--repair")
        check_equal(kinds(found), ["AUDIT", "GRANT"], "what is found")
        check_in("for bob/", [p for p in found["problems"] if p["kind"] == "GRANT"][0]["sentence"])
        check_equal(kinds(check_store(daemon)), ["AUDIT"], "the trail, once more")
        daemon.wait_log("crit AUDIT_BROKEN the audit trail is not what was written")
        edit(daemon, "UPDATE items SET statement=replace(statement, 'sequence 1', 'sequence 2')")
        check_equal(kinds(check_store(daemon, "--full")), ["AUDIT", "STATEMENT"], "an altered statement")
        check_in(item, check_store(daemon, "--full")["problems"][1]["sentence"])


@test("a certificate or a device that is lost is no reason to give up what was signed with it: the item is whole, and a backup of the database has the rest")
def no_certificate():
    with Daemon() as daemon:
        item = daemon.client("alice").upload(make_picture())
        for table in ("devices", "certificates"):
            edit(daemon, "DELETE FROM " + table)
            found = check_store(daemon, "--full", "--repair", "--remove-lost")
            signer = [p for p in found["problems"] if p["kind"] != "USERS"]
            check_equal([(p["kind"], p["item"], p["mended"]) for p in signer], [("SIGNER", item, False)], "what is found without " + table)
            check_in("restore a backup", signer[0]["mend"])
        check_equal([i["item"] for i in json.loads(daemon.sisctl("--json", "items").stdout)["items"]], [item], "items")


@test("full while it repairs: nothing is half mended, the sentence says so, and the next repair does it", root=True)
def full_disk():
    state = temporary("small")
    run_program(["mount", "-t", "tmpfs", "-o", "size=12M,mode=0755", "tmpfs", state])
    try:
        with Daemon(state_dir=os.path.join(state, "s")) as daemon:
            alice, directory = daemon.client("alice"), temporary("backups")
            large = write_file(os.path.join(temporary(), "large.bin"), make_bytes(4 << 20))
            item = alice.upload(large)
            daemon.sisctl("backup", directory)
            wait_for(lambda: not os.listdir(os.path.join(daemon.state_dir, "incoming")), "the upload's own name to go")
            os.unlink(object_of(daemon, item))
            filler = write_file(os.path.join(state, "filler"), b"")
            with open(filler, "wb") as file:
                free = os.statvfs(state)
                file.write(b"x" * (free.f_bavail * free.f_frsize - (1 << 20)))
            check_in("is full", daemon.sisctl("check", "--repair", "--from-backup", directory, status=74).stderr)
            check_equal([n for n in os.listdir(os.path.join(daemon.state_dir, "incoming")) if n.startswith(".")], [], "left in incoming/")
            check_equal(kinds(check_store(daemon)), ["OBJECT_MISSING"], "still lost")
            os.unlink(filler)
            check_store(daemon, "--repair", "--from-backup", directory, status=1)
            check_equal(read_file(alice.get(item)), read_file(large), "bytes")
    finally:
        run_program(["umount", state])


@test("a check that is broken off ends in the daemon, too, and the next may begin at once; two at a time are refused")
def broken_off():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        for seed in range(3):
            alice.upload(write_file(os.path.join(temporary(), "%d.bin" % seed), make_bytes(8 << 20, seed)))
        for _ in range(5):
            with Varlink(daemon.control) as caller:
                caller.send({"method": "io.sis.control.Check", "parameters": {"full": True, "repair": True}, "more": True})
        wait_for(lambda: daemon.sisctl("--json", "check", "--full", status=None).returncode == 0, "a check to be taken")

@test("a database that is damaged, missing or newer: sisd does not start, says what and what to do in the log and by its exit status, and changes nothing")
def start():
    with Daemon() as daemon:
        daemon.client("alice").upload(make_picture())
        daemon.stop()
        path = os.path.join(daemon.state_dir, "db/sis.db")
        for extra in ("-wal", "-shm"):
            if os.path.exists(path + extra):
                os.unlink(path + extra)
        whole = open(path, "rb").read()
        newer = bytearray(whole)
        newer[60:64] = (99).to_bytes(4, "big")
        for data, words in ((b"\0" * 4096 + whole[4096:], "is damaged"), (bytes(newer), "made by a newer sis"), (b"", "missing or empty"),
                            (None, "missing or empty")):
            if data is None:
                os.rename(path, path + ".away")
            else:
                write_file(path, data)
            since = daemon.log_size()
            daemon.spawn()
            check_equal(daemon.process.wait(30), 65, "exit status: " + words)
            Daemon.running.remove(daemon)
            log = daemon.log_text()[since:]
            check_in("crit STORE_DAMAGED the store cannot be used: ", log)
            check_in(words, log)
            check_in("sis-backup(7)", log)
            check_equal(open(path, "rb").read() if data is not None else os.path.exists(path), data if data is not None else False, "the file: " + words)
        os.rename(path + ".away", path)
        write_file(path, whole)
        daemon.start()
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "the whole one, put back")


@test("without a daemon: the same words and mends; refused while a sisd is at work; and a store that is whole is left as it is")
def alone():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        picture, directory = make_picture(), temporary("backups")
        item = alice.upload(picture)
        daemon.sisctl("backup", directory)
        check_in("in use by another sisd", offline(daemon, status=75))
        daemon.stop()
        check_equal(offline(daemon, "--full")["problems"], [], "a whole store")
        edit(daemon, "UPDATE users SET used=1")
        write_file(os.path.join(daemon.state_dir, "objects", item[:2], "aa" + "b" * 24), b"x")
        check_equal(kinds(offline(daemon, status=65)), ["STRAY", "USED"], "what is found")
        check_equal(kinds(offline(daemon, "--repair", status=1)), ["STRAY", "USED"], "what is mended")
        check_equal(offline(daemon)["problems"], [], "afterwards")
        os.unlink(object_of(daemon, item))
        check_equal(kinds(offline(daemon, "--repair", "--from-backup", directory, status=1)), ["OBJECT_MISSING"], "put back")
        daemon.start()
        check_equal(alice.items(), [item], "alice's list")
        check_equal(read_file(alice.get(item)), read_file(picture), "bytes")
        check_in("repaired the store", daemon.sisctl("logs", "--audit").stdout)
        daemon.sisctl("audit", "verify")


@test("a damaged database: named; saved row by row into a new one, the old one kept; what is lost is said, and people are told that the server went back")
def salvaged():
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        items = [alice.upload(make_picture(seed=n), "bob") for n in range(12)]
        check_equal(set(bob.items()), set(items), "bob's list")
        daemon.stop()
        path = os.path.join(daemon.state_dir, "db/sis.db")
        check(damage_pages(path, "items") >= 3, "the table is too small for this test")
        before = open(path, "rb").read()
        found = offline(daemon, status=65)
        check_in("DATABASE", kinds(found))
        check_equal(open(path, "rb").read() == before, True, "a look changes nothing")
        mended = offline(daemon, "--repair", status=None)
        check_in("of items, ", " ".join(p["sentence"] for p in mended["problems"]))
        check_equal(len([n for n in lost(daemon) if n.startswith("sis.db.damaged-")]), 1, "the old one")
        back = [p for p in mended["problems"] if p["read_back"]]
        check_equal({(p["kind"], p["user"]) for p in back}, {("ITEM_ROW", "alice")}, "what was read back")
        check(4 <= len(back) < 12, "%d items were read back" % len(back))
        left = offline(daemon, "--full", status=None)
        check_equal(kinds(left), [], "what is left")
        daemon.start()
        told = bob.run("list", status=65).stderr
        check_in("set back to a backup", told)
        kept = set(find_item_ids(bob.run("--json", "list", "--accept-restored").stdout))
        check_equal((kept, [n for n in lost(daemon) if n in items]), (set(items), []), "items, those of lost rows among them")
        for item in kept:
            bob.get(item)
        new = alice.upload(make_picture(seed=99), "bob")
        check_in(new, bob.items())
        check_equal(check_store(daemon, "--full", status=0)["problems"], [], "in the end")


@test("a database whose beginning is gone cannot be saved: said, and left as it is")
def hopeless():
    with Daemon() as daemon:
        daemon.client("alice").upload(make_picture())
        daemon.stop()
        path = os.path.join(daemon.state_dir, "db/sis.db")
        with open(path, "r+b") as file:
            file.write(b"\0" * 4096)
        before = open(path, "rb").read()
        found = offline(daemon, "--repair", status=65)
        check_equal(kinds(found), ["DATABASE"], "what is found")
        check_in("only a backup helps", found["problems"][0]["sentence"])
        check_equal(open(path, "rb").read() == before, True, "it is as it was")


run()
