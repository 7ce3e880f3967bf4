#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of certificates: renewed in time, and warned of where nobody here can renew."""

import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_clock import *
from sis_gallery import Gallery


def server_end(daemon):
    """When the certificate ends that the server shows now."""
    from cryptography import x509
    connection = daemon.tls(verify=False)
    der = connection.getpeercert(binary_form=True)
    connection.close()
    return x509.load_der_x509_certificate(der).not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


@test("the server's certificate is renewed while the daemon runs, for as long as it runs, and no connection is dropped for it")
def renewed():
    clock = Clock()
    with clock.daemon(workers=2) as daemon:
        alice = clock.client(daemon, "alice")
        connection = live_connection(daemon, alice)
        ends = server_end(daemon)
        for _ in range(3):
            before = daemon.log_size()
            clock.forward(days=61)
            clock.pass_time("signer")
            daemon.wait_log("TLS certificate in force", since=before)
            wait_for(lambda: server_end(daemon) > ends, "the new certificate to be shown")
            ends = server_end(daemon)
            check(ends > clock.now() + 60 * 86400, "the new certificate holds no longer")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check(connection.recv(100).startswith(b"HTTP/1.1 200"), "the connection from before was dropped")
        check_not_in("CERTIFICATE_ENDS", daemon.log_text(), "log")


@test("that a certificate from elsewhere ends is said 30, 7 and 1 days before and at the end, once each, and at a start within that time", needs=("openssl",))
def warned():
    clock = Clock()
    options = foreign_certificate(temporary("tls"), 40)
    warning = r"the server's certificate, from tls_certificate, (ends in \d+ (days|hours)|has ended), at [0-9TZ:-]+: renew tls_certificate and reload"
    with clock.daemon(workers=1, **options) as daemon:
        check_not_in("the server's certificate, from", daemon.log_text(), "log")
        check_not_in("_certificate_warning", json.dumps(daemon.status()), "status")
        for forward, words in ((12, "ends in 2[78] days"), (22, "ends in [56] days"), (5, "ends in 2[34] hours"), (1, "has ended")):
            before = daemon.log_size()
            clock.forward(days=forward)
            clock.pass_time("signer")
            line = daemon.wait_log(warning, since=before)
            check(re.search(words, line), "%r does not say %r" % (line, words))
            daemon.reload()
            check_equal(len(re.findall(warning, daemon.log_text()[before:])), 1, "warnings")
        check_in("HAS ENDED", wait_for(lambda: daemon.status().get("tls_certificate_warning"), "a warning in the status"), "status")
        clock.forward(days=-4)
        check_in("THE CERTIFICATE OF tls_certificate ENDS IN 3 DAYS", daemon.sisctl("status").stdout, "status")
        rows = [json.loads(line) for line in daemon.sisctl("logs", "--audit", "--event", "CERTIFICATE_ENDS", "-o", "json").stdout.splitlines()]
        check(len(rows) >= 4, "the audit trail has %r" % rows)
        before = daemon.log_size()
        daemon.restart()
        daemon.wait_log(warning, since=before)


