#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisd --check: what a configuration may say, and what each mistake is told."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
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
