#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups while people work, restores that they are told of, and what the store does about damage."""

import hashlib
import os
import shutil
import sqlite3
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *
from sis_terminal import shown
from sis_testlib import GROUP_ID, IS_ROOT, LEDGER_ID, SIGNER_ID

OWNERS = ("--ledger-user", LEDGER_ID, "--signer-user", SIGNER_ID, "--group", GROUP_ID) if IS_ROOT else ()


def backup(daemon, directory, *more, status=0):
    done = daemon.sisctl("--json", "backup", directory, *more, status=status)
    return json.loads(done.stdout) if status == 0 else done.stderr


def sisctl(*arguments, status=0):
    return run_program([os.path.join(BUILD, "sisctl")] + [str(a) for a in arguments], status=status)


def restore(directory, state_dir, *more, status=0):
    return sisctl("restore", directory, "--state-dir", state_dir, *OWNERS, *more, status=status)


def verify(snapshot):
    """As an administrator does it, without sis."""
    run_program(["sh", "-c", 'cd "$0" && sha256sum --quiet --strict -c SHA256SUMS', snapshot])
    return {line.split()[1]: os.stat(os.path.join(snapshot, line.split()[1])) for line in open(os.path.join(snapshot, "SHA256SUMS"))}


def snapshot_by_hand(state, directory, name="2026-11-21T113000Z"):
    """A snapshot of a stopped store as ARCHITECTURE.md describes one, without sisctl."""
    snapshot = os.path.join(directory, name)
    for part in ("db", "keys"):
        os.makedirs(os.path.join(snapshot, part))
    with contextlib.closing(sqlite3.connect(os.path.join(state, "db/sis.db"))) as database:
        database.execute("VACUUM INTO ?", (os.path.join(snapshot, "db/sis.db"),))
        objects = [row[0] for row in database.execute("SELECT id FROM items")]
    ids = sorted(base64.b32encode(raw).decode().lower().rstrip("=") for raw in objects)
    for item in ids:
        os.makedirs(os.path.join(snapshot, "objects", item[:2]), exist_ok=True)
        shutil.copy(os.path.join(state, "objects", item[:2], item), os.path.join(snapshot, "objects", item[:2], item))
    for key in os.listdir(os.path.join(state, "keys")):
        shutil.copy(os.path.join(state, "keys", key), os.path.join(snapshot, "keys", key))
    paths = ["objects/%s/%s" % (item[:2], item) for item in ids] + ["db/sis.db"] + ["keys/" + key for key in sorted(os.listdir(os.path.join(snapshot, "keys")))]
    sums = "".join("%s  %s\n" % (digest(os.path.join(snapshot, path)), path) for path in paths)
    write_file(os.path.join(snapshot, "SHA256SUMS"), sums.encode())
    size = sum(os.stat(os.path.join(snapshot, path)).st_size for path in paths if path.startswith("objects/"))
    write_file(os.path.join(snapshot, "backup.json"), json.dumps({"version": 1, "time": "2026-11-21T11:30:00Z", "sums": hashlib.sha256(sums.encode()).hexdigest(),
                                                                  "items": len(ids), "missing": 0, "bytes": size, "keys": True}).encode())
    return ids


def point_to(daemon, *clients):
    """What people do when the server has another name or port."""
    for client in clients:
        profile = os.path.join(client.directory, "profile.json")
        write_file(profile, json.dumps({**json.loads(read_file(profile)), "server": "localhost:%d" % daemon.port}))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@test("what timers run says nothing on standard error when all is well; a terminal is told what is good to know")
