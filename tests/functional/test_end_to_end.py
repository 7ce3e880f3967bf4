#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job: a picture goes from alice to bob, sealed, and the server cannot see it."""

import os
import resource
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

@test("alice uploads, bob lists, verifies and fetches: the same bytes, and nothing of it on the server")
def main_job():
    daemon = shared_daemon()
    alice, bob = daemon.client("alice"), daemon.client("bob")
    picture = make_picture(os.path.join(temporary("picture"), "holiday-at-the-lake.jpg"), 160, 120)
    item = alice.upload(picture, bob)
    check_equal(bob.items(), [item], "bob's items")
    check_equal(alice.items(), [item], "alice's items")
    listed = bob.run("list").stdout
    check_in("holiday-at-the-lake.jpg", listed)
    check_in("alice", listed)
    bob.run("verify", item)
    got = bob.get(item)
    check_equal((os.path.basename(got), read_file(got)), ("holiday-at-the-lake.jpg", read_file(picture)), "what came")
    data = read_file(picture)
    hits = find_in_tree(daemon.directory, [data[at:at + 24] for at in range(0, len(data) - 24, 97)] + [b"holiday-at-the-lake", b"Pinhole"])
    check_equal(hits, [], "occurrences on the server")


@test("a unique prefix names an item, an ambiguous or foreign one does not")
def prefixes():
    daemon = shared_daemon()
    carol, dave = daemon.client("carol"), daemon.client("dave")
    item = carol.upload(make_picture(), dave)
    check_equal(read_file(dave.get(item[:8])), read_file(carol.get(item[:10])), "files")
    done = dave.run("get", "a" * 26, "-o", temporary("got"), status=66)
    check_in("no such item", done.stderr)
    check(dave.run("get", "../../etc/passwd", "-o", temporary("got"), status=None).returncode in (64, 65, 66))


@test("who is not in the audience does not see the item and cannot fetch any part of it")
def outsiders():
    daemon = shared_daemon()
    owner, friend, stranger = daemon.client("owner"), daemon.client("friend"), daemon.client("stranger")
    item = owner.upload(make_picture(), friend)
    check_equal(stranger.items(), [], "the stranger's items")
    stranger.run("get", item, "-o", temporary("got"), status=66)
    for part in ("", "/manifest", "/thumbnail", "/object"):
        daemon.request("GET", "/v1/items/%s%s" % (item, part), who=stranger).check_problem(404, "no-item")
        check_equal(daemon.request("GET", "/v1/items/%s%s" % (item, part)).status in (401, 403), True, "without certificate")
    daemon.request("DELETE", "/v1/items/" + item, who=stranger).check_problem(404)
    check(daemon.request("DELETE", "/v1/items/" + item, who=friend).status in (403, 404), "a recipient may not delete")
    friend.get(item)


@test("get never overwrites and leaves nothing behind when it fails")
def no_overwriting():
    daemon = shared_daemon()
    erin = daemon.client("erin")
    item = erin.upload(make_picture())
    directory = temporary("got")
    first = erin.get(item, directory)
    write_file(first, b"mine")
    erin.run("get", item, "-o", directory, status=None)
    check_equal(read_file(first), b"mine", "the file that was there")
    check_equal([n for n in os.listdir(directory) if n.startswith(".") or "tmp" in n], [], "leftovers")


@test("any file may be shared: empty, one byte, exactly one chunk, large, without a suffix")
def any_file():
    daemon = shared_daemon()
    frank = daemon.client("frank")
    for number, size in enumerate((0, 1, 65535, 65536, 65537, 3 << 20)):
        path = write_file(os.path.join(temporary("file"), "file%d" % number), make_bytes(size, number))
        check_equal(read_file(frank.get(frank.upload(path))), read_file(path), "file of %d bytes" % size)


