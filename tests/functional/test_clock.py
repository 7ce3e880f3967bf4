#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that jumps: what has ended is not removed before somebody may believe it, and everything else says what is wrong."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_clock import *


def objects(daemon):
    return sum(len(files) for _, _, files in os.walk(os.path.join(daemon.state_dir, "objects")))


def share_for(client, days, *to):
    path = write_file(os.path.join(temporary("file"), "brief"), "something that ends")
    done = client.run("--json", "upload", "--keep-metadata", "--no-thumbnail", "--to", ",".join(c.user for c in to), "--expire", "%dd" % days, path)
    return find_item_id(done.stdout)


@test("a clock that jumps ten years ahead ends nothing for good: when it is right again, everything is as before")
def ahead_and_back():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        item = share_for(alice, 30, bob)
        invite = daemon.invite("carol")
        before = daemon.log_size()
        clock.jump(days=3650)
        daemon.wait_log("the clock is 36[0-9][0-9] days ahead of what it was a moment ago", since=before)
        check_in("IN DOUBT", daemon.status()["clock_warning"], "status")
        bob.run("list", status=None)                        # is not served, if only because the certificate has ended, too
        dave = ClockClient(clock, daemon, "dave")
        clock.pass_time("signer")
        daemon.wait_log("TLS certificate in force", since=before)
        check_in("clock has jumped", dave.run("enroll", daemon.invite("dave"), status=None).stderr)
        check_equal(objects(daemon), 1, "objects while the clock is ahead")
        clock.jump(days=-3650)
        daemon.wait_log("the clock counts again: it is what it was before", since=before)
        check_not_in("clock_warning", daemon.status(), "status")
        before = daemon.log_size()
        clock.pass_time("signer")
        daemon.wait_log("TLS certificate in force", since=before)
        check_equal(bob.items(), [item], "what bob sees")
        ClockClient(clock, daemon, "carol").run("enroll", invite)
        dave.run("enroll", daemon.sisctl("invite", "dave").stdout.strip())
        check_not_in("came to its end", daemon.log_text())


@test("after a jump that was right, what has ended goes when the administrator says so, or after a day")
def accepted():
    for way in ("administrator", "day"):
        clock = Clock()
        with clock.daemon(workers=1) as daemon:
            alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
            share_for(alice, 5, bob)
            check_in("not in doubt", daemon.sisctl("clock", "accept", status=None).stderr)
            before = daemon.log_size()
            clock.jump(days=6)
            daemon.wait_log("days ahead of what it was a moment ago", since=before)
            check_equal(bob.items(), [], "what bob sees")
            check_equal(objects(daemon), 1, "objects while it is in doubt")
            if way == "day":
                clock.forward(seconds=86400 + 5)
            else:
                daemon.sisctl("clock", "accept")
                daemon.wait_log(r"CLOCK_TRUSTED .*the administrator \((root|uid [0-9]+)\) says that it is right")
            daemon.wait_log("the clock counts again: " + ("it has stood so" if way == "day" else "the administrator"), since=before)
            daemon.wait_log("came to its end and was deleted", since=before)
            wait_for(lambda: objects(daemon) == 0, "the object to be gone")


@test("time that really passes, a host's sleep included, is no jump")
def sleep():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        share_for(alice, 5, bob)
        clock.forward(days=6)
        daemon.wait_log("came to its end and was deleted")
        check_not_in("CLOCK_JUMPED", daemon.log_text())


@test("a start more than a week after the last one is looked at with doubt, too; one far before it says which clock is wrong")
def at_start():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        item = share_for(alice, 30, bob)
        daemon.stop()
        before = daemon.log_size()
        clock.jump(days=3650)
        daemon.start()
        daemon.wait_log("the clock is 36[0-9][0-9] days ahead of what it was when sisd last ran", since=before)
        check_equal(objects(daemon), 1, "objects")
        daemon.stop()                                       # the time in doubt is not kept
        clock.jump(days=-3650)
        daemon.start()
        check_equal(bob.items(), [item], "what bob sees")
        daemon.stop()
        before = daemon.log_size()
        clock.jump(days=-30)
        daemon.start()
        daemon.wait_log("the clock is (29|30) days behind what it was when sisd last ran", since=before)
        check_in("not valid yet", daemon.request("GET", "/v1/whoami", who=alice, verify=False).json()["detail"])
        check_in("not valid yet", bob.run("list", status=None).stderr)


@test("a clock that goes back while it runs: the server's certificate is made anew, numbers still grow, and it is said")
def back():
    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        alice, bob = clock.client(daemon, "alice"), clock.client(daemon, "bob")
        first = share_for(alice, 200, bob)
        clock.jump(seconds=-200)                            # less than what certificates allow for
        second = share_for(alice, 200, bob)
        sequences = {i["item"]: i["sequence"] for i in bob.json("list")}
        check(sequences[second] > sequences[first], "the numbers went back: %r" % sequences)
        before = daemon.log_size()
        clock.jump(days=-30)
        daemon.wait_log("the clock is (29|30) days behind what it was a moment ago", since=before)
        clock.pass_time("signer")
        daemon.wait_log("TLS certificate in force", since=before)
        check_equal(daemon.request("GET", "/healthz", verify=False).body, b"ok\n", "GET /healthz")


run()
