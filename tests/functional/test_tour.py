#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tour: docs/tour.md is what happens."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


@test("every command of docs/tour.md, on terminals, ends as it should and says what it should; the page is of these commands", needs=("tmux", "exiftool"))
def tour():
    run_program([os.path.join(SOURCE, "docs/make-tour"), "--check"], env=dict(os.environ), limit_s=120)


run()
