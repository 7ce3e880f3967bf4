#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups: names for several people, signed by their owner; nobody else puts anybody on them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *
import sis_item
from cryptography.hazmat.primitives import hashes, serialization
from cryptography import x509


def readers(daemon, client, item):
    statement = daemon.request("GET", "/v1/items/" + item, who=client).json()["statement"]
    return re.search(r"(?m)^audience (.*)$", statement).group(1).split(",")


def signer_of(client):
    key = serialization.load_pem_private_key(read_file(client.key_path), None)
    raw = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    return sis_item.Ed25519Signer(raw), x509.load_pem_x509_certificate(read_file(client.certificate_path)).fingerprint(hashes.SHA256())


def people(daemon, *names):
    return [daemon.client(unique(name)) for name in names]


@test("a group is set, changed, listed and used wherever a user can stand, and removed")
def life():
    daemon = shared_daemon()
    alice, bob, carol, dave = people(daemon, "alice", "bob", "carol", "dave")
    made = alice.json("group", "set", "family", bob.user + "," + carol.user)
    check_equal((made["group"], made["members"]), ("family", sorted([bob.user, carol.user])), "the group")
    item = alice.json("upload", make_picture(), "--to", "@family")["item"]
    check_equal(readers(daemon, alice, item), sorted([alice.user, bob.user, carol.user]), "audience")
    carol.get(item)
    alice.run("group", "add", "@family", dave.user)
    alice.run("group", "remove", "family", bob.user)
    check_equal(alice.json("group", "show", "family")["members"], sorted([carol.user, dave.user]), "members")
    check_in("@family", alice.run("--quiet", "group").stdout, "what was asked for is shown with --quiet, too")
    item = alice.json("upload", make_picture(), "--to", "@family," + bob.user)["item"]
    check_equal(readers(daemon, alice, item), sorted([alice.user, bob.user, carol.user, dave.user]), "audience")
    check_in("@family", alice.run("group").stdout)
    # What devices tell each other is in no list but the whole one.
    check(not any(e["media_type"] == "application/vnd.sis.group" for e in alice.json("list")), "groups in the list")
    check_equal(sum(e["media_type"] == "application/vnd.sis.group" for e in alice.json("list", "--all")), 3, "groups in the whole list")
    alice.run("group", "rm", "family")
    check_equal(alice.run("group").stdout, "", "groups")
    check_in("there is no group @family", alice.run("upload", make_picture(), "--to", "@family", status=67).stderr)
    check_in("there is no group @nothing", alice.run("upload", make_picture(), "--to", "@nothing", status=67).stderr)


@test("names that are none, users who do not exist, and misuse are told, and nothing is kept")
def misuse():
    daemon = shared_daemon()
    erin, fred = people(daemon, "erin", "fred")
    for arguments, status, words in ((["set", "family", "nobody-here"], 67, "no user nobody-here"), (["set", "../x", fred.user], 65, "cannot name a group"),
                                     (["set", "family", "@others"], 65, "not a valid user name"), (["set", "family"], 64, "group set"),
                                     (["show", "family"], 66, "no group @family"), (["remove", "family", fred.user], 66, "no group @family"),
                                     (["rm", "family"], 66, "no group @family"), (["frobnicate"], 64, "frobnicate")):
        check_in(words, erin.run("group", *arguments, status=status).stderr)
    erin.run("group", "set", "two", fred.user)
    check_in("leaves nobody", erin.run("group", "remove", "two", fred.user, status=64).stderr)
    check_in("is not in @two", erin.run("group", "remove", "two", erin.user, status=67).stderr)
    check_equal(erin.json("group")["members"], [fred.user], "members")


