#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being sure who is who: pins, devices that vouch for each other, verified contacts."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *
import sis_item
from cryptography.hazmat.primitives import serialization


def key_of(device):
    return device.signer.algorithm, device.signer.public


def endorsement(by, of, signer=None, **changes):
    return sis_item.endorsement_text({"user": by.user, "device": of.name, "key": key_of(of), "time": int(time.time()), **changes}, signer or by.signer)


def put_endorsement(daemon, by, name, text):
    return daemon.request("PUT", "/v1/devices/%s/endorsement" % name, who=by, body=text, headers={"Content-Type": "text/plain"})


def endorsements_of(daemon, user, who):
    return {d["device"]: d["endorsements"] for d in daemon.request("GET", "/v1/users/" + user, who=who).json()["devices"]}


@test("a device vouches for another own one, everybody is given that, and nobody is when the endorser is revoked")
def endorse():
    daemon = shared_daemon()
    laptop = SealingDevice(daemon, unique("anna"), "laptop")
    tablet, friend = SealingDevice(daemon, laptop.user, "tablet"), SealingDevice(daemon)
    text = endorsement(laptop, tablet)
    for _ in range(2):
        check_equal(put_endorsement(daemon, laptop, "tablet", text).status, 204, "status")
    check_equal(endorsements_of(daemon, laptop.user, friend), {"laptop": [], "tablet": [text.decode()]}, "endorsements")
    daemon.wait_log("%s/laptop vouched for tablet" % laptop.user)
    daemon.sisctl("revoke", laptop.user, "--device", "laptop")
    check_equal(endorsements_of(daemon, laptop.user, friend), {"tablet": []}, "endorsements by live devices")


@test("an endorsement that is not exactly right is refused, each with its reason, and nothing of it is kept")
def bad_endorsements():
    daemon = shared_daemon()
    laptop, other = SealingDevice(daemon, unique("ben"), "laptop"), SealingDevice(daemon, name="tablet")
    tablet, gone = SealingDevice(daemon, laptop.user, "tablet"), SealingDevice(daemon, laptop.user, "gone")
    daemon.sisctl("revoke", laptop.user, "--device", "gone")
    good = endorsement(laptop, tablet)
    stranger = sis_item.Ed25519Signer()
    for what, by, name, text, status, error in (
            ("altered", laptop, "tablet", good.replace(b"time 2", b"time 3"), 422, "bad-signature"),
            ("of another key", laptop, "tablet", endorsement(laptop, tablet, key=key_of(other)), 422, "mismatch"),
            ("by another key", laptop, "tablet", endorsement(laptop, tablet, stranger), 422, "mismatch"),
            ("by the other device", tablet, "tablet", good, 422, "mismatch"),
            ("of another user", laptop, "tablet", endorsement(laptop, tablet, user=other.user), 422, "mismatch"),
            ("sent by another user", other, "tablet", good, 422, "mismatch"),
            ("under another name", laptop, "laptop", good, 422, "mismatch"),
            ("of no device", laptop, "phone", endorsement(laptop, tablet, device="phone"), 404, "no-input"),
            ("of a revoked one", laptop, "gone", endorsement(laptop, gone), 403, "revoked"),
            ("of itself", laptop, "laptop", endorsement(laptop, laptop), 400, "bad-format"),
            ("malformed", laptop, "tablet", good + b"\n", 400, "bad-format"),
            ("of a later version", laptop, "tablet", good.replace(b"/1\n", b"/2\n"), 422, "unknown-suite")):
        reply = put_endorsement(daemon, by, name, text)
        check_equal((what, reply.status), (what, status), "status")
        reply.check_problem(status, error)
    check_equal(endorsements_of(daemon, laptop.user, other), {"laptop": [], "tablet": []}, "endorsements")
    check_equal(put_endorsement(daemon, laptop, "tablet", good).status, 204, "the right one")
    daemon.is_serving()


def signer_of(client):
    key = serialization.load_pem_private_key(read_file(client.key_path), None)
    return sis_item.Ed25519Signer(key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))


def verify_each_other(alice, bob):
    words = alice.json("contacts", "verify", bob.user)
    check_equal(bob.json("contacts", "verify", alice.user, "--code", words["code"].upper().replace(" ", "-"))["verified"], True, "bob's answer")
    check_equal(alice.json("contacts", "verify", bob.user, "--yes")["verified"], True, "alice's answer")
    return words


