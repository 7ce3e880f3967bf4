#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sis recovery: the page that is left when a device is not, and the three ways back with it."""
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *
from sis_terminal import typed
import sis_recovery


def page_of(client, *more):
    """(path of the page, its passphrase)"""
    path = os.path.join(temporary("page"), "page.txt")
    made = client.json("recovery", "make", "--cost", "1", "-o", path, *more)
    check_equal(made["path"], path, "path")
    return path, made["passphrase"]


def new_home(client):
    return Client(client.daemon, client.user)


def readable(client):
    """(items, those that are granted to this very device)"""
    devices = client.json("devices", "--verify")
    return [(d["items"], d["readable"]) for d in (devices if isinstance(devices, list) else [devices]) if d["this"]][0]


def people(daemon, *names):
    return [daemon.client(unique(name), "laptop") for name in names]


@test("make writes a page for its owner alone and never over another; show says what it is for; the passphrase is shown once, and nowhere kept")
def make():
    alice, = people(shared_daemon(), "alice")
    directory = temporary("here")
    done = alice.run("recovery", "make", "--cost", "1", cwd=directory)
    path = os.path.join(directory, "sis-recovery-%s-laptop.txt" % alice.user)
    check_equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    passphrase = re.search(r"\n    ([a-z]+( [a-z]+){7})\n", done.stdout).group(1)
    check_equal(find_in_tree(os.path.dirname(directory), [passphrase.encode()]), [], "where the passphrase stands")
    check_in("is there already", alice.run("recovery", "make", "--cost", "1", cwd=directory, status=73).stderr)
    page = read_file(path).decode()
    check(max(len(line) for line in page.splitlines()) <= 82, "a line is too wide for paper")
    check(len(page.splitlines()) < 110, "%d lines" % len(page.splitlines()))
    check_in("for %s, device laptop, on 127.0.0.1 port %d, made 20" % (alice.user, alice.daemon.port), new_home(alice).run("recovery", "show", path).stdout.replace("localhost", "127.0.0.1"))
    check_equal(new_home(alice).json("recovery", "show", path).keys(), {"path", "subject", "bytes"}, "members")
    secret = sis_recovery.read_page(page, passphrase)
    check_equal((secret["user"], secret["device"], secret["version"]), (alice.user, "laptop", 1), "what the second implementation reads")
    check_in("BEGIN SIS RECOVERY", alice.run("recovery", "make", "--cost", "1", "-o", "-").stdout)
    for arguments in (["recovery", "make", "x"], ["recovery", "restore"], ["recovery", "burn"], ["recovery", "make", "--cost", "9"]):
        alice.run(*arguments, status=64)


@test("(a) a laptop is lost: the page brings it back on a new machine, with its contacts, and everything can be read and shared on")
def lost():
    alice, bob = people(shared_daemon(), "alice", "bob")
    picture = make_picture()
    before = bob.upload(picture, alice)
    alice.get(before)
    alice.run("group", "set", "family", bob.user)
    path, passphrase = page_of(alice)
    again = new_home(alice)
    out, _ = typed(again, ["recovery", "restore", path], [passphrase])
    check_in("restored as %s, device laptop" % alice.user, out)
    check_equal(read_file(again.get(before)), read_file(alice.get(before)), "the picture")
    check_equal(again.json("whoami")["fingerprint"], alice.json("whoami")["fingerprint"], "certificate")
    check_equal(read_file(os.path.join(again.directory, "contacts.json")), read_file(os.path.join(alice.directory, "contacts.json")), "pins")
    for name in ("device.key", "encryption.key"):
        check_equal(os.stat(os.path.join(again.directory, name)).st_mode & 0o777, 0o600, "mode of " + name)
    bob.get(find_item_id(again.run("--json", "upload", "--to", "@family", picture).stdout))
    check_in("there is already a profile", again.run("recovery", "restore", path, status=73).stderr)


