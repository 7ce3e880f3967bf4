#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion in the real shells: bash, fish and zsh ask the program what could stand there."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

COMPLETIONS = os.path.join(SOURCE, "completions")


def environment(**more):
    base = {n: v for n, v in program_environment().items() if not n.startswith("XDG_")}
    return {**base, "PATH": BUILD + ":" + base["PATH"], "LC_ALL": "C.UTF-8", "HOME": temporary("user"), **more}


class Bash:
    program = "bash"

    def ask(self, words, cwd, **more):
        program = words[0]
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _%s; printf "%%s\\n" "${COMPREPLY[@]}"' % program
        done = run_program(["bash", "--norc", "-c", script, "bash", os.path.join(COMPLETIONS, "bash", program), *words], cwd=cwd, env=environment(**more))
        return [line for line in done.stdout.splitlines() if line]


class Fish:
    program = "fish"

    def ask(self, words, cwd, **more):
        script = "source %s; complete -C %s" % (os.path.join(COMPLETIONS, "fish", words[0] + ".fish"), json.dumps(" ".join(words)))
        return [line.split("\t")[0] for line in run_program(["fish", "--no-config", "-c", script], cwd=cwd, env=environment(**more)).stdout.splitlines()]


ZSH_SETUP = """
PS1= PROMPT_EOL_MARK= ; unsetopt beep
fpath=(%s $fpath); autoload -Uz compinit; compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >> $FOUND
  builtin compadd "$@"
}
probe-run() { _main_complete; print END >> $FOUND }
zle -C probe list-choices probe-run; bindkey '^I' probe
print READY >> $FOUND
"""


class Zsh:
    """One shell for all questions: it is slow to start."""
    program = "zsh"
    near = process = None

    def start(self, cwd, **more):
        import pty
        place = temporary("zsh")
        self.found = write_file(os.path.join(place, "found"), "")
        setup = write_file(os.path.join(place, "setup"), ZSH_SETUP % os.path.join(COMPLETIONS, "zsh"))
        self.near, far = pty.openpty()
        self.process = subprocess.Popen(["zsh", "-f", "-i"], stdin=far, stdout=far, stderr=far, cwd=cwd, start_new_session=True,
                                        env=environment(FOUND=self.found, TERM="dumb", **more))
        atexit.register(self.process.kill)
        os.close(far)
        threading.Thread(target=self.drain, args=(self.near,), daemon=True).start()
        os.write(self.near, b"source " + setup.encode() + b"\n")
        wait_for(lambda: "READY" in self.said(), "zsh to be ready")

    def said(self):
        return read_file(self.found).decode().splitlines()

    def ask(self, words, cwd, **more):
        if self.process is None:
            self.start(cwd, **more)
        write_file(self.found, "")
        os.write(self.near, b"\x15" + " ".join(words).encode() + b"\t")
        wait_for(lambda: "END" in self.said(), "zsh to complete")
        return [line.rstrip() for line in self.said() if line != "END"]

    @staticmethod
    def drain(fd):
        with contextlib.suppress(OSError):
            while os.read(fd, 65536):
                pass


_people = []


def people():
    """alice, who knows bob and carol, has listed three items, and has a group and two devices."""
    if not _people:
        daemon = shared_daemon()
        alice, bob, carol = daemon.client("alice"), daemon.client("bob"), daemon.client("carol")
        items = [alice.upload(write_file(os.path.join(temporary("file"), name), "words"), bob, carol) for name in ("lake.jpg", "hill\t\033[31m: x.jpg")]
        alice.run("list")
        os.makedirs(os.path.join(alice.directory, "groups"), exist_ok=True)
        write_file(os.path.join(alice.directory, "groups", "family"), "")
        _people.extend([alice, items])
    return _people


