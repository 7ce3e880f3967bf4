#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tours: docs/tour.md is what happens, and quickstart comes to its end."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


@test("every command of docs/tour.md, on terminals, ends as it should and says what it should; the page is of these commands", needs=("tmux", "exiftool"))
def tour():
    run_program([os.path.join(SOURCE, "docs/make-tour"), "--check"], env=dict(os.environ), limit_s=120)


@test("quickstart shows a picture going from alice to bob, and the server's ignorance, and leaves nothing running")
def quickstart():
    done = run_program([os.path.join(SOURCE, "quickstart")], env=program_environment(SIS_BUILD=BUILD), limit_s=60)
    check_in("bit for bit of every pixel", done.stdout)
    check_in("Exit status 77: refused", done.stdout)
    check_in("0 problems", done.stdout)


run()
