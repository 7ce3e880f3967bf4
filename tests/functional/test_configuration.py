#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisd --check: what a configuration may say, and what each mistake is told."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_acme import Authority
from sis_testlib import *

GOOD = {"listen": ["127.0.0.1:0"], "state_dir": "/tmp/x", "control": "/tmp/x.sock"}


def sisd_check(text, status):
    path = write_file(os.path.join(temporary("config"), "sisd.conf"), text)
    done = run_program([SISD, "--check", "-c", path], status=status)
    check("Sanitizer" not in done.stderr)
    return done.stdout + done.stderr, path


def config(**changes):
    ids = dict(signer_user=str(SIGNER_ID), ledger_user=str(LEDGER_ID), worker_user=str(WORKER_ID), group=str(GROUP_ID),
               control_group=str(CONTROL_GROUP_ID)) if IS_ROOT else {}
    return config_text({**GOOD, **ids, **changes})


@test("a good configuration passes, and so does the one that sisd prints")
def good():
    sisd_check(config(), 0)
    printed = run_program([SISD, "--print-options", "conf"]).stdout
    check_in("listen", printed)
    if not IS_ROOT:         # as root its user names must exist
        sisd_check(printed, 0)


def long_names(n):
    """Names of 250 bytes."""
    return ["%s.%s.%s.%02d%s" % ("a" * 62, "b" * 62, "c" * 62, i, "d" * 59) for i in range(n)]


MISTAKES = [
    ("an unknown option", config() + "colour = \"red\";\n", "colour"),
    ("a misspelt option", config() + "worker = 2;\n", "worker"),
    ("text for a number", config(workers="two"), "workers"),
    ("a number for text", config(state_dir=5), "state_dir"),
    ("a number out of range", config(workers=100000), "workers"),
    ("a negative number", config(workers=-1), "workers"),
    ("a choice that is none", config(registration="maybe"), "registration"),
    ("a duration without sense", config(invite_lifetime="7 moons"), "invite_lifetime"),
    ("a duration out of range", config(invite_lifetime="1s"), "invite_lifetime"),
    ("a size that overflows", config(max_item_bytes="99999999999999999999G"), "max_item_bytes"),
    ("an address without a port", config(listen=["127.0.0.1"]), "listen"),
    ("a port that is none", config(listen=["127.0.0.1:70000"]), "listen"),
    ("an address that is none", config(listen=["300.1.1.1:1"]), "listen"),
    ("a list that is no list", config(listen="127.0.0.1:1"), "listen"),
    ("a list of numbers", config().replace('( "127.0.0.1:0" )', "( 1, 2 )"), "listen"),
    ("too many addresses", config(listen=["127.0.0.1:%d" % n for n in range(1, 100)]), "listen"),
    ("a relative path", config(state_dir="var/lib/sis"), "state_dir"),
    ("a socket path that is too long", config(control="/" + "x" * 200), "control"),
    ("a server name that is none", config(server_names=["not a name"]), "server_names"),
    ("server names that fit no certificate", config(server_names=long_names(12) + ["x" * 8]), "server_names are 3008 bytes together, but at most 3000"),
    ("a key without its certificate", config(tls_key="/nonexistent/key.pem"), "tls_"),
    ("an option given twice", config() + "state_dir = \"/tmp/y\";\n", "duplicate"),
    ("a group of options", config() + "workers : { x = 1; };\n", "workers"),
    ("a syntax error", config() + "listen = (\n", ""),
    ("bytes that are no text", config().encode() + bytes(range(1, 32)) + b"\xff\xfe", ""),
]


def make_mistake(words, text, named):
    @test("%s is refused with file and line" % words)
    def mistake():
        said, path = sisd_check(text, 78)
        check(re.search(re.escape(path) + r":\d+: ", said), "no FILE:LINE in %r" % said)
        check_in(named, said)
        check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", said), "control characters in %r" % said)


for row in MISTAKES:
    make_mistake(*row)


