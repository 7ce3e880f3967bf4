#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator's task pages of the first days: every command on them, typed on a Debian system that systemd booted, prints what stands there."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_reader import *


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


run()