def timers():
    with Daemon(workers=1) as daemon:
        alice, directory = daemon.client("alice"), temporary("backups")
        alice.upload(make_picture())
        def commands():
            return (["backup", directory], ["backup", "--with-keys", "--keep", "1", directory], ["check"], ["check", "--full", "--repair", "--from-backup", directory],
                    ["check", "--backup", directory], ["metrics"], ["certs", "--ending", "1d"], ["audit", "verify"], ["status"],
                    ["logs", "--event", "ITEM_LOST", "--since", "1d"], ["ca"])
        for words in commands():
            check_equal(daemon.sisctl(*words).stderr, "", "standard error of sisctl %s" % " ".join(words))
        for words, told in zip(commands(), ("It is without the keys", "It holds the KEY OF THE CERTIFICATE AUTHORITY")):
            check_in(told, shown([SISCTL, "-s", daemon.control, *words]), "what a terminal is told by sisctl %s" % " ".join(words))
        check_equal(shown([SISCTL, "-s", daemon.control, "certs", "--ending", "1d"]), "No device's certificate ends within that time.\n", "an empty list")


@test("a backup is complete, private, verified by sha256sum; the next links what is the same and copies what is new; keys only when asked for")
def incremental():
    with Daemon() as daemon:
        alice, directory = daemon.client("alice"), temporary("backups")
        first, gone = alice.upload(make_picture(seed=1)), alice.upload(make_picture(seed=2))
        one = backup(daemon, directory)
        check_equal((one["items"], one["new_items"], one["missing"], one["keys"]), (2, 2, 0, False), "the first")
        alice.run("rm", gone)
        third = alice.upload(make_picture(seed=3))
        two = backup(daemon, directory, "--with-keys")
        check_equal((two["items"], two["new_items"], two["keys"]), (2, 1, True), "the second")
        files = [verify(os.path.join(directory, b["snapshot"])) for b in (one, two)]
        same = [path for path in files[0] if path.startswith("objects/") and path in files[1]]
        check_equal([files[0][path].st_ino == files[1][path].st_ino for path in same], [True], "links")
        check_equal((sum(path.endswith(gone) for path in files[0]), sum(path.endswith(gone) for path in files[1])), (1, 0), "the deleted one")
        check_equal((sum(p.startswith("keys/") for p in files[0]), "keys/ca.key" in files[1]), (0, True), "keys")
        check_equal({oct(s.st_mode & 0o777) for s in files[1].values()}, {"0o600"}, "modes")
        check_equal({oct(os.stat(os.path.join(directory, b["snapshot"], d)).st_mode & 0o777) for b in (one, two) for d in (".", "db", "objects")}, {"0o700"}, "modes")
        about = json.load(open(os.path.join(directory, two["snapshot"], "backup.json")))
        check_equal(about["sums"], digest(os.path.join(directory, two["snapshot"], "SHA256SUMS")), "digest of the list")
        check_equal([n for n in os.listdir(os.path.join(daemon.state_dir, "incoming")) if n.startswith(".")], [], "left in the store")
        check_in("made the backup", daemon.sisctl("logs", "--audit").stdout)