@test("status, metrics and certs --ending tell the ends of both the server's certificates, and of one when there is one", needs=("openssl",))
def both_ends():
    clock = Clock()
    clocked = program_environment(**clock.environment)
    with clock.daemon(workers=1) as daemon:
        def told():
            """The ends that all three tell, {} while they tell different ones: a worker tells what is new once a second."""
            status = {name[:-len("_ends")]: value for name, value in daemon.status().items() if name.endswith("_certificate_ends")}
            metrics = dict(re.findall(r"^sis_(\w+_certificate)_end_timestamp_seconds (\S+)$", daemon.sisctl("metrics").stdout, re.MULTILINE))
            text = dict(re.findall(r"^(\w+_certificate)_ends: (\S+) \(in ", daemon.sisctl("status", env=clocked).stdout, re.MULTILINE))
            seconds = {name: datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() for name, value in status.items()}
            return status if text == status and {name: float(value) for name, value in metrics.items()} == seconds else {}
        def ends(*names):
            return wait_for(lambda: next((one for one in [told()] if set(one) == set(names)), None), "status and metrics to tell the ends of %r" % (names,))
        def ending(within, *more):
            listed = json.loads(daemon.sisctl("--json", "certs", "--ending", within, *more, env=clocked).stdout)
            return [row["certificate"] for row in listed.get("server", ["none"])]
        ends("server_certificate")
        daemon.write_config(**foreign_certificate(temporary("tls"), 40))
        daemon.reload()
        both = ends("server_certificate", "tls_certificate")
        check(both["server_certificate"] > both["tls_certificate"], "ends: %r" % both)
        check_equal([ending(within) for within in ("30d", "41d", "91d", "36500d")], [[], ["tls_certificate"], ["server", "tls_certificate"], ["server", "tls_certificate", "ca"]],
                    "what ends")
        check_not_in("server", json.loads(daemon.sisctl("--json", "certs", "--ending", "91d", daemon.client("alice").user).stdout))
        text = daemon.sisctl("certs", "--ending", "41d", env=clocked).stdout
        check(re.fullmatch(r"OF THE SERVER    NOT AFTER\ntls_certificate  [0-9TZ:-]+\n", text), text)
        daemon.write_config(tls_certificate="", tls_key="")
        daemon.reload()
        ends("server_certificate")


