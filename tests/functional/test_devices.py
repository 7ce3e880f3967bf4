#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several devices of one person: inviting, enrolling again with the key that one has, and who is told of it."""
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


def database(daemon):
    """The daemon's database, for looking."""
    return contextlib.closing(sqlite3.connect("file:%s/db/sis.db?mode=ro" % daemon.state_dir, uri=True))


def device_events(daemon, user):
    """[(about whom, device, what)] of the user's device events, in order."""
    with database(daemon) as db:
        return db.execute("SELECT e.user, e.device, e.what FROM events e JOIN users u USING(user_id) WHERE u.name=? AND e.kind=3 ORDER BY e.sequence",
                          (user,)).fetchall()


def enroll(daemon, device, line, status=200):
    return device.enroll(Invite(line).code, status=status)


@test("sisctl add with --device invites a further device of somebody who is there, and says so; without it a taken name stays refused")
def add_device():
    daemon = shared_daemon()
    alice = daemon.client(unique("alice"))
    done = daemon.sisctl("add", alice.user, "--device", "tablet")
    Invite(done.stdout)
    check_in("is a user already", done.stderr)
    tablet = Client(daemon, alice.user)
    tablet.run("enroll", done.stdout.strip())
    check_equal(tablet.json("whoami")["device"], "tablet", "device")
    check_in("the name is taken", daemon.sisctl("add", alice.user, status=73).stderr)
    daemon.sisctl("revoke", alice.user)
    check_in("revoked", daemon.sisctl("add", alice.user, "--device", "tablet2", status=None).stderr)


@test("an invite gives a live device with the same key a new certificate, and nobody else its name")
def enroll_again():
    daemon = shared_daemon()
    laptop = enroll_device(daemon, unique("again"), "laptop")
    first = laptop.certificate
    for line in (daemon.sisctl("invite", laptop.user).stdout, daemon.sisctl("invite", laptop.user, "--device", "laptop").stdout):
        enroll(daemon, laptop, line)
        check(laptop.certificate.serial_number != first.serial_number, "the same certificate came back")
        who = daemon.request("GET", "/v1/whoami", who=laptop).json()
        check_equal((who["user"], who["device"]), (laptop.user, "laptop"), "whoami")
        enroll(daemon, laptop, line, status=401).check_problem(401, "bad-login")
    line = daemon.sisctl("invite", laptop.user).stdout
    thief = Device(daemon, laptop.user, "laptop")
    check_in("with another key", enroll(daemon, thief, line, status=409).check_problem(409, "exists")["detail"])
    # The refused invite is still good for who it was for; and one key is one device.
    laptop.name = "desk"
    check_in("that of another device", enroll(daemon, laptop, line, status=409).check_problem(409, "conflict")["detail"])
    laptop.name = "laptop"
    enroll(daemon, laptop, line)
    daemon.wait_log("%s renewed the certificate of device laptop" % laptop.user)
    check_equal(device_events(daemon, laptop.user), [(laptop.user, "laptop", "enrolled")] + 3 * [(laptop.user, "laptop", "renewed")], "events")


@test("neither a revoked device nor a key that was replaced comes back with an invite")
def enroll_again_refused():
    daemon = shared_daemon()
    client = daemon.client(unique("rekeyed"), "laptop")
    old = Device(daemon, client.user, "laptop")
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    old.key = load_pem_private_key(read_file(client.key_path), None)
    client.run("renew", "--new-key")
    line = daemon.sisctl("invite", client.user).stdout
    enroll(daemon, old, line, status=409).check_problem(409, "exists")
    old.key = load_pem_private_key(read_file(client.key_path), None)
    enroll(daemon, old, line)
    line = daemon.sisctl("invite", client.user).stdout
    daemon.sisctl("revoke", client.user, "--device", "laptop")
    check_in("was revoked", enroll(daemon, old, line, status=409).check_problem(409, "exists")["detail"])
    check_in("was revoked", daemon.sisctl("invite", client.user, "--device", "laptop", status=None).stderr)


