#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sis gallery over plain HTTP, as a browser asks and as others would like to: the link, the gate, the JSON, pictures, uploads, live update."""

import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import make_photo
from sis_gallery import Gallery, Reader, send_picture, send_words
from sis_sealing import SealingDevice
from sis_testlib import *

CLOSED = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
}
_scene = {}


def scene():
    """Alice with her gallery; bob, whose device the tests are; two pictures and words from him."""
    if not _scene:
        daemon = shared_daemon()
        alice, bob = daemon.client(unique("alice")), SealingDevice(daemon, unique("bob"))
        reader = Reader(alice)
        _scene.update(daemon=daemon, alice=alice, bob=bob, reader=reader, first=send_picture(bob, reader, caption="On the lake"),
                      second=send_picture(bob, reader, seed=2, thumbnail=False), words=send_words(bob, reader, "See you on Sunday"))
        _scene["gallery"] = Gallery(alice)
        _scene["gallery"].enter()
    return _scene


def check_closed(reply):
    for name, value in CLOSED.items():
        check_equal(reply.headers.get(name), value, name)
    check("Access-Control-Allow-Origin" not in reply.headers, "another origin may read this")
    return reply


@test("the link's token buys one session; a second use is refused, and so is a guess")
def token_once():
    with Gallery(scene()["alice"]) as gallery:
        check_equal(gallery.request("GET", "/api/items").status, 401, "before the token")
        check_closed(gallery.request("POST", "/api/session", b"0" * 32)).check_problem(403)
        reply = check_closed(gallery.enter())
        cookie = reply.headers["Set-Cookie"]
        check_equal(cookie.split("; ")[1:], ["HttpOnly", "SameSite=Strict", "Path=/"], "what the cookie says")
        check_not_in(gallery.token, cookie + gallery.key, "what was given for the token")
        check_closed(gallery.request("POST", "/api/session", gallery.token.encode(), session=False)).check_problem(403)
        check_equal(gallery.request("GET", "/api/items").status, 200, "the first one's session")
        status, errors = gallery.stop()
        check_equal((status, errors), (0, ""), "^C")


