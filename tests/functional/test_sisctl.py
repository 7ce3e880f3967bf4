#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisctl against a daemon that this test plays itself: what it sends, what it shows, what it says when things go wrong."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_terminal import shown
from sis_testlib import *


class FakeDaemon:
    """Listens on a control socket and answers each call with the next of the given byte strings or JSON replies."""

    def __init__(self, *answers):
        self.path = os.path.join(temporary("fake"), "control.sock")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen()
        self.answers, self.calls = answers, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        data = b""
        while b"\0" not in data:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        self.calls.append(json.loads(data.split(b"\0")[0]))
        for answer in self.answers:
            connection.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\0")
        connection.close()

    def sisctl(self, *arguments, **options):
        return run_program([SISCTL, "-s", self.path] + list(arguments), **options)


@test("add prints exactly the invite line on standard output")
def add_prints_the_invite():
    line = "sis://localhost:7443/alice#" + "a" * 26 + "." + "0" * 64
    fake = FakeDaemon({"parameters": {"invite": line}})
    done = fake.sisctl("add", "alice", "--device", "laptop")
    check_equal((done.stdout, done.stderr), (line + "\n", ""), "output")
    check_equal(fake.calls, [{"method": "io.sis.control.AddUser", "parameters": {"user": "alice", "device": "laptop"}}], "call")


