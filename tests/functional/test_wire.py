#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire: every request of ARCHITECTURE's table from curl and from plain HTTP, resumable uploads, ranges, problem documents."""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *

DRAFT = {"Upload-Draft-Interop-Version": "8"}


def split_answers(data):
    """[(status, headers, body)] of a byte string with whole HTTP/1.1 answers."""
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        answers.append((int(lines[0].split()[1]), headers, data[:size]))
        data = data[size:]
    return answers


@test("curl uploads, lists, fetches every part, and deletes", needs=["curl"])
def curl_does_everything():
    daemon = shared_daemon()
    alice, bob = SealingDevice(daemon, "alice"), SealingDevice(daemon, "bob")
    content = make_bytes(200000)
    bundle = alice.seal(content, bob, thumbnail=b"small picture")
    path = write_file(os.path.join(temporary("bundle"), "x.sis"), bundle)
    done = daemon.curl("/v1/items", "--fail", "-H", "Content-Type: application/vnd.sis.item", "--data-binary", "@" + path, who=alice)
    check_equal(json.loads(done.stdout)["item"], alice.item, "item")
    listed = json.loads(daemon.curl("/v1/items?include=manifest", "--fail", who=bob).stdout)
    check_equal([i["item"] for i in listed["items"]], [alice.item], "bob's list")
    entry = json.loads(daemon.curl("/v1/items/" + alice.item, "--fail", who=bob).stdout)
    check_equal((entry["owner"], len(entry["grants"])), ("alice", 1), "item as bob sees it")
    check(entry["statement"].encode() in bundle and entry["grants"][0].encode() in bundle, "the texts are not those of the bundle")
    check("BEGIN CERTIFICATE" in entry["certificates"][0]["certificate"], "no certificate")
    for part in ("manifest", "thumbnail", "object"):
        sealed = daemon.curl("/v1/items/%s/%s" % (alice.item, part), "--fail", who=bob, binary=True).stdout
        check(sealed and sealed in bundle, "%s is not that of the bundle" % part)
    user = json.loads(daemon.curl("/v1/users/bob", "--fail", who=alice).stdout)
    check_equal((user["user"], [d["device"] for d in user["devices"]]), ("bob", ["test"]), "GET /v1/users/bob")
    check_in("sis-key/1\nuser bob\n", user["devices"][0]["key"])
    both = daemon.request("GET", "/v1/users/bob?include=self", who=alice).json()
    check_equal((both.pop("self")["user"], both), ("alice", user), "GET /v1/users/bob?include=self")
    with_manifest = daemon.request("GET", "/v1/items/%s?include=manifest" % alice.item, who=bob).json()
    check_equal(with_manifest, listed["items"][0], "an item with its manifest")
    check_equal(json.loads(daemon.curl("/v1/whoami", "--fail", who=bob).stdout)["device"], "test", "whoami")
    daemon.curl("/v1/items/" + alice.item, "--fail", "-X", "DELETE", who=alice)
    check_equal(daemon.request("GET", "/v1/items/" + alice.item, who=bob).status, 404, "after deletion")


@test("what was sealed by the second implementation is opened by sis, and the other way round")
def both_ways():
    daemon = shared_daemon()
    sealer, client = SealingDevice(daemon, "pyalice"), daemon.client("csbob")
    user = daemon.request("GET", "/v1/users/csbob", who=sealer).json()
    import sis_item
    key = sis_item.parse_key_statement(user["devices"][0]["key"].encode())
    peer = type("Peer", (), {"user": "csbob", "name": key["device"], "private": None})
    original, sis_item.raw_public = sis_item.raw_public, lambda private: key["key"] if private is None else original(private)
    try:
        bundle = sealer.seal(b"hello from python" * 1000, peer)
    finally:
        sis_item.raw_public = original
    check_equal(sealer.upload(bundle).status, 201, "upload")
    check_equal(read_file(client.get(sealer.item)), b"hello from python" * 1000, "what sis opened")


