#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role killed, stopped and starved under load, beneath a systemd that booted: what was acknowledged stays, and everybody comes back by themselves."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_load import *

RECOVERY = "7f1cf25efee64a8d9cbfb7d357bf7b2f"           # MESSAGE_ID of RECOVERED
DELAYED = "e52e6d51245a48a7ba2b9520ca499114"            # of START_DELAYED
BUDGET_S = float(os.environ.get("SIS_FAULT_SECONDS", 8))
SEED = int(os.environ.get("SIS_FAULT_SEED") or random.SystemRandom().randrange(1 << 32))


@test("SIGKILL of each role in turn, of all workers, of the whole service: acknowledged uploads survive, and service comes back by itself", root=True)
def killed():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        for victim in "worker", "workers", "signer", "ledger", "master", "all":
            after, pids = machine.cursor(), roles(machine)
            chosen = {"workers": pids["worker"], "all": sum(pids.values(), [])}.get(victim) or pids[victim][:1]
            began = time.monotonic()
            # Of all, some are gone before it is their turn.
            machine.run(["kill", "-KILL", *map(str, chosen)], status=None)
            wait_for(lambda: all(is_gone(machine, pid) for pid in chosen), "%s to be gone" % victim)
            took = time.monotonic() - began + load.wait_uploads()
            print("# SIGKILL of %s: uploads again after %.1f s" % (victim, took))
            if victim in ("worker", "workers", "signer", "ledger"):
                machine.wait_journal(r"^%s \(process %d\) died: signal 9 \(Killed\)" % (victim.rstrip("s"), chosen[0]), "MESSAGE_ID=" + DEATH, after=after)
            if victim in ("master", "all"):
                machine.wait_journal("^after an unclean stop: ", "MESSAGE_ID=" + RECOVERY, after=after)
    load.verify()


@test("ten deaths in a row: systemd does not give up, the sockets stay open, each further start waits longer, and a restart by hand does not", root=True)
def never_gives_up():
    machine, _alice, _bob = people()
    for _ in range(3):
        machine.systemctl("kill", "--signal=KILL", "--kill-whom=all", "sisd")
        machine.wait_active()
    # As good as the seven deaths more that this would take, without the two minutes.
    machine.write("/run/sis/master/starts", "10\n")
    after = machine.cursor()
    machine.systemctl("kill", "--signal=KILL", "--kill-whom=all", "sisd")
    check_equal(machine.wait_journal("next try", "MESSAGE_ID=" + DELAYED, after=after)["MESSAGE"],
                "the last 10 starts failed, or did not last a minute: the next try is in 60 seconds", "the journal")
    status = machine.systemctl("status", "sisd", status=None).stdout
    for part in "next try is in 60 seconds", '"systemctl restart" does not wait':
        check_in(part, status, "systemctl status")
    check(machine.is_active("sisd.socket"), "the sockets are closed")
    began = time.monotonic()
    machine.systemctl("restart", "sisd")
    check(time.monotonic() - began < 20 * SLOW, "the restart has waited")
    check(machine.is_serving(), "not serving")


@test("a wrong configuration does not end it for good either: when it is mended, sisd comes back by itself, and clients were only kept waiting", root=True)
def wrong_configuration():
    machine, alice, bob = people()
    before = machine.read("/etc/sis/sisd.conf")
    with Load(alice, bob, uploaders=1) as load:
        load.wait_uploads()
        after = machine.cursor()
        machine.write("/etc/sis/sisd.conf", before + "\nworkers = 1000;\n")
        try:
            check(machine.systemctl("restart", "sisd", status=None).returncode != 0, "it started")
            machine.wait_journal("workers", after=after)
            wait_for(lambda: int(machine.show("sisd", "NRestarts")["NRestarts"]) >= 2, "systemd to try again")
            check(machine.is_active("sisd.socket"), "the sockets are closed")
        finally:
            machine.write("/etc/sis/sisd.conf", before)
        print("# configuration mended: uploads again after %.1f s" % load.wait_uploads())
    load.verify()


@test("SIGSTOP of each role: a silent worker is replaced, a silent signer or ledger ends the daemon, a silent master meets systemd's watchdog", root=True)
def stopped():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        for victim in "worker", "signer", "ledger", "master":
            after, pid = machine.cursor(), roles(machine)[victim][0]
            began = time.monotonic()
            machine.run(["kill", "-STOP", str(pid)])
            wait_for(lambda: is_gone(machine, pid), "%s to be gone" % victim, 40)
            gone = time.monotonic() - began
            load.wait_uploads()
            print("# SIGSTOP of %s: gone after %.1f s, uploads again after %.1f s" % (victim, gone, time.monotonic() - began))
            if victim == "master":
                machine.wait_journal("Watchdog timeout", "UNIT=sisd.service", after=after)
            else:
                machine.wait_journal(r"^%s \(process %d\) died: it did not answer for 1 second" % (victim, pid), "MESSAGE_ID=" + DEATH, after=after)
    load.verify()


@test("a role that was stopped only for a moment goes on as if nothing had been", root=True)
def stopped_for_a_moment():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        before = roles(machine)
        for victim in "worker", "signer", "ledger", "master":
            pid = str(before[victim][0])
            machine.run(["sh", "-c", "kill -STOP %s; sleep 0.3; kill -CONT %s" % (pid, pid)])
            load.wait_uploads(2)
        check_equal(roles(machine), before, "processes")
    load.verify()


@test("deaths and pauses of any role at random moments: nothing acknowledged is lost, nothing is repeated", root=True, limit_s=int(BUDGET_S) * 3 + 300)
def at_random():
    machine, alice, bob = people()
    chance = random.Random(SEED)
    print("# seed %d: SIS_FAULT_SEED=%d repeats the choices, SIS_FAULT_SECONDS=600 goes on for ten minutes" % (SEED, SEED))
    deadline, n = time.monotonic() + BUDGET_S, 0
    with Load(alice, bob, seed=SEED) as load:
        while time.monotonic() < deadline:
            # Not the delay between starts is tested here.
            machine.run("rm -f /run/sis/master/starts")
            pids = roles(machine)
            victim = chance.choice(["worker", "worker", "signer", "ledger", "master", "all"])
            chosen = sum(pids.values(), []) if victim == "all" else [chance.choice(pids.get(victim) or pids["master"])]
            words = " ".join(map(str, chosen))
            # The point in time is what is random here.
            threading.Event().wait(chance.uniform(0, 0.3))
            machine.run(chance.choice(["kill -KILL %s", "kill -STOP %s; sleep 0.5; kill -CONT %s"]).replace("%s", words), status=None)
            load.wait_uploads(2)
            wait_for(lambda: machine.sisctl("status", status=None).returncode == 0, "sisctl to be answered")
            n += 1
    load.verify()
    print("# %d faults" % n)


run()
