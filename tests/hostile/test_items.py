#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles, statements, grants and keys that are wrong, from an enrolled but hostile device: each is refused, named, and leaves no trace."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import sis_item
from sis_sealing import SealingDevice
from sis_testlib import *


def incoming(daemon):
    return os.listdir(os.path.join(daemon.state_dir, "incoming"))


def check_refused(daemon, device, bundle, words, statuses=(400, 403, 413, 422)):
    reply = device.upload(bundle)
    check(reply.status in statuses, "%s: %d %r" % (words, reply.status, reply.body[:200]))
    reply.check_problem(reply.status)


@test("a bundle whose statement names another owner, device or audience than is true is refused")
def false_statements():
    daemon = shared_daemon()
    mallory, alice = SealingDevice(daemon, "mallory"), SealingDevice(daemon, "alice")
    rows = [("another owner", {"statement": {"owner": "alice", "audience": ["alice"]}}),
            ("another device", {"statement": {"device": alice.fingerprint}}),
            ("an unknown device", {"statement": {"device": os.urandom(32)}}),
            ("an audience without the owner", {"statement": {"audience": ["alice"]}}),
            ("an unknown suite", {"statement": {"suite": "sis-2"}}),
            ("grants for another item", {"grant": {"item": os.urandom(16)}}),
            ("grants for another statement", {"grant": {"statement": os.urandom(32)}}),
            ("grants by another granter", {"grant": {"granter": "alice"}}),
            ("grants by another device", {"grant": {"granter-device": alice.fingerprint}}),
            ("grants to who is not in the audience", {"grant": {"recipient": "stranger"}}),
            ("a kind that is none", {"statement": {"kind": "virus"}})]
    for words, changes in rows:
        check_refused(daemon, mallory, mallory.seal(b"x" * 100, alice, **changes), words)
    foreign = alice.seal(b"alice's own")
    check_refused(daemon, mallory, foreign, "another's bundle")
    check_equal(daemon.request("GET", "/v1/items", who=alice).json()["items"], [], "alice's items")
    check_equal(daemon.request("GET", "/v1/items", who=mallory).json()["items"], [], "mallory's items")
    check_equal(mallory.upload(mallory.seal(b"honest", alice)).status, 201, "an honest one")


@test("one flipped bit anywhere in a bundle is refused, in a grant at the latest by its reader")
def flipped_bits():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(140000), thumbnail=b"t" * 100)
    # The server takes a grant that reads well; whether its signature holds is its reader's to see (the vectors grant-altered-*).
    grants_start = bundle.index(b"\nsis-grant") + 1
    grants_end = bundle.index(b"\n", bundle.index(b"\nsignature ", grants_start) + 1) + 1
    places = list(range(0, 2200, 41)) + list(range(2200, len(bundle), 7919)) + [len(bundle) - 1]
    for at in places:
        altered = bundle[:at] + bytes([bundle[at] ^ (1 << at % 8)]) + bundle[at + 1:]
        if grants_start <= at < grants_end:
            reply = device.upload(altered)
            check_in(reply.status, (201, 400, 422), "status with a bit flipped at %d" % at)
            if reply.status == 201:
                check_equal(daemon.request("DELETE", "/v1/items/" + device.item, who=device).status, 204, "status of the deletion")
            continue
        check_refused(daemon, device, altered, "bit flipped at %d" % at)
    check_equal(device.upload(bundle).status, 201, "unaltered")


@test("a bundle that is cut, or has bytes to spare, is refused at every boundary")
def cut_and_grown():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(140000))
    head_end = bundle.index(b"\n\n") + 2
    for size in (0, 1, head_end - 1, head_end, head_end + 1, len(bundle) - 65552, len(bundle) - 16, len(bundle) - 1):
        check_refused(daemon, device, bundle[:size], "cut to %d bytes" % size, (400, 411, 422))
    for more in (b"x", b"\n", bundle):
        check_refused(daemon, device, bundle + more, "%d bytes to spare" % len(more))
    wait_for(lambda: incoming(daemon) == [], "the remains of refused uploads to go")