@test("(b) its certificate has expired: an invite certifies the same keys again, in the restored profile or straight from the page")
def expired():
    with Daemon(workers=1) as daemon:
        alice, bob = people(daemon, "alice", "bob")
        item = bob.upload(make_picture(), alice)
        path, passphrase = page_of(alice)
        daemon.stop()
        with contextlib.closing(sqlite3.connect(daemon.state_dir + "/db/sis.db")) as db:
            db.execute("UPDATE certificates SET not_after=1 WHERE device_id=(SELECT device_id FROM devices JOIN users USING(user_id) WHERE users.name=?)", (alice.user,))
            db.commit()
        daemon.start()
        again = new_home(alice)
        typed(again, ["recovery", "restore", path], [passphrase])
        check_in("expired", again.run("get", item, "-o", temporary("got"), status=77).stderr)
        # Other people's invites, and other servers', are not for these keys.
        check_in("there is already a profile", again.run("enroll", daemon.invite(unique("carol")), status=73).stderr)
        line = daemon.sisctl("invite", alice.user).stdout.strip()
        check_in("does not have the authority", again.run("enroll", line[:-64] + "0" * 64, status=77).stderr)
        again.run("enroll", line)
        check_equal(again.json("whoami")["device"], "laptop", "device")
        again.get(item)
        third = new_home(alice)
        typed(third, ["enroll", daemon.sisctl("invite", alice.user, "--device", "laptop").stdout.strip(), "--recovery", path], [passphrase])
        check_equal(third.json("whoami")["device"], "laptop", "device")
        third.get(item)
        bob.upload(make_picture(seed=2), alice)
        check_equal(len(third.items()), 2, "items")
        check_in("was revoked, or the invite names another", third.run("enroll", daemon.sisctl("invite", alice.user, "--device", "other").stdout.strip(), status=None).stderr)


@test("(c) it was stolen and revoked: an invite makes a new device that reads what the old one could, with keys of its own")
def stolen():
    daemon = shared_daemon()
    alice, bob = people(daemon, "alice", "bob")
    item = bob.upload(make_picture(), alice)
    path, passphrase = page_of(alice)
    daemon.sisctl("revoke", alice.user, "--device", "laptop", "--compromised")
    for arguments in ([], ["--device", "laptop2"]):
        again = new_home(alice)
        before = [c["device"] for c in json.loads(daemon.sisctl("--json", "certs", alice.user).stdout)["certificates"]]
        typed(again, ["enroll", daemon.sisctl("invite", alice.user, *arguments).stdout.strip(), "--recovery", path], [passphrase])
        device = again.json("whoami")["device"]
        check(device not in before and (not arguments or device == "laptop2"), "device " + device)
        check_equal(sorted(os.listdir(os.path.join(again.directory, "former"))), ["laptop.key"], "former keys")
        check(read_file(again.key_path) != read_file(alice.key_path), "the stolen signing key is used again")
        again.get(item)
        bundle = os.path.join(temporary("sis"), "x.sis")
        again.run("get", "--sis", item, "-o", bundle)
        check_in("ok", again.run("verify", bundle).stdout)
        check_equal(again.items(), [item], "list")
        later = bob.upload(make_picture(seed=3), alice)
        again.get(later)
        # Its own page holds the old key, too.
        own_path, own_passphrase = page_of(again)
        third = new_home(alice)
        typed(third, ["recovery", "restore", own_path], [own_passphrase])
        third.get(item)
        # What it reads with the old key becomes its own.
        check_equal(readable(again), (2, 1), "items, and those granted to the new device")
        again.run("devices", "approve", device)
        check_equal(readable(again), (2, 2), "after it approved itself")
        shutil.rmtree(os.path.join(again.directory, "former"))
        again.get(item)
        bob.run("rm", later)


@test("keys under a passphrase: one passphrase covers the former keys as well, and restore asks for a new one")
def under_passphrase():
    daemon = shared_daemon()
    alice, bob = people(daemon, "alice", "bob")
    item = bob.upload(make_picture(), alice)
    path, passphrase = page_of(alice)
    daemon.sisctl("revoke", alice.user, "--device", "laptop")
    again = new_home(alice)
    typed(again, ["enroll", daemon.sisctl("invite", alice.user).stdout.strip(), "--recovery", path, "--passphrase"], [passphrase, "of the keys", "of the keys"])
    check_in(b"ENCRYPTED", read_file(os.path.join(again.directory, "former/laptop.key")))
    typed(again, ["get", item, "-o", temporary("got")], ["of the keys"])
    own = os.path.join(temporary("own"), "page")
    typed(again, ["recovery", "make", "--cost", "1", "--ask-passphrase", "-o", own], ["of the keys", "of the whole page", "of the whole page"])
    third = new_home(alice)
    typed(third, ["recovery", "restore", "--passphrase", own], ["of the whole page", "third secret", "third secret"])
    typed(third, ["get", item, "-o", temporary("got")], ["third secret"])
    check_in("at least 12", typed(again, ["recovery", "make", "--cost", "1", "--ask-passphrase", "-o", own + "2"], ["of the keys", "short", "short"], 64)[1])
    check_in("differ", typed(again, ["recovery", "make", "--cost", "1", "--ask-passphrase", "-o", own + "2"], ["of the keys", "of the whole page", "of the hole page"], 77)[1])


