# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock of one's own for a daemon and its clients, which can be set while they run. The kernel's clock is never touched.

    clock = Clock()
    with clock.daemon(workers=1) as daemon:
        clock.forward(days=31)
        clock.client(daemon, "alice")       # lives in the same time
"""

import os
import shutil
import struct

from sis_testlib import *

_here = os.path.dirname(os.path.abspath(__file__))
_library = None


def clock_library():
    """Built once for each test program."""
    global _library
    if _library is None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise Skip("needs a C compiler")
        _library = os.path.join(temporary("clock"), "clock_shift.so")
        run_program([compiler, "-shared", "-fPIC", "-O1", "-o", _library, os.path.join(_here, "clock_shift.c"), "-ldl"])
    return _library


class Clock:
    """Each role has a file of its own with its three shifts; clients live in the master's time."""
    ROLES = ("master", "signer", "ledger", "worker")

    def __init__(self, shift_s=0):
        if SLOW > 1:
            raise Skip("a sanitizer's runtime must be loaded first")
        self.directory = temporary("time")
        self.shifts = {role: [0, 0, 0] for role in self.ROLES}
        for role in self.ROLES:
            write_file(self._path(role), bytes(24))
            os.chmod(self._path(role), 0o644)
        self.jump(seconds=shift_s)
        self.environment = self._environment("master")
        self.libexec = self._make_libexec()

    def _path(self, role):
        return os.path.join(self.directory, role)

    def _environment(self, role):
        return {"LD_PRELOAD": clock_library(), "SIS_TEST_CLOCK": self._path(role)}

    def _make_libexec(self):
        """The master gives its roles a small environment of its own making, so the roles are started through scripts."""
        directory = os.path.join(self.directory, "libexec")
        os.mkdir(directory)
        for role in self.ROLES[1:]:
            program = "sisd-" + role
            script = write_file(os.path.join(directory, program), "#!/bin/sh\nexec env LD_PRELOAD='%s' SIS_TEST_CLOCK='%s' '%s/%s' \"$@\"\n"
                                % (clock_library(), self._path(role), BUILD, program))
            os.chmod(script, 0o755)
        return directory

    def _move(self, realtime, boottime, monotonic, roles):
        for role in roles:
            self.shifts[role] = [a + b for a, b in zip(self.shifts[role], (realtime, boottime, monotonic))]
            with open(self._path(role), "r+b") as file:
                file.write(struct.pack("=3q", *self.shifts[role]))

    def forward(self, days=0, seconds=0):
        """The host has slept for so long."""
        seconds += days * 86400
        self._move(seconds, seconds, 0, self.ROLES)

    def jump(self, days=0, seconds=0):
        """Somebody has set the clock."""
        self._move(seconds + days * 86400, 0, 0, self.ROLES)

    def pass_time(self, role, seconds=61):
        """What this role does each minute is due."""
        self._move(0, 0, seconds, (role,))

    def now(self):
        return time.time() + self.shifts["master"][0]

    def daemon(self, **options):
        return Daemon(arguments=["-L", self.libexec], environment=self.environment, **options)

    def client(self, daemon, user=None, **options):
        client = ClockClient(self, daemon, user or unique("user"), **options)
        client.run("enroll", daemon.invite(client.user))
        return client


class ClockClient(Client):
    def __init__(self, clock, daemon, user, **options):
        super().__init__(daemon, user, **options)
        self.clock = clock

    def run(self, *arguments, **options):
        return super().run(*arguments, **dict({"env": program_environment(**self.clock.environment)}, **options))

    def popen(self, *arguments, **options):
        return super().popen(*arguments, **dict({"env": program_environment(**self.clock.environment)}, **options))
