#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enrollment (EST, RFC 7030) by sis, by strongSwan, by openssl and curl, and by nobody who should not."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *

@test("an invite works once, and the second use is refused")
def used_twice():
    daemon = shared_daemon()
    line = daemon.invite("alice")
    Client(daemon, "alice").run("enroll", line)
    other = Client(daemon, "alice")
    done = other.run("enroll", line, status=77)
    check(not os.path.exists(other.key_path) or not os.path.exists(other.certificate_path), "a refused enrollment left a profile")
    check_not_in(Invite(line).code, done.stderr)


@test("a guessed code is refused with 401, and many guesses slow the guesser down")
def guessed():
    with Daemon(workers=1) as daemon:
        invite = Invite(daemon.invite("victim"))
        device = Device(daemon, "victim")
        statuses = [device.enroll("a" * 25 + c, status=None).status for c in "abcdefghijklmnopqrstuvwxyz234567"]
        check_equal(statuses[0], 401, "first guess")
        check(set(statuses) <= {401, 429}, "statuses: %r" % statuses)
        check_in(429, statuses)
        reply = device.enroll("b" * 26, status=None)
        check(reply.status != 429 or reply.headers.get("Retry-After"), "no Retry-After")
        daemon.wait_log("victim.*refused")
        check_not_in(invite.code, daemon.log_text())


@test("a stranger's refused attempts fill the log only so fast")
def refusals_in_measure():
    with Daemon(workers=1) as daemon:
        csr = base64.b64encode(make_csr(make_key(), "victim"))
        headers = {"Content-Type": "application/pkcs10", "Authorization": "Basic " + base64.b64encode(b"victim:" + b"a" * 26).decode()}
        began = time.monotonic()
        with contextlib.closing(daemon.http()) as connection:
            for _ in range(700):
                check_in(daemon.request("POST", "/.well-known/est/simpleenroll", body=csr, headers=headers, connection=connection).status, (401, 429))
        entries = [json.loads(line)["event"] for line in daemon.sisctl("--json", "logs").stdout.splitlines()]
        noted, most = entries.count("ENROLL_REFUSED"), 200 + 20 * (time.monotonic() - began + 1)
        check(0 < noted <= most, "%d lines, at most %d" % (noted, most))


@test("an invite expires")
def expired():
    with Daemon(workers=1, invite_lifetime="1m") as daemon:
        line = daemon.invite("late")
        # The clock of the database is moved instead of this test's: an invite that has passed its time.
        daemon.stop()
        import sqlite3
        with contextlib.closing(sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"))) as database:
            database.execute("UPDATE invites SET created = created - 3600, expires = expires - 3600")
            database.commit()
        daemon.start()
        Device(daemon, "late").enroll(Invite(line).code, status=None).check_problem(403, "expired")
        Client(daemon, "late").run("enroll", line.replace(":%d/" % Invite(line).port, ":%d/" % daemon.port), status=77)


@test("no code, no user, a malformed header: 401 with WWW-Authenticate")
def no_code():
    daemon = shared_daemon()
    csr = make_csr(make_key(), "nemo")
    reply = est_enroll(daemon, "nemo", None, csr)
    check_equal(reply.status, 401, "status")
    check_in("Basic", reply.headers.get("WWW-Authenticate", ""))
    for value in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"no-colon").decode(), "Bearer x", "Basic " + "QQ" * 3000):
        reply = daemon.request("POST", "/.well-known/est/simpleenroll", body=base64.b64encode(csr),
                               headers={"Content-Type": "application/pkcs10", "Authorization": value})
        check(reply.status in (400, 401, 429, 431), "%s: %d" % (value[:20], reply.status))


@test("a CSR with another's name, a bad signature, a weak or foreign key, or garbage is refused, and the invite lives on")
def bad_requests():
    with Daemon(workers=1) as daemon:
        daemon.invite("bob")
        code = Invite(daemon.invite("alice")).code
        device = Device(daemon, "alice")
        good = make_csr(device.key, "alice")
        altered = good[:-10] + bytes([good[-10] ^ 1]) + good[-9:]
        bad = [make_csr(device.key, "bob"), altered, good[:-1], good + b"x", b"", b"\x30\x80", make_bytes(500), make_csr(make_key("rsa"), "alice"),
               make_csr(make_key("p384"), "alice"), make_csr(device.key, "alice/../bob")]
        for csr in bad:
            reply = device.enroll(code, csr, status=None)
            check(400 <= reply.status < 500, "CSR %r: %d" % (csr[:20], reply.status))
            check(reply.status != 429, "the limit hides what is tested")
        device.enroll(code)
        check_equal(device.certificate.subject.rfc4514_string().count("CN=alice"), 1, "subject")


