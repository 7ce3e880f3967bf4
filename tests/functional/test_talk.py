#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words: messages as items, and conversations."""

import base64
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


def listed(client):
    """What `sis --json list` says of each item, oldest first."""
    return [json.loads(line) for line in client.run("--json", "list", "--all").stdout.splitlines()]


@test("send: sealed, padded, for everybody named; list shows the first line, get the words; the server sees neither words nor length")
def send_words():
    daemon = shared_daemon()
    alice, bob, carol = (daemon.client(name) for name in ("alice", "bob", "carol"))
    words = "Grüße vom Gipfel\nzweite Zeile"
    item = json.loads(alice.run("--json", "send", "bob,carol", words).stdout)["item"]
    for client in (alice, bob, carol):
        entry = listed(client)[-1]
        check_equal((entry["item"], entry["kind"], entry["words"], entry["to"], entry["number"], entry["verified"]),
                    (item, "message", words, ["alice", "bob", "carol"], 1, True), client.user)
    line = bob.run("list").stdout
    check_in("Grüße vom Gipfel", line)
    check_not_in("zweite", line)
    check_equal(bob.run("get", item, "-o", "-").stdout, words, "the words")
    directory = temporary("got")
    carol.run("get", item, "-o", directory)
    check_equal(os.listdir(directory), ["message.txt"], "files")
    sizes = set()
    for word in ("a", "b" * 300):
        wire = json.loads(daemon.request("GET", "/v1/items/%s" % json.loads(alice.run("--json", "send", "bob,carol", word).stdout)["item"], who=bob).body)
        sizes.add(re.search(r"^object (\d+) ", wire["statement"], re.M).group(1))
    check_equal(sizes, {"528"}, "sealed sizes")
    check_equal(find_in_tree(daemon.directory, [b"vom Gipfel", b"zweite Zeile"]), [], "occurrences on the server")


@test("send: standard input, replies, and what is refused")
def send_forms():
    daemon = shared_daemon()
    dora, emil = daemon.client("dora"), daemon.client("emil")
    first = dora.run("send", "emil", input=b"from a pipe\n").stdout.split()[0]
    second = json.loads(emil.run("--json", "send", "dora", "yes", "--reply-to", first[:10]).stdout)["item"]
    entries = {entry["item"]: entry for entry in listed(dora)}
    check_equal(entries[first]["words"], "from a pipe", "words")
    check_equal((entries[second]["reply_to"], entries[second]["number"]), (first, 1), "reply and number")
    check_in("no words", dora.run("send", "emil", "", status=64).stderr)
    check_in("60000", dora.run("send", "emil", input=b"x" * 60001, status=65).stderr)
    check_in("UTF-8", dora.run("send", "emil", input=b"\xff\xfe", status=65).stderr)
    check_in("nobody", dora.run("send", "nobody", "x", status=67).stderr)
    emil.run("send", "dora", "a" * 60000)
    check_equal(len(listed(dora)[-1]["words"]), 60000, "the longest")
    check_equal(len(listed(dora)), 3, "items")


@test("a message that was refused, or whose confirmation was lost, uses up no number; a lost state is found again in what was sent")
def numbers():
    with Daemon(workers=1) as daemon:
        fred, gina = daemon.client("fred"), daemon.client("gina")
        fred.run("send", "gina", "one")
        port = daemon.port
        daemon.stop()
        fred.run("send", "gina", "never", status=69)
        daemon.start()
        check_equal(daemon.port, port, "port")
        fred.run("send", "gina", "two")
        for path in glob.glob(os.path.join(fred.home, "profiles/default/conversations/*.json")):
            os.unlink(path)
        fred.run("send", "gina", "three")
        fred.run("send", "gina", "four")
        check_equal([(e["words"], e["number"]) for e in listed(gina)], [("one", 1), ("two", 2), ("three", 3), ("four", 4)], "messages")
        modes = {oct(os.stat(p).st_mode & 0o777) for p in glob.glob(os.path.join(fred.home, "profiles/default/conversations/*"))}
        check_equal(modes, {"0o600"}, "modes")


if __name__ == "__main__":
    run()
