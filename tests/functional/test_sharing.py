#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharing later, taking back, leaving, and what ends by itself: on the wire first, then with people's clients."""

import os
import pty
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *
from sis_watching import Stream


def people(daemon):
    """alice, bob and carol, new ones each time."""
    return [SealingDevice(daemon, unique(name)) for name in ("alice", "bob", "carol")]


def uploaded(alice, *readers, **options):
    check_equal(alice.upload(alice.seal(make_bytes(3000), *readers, **options)).status, 201, "status of the upload")
    return alice.item


def sees(device, item):
    return device.daemon.request("GET", "/v1/items/" + item, who=device).status == 200


def refused(reply, status, words):
    check_equal(reply.status, status, "status (%r)" % reply.body)
    check_in(words, reply.json().get("detail", ""), "the refusal")


def rows(daemon, sql, *values):
    with sqlite3.connect("file:%s/db/sis.db?mode=ro" % daemon.state_dir, uri=True) as database:
        return database.execute(sql, values).fetchall()


def events_of(daemon, user):
    """(kind, user, device, what) of what the user was told."""
    return rows(daemon, "SELECT e.kind, e.user, e.device, e.what FROM events e JOIN users u USING(user_id) WHERE u.name=? AND e.kind IN (1, 2)"
                " ORDER BY e.sequence", user)


def object_exists(daemon, item):
    return os.path.exists(os.path.join(daemon.state_dir, "objects", item[:2], item))


@test("the owner shares later: the item comes to the new reader as new, whole and with the certificates")
def share_later():
    daemon = shared_daemon()
    alice, bob, carol = people(daemon)
    item = uploaded(alice, bob)
    check(not sees(carol, item), "carol sees it before")
    check_equal(alice.share(item, carol.user, alice.grant(carol)).status, 204, "status of sharing")
    entry = daemon.request("GET", "/v1/items?include=manifest", who=carol).json()["items"]
    check_equal(([e["item"] for e in entry], len(entry[0]["grants"]), len(entry[0]["certificates"])), ([item], 1, 1), "carol's list")
    newest = daemon.request("GET", "/v1/items/" + item, who=bob).json()["sequence"]
    check(entry[0]["sequence"] > newest, "carol has it under an old number")
    check_equal(daemon.request("GET", "/v1/items/%s/object" % item, who=carol).status, 200, "the object")
    check_equal(len(daemon.request("GET", "/v1/items/%s/grants" % item, who=alice).json()["grants"]), 3, "grants that the owner sees")
    own = daemon.request("GET", "/v1/items/%s/grants" % item, who=carol).json()
    check_equal((len(own["grants"]), "recipient " + carol.user in own["grants"][0]), (1, True), "grants that carol sees")
    check_equal(alice.share(item, carol.user, alice.grant(carol)).status, 204, "status of sharing again")
    check_equal(events_of(daemon, carol.user), [(1, carol.user, alice.user, "")], "what carol was told")
    daemon.wait_log("granted %s to %s" % (item, carol.user))


@test("grants that are not their sender's own word for this item, person and time are refused")
def wrong_grants():
    daemon = shared_daemon()
    alice, bob, carol = people(daemon)
    other = uploaded(alice, bob)
    foreign = alice.grant(carol)
    item = uploaded(alice, bob)
    good = alice.grant(carol)
    refused(alice.share(item, carol.user, foreign), 422, "does not belong to the item")
    refused(alice.share(item, carol.user, alice.grant(carol, statement=bytes(32))), 422, "does not belong to the item")
    refused(alice.share(item, bob.user, good), 422, "another user than the one of the request")
    refused(alice.share(item, carol.user, good, alice.grant(carol)), 422, "the same device")
    refused(alice.share(item, carol.user, bob.grant(carol, of=alice)), 422, "by another user")
    refused(alice.share(item, carol.user, bob.grant(carol, of=alice, granter=alice.user)), 422, "by another device")
    refused(alice.share(item, carol.user, bob.grant(carol, of=alice, granter=alice.user, **{"granter-device": alice.fingerprint})), 422, "signature")
    refused(alice.share(item, carol.user, alice.grant(carol, time=int(time.time()) - 7200)), 422, "not made just now")
    refused(alice.share(item, carol.user, alice.grant(carol, time=int(time.time()) + 7200)), 422, "not made just now")
    refused(alice.share(item, carol.user, alice.grant(carol, expires=int(time.time()) - 5)), 403, "expired")
    refused(alice.share(item, carol.user, alice.grant(carol, device="tablet")), 404, "no device")
    refused(alice.share(item, carol.user), 400, "one or more grants")
    refused(alice.share(item, carol.user, b"sis-grant/1\nnonsense\n"), 400, "")
    refused(alice.share(item, carol.user, *[alice.grant(carol, device="d%d" % n) for n in range(65)]), 413, "more than 64")
    check_equal(alice.share(item, "NOBODY", good).status, 404, "status for a name that is none")
    check_equal(alice.share("a" * 26, carol.user, good).status, 404, "status for no item")
    check(not sees(carol, item) and not sees(carol, other), "carol sees it")
    check_equal(alice.share(item, carol.user, good).status, 204, "status of the good one")
    check(daemon.is_serving(), "the daemon does not serve")