@test("a page that was typed off wrong, cut off, altered or is none, a wrong passphrase, another's invite: one sentence each, and nothing is left behind")
def refused():
    daemon = shared_daemon()
    alice, bob = people(daemon, "alice", "bob")
    path, passphrase = page_of(alice)
    page = read_file(path).decode()
    lines = page.splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("1 "))
    swapped = lines[:first] + [lines[first + 1], lines[first]] + lines[first + 2:]
    letter = lines[first].replace(lines[first].split()[1], lines[first].split()[1][::-1], 1)
    wrong = {
        "not as it was printed": "".join(lines[:first] + [letter] + lines[first + 1:]),
        "line 1 of the recovery page is missing": "".join(swapped),
        "line 2 of the recovery page is missing": "".join(lines[:first + 1] + lines[first + 2:]),
        "is cut off after line 3": "".join(lines[:first + 3]),
        "is no recovery page": "hello\n",
        "is empty": "-----BEGIN SIS RECOVERY-----\n-----END SIS RECOVERY-----\n",
        "does not begin with its number": "-----BEGIN SIS RECOVERY-----\nabcde : abcd\n-----END SIS RECOVERY-----\n",
        "longer than any": page + " " * (5 << 20),
    }
    home = new_home(alice)
    for words, text in wrong.items():
        bad = write_file(os.path.join(temporary("bad"), "page"), text)
        for command in ("restore", "show"):
            said = home.run("recovery", command, bad, status=65 if "longer" not in words else None).stderr
            check_in(words, said)
            check_equal(said.count("\n"), 1, "lines about %r" % words)
    sealed = bytearray(sis_recovery.sealed_of(page))
    sealed[40] ^= 1
    sealed2 = bytearray(sis_recovery.sealed_of(page))
    sealed2[1] = 11                     # would take 1 GiB
    sealed3 = bytearray(sis_recovery.sealed_of(page))
    sealed3[0] = 2
    for data, words in ((sealed, "the passphrase is not the one"), (sealed2, "newer version"), (sealed3, "newer version")):
        bad = write_file(os.path.join(temporary("bad"), "page"), sis_recovery.armor("for nobody", bytes(data)))
        check_in(words, typed(home, ["recovery", "restore", bad], [passphrase], 77 if "passphrase" in words else 65)[1])
    check_in("the passphrase is not the one", typed(home, ["recovery", "restore", path], ["something else"], 77)[1])
    check_in("these keys are those of", typed(home, ["enroll", daemon.sisctl("invite", bob.user).stdout.strip(), "--recovery", path], [passphrase], 65)[1])
    check_in("no terminal", home.run("recovery", "restore", path, status=66, start_new_session=True).stderr)
    # What came out of the seal is not believed because of that.
    inner = sis_recovery.read_page(page, passphrase)
    for change in ({"user": "../x"}, {"device": "phone"}, {"server": "nowhere"}, {"ca": inner["certificate"]}, {"former": {"../x": inner["encryption_key"]}},
                   {"encryption_key": "AAAA"}, {"files": {"../../escape": "x"}}, {"files": {"groups/..": "x"}}, {"files": {"device.key": "x"}}, {"signing_key": "x"}):
        bad = write_file(os.path.join(temporary("bad"), "page"), sis_recovery.make_page("for nobody", {**inner, **change}, "a passphrase", 1))
        check_in("does not belong together", typed(home, ["recovery", "restore", bad], ["a passphrase"], None if "ca" in change else 65)[1])
    check_equal([n for n in os.listdir(os.path.join(home.home, "profiles")) if n != ".lock"], [], "what is left behind")


@test("what the second implementation writes is restored; capitals, other spaces, and 0 1 8 for o l b are read as they are meant")
def second_implementation():
    alice, = people(shared_daemon(), "alice")
    path, passphrase = page_of(alice)
    inner = sis_recovery.read_page(read_file(path).decode(), passphrase)
    inner["files"]["groups/family"] = "a group"
    page = sis_recovery.make_page("for whom it is", inner, "a passphrase of theirs", 2)
    head, body = page.split("-----BEGIN SIS RECOVERY-----\n")
    typed_off = "\n\n-BEGIN SIS RECOVERY-\n" + "".join(
        "%s\r\n" % (line if line.startswith(("for", "-")) else line.upper().replace("O", "0").replace("L", "1").replace("B", "8").replace(" ", "  "))
        for line in body.splitlines())
    home = new_home(alice)
    typed(home, ["recovery", "restore", write_file(os.path.join(temporary("typed"), "page"), typed_off)], ["a passphrase of theirs"])
    check_equal(home.json("whoami")["user"], alice.user, "whoami")
    check_equal(read_file(os.path.join(home.directory, "groups/family")), b"a group", "group")


run()