@test("a certificate from elsewhere is taken on reload and at no other time, however long the daemon runs", needs=("openssl",))
def taken_on_reload():
    clock = Clock()
    directory = temporary("tls")
    with clock.daemon(workers=1, **foreign_certificate(directory, 40)) as daemon:
        foreign_certificate(directory, 400)
        before = daemon.log_size()
        clock.pass_time("master", seconds=400 * 86400)
        daemon.status()                                     # the master has answered, so its timers have run
        foreign_certificate(directory, 800)
        daemon.reload()
        last = clock.now() + 700 * 86400
        wait_for(lambda: server_end(daemon) > last, "the certificate that is there at the reload to be shown")
        until = datetime.datetime.fromtimestamp(server_end(daemon), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        daemon.wait_log("somebody else's, from tls_certificate, .* until " + until, since=before)
        check_equal(daemon.log_text()[before:].count(" certificate in force: somebody else's"), 1, "certificates from elsewhere put in force")


@test("certs tells which devices have not renewed, and whose user is disabled")
def ending():
    clock = Clock()
    with clock.daemon(workers=1, certificate_lifetime="30d") as daemon:
        def rows(*arguments):
            return [(c["user"], c["state"]) for c in json.loads(daemon.sisctl("--json", "certs", *arguments, env=clocked).stdout)["certificates"]]
        clocked = program_environment(**clock.environment)
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        check_equal(rows("--ending", "20d"), [], "devices that end within 20 days")
        clock.forward(days=21)
        alice.run("whoami")
        alice.run("list")                                   # renews by itself, two thirds being over
        check_equal(rows("--ending", "20d"), [("bob", "live")], "devices that have not renewed")
        clock.forward(days=10)
        check_equal(rows("--ending", "0d"), [("bob", "expired")], "devices whose time is over")
        daemon.sisctl("user", "disable", "alice")
        check_in(("alice", "disabled"), rows("alice"), "certificates of a disabled user")
        daemon.sisctl("certs", "--ending", "soon", status=64)


def certificate_of(client):
    return read_file(client.certificate_path)


@test("chat and watch run on past the renewal and the end of the certificate that they began with, and sign with the new one")
def long_running():
    clock = Clock()
    with clock.daemon(workers=1, certificate_lifetime="30d") as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        got = temporary("got")
        heard = os.path.join(temporary("chat"), "heard")
        with open(heard, "wb") as file:
            # With a history, so that nobody has to be there before the other speaks.
            chats = {c: c.popen("chat", "--history", "5", o.user, stdin=subprocess.PIPE, stdout=file if c is bob else subprocess.DEVNULL, stderr=file)
                     for c, o in ((alice, bob), (bob, alice))}
        watch = bob.popen("watch", "--get", got, stderr=subprocess.DEVNULL)
        try:
            def say(words):
                chats[alice].stdin.write(words + b"\n")
                chats[alice].stdin.flush()
                try:
                    wait_for(lambda: words in read_file(heard), "bob to hear %r" % words)
                except Failure as failure:
                    raise Failure("%s; he heard %r" % (failure, read_file(heard)))
            say(b"on the first day")
            before = {c: certificate_of(c) for c in (alice, bob)}
            lists = daemon.log_text().count("CRL_PUBLISHED")
            clock.forward(days=21)
            wait_for(lambda: daemon.log_text().count("CRL_PUBLISHED") > lists, "a new revocation list after so long a sleep")
            for client in (alice, bob):
                wait_for(lambda: certificate_of(client) != before[client], "the renewal of %s" % client.user)
            say(b"after the renewal")
            lists = daemon.log_text().count("CRL_PUBLISHED")
            clock.forward(days=12)                          # what both began with has ended
            wait_for(lambda: daemon.log_text().count("CRL_PUBLISHED") > lists, "a new revocation list")
            say(b"after the end")
            carol = clock.client(daemon, "carol")
            n = len(os.listdir(got))
            carol.run("upload", "--keep-metadata", "--no-thumbnail", "--to", "bob", write_file(os.path.join(temporary("file"), "late"), "late"))
            wait_for(lambda: len(os.listdir(got)) > n, "what carol shares with bob")
            check_not_in(b"does not hold", read_file(heard))
        finally:
            watch.send_signal(signal.SIGINT)
            watch.communicate(timeout=20)
            for chat in chats.values():
                chat.stdin.close()
                chat.wait(20)


@test("a gallery and its page's session go on past the renewal and the end of the certificate that they began with, and sign with the new one")
def gallery():
    clock = Clock()
    with clock.daemon(workers=1, certificate_lifetime="30d") as daemon:
        alice, bob, carol = (clock.client(daemon, user) for user in ("alice", "bob", "carol"))
        picture = read_file(make_picture())
        def sleep_for(days):
            lists = daemon.log_text().count("CRL_PUBLISHED")
            clock.forward(days=days)
            wait_for(lambda: daemon.log_text().count("CRL_PUBLISHED") > lists, "a new revocation list after so long a sleep")
        with Gallery(alice) as page:
            page.enter()
            def look(when):
                """Bob's new picture in the page; the page's for bob, who shows it to carol."""
                theirs = bob.upload(make_picture(), alice)
                shown = next(one for one in page.items() if one["item"] == theirs)
                check(shown["holds"], "bob's picture %s: %r" % (when, shown))
                seen = page.request("GET", "/api/items/%s/object" % theirs)
                check_equal((seen.status, seen.body[:3]), (200, b"\xff\xd8\xff"), "the picture " + when)
                reply = page.upload(picture, to="bob")
                check_equal(reply.status, 200, "an upload %s (%r)" % (when, reply.body))
                own = reply.json()["item"]
                shared = page.request("PUT", "/api/items/%s/readers/carol" % own)
                check_equal(shared.status, 204, "sharing %s (%r)" % (when, shared.body))
                bob.run("verify", own)
                carol.run("verify", own)
            look("on the first day")
            before = certificate_of(alice)
            sleep_for(21)
            wait_for(lambda: certificate_of(alice) != before, "the renewal of alice, whose gallery alone runs")
            look("after the renewal")
            sleep_for(12)                                   # what everybody began with has ended
            look("after the end")
            status, errors = page.stop()
            check_equal(status, 0, "exit status after ^C")
            check_equal([json.loads(line)["warning"].split(",")[0] for line in errors.splitlines()], ["the certificate was renewed"], "what the gallery said")


run()
