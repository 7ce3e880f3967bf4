#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator's task pages: every command on them, typed on a Debian system that systemd booted, prints what stands there."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import sis_pages
from sis_machine import *

NAME = "pictures.example.org"


class Reader:
    """Somebody who types what a page says. machines: what root's prompts mean, {"#": machine, "new#": machine}."""

    def __init__(self, machine, people=("alice", "bob"), **machines):
        self.machines = {"#": machine, **{name + "#": other for name, other in machines.items()}}
        self.names, self.processes = sis_pages.Names(), []
        for each in set(self.machines.values()):
            each.run("grep -q %s /etc/hosts || echo 127.0.0.1 %s >> /etc/hosts" % (NAME, NAME))
            for person in people:
                each.account(person)
        self.machine = machine

    def read(self, page, first=None, last=None):
        """Types the commands of a page."""
        wrong = []
        for step in sis_pages.steps(page):
            if isinstance(step, sis_pages.Carry):
                self.carry(step.path)
            elif isinstance(step, sis_pages.File):
                self.machine.write(step.path, self.names.apply(step.text))
            elif step.skipped is None:
                trouble = self.type(step)
                if trouble:
                    wrong.append(trouble)
        check(not wrong, "%s: %s" % (page, "\n".join(wrong)))

    def carry(self, path):
        """From the old host to the new one."""
        self.machines["new#"].write(path, self.machines["old#"].read(path, binary=True))

    def who(self, prompt):
        if prompt in self.machines:
            return self.machines[prompt], None
        return self.machine, prompt[:-1]

    def type(self, step):
        machine, user = self.who(step.prompt)
        line = self.names.apply(step.line)
        home = "/home/" + user if user else "/root"
        command = machine.command("cd %s && { %s ; } 2>&1" % (home, line), user, {"DEBIAN_FRONTEND": "noninteractive", "PAGER": "cat", "SYSTEMD_COLORS": "0"})
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120 * SLOW)
        got = done.stdout.decode("utf-8", "replace").splitlines()
        missing = sis_pages.compare(step.output, got)
        self.names.learn(step.output, got)
        if done.returncode == step.status and missing is None:
            return None
        return "%s\nended with %d, not %d; it printed:\n%s\nthe page has, and not found: %r" % (step, done.returncode, step.status, "\n".join(got), missing)


def packages_into(machine, directory="/root"):
    for name in ("sisd", "sis"):
        path = sis_debian.packages()[name]
        machine.write(os.path.join(directory, os.path.basename(path)), read_file(path))


def ready_machine():
    """A server as sis-install(7) leaves it, with the name of the pages."""
    machine = Machine()
    machine.install("sisd", "sis")
    machine.write("/etc/sis/sisd.conf", 'server_names = [ "%s" ];\n' % NAME)
    machine.run("grep -q %s /etc/hosts || echo 127.0.0.1 %s >> /etc/hosts; systemctl reload sisd" % (NAME, NAME))
    return machine


@test("sis-install(7)", root=True)
def install():
    with Machine() as machine:
        packages_into(machine)
        machine.account("carla")
        Reader(machine).read("sis-install.7")


@test("sis-users(7)", root=True)
def users():
    with ready_machine() as machine:
        Reader(machine).read("sis-users.7")


@test("sis-revocation(7)", root=True)
def revocation():
    with ready_machine() as machine:
        Reader(machine).read("sis-revocation.7")


@test("sis-certificates(7): a certificate from elsewhere is taken, and replaced, and people enroll as before", root=True)
def certificates():
    with ready_machine() as machine:
        Reader(machine).read("sis-certificates.7")


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