@test("both sides see the same words, those of the second implementation; the answer is remembered; other words are an alarm")
def words():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("alice"), "laptop"), daemon.client(unique("bob"), "phone")
    lines = [client.run("contacts", "verify", other.user).stdout.splitlines()[:2] for client, other in ((alice, bob), (bob, alice))]
    check_equal(lines[0], lines[1], "what they see")
    authority = serialization_der(alice)
    for line, client, device in zip(lines[0], *zip(*sorted([(alice, "laptop"), (bob, "phone")], key=lambda pair: pair[0].user))):
        wanted = sis_item.contact_words(authority, client.user, [(device, "ed25519", signer_of(client).public)])
        check_equal(line.split(), [client.user] + wanted, "words")
    check_in("is not verified", alice.run("contacts", "verify", bob.user).stdout)
    item = bob.upload(make_picture(), alice)
    check_equal(alice.json("list")["contact"], "known", "contact")
    words = verify_each_other(alice, bob)
    check_equal(sorted(words["words"]), sorted([alice.user, bob.user]), "whose words")
    check_equal((alice.json("list")["contact"], alice.json("verify", item)["contact"]), ("verified", "verified"), "contact")
    check_in("ok, verified", alice.run("list").stdout)
    check_in("verified since", alice.run("contacts").stdout)
    check_equal(alice.json("contacts", "verify", bob.user)["verified"], True, "when it is only looked at")
    check_in("was verified before", alice.run("contacts", "verify", bob.user).stdout)
    check(any(d["user"] == bob.user and d.get("verified") for d in alice.json("contacts")), "verified in JSON")
    check_in("nothing was compared", alice.run("contacts", "verify", bob.user, "--code", "able baker", status=64).stderr)
    wrong = alice.run("contacts", "verify", bob.user, "--code", " ".join(reversed(words["code"].split())), status=65)
    check_in("NOT THE SAME", wrong.stderr)
    check_equal(alice.json("list")["contact"], "known", "contact after an alarm")
    check_in("that is you", alice.run("contacts", "verify", alice.user, status=64).stderr)
    alice.run("contacts", "verify", "nobody-here", status=67)


def serialization_der(client):
    from cryptography import x509
    return x509.load_pem_x509_certificate(read_file(client.directory + "/ca.pem")).public_bytes(serialization.Encoding.DER)


@test("a QR code of the words is drawn where it fits, dark on light, and the question is answered on the terminal")
def on_a_terminal():
    import fcntl, pty, struct, termios
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("alice")), daemon.client(unique("bob"))
    def ask(columns, rows, answer):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(alice.command()[0], alice.command("contacts", "verify", bob.user))
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        text = b""
        try:
            while True:
                text += os.read(fd, 65536)
                if text.endswith(b"[y/N] ") and answer:
                    os.write(fd, answer)
                    answer = b""
        except OSError:
            pass
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()
    status, text = ask(80, 60, b"n\n")
    check_equal(status, 0, "status")
    check_in("is not verified", text)
    block = [line for line in text.splitlines() if "\x1b[38;5;231;48;5;16m" in line]
    check(15 <= len(block) <= 25 and len({len(line) for line in block}) == 1, "%d lines of code" % len(block))
    status, text = ask(30, 20, b"yes\n")
    check_not_in("\u2588", text, "a small terminal")
    check_in("is verified", text)