@test("chunks that are swapped, dropped or repeated are refused")
def spliced_chunks():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(262144))
    size = 65536 + 16
    start = len(bundle) - 4 * size
    chunks = [bundle[start + i * size:start + (i + 1) * size] for i in range(4)]
    for order in ((1, 0, 2, 3), (0, 1, 3, 2), (0, 0, 1, 2), (0, 1, 2), (0, 1, 2, 3, 3)):
        check_refused(daemon, device, bundle[:start] + b"".join(chunks[i] for i in order), "chunks %r" % (order,))


@test("lines in another order, twice, with other spacing or endings are refused, in head, statement and grants")
def line_tricks():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(b"x")
    head_end = bundle.index(b"\n\n") + 2
    head, rest = bundle[:head_end], bundle[head_end:]
    lines = head.rstrip(b"\n").split(b"\n")
    tricks = [b"\n".join([lines[0]] + lines[:0:-1]) + b"\n\n", b"\n".join(lines + lines[-1:]) + b"\n\n", head.replace(b"\n", b"\r\n"), head.replace(b" ", b"  "),
              head.replace(b"statement ", b"statement +"), head.replace(b"statement ", b"statement 0"), b"\xef\xbb\xbf" + head, head.upper(),
              b"\n".join(lines[:-1]) + b"\n\n", head[:-1] + b"unknown 5\n\n", b"sis-bundle/2\n" + head[len(b"sis-bundle/1\n"):],
              b"sis-bundle/1\n" + b"statement " + b"9" * 900 + b"\n\n", b"sis-bundle/1\nstatement 18446744073709551615\ngrants 1 1\nmanifest 1\nthumbnail 0\nobject 1\n\n"]
    for trick in tricks:
        check_refused(daemon, device, trick + rest, "head %r" % trick[:60])
    for old, new in ((b"\nkind file\n", b"\nkind  file\n"), (b"\nkind file\n", b"\nkind file \n"), (b"\nowner ", b"\nOwner "), (b"\nsuite sis-1\n", b"\nsuite sis-1\r\n")):
        check(old in rest, "the trick does not fit: %r" % old)
        check_refused(daemon, device, head + rest.replace(old, new, 1), "statement with %r" % new)
    daemon.is_serving()


@test("an item id that is there already is never replaced, not even by its owner, never by another")
def replaced_item():
    daemon = shared_daemon()
    alice, mallory = SealingDevice(daemon), SealingDevice(daemon)
    bundle = alice.seal(b"the first")
    check_equal(alice.upload(bundle).status, 201, "first")
    item = sis_item.unitem(alice.item)
    for device in (mallory, alice):
        check_refused(daemon, device, device.seal(b"the second", statement={"item": item}, grant={"item": item}), "the same id", (403, 409, 422))
    check(bundle.endswith(daemon.request("GET", "/v1/items/%s/object" % sis_item.item_text(item), who=alice).body), "the object is another")


@test("more grants or a longer audience than is allowed are refused, the most that is allowed is taken")
def many_grants():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    audience = sorted({device.user} | {"ghost%03d" % n for n in range(300)})
    check_refused(daemon, device, device.seal(b"x", statement={"audience": audience}), "an audience of 301")


@test("key statements: another's name, device, certificate or signature, or garbage is refused, and the old one stays")
def false_keys():
    daemon = shared_daemon()
    device, other = SealingDevice(daemon), SealingDevice(daemon)
    before = daemon.request("GET", "/v1/users/" + device.user, who=other).json()["devices"][0]["key"]
    for words, text in (("another user", device.key_statement(user=other.user)), ("another device", device.key_statement(device="phone")),
                        ("another certificate", device.key_statement(certificate=other.fingerprint)), ("another's statement", other.key_statement()),
                        ("altered", device.key_statement()[:-10] + b"AAAAAAAAA\n"), ("empty", b""), ("garbage", make_bytes(900)), ("huge", b"x" * 100000),
                        ("text to spare", device.key_statement() + b"\n")):
        reply = device.publish_key(text)
        check(reply.status in (400, 403, 409, 411, 413, 422), "%s: %d" % (words, reply.status))
    check_equal(daemon.request("GET", "/v1/users/" + device.user, who=other).json()["devices"][0]["key"], before, "the key")


