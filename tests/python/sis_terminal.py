# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminals as people have them: a shell for each in tmux, which draws what programs write, so that what stands there can be read.

    with Terminals() as terminals:
        alice = terminals.open("alice", home)
        text = alice.run("sis list", "lake.jpg")        # as on the screen: the prompt, what was typed, what was printed
        alice.begin("sis chat bob")
        alice.wait("bob joined")
        alice.type("hello")
        print(alice.screen())
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios

from sis_testlib import BUILD, SLOW, Failure, check, check_equal, check_in, program_environment, temporary, wait_for


def typed(client, arguments, answers, status=0, environment=None):
    """Runs sis with a terminal of its own, and types each answer when it is asked for."""
    master, slave = pty.openpty()

    def take_terminal():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    process = subprocess.Popen(client.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=program_environment(**(environment or {})), preexec_fn=take_terminal, pass_fds=[slave])
    os.close(slave)
    shown, left = b"", list(answers)
    while True:
        try:
            ready = select.select([master], [], [], 30 * SLOW)[0]
            check(ready, "nothing was asked for; shown: %r" % shown)
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if shown.endswith(b": ") and left:
            os.write(master, left.pop(0).encode() + b"\n")
            shown = b""
    out, err = process.communicate(timeout=60 * SLOW)
    os.close(master)
    check(status in (None, process.returncode), "status %d, wanted %s (%s; %s)" % (process.returncode, status, out.decode(), err.decode()))
    check_equal(left, [], "answers that nothing asked for")
    return out.decode(), err.decode()


def shown(arguments, columns=80, status=0):
    """What a program writes to standard output and standard error where both are a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = subprocess.Popen([str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=program_environment())
    os.close(slave)
    text = b""
    with contextlib.suppress(OSError):                      # the other end is closed
        while data := os.read(master, 4096):
            text += data
    os.close(master)
    check_equal(process.wait(60 * SLOW), status, "exit status of %r, which wrote %r" % (arguments, text))
    return text.decode("utf-8", "replace").replace("\r\n", "\n")


class Terminals:
    """A tmux server of its own, with nobody's configuration."""

    def __init__(self):
        self.socket = os.path.join(temporary("tmux"), "socket")
        self.opened = []

    def __enter__(self):
        return self

    def __exit__(self, *_ignored):
        if self.opened:
            self.call("kill-server")

    def call(self, *arguments):
        done = subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", "-u", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20 * SLOW, env=program_environment(LC_ALL="C.UTF-8", PATH=BUILD + ":" + os.environ["PATH"]))
        if done.returncode != 0:
            raise Failure("tmux %s: %s" % (" ".join(arguments), done.stderr.decode()))
        return done.stdout.decode()

    def open(self, name, home, columns=110, rows=50, prompt=None, **environment):
        if not self.opened:
            self.call("start-server", ";", "set-option", "-g", "exit-empty", "off", ";", "set-option", "-g", "history-limit", "20000", ";", "set-option", "-g", "status", "off")
        terminal = Terminal(self, "t%d" % len(self.opened), prompt or name + "$", home, environment, columns, rows)
        self.opened.append(terminal)
        return terminal


class Terminal:
    def __init__(self, terminals, name, prompt, home, environment, columns, rows):
        self.terminals, self.name, self.prompt, self.shown, self.ended = terminals, name, prompt, 0, 0
        self.statuses = os.path.join(temporary("statuses"), "list")
        settings = {"HOME": home, "PS1": prompt + " ", "PROMPT_COMMAND": "echo $? >> " + self.statuses,
                    "LC_ALL": "C.UTF-8", "HISTFILE": "", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "DISPLAY": "", "WAYLAND_DISPLAY": "", **environment}
        given = [word for pair in settings.items() for word in ("-e", "%s=%s" % pair)]
        # Without line editing: what is typed stands there as it was typed, however long.
        terminals.call("new-session", "-d", "-s", name, "-x", str(columns), "-y", str(rows), "-c", home, *given,
                       "bash", "--noprofile", "--norc", "--noediting", "-i")
        self._wait_prompt()

    # -- what is typed

    def type(self, text):
        """Text and Enter; several lines are pasted, as a terminal does it."""
        if "\n" in text:
            self.terminals.call("set-buffer", "-b", self.name, text, ";", "paste-buffer", "-p", "-r", "-b", self.name, "-t", self.name)
        elif text:
            self.terminals.call("send-keys", "-t", self.name, "-l", text)
        self.press("Enter")

    def press(self, *keys):
        self.terminals.call("send-keys", "-t", self.name, *keys)

    def begin(self, command):
        """Starts what goes on until finish()."""
        self.type(command)

    def finish(self, status=0, *words, limit_s=30):
        """Waits for the prompt, checks how it ended and that the words stand there, and returns what has been shown since the last time."""
        self._wait_prompt(limit_s)
        lines = self.lines()
        # What did not end its line stands before the prompt: ^C.
        rest = lines[-1].removesuffix(self.prompt)
        transcript = "\n".join(lines[self.shown:-1] + [rest] * bool(rest))
        self.shown = len(lines) - 1
        with open(self.statuses) as file:
            check_equal(int(file.read().split()[-1]), status, "exit status in:\n" + transcript)
        for word in words:
            check_in(word, transcript)
        return transcript

    def run(self, command, *words, status=0, limit_s=30):
        self.begin(command)
        return self.finish(status, *words, limit_s=limit_s)

    def _wait_prompt(self, limit_s=30):
        """Until one more command has ended and the prompt stands there."""
        def ready():
            try:
                with open(self.statuses) as file:
                    ended = len(file.read().splitlines())
            except FileNotFoundError:
                return False
            return ended > self.ended and self.lines()[-1].endswith(self.prompt) and ended
        try:
            self.ended = wait_for(ready, "the prompt", limit_s)
        except Failure:
            raise Failure("no prompt after:\n" + self.screen())

    # -- what there is to see

    def lines(self):
        """Everything since the terminal was opened, lines that were too long for it put together again."""
        return [line.rstrip() for line in self.terminals.call("capture-pane", "-p", "-J", "-S", "-", "-t", self.name).rstrip().split("\n")]

    def screen(self):
        """What stands on the screen now, line by line as it is drawn."""
        return "\n".join(line.rstrip() for line in self.terminals.call("capture-pane", "-p", "-t", self.name).rstrip().split("\n"))

    def wait(self, pattern, limit_s=20):
        """Waits until a pattern stands there, in what has come since the last finish()."""
        try:
            return wait_for(lambda: re.search(pattern, "\n".join(self.lines()[self.shown:])), pattern, limit_s)
        except Failure:
            raise Failure("waited in vain for %r on:\n%s" % (pattern, self.screen()))