@test("a further device of somebody verified is refused, for sending and for reading, until it is accepted or one of theirs vouches for it")
def further_devices():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("alice"), "laptop"), daemon.client(unique("bob"), "laptop")
    reader, carol = daemon.client(unique("carol")), daemon.client(unique("dora"))
    for client in (alice, reader):
        client.upload(make_picture(), bob)
        client.run("contacts", "verify", bob.user, "--yes")
    # The server's authority makes a device of "bob", who does not know of it.
    tablet = SealingDevice(daemon, bob.user, "tablet")
    public = SealingDevice(daemon)
    done = alice.run("upload", make_picture(), "--to", bob.user, status=77)
    check_in("A FURTHER DEVICE", done.stderr)
    pin = next(d["refused"] for d in alice.json("contacts") if d["user"] == bob.user and d["device"] == "tablet")
    check_in("sis contacts accept %s --key %s" % (bob.user, pin), done.stderr)
    check_in("REFUSED", alice.run("contacts").stdout)
    check_in("A FURTHER DEVICE", alice.run("contacts", "verify", bob.user, status=77).stderr)
    # Who has not verified him is told, and shares.
    carol.upload(make_picture(), bob)
    check_equal(tablet.upload(tablet.seal(b"from the tablet", grantee(daemon, reader), grantee(daemon, alice))).status, 201, "upload by the tablet")
    bad = [e for e in reader.json("list", status=1) if not e["verified"]]
    check_equal([e["error"] for e in bad], ["PIN_CHANGED"], "what the tablet sent")
    # An endorsement by somebody else's device changes nothing: the server does not take it. His own device's does, for who reads and for who sends.
    check_equal(put_endorsement(daemon, public, "tablet", endorsement(public, tablet, user=public.user)).status, 404, "status")
    check_equal(put_endorsement(daemon, bob, "tablet", endorsement(bob, tablet, signer_of(bob))).status, 204, "status")
    done = reader.run("list")
    check_in("has a new device \"tablet\", which their \"laptop\" vouches for", done.stderr)
    check_in("picture.bin", done.stdout)
    alice.upload(make_picture(), bob)
    # Not any more, once the endorser is revoked: what was taken stays, what comes new waits for a person.
    phone = SealingDevice(daemon, bob.user, "phone")
    check_equal(put_endorsement(daemon, bob, "phone", endorsement(bob, phone, signer_of(bob))).status, 204, "status")
    daemon.sisctl("revoke", bob.user, "--device", "laptop")
    alice.run("upload", make_picture(), "--to", bob.user, status=77)
    pin = next(d["refused"] for d in alice.json("contacts") if d["user"] == bob.user and d["device"] == "phone")
    check_in("the one given with --key", alice.run("contacts", "accept", bob.user, "--key", pin[:-1] + "_", status=66).stderr)
    alice.run("upload", make_picture(), "--to", bob.user, status=77)
    check_in("/phone accepted: " + pin, alice.run("contacts", "accept", bob.user, "--key", pin).stdout)
    alice.upload(make_picture(), bob)
    check_in("no changed or further key", alice.run("contacts", "accept", bob.user, status=66).stderr)


@test("what was met before and is not among what is compared counts no more: a server cannot show a false device, hide it for the words, and bring it back")
def hidden_device():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("alice"), "laptop"), daemon.client(unique("bob"), "laptop")
    false = SealingDevice(daemon, bob.user, "false")
    alice.upload(make_picture(), bob)
    check_equal({d["device"] for d in alice.json("contacts") if d["user"] == bob.user and d["keys"]}, {"laptop", "false"}, "what she met at first")
    seen = false.upload(false.seal(b"seen before", grantee(daemon, alice)))
    check_equal(seen.status, 201, "upload by the false device")
    check_equal([e["verified"] for e in alice.json("list") if e["owner"] == bob.user], [True], "before the words")
    daemon.sisctl("revoke", bob.user, "--device", "false")              # as good as hidden: the words are made without it
    done = alice.run("contacts", "verify", bob.user, "--yes")
    check_in("/false with the key ed25519:", done.stderr)
    check_in("NOT AMONG WHAT YOU COMPARED", done.stderr)
    bad = [e for e in alice.json("list", status=1) if e["owner"] == bob.user]
    check_equal([(e["verified"], e.get("error")) for e in bad], [(False, "PIN_CHANGED")], "what the false device had sent")
    check_equal({d["device"] for d in alice.json("contacts") if d["user"] == bob.user and d["keys"]}, {"laptop"}, "what is pinned")
    alice.upload(make_picture(), bob)
    # Somebody who knows better takes it back.
    alice.run("contacts", "accept", bob.user)
    check_equal([e["verified"] for e in alice.json("list") if e["owner"] == bob.user], [True], "after it was accepted")


def grantee(daemon, client):
    """A recipient for SealingDevice.seal: name and published key of a client's device."""
    reader = SealingDevice.__new__(SealingDevice)
    reader.user, reader.name = client.user, client.json("whoami")["device"]
    device = next(d for d in daemon.request("GET", "/v1/users/" + client.user, who=client).json()["devices"] if d["device"] == reader.name)
    raw = sis_item.unb64(re.search(r"(?m)^key (.*)$", device["key"]).group(1), 32)
    reader.private = type("Public", (), {"public_key": lambda self: sis_item.x25519.X25519PublicKey.from_public_bytes(raw)})()
    return reader