@test("names with spaces, unicode, quotes and leading dashes survive; dangerous ones become harmless")
def names():
    daemon = shared_daemon()
    grace = daemon.client("grace")
    for name in ("two words.jpg", "Grüße aus Köln.jpg", "it's \"quoted\".jpg", "a" * 200 + ".jpg"):
        path = write_file(os.path.join(temporary("file"), name), b"content of " + name.encode())
        check_equal(os.path.basename(grace.get(grace.upload(path))), name, "name")
    for name in ("-rf", ".bashrc", "new\nline", "esc\x1b[31m", "bidi\u202egpj.exe"):
        path = write_file(os.path.join(temporary("file"), name), b"x")
        got = os.path.basename(grace.get(grace.upload(path)))
        check(not got.startswith((".", "-")) and not re.search("[\x00-\x1f\u202e]", got), "name %r became %r" % (name, got))
    check(not re.search("[\x1b\u202e]", grace.run("list").stdout), "control characters in a list")
    told = grace.run("--json", "list").stdout
    check(not re.search("[\x1b\x7f-\x9f\u202e]", told), "control characters in JSON")
    check("bidi\u202egpj.exe" in told.encode().decode("unicode-escape"), "the name is told in JSON as it is")


@test("several files in one command: the good ones go, the bad one is named, exit status 1")
def several():
    daemon = shared_daemon()
    henry, iris = daemon.client("henry"), daemon.client("iris")
    directory = temporary("files")
    paths = [write_file(os.path.join(directory, "f%d" % n), make_bytes(1000 + n, n)) for n in range(5)]
    done = henry.run("upload", *paths[:3], directory + "/missing", *paths[3:], "--to", "iris", status=1)
    check_in("missing", done.stderr)
    check_equal(len(iris.items()), 5, "items that iris sees")


@test("to a user who does not exist, or has no device yet, nothing is uploaded")
def no_such_recipient():
    daemon = shared_daemon()
    jack = daemon.client("jack")
    daemon.invite("notyet")
    path = make_picture()
    for user in ("nobody", "notyet"):
        done = jack.run("upload", path, "--to", user, status=67)
        check_in(user, done.stderr)
    check_equal(jack.items(), [], "items")


@test("get fetches several items at a time, with one that fails among them; list --limit shows the latest")
def several_gets():
    daemon = shared_daemon()
    noam, nora = daemon.client("noam"), daemon.client("nora")
    names, sources = ["n%02d.txt" % i for i in range(9)], temporary("files")
    for name in names:
        noam.upload(write_file(os.path.join(sources, name), name.encode() * 3000), "nora")
    items = nora.items()
    place = temporary("several")
    done = nora.run("get", "-j", "3", "-o", place, *items[:4], "a" * 26, *items[4:], status=1)
    check_in("a" * 26, done.stderr)
    check_equal(sorted(os.listdir(place)), names, "files")
    for name in names:
        check_equal(read_file(os.path.join(place, name)), name.encode() * 3000, name)
    listed = [json.loads(line)["name"] for line in nora.run("--json", "list", "--limit", "3").stdout.splitlines()]
    check_equal(listed, names[-3:], "the latest three")


@test("get -o - writes to standard output, -o DIR/ makes the directory; get --sis keeps the sealed bundle, which verify reads without the server's help")
def other_outputs():
    daemon = shared_daemon()
    judy = daemon.client("judy")
    path = write_file(os.path.join(temporary("file"), "notes.txt"), b"not a picture at all\n" * 5000)
    item = judy.upload(path)
    check_equal(judy.run("get", item, "-o", "-", binary=True).stdout, read_file(path), "standard output")
    place = os.path.join(temporary("sis"), "new") + "/"
    judy.run("get", item, "--sis", "-o", place)
    name, = os.listdir(place)
    check(name.endswith(".sis"), "name %r" % name)
    bundle = read_file(place + "/" + name)
    check_not_in(b"not a picture", bundle, "the bundle")
    judy.run("verify", place + "/" + name)
    for at in (10, 200, len(bundle) // 2, len(bundle) - 1):
        write_file(place + "/altered.sis", bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1:])
        done = judy.run("verify", place + "/altered.sis", status=None)
        check(done.returncode in (65, 77), "altered at %d: %d %r" % (at, done.returncode, done.stderr))


