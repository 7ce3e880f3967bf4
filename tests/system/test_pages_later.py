#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator's task pages of later days: the log, another host, backups; and that every page is installed."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_reader import *


@test("sis-log(7)", root=True)
def log():
    with ready_machine() as machine:
        Reader(machine).read("sis-log.7")


@test("sis-moving(7): what was shared on the old host is read from the new one, by devices that are told nothing", root=True)
def moving():
    with ready_machine() as old, Machine() as new:
        packages_into(new)
        reader = Reader(old, old=old, new=new)
        for name in ("alice", "bob"):
            old.run(["sis", "enroll", old.sisctl("add", name).stdout.strip()], user=name)
        old.run("sis upload /usr/share/pixmaps/debian-logo.png --to bob && sis upload /usr/share/pixmaps/debian-logo.png --to bob", user="alice")
        reader.read("sis-moving.7")
        # Bob's device moves with its home: it finds the server under the same name.
        new.write("/home/bob.tar", old.run("tar -C /home -c bob", binary=True).stdout)
        new.run("tar -C /home -xf /home/bob.tar && apt-get -qq -y install /root/sis_*.deb", environment={"DEBIAN_FRONTEND": "noninteractive"})
        check_in("ok  debian-logo.png", new.run("sis list", user="bob").stdout)


@test("sis-backup(7): a snapshot, verified, restored, and mended from", root=True)
def backup():
    with ready_machine() as machine:
        reader = Reader(machine)
        for name in ("alice", "bob"):
            machine.run(["sis", "enroll", machine.sisctl("add", name).stdout.strip()], user=name)
        machine.run("sis upload /usr/share/pixmaps/debian-logo.png --to bob && sis upload /usr/share/pixmaps/debian-logo.png --to bob", user="alice")
        machine.run("sis list", user="bob")
        reader.read("sis-backup.7")
        check_in("set back", machine.run("sis list", user="bob", status=None).stderr)
        check_in("ok  debian-logo.png", machine.run("sis list --accept-restored", user="bob").stdout)


@test("sis-instances(7): a second server, which then gets users of its own, whom the kernel names; the first one notices nothing", root=True)
def instances():
    with ready_machine() as machine:
        def ids():
            """{role: its user and group, as /proc shows them}, and the group of the master."""
            found = {}
            for role in json.loads(machine.sisctl("--instance", "studio", "--json", "status").stdout)["roles"]:
                fields = dict(line.split(":", 1) for line in machine.read("/proc/%d/status" % role["pid"]).splitlines())
                uids, gids = set(fields["Uid"].split()), set(fields["Gid"].split())
                check_equal((len(uids), len(gids), fields["Groups"].strip()), (1, 1, ""), "different ids of %s" % role["role"])
                found[role["role"].split()[0]] = tuple(machine.run(["getent", kind, ids.pop()]).stdout.split(":")[0] for kind, ids in (("passwd", uids), ("group", gids)))
            return found
        reader = Reader(machine)
        reader.read("sis-instances.7", until="systemd-sysusers")
        check_equal(ids(), {"master": ("root", "sis"), "signer": ("sis-signer", "sis-signer"), "ledger": ("sis-ledger", "sis"), "worker": ("sis-worker", "sis")},
                    "ids before")
        reader.read("sis-instances.7", after="systemd-sysusers", until="systemctl disable")
        check_equal(ids(), {"master": ("root", "sis-studio"), "signer": ("sis-studio-signer",) * 2, "ledger": ("sis-studio-ledger", "sis-studio"),
                            "worker": ("sis-studio-worker", "sis-studio")}, "ids afterwards")
        check_equal(machine.run(["stat", "--format=%a %U %G", "/run/sis-studio/control.sock"]).stdout, "660 sis-studio-ledger sis-admin\n", "control socket")
        machine.run("sis upload /usr/share/pixmaps/debian-logo.png", user="alice")
        check_in("debian-logo.png", machine.run("sis list", user="alice").stdout)
        check_equal(machine.run("find /var/lib/sis-studio -user sis-ledger -o -user sis-signer -o -group sis -o -group sis-signer").stdout, "", "what is left to the users before")
        machine.systemctl("restart", "sisd@studio.service")
        check_in("debian-logo.png", machine.run("sis list", user="alice").stdout)
        reader.read("sis-instances.7", after="systemctl disable")
        check_equal(machine.run("curl -sS --cacert /var/lib/sis/keys/ca.pem https://%s:7443/healthz" % NAME).stdout, "ok\n", "the first server")


@test("sis-administration(7), and every page of the manual is installed and can be found", root=True)
def administration():
    with ready_machine() as machine:
        Reader(machine).read("sis-administration.7")
        listed = machine.run("dpkg -L sisd sis").stdout
        for name in os.listdir(os.path.join(SOURCE, "man")):
            if name[-1].isdigit():
                check_in("/usr/share/man/man%s/%s.gz" % (name[-1], name), listed, "dpkg -L")


run()
