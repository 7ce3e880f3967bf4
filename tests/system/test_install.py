#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages on a new Debian system: from apt-get install to the first picture that somebody else opens."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *

PICTURE = read_file(make_picture())


@test("six commands from a new system to the first picture that the other one opens", root=True)
def first_picture():
    machine = shared_machine()
    alice, bob = (Person(machine, machine.account(name)) for name in ("alice", "bob"))
    alice.file("holiday.jpg", PICTURE)
    started = time.monotonic()
    machine.install("sisd", "sis")                                                  # 1: apt-get install ./sisd.deb ./sis.deb
    for person in alice, bob:                                                       # 2, 3: sisctl add NAME | sis enroll -
        invite = machine.sisctl("add", person.name).stdout
        person.run("enroll", "-", input=re.search(r"sis://\S+", invite).group(0).encode())
    item = alice.upload("/home/alice/holiday.jpg", "bob")                           # 4: sis upload holiday.jpg --to bob
    check_equal(bob.items(), [item], "what bob's list shows")                       # 5: sis list
    check_equal(bob.get(item), PICTURE, "what bob got")                             # 6: sis get
    print("# from apt-get install to the first shared picture: %.1f s (goal: 60)" % (time.monotonic() - started))
    check(machine.is_active("sisd.service") and machine.is_active("sisd.socket"), "the units are not active")


run()