@test("downloads by range: single, suffix, open end, If-Range, 416")
def ranges():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    check_equal(device.upload(device.seal(make_bytes(300000))).status, 201, "upload")
    path = "/v1/items/%s/object" % device.item
    whole = daemon.request("GET", path, who=device)
    check_equal((whole.status, whole.headers["Accept-Ranges"]), (200, "bytes"), "whole")
    etag, size = whole.headers["ETag"], len(whole.body)
    check(re.fullmatch(r'"[0-9a-zA-Z+/]+"', etag), "ETag %r" % etag)
    for spec, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("65000-66000", 65000, 66000), ("%d-" % (size - 5), size - 5, size - 1),
                              ("-7", size - 7, size - 1), ("0-99999999", 0, size - 1), ("-99999999", 0, size - 1)):
        part = daemon.request("GET", path, who=device, headers={"Range": "bytes=" + spec})
        check_equal((part.status, part.body == whole.body[first:last + 1], part.headers["Content-Range"]),
                    (206, True, "bytes %d-%d/%d" % (first, last, size)), "range " + spec)
    for spec in ("bytes=%d-" % size, "bytes=%d-%d" % (size + 5, size + 9), "bytes=-0"):
        part = daemon.request("GET", path, who=device, headers={"Range": spec})
        check_equal((part.status, part.headers.get("Content-Range")), (416, "bytes */%d" % size), "range " + spec)
    for spec in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=1-2,4-5", "bytes=" + "9" * 40 + "-"):
        part = daemon.request("GET", path, who=device, headers={"Range": spec})
        check(part.status in (200, 206, 400, 416), "range %r: %d" % (spec, part.status))
        check(part.status != 200 or part.body == whole.body, "range %r: another body" % spec)
    check_equal(daemon.request("GET", path, who=device, headers={"Range": "bytes=0-9", "If-Range": etag}).status, 206, "If-Range that matches")
    check_equal(daemon.request("GET", path, who=device, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).status, 200, "If-Range that does not")
    check_equal(daemon.request("GET", path, who=device, headers={"If-None-Match": etag}).status, 304, "If-None-Match")
    head = daemon.request("HEAD", path, who=device)
    check_equal((head.status, int(head.headers["Content-Length"]), head.body), (200, size, b""), "HEAD")


@test("curl resumes a download where it stopped", needs=["curl"])
def curl_resumes():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    device.upload(device.seal(make_bytes(1000000)))
    path = "/v1/items/%s/object" % device.item
    whole = daemon.request("GET", path, who=device).body
    target = write_file(os.path.join(temporary("resume"), "part"), whole[:300001])
    daemon.curl(path, "--fail", "-C", "-", "-o", target, who=device)
    check_equal(read_file(target) == whole, True, "the file")


@test("the list is paged in both orders without loss or repeat")
def paging():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    items = []
    for n in range(7):
        check_equal(device.upload(device.seal(b"%d" % n)).status, 201, "upload")
        items.append(device.item)
    def pages(order, limit):
        found, after = [], ""
        while True:
            reply = daemon.request("GET", "/v1/items?limit=%d&order=%s%s" % (limit, order, after), who=device).json()
            found += [i["item"] for i in reply["items"]]
            check(len(reply["items"]) <= limit, "too many")
            if reply["next"] is None:
                return found
            after = "&after=%d" % reply["next"]
    for limit in (1, 2, 3, 7, 200):
        check_equal(pages("oldest", limit), items, "oldest by %d" % limit)
        check_equal(pages("newest", limit), items[::-1], "newest by %d" % limit)
    for query in ("limit=x", "limit=-1", "after=x", "after=99999999999999999999999", "order=sideways", "limit=0"):
        daemon.request("GET", "/v1/items?" + query, who=device).check_problem(400)
    check(len(daemon.request("GET", "/v1/items?limit=100000", who=device).json().get("items", [])) <= 200, "limit of the limit")


@test("resumable upload: created incomplete, asked for its offset, appended to, completed; the item is the same")
def resumable():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    content = make_bytes(400000)
    bundle = device.seal(content)
    first = daemon.request("POST", "/v1/items", who=device, body=bundle[:100000],
                           headers={"Content-Type": "application/vnd.sis.item", "Upload-Complete": "?0", "Upload-Length": str(len(bundle)), **DRAFT})
    check_equal((first.status, first.headers["Upload-Complete"], first.headers["Upload-Offset"]), (201, "?0", "100000"), "created")
    where = first.headers["Location"]
    check(where.startswith("/v1/uploads/"), "Location %r" % where)
    state = daemon.request("HEAD", where, who=device, headers=DRAFT)
    check_equal((state.status, state.headers["Upload-Offset"], state.headers["Upload-Complete"], state.headers["Upload-Length"], state.headers["Cache-Control"]),
                (204, "100000", "?0", str(len(bundle)), "no-store"), "HEAD")
    patch = {"Content-Type": "application/partial-upload", **DRAFT}
    wrong = daemon.request("PATCH", where, who=device, body=bundle[5:50], headers={**patch, "Upload-Offset": "5", "Upload-Complete": "?0"})
    problem = wrong.json()
    check_equal((wrong.status, problem["expected-offset"], problem["provided-offset"]), (409, 100000, 5), "wrong offset")
    second = daemon.request("PATCH", where, who=device, body=bundle[100000:250000], headers={**patch, "Upload-Offset": "100000", "Upload-Complete": "?0"})
    check_equal((second.status, second.headers["Upload-Offset"]), (204, "250000"), "second part")
    last = daemon.request("PATCH", where, who=device, body=bundle[250000:], headers={**patch, "Upload-Offset": "250000", "Upload-Complete": "?1"})
    check_equal((last.status, last.headers.get("Upload-Complete"), last.json()["item"]), (201, "?1", device.item), "last part")
    sealed = daemon.request("GET", "/v1/items/%s/object" % device.item, who=device).body
    check(bundle.endswith(sealed), "the object is another")
    again = daemon.request("PATCH", where, who=device, body=b"x", headers={**patch, "Upload-Offset": str(len(bundle)), "Upload-Complete": "?1"})
    check(400 <= again.status < 500, "appending to a complete upload: %d" % again.status)


