#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upload whose answer was lost is sent again, and stays one upload: what the server answers, and what it keeps."""

import contextlib
import glob
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import sis_item
from sis_sealing import SealingDevice
from sis_testlib import *

SEED = int(os.environ.get("SIS_ONCE_SEED") or random.SystemRandom().randrange(1 << 32))
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def used_by(daemon, user):
    quotas = json.loads(daemon.sisctl("--json", "quota", user).stdout)
    return (quotas["quotas"] if "quotas" in quotas else [quotas])[0]["used"]


def told_of(daemon, item):
    """Events of the audit trail that name the item."""
    lines = daemon.sisctl("--json", "logs", "--audit", "--item", item).stdout.splitlines()
    return [json.loads(line)["event"] for line in lines]


def sequence_of(daemon, who, item):
    return daemon.request("GET", "/v1/items/" + item, who=who).json()["sequence"]


@test("the same bundle again is answered as the first time, with item and number, and changes nothing: one item, charged once, told once")
def again():
    daemon = shared_daemon()
    device, bob = SealingDevice(daemon), SealingDevice(daemon)
    bundle = device.seal(b"once", bob)
    first = device.upload(bundle)
    check_equal(first.status, 201, "first")
    used, told, since = used_by(daemon, device.user), told_of(daemon, device.item), daemon.log_size()
    check_equal(sorted(told), ["GRANTED", "UPLOADED"], "the audit trail after the first")
    device.upload(device.seal(b"another, so that there are later numbers"))
    more = used_by(daemon, device.user) - used
    for n in range(2):
        reply = device.upload(bundle)
        check_equal((reply.status, reply.json(), reply.headers["Location"]), (201, first.json(), first.headers["Location"]), "answer %d" % (n + 2))
    check_equal(used_by(daemon, device.user), used + more, "bytes that are charged")
    check_equal(told_of(daemon, first.json()["item"]), told, "the audit trail")
    check(first.json()["item"] not in daemon.log_text()[since:], "the log tells of the item again")
    check_equal([entry["sequence"] for entry in daemon.request("GET", "/v1/items", who=bob).json()["items"]], [first.json()["sequence"]], "what bob sees")
    wait_for(lambda: os.listdir(os.path.join(daemon.state_dir, "incoming")) == [], "what came again to be removed")


@test("in the draft's and in tus's words, too: such an upload is complete, and its place names the item")
def resumable():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(100000))
    first = device.upload(bundle, **{"Upload-Complete": "?1"})
    check_equal(first.status, 201, "first")
    part = device.upload(bundle[:5000], **{"Upload-Complete": "?0", "Upload-Length": str(len(bundle))})
    place = part.headers["Location"]
    last = daemon.request("PATCH", place, device, bundle[5000:],
                          {"Content-Type": "application/partial-upload", "Upload-Offset": "5000", "Upload-Complete": "?1"})
    check_equal((last.status, last.json()), (201, first.json()), "the draft's")
    for _ in range(2):
        reply = daemon.request("HEAD", place, device)
        check_equal((reply.headers["Upload-Complete"], reply.headers["Location"]), ("?1", "/v1/items/" + device.item), "the place")
        daemon.restart()            # it is kept in the database
    made = daemon.request("POST", "/v1/items", device, bundle, {**TUS, "Upload-Length": str(len(bundle))})
    check_equal((made.status, made.headers["Sis-Item"]), (201, device.item), "tus's")
    check_equal(told_of(daemon, device.item).count("UPLOADED"), 1, "times that it was uploaded")


def id_in(bundle):
    """The id in a bundle's statement, as bytes."""
    return sis_item.parse_statement(sis_item.split_bundle(bundle)["statement"])["item"]