@test("who was revoked is told so, in one sentence, with exit status 77")
def revoked_is_told():
    daemon = shared_daemon()
    tina, uwe = daemon.client("tina"), daemon.client("uwe")
    item = tina.upload(make_picture(), uwe)
    daemon.sisctl("revoke", "tina")
    for arguments in (["list"], ["upload", make_picture(), "--to", "uwe"], ["get", item, "-o", temporary("got")], ["whoami"], ["renew"]):
        done = tina.run(*arguments, status=77)
        check_in("revoked", done.stderr)
    uwe.get(item)               # what was shared before stays readable


@test("rm takes an item away: its owner for everyone, a reader for himself")
def remove():
    daemon = shared_daemon()
    kate, liam = daemon.client("kate"), daemon.client("liam")
    item = kate.upload(make_picture(), liam)
    liam.run("rm", item)
    check_equal((kate.items(), liam.items()), ([item], []), "after the recipient's rm")
    kate.run("rm", item)
    check_equal((kate.items(), liam.items()), ([], []), "after the owner's rm")
    check_equal([n for _, _, files in os.walk(daemon.state_dir + "/objects") for n in files if n == item], [], "object files")


@test("whoami, contacts and renew")
def self_service():
    daemon = shared_daemon()
    mary, ned = daemon.client("mary"), daemon.client("ned")
    check_in("mary", mary.run("whoami").stdout)
    mary.upload(make_picture(), ned)
    check_in("ned", mary.run("contacts").stdout)
    before = read_file(mary.certificate_path)
    mary.run("renew")
    check(read_file(mary.certificate_path) != before, "the certificate is the same")
    check_equal(len(mary.items()), 1, "items after renewal")
    mary.upload(make_picture(), ned)


@test("a user's second device sees what came after it, and uploads as the same user")
def second_device():
    daemon = shared_daemon()
    olga, pete = daemon.client("olga", "laptop"), daemon.client("pete")
    phone = Client(daemon, "olga")
    phone.run("enroll", daemon.invite("olga", "phone"))
    item = pete.upload(make_picture(), olga)
    for device in (olga, phone):
        device.get(item)
    second = phone.upload(make_picture(seed=2), pete)
    check_in(second, pete.items())


@test("every private file of a home is its owner's alone")
def home_modes():
    daemon = shared_daemon()
    quinn = daemon.client("quinn")
    check_equal(os.stat(quinn.directory).st_mode & 0o777, 0o700, "mode of the profile")
    for name in ("device.key", "encryption.key"):
        check_equal(os.stat(os.path.join(quinn.directory, name)).st_mode & 0o777, 0o600, "mode of " + name)


@test("a client that is killed leaves no core file, with keys in it")
def no_core():
    def prepare():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)   # a shell that runs the tests in the background ignores it
    watch = shared_daemon().client("rita").popen("--json", "watch", cwd=temporary("core"), preexec_fn=prepare)
    check_in(b"hello", watch.stdout.readline())
    watch.send_signal(signal.SIGQUIT)
    status = os.waitpid(watch.pid, 0)[1]
    check_equal((os.WTERMSIG(status), os.WCOREDUMP(status) and not SANITIZED), (signal.SIGQUIT, False), "how it ended")


@test("an unreachable server is one sentence and exit status 69 within seconds")
def unreachable():
    with Daemon(workers=1) as daemon:
        rose = daemon.client("rose")
        daemon.stop()
        started = time.monotonic()
        done = rose.run("list", status=69)
        check(time.monotonic() - started < 10 * SLOW, "it took long")
        check_equal(len(done.stderr.strip().splitlines()), 1, "lines: %r" % done.stderr)
        daemon.start()
        rose.run("list")


run()