@test("device_invites: \"no\" unless the administrator says \"yes\"; then in measure, audited, and only for oneself")
def device_invites():
    with Daemon(workers=1) as daemon:
        alice = daemon.client("alice", "laptop")
        daemon_refused = alice.run("invite", status=77)
        check_in("only the administrator invites devices", daemon_refused.stderr)
        daemon.write_config(device_invites="yes")
        check_in("configuration reloaded", daemon.reload())
        line = alice.run("invite", "--device", "tablet").stdout
        check_equal(Invite(line).user, "alice", "whose invite")
        tablet = Client(daemon, "alice")
        tablet.run("enroll", line.strip())
        check_equal(tablet.json("whoami")["device"], "tablet", "device")
        check_equal(tablet.json("invite").keys(), {"invite"}, "members")
        check_in("invite for a device of alice made by device laptop", daemon.sisctl("logs").stdout)
        daemon.sisctl("revoke", "alice", "--device", "tablet")
        check_in("which was revoked", alice.run("invite", "--device", "tablet", status=65).stderr)
        check_in("revoked", tablet.run("invite", status=77).stderr)
        for body, status in ((b"[]", 422), (b"{", 422), (b'{"device":5}', 422), (b'{"device":"../x"}', 400)):
            reply = daemon.request("POST", "/v1/invites", who=alice, body=body, headers={"Content-Type": "application/json"})
            check(400 <= reply.status < 500 and reply.json()["type"].startswith("urn:sis:error:bad-"), "%r: %d %r" % (body, reply.status, reply.body))
        check_equal(daemon.request("POST", "/v1/invites", body=b"{}", headers={"Content-Type": "application/json"}).status, 401, "a stranger")
        statuses = [daemon.request("POST", "/v1/invites", who=alice, body=b"{}", headers={"Content-Type": "application/json"}).status for _ in range(12)]
        check_equal((statuses[0], statuses[-1], set(statuses)), (201, 429, {201, 429}), "statuses")
        check(daemon.is_serving())


@test("who shares an item with a user hears of his devices; renewals are his own business; a stranger hears nothing")
def device_news():
    daemon = shared_daemon()
    alice, bob, carol = (daemon.client(unique(name), "laptop") for name in ("na", "nb", "nc"))
    alice.upload(make_picture(), bob)
    before = len(device_events(daemon, bob.user))
    alice.run("renew")
    tablet = Client(daemon, alice.user)
    tablet.run("enroll", daemon.invite(alice.user, "tablet"))
    daemon.sisctl("revoke", alice.user, "--device", "tablet")
    a = alice.user
    check_equal(device_events(daemon, a), [(a, "laptop", "enrolled"), (a, "laptop", "key"), (a, "laptop", "renewed"), (a, "laptop", "key"),
                                           (a, "tablet", "enrolled"), (a, "tablet", "key"), (a, "tablet", "revoked")], "alice's events")
    check_equal(device_events(daemon, bob.user)[before:], [(a, "laptop", "key"), (a, "tablet", "enrolled"), (a, "tablet", "key"), (a, "tablet", "revoked")],
                "bob's events")
    check_equal([e for e in device_events(daemon, carol.user) if e[0] == a], [], "carol's events")
    # A device that renews and publishes without end does not fill the others' events; a revocation is told all the same.
    for _ in range(15):
        alice.run("renew")
    check(len([e for e in device_events(daemon, bob.user) if e[0] == a]) < 20, "bob's events without end")
    daemon.sisctl("revoke", a)
    check_equal(device_events(daemon, bob.user)[-1], (a, "laptop", "revoked"), "bob's last event")


def hour_passes(client):
    path = os.path.join(client.directory, "renewal")
    os.utime(path, (1, 1))