@test("nobody fills the server's memory with grants that he sends slowly")
def slow_senders():
    with Daemon(workers=1) as daemon:
        alice, bob, _ = people(daemon)
        item = uploaded(alice)
        head = ("PUT /v1/items/%s/grants/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 65536\r\n\r\n" % (item, bob.user)).encode()
        held = []
        context = daemon.tls_context(alice)
        for _ in range(256):
            held.append(context.wrap_socket(daemon.connect(), server_hostname="localhost"))
            held[-1].sendall(head + b"sis-grant/1\n")
        wait_for(lambda: alice.share(item, bob.user, alice.grant(bob)).status == 429, "the refusal of what is too much")
        check_equal(bob.share(item, alice.user, alice.grant(bob)).status, 404, "status for somebody else")
        for one in held:
            one.close()
        wait_for(lambda: alice.share(item, bob.user, alice.grant(bob)).status == 204, "a place again")


@test("a reader shares on only what he was let share, and not for longer or to sharers; the owner is told")
def reader_shares():
    daemon = shared_daemon()
    alice, bob, carol = people(daemon)
    item = uploaded(alice, bob)
    refused(bob.share(item, carol.user, bob.grant(carol, of=alice)), 403, "ask its owner")
    check_equal(carol.share(item, carol.user, carol.grant(carol, of=alice)).status, 404, "status for who does not see it")
    end = int(time.time()) + 1000
    check_equal(alice.share(item, bob.user, alice.grant(bob, expires=end, rights="read,share")).status, 204, "status of letting share")
    refused(bob.share(item, carol.user, bob.grant(carol, of=alice)), 403, "ends before that")
    refused(bob.share(item, carol.user, bob.grant(carol, of=alice, expires=end, rights="read,share")), 422, "more than its granter can")
    check_equal(bob.share(item, carol.user, bob.grant(carol, of=alice, expires=end)).status, 204, "status of sharing on")
    check(sees(carol, item), "carol does not see it")
    grants = daemon.request("GET", "/v1/items/%s/grants" % item, who=alice).json()
    check_equal((len(grants["grants"]), len(grants["certificates"])), (3, 2), "grants that the owner sees, and who signed them")
    check_equal(events_of(daemon, alice.user), [(1, carol.user, bob.user, "")], "what alice was told")
    refused(daemon.request("DELETE", "/v1/items/%s/grants/%s" % (item, carol.user), who=bob), 403, "only the owner")
    phone = SealingDevice(daemon, bob.user, name="phone")
    check_equal(bob.share(item, bob.user, bob.grant(phone, of=alice, expires=end, rights="read,share")).status, 204, "status of an own device")
    check_equal(len(daemon.request("GET", "/v1/items/" + item, who=phone).json()["grants"]), 2, "grants that bob's devices see")