@test("all problems are told at once")
def all_at_once():
    said, _ = sisd_check(config(workers=-5, registration="x", listen=["nowhere"]), 78)
    for name in ("workers", "registration", "listen"):
        check_in(name, said)


def tls(**changes):
    """A certificate and key; changes: what is in their place instead."""
    authority = Authority()
    certificate, key = authority.issue(**{name: changes.pop(name) for name in list(changes) if name in ("algorithm", "days", "name", "chain")})
    for name, path in (("certificate", certificate), ("key", key)):
        if name in changes:
            write_file(path, changes[name](authority))
    if "mode" in changes:
        os.chmod(key, changes["mode"])
    return {"tls_certificate": certificate, "tls_key": key}


def under_passphrase(_authority):
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
    return make_key("p256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def another_key(_authority):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    return make_key("p256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def made(name, mode=0o755, owner=None):
    """A directory, or with mode None a file."""
    path = os.path.join(temporary("place"), name)
    if mode is None:
        return write_file(path, "")
    os.makedirs(path)
    os.chmod(path, mode)
    if owner is not None:
        os.chown(path, owner, -1)
    return path


def strangers_store(name):
    path = made("state", 0o710)
    os.mkdir(os.path.join(path, name), 0o700)
    os.chown(os.path.join(path, name), WORKER_ID, -1)
    return path


PORT = 7443                                                 # refused before anybody listens on it
# What the start refuses besides mistakes in the file: each with the words that both say.
REFUSED = [
    ("a key of another certificate", lambda: tls(key=another_key), "tls_key is not the key of the first certificate in tls_certificate"),
    ("an RSA key", lambda: tls(algorithm="rsa"), "must be ECDSA P-256 or Ed25519, not RSA or another"),
    ("a key under a passphrase", lambda: tls(key=under_passphrase), "tls_key is under a passphrase"),
    ("a key that is none", lambda: tls(key=lambda authority: b"nonsense"), "tls_key is no PEM file with a private key"),
    ("a certificate that is none", lambda: tls(certificate=lambda authority: b"nonsense"), "tls_certificate is no PEM file with a certificate chain"),
    ("an empty certificate", lambda: tls(certificate=lambda authority: b""), "tls_certificate is no PEM file with a certificate chain"),
    ("the issuer's certificate first", lambda: tls(certificate=lambda authority: authority.pem(authority.intermediate)), "tls_key is not the key of the first certificate in tls_certificate"),
    ("a key that everybody can read", lambda: tls(mode=0o604), "tls_key can be read by everybody"),
    ("a certificate that is not there", lambda: {**tls(), "tls_certificate": "/nonexistent/fullchain.pem"}, "tls_certificate cannot be opened"),
    ("a directory as a key", lambda: {**tls(), "tls_key": made("key")}, "tls_key is no regular file"),
    ("a credential that nobody passes", lambda: {**tls(), "tls_key": "credential:none"}, None),
    ("a state directory below nothing", lambda: {"state_dir": "/nonexistent/below/state"}, "state_dir cannot be made"),
    ("a state directory that is a file", lambda: {"state_dir": made("state", None)}, "state_dir cannot be opened as a directory"),
    ("a state directory that holds other things", lambda: {"state_dir": os.path.dirname(made("something else"))}, "state_dir holds other things than a store"),
    ("a control socket below nothing", lambda: {"control": "/nonexistent/below/control.sock"}, "the directory of the control socket cannot be made"),
    ("something else than a control socket", lambda: {"control": made("control.sock", None)}, "control is something else than a socket"),
    ("an address of somebody else", lambda: {"listen": ["192.0.2.1:0"]}, "192.0.2.1:0: cannot be listened on"),
    ("an address of somebody else, of IPv6", lambda: {"listen": ["127.0.0.1:0", "[2001:db8::1]:0"]}, "[2001:db8::1]:0: cannot be listened on"),
    ("an address twice", lambda: {"listen": ["0.0.0.0:%d" % PORT, "127.0.0.1:%d" % PORT]}, "cannot be listened on"),
    ("figures where people come in", lambda: {"listen": ["0.0.0.0:%d" % PORT], "metrics_listen": "127.0.0.1:%d" % PORT}, "cannot be listened on"),
] + ([
    ("a user that is none", lambda: {"signer_user": "nobody-of-that-name"}, "signer_user: there is no user"),
    ("a group that is none", lambda: {"group": "nobody-of-that-name"}, "group: there is no group"),
    ("a control group that is none", lambda: {"control_group": "nobody-of-that-name"}, "control_group: there is no group"),
    ("root as a role", lambda: {"worker_user": "root"}, "has the rights of root"),
    ("root's group", lambda: {"group": "0"}, "has the rights of root"),
    ("two roles of one user", lambda: {"worker_user": str(LEDGER_ID)}, "must be three different users"),
    ("a state directory that others can write", lambda: {"state_dir": made("state", 0o777)}, "state_dir can be written by others"),
    ("a state directory of somebody else", lambda: {"state_dir": made("state", 0o755, WORKER_ID)}, "state_dir belongs to user"),
    ("a store of somebody else", lambda: {"state_dir": strangers_store("objects")}, "objects: belongs to user"),
    ("keys of somebody else", lambda: {"state_dir": strangers_store("keys")}, "keys: belongs to user"),
    ("a key of somebody else", lambda: chowned(tls()), "tls_key cannot be read by sisd"),
] if IS_ROOT else [])


def chowned(paths):
    os.chown(paths["tls_key"], WORKER_ID, WORKER_ID)
    return paths


def make_refused(words, changes, said):
    @test("refused by the start and by --check, with the same words and status: %s" % words)
    def refused():
        daemon = Daemon(start=False, **{"workers": 1, **changes()})
        daemon.write_config()
        started = run_program(daemon.command(), status=None)
        checked = run_program([SISD, "--check", "-c", daemon.config, "-L", BUILD], status=None)
        check(started.returncode != 0, "it started")
        if said is None:                                    # only the service has its credentials
            check_equal((checked.returncode, checked.stderr), (0, ""), "what --check says")
            check_in("are not looked at", checked.stdout)
            return
        check_in(said, started.stderr, "the start")
        check_in(said, checked.stderr, "--check")
        check_equal(checked.returncode, started.returncode, "status of --check, and that of the start")
        check_equal((checked.stderr.count("\n"), checked.stdout), (1, ""), "lines of %r, and what else is said" % checked.stderr)


for mistake in REFUSED:
    make_refused(*mistake)


@test("--check names all of them, makes nothing, and is content with the configuration of a daemon that runs")
def nothing_made():
    place = temporary("nothing")
    options = {"state_dir": place + "/state", "control": place + "/run/control.sock", **tls()}
    daemon = Daemon(start=False, workers=1, **options)
    def checked(status=0, **changes):
        daemon.write_config(**changes)
        return run_program([SISD, "--check", "-c", daemon.config, "-L", BUILD], status=status)
    check_equal(checked().stdout, "%s: no problems\n" % daemon.config, "output")
    check_equal(os.listdir(place), [], "what --check made")
    said = checked(None, listen=["192.0.2.1:0"], state_dir="/nonexistent/below/state", **tls(key=another_key)).stderr
    for words in "192.0.2.1:0", "state_dir cannot be made", "tls_key is not the key":
        check_in(words, said)
    with Daemon(workers=1, metrics_listen="127.0.0.1:0", **tls()) as running:
        metrics = running.status()["metrics_listen"]
        running.write_config(listen=["127.0.0.1:%d" % running.port], metrics_listen=metrics)
        check_in("no problems", run_program([SISD, "--check", "-c", running.config, "-L", BUILD]).stdout)
        check_not_in("CHECK", running.log_text())
        running.sisctl("status")


@test("the longest server names that are taken fit the certificate; a file system's own files and snapshots may be in a new state directory")
def longest():
    state = made("state", 0o710)
    for name in ("lost+found", ".snapshots"):
        os.mkdir(os.path.join(state, name))
    with Daemon(workers=1, state_dir=state, server_names=["localhost"] + long_names(11) + [".".join(("e" * 60, "f" * 60, "g" * 60, "h" * 57))]) as daemon:
        daemon.client("alice").run("list")
        write_file(os.path.join(state, "note"), "of the administrator")
        daemon.restart()
        check_equal(sorted(os.listdir(state)), sorted(["db", "incoming", "keys", "lock", "lost", "lost+found", "note", "objects", ".snapshots"]), "state directory")


DOUBTS = [
    ("that names somebody else", lambda: tls(name="pictures.example.org"), "it is for none of server_names"),
    ("with a chain in a wrong order", lambda: tls(certificate=lambda authority: b"".join(map(authority.pem, (authority.leaf, authority.root, authority.intermediate)))),
     "was not issued by the one that follows"),
    ("that has ended", lambda: tls(days=-1 / 48), "has ended or not begun yet"),
]


def make_doubt(words, changes, said):
    @test("a certificate %s is said by --check and by the log, and keeps no daemon from starting" % words)
    def doubt():
        with Daemon(workers=1, **changes()) as daemon:
            line = daemon.wait_log("TLS_IDENTITY_DOUBT .*")
            check_in("browsers and others will refuse the certificate of tls_certificate: ", line)
            check_in(said, line)
            checked = run_program([SISD, "--check", "-c", daemon.config, "-L", BUILD])
            check_in("warning: browsers and others will refuse the certificate of tls_certificate: ", checked.stderr)
            check_in(said, checked.stderr)
            daemon.client("alice").run("list")
            daemon.write_config(**tls())
            before = daemon.log_size()
            daemon.reload()
            daemon.wait_log("in force: somebody else's", since=before)
            check_equal(daemon.log_text().count("TLS_IDENTITY_DOUBT"), 1, "doubts")
            check_equal(run_program([SISD, "--check", "-c", daemon.config, "-L", BUILD]).stderr, "", "what --check says of a right one")


for certificate in DOUBTS:
    make_doubt(*certificate)


@test("a file that is missing, a directory, or garbage never starts the daemon")
def unreadable():
    directory = temporary("config")
    for path in (directory + "/none", directory, "/dev/null/x"):
        done = run_program([SISD, "--check", "-c", path], status=None)
        check(done.returncode in (66, 74, 78) and path in done.stderr, "%s: %d, %r" % (path, done.returncode, done.stderr))
    done = run_program([SISD, "-f", "-c", write_file(directory + "/garbage", make_bytes(5000)), "-L", BUILD], status=78)
    check(done.stderr)


@test("an @include of a private file does not show its lines")
def include_leak():
    secret = write_file(os.path.join(temporary("secret"), "shadow"), "root:verysecret:1\n")
    said, _ = sisd_check('@include "%s"\n' % secret, 78)
    check_not_in("verysecret", said)


@test("a daemon does not start on a port that is taken, and says so")
def port_taken():
    with Daemon(workers=1) as first:
        second = Daemon(start=False, listen=["127.0.0.1:%d" % first.port])
        second.spawn()
        status = second.process.wait(20 * SLOW)
        second._gone()
        check(status != 0, "it started")
        check_in(str(first.port), second.log_text())
        first.is_serving()


@test("a daemon does not take over the state directory or control socket of a live one")
def state_taken():
    with Daemon(workers=1) as first:
        for changes in ({"state_dir": first.state_dir}, {"control": first.control}):
            second = Daemon(start=False, workers=1, **changes)
            second.spawn()
            status = second.process.wait(20 * SLOW)
            second._gone()
            check(status != 0, "it started with %r" % changes)
        first.is_serving()
        first.sisctl("status")


run()
