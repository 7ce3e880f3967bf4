#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages on a new Debian system: from apt-get install to the first picture that somebody else opens, who may administer, and what remains of them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *

PICTURE = read_file(make_picture())
_people = {}


def machine_with_people():
    """A machine with both packages on which alice has shared a picture with bob: (machine, alice, bob, item)."""
    machine = shared_machine()
    if not _people:
        alice, bob = (Person(machine, machine.account(name)) for name in ("alice", "bob"))
        alice.file("holiday.jpg", PICTURE)
        started = time.monotonic()
        machine.install("sisd", "sis")                                                                          # 1
        for name in "alice", "bob":
            machine.run("sisctl add %s | runuser -u %s -- sis enroll -" % (name, name), environment={"HOME": "/home/" + name})      # 2, 3
        alice.run("upload", "/home/alice/holiday.jpg", "--to", "bob")                                           # 4
        item = bob.items()[0]                                                                                   # 5
        check_equal(PICTURE[-1000:], bob.get(item)[-1000:], "the end of the picture, which is its pixels")      # 6
        print("# from apt-get install to the first shared picture: %.1f s (goal: 60)" % (time.monotonic() - started))
        _people.update(alice=alice, bob=bob, item=item, picture=bob.get(item))
    return machine, _people["alice"], _people["bob"], _people["item"]


@test("six lines from a new system to the first picture that somebody else opens", root=True)
def first_picture():
    machine_with_people()


@test("after the installation both units are active and enabled, no unit has failed, and systemd finds nothing wrong with them", root=True)
def units():
    machine, *_ = machine_with_people()
    for unit in "sisd.socket", "sisd.service":
        check_equal(machine.systemctl("is-active", unit).stdout + machine.systemctl("is-enabled", unit).stdout, "active\nenabled\n", unit)
    check_equal(machine.systemctl("is-enabled", "sisd-metrics.socket", status=1).stdout, "disabled\n", "the figures, which everybody on the host could read")
    check_equal(machine.systemctl("--failed", "--plain", "--no-legend").stdout, "", "failed units")
    said = machine.run("systemd-analyze verify --man=no sisd.service sisd.socket 2>&1", status=None).stdout
    check_equal([line for line in said.splitlines() if "sis" in line], [], "what systemd-analyze verify says")


@test("nothing that is installed can be written by anybody but root, and the state belongs to the roles", root=True)
def owners():
    machine, *_ = machine_with_people()
    lists = "dpkg -L sisd sis | sort -u | while read f; do [ -L \"$f\" ] || stat -c '%U %G %A %n' \"$f\"; done"
    wrong = [line for line in machine.run(lists).stdout.splitlines() if not re.match(r"root root .....-..-. |\S+ \S+ d\S+ /\.$", line)]
    check_equal(wrong, [], "files of the packages")
    state = dict(reversed(line.split(" ", 1)) for line in machine.run("stat -c '%U:%G:%a %n' /var/lib/sis /var/lib/sis/keys /var/lib/sis/db /var/lib/sis/incoming "
                                                                       "/run/sis/control.sock").stdout.splitlines())
    check_equal(state["/var/lib/sis/keys"].split(":")[::2], ["sis-signer", "700"], "keys")
    check_equal(state["/var/lib/sis/db"], "sis-ledger:sis:750", "database")
    check_equal(state["/run/sis/control.sock"].split(":")[1:], ["sis-admin", "660"], "control socket")
    check_equal(state["/var/lib/sis"][-2], "1", "access of others to /var/lib/sis (%s)" % state["/var/lib/sis"])


