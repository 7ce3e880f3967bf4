#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log on a real system: journald's fields, the catalog, sisctl logs for whom it can be read and for whom not, a journald that stops; figures by
sisd-metrics.socket."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *
from sis_prometheus import *

EVENTS = {m[1]: m[2] for m in re.finditer(r'^EVENT\((\w+),\s+"([0-9a-f]{32})"', read_file(os.path.join(SOURCE, "src/base/event.def")).decode(), re.MULTILINE)}
PICTURE = read_file(make_picture())
JOURNALD = ("systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald-audit.socket", "systemd-journald.service")


def entries(machine, *arguments, user=None):
    """What sisctl logs prints, as dictionaries."""
    return [json.loads(line) for line in machine.run(["sisctl", "logs", "-o", "json", *arguments], user=user).stdout.splitlines()]


_people = {}


def people():
    """The machine, alice with an item that she has shared, bob who has fetched it, and ada, who administrates but may not read the journal."""
    machine = shared_machine("sisd", "sis")
    if not _people:
        alice, bob = machine.person("alice"), machine.person("bob")
        alice.file("secret-name.jpg", PICTURE)
        item = alice.upload("/home/alice/secret-name.jpg", "bob")
        check_equal(bob.get(item), PICTURE, "what bob got")
        machine.account("ada", ["sis-admin"])
        _people.update(alice=alice, bob=bob, item=item)
    return machine, _people["item"]


@test("every event in the journal has its MESSAGE_ID, its fields and the unit that journald itself saw, and names no picture", root=True)
def fields():
    machine, item = people()
    machine.wait_journal("fetched " + item)
    machine.run("journalctl --sync")
    told = machine.journal(UNIT, "SYSLOG_IDENTIFIER=sisd")
    for entry in told:
        check_equal(entry["MESSAGE_ID"], EVENTS[entry["SIS_EVENT"]], entry["SIS_EVENT"])
        check(entry["SIS_SENDER"] in ("master", "signer", "ledger", "worker") and entry["PRIORITY"] in "34567" and entry["_SYSTEMD_UNIT"] == "sisd.service", repr(entry))
        check_not_in("secret-name", repr(entry), "the journal")
    for name, wanted in (("ENROLLED", dict(SIS_USER="alice")), ("UPLOADED", dict(SIS_USER="alice", SIS_ITEM=item)), ("FETCHED", dict(SIS_USER="bob", SIS_ITEM=item)),
                         ("USER_ADDED", dict(SIS_USER="bob", SIS_PEER="root"))):
        found = [e for e in machine.journal("MESSAGE_ID=" + EVENTS[name]) if all(e.get(k) == v for k, v in wanted.items())]
        check_equal(len(found), 1, "%s %r" % (name, wanted))
        check(name == "USER_ADDED" or re.fullmatch(r"127\.0\.0\.1:\d+|\[::1\]:\d+", found[0]["SIS_PEER"]), "peer of %r" % found)
        check(name not in ("UPLOADED", "FETCHED") or int(found[0]["SIS_BYTES"]) > 0, "bytes of %r" % found)


@test("journalctl -x explains each event, and says what to do", root=True)
def catalog():
    machine, item = people()
    text = machine.run(["journalctl", "-x", "--no-pager", "--quiet", "MESSAGE_ID=" + EVENTS["UPLOADED"]]).stdout
    check_in("Subject: alice/", text)
    check_in("uploaded " + item, text)
    check_in("An item was verified and is stored durably.", text)
    check_in("What to do:", text)
    listed = machine.run("journalctl --list-catalog").stdout
    check_equal([name for name, number in EVENTS.items() if number not in listed], [], "events without an explanation")


@test("sisctl logs reads the journal with every filter, for root; who administrates and may not read the journal gets the audit trail", root=True)
def filters():
    machine, item = people()
    everything = entries(machine)
    check("STARTED" in {e["event"] for e in everything} and "sequence" not in everything[0], "root does not read the journal: %r" % everything[:2])
    check_equal({e["user"] for e in entries(machine, "--user", "alice")}, {"alice"}, "--user")
    check_equal({e["item"] for e in entries(machine, "--item", item)}, {item}, "--item")
    check_equal([(e["user"], e["event"]) for e in entries(machine, "--event", "fetched")], [("bob", "FETCHED")], "--event")
    check_equal(len(entries(machine, "--since", "1 hour ago")), len(entries(machine, "--since", "1h")), "--since")
    check_equal(entries(machine, "--until", "1 hour ago"), [], "--until")
    check("sequence" in entries(machine, "--audit")[0], "--audit")
    check_equal(machine.run(["journalctl", "--quiet", "-n", "1"], user="ada", status=None).stdout, "", "ada reads the journal")
    hers = entries(machine, "--user", "alice", user="ada")
    check(hers and all("sequence" in e for e in hers), "ada's log %r" % hers[:2])
    check_equal([(e["user"], e["item"]) for e in entries(machine, "--event", "UPLOADED", user="ada")], [("alice", item)], "ada's --event")
    check_in("uploaded " + item, machine.run(["sisctl", "logs"], user="ada").stdout)
    machine.account("eve")
    refused = machine.run(["sisctl", "logs"], user="eve", status=77).stderr
    check_in("sis-admin", refused)