@test("a group file that was altered, forged or put in another's place is refused, and nothing is shared")
def altered():
    daemon = shared_daemon()
    gina, hugo, mallory = people(daemon, "gina", "hugo", "mallory")
    gina.run("group", "set", "family", hugo.user)
    gina.run("group", "set", "work", hugo.user + "," + mallory.user)
    path = os.path.join(gina.directory, "groups/family")
    good = read_file(path)
    text, pem = good[:good.index(b"-----BEGIN")], good[good.index(b"-----BEGIN"):]
    forger = sis_item.Ed25519Signer()
    _key, fingerprint = signer_of(gina)
    facts = {"name": "family", "owner": gina.user, "device": fingerprint, "time": int(time.time()), "members": sorted([hugo.user, mallory.user])}
    others, others_fingerprint = signer_of(mallory)
    for what, data, words in (
            ("a member added", good.replace(b"members " + hugo.user.encode(), b"members " + ",".join(facts["members"]).encode()), "ALTERED"),
            ("signed with another key", sis_item.group_text(facts, forger) + pem, "ALTERED"),
            ("by somebody else's device", sis_item.group_text({**facts, "device": others_fingerprint}, others) + read_file(mallory.certificate_path), "does not hold"),
            ("another group of ours", read_file(os.path.join(gina.directory, "groups/work")), "another one"),
            ("without certificate", text, "does not hold"), ("cut off", text[:-10] + pem, "malformed")):
        write_file(path, data)
        done = gina.run("upload", make_picture(), "--to", "@family", status=None)
        check(done.returncode in (65, 77), "%s: status %d" % (what, done.returncode))
        check_in(words, done.stderr)
        check_in("@family", done.stderr)
    check_equal([e for e in gina.json("list", "--all") if e["kind"] == "image"], [], "what was shared")
    write_file(path, good)
    gina.json("upload", make_picture(), "--to", "@family")


@test("another own device takes a group when it is asked for, and the newest; one that is not approved, or the server, adds nobody")
def devices():
    daemon = shared_daemon()
    laptop, ida, mallory = people(daemon, "hanna", "ida", "mallory")
    tablet = Client(daemon, laptop.user)
    tablet.run("enroll", daemon.invite(laptop.user, "tablet"))
    laptop.run("devices", "approve", "tablet", "--yes")
    laptop.run("group", "set", "family", ida.user)
    # Not before this device takes the other one for ours.
    check_in("NOT APPROVED", tablet.run("upload", make_picture(), "--to", "@family", status=67).stderr)
    tablet.run("contacts", "accept", laptop.user)
    item = tablet.json("upload", make_picture(), "--to", "@family")["item"]
    check_equal(readers(daemon, tablet, item), sorted([laptop.user, ida.user]), "audience")
    # Whoever controls the server certifies a device of his own in her name: it signs what it likes.
    false = SealingDevice(daemon, laptop.user, "false")
    text = sis_item.group_text({"name": "family", "owner": laptop.user, "device": false.fingerprint, "time": int(time.time()) + 60,
                                "members": sorted([ida.user, mallory.user])}, false.signer)

    def reader_of(client):
        reader = SealingDevice.__new__(SealingDevice)
        facts = daemon.request("GET", "/v1/users/" + client.user, who=client).json()["devices"]
        name = client.json("whoami")["device"]
        statement = next(d["key"] for d in facts if d["device"] == name)
        reader.user, reader.name = client.user, name
        reader.private = type("Public", (), {"public_key": lambda self: sis_item.x25519.X25519PublicKey.from_public_bytes(
            sis_item.unb64(re.search(r"(?m)^key (.*)$", statement).group(1), 32))})()
        return reader
    for kind in ("application/vnd.sis.group", "text/plain"):
        check_equal(false.upload(false.seal(text, reader_of(laptop), reader_of(tablet), media=kind)).status, 201, "status of the upload")
    for device in (laptop, tablet):
        done = device.run("group", "sync", status=77)
        check_in("NOT APPROVED", done.stderr)
        check_equal(device.json("group", "show", "family")["members"], [ida.user], "members")
    # An old list, played again by an own device that has it no better, does not come back.
    laptop.run("group", "set", "family", ida.user + "," + laptop.user)
    tablet.run("group", "sync", status=77)
    check_equal(tablet.json("group", "show", "family")["members"], sorted([ida.user, laptop.user]), "the newest")
    daemon.sisctl("revoke", laptop.user, "--device", "false")
    tablet.run("group", "rm", "family")
    laptop.run("group", "sync", status=None)
    check_equal(laptop.run("group").stdout, "", "groups after the removal")
    # A device that was revoked says nobody's groups any more.
    laptop.run("group", "set", "work", ida.user)
    tablet.run("group", "sync", status=None)
    daemon.sisctl("revoke", laptop.user, "--device", laptop.json("whoami")["device"])
    os.unlink(os.path.join(tablet.directory, "crl"))
    check_in("revoked since", tablet.run("upload", make_picture(), "--to", "@work", status=77).stderr)


run()