@test("while people upload and delete: every item of the copied database is in the snapshot; two at once are refused; a killed one leaves the next alone")
def busy():
    with Daemon() as daemon:
        alice, directory, stop, errors = daemon.client("alice"), temporary("backups"), threading.Event(), []

        def work(seed):
            try:
                mine = Client(daemon, "alice", home=alice.home)
                while not stop.is_set():
                    item = mine.upload(make_picture(seed=seed))
                    mine.run("rm", item)
            except Exception as error:      # told by the test's own thread
                errors.append(error)
        kept = [alice.upload(make_picture(seed=n)) for n in range(3)]
        threads = [threading.Thread(target=work, args=(n,)) for n in (10, 11)]
        for thread in threads:
            thread.start()
        snapshots = [backup(daemon, directory)["snapshot"] for _ in range(2)]
        # Somebody holds the backup: another is refused, and what is deleted meanwhile keeps its object until the end.
        with Varlink(daemon.control) as holder:
            holder.send({"method": "io.sis.control.Backup", "more": True})
            check_equal(holder.receive()["parameters"]["state_dir"], daemon.state_dir, "the holder's answer")
            check_in("another backup", backup(daemon, directory, status=75))
            stop.set()
            for thread in threads:
                thread.join()
            alice.run("rm", kept[0])
            path = os.path.join(daemon.state_dir, "objects", kept[0][:2], kept[0])
            check(os.path.exists(path), "the object of the copy is gone")
        wait_for(lambda: not os.path.exists(path), "the object to go after the backup")
        check_equal(errors, [], "trouble of those who worked")
        daemon.wait_log("was not completed: sisctl ended")
        os.mkdir(os.path.join(directory, "2026-01-01T000000Z.partial"))
        snapshots.append(backup(daemon, directory)["snapshot"])
        check_equal(sorted(os.listdir(directory)), sorted(snapshots), "what is in the directory")
        for snapshot in snapshots:
            files = verify(os.path.join(directory, snapshot))
            database = sqlite3.connect("file:%s/db/sis.db?immutable=1" % os.path.join(directory, snapshot), uri=True)
            wanted = [size for (size,) in database.execute("SELECT bytes FROM items ORDER BY id")]
            check_equal([s.st_size for p, s in files.items() if p.startswith("objects/")], wanted, "objects of " + snapshot)
            check(len(wanted) >= 2, "too few items")
            check_equal(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "the database of " + snapshot)
        check_equal(json.loads(daemon.sisctl("--json", "check", "--full").stdout)["problems"], [], "problems")


@test("another host: restored elsewhere, people find every byte, are told once that the server went back, and no number is given out twice")
def moved():
    directory, state = temporary("backups"), os.path.join(temporary("restored"), "state")
    with Daemon() as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        picture = make_picture(seed=1)
        item = alice.upload(picture, "bob")
        unused = daemon.invite("carol")
        backup(daemon, directory, "--with-keys")
        later = alice.upload(make_picture(seed=2), "bob")
        check_equal(len(bob.items()), 2, "bob's items before")
        watching = bob.popen("--json", "watch")
        wait_for(lambda: os.path.exists(os.path.join(bob.directory, "watch")) or b"hello" in watching.stdout.readline(), "bob's watch to begin")
        watching.send_signal(2)
        watching.wait(20)
        seen = int(read_file(os.path.join(bob.directory, "horizon")))
        daemon.stop()
        options = dict(daemon.options)
        restore(directory, state)
    options.update(state_dir=state, listen=["127.0.0.1:0"], server_names=["localhost", "elsewhere.example"])
    del options["control"]
    with Daemon(**options) as moved_to:
        point_to(moved_to, alice, bob)
        moved_to.wait_log("restored from a backup")
        watched = bob.run("watch", status=65, limit_s=30).stderr
        check_in("set back to a backup", watched)
        told = bob.run("list", status=65).stderr
        check_in("--accept-restored", told)
        check_in("set back to a backup", told)
        check_equal(find_item_ids(bob.run("--json", "list", "--accept-restored").stdout), [item], "bob's items after")
        check_equal(read_file(bob.get(item)), read_file(picture), "bytes of the picture")
        check(int(read_file(os.path.join(bob.directory, "horizon"))) > seen + 2 ** 32, "the numbers went on where they were")
        new = alice.upload(make_picture(seed=4), "bob")
        check_equal(set(bob.items()), {item, new}, "bob is not told twice")
        check_equal(json.loads(moved_to.sisctl("--json", "list").stdout)["users"][2]["invites"], 0, "carol's invite")
        check_equal(json.loads(moved_to.sisctl("--json", "check", "--full").stdout)["problems"], [], "problems")
        moved_to.restart()
        check_equal(len(bob.items()), 2, "a second start lifts nothing")
        moved_to.stop()
    # The whole stopped store, copied: nobody is told of anything.
    copy = os.path.join(temporary("copied"), "state")
    run_program(["cp", "-a", state, copy])
    os.unlink(os.path.join(copy, "lock"))
    options.update(state_dir=copy, listen=["127.0.0.1:0"])
    with Daemon(**options) as copied:
        point_to(copied, alice, bob)
        check_equal(set(bob.items()), {item, new}, "bob's items on the third host")


