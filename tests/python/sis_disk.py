# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow disk for a daemon: on a fast one nothing ever happens between the steps of a commit.

    daemon = Daemon(arguments=slow_disk(20))
"""

import os
import shutil

from sis_testlib import *

_here = os.path.dirname(os.path.abspath(__file__))


def slow_disk(pause_ms):
    """The arguments of sisd with which its roles wait so long at each fsync; none where a sanitizer's runtime must be loaded first, or nothing compiles."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if SANITIZED or compiler is None:
        return []
    directory = temporary("libexec")
    library = os.path.join(directory, "slow_disk.so")
    run_program([compiler, "-shared", "-fPIC", "-O1", "-DPAUSE_MS=%d" % pause_ms, "-o", library, os.path.join(_here, "slow_disk.c")])
    # The master gives its roles a small environment of its own making, so the roles are started through scripts.
    for role in "signer", "ledger", "worker":
        script = write_file(os.path.join(directory, "sisd-" + role), "#!/bin/sh\nexec env LD_PRELOAD='%s' '%s/sisd-%s' \"$@\"\n" % (library, BUILD, role))
        os.chmod(script, 0o755)
    return ["-L", directory]