@test("taking back and leaving end access at once; nobody else can; the object stays for others and goes with the item")
def unshare():
    daemon = shared_daemon()
    alice, bob, carol = people(daemon)
    item = uploaded(alice, bob, carol)

    def drop(who, user):
        return daemon.request("DELETE", "/v1/items/%s/grants/%s" % (item, user), who=who)
    refused(drop(bob, carol.user), 403, "only the owner")
    refused(drop(alice, alice.user), 403, "delete it instead")
    check_equal(drop(alice, bob.user).status, 204, "status of taking back")
    check_equal((sees(bob, item), sees(carol, item)), (False, True), "who sees it")
    check_equal(daemon.request("GET", "/v1/items/%s/object" % item, who=bob).status, 404, "bob's object")
    refused(drop(alice, bob.user), 404, "has access")
    check_equal(drop(bob, bob.user).status, 404, "status for who does not see it")
    check_equal(drop(carol, carol.user).status, 204, "status of leaving")
    check_equal((sees(carol, item), sees(alice, item)), (False, True), "who sees it")
    check_equal([events_of(daemon, who.user) for who in (bob, carol)], [[(2, alice.user, "", "unshared")], [(2, carol.user, "", "unshared")]], "what was told")
    check_equal(alice.share(item, bob.user, alice.grant(bob)).status, 204, "status of sharing again")
    check(sees(bob, item) and object_exists(daemon, item), "bob does not see it again")
    check_equal(daemon.request("DELETE", "/v1/items/" + item, who=alice).status, 204, "status of deletion")
    wait_for(lambda: not object_exists(daemon, item), "the object's end")
    check_equal(events_of(daemon, bob.user)[-1], (2, alice.user, "", "deleted"), "what bob was told")
    daemon.wait_log("ended the access of %s to %s" % (bob.user, item))


def soon(began):
    """A time, in whole seconds, that is soon, and late enough for a machine on which what was done since began took long."""
    return int(time.time()) + 2 + int(5 * (time.monotonic() - began))


@test("what has an end is gone when it comes: access, then the item and its object, quota given back; also while the server was off")
def expiry():
    with Daemon(workers=1) as daemon:
        alice, bob, carol = people(daemon)
        began = time.monotonic()
        lasting = uploaded(alice, bob)
        end = soon(began)
        check_equal(alice.share(lasting, carol.user, alice.grant(carol, expires=end)).status, 204, "status of sharing for a while")
        short = uploaded(alice, bob, grant={"expires": end})
        check(sees(carol, lasting) and sees(bob, short), "not to be seen while it lasts")
        wait_for(lambda: not object_exists(daemon, short), "the item's end", 60)
        check(time.time() >= end, "it ended too early")
        began = time.monotonic()
        check_equal((sees(bob, short), sees(alice, short), sees(carol, lasting), sees(bob, lasting)), (False, False, False, True), "who sees what")
        daemon.wait_log("%s of %s came to its end" % (short, alice.user))
        daemon.wait_log("the access of %s to %s came to its end" % (carol.user, lasting))
        check_equal((events_of(daemon, bob.user), events_of(daemon, carol.user)), ([(2, alice.user, "", "expired")],) * 2, "what was told")
        end = soon(began)
        later = uploaded(alice, bob, grant={"expires": end})
        daemon.stop()
        wait_for(lambda: time.time() > end, "the other item's end", 60)
        daemon.start()
        wait_for(lambda: not object_exists(daemon, later), "the end of what ended while the server was off")
        check(not sees(bob, later) and sees(bob, lasting), "who sees what")
        used, left = rows(daemon, "SELECT used, (SELECT sum(bytes) FROM items) FROM users WHERE name=?", alice.user)[0]
        check_equal(used, left, "bytes that alice's quota counts")
        check_equal(daemon.sisctl("check", "--full").returncode, 0, "sisctl check")


@test("who watches is told at once: the item when it is shared, what was done with it, and how it went")
def told_on_the_stream():
    daemon = shared_daemon()
    alice, bob, carol = people(daemon)
    item = uploaded(alice, bob)
    streams = {who: Stream(daemon, who) for who in (alice, bob, carol)}

    def told(who, kind):
        event = streams[who].take(1, kind)[0]
        data = event.data
        return data["item"], data.get("user"), data.get("what"), data.get("by")
    check_equal(alice.share(item, carol.user, alice.grant(carol, rights="read,share")).status, 204, "status of sharing")
    check_equal(told(carol, "item")[0], item, "the item on carol's stream")
    check_equal(carol.share(item, carol.user, carol.grant(carol, of=alice)).status, 204, "status of granting to oneself")
    check_equal([told(who, "grant") for who in (carol, alice)], [(item, carol.user, None, carol.user)] * 2, "the grant on carol's and alice's streams")
    check_equal(daemon.request("DELETE", "/v1/items/%s/grants/%s" % (item, carol.user), who=alice).status, 204, "status of taking back")
    check_equal(told(carol, "removed"), (item, None, "unshared", alice.user), "the end on carol's stream")
    began = time.monotonic()
    check_equal(daemon.request("DELETE", "/v1/items/" + item, who=alice).status, 204, "status of deletion")
    check_equal([told(who, "removed") for who in (alice, bob)], [(item, None, "deleted", alice.user)] * 2, "the end on the others' streams")
    short = uploaded(alice, bob, grant={"expires": soon(began)})
    check_equal([told(who, "removed") for who in (alice, bob)], [(short, None, "expired", alice.user)] * 2, "what has ended by itself")
    Stream.close_all()