@test("sisctl works for a member of sis-admin, and tells everybody else what to do", root=True)
def administrators():
    machine, *_ = machine_with_people()
    machine.account("admin", ["sis-admin"])
    machine.account("stranger")
    check_in("alice", machine.run("sisctl list", user="admin").stdout, "what a member sees")
    before = machine.cursor()
    machine.run("sisctl add dora", user="admin")
    check_in("by uid ", machine.wait_journal("user dora added", after=before)["MESSAGE"], "who added dora, in the journal")
    refused = machine.run("sisctl list", user="stranger", status=None)
    check_equal(refused.returncode, 77, "exit status for a stranger (%s)" % refused.stderr)
    check_in("sis-admin", refused.stderr, "what a stranger is told")
    check_equal((refused.stdout, len(refused.stderr.strip().splitlines())), ("", 1), "a stranger gets one sentence: %r" % refused.stderr)


@test("a connection to a service that was stopped starts it: by the network's socket and by the control socket", root=True)
def socket_activation():
    machine, alice, bob, item = machine_with_people()
    for use in lambda: check_equal(bob.items(), [item], "bob's items"), lambda: machine.sisctl("status"):
        machine.systemctl("stop", "sisd.service")
        check(machine.is_active("sisd.socket") and not machine.is_active("sisd.service"), "the sockets alone are active")
        use()
        machine.wait_active("sisd.service")


@test("removing the package ends the service and leaves state and configuration; installed again it goes on with both", root=True)
def removed():
    machine, alice, bob, item = machine_with_people()
    machine.run("echo 'log_level = \"debug\";' >> /etc/sis/sisd.conf")
    machine.run("systemctl stop sisd.service && systemctl enable --now sisd-metrics.socket && systemctl start sisd.service")
    machine.run("apt-get -qq -y remove sisd")
    check_equal(machine.run("cat /proc/net/tcp /proc/net/tcp6 | grep ' 0A '", status=None).stdout, "", "who listens")
    check(not machine.is_active("sisd.socket") and not machine.is_active("sisd.service"), "units are gone")
    check_equal(machine.run("pgrep ^sisd", status=None).stdout, "", "processes")
    check(machine.exists("/var/lib/sis/db/sis.db") and machine.exists("/etc/sis/sisd.conf"), "state and configuration are there")
    machine.install("sisd")
    machine.wait_active()
    check_equal(bob.get(item), _people["picture"], "the picture")
    check_in("log_level", machine.read("/etc/sis/sisd.conf").splitlines()[-1], "the configuration")


@test("purging takes state, configuration and enabled units away, and leaves the users, as Debian does", root=True)
def purged():
    machine, *_ = machine_with_people()
    # On a file system of its own the state directory cannot be removed, nor can a part of it: their contents are.
    machine.run("apt-get -qq -y remove sisd && mkdir /srv/state /srv/objects && mv /var/lib/sis/* /srv/state && mv /srv/state/objects/* /srv/objects")
    machine.run("mount --bind /srv/state /var/lib/sis && mount --bind /srv/objects /var/lib/sis/objects")
    machine.run("apt-get -qq -y purge sisd")
    check_equal(machine.run("ls -A /srv/objects; umount /var/lib/sis/objects; ls -A /srv/state; umount /var/lib/sis; ls -A /var/lib/sis").stdout, "objects\n", "state")
    machine.run("rmdir /var/lib/sis")
    left = machine.run("find / -xdev -newer /etc/machine-id \\( -path '*sisd*' -o -path /etc/sis -o -path '/run/sis*' -o -path '/var/lib/sis*' \\) "
                       "! -path '/proc/*' ! -path '/var/tmp/*' ! -path '/sys/*' ! -path '/var/lib/dpkg/info/*' ! -path '/tmp/*'").stdout
    check_equal(left.split(), [], "what purging left")
    check_equal(machine.run("dpkg -s sisd", status=None).returncode, 1, "dpkg -s of a purged package")
    check_in("sis-ledger", machine.read("/etc/passwd"), "users: an id is never given to somebody else who would then own what a backup brings back")
    machine.install("sisd")
    machine.wait_active()
    check_equal(machine.sisctl("list").stdout.count("alice"), 0, "alice on the new server")


run()
