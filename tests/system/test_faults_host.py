#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the system around sisd, under load: journald stands still or is gone, /run/sis is removed, systemd executes itself anew, D-Bus ends, the
machine is switched off."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_load import *

_people = None


def people():
    global _people
    if _people is None:
        machine = shared_machine("sisd", "sis")
        _people = machine.person("alice"), machine.person("bob")
    return (_people[0].machine,) + _people


def audited(machine, event):
    """Items of the audit trail's lines of this event."""
    text = machine.sisctl("--json", "logs", "--audit", "--event", event).stdout
    return set(find_item_ids(text)) | {entry.get("SIS_ITEM") for entry in map(json.loads, text.splitlines())}


@test("journald stands still: nobody waits for it, and the audit trail is complete", root=True)
def journald_stopped():
    machine, alice, bob = people()
    pid = machine.main_pid("systemd-journald.service")
    with Load(alice, bob) as load:
        load.wait_uploads()
        machine.run(["kill", "-STOP", str(pid)])
        try:
            slowest = max(load.wait_uploads(1) for _ in range(20))
            check(machine.is_active("sisd"), "it has ended")
        finally:
            machine.run(["kill", "-CONT", str(pid)])
        print("# journald stopped: 20 uploads, the slowest after %.1f s" % slowest)
        load.wait_uploads()
    load.verify()
    check_equal(sorted(set(load.acknowledged) - audited(machine, "UPLOADED")), [], "acknowledged uploads that the audit trail lacks")


@test("journald is stopped, killed and started anew: sisd goes on, logs into the new one, and the audit trail is complete", root=True)
def journald_gone():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        machine.systemctl("stop", "systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald-audit.socket", status=None)
        load.wait_uploads(10)
        # Whichever of them another has started already refuses: what counts is that all are there.
        machine.systemctl("reset-failed", "systemd-journald*", status=None)
        for unit in "systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service":
            machine.systemctl("start", unit, status=None)
        machine.wait_active("systemd-journald.service")
        load.wait_uploads()
        after = machine.cursor()
        load.wait_uploads()
        machine.wait_journal(" uploaded ", after=after)
        machine.systemctl("restart", "systemd-journald.service")
        after = machine.cursor()
        load.wait_uploads()
        machine.wait_journal(" uploaded ", after=after)
        machine.systemctl("kill", "--signal=KILL", "systemd-journald.service")
        load.wait_uploads()
    load.verify()
    check_equal(sorted(set(load.acknowledged) - audited(machine, "UPLOADED")), [], "acknowledged uploads that the audit trail lacks")


@test("/run/sis removed: people notice nothing, and a restart of the sockets brings the control socket back", root=True)
def run_removed():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        machine.run("rm -r /run/sis")
        load.wait_uploads()
        done = machine.sisctl("status", status=None)
        print("# sisctl without its socket: " + done.stderr.strip())
        check(done.returncode != 0 and done.stderr.startswith("sisctl: "), "sisctl: %r" % done.stderr)
        machine.systemctl("restart", "sisd.socket")
        load.wait_uploads()
        machine.sisctl("status")
    load.verify()


@test("systemd executes itself anew, and D-Bus is gone: nobody notices", root=True)
def systemd_anew():
    machine, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        before = machine.main_pid()
        machine.systemctl("daemon-reexec")
        load.wait_uploads()
        machine.systemctl("stop", "dbus.service", "dbus.socket", status=None)
        load.wait_uploads()
        check_equal(machine.main_pid(), before, "the daemon")
        machine.sisctl("status")
        machine.systemctl("start", "dbus.socket", status=None)
    load.verify()


@test("the machine is switched off: sisd is stopped in order and in time, and the next boot has nothing to recover", root=True)
def switched_off():
    with Machine() as machine:
        machine.install("sisd", "sis")
        alice, bob = machine.person("alice"), machine.person("bob")
        # Kept over the boot.
        machine.run("mkdir -p /var/log/journal && systemctl restart systemd-journald && systemd-tmpfiles --create --prefix /var/log/journal && journalctl --flush",
                    status=None)
        items = [alice.upload(alice.file("file%d" % n, os.urandom(200000)), "bob") for n in range(3)]
        # A live connection, of a service that systemd ends like sisd itself.
        machine.run(["systemd-run", "--unit=watch", "--uid=bob", "--setenv=HOME=/home/bob", "sis", "watch", "--no-notify"])
        wait_for(lambda: json.loads(machine.sisctl("--json", "status").stdout)["watchers"] == 1, "the watch to begin")
        began = time.monotonic()
        machine.power_off()
        print("# switched off within %.1f s" % (time.monotonic() - began))
        machine.boot()
        machine.wait_active()
        check_equal(sorted(bob.items()), sorted(items), "what bob sees after the boot")
        before = [entry["MESSAGE"] for entry in machine.journal(UNIT, "--boot=-1")]
        check(any(text.startswith("sisd is stopping") for text in before), "it was not stopped in order: %s" % before[-5:])
        check_equal([entry["MESSAGE"] for entry in machine.journal(UNIT, "--boot=0") if "unclean stop" in str(entry["MESSAGE"])], [], "recoveries")


run()
