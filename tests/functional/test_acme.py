#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tls_certificate: somebody else's certificate for browsers and curl, which know its authority; sis goes on trusting the server's own authority alone."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_acme import Authority
from sis_testlib import *


def presented(daemon, *more):
    """The subject and issuer that openssl is shown, and whether it could verify them."""
    done = run_program(["openssl", "s_client", "-connect", "%s:%d" % daemon.address, "-servername", "localhost", *more], input=b"", status=None)
    text = done.stdout if isinstance(done.stdout, str) else done.stdout.decode()
    return re.search(r"issuer=(.*)", text).group(1), "Verify return code: 0 (ok)" in text


def external_daemon(authority, form="PKCS8", algorithm="p256", **options):
    certificate, key = authority.issue(algorithm, form)
    return Daemon(tls_certificate=certificate, tls_key=key, server_names=["localhost"], **options)


@test("with a certificate from an ACME service people enroll by invite, share, fetch and watch, and curl and openssl know the server", needs=("openssl", "curl"))
def end_to_end():
    authority = Authority()
    with external_daemon(authority, workers=2) as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        watching = bob.popen("--json", "watch", text=True)
        check_in("hello", watching.stdout.readline())
        picture = make_picture()
        item = alice.upload(picture, bob)
        check_equal(bob.items(), [item], "bob's items")
        check_equal(read_file(bob.get(item)), read_file(picture), "what bob got")
        bob.run("verify", item)
        alice.run("renew")
        alice.run("whoami")
        check_in(item, watching.stdout.readline())
        watching.terminate()
        watching.wait()
        issuer, verified = presented(daemon, "-CAfile", authority.root_path, "-verify_hostname", "localhost")
        check_in("Intermediate", issuer)
        check(verified, "openssl does not trust the chain")
        done = run_program(["curl", "--silent", "--show-error", "--cacert", authority.root_path, "--resolve",
                            "localhost:%d:%s" % (daemon.port, daemon.host), "https://localhost:%d/healthz" % daemon.port])
        check_equal(done.stdout, "ok\n", "curl /healthz")
        # As an application of the server's own authority one is shown the other certificate.
        issuer, verified = presented(daemon, "-alpn", "sis/1")
        check_not_in("Intermediate", issuer)


@test("what an ACME client renews is taken on reload: new connections are shown it, open ones and sis go on", needs=("openssl",))
def renewed():
    authority = Authority()
    with external_daemon(authority, workers=1) as daemon:
        alice = daemon.client("alice")
        before = authority.leaf.serial_number
        context = daemon.tls_context(verify=False)
        connection = daemon.http(context=context)
        def serial(connection):
            from cryptography import x509
            return x509.load_der_x509_certificate(connection.sock.getpeercert(True)).serial_number
        check_equal(serial(connection), before, "serial number before")
        for form in ("TraditionalOpenSSL", "PKCS8"):
            authority.issue(form=form, days=60)
            size = daemon.log_size()
            daemon.reload()
            daemon.wait_log("somebody else's, from tls_certificate", since=size)
            with contextlib.closing(daemon.http(context=context)) as newer:
                check_equal(serial(newer), authority.leaf.serial_number, "serial number after the reload")
        check_equal(daemon.request("GET", "/healthz", connection=connection).status, 200, "status on the connection of before")
        ends = authority.leaf.not_valid_after.strftime("%Y-%m-%d")
        wait_for(lambda: daemon.status().get("tls_certificate_ends", "").startswith(ends), "sisctl status shows the end of the new certificate")
        alice.run("list")


@test("a renewal that went wrong is told, and the certificate of before stays", needs=("openssl",))
def wrong_renewal():
    authority = Authority()
    with external_daemon(authority, workers=1) as daemon:
        certificate = os.path.join(authority.directory, "fullchain.pem")
        good = read_file(certificate)
        for text, wanted in ((b"nonsense\n", "tls_certificate is no PEM file with a certificate chain"),
                             (Authority.pem(authority.root), "tls_certificate"), (None, "tls_key is not the key of the first certificate")):
            if text is None:
                authority.issue()
                text = good
            write_file(certificate, text)
            size = daemon.log_size()
            daemon.reload()
            daemon.wait_log("the one before stays in force.*%s" % wanted, since=size)
            issuer, _ = presented(daemon)
            check_in("Intermediate", issuer)
        daemon.client("alice").run("list")


@test("Ed25519 and P-256 keys are taken, RSA and P-384 keys refused with a sentence")
def keys():
    authority = Authority()
    with external_daemon(authority, algorithm="ed25519", workers=1) as daemon:
        issuer, _ = presented(daemon)
        check_in("Intermediate", issuer)
        daemon.client("alice").run("list")
    for algorithm in ("rsa", "p384"):
        certificate, key = authority.issue(algorithm)
        daemon = Daemon(start=False, tls_certificate=certificate, tls_key=key)
        daemon.write_config()
        done = run_program(daemon.command(), status=78)
        check_in("must be", done.stderr)
        check_in("P-256", done.stderr)


@test("who was enrolled before the administrator took an ACME certificate, or gave it up, notices nothing")
def there_and_back():
    authority = Authority()
    with Daemon(workers=1) as daemon:
        alice = daemon.client("alice")
        alice.run("list")
        certificate, key = authority.issue()
        daemon.write_config(tls_certificate=certificate, tls_key=key)
        daemon.reload()
        check_in("Intermediate", presented(daemon)[0])
        alice.run("list")
        daemon.client("bob").run("list")
        daemon.write_config(tls_certificate="", tls_key="")
        daemon.reload()
        wait_for(lambda: "Intermediate" not in presented(daemon)[0], "the own certificate is shown again")
        alice.run("list")


run()