@test("sis devices shows one's own devices and, with --verify, how much each can read; approve makes that all; a recovered device can approve itself")
def own_devices():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("own"), "laptop"), daemon.client(unique("own"), "phone")
    items = [bob.upload(make_picture(seed=n), alice) for n in range(3)]
    tablet = Client(daemon, alice.user)
    tablet.run("enroll", daemon.invite(alice.user, "tablet"))
    found = {d["device"]: d for d in alice.json("devices", "--verify")}
    check_equal({name: (d["this"], d["state"], d["items"], d["readable"]) for name, d in found.items()},
                {"laptop": (True, "ok", 3, 3), "tablet": (False, "not approved", 3, 0)}, "devices")
    check_equal(found["tablet"]["key"], tablet.json("whoami")["key"], "key")
    check_not_in("readable", json.dumps(alice.json("devices")))
    done = tablet.run("devices", "--verify")
    check_in("tablet  (this device)", done.stdout)
    check_in('can read     0 of 3 items; for the others say "sis devices approve tablet" on a device that can', done.stdout)
    check_in("all 3 items", done.stdout)
    check_not_in("\x1b", done.stdout)
    alice.run("devices", "approve", "--yes", "tablet")
    check_equal({d["device"]: d["readable"] for d in alice.json("devices", "--verify")}, {"laptop": 3, "tablet": 3}, "readable")
    tablet.get(items[0])
    # A device whose certificate no longer goes with its published key, and one that has expired, are told as such.
    with contextlib.closing(sqlite3.connect(daemon.state_dir + "/db/sis.db")) as db:
        db.execute("UPDATE devices SET key_statement=NULL WHERE name='tablet' AND user_id=(SELECT user_id FROM users WHERE name=?)", (alice.user,))
        db.commit()
    check_equal({d["device"]: d["state"] for d in alice.json("devices")}, {"laptop": "ok", "tablet": "no key"}, "states")
    check_in("nobody can share with it", alice.run("devices").stdout)


@test("at two thirds of its life any command renews the certificate: in one line, once an hour, and what was shared stays readable")
def renewal_by_itself():
    # The least lifetime: by the five minutes that certificates are dated back, two thirds are over at once.
    with Daemon(workers=1, certificate_lifetime="1m") as daemon:
        alice, bob = daemon.client("alice", "laptop"), daemon.client("bob", "phone")
        first = read_file(alice.certificate_path)
        item = alice.json("upload", "--to", "bob", make_picture())["item"]
        second = read_file(alice.certificate_path)
        check(first != second, "not renewed")
        check_in("the certificate was renewed", bob.run("get", item, "-o", temporary("got")).stderr)
        check_equal(bob.run("list").stderr, "", "within the hour")
        check_equal(read_file(alice.certificate_path), second, "within the hour")
        # The key is published under the new certificate: one can share with both.
        again = bob.upload(make_picture(seed=2), alice)
        hour_passes(alice)
        done = alice.run("--quiet", "get", again, item, "-o", temporary("got"))
        check_equal(done.stderr, "", "with --quiet")
        check(read_file(alice.certificate_path) != second, "not renewed after the hour")
        third = read_file(alice.certificate_path)
        # One that cannot be had costs a warning, not the command.
        device = Device(daemon, "alice", "laptop")
        write_file(device.certificate_path, third)
        write_file(device.key_path, read_file(alice.key_path))
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        csr = make_csr(load_pem_private_key(read_file(alice.key_path), None), "alice")
        wait_for(lambda: est_enroll(daemon, None, None, csr, "simplereenroll", who=device).status == 429, "too many certificates")
        hour_passes(alice)
        check_in("could not be renewed", alice.run("list").stderr)
        check_equal(alice.run("list").stderr, "", "after the failed try")
        check_equal(read_file(alice.certificate_path), third, "after the failed try")


@test("an encryption key that could not be published under a new certificate is published by the next command")
def publish_later():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("later"), "laptop"), daemon.client(unique("later"), "laptop")
    item = bob.upload(make_picture(), alice)
    # What a process that was killed between the two leaves: the certificate renewed by others, the key statement for the one before.
    device = Device(daemon, alice.user, "laptop")
    write_file(device.certificate_path, read_file(alice.certificate_path))
    write_file(device.key_path, read_file(alice.key_path))
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    device.take(est_enroll(daemon, None, None, make_csr(load_pem_private_key(read_file(alice.key_path), None), alice.user), "simplereenroll", who=device).body)
    write_file(alice.certificate_path, read_file(device.certificate_path))
    write_file(os.path.join(alice.directory, "unpublished"), "")
    check_in("no device that can receive", bob.run("upload", "--to", alice.user, make_picture(), status=67).stderr)
    alice.run("list")
    check(not os.path.exists(os.path.join(alice.directory, "unpublished")), "still unpublished")
    alice.get(bob.upload(make_picture(), alice))
    alice.get(item)
    alice.run("renew")
    alice.get(item)


run()