# ------------------------------------------------------------------------------------------------ with sis

def clients(daemon, *names):
    return [daemon.client(unique(name)) for name in names]


def listed(client, item):
    """What `sis --json list` says of the item, or None."""
    entries = client.json("list", "--all")
    found = [e for e in (entries if isinstance(entries, list) else [entries]) if e["item"] == item]
    return found[0] if found else None


@test("sis share lets others read what was uploaded before; they may pass it on when they were let; everybody sees who granted")
def sis_share():
    daemon = shared_daemon()
    alice, bob, carol = clients(daemon, "alice", "bob", "carol")
    picture = make_picture(seed=5)
    item = alice.upload(picture, alice)
    check_equal([e["to"] for e in alice.json("share", item[:9], bob.user, carol.user)], [bob.user, carol.user], "what sis share told")
    check_equal(read_file(bob.get(item)), read_file(picture), "bob's picture")
    refused_words = bob.run("share", item, carol.user, status=77).stderr
    check_in(bob.user, alice.run("--quiet", "share", item).stdout, "what was asked for is shown with --quiet, too")
    check_in("ask %s to share it" % alice.user, refused_words)
    alice.run("share", item, bob.user, "--allow-share", "--expire", "2d")
    check_in("ends before that", bob.run("share", item, carol.user, "--expire", "3d", status=77).stderr)
    check_in("leave --allow-share out", bob.run("share", item, carol.user, "--allow-share", status=77).stderr)
    dave = daemon.client(unique("dave"))
    told = bob.run("share", item, dave.user).stderr
    check_in("cannot be recalled", told)
    check_equal(read_file(dave.get(item)), read_file(picture), "dave's picture")
    entry = listed(dave, item)
    check_equal((entry["owner"], entry["granter"], entry["may_share"], entry["expires"] is not None), (alice.user, bob.user, False, True), "dave's list")
    check_in("(shared by %s) (until " % bob.user, dave.run("list").stdout)
    check_equal((listed(carol, item)["granter"], listed(carol, item)["expires"]), (alice.user, None), "carol's list")
    access = {e["user"]: e for e in alice.json("share", item)}
    check_equal(sorted(access), sorted(c.user for c in (alice, bob, carol, dave)), "who has access")
    check_equal((access[dave.user]["granter"], access[bob.user]["may_share"], all(e["verified"] for e in access.values())), (bob.user, True, True), "access")
    shown = alice.run("show", item).stdout
    check_in("may read   %s\n" % carol.user, shown)
    check("may read   %s until " % dave.user in shown and ", by %s\n" % bob.user in shown, "who may read it in:\n" + shown)
    check_equal(sorted(r["user"] for r in alice.json("show", item)["readers"]), sorted(access), "readers in JSON")
    check("readers" not in bob.json("show", item), "readers are told to a reader")
    check_in("nobody is named", alice.run("share", item, "--expire", "7d", status=64).stderr)
    check_in("is no time", alice.run("share", item, bob.user, "--expire", "tomorrow", status=64).stderr)
    check_in("your own devices have it", alice.run("share", item, alice.user, status=64).stderr)


@test("sis unshare ends access and shows who is left; sis rm leaves, or deletes for everybody, and says which")
def sis_unshare():
    daemon = shared_daemon()
    alice, bob, carol = clients(daemon, "alice", "bob", "carol")
    item = alice.upload(make_picture(seed=6), bob, carol)
    check_in("who alone can take it back", bob.run("unshare", item, carol.user, status=77).stderr)
    done = alice.run("unshare", item, bob.user)
    check_in("cannot be recalled", done.stderr)
    told = done.stdout
    check_equal((told.count("\n%s " % bob.user), told.count("\n%s " % carol.user)), (0, 1), "who is left in:\n" + told)
    check_equal((listed(bob, item), listed(carol, item) is not None), (None, True), "lists")
    check_in("has access", alice.run("unshare", item, bob.user, status=67).stderr)
    check_in("removed from your list", carol.run("rm", item[:10]).stdout)
    check_equal((listed(carol, item), listed(alice, item) is not None), (None, True), "lists")
    alice.run("share", item, carol.user)
    check_in("removed for everybody", alice.run("rm", item).stdout)
    check_equal([listed(c, item) for c in (alice, carol)], [None, None], "lists")
    check_in("no such item", carol.run("get", item, "-o", temporary("got"), status=66).stderr)


