#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority's successor: who was there before goes on, who comes after reads what was before."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_clock import *
from sis_terminal import typed

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7


def generations(daemon):
    """[(state, fingerprint)], the one in force first."""
    return [(a["state"], a["fingerprint"]) for a in json.loads(daemon.sisctl("--json", "ca").stdout)["authorities"]]


def roll_over(daemon, clock):
    """Makes a successor, a day later at the earliest, and returns its fingerprint."""
    clock.forward(days=2)
    return json.loads(daemon.sisctl("--json", "ca", "rollover").stdout)["fingerprint"]


def known(client):
    """Fingerprints of the authorities that a profile believes."""
    end = b"-----END CERTIFICATE-----\n"
    pems = [pem + end for pem in read_file(client.directory + "/ca.pem").split(end)[:-1]]
    return [x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex() for pem in pems]


def cacerts(daemon):
    body = daemon.request("GET", "/.well-known/est/cacerts", verify=False).body
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))


def write_into(path, data):
    """With the owner and mode that it has."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(data)


def words_file(words):
    return write_file(os.path.join(temporary("file"), "picture"), words)


@test("a successor is refused on the first day, made on the second, and stays in force; nobody is disturbed, and everybody reads everything")
def rollover():
    clock = Clock()
    with clock.daemon(workers=2) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        early = alice.upload(words_file("before"), bob)
        old_invite = daemon.invite("dave")
        check_in("younger than a day", daemon.sisctl("ca", "rollover", status=None).stderr)
        connection = live_connection(daemon, bob)
        first = generations(daemon)[0][1]
        second = roll_over(daemon, clock)
        check_equal(generations(daemon), [("in force", second), ("former", first)], "generations")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check(connection.recv(100).startswith(b"HTTP/1.1 200"), "a connection from before was dropped")
        check_in(second, daemon.invite("carol"), "a new invite")

        carol, dave = clock.client(daemon, "carol"), ClockClient(clock, daemon, "dave")
        dave.run("enroll", old_invite)                      # names the one before
        late = carol.upload(words_file("after"), alice, bob, dave)
        told = bob.run("list").stderr
        check_in("has a successor", told, "what bob is told")
        check_in(second, told, "what bob is told")
        check_equal(bob.run("list").stderr, "", "what bob is told the second time")
        for client in (alice, bob, dave):
            check_equal(read_file(client.get(late)), b"after", "%s reads" % client.user)
        for client in (alice, bob, carol, dave):
            check_equal(sorted(known(client)), sorted([first, second]), "authorities of %s" % client.user)
        alice.run("share", early, "carol", "dave")
        for client in (carol, dave):
            check_equal(read_file(client.get(early)), b"before", "%s reads" % client.user)
        words = [c.json("contacts", "verify", o.user)["words"] for c, o in ((alice, carol), (carol, alice))]
        check_equal(words[0], words[1], "words of a contact from before and one from after")

        daemon.restart()
        check_equal(generations(daemon), [("in force", second), ("former", first)], "generations after a restart")
        daemon.restart(hard=True)
        check_equal(generations(daemon), [("in force", second), ("former", first)], "generations after a crash")
        bob.run("renew")
        check_equal(read_file(alice.get(bob.upload(words_file("renewed"), alice))), b"renewed", "alice reads")


@test("revocation holds for certificates of both generations: on live connections, in both lists, and for readers")
def revocation():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        first = generations(daemon)[0][1]
        item = alice.upload(words_file("by alice"), bob)
        second = roll_over(daemon, clock)
        carol = clock.client(daemon, "carol")
        other = carol.upload(words_file("by carol"), bob)
        connections = [live_connection(daemon, c, verify=False) for c in (alice, carol)]
        for user in ("alice", "carol"):
            daemon.sisctl("revoke", user, "--compromised")
        for connection in connections:
            check(is_closed(connection), "a connection outlives the revocation")
        for each in (item, other):
            check_in("compromised", bob.run("get", each, "-o", temporary("got"), status=None).stderr)
        lists = {None: daemon.request("GET", "/crl", verify=False).body}
        for authority in (first, second):
            lists[authority] = daemon.request("GET", "/crl?authority=" + authority, verify=False).body
        check_equal(lists[None], lists[second], "the list without a word")
        serials = [x509.load_pem_x509_certificate(read_file(c.certificate_path)).serial_number for c in (alice, carol)]
        roots = {c.fingerprint(hashes.SHA256()).hex(): c for c in cacerts(daemon)}
        for authority in (first, second):
            crl = x509.load_der_x509_crl(lists[authority])
            roots[authority].public_key().verify(crl.signature, crl.tbs_certlist_bytes)
            check_equal(sorted(r.serial_number for r in crl), sorted(serials), "serial numbers in the list by %s" % authority)
        check_equal(daemon.request("GET", "/crl?authority=" + "0" * 64, verify=False).status, 404, "a list by nobody")
        daemon.request("GET", "/crl?authority=x", verify=False).check_problem(400)


@test("cacerts holds what RFC 4210 asks for, and openssl, gnutls-cli and curl that know one generation alone believe the server", needs=("openssl", "gnutls-cli", "curl"))
def other_people():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        first = generations(daemon)[0][1]
        second = roll_over(daemon, clock)
        check_in("restart sisd", daemon.sisctl("ca", "rollover", status=None).stderr)
        daemon.restart()
        third = roll_over(daemon, clock)
        certificates = cacerts(daemon)
        roots = [c for c in certificates if c.fingerprint(hashes.SHA256()).hex() in (first, second, third)]
        check_equal([c.fingerprint(hashes.SHA256()).hex() for c in roots], [third, second, first], "the order of the roots")
        def is_by(certificate, root):
            try:
                root.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes)
                return True
            except Exception:
                return False
        def certified(subject, by):
            return [c for c in certificates if raw(c) == raw(subject) and is_by(c, by)]
        def raw(certificate):
            return certificate.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for subject, by in ((0, 1), (1, 2), (1, 0), (2, 0)):        # NewWithOld twice, OldWithNew by the last one
            found = certified(roots[subject], roots[by])
            check_equal(len(found), 1, "certificates for %d by %d" % (subject, by))
            check_equal((found[0].subject, found[0].issuer), (roots[0].subject, roots[0].subject), "names")
            check(found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca, "no CA")
            check(found[0].not_valid_after <= min(roots[subject].not_valid_after, roots[by].not_valid_after), "it outlives one of the two")
        clocked = program_environment(**clock.environment)
        for root in roots:
            anchor = write_file(os.path.join(temporary("anchor"), "ca.pem"), root.public_bytes(Encoding.PEM))
            done = run_program(["openssl", "s_client", "-connect", "127.0.0.1:%d" % daemon.port, "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", anchor,
                                "-brief"], status=None, env=clocked)
            check_in("Verification: OK", done.stdout + done.stderr)
            done = run_program(["gnutls-cli", "--x509cafile", anchor, "-p", str(daemon.port), "localhost"], status=None, env=clocked)
            check_in("The certificate is trusted", done.stdout)
            done = run_program(["curl", "--silent", "--show-error", "--cacert", anchor, "https://localhost:%d/healthz" % daemon.port], env=clocked)
            check_equal(done.stdout, "ok\n", "curl")


@test("the successor comes by itself at two thirds of the authority's life; who was away for all of the rest is told what to do, and keeps their keys")
def automatic():
    clock = Clock()
    with clock.daemon(workers=1, certificate_lifetime="1095d", invite_lifetime="90d") as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        item = alice.upload(words_file("long ago"), bob)
        page = os.path.join(temporary("page"), "page")
        passphrase = alice.json("recovery", "make", "--cost", "1", "-o", page)["passphrase"]
        first = generations(daemon)[0][1]
        before = daemon.log_size()
        clock.forward(days=365 * 13)
        clock.pass_time("ledger", 5)
        check_equal(len(generations(daemon)), 1, "generations before the time")
        clock.forward(days=365)
        daemon.wait_log("the certificate authority has a successor", since=before)
        wait_for(lambda: len(generations(daemon)) == 2, "the successor")
        second = generations(daemon)[0][1]
        clock.forward(days=365 * 6)                         # the first one is over
        check_equal(generations(daemon), [("in force", second), ("ended", first)], "generations")
        daemon.restart()                                    # its own certificate is renewed at once, not within the minute
        check_in("the former certificate authority has ended", daemon.log_text())
        words = bob.run("list", status=77).stderr
        check_in("its successor was not met in time: ask the administrator for an invite", words)
        bob.run("enroll", daemon.sisctl("invite", "bob").stdout.strip())
        check_equal(sorted(known(bob)), sorted([first, second]), "authorities of bob")
        check_equal(read_file(bob.get(item)), b"long ago", "what was signed in the time of the first")
        home = ClockClient(clock, daemon, "alice")
        typed(home, ["enroll", daemon.sisctl("invite", "alice").stdout.strip(), "--recovery", page], [passphrase], environment=clock.environment)
        check_equal(read_file(home.get(item)), b"long ago", "with a recovery page that knows only the first")


@test("what a crash left of a successor that was not whole is thrown away; a damaged one stops the daemon; a backup with keys has them all")
def files():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice = clock.client(daemon, "alice")
        first = generations(daemon)[0][1]
        second = roll_over(daemon, clock)
        keys = os.path.join(daemon.state_dir, "keys")
        check_equal(sorted(os.listdir(keys)), ["ca.key", "ca.pem", "next"], "keys/")
        daemon.stop()
        whole = read_file(keys + "/next")
        check(whole.rstrip().endswith(b"-----END PRIVATE KEY-----"), "the key is not last")
        for size in (1, 300, len(whole) - 40):
            with open(keys + "/next", "r+b") as file:
                file.truncate(0)
                file.write(whole[:size])
            daemon.start()
            check_equal(generations(daemon), [("in force", first)], "generations with %d bytes" % size)
            daemon.stop()
        with open(keys + "/next", "r+b") as file:
            file.write(whole)
        for damaged, mode, words in ((whole[:90] + b"AAAAAAAA" + whole[98:], 0o600, "is damaged"), (whole, 0o640, "can be read by others")):
            write_into(keys + "/next", damaged)
            os.chmod(keys + "/next", mode)
            daemon.spawn()
            check_equal(daemon.process.wait(20 * SLOW), os.EX_CONFIG, "exit status")
            daemon._gone()
            check_in(words, daemon.log_text())
            check_equal(read_file(keys + "/next"), damaged, "a key that may have signed")
        write_into(keys + "/next", whole)
        os.chmod(keys + "/next", 0o600)
        daemon.start()
        check_equal(generations(daemon), [("in force", second), ("former", first)], "generations with the whole file")
        check_equal(sorted(os.listdir(keys)), ["ca-2.pem", "ca.key", "ca.pem", "next"], "keys/")
        check_equal(os.stat(keys + "/ca-2.pem").st_mode & 0o7777, 0o600, "mode")
        alice.run("whoami")
        copies = temporary("backups")
        daemon.sisctl("backup", copies, "--with-keys")
        state = os.path.join(temporary("restored"), "state")
        owners = ["--ledger-user", str(LEDGER_ID), "--signer-user", str(SIGNER_ID), "--group", str(GROUP_ID)] if IS_ROOT else []
        run_program([SISCTL, "restore", copies, "--state-dir", state] + owners)
        daemon.stop()
        with clock.daemon(workers=1, state_dir=state, listen=["127.0.0.1:%d" % daemon.port]) as other:
            check_equal(generations(other), [("in force", second), ("former", first)], "generations after a restore")
            alice.run("whoami")
        with open(keys + "/ca-2.pem", "r+b") as file:
            file.seek(500)
            file.write(b"AAAAAAAA")
        daemon.spawn()
        daemon.process.wait(20 * SLOW)
        daemon._gone()
        check_in("is damaged, or does not succeed the one before", daemon.log_text())
        write_file(keys + "/ca-2.pem", whole)
        daemon.start()


@test("who listens while the authority gets a successor goes on listening, and believes what is signed after it")
def watching():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        bob = clock.client(daemon, "bob")
        got = temporary("got")
        watch = bob.popen("watch", "--get", got)
        try:
            clock.client(daemon, "alice").upload(words_file("one"), bob)
            wait_for(lambda: len(os.listdir(got)) == 1, "the first item")
            roll_over(daemon, clock)
            clock.client(daemon, "carol").upload(words_file("two"), bob)
            wait_for(lambda: len(os.listdir(got)) == 2, "the item that a device of the successor has signed", 30)
        finally:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=20)


run()