@test("a socket that systemd holds while no daemon runs is waited for, and that is said")
def nobody_answers_yet():
    path = os.path.join(temporary("held"), "control.sock")
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
        listener.bind(path)
        listener.listen()
        waiting = subprocess.Popen([SISCTL, "-s", path, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        check_in("systemctl status sisd", waiting.stderr.readline())
        connection, _ = listener.accept()
        with contextlib.closing(connection):
            connection.recv(65536)
            connection.sendall(b'{"parameters":{"users":[]}}\0')
            check_equal(waiting.communicate(timeout=20 * SLOW), ('{"users":[]}\n', ""), "what it says in the end")
    check_equal(waiting.returncode, 0, "exit status")


@test("--json prints the reply's parameters on one line, before or after the command")
def json_output():
    for arguments in (["--json", "list"], ["list", "--json"]):
        fake = FakeDaemon({"parameters": {"users": []}})
        check_equal(json.loads(fake.sisctl(*arguments).stdout), {"users": []}, "output of %r" % arguments)


@test("control and bidi characters from the daemon reach no terminal")
def harmless_output():
    nasty = "al\x1b]0;owned\x07ice\u202egpj\n\x9b31m"
    users = {"parameters": {"users": [{"user": nasty, "state": "live", "devices": 1, "items": 2, "bytes": 3, "invites": 0, "created": nasty}]}}
    entry = {"parameters": {"entry": {"sequence": 1, "time": "2026-11-21T11:30:00Z", "text": nasty}}}
    error = {"error": "io.sis.control.Failed", "parameters": {"error": "IO", "detail": nasty}}
    for arguments, answer, status in ((["list"], users, 0), (["logs"], entry, 0), (["check"], error, 74),
                                      (["list"], {"error": nasty}, 69), (["add", "x"], {"parameters": {"invite": nasty}}, 0)):
        done = FakeDaemon(answer).sisctl(*arguments, status=status)
        for bad in "\x1b\x07\u202e\x9b":
            check_not_in(bad, done.stdout + done.stderr, "output of %s" % arguments[0])
        check(done.stdout.count("\n") <= 2, "a line end from the daemon came through: %r" % done.stdout)


@test("each refusal of the daemon is one sentence and its own exit status")
def refusals():
    for name, status, word in (("NotAllowed", 77, "root"), ("NoSuchUser", 67, "no such user"), ("NoSuchDevice", 67, "device"),
                               ("UserExists", 73, "taken"), ("BadName", 65, "valid name")):
        done = FakeDaemon({"error": "io.sis.control." + name, "parameters": {}}).sisctl("revoke", "alice", status=status)
        check_in(word, done.stderr, name)
        check_equal((done.stdout, done.stderr.count("\n")), ("", 1), "output for %s" % name)
    done = FakeDaemon({"error": "io.sis.control.Failed", "parameters": {"error": "NO_SPACE", "detail": ""}}).sisctl("check", status=74)
    check_in("make room there", done.stderr)


@test("answers that are no Varlink are refused in words")
def garbage_answers():
    for garbage in (b"garbage\0", b"[]\0", b"{\"error\": 5}\0", b"{\"parameters\": []}\0", b"\0", b"{\"error\": \"\"}\0", b"{" * 1000 + b"\0",
                    b'{"error": "' + b"x" * 500 + b'"}\0'):
        done = FakeDaemon(garbage).sisctl("list", status=76)
        check_in("does not speak Varlink", done.stderr, "words after %r" % garbage[:20])
    for cut in (b"", b"{\"parameters\": {"):
        check_in("closed the connection", FakeDaemon(cut).sisctl("list", status=69).stderr)


@test("no socket, nobody behind it, a path too long: each says what to do")
def unreachable():
    directory = temporary("nothing")
    done = run_program([SISCTL, "-s", directory + "/none", "list"], status=69)
    check_in("is sisd running", done.stderr)
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(directory + "/dead")
    dead.close()
    check_in("is this the control_socket of its configuration?", done.stderr)
    check_in("nobody listens", run_program([SISCTL, "list", "-s", directory + "/dead"], status=69).stderr)
    check_in("too long", run_program([SISCTL, "-s", "/" + "x" * 200, "list"], status=64).stderr)
    done = run_program([SISCTL, "list"], status=69, env=program_environment(SIS_CONTROL=directory + "/by-environment"))
    check_in("by-environment", done.stderr)
    done = run_program([SISCTL, "--instance", "no.such", "list"], status=69)
    check_in("/run/sis-no.such/control.sock", done.stderr)
    check_in("`systemctl status sisd@no.such.service` says", done.stderr)
    check_in("/run/sis-no.such/control.sock", run_program([SISCTL, "list", "--instance", "no.such"], status=69).stderr)
    for name in "", "../sis", "a/b", ".a", "a b", "x" * 65:
        check_in("sisd@NAME.service", run_program([SISCTL, "--instance", name, "list"], status=64).stderr)


@test("who may not use the socket is told who may", root=True, needs=["setpriv"])
def not_permitted():
    fake = FakeDaemon()
    os.chmod(fake.path, 0o600)
    # The program is copied to where another user can run it.
    program = shutil.copy(SISCTL, os.path.join(temporary("program"), "sisctl"))
    done = run_program(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "-s", fake.path, "list"], status=77)
    check_in("sis-admin", done.stderr)


@test("wrong usage ends with 64 and says how it is right")
def usage():
    for arguments in ([], ["nonsense"], ["add"], ["add", "a", "b"], ["list", "--nonsense"], ["logs", "--since", "tomorrow"], ["--nonsense"]):
        done = run_program([SISCTL, "-s", "/nonexistent"] + arguments, status=64)
        check(done.stderr and not done.stdout, "output of %r" % arguments)
    check_in("sisctl: the command is missing", run_program([SISCTL, "-s", "list"], status=64).stderr.splitlines()[-1])
    for head in "1", "1:ab", ":" + 64 * "0", "1:" + 65 * "0", "x:" + 64 * "0":
        check_in("NUMBER:HASH", run_program([SISCTL, "-s", "/nonexistent", "audit", "verify", "--head", head], status=64).stderr)
    for line, words in (["list", "--nonsense"], "sisctl: list: there is no option --nonsense, or several begin so; sisctl list --help shows them"), \
                       (["list", "-x"], "sisctl: list: there is no option -x; sisctl list --help shows them"), \
                       (["--nonsense", "list"], "sisctl: there is no option --nonsense, or several begin so; sisctl --help shows them"), \
                       (["check", "--full=1"], "sisctl: check: --full takes no value; sisctl check --help shows the options"), \
                       (["certs", "--ending"], "sisctl: certs: --ending needs a value; sisctl certs --help shows which"), \
                       (["certs", "-e"], "sisctl: certs: -e needs a value; sisctl certs --help shows which"), \
                       (["-s"], "sisctl: -s needs a value; sisctl --help shows which"), \
                       (["restore"], "sisctl: wrong number of arguments; write: sisctl restore DIR; sisctl restore --help says more"), \
                       (["--instance", "x", "list", "-s", "y"], "sisctl: --socket and --instance each name a server: leave one of them out"):
        check_equal(run_program([SISCTL, *line], status=64).stderr, words + "\n")
    check_in("COMMAND", run_program([SISCTL, "--help"]).stdout)
    check_in("0.", run_program([SISCTL, "--version"]).stdout)


@test("the help of all commands and of each fits a terminal of 80 columns, and names every option")
def helps():
    everything = run_program([SISCTL, "--help"]).stdout
    names = re.findall(r"^  ([a-z]+)\b", everything, re.MULTILINE)
    check_equal((len(names), len(set(names))), (21, 21), "commands in\n%s" % everything)
    for words in [["--help"], ["help"]] + [[name, "--help"] for name in names]:
        text = run_program([SISCTL] + words).stdout
        check_equal([line for line in text.splitlines() if len(line) > 79 or line.rstrip() != line], [], "lines of sisctl %s that do not fit" % " ".join(words))
        check_equal(text, run_program([SISCTL, "help"] + [word for word in words if word in names]).stdout, "the help by both ways")
    check_in("-e, --event EVENT", run_program([SISCTL, "logs", "--help"]).stdout)
    check_not_in("--event", everything)
    check_in("no command nope", run_program([SISCTL, "help", "nope"], status=64).stderr)


LONG, OTHER, DIGEST, DAY = "u" * 32, "d" * 32, "f0" * 32, "2026-11-21T11:30:00Z"
HUGE, MANY = (1 << 60) - 1, 10 ** 9
TABLES = {
    "list": {"users": [{"user": LONG, "state": "disabled", "devices": MANY, "invites": 5, "items": MANY, "bytes": HUGE, "created": DAY},
                       {"user": "al", "state": "live", "devices": 1, "invites": 0, "items": 0, "bytes": 0, "created": DAY}]},
    "certs": {"certificates": [{"user": LONG, "device": OTHER, "state": "disabled", "not_after": DAY, "revoked": DAY, "serial": "5e" * 16, "fingerprint": DIGEST},
                               {"user": "al", "device": "vm", "state": "live", "not_after": DAY, "serial": "5e" * 16, "fingerprint": DIGEST}]},
    "items": {"items": [{"item": "a" * 26, "user": LONG, "kind": "message", "bytes": HUGE, "readers": 256, "received": DAY, "expires": DAY}]},
    "invites": {"invites": [{"id": MANY, "user": LONG, "device": OTHER, "created": DAY, "expires": DAY}]},
    "quota": {"default": HUGE, "quotas": [{"user": LONG, "used": HUGE, "reserved": HUGE, "quota": HUGE, "own": False}]},
    "ca": {"authorities": [{"state": "in force", "not_before": DAY, "not_after": DAY, "fingerprint": DIGEST}]},
    "status": {"status": {"version": "0.1.0", "limits": [{"limit": "enroll_failures_per_source", "value": 1 << 40, "refused": MANY}], "roles": [
        {"role": role, "pid": 4194304, "state": "retiring", "restarts": 12345, "connections": 1000000, "watchers": 64000, "memory_bytes": HUGE, "since": DAY,
         "confined": True, "sandbox": "uid 64101, landlock abi 7"} for role in ("master", "worker")]}},
}


@test("tables fit a terminal of 80 columns with the longest names and largest sizes, and in a pipe, or on a wide terminal, each row is one line with everything")
def narrow():
    for name, reply in TABLES.items():
        def output(columns):
            words = [SISCTL, "-s", FakeDaemon({"parameters": reply}).path, name]
            text = shown(words, columns) if columns else run_program(words).stdout
            return [re.sub(r"  \d+[ydhms]( \d+[ydhms])?$", "  UP", line) for line in text.splitlines()]
        piped, wide, narrow = output(None), output(400), output(80)
        check_equal(wide, piped, "sisctl %s on a wide terminal" % name)
        check_equal([line for line in narrow if len(line) > 80 or line != line.rstrip()], [], "lines of sisctl %s that do not fit" % name)
        for row in [row for rows in reply.values() if isinstance(rows, list) for row in rows]:
            texts = [value for value in row.values() if isinstance(value, str)]
            check(any(all(text in line for text in texts) for line in piped), "sisctl %s: no line of %r has %r" % (name, piped, texts))
        check_equal(sum(DIGEST in line for line in narrow), sum(DIGEST in line for line in piped), "whole fingerprints of sisctl %s" % name)
        if name in ("list", "certs"):
            check(any(line.startswith("uuuuu") and "u..  " in line for line in narrow), "no name that is cut: %r" % narrow)
            check(any(line.startswith("al  ") and " live" in line for line in narrow), "no short name: %r" % narrow)
        if name == "items":
            check(any(line.startswith("a" * 26 + "  uuu") and line.endswith("2026-11-21  2026-11-21") for line in narrow), "no id that can be copied: %r" % narrow)


@test("logs sends times as RFC 3339 and prints one line an entry until the last")
def logs():
    entries = [{"parameters": {"entry": {"sequence": n, "time": "2026-11-21T11:30:0%dZ" % n, "event": "UPLOADED", "text": "entry %d" % n}},
                "continues": n < 3} for n in (1, 2, 3)]
    fake = FakeDaemon(*entries)
    done = fake.sisctl("logs", "--user", "alice", "--since", "2026-11-21")
    check_equal(done.stdout, "".join("2026-11-21T11:30:0%dZ entry %d\n" % (n, n) for n in (1, 2, 3)), "output")
    check_equal(fake.calls, [{"method": "io.sis.control.Logs", "more": True, "parameters": {"user": "alice", "since": "2026-11-21T00:00:00Z"}}], "call")
    done = FakeDaemon({"parameters": {}}).sisctl("logs", "--user", "nobody")
    check_equal((done.stdout, done.stderr), ("", ""), "where there are none")
    check_equal(shown([SISCTL, "-s", FakeDaemon({"parameters": {}}).path, "logs", "--user", "nobody"]), "There are no such entries.\n", "the same on a terminal")
    fake = FakeDaemon(entries[2])
    fake.sisctl("logs", "-f", "-S", "2h")
    check(fake.calls[0]["parameters"]["follow"] is True and fake.calls[0]["parameters"]["since"].endswith("Z"), "call: %r" % fake.calls)


@test("check ends with 65 when there are problems, with 1 when all were mended, and prints each")
def check_command():
    def problem(**members):
        return {"sentence": "one", "mend": "do this", "mendable": True, "mended": False, "error": "", **members}
    whole = {"items": 5, "bytes": 1024, "done": True}
    done = FakeDaemon({"parameters": {"problems": [problem(), problem(sentence="two", mendable=False)], **whole}}).sisctl("check", "--full", status=65)
    check_equal(done.stdout.splitlines()[:4], ["one", "  with --repair: do this", "two", "  do this"], "problems")
    check_in("5 items", done.stdout)
    done = FakeDaemon({"parameters": {"problems": [problem(mended=True)], **whole}}).sisctl("check", "--repair", status=1)
    check_in("1 problem, 1 mended", done.stdout)
    done = FakeDaemon({"parameters": {"problems": [problem(error="no space")], **whole}}).sisctl("check", "--repair", status=65)
    check_in("not mended: no space", done.stdout)
    done = FakeDaemon({"parameters": {"problems": [problem(mended=True)], "more": 3, **whole}}).sisctl("check", "--repair", status=65)
    check_in("3 more problems", done.stdout)
    FakeDaemon({"parameters": {"problems": [], **whole}}).sisctl("check")


@test("a full standard output is an error, not silence")
def full_output():
    fake = FakeDaemon({"parameters": {"users": []}})
    done = subprocess.run(["sh", "-c", '"$0" -s "$1" --json list > /dev/full', SISCTL, fake.path], stderr=subprocess.PIPE, env=program_environment())
    check_equal(done.returncode, 74, "exit status (%r)" % done.stderr)


run()
