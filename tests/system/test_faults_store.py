#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk of the state directory is full, has no inodes left, or is read-only, under load and at the start: what can go on goes on, and the rest comes back."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_load import *

SHORT, AGAIN = "7f8d3aedb01749f082d22d8a33c612ac", "011c9405adc84bdfbce60ebb628b2268"           # MESSAGE_ID of ROOM_SHORT, ROOM_AGAIN
STATE = "/var/lib/sis"
FILL = STATE + "/of-others"


class Disk:
    """An ext4 of its own as the state directory of the machine, with what is there now."""

    def __init__(self, machine, megabytes=64, inodes=2048):
        self.machine, self.image = machine, os.path.join(temporary("disk"), "image")
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        run_program(["mkfs.ext4", "-q", "-F", "-m", "0", "-N", str(inodes), self.image])
        machine.systemctl("stop", "sisd", "sisd.socket")
        self.mount("/mnt")
        machine.run("cp -a %s/. /mnt && rm -rf /mnt/lost+found && umount /mnt" % STATE)
        self.mount(STATE)
        machine.systemctl("start", "sisd.socket", "sisd")

    def mount(self, where):
        done = run_program(["losetup", "--find", "--show", self.image], status=None)
        if done.returncode != 0:
            raise Skip("no loop devices here: " + done.stderr.strip())
        device = done.stdout.strip()
        number = os.stat(device).st_rdev
        done = self.machine.run("rm -f /dev/state; mknod /dev/state b %d %d && mount -t ext4 -o errors=remount-ro /dev/state %s"
                                % (os.major(number), os.minor(number), where), status=None)
        # From now on it goes with its mount, or, without one, at once.
        run_program(["losetup", "--detach", device])
        if done.returncode != 0:
            raise Skip("may not mount a disk in the machine: " + done.stderr.strip())

    def fill(self):
        """To the last byte, whoever has it now. An upload that is refused meanwhile gives back what it had: then once more."""
        line = "dd if=/dev/zero bs=64k >> %s; dd if=/dev/zero bs=512 >> %s; df --output=avail -B1 %s | tail -1" % (FILL, FILL, STATE)
        wait_for(lambda: self.machine.run(line, status=None).stdout.strip() == "0", "a disk that is full")


_people = None


def people():
    """One machine, its disk, and two users."""
    global _people
    if _people is None:
        machine = shared_machine("sisd", "sis")
        _people = machine, Disk(machine), machine.person("alice"), machine.person("bob")
    # What a test that failed has left.
    _people[0].run("rm -rf %s %s/many" % (FILL, STATE), status=None)
    return _people


@test("a full disk under load: uploads are refused with a reason, fetching, deleting, inviting and revoking go on, and room is all that it takes", root=True,
      needs=["losetup", "mkfs.ext4"])
def full():
    machine, disk, alice, bob = people()
    eve = machine.person("eve")
    mine = [alice.upload(alice.file("mine%d" % n, os.urandom(100000))) for n in range(3)]
    with Load(alice, bob) as load:
        load.wait_uploads()
        after = machine.cursor()
        disk.fill()
        print("# people are told: " + load.wait_refusal("disk is nearly full"))
        machine.wait_journal("disk of the state directory is nearly full", "MESSAGE_ID=" + SHORT, after=after)
        fetched = load.n_fetched
        disk.fill()
        check(alice.items(), "nothing is listed")
        alice.run("rm", mine[0])
        machine.sisctl("rm", mine[1])
        machine.sisctl("invite", "bob", "--device", "tablet")
        disk.fill()
        machine.sisctl("revoke", "eve")
        check_in("revoked", eve.run("list", status=77).stderr)
        wait_for(lambda: load.n_fetched > fetched + 2, "fetches on a full disk")
        pid = machine.main_pid()
        machine.run(["rm", FILL])
        machine.wait_journal("has room again", "MESSAGE_ID=" + AGAIN, after=after)
        print("# room again: uploads after %.1f s" % load.wait_uploads())
        check_equal(machine.main_pid(), pid, "the daemon, which needed no restart")
    load.verify()


@test("a full disk at the start: it starts, after an orderly stop and after a crash, and what makes room works", root=True, needs=["losetup", "mkfs.ext4"])
def full_at_start():
    machine, disk, alice, _bob = people()
    items = [alice.upload(alice.file("start%d" % n, os.urandom(300000))) for n in range(2)]
    disk.fill()
    machine.systemctl("restart", "sisd")
    alice.run("rm", items[0])
    disk.fill()
    machine.systemctl("kill", "--signal=KILL", "--kill-whom=all", "sisd")
    machine.wait_active()
    alice.run("rm", items[1])
    check_in("full", alice.run("upload", alice.file("more", b"more"), "--to", "alice", status=74).stderr)
    machine.run(["rm", FILL])
    wait_for(lambda: alice.run("upload", "/home/alice/more", "--to", "alice", status=None).returncode == 0, "an upload when there is room")
    machine.sisctl("check", "--full")


@test("no inodes left: uploads are refused with a reason, deleting makes room", root=True, needs=["losetup", "mkfs.ext4"])
def no_inodes():
    machine, disk, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        machine.run("mkdir %s/many; cd %s/many; i=0; while : > $i; do i=$((i+1)); done" % (STATE, STATE), status=None)
        print("# people are told: " + load.wait_refusal("disk is full|no space"))
        check(alice.items(), "nothing is listed")
        machine.sisctl("add", "carol")
        machine.run("rm -r %s/many" % STATE)
        print("# inodes again: uploads after %.1f s" % load.wait_uploads())
    load.verify()


@test("a file system that the kernel made read-only: uploads say so, fetching goes on; mounted again it goes on after a restart, and tries by itself", root=True,
      needs=["losetup", "mkfs.ext4"])
def read_only():
    machine, disk, alice, bob = people()
    with Load(alice, bob) as load:
        load.wait_uploads()
        # What ext4 does by itself when it finds itself damaged.
        machine.run("mount -o remount,abort " + STATE)
        print("# people are told: " + load.wait_refusal("read-only"))
        fetched = load.n_fetched
        wait_for(lambda: load.n_fetched > fetched + 2, "fetches from a read-only disk")
        check(machine.is_active("sisd"), "it has ended")
        after = machine.cursor()
        check(machine.systemctl("restart", "sisd", status=None).returncode != 0, "it has started")
        machine.wait_journal("Read-only file system", after=after)
        # Nobody starts sisd here; and while it waits, it does not see the empty directory beneath.
        machine.wait_journal("next try is in 4 seconds", after=after)
        machine.run("umount " + STATE)
        disk.mount(STATE)
        print("# writable again: uploads after %.1f s" % load.wait_uploads(limit_s=90))
    load.verify()


run()