@test("another statement under an id that is taken is refused alike whoever's item it is, and by whoever's device")
def taken():
    daemon = shared_daemon()
    alice, mallory = SealingDevice(daemon), SealingDevice(daemon)
    tablet = SealingDevice(daemon, alice.user, "tablet")
    first = alice.seal(b"alice's")
    check_equal(alice.upload(first).status, 201, "alice's")
    item, number = alice.item, sequence_of(daemon, alice, alice.item)
    refusals = []
    for device in (alice, tablet, mallory):
        reply = device.upload(device.seal(b"something else", statement={"item": id_in(first)}))
        reply.check_problem(409, "exists")
        refusals.append(reply.body)
        check(device.upload(first).status == 201 if device is alice else device.upload(first).status == 422, "alice's very bytes by another device")
    check_equal(len(set(refusals)), 1, "answers %r" % refusals)
    check_equal(sequence_of(daemon, alice, item), number, "the item's number")
    check(daemon.request("GET", "/v1/items/%s/object" % item, who=alice).body in first, "the item has other bytes")


@test("after a deletion the same bundle is a new item with a number of its own, as ever: a deletion is no refusal of what its owner sends")
def deleted():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(b"gone and back")
    first = device.upload(bundle).json()
    check_equal(daemon.request("DELETE", "/v1/items/" + device.item, who=device).status, 204, "deletion")
    reply = None

    def is_back():
        nonlocal reply
        reply = device.upload(bundle)       # 409 as long as the object's file is being removed
        return reply.status == 201
    wait_for(is_back, "the item")
    check(reply.json()["sequence"] > first["sequence"], "number %r after %r" % (reply.json(), first))


def at_once(device, bundle, n=8):
    """Status and body of n uploads of the bundle side by side."""
    answers, barrier = [], threading.Barrier(n)

    def send():
        barrier.wait()
        reply = device.upload(bundle)
        answers.append((reply.status, reply.body))
    senders = [threading.Thread(target=send) for _ in range(n)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    check_equal(len(answers), n, "answers")
    return answers


@test("sent by eight at a time it is one item: who comes while it is being committed gets the same answer, none a refusal")
def crowded():
    with Daemon(workers=2) as daemon:
        device = SealingDevice(daemon)
        for n in range(12):
            answers = at_once(device, device.seal(make_bytes(50000, n)))
            check_equal((len(set(answers)), answers[0][0]), (1, 201), "answers: %r" % answers)
            check_equal(told_of(daemon, device.item), ["UPLOADED"], "the audit trail")
        check_equal(len(daemon.request("GET", "/v1/items", who=device).json()["items"]), 12, "items")
        check_not_in("UPLOAD_REFUSED", daemon.log_text(), "the log")


@test("what is refused is refused to each of eight for its own reason, not because another was there, and nothing of it stays")
def crowded_refusal():
    with Daemon(workers=2) as daemon:
        device = SealingDevice(daemon)
        for n in range(6):
            audience = sorted([device.user, "nobody"])
            answers = at_once(device, device.seal(make_bytes(50000, n), statement={"audience": audience}))
            check_equal((len(set(answers)), answers[0][0]), (1, 404), "answers: %r" % answers)
        objects = os.path.join(daemon.state_dir, "objects")
        check_equal([name for _, _, names in os.walk(objects) for name in names], [], "objects")
        check(daemon.is_serving(), "the daemon does not serve")


@test("workers that are killed at any moment of an upload: who runs the same command until it went well has every file once")
def killed_workers():
    chance = random.Random(SEED)
    with Daemon(workers=2) as daemon:
        alice, place, roles = daemon.client("alice"), temporary("files"), daemon.roles()
        others = set(roles["signer"] + roles["ledger"])
        for n in range(8):
            path = write_file(os.path.join(place, "%d.bin" % n), make_bytes(chance.choice((300, 300000)), n))
            upload = alice.popen("upload", path)
            time.sleep(chance.random() * 0.03 * SLOW)           # whenever that is
            for pid in set(daemon.children()) - others:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            status = upload.wait(60 * SLOW)
            check(status in (0, 69, 75, 76), "status %d: %r (seed %d)" % (status, upload.stderr.read(), SEED))
            if status != 0:
                wait_for(lambda: alice.run("upload", path, status=None).returncode == 0, "the upload to go well", 60)
        names = sorted(entry["name"] for entry in alice.json("list"))
        check_equal(names, ["%d.bin" % n for n in range(8)], "what is there (seed %d)" % SEED)
        check_equal(glob.glob(os.path.join(alice.directory, "uploads", "*")), [], "journals")


run()