@test("a hostile sender's item that breaks a promise inside is refused by every reader, in one sentence, without a file")
def bad_inside():
    daemon = shared_daemon()
    mallory, bob = SealingDevice(daemon, "trickster"), daemon.client("bob")
    key = sis_item.parse_key_statement(daemon.request("GET", "/v1/users/bob", who=mallory).json()["devices"][0]["key"].encode())
    peer = type("Peer", (), {"user": "bob", "name": key["device"], "private": None})
    original, make_manifest = sis_item.raw_public, sis_item.make_manifest
    sis_item.raw_public = lambda private: key["key"] if private is None else original(private)
    commitment = {"statement": {"commitment": os.urandom(32)}}
    manifests = {"a wrong size": {"size": 5}, "no size": {"size": None}, "a type that is none": {"type": "x"}, "a name that is no text": {"name": 5}}
    try:
        rows = [("a wrong commitment", commitment, {})] + [(words, {}, change) for words, change in manifests.items()]
        for words, changes, members in rows:
            sis_item.make_manifest = lambda plain, members=members: make_manifest({k: v for k, v in {**plain, **members}.items() if v is not None})
            check_equal(mallory.upload(mallory.seal(b"hello" * 100, peer, **changes)).status, 201, "upload with " + words)
            place = temporary("got")
            done = bob.run("get", mallory.item, "-o", place, status=None)
            check(done.returncode in (65, 77), "%s: %d %r" % (words, done.returncode, done.stderr))
            check_equal((os.listdir(place), len(done.stderr.strip().splitlines())), ([], 1), words)
            check(bob.run("verify", mallory.item, status=None).returncode in (65, 77), words)
    finally:
        sis_item.raw_public, sis_item.make_manifest = original, make_manifest


@test("names that a sender chose to hurt become harmless or are refused")
def hostile_names():
    daemon = shared_daemon()
    mallory, bob = SealingDevice(daemon, "namer"), daemon.client("namee")
    key = sis_item.parse_key_statement(daemon.request("GET", "/v1/users/namee", who=mallory).json()["devices"][0]["key"].encode())
    peer = type("Peer", (), {"user": "namee", "name": key["device"], "private": None})
    original = sis_item.raw_public
    sis_item.raw_public = lambda private: key["key"] if private is None else original(private)
    try:
        for name in ("../../../../tmp/owned", "/etc/cron.d/x", "..", ".", "", "a/b", ".ssh", "-rf", "x\ny", "\x1b]0;x\x07", "CON\u202efdp.exe", "a" * 255):
            check_equal(mallory.upload(mallory.seal(b"content", peer, name=name)).status, 201, "upload named %r" % name)
            place = os.path.join(temporary("got"), "deep", "er")
            os.makedirs(place)
            done = bob.run("get", mallory.item, "-o", place, status=None)
            files = os.listdir(place)
            check_equal(os.listdir(os.path.dirname(place)), ["er"], "beside the directory after %r" % name)
            if done.returncode == 0:
                check(len(files) == 1 and not files[0].startswith((".", "-")) and not re.search("[\x00-\x1f\u202e]", files[0]), "%r became %r" % (name, files))
            else:
                check_equal(files, [], "files after %r" % name)
            check(not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", done.stdout + done.stderr + bob.run("list").stdout), "control characters for %r" % name)
        # The longest name keeps its end, and with one more ending no character is cut in two.
        longest = "\u00e4" * 125 + "b.jpg"
        check_equal(mallory.upload(mallory.seal(b"content", peer, name=longest)).status, 201, "upload")
        place = temporary("got")
        bob.run("get", mallory.item, "-o", place)
        bob.run("get", mallory.item, "-o", place, "--sis")
        check_equal(sorted(os.listdir(place)), sorted([longest, "\u00e4" * 125 + "b.sis"]), "the longest name")
    finally:
        sis_item.raw_public = original


run()