@test("a snapshot that a second implementation wrote is read, restored and served like one of sisctl's, and sisctl's next one is the same list")
def by_hand():
    directory, state = temporary("backups"), os.path.join(temporary("restored"), "state")
    with Daemon(workers=1) as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        pictures = [make_picture(seed=seed) for seed in (1, 2, 3)]
        items = [alice.upload(picture, bob) for picture in pictures]
        daemon.stop()
        options = dict(daemon.options)
        check_equal(snapshot_by_hand(daemon.state_dir, directory), sorted(items), "items of the database")
    check_in("3 items", sisctl("check", "--backup", directory).stdout)
    restore(directory, state)
    options.update(state_dir=state, listen=["127.0.0.1:0"])
    del options["control"]
    with Daemon(**options) as restored:
        point_to(restored, alice, bob)
        bob.run("list", "--accept-restored")
        for item, picture in zip(items, pictures):
            check_equal(read_file(bob.get(item)), read_file(picture), "bytes of a picture")
        other = temporary("after")
        after = backup(restored, other, "--with-keys")
        check_equal((after["items"], after["missing"], after["keys"]), (3, 0, True), "what sisctl saves of it")
        lists = [read_file(os.path.join(path, "SHA256SUMS")).decode().splitlines() for path in
                 (os.path.join(other, after["snapshot"]), os.path.join(directory, "2026-11-21T113000Z"))]
        check_equal(*[sorted(line for line in lines if "  db/" not in line) for lines in lists], "lists, but for the database")


@test("a snapshot that was damaged, a directory that is not empty, one in use, keys that are elsewhere, a restore cut short")
def refusals():
    directory, base = temporary("backups"), temporary("states")
    with Daemon() as daemon:
        item = daemon.client("alice").upload(make_picture())
        name = backup(daemon, directory)["snapshot"]
        check_in("is not empty", restore(directory, daemon.state_dir, status=73).stderr)
        open_to_all = os.path.join(base, "open")
        os.mkdir(open_to_all)
        os.chmod(open_to_all, 0o777)
        check_in("can be written by others", restore(directory, open_to_all, status=77).stderr)
        check_equal(os.listdir(open_to_all), [], "what was written into a directory of everybody's")
        check_in("keys/ into", restore(directory, os.path.join(base, "without")).stderr)
        check_not_in("keys/ into", restore(os.path.join(directory, name), os.path.join(base, "with"), "--keys", os.path.join(daemon.state_dir, "keys")).stderr)
        check_equal(sorted(os.listdir(os.path.join(base, "with", "keys"))), sorted(os.listdir(os.path.join(daemon.state_dir, "keys"))), "keys")
        options = dict(daemon.options)
    sums = os.path.join(directory, name, "SHA256SUMS")
    for n, (path, change) in enumerate(((os.path.join("objects", item[:2], item), lambda b: b[:-1] + bytes([b[-1] ^ 1])), ("db/sis.db", lambda b: b[:-1]),
                                        ("SHA256SUMS", lambda b: b.replace(b"objects/", b"../jects/")), ("SHA256SUMS", lambda b: b[:b.index(b"\n") + 1]))):
        path = os.path.join(directory, name, path)
        whole = open(path, "rb").read()
        open(path, "wb").write(change(whole))
        state = os.path.join(base, "damaged%d" % n)
        check_in("damaged", restore(directory, state, status=65).stderr)
        open(path, "wb").write(whole)
    cut = Daemon(start=False, **{**options, "state_dir": state, "control": os.path.join(base, "c")})
    cut.spawn()
    check(cut.process.wait(30) != 0, "a store that is half restored was started")
    check_in("restore was interrupted", cut.log_text())
    Daemon.running.remove(cut)
    restore(directory, os.path.join(base, "whole"))
    check_in("no snapshot", restore(base, os.path.join(base, "x"), status=65).stderr)