@test("P-256 keys are taken, and their devices can do everything")
def p256():
    daemon = shared_daemon()
    device = enroll_device(daemon, algorithm="p256")
    check_equal(daemon.request("GET", "/v1/whoami", who=device).json()["user"], device.user, "whoami")


@test("cacerts is what the invite's fingerprint names; csrattrs and crl are open to all")
def open_requests():
    daemon = shared_daemon()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    ca = x509.load_pem_x509_certificate(read_file(daemon.ca()))
    check_equal(ca.fingerprint(hashes.SHA256()).hex(), Invite(daemon.invite(unique("fp"))).fingerprint, "fingerprint")
    reply = daemon.request("GET", "/.well-known/est/csrattrs")
    check_equal((reply.status, reply.headers["Content-Type"]), (200, "application/csrattrs"), "csrattrs")
    reply = daemon.request("GET", "/crl")
    check_equal((reply.status, reply.headers["Content-Type"]), (200, "application/pkix-crl"), "crl")


def rekey_proof(certificate, signer, new_key, context=b"sis/1 rekey\0"):
    """Sis-Rekey-Proof, made without sis: signer's signature over the certificate's fingerprint and the new public key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    if isinstance(new_key, ed25519.Ed25519PrivateKey):
        public = b"\x01" + new_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        public = b"\x02" + new_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    message = context + certificate.fingerprint(hashes.SHA256()) + public
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        name, signature = "ed25519", signer.sign(message)
    else:
        r, s = utils.decode_dss_signature(signer.sign(message, ec.ECDSA(hashes.SHA256())))
        name, signature = "ecdsa-p256", r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return "%s %s" % (name, base64.b64encode(signature).decode().rstrip("="))


def renew(device, key, proof=None, user=None):
    return est_enroll(device.daemon, None, None, make_csr(key, user or device.user, device.name), "simplereenroll", who=device,
                      more_headers={"Sis-Rekey-Proof": proof} if proof is not None else {})


def renewed(device, key, reply):
    check_equal(reply.status, 200, "status %r" % reply.body[:300])
    new = Device(device.daemon, device.user, device.name)
    new.key = key
    new.take(reply.body)
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    write_file(new.key_path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    check_equal(new.certificate.subject, device.certificate.subject, "subject")
    check(new.certificate.serial_number != device.certificate.serial_number, "the serial is the same")
    check_equal(device.daemon.request("GET", "/v1/whoami", who=new).json()["device"], device.name, "whoami")
    return new


@test("renewal for the same key keeps name and device; the old certificate still counts until it expires or is revoked")
def renewal():
    daemon = shared_daemon()
    for algorithm in ("ed25519", "p256"):
        device = enroll_device(daemon, "renewer-" + algorithm, "laptop", algorithm)
        renewed(device, device.key, renew(device, device.key))
        check_equal(daemon.request("GET", "/v1/whoami", who=device).status, 200, "the old certificate")
        reply = renew(device, device.key, user="somebodyelse")
        check(400 <= reply.status < 500, "renewal as somebody else: %d" % reply.status)
        check(est_enroll(daemon, None, None, make_csr(device.key, device.user), "simplereenroll").status in (401, 403), "renewal without certificate")


@test("a new key is certified only with the old key's signature over it")
def rekeying():
    daemon = shared_daemon()
    for old, new in (("ed25519", "ed25519"), ("ed25519", "p256"), ("p256", "ed25519"), ("p256", "p256")):
        device = enroll_device(daemon, None, "laptop", old)
        stranger, key, certificate = make_key(old), make_key(new), device.certificate
        right = rekey_proof(certificate, device.key, key)
        refused = {"none": None, "by the new key": rekey_proof(certificate, key, key), "by a stranger's key": rekey_proof(certificate, stranger, key),
                   "for another key": rekey_proof(certificate, device.key, stranger),
                   "for another certificate": rekey_proof(enroll_device(daemon).certificate, device.key, key),
                   "of another kind": rekey_proof(certificate, device.key, key, b"sis/1 key signature\0")}
        for what, proof in refused.items():
            reply = renew(device, key, proof)
            reply.check_problem(403, "not-allowed")
            check_in("old key", reply.json()["detail"], "detail, proof " + what)
        for malformed in (right + "=", right + "==", right[:-1], right.replace(" ", ""), right.replace(" ", "  "), right.upper(), "rsa " + right.split()[1], ""):
            renew(device, key, malformed).check_problem(400, "bad-format")
        daemon.wait_log("enrollment of %s from .* refused: a new key needs" % re.escape(device.user))
        check_equal(len(json.loads("[%s]" % ",".join(daemon.sisctl("--json", "certs", device.user).stdout.splitlines()))), 1, "certificates")
        new_device = renewed(device, key, renew(device, key, right))
        # And the next one is vouched for by this one, not by the first.
        third = make_key()
        renew(new_device, third, rekey_proof(certificate, device.key, third)).check_problem(403, "not-allowed")
        renewed(new_device, third, renew(new_device, third, rekey_proof(new_device.certificate, key, third)))


@test("however often a certificate was renewed, by whomever: the one that the device has still signs")
def renewed_by_others():
    device = SealingDevice(shared_daemon())
    for _ in range(12):
        check_equal(renew(device, device.key).status, 200, "status")
    check_equal(device.upload(device.seal(b"picture")).status, 201, "status of the upload")


@test("sis renew keeps the key, sis renew --new-key has it vouch for another; after either the device goes on")
def renewal_by_sis():
    from cryptography import x509
    daemon = shared_daemon()
    client = daemon.client(unique("rekey"))
    keys = [x509.load_pem_x509_certificate(read_file(client.certificate_path)).public_key()]
    for arguments in (["renew"], ["renew", "--new-key"], ["renew"]):
        client.run(*arguments)
        client.run("whoami")
        keys.append(x509.load_pem_x509_certificate(read_file(client.certificate_path)).public_key())
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    raw = [key.public_bytes(Encoding.Raw, PublicFormat.Raw) for key in keys]
    check_equal((raw[0] == raw[1], raw[1] == raw[2], raw[2] == raw[3]), (True, False, True), "which keys are the same")
    client.upload(make_picture(), daemon.client(unique("reader")))


@test("an invite is not used when there is no room for the profile, and good when there is")
def no_room():
    daemon = shared_daemon()
    client = Client(daemon, unique("user"))
    invite = daemon.invite(client.user)
    done = run_program(["bash", "-c", 'trap "" XFSZ; ulimit -f 16; exec "$@"', "sh"] + client.command("enroll", invite), status=None)
    check(done.returncode != 0, "it was refused")
    check_in("cannot be written to, so the invite was not used", done.stderr)
    check_equal(os.listdir(os.path.join(client.home, "profiles")), [".lock"], "what is left")
    client.run("enroll", invite)
    client.run("whoami")


@test("a renewal that the profile cannot take is not asked for; one with a new key whose answer was lost goes on with that key; several at once come one after another")
def renewal_cut_off():
    daemon = shared_daemon()
    client, reader = daemon.client(unique("rekey")), daemon.client(unique("reader"))
    next_key, before = os.path.join(client.directory, "device.key.next"), temporary("before")
    certificates = lambda: len(json.loads(daemon.sisctl("--json", "certs", client.user).stdout)["certificates"])
    os.mkdir(next_key)
    check_in("nothing was asked for, because the profile cannot be written", client.run("renew", "--new-key", status=None).stderr)
    check_equal((certificates(), os.path.exists(os.path.join(client.directory, "unpublished"))), (1, False), "certificates, and whether a key waits to be published")
    os.rmdir(next_key)
    for name in ("device.key", "device.pem"):
        shutil.copy2(os.path.join(client.directory, name), before)
    client.run("renew", "--new-key")
    os.rename(client.key_path, next_key)
    for name in ("device.key", "device.pem"):
        shutil.copy2(os.path.join(before, name), client.directory)
    check_in('run that again', client.run("upload", make_picture(), "--to", reader.user, status=77).stderr)
    client.run("renew", "--new-key")
    check(not os.path.exists(next_key), "the key is in its place")
    several = [client.popen("renew", "--new-key") for _ in range(4)]
    check_equal([process.wait(60 * SLOW) for process in several], [0] * 4, "several at once")
    client.upload(make_picture(), reader)


@test("a device cannot make the revocation list long with certificate upon certificate")
def many_renewals():
    daemon = shared_daemon()
    device = enroll_device(daemon)
    csr = make_csr(device.key, device.user)
    statuses = [est_enroll(daemon, None, None, csr, "simplereenroll", who=device).status for _ in range(40)]
    check_equal((statuses[0], statuses[-1], set(statuses)), (200, 429, {200, 429}), "statuses")
    check_equal(len(json.loads(daemon.sisctl("--json", "certs", device.user).stdout)["certificates"]), 32, "certificates")
    check_equal(daemon.request("GET", "/v1/whoami", who=device).status, 200, "whoami")


@test("strongSwan's pki --est enrolls", needs=["pki"])
def strongswan():
    daemon = shared_daemon()
    invite = Invite(daemon.invite("swan"))
    place = temporary("swan")
    # Its TLS speaks 1.3 only when it is told to.
    environment = program_environment(STRONGSWAN_CONF=write_file(place + "/strongswan.conf", "libtls { version_max = 1.3 }\npki { tls { version_max = 1.3 } }\n"))
    write_file(place + "/key.pem", run_program(["pki", "--gen", "--type", "ed25519", "--outform", "pem"], binary=True).stdout)
    write_file(place + "/req.der", run_program(["pki", "--req", "--in", place + "/key.pem", "--type", "priv", "--dn", "CN=swan"], binary=True).stdout)
    done = run_program(["pki", "--est", "--url", "https://127.0.0.1:%d" % daemon.port, "--in", place + "/req.der", "--cacert", daemon.ca(),
                        "--userpass", "swan:" + invite.code, "--outform", "pem"], status=None, binary=True, env=environment)
    check_equal(done.returncode, 0, "pki: %s" % done.stderr)
    write_file(place + "/cert.pem", done.stdout)
    swan = type("Swan", (), {"certificate_path": place + "/cert.pem", "key_path": place + "/key.pem"})
    check_equal(daemon.request("GET", "/v1/whoami", who=swan).json()["user"], "swan", "whoami")


@test("openssl req and curl enroll and renew", needs=["openssl", "curl"])
def openssl_and_curl():
    daemon = shared_daemon()
    invite = Invite(daemon.invite("tux"))
    place = temporary("tux")
    for key_type, extra in (("ed25519", []), ("ec", ["-pkeyopt", "ec_paramgen_curve:P-256"])):
        run_program(["openssl", "req", "-new", "-newkey", key_type] + extra + ["-nodes", "-keyout", place + "/key.pem", "-out", place + "/req.pem",
                     "-subj", "/CN=tux"])
        body = b"".join(line for line in read_file(place + "/req.pem").splitlines(True) if b"-----" not in line)
        write_file(place + "/req.b64", body)
        done = daemon.curl("/.well-known/est/simpleenroll", "--fail", "--user", "tux:" + invite.code, "-H", "Content-Type: application/pkcs10",
                           "--data-binary", "@" + place + "/req.b64")
        write_file(place + "/p7.b64", done.stdout)
        p7 = run_program(["openssl", "base64", "-d", "-A", "-in", place + "/p7.b64", "-out", place + "/p7.der"])
        run_program(["openssl", "pkcs7", "-inform", "DER", "-in", place + "/p7.der", "-print_certs", "-out", place + "/cert.pem"])
        run_program(["openssl", "verify", "-CAfile", daemon.ca(), "-purpose", "sslclient", place + "/cert.pem"])
        tux = type("Tux", (), {"certificate_path": place + "/cert.pem", "key_path": place + "/key.pem"})
        check_equal(json.loads(daemon.curl("/v1/whoami", "--fail", who=tux).stdout)["user"], "tux", "whoami")
        run_program(["openssl", "req", "-new", "-key", place + "/key.pem", "-out", place + "/again.pem", "-subj", "/CN=tux"])
        write_file(place + "/again.b64", b"".join(line for line in read_file(place + "/again.pem").splitlines(True) if b"-----" not in line))
        done = daemon.curl("/.well-known/est/simplereenroll", "--fail", "-H", "Content-Type: application/pkcs10", "--data-binary",
                           "@" + place + "/again.b64", who=tux)
        write_file(place + "/p7.b64", done.stdout)
        run_program(["openssl", "base64", "-d", "-A", "-in", place + "/p7.b64", "-out", place + "/p7.der"])
        run_program(["openssl", "pkcs7", "-inform", "DER", "-in", place + "/p7.der", "-print_certs", "-out", place + "/cert.pem"])
        check_equal(json.loads(daemon.curl("/v1/whoami", "--fail", who=tux).stdout)["user"], "tux", "whoami after renewal")
        invite = Invite(daemon.sisctl("invite", "tux").stdout)


@test("the CRL: openssl refuses a revoked certificate with it and takes a live one", needs=["openssl"])
def crl():
    daemon = shared_daemon()
    live, dead = enroll_device(daemon), enroll_device(daemon)
    daemon.sisctl("revoke", dead.user, "--compromised")
    place = temporary("crl")
    write_file(place + "/crl.der", daemon.request("GET", "/crl").body)
    run_program(["openssl", "crl", "-inform", "DER", "-in", place + "/crl.der", "-CAfile", daemon.ca(), "-out", place + "/crl.pem"])
    command = ["openssl", "verify", "-crl_check", "-CAfile", daemon.ca(), "-CRLfile", place + "/crl.pem"]
    run_program(command + [live.certificate_path])
    done = run_program(command + [dead.certificate_path], status=None)
    check(done.returncode != 0 and "revoked" in done.stdout + done.stderr, "openssl said %r" % (done.stdout + done.stderr))


@test("that a key was compromised can be told after the revocation, once: the list says it, and readers refuse what it signed")
def compromised_afterwards():
    daemon = shared_daemon()
    alice, bob = daemon.client(unique("robbed")), daemon.client(unique("reader"))
    item = alice.upload(make_picture(), bob)
    device = alice.json("whoami")["device"]
    first = daemon.sisctl("revoke", alice.user, "--device", device)
    check_in("1 device,", first.stdout)
    bob.run("verify", item)
    check_in("revoked before", daemon.sisctl("revoke", alice.user, "--device", device, status=77).stderr)
    revoked = [row["revoked"] for row in json.loads(daemon.sisctl("--json", "certs", alice.user).stdout)["certificates"]]
    check_in("1 device,", daemon.sisctl("revoke", alice.user, "--device", device, "--compromised").stdout)
    check_in("compromised", bob.run("verify", item, status=None).stderr)
    check_equal([row["revoked"] for row in json.loads(daemon.sisctl("--json", "certs", alice.user).stdout)["certificates"]], revoked, "when it was revoked")
    for more in ([], ["--compromised"]):
        check_in("revoked before", daemon.sisctl("revoke", alice.user, "--device", device, *more, status=77).stderr)
    daemon.sisctl("revoke", bob.user)
    check_in("1 device,", daemon.sisctl("revoke", bob.user, "--compromised").stdout)


@test("open registration: people choose a free name and a password; the same two enroll the next device; a taken name is refused")
def open_registration():
    with Daemon(workers=1, registration="open") as daemon:
        first = Device(daemon, "newcomer", "one")
        first.enroll("a long enough password")
        second = Device(daemon, "newcomer", "two")
        second.enroll("a long enough password")
        check_equal(daemon.request("GET", "/v1/whoami", who=second).json()["user"], "newcomer", "whoami")
        Device(daemon, "newcomer", "three").enroll("another password, wrong", status=401)
        # Whether there is such a user is not to be learned from a password that could be nobody's.
        short = [Device(daemon, name).enroll("short", status=None) for name in ("newcomer", "nobody")]
        check_equal((short[0].status, short[0].body), (short[1].status, short[1].body), "short passwords")
        check_in(Device(daemon, "Not A Name").enroll("a long enough password", status=None).status, (400, 401))
        stored = read_file(os.path.join(daemon.state_dir, "db/sis.db")) + read_file(os.path.join(daemon.state_dir, "db/sis.db-wal"))
        check_not_in(b"long enough password", stored, "database")
        check_in(b"$y$", stored, "database")
        check_not_in("long enough", daemon.log_text())


@test("a user has 64 devices at most, with whatever password or invite; one that is there already still gets its certificate")
def many_devices():
    with Daemon(workers=1, registration="open") as daemon:
        password = "a long enough password"
        first = Device(daemon, "collector", "first")
        first.enroll(password)
        daemon.stop()
        import sqlite3
        with contextlib.closing(sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"))) as database:
            for n in range(62):
                database.execute("INSERT INTO devices(user_id, name, state, enrolled) SELECT user_id, ?, 0, 1 FROM users WHERE name='collector'", ("d%d" % n,))
            database.commit()
        daemon.start()
        Device(daemon, "collector", "last").enroll(password)
        check_in("64 devices", Device(daemon, "collector", "more").enroll(password, status=403).json()["detail"])
        line = daemon.invite("collector")
        check_in("64 devices", Device(daemon, "collector", "more").enroll(Invite(line).code, status=403).json()["detail"])
        est_enroll(daemon, "collector", password, make_csr(first.key, "collector", "first"))
        daemon.sisctl("revoke", "collector", "--device", "last")
        Device(daemon, "collector", "more").enroll(Invite(line).code)
        check(daemon.is_serving(), "it does not serve")


@test("open registration: one name's password cannot be guessed from many sources; an invite for it still works")
def guessed_from_everywhere():
    with Daemon(workers=1, registration="open") as daemon:
        owner = Device(daemon, "victim", "first")
        owner.enroll("a long password")

        def guess(source, password, device="other"):
            connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=60 * SLOW)
            plain = socket.create_connection(daemon.address, timeout=60 * SLOW, source_address=(source, 0))
            connection.sock = daemon.tls_context().wrap_socket(plain, server_hostname="localhost")
            headers = {"Content-Type": "application/pkcs10", "Authorization": "Basic " + base64.b64encode(("victim:" + password).encode()).decode()}
            body = base64.encodebytes(make_csr(make_key(), "victim", device))
            with contextlib.closing(connection):
                return daemon.request("POST", "/.well-known/est/simpleenroll", body=body, headers=headers, connection=connection)
        statuses = [guess("127.0.1.%d" % (i + 1), "wrong password %d" % i).status for i in range(22)]
        check_equal(statuses[:20], [401] * 20, "the first guesses")
        check_in(429, statuses[20:])
        reply = guess("127.0.2.1", "a long password")
        check_equal(reply.status, 429, "status of the right password meanwhile")
        check(1 <= int(reply.headers["Retry-After"]) <= 300, "Retry-After: %s" % reply.headers["Retry-After"])
        check_equal(guess("127.0.2.2", Invite(daemon.invite("victim")).code, "second").status, 200, "status with an invite")
        other = Device(daemon, "somebody", "first")
        other.enroll("another long password")


@test("open registration: one source registers so many names at once, then waits; who is there already, who has an invite, and who comes from elsewhere does not")
def many_registrations():
    with Daemon(workers=1, registration="open", registrations_per_source=3) as daemon:
        password = "a long enough password"
        for n in range(3):
            Device(daemon, "name%d" % n).enroll(password)
        reply = Device(daemon, "name3").enroll(password, status=429)
        check(1 <= int(reply.headers["Retry-After"]) <= 1800, "Retry-After: %s" % reply.headers["Retry-After"])
        daemon.wait_log("too many names registered from this source.*see registrations_per_source")
        check_not_in("name3", daemon.sisctl("--json", "list").stdout)
        Device(daemon, "name0", "other").enroll(password)
        Device(daemon, "invited").enroll(Invite(daemon.invite("invited")).code)
        plain = socket.create_connection(daemon.address, timeout=60 * SLOW, source_address=("127.0.3.1", 0))
        connection = http.client.HTTPSConnection(daemon.host, daemon.port, timeout=60 * SLOW)
        connection.sock = daemon.tls_context().wrap_socket(plain, server_hostname="localhost")
        headers = {"Content-Type": "application/pkcs10", "Authorization": "Basic " + base64.b64encode(("name4:" + password).encode()).decode()}
        with contextlib.closing(connection):
            body = base64.encodebytes(make_csr(make_key(), "name4", "first"))
            check_equal(daemon.request("POST", "/.well-known/est/simpleenroll", body=body, headers=headers, connection=connection).status, 200, "from elsewhere")


@test("with the default registration nobody enrolls by a password of their own")
def closed_registration():
    Device(shared_daemon(), "intruder").enroll("a long enough password", status=401)


@test("sis refuses a server whose CA is not the invite's, before it sends the code")
def wrong_fingerprint():
    daemon = shared_daemon()
    line = daemon.invite("careful")
    fake = line[:-1] + ("0" if line[-1] != "0" else "1")
    client = Client(daemon, "careful")
    client.run("enroll", fake, status=77)
    client.run("enroll", line)


@test("malformed invites are refused in one sentence")
def malformed_invites():
    daemon = shared_daemon()
    line = daemon.invite("typo")
    for bad in ("", "sis://", "https://localhost/", line.replace("#", ""), line.split(".")[0], line + "x", line.replace("sis:", "SIS:"), "x" * 5000):
        done = Client(daemon, "typo").run("enroll", bad, status=None)
        check(done.returncode in (64, 65) and done.stderr.startswith("sis:"), "%r: %d %r" % (bad[:40], done.returncode, done.stderr))


run()
