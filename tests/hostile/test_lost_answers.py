#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between a real sis and a real sisd the answers to uploads get lost, before or after the server had everything: never are there two items where one was
shared, and never is anything claimed that nobody knows."""

import base64
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_gallery import Gallery
from sis_proxy import HostileServer, Told
from sis_testlib import *


class Lossy(HostileServer):
    """Cuts the connection instead of answering: so many POSTs (and PATCHes) that the daemon never hears of, then so many that it has done; after the
    first of the latter every other request as well, when deaf."""

    def __init__(self, daemon, *clients):
        super().__init__(daemon, *clients)
        self.before = self.after = 0
        self.deaf = self.is_lost = False

    def lose(self, before=0, after=0, deaf=False):
        self.before, self.after, self.deaf, self.is_lost = before, after, deaf, False
        self.hold, self.rewrite = self._before, self._after
        del self.requests[:]

    def honest(self):
        super().honest()
        del self.requests[:]

    def _before(self, request):
        is_upload = request.method in ("POST", "PATCH")
        if is_upload and self.before > 0:
            self.before -= 1
            raise OSError("cut before")
        if self.is_lost and self.deaf:
            raise OSError("deaf")

    def _after(self, request, _told):
        if request.method in ("POST", "PATCH") and self.after > 0:
            self.after -= 1
            self.is_lost = True
            raise OSError("cut after")

    def bodies(self):
        return [request.body for request in self.requests if request.method == "POST"]


def scene():
    daemon = shared_daemon()
    alice = daemon.client()
    return daemon, alice, Lossy(daemon, alice)


def all_at_once(case, *of_each):
    """Each case has people and a server of its own; most of its time is spent waiting, as who has lost an answer does before he asks again."""
    scenes = [scene()[1:] for _ in of_each]
    with ThreadPoolExecutor(len(of_each)) as pool:
        list(pool.map(lambda with_whom, which: case(*with_whom, *which), scenes, of_each))


def some_file(size=3000, name="words.txt"):
    return write_file(os.path.join(temporary("files"), name), os.urandom(size))


def journals(client):
    path = os.path.join(client.directory, "uploads")
    return os.listdir(path) if os.path.isdir(path) else []


@test("an answer lost after the commit is asked for: one item, not a word about it")
def once():
    _, alice, server = scene()
    server.lose(after=2)            # a connection that was kept from an earlier request is tried anew at once
    done = alice.run("--json", "upload", some_file())
    item = find_item_id(done.stdout)
    check_equal((done.stderr, len(server.bodies()), alice.items(), journals(alice)), ("", 2, [item], []), "what was said, POSTs, items, journals")


@test("what was cut off before the server had it is sent again, byte for byte; thrice in a row, which is said once")
def before():
    _, alice, server = scene()
    server.lose(before=3)
    done = alice.run("--json", "upload", some_file())
    item = find_item_id(done.stdout)
    check_equal((len(server.bodies()), len(set(server.bodies())), alice.items()), (4, 1, [item]), "POSTs, their bodies, items")
    server.lose(before=3, after=1)
    done = alice.run("upload", some_file())
    check_equal(done.stderr.count("the server's answer was lost ("), 1, "notes in %r" % done.stderr)
    check_equal(len(alice.items()), 2, "items")


@test("a 503 or 500 that may stand for anything is no refusal: the server is asked what became of it")
def stopping():
    _, alice, server = scene()
    for status, problem in ((503, "unavailable"), (500, "internal"), (502, None)):
        left = [1]

        def spoil(request, told):
            if request.method == "POST" and left[0] > 0:
                left[0] -= 1
                told.status, told.headers = status, [("Content-Type", "application/problem+json")] if problem else []
                told.body = json.dumps({"type": "urn:sis:error:" + problem, "detail": "The server is stopping."}).encode() if problem else b""
        server.rewrite = spoil
        server.requests.clear()
        n = len(alice.items())
        alice.upload(some_file())
        check_equal((len(server.bodies()), len(alice.items())), (1, n + 1), "POSTs and items after %d" % status)


@test("a refusal in clear words stays one, and is not asked about")
def refused():
    _, alice, server = scene()

    def refuse(request):
        if request.method == "POST":
            return Told(507, [("Content-Type", "application/problem+json")], json.dumps({"type": "urn:sis:error:quota", "detail": "It is full."}).encode())
    server.hold = refuse
    done = alice.run("upload", some_file(), status=77)
    check_in("the server refused: It is full", done.stderr)
    check_equal((len(server.bodies()), journals(alice)), (1, []), "POSTs and journals")


@test("no server at all: nothing was sent, and nobody claims that it may have been")
def unreachable():
    with Daemon(workers=1) as daemon:
        alice = daemon.client()
        daemon.stop()
        done = alice.run("upload", some_file(), status=69)
        check_not_in("may have arrived", done.stderr)
        check_equal(journals(alice), [], "journals")


@test("an answer lost for good: exit status 75, it may have arrived or not; the same command finds out, and there is one item, whether it had arrived or not", limit_s=300)
def for_good():
    all_at_once(lost_for_good, (True, 3000), (True, 0), (True, 6 << 20), (False, 3000))


def lost_for_good(alice, server, arrived, size):
    path = some_file(size)
    if arrived:
        server.lose(after=1000, deaf=True)
    else:
        server.lose()
        server.hold = lambda _request: lose_from_post_on(server)
    done = alice.run("upload", path, status=75)
    check_in("it may have arrived, or not; run the same command again: it finds out, and makes no second item", done.stderr)
    check_equal(len(journals(alice)), 1, "journals")
    server.honest()
    done = alice.run("--json", "upload", path)
    check_equal((len(alice.items()), json.loads(done.stdout)["resumed"], journals(alice)), (1, True, []), "items, resumed, journals (%d bytes)" % size)
    check_equal(len(server.bodies()), 0 if arrived else 1, "POSTs")
    check_equal(read_file(alice.get(find_item_id(done.stdout))), read_file(path), "the bytes")


def lose_from_post_on(server):
    if server.bodies():
        raise OSError("cut")


@test("a picture that was rid of its metadata is known again; one that has changed since is another")
def pictures():
    all_at_once(picture_again, (False,), (True,))


def picture_again(alice, server, changes):
    path = make_picture(os.path.join(temporary("p"), "lake.jpg"))
    server.lose(after=1000, deaf=True)
    alice.run("upload", path, status=75)
    server.honest()
    if changes:
        make_picture(path, seed=9)
    done = alice.run("--json", "upload", path)
    check_equal((len(alice.items()), json.loads(done.stdout.splitlines()[-1])["resumed"]), (1 + changes, not changes), "items, resumed")
    check_equal("changed since its upload" in done.stderr, changes, "said %r" % done.stderr)
    check_equal(journals(alice), [], "journals")


@test("who deleted the item whose answer was lost, and shares the file anew, has it anew")
def deleted():
    _, alice, server = scene()
    path = some_file()
    server.lose(after=1000, deaf=True)
    alice.run("upload", path, status=75)
    server.honest()
    alice.run("rm", alice.items()[0])
    check_equal(alice.items(), [], "items")
    alice.run("upload", path)
    check_equal((len(alice.items()), journals(alice)), (1, []), "items and journals")


@test("what comes from standard input, and words, cannot be known again: it is said where to look; the next message counts on without a gap")
def words():
    all_at_once(words_in_doubt, (True,), (False,))


def words_in_doubt(alice, server, is_message):
    server.lose(after=1000, deaf=True)
    if is_message:
        done = alice.run("--json", "send", alice.user, "one", status=75)
    else:
        done = alice.run("--json", "upload", "-", "--name", "x", status=75, input=b"from a pipe")
    error = json.loads(done.stderr.splitlines()[-1])
    check_equal(error["error"], "UNCONFIRMED", "the error")
    check_in("look there before you send it again", error["detail"])
    check_equal(journals(alice), [], "journals")
    server.honest()
    alice.run("send", alice.user, "two")
    wanted = [("one", 1), ("two", 2)] if is_message else [("two", 1)]
    check_equal([(entry["words"], entry["number"]) for entry in alice.json("list") if entry["kind"] == "message"], wanted, "messages")


@test("^C before the answer: interrupted, with exit status 130, and the same command finds out")
def interrupted():
    _, alice, server = scene()
    path, arrived, over = some_file(), threading.Event(), threading.Event()

    def keep_waiting(request, _told):
        if request.method == "POST":
            arrived.set()
            over.wait(60 * SLOW)
            raise OSError("over")
    server.rewrite = keep_waiting
    upload = alice.popen("upload", path)
    check(arrived.wait(60 * SLOW), "the upload has not arrived")
    upload.send_signal(signal.SIGINT)
    status, said = upload.wait(60 * SLOW), upload.stderr.read().decode()
    over.set()
    check_equal(status, 130, "exit status")
    check_in("it may have arrived, or not; run the same command again", said)
    server.honest()
    check_equal(json.loads(alice.run("--json", "upload", path).stdout)["resumed"], True, "resumed")
    check_equal(len(alice.items()), 1, "items")


@test("from the gallery's page, too, a lost answer makes no second item")
def gallery():
    _, alice, server = scene()
    about = base64.b64encode(json.dumps({"name": "x.bin", "caption": "", "to": "", "label": "l", "convert": ""}).encode()).decode()
    with Gallery(alice) as page:
        page.enter()
        server.lose(before=1, after=1)
        reply = page.request("POST", "/api/uploads", b"some bytes", {"Sis-Upload": about})
        check_equal(reply.status, 200, "status of %r" % reply.body)
        server.honest()
    check_equal((alice.items(), len(alice.items())), ([reply.json()["item"]], 1), "items")


@test("a server that denies what it has, or confirms something else, is not believed beyond its word, and makes no two items either")
def lying():
    daemon, alice, server = scene()
    server.lose(after=1)

    def deny(request):
        if request.method == "GET" and request.path.startswith("/v1/items/") and len(server.bodies()) == 1:
            return Told(404, [("Content-Type", "application/problem+json")], b'{"type":"urn:sis:error:no-item"}')
        return server._before(request)
    server.hold = deny
    alice.upload(some_file())
    check_equal((len(server.bodies()), len(alice.items())), (2, 1), "POSTs and items")
    other = alice.items()[0]
    for answer in (lambda told: told.set_json({"item": other, "sequence": 1}), lambda told: told.set_json({})):
        server.lose(before=1)
        server.rewrite = lambda request, told, answer=answer: answer(told) if request.method == "POST" else None
        done = alice.run("upload", some_file(), status=76)
        check_in("the server did not confirm the item", done.stderr)
    check(daemon.is_serving(), "the daemon does not serve")


run()