@test("a device that the server's authority makes for oneself gets nothing, and is told each time until it is approved or revoked")
def own_devices():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("alice"), "laptop"), daemon.client(unique("bob"))
    false = SealingDevice(daemon, alice.user, "tablet")
    for _ in range(2):
        done = alice.run("--json", "upload", make_picture(), "--to", bob.user)
        item = find_item_id(done.stdout)
        check_in('your device \\"tablet\\"', done.stderr)
        check_in("sis devices approve tablet", done.stderr)
        grants = daemon.request("GET", "/v1/items/" + item, who=false).json()["grants"]
        check_equal([re.search(r"(?m)^device (.*)$", grant).group(1) for grant in grants], ["laptop"], "devices of hers that got it")
    # Nor by way of what bob sends her, once he has seen that it is not among her words.
    check(alice.json("contacts", "verify", bob.user)["code"] != bob.json("contacts", "verify", alice.user)["code"], "the words do not tell")
    alice.run("devices", "approve", "tablet", "--yes")
    check_not_in("NOT APPROVED", alice.run("upload", make_picture(), "--to", bob.user).stderr, "warnings after the approval")
    check_equal(alice.json("contacts", "verify", bob.user)["code"], bob.json("contacts", "verify", alice.user)["code"], "words")


@test("contacts go to another profile by export and import; a pin is never overwritten; forgetting begins anew")
def files():
    daemon = shared_daemon()
    alice, bob, carol = daemon.client(unique("alice"), "laptop"), daemon.client(unique("bob")), daemon.client(unique("carol"))
    alice.upload(make_picture(), bob, carol)
    alice.run("contacts", "verify", bob.user, "--yes")
    path = os.path.join(temporary("export"), "contacts")
    alice.run("contacts", "export", "-o", path)
    check_equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    check_equal(json.loads(alice.run("contacts", "export").stdout), json.loads(read_file(path)), "what goes to standard output")
    alice.run("contacts", "export", "-o", path, status=73)
    tablet = Client(daemon, alice.user)
    tablet.run("enroll", daemon.invite(alice.user, "tablet"))
    # What the tablet met before is verified as far as it is in the file.
    SealingDevice(daemon, bob.user, "false")
    tablet.upload(make_picture(), bob)
    check_in("imported", tablet.run("contacts", "import", path).stdout)
    known = {d["user"]: d for d in tablet.json("contacts") if d["device"] != "false"}
    check_equal((sorted(known), "verified" in known[bob.user], "verified" in known[carol.user]), (sorted([alice.user, bob.user, carol.user]), True, False), "known")
    check_equal([d["keys"] for d in tablet.json("contacts") if d["user"] == bob.user and d["device"] == "false"], [[]], "keys of the false device")
    check_in("A FURTHER DEVICE", tablet.run("upload", make_picture(), "--to", bob.user, status=77).stderr)
    daemon.sisctl("revoke", bob.user, "--device", "false")
    # Her laptop came with the file: the tablet shares with it without asking.
    check_not_in("NOT APPROVED", tablet.run("upload", make_picture(), "--to", bob.user).stderr, "warnings")
    other = json.loads(read_file(path))
    device = next(iter(other["contacts"][bob.user]["devices"].values()))
    device["keys"] = ["ed25519:" + "0" * 64]
    write_file(path, json.dumps(other).encode())
    done = tablet.run("contacts", "import", path, status=1)
    check_in("%s/" % bob.user, done.stderr)
    check_in("another key", done.stderr)
    check_equal([d["keys"] for d in tablet.json("contacts") if d["user"] == bob.user and d["device"] != "false"], [known[bob.user]["keys"]], "pins")
    for text in (b"", b"[]", json.dumps({**other, "authority": "0" * 64}).encode(), json.dumps({**other, "version": 3}).encode()):
        tablet.run("contacts", "import", write_file(path, text), status=65)
    tablet.run("contacts", "forget", bob.user)
    check_not_in(bob.user, tablet.run("contacts").stdout, "contacts")
    tablet.run("contacts", "forget", bob.user, status=67)
    tablet.upload(make_picture(), bob)
    check_equal("verified" in {d["user"]: d for d in tablet.json("contacts")}[bob.user], False, "verified after forgetting")


run()
