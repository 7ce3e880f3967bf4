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


@test("sis-administration(7), and every page of the manual is installed and can be found", root=True)
def administration():
    with ready_machine() as machine:
        Reader(machine).read("sis-administration.7")
        listed = machine.run("dpkg -L sisd sis").stdout
        for name in os.listdir(os.path.join(SOURCE, "man")):
            if name[-1].isdigit():
                check_in("/usr/share/man/man%s/%s.gz" % (name[-1], name), listed, "dpkg -L")


run()