@test("who announces the draft's version gets a 104 with the upload's place before the body is sent")
def interim():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(100000))
    connection = daemon.tls(device)
    connection.sendall(("POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: %d\r\n"
                        "Upload-Complete: ?1\r\nUpload-Draft-Interop-Version: 8\r\n\r\n" % len(bundle)).encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    check(data.startswith(b"HTTP/1.1 104 "), "first answer %r" % data[:100])
    where = re.search(rb"(?i)\r\nlocation: *(\S+)", data).group(1).decode()
    connection.sendall(bundle[:30000])
    # The connection is lost in the middle; what arrived counts.
    connection.close()
    def offset():
        return int(daemon.request("HEAD", where, who=device, headers=DRAFT).headers["Upload-Offset"])
    at = wait_for(lambda: offset() == 30000 and 30000, "30,000 bytes to have arrived")
    done = daemon.request("PATCH", where, who=device, body=bundle[at:], headers={"Content-Type": "application/partial-upload", "Upload-Offset": str(at),
                                                                               "Upload-Complete": "?1", **DRAFT})
    check_equal((done.status, done.json()["item"]), (201, device.item), "completed")


@test("an upload goes on after the daemon was killed and started again")
def resume_over_restart():
    with Daemon(workers=1) as daemon:
        device = SealingDevice(daemon)
        bundle = device.seal(make_bytes(300000))
        first = daemon.request("POST", "/v1/items", who=device, body=bundle[:123456],
                               headers={"Content-Type": "application/vnd.sis.item", "Upload-Complete": "?0", **DRAFT})
        # That an upload was begun is written with the next batch, and not waited for: in a crash before that it starts anew.
        with contextlib.closing(sqlite3.connect("file:%s/db/sis.db?mode=ro" % daemon.state_dir, uri=True)) as database:
            wait_for(lambda: database.execute("SELECT count(*) FROM uploads").fetchone() == (1,), "the upload to be noted")
        daemon.restart(hard=True)
        head = daemon.request("HEAD", first.headers["Location"], who=device, headers=DRAFT)
        check_equal((first.status, head.status), (201, 204), "statuses before and after")
        at = int(head.headers["Upload-Offset"])
        check(at <= 123456, "offset %d" % at)
        done = daemon.request("PATCH", first.headers["Location"], who=device, body=bundle[at:], headers={
            "Content-Type": "application/partial-upload", "Upload-Offset": str(at), "Upload-Complete": "?1", **DRAFT})
        check_equal(done.status, 201, "completed")


@test("an upload is its device's own: others get 404, its owner may cancel it")
def foreign_upload():
    daemon = shared_daemon()
    owner, other = SealingDevice(daemon), SealingDevice(daemon)
    first = daemon.request("POST", "/v1/items", who=owner, body=b"sis-bundle/1\n", headers={"Content-Type": "application/vnd.sis.item",
                                                                                            "Upload-Complete": "?0", **DRAFT})
    where = first.headers["Location"]
    for method in ("HEAD", "PATCH", "DELETE"):
        fields = {"Content-Type": "application/partial-upload", "Upload-Offset": "13", "Upload-Complete": "?1"} if method == "PATCH" else {}
        reply = daemon.request(method, where, who=other, body=b"x" if method == "PATCH" else None, headers={**fields, **DRAFT})
        check_equal(reply.status, 404, method + " by another")
    check_equal(daemon.request("DELETE", where, who=owner).status, 204, "DELETE by the owner")
    check_equal(daemon.request("HEAD", where, who=owner).status, 404, "HEAD after that")
    daemon.request("HEAD", "/v1/uploads/" + "a" * 26, who=owner)


@test("OPTIONS tells the limit; what is larger is refused before its body is read")
def limits():
    with Daemon(workers=1, max_item_bytes="1M") as daemon:
        device = SealingDevice(daemon)
        reply = daemon.request("OPTIONS", "/v1/items", who=device)
        check_equal(reply.status, 204, "OPTIONS")
        check_in("max-size=1048576", reply.headers["Upload-Limit"])
        connection = daemon.tls(device)
        connection.sendall(b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: 1048577\r\n\r\n")
        check(connection.recv(4096).startswith(b"HTTP/1.1 413 "), "no 413")
        check_equal(device.upload(device.seal(make_bytes(700000))).status, 201, "one that fits")


@test("no way of appending leads beyond the limit, or to many uploads of unknown length at once")
def limits_of_appending():
    with Daemon(workers=1, max_item_bytes="1M", quota_bytes="2M") as daemon:
        device = SealingDevice(daemon)
        def create():
            return daemon.request("POST", "/v1/items", who=device, body=b"sis-bundle/1\n", headers={"Content-Type": "application/vnd.sis.item",
                                                                                                    "Upload-Complete": "?0", **DRAFT})
        def append(where, size, *fields):
            """Opens the request: the connection, and the status that says whether its body may come."""
            connection = daemon.tls(device)
            head = ["PATCH %s HTTP/1.1" % where, "Host: localhost", "Content-Type: application/partial-upload", "Upload-Offset: 13",
                    "Content-Length: %d" % size, "Expect: 100-continue"] + list(fields)
            connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
            return connection, int(connection.recv(4096)[9:12])
        where = create().headers["Location"]
        for fields in (["Upload-Complete: ?1"], ["Upload-Complete: ?0", "Upload-Length: 999999999999999"]):
            connection, status = append(where, 3 << 20, *fields)
            connection.close()
            check_equal(status, 413, "status with %r" % fields)
        done = daemon.request("PATCH", where, who=device, body=iter([b"x" * (1 << 18)] * 5), headers={
            "Content-Type": "application/partial-upload", "Upload-Offset": "13", "Upload-Complete": "?0", **DRAFT})
        check_equal(done.status, 413, "chunks without end")
        daemon.request("DELETE", where, who=device)
        places = [create().headers["Location"] for _ in range(4)]
        answers = [append(place, 500000, "Upload-Complete: ?0") for place in places]
        statuses = [status for _, status in answers]
        check(sorted(set(statuses)) == [100, 507], "statuses: %r" % statuses)
        create().check_problem(507, "quota")
        for connection, _ in answers:
            connection.close()
        wait_for(lambda: create().status == 201, "room again")


@test("a user's quota is kept")
def quota():
    with Daemon(workers=1, quota_bytes="1M") as daemon:
        device = SealingDevice(daemon)
        check_equal(device.upload(device.seal(make_bytes(600000))).status, 201, "first")
        device.upload(device.seal(make_bytes(600000))).check_problem(507, "quota")
        first = daemon.request("GET", "/v1/items", who=device).json()["items"][0]["item"]
        check_equal(daemon.request("DELETE", "/v1/items/" + first, who=device).status, 204, "deletion")
        check_equal(device.upload(device.seal(make_bytes(600000))).status, 201, "after deletion")


@test("every error is a problem document")
def problems():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    for method, path, status in (("GET", "/v1/items/" + "a" * 26, 404), ("GET", "/v1/items/notanid", (400, 404)), ("GET", "/nothing", 404),
                                 ("PUT", "/v1/items", 405), ("DELETE", "/v1/whoami", 405), ("GET", "/v1/users/nobody", 404),
                                 ("GET", "/v1/users/..%2f..%2fetc", (400, 404)), ("POST", "/v1/items", (400, 411, 415))):
        reply = daemon.request(method, path, who=device)
        check(reply.status == status or (isinstance(status, tuple) and reply.status in status), "%s %s: %d" % (method, path, reply.status))
        reply.check_problem(reply.status)
    check(daemon.request("PUT", "/v1/items", who=device).headers.get("Allow"), "405 without Allow")
    for path in ("/v1/items", "/v1/whoami", "/v1/users/alice", "/v1/items/" + "a" * 26):
        reply = daemon.request("GET", path)
        check(reply.status in (401, 403), "%s without certificate: %d" % (path, reply.status))
        reply.check_problem(reply.status)


@test("pipelined requests are answered in order on one connection; keep-alive holds")
def pipelining():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    connection = daemon.tls(device)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                       b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    data = b""
    with contextlib.suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        while True:
            more = connection.recv(65536)
            if not more:
                break
            data += more
    check_equal([status for status, _, _ in split_answers(data)], [200, 404, 200], "statuses")


@test("chunked bodies and Expect: 100-continue work for uploads", needs=["curl"])
def chunked():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    path = write_file(os.path.join(temporary("bundle"), "x.sis"), device.seal(make_bytes(2000000)))
    daemon.curl("/v1/items", "--fail", "-H", "Content-Type: application/vnd.sis.item", "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue",
                "--data-binary", "@" + path, who=device)
    check_equal(daemon.request("GET", "/v1/items/" + device.item, who=device).status, 200, "the item")


run()
