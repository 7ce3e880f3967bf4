# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who types what a task page says (sis_pages.py), on machines of its own (sis_machine.py), and looks whether that is printed which stands there."""

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

    def read(self, page, after=None, until=None):
        """Types the commands of a page: from the one that begins with after, and to before the one that begins with until."""
        wrong, steps = [], sis_pages.steps(page)
        def place(beginning):
            return next(i for i, step in enumerate(steps) if isinstance(step, sis_pages.Command) and step.line.startswith(beginning))
        for step in steps[place(after) if after else 0:place(until) if until else None]:
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