@test("sisctl logs -f goes on when the journal is rotated and its old files are removed", root=True)
def follow():
    machine, _ = people()
    process = machine.popen(["sisctl", "logs", "-f", "--event", "USER_ADDED", "--since", "1h"])
    try:
        check_in("user alice added", process.stdout.readline())
        machine.sisctl("add", "before-rotation")
        check_in("bob", process.stdout.readline())
        check_in("before-rotation", process.stdout.readline())
        machine.run("journalctl --rotate && journalctl --vacuum-files=1")
        machine.sisctl("add", "after-rotation")
        check_in("after-rotation", process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


@test("a journald that is stopped holds nobody up, the audit trail has everything, and afterwards the journal is told how much it lacks", root=True)
def stopped():
    machine, _ = people()
    started = machine.show("sisd.service", "MainPID", "NRestarts")
    machine.systemctl("stop", *JOURNALD, limit_s=60)
    try:
        check(not machine.is_active("systemd-journald.service"), "journald runs")
        for n in range(20):
            machine.sisctl("add", "unheard-%d" % n)
        machine.is_serving()
        check_equal(sum("unheard-" in e["user"] and e["event"] == "USER_ADDED" for e in entries(machine, "--audit")), 20, "lines of the audit trail")
    finally:
        machine.systemctl("start", *JOURNALD, limit_s=60)
    machine.sisctl("add", "heard-again")
    machine.wait_journal("user heard-again added")
    lost = machine.wait_journal("lines of the log are lost")
    check(lost["MESSAGE_ID"] == EVENTS["LOG_LOST"] and int(lost["SIS_COUNT"]) >= 20, "what was told of it: %r" % lost)
    check_equal(machine.show("sisd.service", "MainPID", "NRestarts"), started, "the daemon")
    check_in("0 problems", machine.sisctl("audit", "verify").stdout.replace("no problem", "0 problem"))


@test("a journald that is killed or stands still is not waited for, and comes back by itself", root=True)
def killed():
    machine, _ = people()
    pid = machine.main_pid("systemd-journald.service")
    machine.run(["kill", "-STOP", str(pid)])
    try:
        for n in range(10):
            machine.sisctl("add", "stalled-%d" % n, limit_s=20)
        machine.is_serving()
    finally:
        machine.run(["kill", "-CONT", str(pid)])
    machine.wait_journal("user stalled-9 added")
    machine.run(["kill", "-KILL", str(pid)])
    machine.wait_active("systemd-journald.service")
    machine.sisctl("add", "after-kill")
    wait_for(lambda: any(e["user"] == "after-kill" for e in entries(machine, "--audit")), "the audit trail")
    machine.sisctl("add", "later")
    machine.wait_journal("user later added")


@test("each process of the unit is confined, each role under an id of its own, as the kernel says it", root=True)
def sandbox():
    machine, _ = people()
    roles = json.loads(machine.sisctl("--json", "status").stdout)["roles"]
    check(all(r["confined"] for r in roles), "roles %r" % roles)
    check_equal(len({r["measured"]["uid"] for r in roles}), 4, "user ids")
    check_equal({r["measured"]["capabilities"] for r in roles if r["role"] != "master"}, {"0" * 16}, "capabilities")


@test("figures for Prometheus: nobody listens until sisd-metrics.socket is enabled, then curl gets them, over restarts too", root=True)
def metrics():
    machine, _ = people()
    check_equal(machine.systemctl("is-enabled", "sisd-metrics.socket", status=None).stdout.strip(), "disabled", "after the installation")
    machine.run("curl -sS http://127.0.0.1:9743/metrics", status=7)
    machine.systemctl("stop", "sisd.service")
    machine.systemctl("enable", "--now", "sisd-metrics.socket")
    machine.systemctl("start", "sisd.service")
    for _ in range(2):
        text = machine.run("curl -sS --fail http://127.0.0.1:9743/metrics", user="bob").stdout
        _, samples = read_metrics(text)
        check_equal(samples["sis_user_items", (("user", "alice"),)], 1, "items of alice")
        check_equal(json.loads(machine.sisctl("--json", "status").stdout)["metrics_listen"], "127.0.0.1:9743", "status")
        machine.is_serving()
        machine.systemctl("restart", "sisd.service")
    machine.run("curl -sS --fail -H 'Host: evil.example' http://127.0.0.1:9743/metrics", status=22)
    machine.systemctl("disable", "--now", "sisd-metrics.socket")
    machine.systemctl("restart", "sisd.service")
    machine.run("curl -sS http://127.0.0.1:9743/metrics", status=7)
    machine.is_serving()


run()
