#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sis before a server that has too much to do, or asks to go more slowly: it says so, waits as asked, and goes on; and gives up with a clear sentence."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


def crowd(daemon, device, n):
    """n connections that are served and stay."""
    held = [daemon.http(device) for _ in range(n)]
    for connection in held:
        check_equal(daemon.request("GET", "/v1/whoami", connection=connection).status, 200, "a connection that is held")
    return held


@test("an overloaded server: sis says that it waits, and goes on when there is room; asked for too much patience, it ends with 75 and says why")
def overloaded():
    with Daemon(workers=1, max_connections=8) as daemon:
        alice, holder = daemon.client("alice"), enroll_device(daemon)
        wait_for(lambda: daemon.status()["connections"] == 0, "earlier connections to end")
        held = crowd(daemon, holder, 8)
        with subprocess.Popen([os.path.join(BUILD, "sis"), "--home", alice.home, "list"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            line = waiting.stderr.readline()
            check(re.search(r"the server has too much to do at the moment; trying again in \d seconds?", line), "line %r" % line)
            for connection in held:
                connection.close()
            check_equal(waiting.wait(60 * SLOW), 0, "exit status")
        held = crowd(daemon, holder, 8)
        done = alice.run("list", status=None)
        check_equal(done.returncode, 75, "exit status when it lasts")
        check(re.search(r"The server has as many connections as it takes; try again in \d seconds?", done.stderr), "error %r" % done.stderr)
        check(2 <= done.stderr.count("trying again") <= 4, "tries in %r" % done.stderr)
        done = alice.run("--json", "list", status=75)
        check_equal(json.loads(done.stderr.strip().splitlines()[-1])["error"], "BUSY", "--json")
        check_not_in("trying again", done.stderr, "--json")


@test("a server that asks to go more slowly gets many files all the same, and large ones")
def slowly():
    with Daemon(workers=1, requests_per_user=2) as daemon:
        alice, bob = daemon.client("alice"), daemon.client("bob")
        place = temporary("pictures")
        paths = [write_file(os.path.join(place, "%d.bin" % n), make_bytes(3000, n)) for n in range(24)]
        paths.append(write_file(os.path.join(place, "large.bin"), make_bytes(3 << 20)))
        done = alice.run("upload", *paths, "--to", "bob", "--keep-metadata", "--no-thumbnail")
        check_in("the server asks to go more slowly; trying again in", done.stderr, "the note")
        check(daemon.status()["refusals"].get("TOO_MANY", 0) > 0, "nothing was refused")
        check_equal(len(bob.items()), 25, "bob's items")


run()