def check_shell(shell):
    alice, items = people()
    place = temporary("here")
    write_file(os.path.join(place, "picture one.jpg"), "x")
    os.mkdir(os.path.join(place, "pictures"))
    def ask(*words):
        return sorted(set(shell.ask(list(words), place, SIS_HOME=alice.home)))
    check_equal(ask("sis", "upl"), ["upload"], "commands")
    check_equal(ask("sis", "help", "verif"), ["verify"], "help")
    check_in("--quiet", ask("sis", "--qu"))
    check_equal(ask("sis", "upload", "--dry"), ["--dry-run"], "options")
    check_equal(ask("sis", "upload", "--to", "b"), ["bob"], "users")
    check_equal(ask("sis", "upload", "--to", "bob,c"), ["bob,carol"], "users after a comma")
    check_equal(ask("sis", "upload", "--to", "@f"), ["@family"], "groups")
    check_equal(ask("sis", "get", ""), sorted(item[:8] for item in items), "items")
    check_equal(ask("sis", "get", items[0][:3])[:1], [items[0][:8]], "an item")
    files = [name.replace("\\ ", " ").rstrip("/") for name in ask("sis", "upload", "pict")]
    check_equal(files, ["picture one.jpg", "pictures"], "files")
    check_equal([f.rstrip("/") for f in ask("sis", "watch", "--get", "pict")], ["pictures"], "a directory")
    check_equal(ask("sis", "watch", "--since", ""), sorted([item[:8] for item in items] + ["all", "now"]), "an item or a word")
    check_equal(ask("sis", "--home", alice.home, "--profile", "d"), ["default"], "profiles")
    check_equal([f.rstrip("/") for f in ask("sis", "--home", "pict")], ["pictures"], "directories")
    check_equal(ask("sis", "nonsense", "x"), [], "an unknown command")
    ctl = ["sisctl", "--socket", alice.daemon.control]
    check_equal(ask(*ctl, "rev"), ["revoke"], "commands of sisctl")
    check_equal(ask("sisctl", "--inst"), ["--instance"], "options before sisctl's command")
    check_equal(ask(*ctl, "revoke", "bo"), ["bob"], "users of sisctl")
    check_equal(ask(*ctl, "ca", ""), ["rollover"], "words of sisctl")
    check_equal(ask(*ctl, "revoke", "bob", "--comp"), ["--compromised"], "options of sisctl")


for _shell in (Bash(), Fish(), Zsh()):
    test("%s completes commands, options, users, groups, items, files, profiles" % _shell.program, needs=[_shell.program])(
        lambda shell=_shell: check_shell(shell))


@test("completion asks no server and no passphrase, and makes nothing")
def quiet():
    alice, items = people()
    alice.daemon.is_serving()
    def complete(*words, **options):
        return run_program([SIS, *words], **options).stdout
    told = complete("--home", alice.home, "help", "--complete", "items")
    check_equal(len(told.splitlines()), 2, "lines: %r" % told)
    check_in("alice: lake.jpg", told)
    check_not_in("\033", told)
    check_equal(complete("--home", alice.home, "help", "--complete", "users").split(), ["bob", "carol"], "users")
    check_equal(complete("--home", alice.home, "help", "--complete", "devices").split(), [json.loads(read_file(os.path.join(alice.directory, "profile.json")))["device"]],
                "devices")
    nowhere = os.path.join(temporary("none"), "home")
    check_equal(complete("--home", nowhere, "help", "--complete", "users"), "", "without a home")
    check(not os.path.exists(nowhere), "a home was made")
    write_file(os.path.join(alice.directory, "recent"), "not json")
    write_file(os.path.join(alice.directory, "contacts.json"), "[1, {")
    check_equal(complete("--home", alice.home, "help", "--complete-line", "get", "") + complete("--home", alice.home, "help", "--complete", "users"), "",
                "damaged files")
    check_equal(run_program([SIS, "help", "--complete", "secrets"], status=64).stdout, "", "another kind")
    check(os.stat(os.path.join(alice.directory, "recent")).st_mode & 0o077 == 0, "others could read it")


def type_in(command, answer):
    """Runs a program on a terminal of its own and answers each of its questions for a secret."""
    import pty
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, program_environment(TERM="dumb"))
    said, asked = b"", 0
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            said += piece
            for _ in range(len(re.findall(rb"(?i)(?:passphrase[^\r\n]*|again): ", said)) - asked):
                asked += 1
                os.write(terminal, answer.encode() + b"\n")
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    check(status == 0 and asked > 0, "%r ended with %d after %d questions: %r" % (command, status, asked, said))
    return said.decode()


@test("a profile whose keys are under a passphrase keeps no names for completion")
def passphrase():
    daemon = shared_daemon()
    home = os.path.join(temporary("home"), "dora")
    type_in([SIS, "--home", home, "enroll", "--passphrase", daemon.invite("dora")], "correct horse")
    path = write_file(os.path.join(temporary("file"), "secret-name.txt"), "words")
    type_in([SIS, "--home", home, "upload", path], "correct horse")
    check_in("secret-name.txt", type_in([SIS, "--home", home, "list"], "correct horse"))
    check_equal(run_program([SIS, "--home", home, "help", "--complete", "items"]).stdout, "", "items")
    check_equal(find_in_tree(home, [b"secret-name"]), [], "where the name stands")


run()
