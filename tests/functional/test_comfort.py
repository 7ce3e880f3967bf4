#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes sis pleasant: directories and lists of files, dry runs, help that agrees with itself, colours where they belong."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


def make_tree():
    top = temporary("tree")
    for path in ("b.txt", "a.txt", ".hidden", "sub/c.txt", "sub/deep/d.txt", ".git/config", "sub/.secret"):
        os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
        write_file(os.path.join(top, path), "words of " + path)
    os.symlink("/etc/passwd", os.path.join(top, "link.txt"))
    os.symlink("/etc", os.path.join(top, "sub/etc"))
    os.mkfifo(os.path.join(top, "fifo"))
    return top


@test("a directory is shared with all that is in it: regular files in the order of their names, no hidden ones, no links followed, and it is said how many")
def directory():
    daemon = shared_daemon()
    alice, bob = daemon.client(), daemon.client()
    top = make_tree()
    done = alice.run("upload", top, "--to", bob.user, "-j1")
    check_in("4 files to %s\n" % bob.user, done.stderr)
    check_equal([line.split()[1] for line in done.stdout.splitlines()], ["a.txt", "b.txt", "c.txt", "d.txt"], "names in order")
    check_equal([i["name"] for i in bob.json("list")], ["a.txt", "b.txt", "c.txt", "d.txt"], "what bob sees")
    named = alice.json("upload", os.path.join(top, ".hidden"), os.path.join(top, "link.txt"), os.path.join(top, ".git"), "-j1")
    check_equal([i["name"] for i in named], [".hidden", "link.txt", "config"], "what is named by itself is taken")
    os.symlink(os.path.join(top, "sub"), os.path.join(top, "named"))
    check_equal([i["name"] for i in alice.json("upload", os.path.join(top, "named"), "-j1")], ["c.txt", "d.txt"], "a link that is named")
    empty = alice.run("upload", temporary("empty"), status=66)
    check_in("there is no file to upload; hidden files must be named", empty.stderr)


@test("a list of names comes from a file or standard input, one a line or ended by NUL; what is not there is told, the rest is shared, and the exit status is 1")
def lists():
    daemon = shared_daemon()
    alice = daemon.client()
    top = make_tree()
    odd = write_file(os.path.join(top, "two\nlines.txt"), "odd name")
    names = write_file(os.path.join(top, "names"), "a.txt\n\nb.txt\nsub\n")
    check_equal([i["name"] for i in alice.json("upload", "-j1", "--files-from", names, cwd=top)], ["a.txt", "b.txt", "c.txt", "d.txt"], "lines")
    done = alice.run("--json", "upload", "-j1", "--files-from", "-", "-0", "link.txt", input=b"a.txt\0" + odd.encode() + b"\0", cwd=top)
    check_equal([json.loads(line)["name"] for line in done.stdout.splitlines()], ["link.txt", "a.txt", "two\nlines.txt"], "NUL")
    before = len(alice.items())
    some = alice.run("upload", "--files-from", "-", input=b"a.txt\nnot-there.txt\n", cwd=top, status=1)
    check_in("not-there.txt: ", some.stderr)
    check_equal(len(alice.items()), before + 1, "items")
    check_in("need -0", alice.run("upload", "--files-from", "-", input=b"a.txt\0b.txt\0", cwd=top, status=65).stderr)
    for wrong in (["--files-from", "-", "-"], ["-0", "a.txt"], [], ["--name", "x", top], ["--files-from", names, "--name", "x"]):
        check_equal(alice.run("upload", *wrong, cwd=top, status=64).returncode, 64, "%r" % wrong)
    check_in("cannot be read", alice.run("upload", "--files-from", "nowhere", cwd=top, status=66).stderr)


@test("--dry-run checks people, keys and files, says what would be shared with how many devices and what would be removed, and sends nothing")
def dry_run():
    daemon = shared_daemon()
    alice, bob = daemon.client(), daemon.client()
    picture = make_picture()
    done = alice.run("upload", "--dry-run", picture, "--to", bob.user)
    check_in("would share  holiday.jpg  ", done.stdout)
    check_in("to %s, 2 devices; would remove: " % bob.user, done.stdout)
    plan = alice.json("upload", "--dry-run", picture, make_tree(), "--to", bob.user)
    check_equal([p["name"] for p in plan], ["holiday.jpg", "a.txt", "b.txt", "c.txt", "d.txt"], "plan")
    check(all(p["dry_run"] is True and p["to"] == bob.user and p["devices"] == 2 for p in plan), "plan %r" % plan)
    check("GPS position" in plan[0]["removed"], "removed: %r" % plan[0])
    check_equal((alice.items(), bob.items()), ([], []), "items")
    check_equal(alice.run("upload", "--dry-run", picture, "--to", "nobody-at-all", status=67).stdout, "", "without the person")
    check_equal(alice.run("upload", "--dry-run", picture, "/nowhere", "--to", bob.user, status=1).returncode, 1, "without a file")