@test("sis upload --expire and --allow-share: the end is in the lists; later sharing keeps it, or moves it with the owner's own")
def sis_expire():
    daemon = shared_daemon()
    alice, bob, carol = clients(daemon, "alice", "bob", "carol")
    done = alice.run("upload", "--to", bob.user, "--expire", "7d", "--allow-share", make_picture(seed=7))
    check_in("cannot be recalled", done.stderr)
    item = done.stdout.split()[0]
    end = listed(bob, item)["expires"]
    check(end and listed(bob, item)["may_share"], "bob's rights")
    bob.run("share", item, carol.user)
    check_equal(listed(carol, item)["expires"], end, "carol's end")
    check_in("--expire takes", alice.run("upload", "--expire", "0d", make_picture(), status=64).stderr)
    alice.run("share", item, carol.user, "--expire", "never")
    check_equal([listed(c, item)["expires"] for c in (alice, bob, carol)], [None, end, None], "ends")
    check_equal(rows(daemon, "SELECT expires FROM items ORDER BY item_row DESC LIMIT 1"), [(None,)], "the item's end")


def answered(client, answer, *arguments):
    """(exit status, what the terminal showed) of a command that asks one question there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(SIS, client.command(*arguments), program_environment())
    shown = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            data = b""
        if not data:
            break
        shown += data
        if shown.endswith(b"[y/N] "):
            os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@test("sis devices approve gives a new device all that this one reads, with ends and rights as they are; cut off, it goes on where it stood")
def approve():
    daemon = shared_daemon()
    alice, bob = clients(daemon, "alice", "bob")
    files, n = temporary("files"), 250
    paths = [write_file(os.path.join(files, "%03d.txt" % i), b"note %d" % i) for i in range(n)]
    items = {e["item"] for e in alice.json("upload", "--to", bob.user, "-j", "4", *paths)}
    limited = alice.json("upload", "--to", bob.user, "--expire", "7d", "--allow-share", paths[0])["item"]
    tablet = daemon.client(bob.user, "tablet")
    check_in("sis devices approve", tablet.run("get", limited, "-o", temporary("got"), status=65).stderr)
    pin = tablet.json("whoami")["key"]
    check_in("compare its key, %s" % pin, bob.run("devices", "approve", "tablet", status=64).stderr)
    check_in("no live device of yours", bob.run("devices", "approve", "phone", "--yes", status=67).stderr)

    def n_granted():
        return rows(daemon, "SELECT count(*) FROM grants g JOIN users u USING(user_id) WHERE u.name=? AND g.device='tablet'", bob.user)[0][0]
    status, shown = answered(bob, "", "devices", "approve", "tablet")
    check_equal((status, pin in shown, "not approved" in shown), (77, True, True), "a question that is not answered with yes:\n" + shown)
    check_equal(n_granted(), 0, "grants before it was confirmed")
    process = bob.popen("devices", "approve", "tablet", "--yes", "-j", "1")
    wait_for(lambda: n_granted() > 10, "some grants")
    process.send_signal(2)
    check_equal((process.wait(), process.stderr.read().count(b"\n") <= 2), (130, True), "the end by ^C")
    rest = bob.json("devices", "approve", "tablet", "--yes")
    check(10 < rest["had"] <= n, "%d grants after the interruption" % rest["had"])
    check_equal((rest["granted"], rest["left"]), (n + 1 - rest["had"], 0), "the rest")
    again = bob.json("devices", "approve", "tablet", "--yes")
    check_equal((again["had"], again["granted"]), (n + 1, 0), "nothing left")
    seen = {e["item"]: e for e in tablet.json("list", "--all")}
    check_equal((set(seen), all(e["verified"] for e in seen.values())), (items | {limited}, True), "what the tablet lists")
    mine = listed(bob, limited)
    check_equal([seen[limited][k] for k in ("granter", "expires", "may_share")], [bob.user, mine["expires"], True], "the item with an end")
    check_equal(read_file(tablet.get(sorted(items)[0]))[:5], b"note ", "content on the tablet")
    check_equal(len(daemon.request("GET", "/v1/users/" + bob.user, who=alice).json()["devices"][1]["endorsements"]), 1, "endorsements")


run()