@test("a full disk: nothing is saved, the snapshot before stays whole, and the sentence says so", root=True)
def full_disk():
    directory = temporary("small")
    run_program(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", directory])
    try:
        with Daemon() as daemon:
            alice = daemon.client("alice")
            alice.upload(make_picture())
            name = backup(daemon, directory)["snapshot"]
            alice.upload(write_file(os.path.join(temporary(), "large.bin"), make_bytes(3 << 20)))
            check_in("is full", backup(daemon, directory, status=74))
            check_equal(os.listdir(directory), [name], "what is there")
            verify(os.path.join(directory, name))
            daemon.wait_log("was not completed")
            check(daemon.is_serving(), "serving")
    finally:
        run_program(["umount", directory])


@test("--keep leaves so many of the newest; a clock that was set back changes nothing about which that is; a snapshot inside the store is refused")
def keep():
    with Daemon() as daemon:
        alice, directory = daemon.client("alice"), temporary("backups")
        item = alice.upload(make_picture())
        names = [backup(daemon, directory)["snapshot"] for _ in range(4)]
        check_equal(names, sorted(set(names)), "names of four in a moment")
        done = backup(daemon, directory, "--keep", "2")
        check_equal((done["removed"], sorted(os.listdir(directory))), (3, sorted([names[3], done["snapshot"]])), "what is kept of five")
        check_equal(verify(os.path.join(directory, done["snapshot"]))["objects/%s/%s" % (item[:2], item)].st_nlink, 2, "names of the object")
        ahead = "2099-12-31T235959Z"
        os.rename(os.path.join(directory, done["snapshot"]), os.path.join(directory, ahead))
        later = daemon.sisctl("--json", "backup", directory, "--keep", "2")
        check_in("was the clock set back", later.stderr)
        check_equal(json.loads(later.stdout)["snapshot"], "2100-01-01T000000Z", "the name after it")
        check_equal(sorted(os.listdir(directory)), [ahead, "2100-01-01T000000Z"], "what is kept")
        for wrong in ("0", "-1", "x", ""):
            check_in("1 or more", backup(daemon, directory, "--keep", wrong, status=64))
        inside = os.path.join(daemon.state_dir, "backups")
        check_in("in the state directory", backup(daemon, inside, status=64))
        check(not os.path.exists(inside), "a directory was left in the store")
        check_in("cannot be made", backup(daemon, "/proc/nowhere/x", status=73))
        check_in("as a directory", backup(daemon, os.path.join(directory, ahead, "backup.json"), status=66))


@test("sisctl check --backup reads all of a snapshot and names what is not as it was saved, with no daemon")
def check_backup():
    directory = temporary("backups")
    with Daemon() as daemon:
        item = daemon.client("alice").upload(make_picture())
        name = backup(daemon, directory)["snapshot"]
    whole = json.loads(sisctl("--json", "check", "--backup", directory).stdout)
    check_equal((whole["problems"], whole["snapshot"], whole["items"], whole["files"]), ([], name, 1, 2), "a whole one")
    check_in("0 problems", sisctl("check", "--backup", os.path.join(directory, name)).stdout)
    path = os.path.join("objects", item[:2], item)
    for change, words in ((lambda p: os.unlink(p), path + " is missing"), (lambda p: write_file(p, b"x"), path + " is not what was saved")):
        kept = read_file(os.path.join(directory, name, path))
        change(os.path.join(directory, name, path))
        check_equal(json.loads(sisctl("--json", "check", "--backup", directory, status=65).stdout)["problems"][0].split(":")[0], words.split(":")[0], "the problem")
        write_file(os.path.join(directory, name, path), kept)
    write_file(os.path.join(directory, name, "SHA256SUMS"), b"")
    check_in("SHA256SUMS is not what was saved", sisctl("check", "--backup", directory, status=65).stdout)
    check_in("no snapshot", sisctl("check", "--backup", temporary("empty"), status=65).stderr)
    check_in("takes no other option", sisctl("check", "--backup", directory, "--repair", status=64).stderr)


run()