@test("only the printed host, our own origin, the cookie and the page's key together open anything")
def gate():
    gallery = scene()["gallery"]
    port, items = gallery.port, "/api/items"
    for host in ("localhost:" + port, "127.0.0.1", "evil.example:" + port, "127.0.0.1:1", gallery.address + ".", "[::1]:" + port):
        check_closed(gallery.request("GET", items, headers={"Host": host})).check_problem(421)
        gallery.request("GET", "/", headers={"Host": host}).check_problem(421)
    for headers in ({"Cookie": None}, {"Sis-Page-Key": None}, {"Sis-Page-Key": "0" * 32}, {"Cookie": gallery.cookie[:-1] + "_"}, {"Sis-Page-Key": ""},
                    {"Cookie": "other=1"}):
        check_closed(gallery.request("GET", items, headers=headers)).check_problem(401)
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}):
        check_closed(gallery.request("GET", items, headers=headers)).check_problem(403)
    check_equal(gallery.request("DELETE", items + "/" + scene()["first"], headers={"Origin": None}).status, 403, "a change without an origin")
    check_equal(gallery.request("POST", "/api/session", b"x", headers={"Origin": "http://evil.example"}).status, 403, "the token from another page")
    check_equal(gallery.request("GET", items, headers={"Cookie": "a=b; " + gallery.cookie + "; c=d"}).status, 200, "among other cookies")
    check_equal(gallery.request("GET", "/style.css", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status, 403, "embedded elsewhere")
    check_equal(gallery.request("GET", "/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status, 200, "a link from elsewhere")


@test("the page's files are served closed, and nothing else is: methods, paths, garbage")
def page_files():
    gallery = scene()["gallery"]
    types = {"/": "text/html; charset=utf-8", "/index.html": "text/html; charset=utf-8", "/app.js": "text/javascript; charset=utf-8",
             "/style.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml"}
    for path, kind in types.items():
        reply = check_closed(gallery.request("GET", path, session=False))
        check_equal((reply.status, reply.headers["Content-Type"]), (200, kind), path)
        check_not_in(b"http://", reply.body.replace(b"http://www.w3.org/2000/svg", b""), path)
    check_closed(gallery.request("POST", "/", b"")).check_problem(405)
    check_closed(gallery.request("PUT", "/api/items", b"")).check_problem(405)
    for path in ("/gallery.h", "/../app.js", "/%2e%2e/app.js", "/api/items/../people", "/api/items/" + "a" * 25, "/api/items/%00", "/api", "/app.js/", "//app.js",
                 "/api/items/" + scene()["first"] + "/", "/download/" + "0" * 32, "/download/"):
        reply = gallery.request("GET", path)
        check(reply.status in (400, 404), "%s: %d" % (path, reply.status))
    with socket.create_connection((gallery.host, int(gallery.port))) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
        check_in(b" 400 ", raw.recv(4096), "the answer to garbage")
    for query in ("before=x", "before=-1", "before=99999999999999999999"):
        gallery.request("GET", "/api/items?" + query).check_problem(400)


@test("items come with everything that was checked; what does not hold says why and shows nothing of its sender")
def items_described():
    world = scene()
    wrong = world["bob"].seal(b"x", world["reader"], name="secret name", grant={"time": int(time.time()) + 86400})
    check_equal(world["bob"].upload(wrong).status, 201, "an item whose grant is from tomorrow")
    reply = check_closed(world["gallery"].request("GET", "/api/items"))
    items = {item["item"]: item for item in reply.json()["items"]}
    first, bad = items[world["first"]], items[world["bob"].item]
    check_equal([first[name] for name in ("holds", "kind", "caption", "media_type", "thumbnail", "viewable", "may_share")],
                [True, "image", "On the lake", "image/jpeg", True, True, False], "the picture")
    check_equal([first["signer"][name] for name in ("user", "device", "own", "verified", "revoked")], [world["bob"].user, "test", False, False, None], "its signer")
    check_equal(items[world["words"]]["text"], "See you on Sunday", "the words")
    check_equal((bad["holds"], bad["owner"]), (False, world["bob"].user), "the bad one")
    check_in("future", bad["why"], "why")
    check_not_in("secret name", reply.body.decode(), "the list")
    one = world["gallery"].request("GET", "/api/items/" + world["first"]).json()
    check_equal(one["caption"], "On the lake", "asked for alone")
    world["gallery"].request("GET", "/api/items/%s" % world["bob"].item).check_problem(422)
    world["gallery"].request("GET", "/api/items/" + "a" * 26).check_problem(404)
    people = world["gallery"].request("GET", "/api/people").json()
    check_equal((people["user"], [one["name"] for one in people["people"]]), (world["alice"].user, [world["bob"].user]), "people")


@test("pictures are served as what their bytes are, by range; everything else only as a download of octets")
def types_and_ranges():
    world = scene()
    gallery, bob, reader = world["gallery"], world["bob"], world["reader"]
    picture, path = make_photo.make(320, 240, 1), "/api/items/%s/object" % world["first"]
    reply = check_closed(gallery.request("GET", path))
    check_equal((reply.status, reply.headers["Content-Type"], reply.body), (200, "image/jpeg", picture), "the picture")
    small = check_closed(gallery.request("GET", "/api/items/%s/thumbnail" % world["first"]))
    check_equal((small.headers["Content-Type"], small.body[:3]), ("image/jpeg", b"\xff\xd8\xff"), "the thumbnail")
    gallery.request("GET", "/api/items/%s/thumbnail" % world["second"]).check_problem(404)
    for field, status, body in (("bytes=0-9", 206, picture[:10]), ("bytes=-7", 206, picture[-7:]), ("bytes=100-", 206, picture[100:]), ("bytes=x", 200, picture),
                                ("bytes=%d-" % len(picture), 416, None)):
        got = gallery.request("GET", path, headers={"Range": field})
        check_equal((got.status, got.body if body is not None else None), (status, body), field)
    for content, kind in ((b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "image/svg+xml"), (b"<script>alert(1)</script>", "image/png"),
                          (b"<html>", "text/html"), (b"", "image/jpeg")):
        item = send_picture(bob, reader, content=content, thumbnail=False, name="\u202ex\r\nA: b.html", members={"type": kind})
        check_closed(gallery.request("GET", "/api/items/%s/object" % item)).check_problem(415)
        ticket = gallery.request("POST", "/api/items/%s/ticket" % item, b"").json()["path"]
        gallery.request("GET", ticket, session=False).check_problem(401)
        got = check_closed(gallery.request("GET", ticket, headers={"Sis-Page-Key": None}))
        check_equal((got.status, got.headers["Content-Type"], got.body), (200, "application/octet-stream", content), kind)
        check(re.fullmatch(r"attachment; filename\*=UTF-8''[A-Za-z0-9._%-]+", got.headers["Content-Disposition"]), got.headers["Content-Disposition"])
    fake = send_picture(bob, reader, thumbnail=b"<svg/>")
    check(gallery.request("GET", "/api/items/%s/thumbnail" % fake).status >= 400, "a thumbnail that is none")


def upload(gallery, data, headers=None, **about):
    return gallery.upload(data, headers, **about)


@test("an upload from the page goes the way of sis upload: without metadata, with a thumbnail, for whom it says")
def upload_from_page():
    world = scene()
    gallery, carol = world["gallery"], world["daemon"].client(unique("carol"))
    photo = make_photo.make(200, 120, 5)
    reply = check_closed(upload(gallery, photo, to=carol.user, caption="Grüße “\u202e”", name="Ä.jpg"))
    check_equal(reply.status, 200, "status (%r)" % reply.body)
    item = gallery.request("GET", "/api/items/" + reply.json()["item"]).json()
    check_equal((item["caption"], item["name"], item["thumbnail"], item["signer"]["own"]), ("Grüße “\u202e”", "Ä.jpg", True, True), "what was uploaded")
    got = read_file(carol.get(reply.json()["item"]))
    check(make_photo.CAMERA_MAKE in photo and make_photo.CAMERA_MAKE not in got, "the metadata went along")
    check_closed(upload(gallery, photo, to="nobody-here")).check_problem(404)
    check_closed(upload(gallery, photo, name="x" * 300)).check_problem(400)
    check_closed(upload(gallery, photo, to="Not A Name!")).check_problem(400)
    check_closed(upload(gallery, photo, headers={"Sis-Upload": "%%%"})).check_problem(400)
    check_closed(upload(gallery, photo, headers={"Sec-Fetch-Site": "cross-site"})).check_problem(403)
    check_closed(upload(gallery, photo, convert="gif")).check_problem(400)
    bare = upload(gallery, photo, convert="jpeg").json()["item"]
    check(read_file(world["alice"].get(bare))[:3] == b"\xff\xd8\xff", "the converted picture is no JPEG")
    large = make_bytes(6 << 20)
    item = upload(gallery, large, name="film.bin").json()["item"]
    check(read_file(world["alice"].get(item)) == large, "the large file is not what was uploaded")


@test("an upload whose page goes away ends, and the gallery goes on")
def upload_cut_off():
    world = scene()
    gallery, before = world["gallery"], world["gallery"].items()
    about = base64.b64encode(b'{"name":"a","caption":"","to":"","label":"l","convert":""}').decode()
    head = "POST /api/uploads HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nCookie: %s\r\nSis-Page-Key: %s\r\nSis-Upload: %s\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(3):
        with socket.create_connection((gallery.host, int(gallery.port))) as raw:
            raw.sendall((head % (gallery.address, gallery.origin, gallery.cookie, gallery.key, about)).encode() + b"x" * 5000)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    check_equal(gallery.items(), before, "items")


@test("sharing later, who can see it, taking back, leaving, deleting: as the commands do")
def changes():
    world = scene()
    gallery, carol = world["gallery"], world["daemon"].client(unique("carol"))
    own = upload(gallery, make_photo.make(64, 48, 3)).json()["item"]
    readers = "/api/items/%s/readers" % own
    check_equal(gallery.request("PUT", readers + "/" + carol.user).status, 204, "sharing")
    check_equal(sorted(gallery.request("GET", readers).json()["readers"]), sorted([world["alice"].user, carol.user]), "readers")
    check_equal(carol.items(), [own], "carol's list")
    check_equal(gallery.request("DELETE", readers + "/" + carol.user).status, 204, "taking back")
    check_equal(carol.items(), [], "carol's list")
    gallery.request("PUT", readers + "/nobody-here").check_problem(404)
    gallery.request("PUT", readers + "/Not%20A%20Name").check_problem(400)
    check_equal(gallery.request("DELETE", "/api/items/" + own).status, 204, "deleting")
    gallery.request("GET", "/api/items/" + own).check_problem(404)
    theirs = send_picture(world["bob"], world["reader"], seed=8)
    check_closed(gallery.request("PUT", "/api/items/%s/readers/%s" % (theirs, carol.user))).check_problem(403)
    gallery.request("DELETE", "/api/items/" + theirs).check_problem(404)
    check_equal(gallery.request("DELETE", "/api/items/%s/readers/%s" % (theirs, world["alice"].user)).status, 204, "leaving")
    check_not_in(theirs, [item["item"] for item in gallery.items()], "alice's list")


class Stream:
    """The page's event stream."""

    def __init__(self, gallery):
        self.connection = gallery.connection()
        self.connection.request("GET", "/api/events", headers={"Cookie": gallery.cookie, "Sis-Page-Key": gallery.key})
        self.answer = self.connection.getresponse()
        check_equal((self.answer.status, self.answer.headers["Content-Type"]), (200, "text/event-stream"), "the stream")

    def wait(self, accept):
        while True:
            line = self.answer.readline()
            check(line, "the stream ended")
            if line.startswith(b"data: ") and accept(json.loads(line[6:])):
                return json.loads(line[6:])


@test("what happens elsewhere comes to the page at once, checked like everything else", limit_s=30)
def live():
    world = scene()
    stream = Stream(world["gallery"])
    stream.wait(lambda news: news.get("online") is True)
    item = send_picture(world["bob"], world["reader"], seed=4, caption="Just now")
    news = stream.wait(lambda one: one["what"] == "item")["item"]
    check_equal((news["item"], news["caption"], news["holds"]), (item, "Just now", True), "the news")
    check_equal(world["daemon"].request("DELETE", "/v1/items/" + item, who=world["bob"]).status, 204, "deleting")
    check_equal(stream.wait(lambda one: one["what"] == "removed")["item"], item, "what was removed")
    bad = world["bob"].seal(b"x", world["reader"], grant={"time": int(time.time()) + 86400})
    world["bob"].upload(bad)
    check_equal(stream.wait(lambda one: one["what"] == "item")["item"]["holds"], False, "what does not hold")
    stream.connection.close()


@test("many requests at once, and one who does not read, hold nobody up")
def many_at_once():
    world = scene()
    gallery, path, wrong = world["gallery"], "/api/items/%s/thumbnail" % world["first"], []
    film = upload(gallery, make_bytes(8 << 20), name="film.bin").json()["item"]
    ticket = gallery.request("POST", "/api/items/%s/ticket" % film, b"").json()["path"]
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect((gallery.host, int(gallery.port)))
    slow.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n" % (ticket, gallery.address, gallery.cookie)).encode())

    def ask():
        connection = gallery.connection()
        for _ in range(8):
            reply = gallery.request("GET", path, connection=connection)
            if (reply.status, reply.body[:2]) != (200, b"\xff\xd8"):
                wrong.append(reply.status)
        connection.close()
    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_equal(wrong, [], "answers that were wrong")
    check_in(b"200 OK", slow.recv(2048), "the slow reader's answer")
    slow.close()


@test("the server away: the page and the gallery stay, say so, and go on when it is back", limit_s=40)
def server_away():
    with Daemon(workers=1) as daemon:
        alice = daemon.client("alice")
        item = alice.upload(make_picture(), alice)
        with Gallery(alice) as gallery:
            gallery.enter()
            stream = Stream(gallery)
            stream.wait(lambda news: news.get("online") is True)
            daemon.stop()
            stream.wait(lambda news: news.get("online") is False)
            check(gallery.request("GET", "/api/items").status >= 500, "the list without a server")
            check_equal(gallery.request("GET", "/").status, 200, "the page")
            daemon.start()
            stream.wait(lambda news: news.get("online") is True)
            check_equal([one["item"] for one in gallery.items()], [item], "the list")


@test("who is revoked gets no gallery, and one that is open shows nothing more")
def revoked():
    daemon = shared_daemon()
    dave = daemon.client(unique("dave"))
    item = dave.upload(make_picture(), dave)
    with Gallery(dave) as gallery:
        gallery.enter()
        check_equal(gallery.request("GET", "/api/items/%s/object" % item).status, 200, "before")
        daemon.sisctl("revoke", dave.user)
        check(gallery.request("GET", "/api/items/%s/object" % item).status in (401, 403), "a picture that was open before")
    done = dave.run("gallery", "--no-open", status=None)
    check(done.returncode != 0 and "revoked" in done.stderr, done.stderr)


@test("options: a port, IPv6; a browser is opened through a file that others cannot read")
def options():
    daemon = shared_daemon()
    erin = daemon.client(unique("erin"))
    with Gallery(erin, "--ipv6") as gallery:
        check(gallery.address.startswith("[::1]:"), gallery.address)
        gallery.enter()
        check_equal(gallery.items(), [], "the list over IPv6")
        taken = erin.run("gallery", "--no-open", "--ipv6", "--port", gallery.port, status=None)
        check(taken.returncode != 0 and "port" in taken.stderr, taken.stderr)
    check_equal(erin.run("gallery", "--port", "70000", status=None).returncode, 64, "a port that is none")
    places = temporary("places")
    opener = write_file(os.path.join(places, "xdg-open"), "#!/bin/sh\nstat -c %%a \"$1\" >%s/mode\ncat \"$1\" >%s/page\nmv %s/page %s/opened\n"
                        % (places, places, places, places))
    os.chmod(opener, 0o755)
    environment = program_environment(PATH=places + ":" + os.environ["PATH"], DISPLAY=":77", XDG_RUNTIME_DIR=places)
    process = subprocess.Popen(erin.command("--json", "gallery"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    url = json.loads(process.stdout.readline())["url"]
    wait_for(lambda: os.path.exists(os.path.join(places, "opened")), "the browser to be opened")
    check_in(url.encode(), read_file(os.path.join(places, "opened")), "the page that leads to the link")
    check_equal(read_file(os.path.join(places, "mode")), b"600\n", "its mode")
    process.send_signal(signal.SIGTERM)
    check_equal(process.wait(20 * SLOW), 0, "exit status")
    check(not [name for name in os.listdir(places) if name.startswith("sis-gallery-")], "the file is still there")


@test("the gallery that served all of this ends cleanly")
def end_of_scene():
    status, errors = scene()["gallery"].stop()
    check_equal(status, 0, "exit status (%s)" % errors)
    _scene.clear()


run()