def on_terminal(client, *arguments, **environment):
    """What the command writes when standard output and standard error are a terminal."""
    import pty
    near, far = pty.openpty()
    base = {name: value for name, value in program_environment().items() if name not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(client.command(*arguments), stdin=subprocess.DEVNULL, stdout=far, stderr=far, env={**base, **environment})
    os.close(far)
    data = b""
    with contextlib.suppress(OSError):
        while piece := os.read(near, 65536):
            data += piece
    os.close(near)
    process.wait()
    return data.decode()


@test("colours: on a terminal only, never with NO_COLOR or TERM=dumb, never in JSON")
def colours():
    daemon = shared_daemon()
    alice = daemon.client()
    alice.upload(write_file(os.path.join(temporary("file"), "x.txt"), "words"))
    check_in("\033[32mok\033[0m", on_terminal(alice, "list", TERM="xterm"))
    check_in("\033[2m", on_terminal(alice, "list", TERM="xterm", NO_COLOR=""))
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        plain = on_terminal(alice, "list", **environment)
        check("x.txt" in plain and "\033" not in plain, "with %r: %r" % (environment, plain))
    check_not_in("\033", on_terminal(alice, "--json", "list", TERM="xterm"))
    check_not_in("\033", alice.run("list").stdout)


@test("sis help COMMAND and sis COMMAND --help say the same, for every command, and without a profile")
def help_agrees():
    rows = run_program([SIS, "help", "--table"]).stdout.splitlines()
    check(len(rows) > 8, "commands: %d" % len(rows))
    for row in rows:
        name, summary, options = row.split("\t")
        texts = [run_program([SIS, "--home", "/nowhere"] + words).stdout for words in (["help", name], [name, "--help"], [name, "-h"])]
        check(texts[0] == texts[1] == texts[2] and summary in texts[0], "help about %s" % name)
        for option in options.split():
            if option.startswith("--"):
                check_in(option.rstrip("="), texts[0])


def usage_error(client, *arguments):
    return json.loads(client.run("--json", *arguments, status=64).stderr)


@test("used wrongly: one sentence that says what to do, as JSON when that was asked for; an option in the wrong place, an empty home, a word too many")
def wrong_usage():
    client = Client(None, "nobody", home="/nowhere")
    check_equal([usage_error(client, *words)["error"] for words in ((), ("frob",), ("list", "--frob"), ("get",), ("help", "list", "x"))], ["USAGE"] * 5)
    check_in("put them between quotes", client.run("send", "bob", "hello", "there", status=64).stderr)
    check_in("--json stands before the command: sis --json list", client.run("list", "--json", status=64).stderr)
    for words in (["--home", ""], ["--home="], ["--profile", ""], ["--home"]):
        check_in("needs a value", run_program([SIS] + words + (["list"] if words != ["--home"] else []), status=64).stderr)
    check_equal(run_program([SIS, "help", "help"]).stdout, run_program([SIS, "help"]).stdout, "help about help")
    check_in('upload: "": cannot be opened', shared_daemon().client().run("upload", "", status=66).stderr)


def shell(client, words, more):
    return run_program(["sh", "-c", '"$@" ' + more, "sh"] + client.command(*words), status=None)


@test("standard output that is full or closed is told, with exit status 74; a reader that goes away is not; no file gets the number of a closed descriptor")
def standard_descriptors():
    daemon = shared_daemon()
    alice = daemon.client()
    done = shell(alice, ["whoami"], ">/dev/full")
    check_equal((done.returncode, done.stderr), (74, "sis: whoami: standard output cannot be written\n"), "standard output that is full")
    check_equal(shell(alice, ["whoami"], ">&-").returncode, 74, "standard output that is closed")
    done = run_program(["bash", "-c", '(read -r _; exec "$@") < <(sleep 0.1; echo) | true; echo ${PIPESTATUS[0]}', "sh"] + alice.command("whoami"))
    check_equal((done.stdout, done.stderr), ("74\n", ""), "nobody reads")
    check_in("Bad file descriptor", shell(alice, ["upload", "-"], "<&-").stderr)
    check_in("invite cannot be read", run_program(["sh", "-c", '"$@" <&-', "sh", SIS, "--home", temporary("new"), "enroll", "-"], status=71).stderr)
    path = write_file(os.path.join(temporary("p"), "x.txt"), "words")
    before = alice.items()
    check_equal([shell(alice, ["upload", path], "<&- >&- 2>&-").returncode for _ in range(2)], [74, 74], "all closed")
    check_equal(len(alice.items()), len(before) + 2, "items")
    check_equal(find_in_tree(alice.home, [b"standard output", b"  to " + alice.user.encode()]), [], "what was written in the wrong place")


@test("every command stands in sis(1), and every option of it, as the command itself says it, in the command's own man page or there")
def man_pages():
    overview = read_file(os.path.join(SOURCE, "man/sis.1")).decode()
    for row in run_program([SIS, "help", "--table"]).stdout.splitlines():
        name, _summary, options = row.split("\t")
        check(re.search(r"(?m)^\.It Cm %s\b" % name, overview), "%s is not in sis(1)" % name)
        page = os.path.join(SOURCE, "man/sis-%s.1" % name)
        if not os.path.exists(page):
            entries = "".join(re.findall(r"(?ms)^\.It Cm %s\b.*?(?=^\.It Cm |^\.El)" % name, overview))
            for option in re.findall(r"--([a-z-]+)", options):
                check(re.search(r"\bFl -%s\b" % option, entries), "sis(1) does not tell of %s --%s" % (name, option))
            continue
        check_in(".Xr sis-%s 1" % name, overview, "sis(1)")
        if options:
            check_in(run_program([SIS, "help", "--man", name]).stdout, read_file(page).decode(), "sis-%s(1) (sis help --man %s prints the list)" % (name, name))


@test("mandoc finds nothing wrong with any man page", needs=["mandoc"])
def mandoc():
    directory = os.path.join(SOURCE, "man")
    pages = [name for name in os.listdir(directory) if name[-1].isdigit()]
    done = run_program(["mandoc", "-Tlint", "-Wwarning"] + sorted(pages), cwd=directory, status=None)
    check_equal(done.stdout, "", "mandoc")


run()
