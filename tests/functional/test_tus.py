#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads from other people's software: tus 1.0.0 by hand, with curl, with Debian's tuspy, and with tus-js-client under node."""

import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}


def encode(data):
    return base64.b64encode(data).decode()


def checksum(data, algorithm="sha256"):
    return {"Upload-Checksum": algorithm + " " + encode(hashlib.new(algorithm, data).digest())}


def create(device, length, body=None, headers=None, status=201):
    reply = device.daemon.request("POST", "/v1/items", who=device, body=body, headers={
        **TUS, "Upload-Length": str(length), **(OCTETS if body else {}), **(headers or {})})
    check_equal(reply.status, status, "creation (%r)" % reply.body[:300])
    check_equal(reply.headers.get("Tus-Resumable"), "1.0.0", "Tus-Resumable")
    return reply.headers["Location"] if status == 201 else reply


def patch(device, where, offset, body, headers=None, status=204):
    reply = device.daemon.request("PATCH", where, who=device, body=body, headers={**TUS, **OCTETS, "Upload-Offset": str(offset), **(headers or {})})
    check_equal(reply.status, status, "PATCH (%r)" % reply.body[:300])
    check_equal(reply.headers.get("Tus-Resumable"), "1.0.0", "Tus-Resumable")
    return reply


def head(device, where, status=200):
    reply = device.daemon.request("HEAD", where, who=device, headers=TUS)
    check_equal(reply.status, status, "HEAD")
    return reply


def offset(device, where):
    return int(head(device, where).headers["Upload-Offset"])


def uploads(device):
    """The names under incoming/. Those of items that were just made go a moment later."""
    return {name for name in os.listdir(os.path.join(device.daemon.state_dir, "incoming"))}


def send_part(device, where, at, body, length, *fields, method="PATCH"):
    """Begins a request whose body is `length` long, and sends no more than body."""
    connection = device.daemon.tls(device)
    lines = ["%s %s HTTP/1.1" % (method, where), "Host: localhost", "Tus-Resumable: 1.0.0", "Content-Type: application/offset+octet-stream",
             "Content-Length: %d" % length] + (["Upload-Offset: %d" % at] if method == "PATCH" else []) + list(fields)
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return connection


@test("OPTIONS tells a tus client what is spoken here, beside what it tells the draft's")
def options():
    with Daemon(workers=1, max_item_bytes="3M") as daemon:
        reply = daemon.request("OPTIONS", "/v1/items")
        check_equal((reply.status, reply.headers["Tus-Version"], reply.headers["Tus-Max-Size"]), (204, "1.0.0", str(3 << 20)), "OPTIONS")
        check_equal(set(reply.headers["Tus-Extension"].split(",")), {"creation", "creation-with-upload", "checksum", "expiration", "termination"}, "extensions")
        check_equal(reply.headers["Tus-Checksum-Algorithm"], "sha256,sha512,sha1", "algorithms")
        check_in("max-size=", reply.headers["Upload-Limit"])
        create(SealingDevice(daemon), (3 << 20) + 1, status=413)


@test("created, sent in three pieces, looked at in between: the last piece makes the item, and the metadata comes back as it was given")
def pieces():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(300000))
    metadata = "filename " + encode("Grüße.jpg".encode()) + ", is_confidential"
    reply = daemon.request("POST", "/v1/items", who=device, headers={**TUS, "Upload-Length": str(len(bundle)), "Upload-Metadata": metadata})
    where = reply.headers["Location"]
    check_equal((reply.status, reply.headers["Upload-Offset"], where[:12]), (201, "0", "/v1/uploads/"), "created")
    check(http_time(reply.headers["Upload-Expires"]) > time.time() + 3600, "Upload-Expires %r" % reply.headers["Upload-Expires"])
    first = patch(device, where, 0, bundle[:100000])
    check_equal((first.headers["Upload-Offset"], first.headers["Upload-Expires"]), ("100000", reply.headers["Upload-Expires"]), "first piece")
    state = head(device, where)
    check_equal([state.headers[n] for n in ("Upload-Offset", "Upload-Length", "Upload-Metadata", "Cache-Control")],
                ["100000", str(len(bundle)), metadata, "no-store"], "HEAD")
    check("Sis-Item" not in state.headers, "an item before its end")
    # What tus began goes on in the draft's words, too.
    draft = daemon.request("PATCH", where, who=device, body=bundle[100000:150000], headers={
        "Content-Type": "application/partial-upload", "Upload-Offset": "100000", "Upload-Complete": "?0"})
    check_equal((draft.status, draft.headers["Upload-Offset"]), (204, "150000"), "the draft's PATCH")
    last = patch(device, where, 150000, bundle[150000:])
    check_equal((last.headers["Upload-Offset"], last.headers["Sis-Item"], last.body), (str(len(bundle)), device.item, b""), "last piece")
    check_in(daemon.request("GET", "/v1/items/%s/object" % device.item, who=device).body, bundle)
    state = head(device, where)
    check_equal((state.headers["Upload-Offset"], state.headers["Sis-Item"]), (str(len(bundle)), device.item), "HEAD afterwards")
    patch(device, where, len(bundle), b"x", status=409)


def http_time(text):
    import email.utils
    return email.utils.parsedate_to_datetime(text).timestamp()


@test("creation-with-upload: a part, or the whole, with the POST")
def with_upload():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(50000))
    where = create(device, len(bundle), body=bundle[:1000])
    check_equal(patch(device, where, 1000, bundle[1000:]).headers["Sis-Item"], device.item, "item")
    bundle = device.seal(make_bytes(50000))
    reply = device.daemon.request("POST", "/v1/items", who=device, body=bundle, headers={**TUS, **OCTETS, "Upload-Length": str(len(bundle))})
    check_equal((reply.status, reply.headers["Upload-Offset"], reply.headers["Sis-Item"]), (201, str(len(bundle)), device.item), "whole")
    check_equal(head(device, reply.headers["Location"]).headers["Sis-Item"], device.item, "at its place")


@test("a complete bundle that is no item is refused with the problem, and its upload is gone")
def refused():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(50000))
    bundle = bundle[:-1] + bytes([bundle[-1] ^ 1])
    where = create(device, len(bundle), body=bundle[:1000])
    problem = patch(device, where, 1000, bundle[1000:], status=422).json()
    check_equal(problem["type"], "urn:sis:error:bad-root", "problem")
    head(device, where, status=404)
    create(device, 5, body=b"hello", status=400)


@test("another version of tus is answered with 412 and the one that is spoken; a body in tus's media type without a version, too")
def versions():
    device = SealingDevice(shared_daemon())
    where = create(device, 100)
    for method, path, headers in (("POST", "/v1/items", {"Tus-Resumable": "0.2.2", "Upload-Length": "5"}), ("HEAD", where, {"Tus-Resumable": "1.0.1"}),
                                  ("PATCH", where, {**OCTETS, "Upload-Offset": "0"}), ("DELETE", where, {"Tus-Resumable": ""})):
        reply = device.daemon.request(method, path, who=device, headers=headers)
        check_equal((reply.status, reply.headers["Tus-Version"]), (412, "1.0.0"), method)
    check_equal(offset(device, where), 0, "offset")


@test("wrong offsets, lengths, types, metadata and checksums are refused, each with a problem, and change nothing")
def wrong():
    device = SealingDevice(shared_daemon())
    for fields in ({}, {"Upload-Length": "-1"}, {"Upload-Length": "x"}, {"Upload-Length": "0"}, {"Upload-Defer-Length": "1"}):
        check_equal(device.daemon.request("POST", "/v1/items", who=device, headers={**TUS, **fields}).status, 400, "creation with %r" % fields)
    for metadata in ("a YQ=", "a Y!==", "a YQ==,a YQ==", ","):
        create(device, 10, headers={"Upload-Metadata": metadata}, status=400)
    create(device, 10, headers={"Upload-Metadata": "k" * 2049}, status=413)
    create(device, 1 << 50, status=400)
    create(device, 10 ** 14, status=413)
    create(device, 3, body=b"four", status=400)
    check_equal(device.daemon.request("POST", "/v1/items", who=device, body=b"x", headers={**TUS, "Content-Type": "text/plain", "Upload-Length": "5"}).status,
                415, "another type")
    where = create(device, 10, headers={"Upload-Metadata": ""})
    for at in (5, 11, 10 ** 14):
        reply = patch(device, where, at, b"abc", status=409)
        check_equal((reply.json()["expected-offset"], reply.headers["Upload-Offset"]), (0, "0"), "offset %d" % at)
    for at in ("", "-1", "1e3"):
        patch(device, where, at, b"abc", status=400)
    patch(device, where, 0, b"eleven byte", status=400)
    check_equal(device.daemon.request("PATCH", where, who=device, body=b"x", headers={**TUS, "Content-Type": "text/plain", "Upload-Offset": "0"}).status, 415, "type")
    for value in ("md5 AAAA", "sha256 AAAA", "sha256", "sha1 " + encode(bytes(32))):
        patch(device, where, 0, b"abc", {"Upload-Checksum": value}, status=400)
    check_equal(offset(device, where), 0, "offset in the end")
    for path in ("/v1/uploads/" + "a" * 26, "/v1/uploads/..%2f..", "/v1/uploads/A"):
        check(head_status(device, path) in (400, 404), path)
    other = SealingDevice(shared_daemon())
    check_equal((head_status(other, where), device.daemon.request("DELETE", where, who=other, headers=TUS).status), (404, 404), "another's upload")
    check_equal(device.daemon.request("DELETE", where, who=device, headers=TUS).status, 204, "DELETE")
    check_equal(head_status(device, where), 404, "after DELETE")
    device.daemon.is_serving()


def head_status(device, where):
    return device.daemon.request("HEAD", where, who=device, headers=TUS).status


@test("a checksum that does not hold is answered with 460, and the offset does not move; one that holds counts")
def checksums():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(200000))
    where = create(device, len(bundle), body=bundle[:1000], headers=checksum(bundle[:1000], "sha512"))
    for algorithm in ("sha1", "sha256", "sha512"):
        reply = patch(device, where, 1000, bundle[1001:50000] + b"!", checksum(bundle[1000:50000], algorithm), status=460)
        check_equal(reply.headers["Upload-Offset"], "1000", "told")
        check_equal(offset(device, where), 1000, "kept")
    patch(device, where, 1000, bundle[1000:50000], checksum(bundle[1000:50000], "sha1"))
    patch(device, where, 50000, bundle[50000:-1] + b"!", checksum(bundle[50000:]), status=460)
    check_equal(patch(device, where, 50000, bundle[50000:], checksum(bundle[50000:])).headers["Sis-Item"], device.item, "item")
    before = uploads(device)
    create(device, 10, body=b"abc", headers=checksum(b"abd"), status=460)
    wait_for(lambda: not uploads(device) - before, "nothing to be left of it")


@test("what came before a connection broke counts, unless it should have been compared with a checksum; a creation that nobody was told of leaves nothing")
def broken():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(200000))
    where = create(device, len(bundle))
    begun, at = send_part(device, where, 0, bundle[:50000], len(bundle)), 50000
    wait_for(lambda: incoming_size(device, where) == at, "the bytes to lie in the file")
    begun.close()
    check_equal(offset(device, where), at, "offset")
    unchecked = send_part(device, where, at, bundle[at:90000], len(bundle) - at, "Upload-Checksum: " + checksum(bundle[at:])["Upload-Checksum"])
    wait_for(lambda: incoming_size(device, where) == 90000, "the bytes to lie in the file")
    unchecked.close()
    wait_for(lambda: not marks(device), "the mark to go")
    check_equal((offset(device, where), incoming_size(device, where)), (at, at), "offset after the checked request broke off")
    check_equal(patch(device, where, at, bundle[at:], checksum(bundle[at:])).headers["Sis-Item"], device.item, "item")
    before = uploads(device)
    begun = send_part(device, "/v1/items", 0, bytes(1000), 5000, "Upload-Length: 5000", method="POST")
    wait_for(lambda: uploads(device) - before, "the creation to begin")
    begun.close()
    wait_for(lambda: not uploads(device) - before, "it to be forgotten")


def incoming_size(device, where):
    return os.path.getsize(os.path.join(device.daemon.state_dir, "incoming", where.rsplit("/", 1)[1]))


def marks(device):
    return [name for name in os.listdir(os.path.join(device.daemon.state_dir, "incoming")) if ".from-" in name]


@test("the offset is right again after worker or daemon were killed within a request with a checksum; all bytes and no answer: HEAD makes the item")
def killed():
    with Daemon(workers=1) as daemon:
        device = SealingDevice(daemon)
        bundle = device.seal(make_bytes(200000))
        where = create(device, len(bundle), body=bundle[:1000])
        for end in ("worker", "daemon"):
            unchecked = send_part(device, where, 1000, bundle[1000:90000], len(bundle) - 1000, "Upload-Checksum: " + checksum(bundle[1000:])["Upload-Checksum"])
            wait_for(lambda: incoming_size(device, where) == 90000, "the bytes to lie in the file")
            if end == "worker":
                os.kill(daemon.roles()["worker"][0], signal.SIGKILL)
                daemon.wait_log("worker.*(died|ended|killed)")
            else:
                daemon.restart(hard=True)
            wait_for(lambda: not marks(device), "the mark to go")
            unchecked.close()
            check_equal(wait_for_head(device, where).headers["Upload-Offset"], "1000", "offset after the %s's end" % end)
        # All bytes lie there, but whoever sent them never heard of the item: the file as a daemon that was killed leaves it.
        daemon.stop()
        with open(os.path.join(daemon.state_dir, "incoming", where.rsplit("/", 1)[1]), "ab") as file:
            file.write(bundle[1000:])
        daemon.start()
        state = head(device, where)
        check_equal((state.headers["Upload-Offset"], state.headers["Sis-Item"]), (str(len(bundle)), device.item), "HEAD")
        daemon.restart()
        state = head(device, where)
        check_equal((state.headers["Upload-Offset"], state.headers["Sis-Item"]), (str(len(bundle)), device.item), "HEAD after a restart")


def wait_for_head(device, where):
    def ask():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return head(device, where)
    return wait_for(ask, "HEAD to be answered")


@test("of two PATCHes at once the later one goes on, the earlier one ends with 409, and the item is whole")
def two_at_once():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(200000))
    where = create(device, len(bundle))
    first = send_part(device, where, 0, bundle[:50000], len(bundle))
    wait_for(lambda: incoming_size(device, where) == 50000, "the first one to write")
    reply = patch(device, where, 0, bundle, status=409)
    at = int(reply.headers["Upload-Offset"])
    check_equal((at, reply.json()["expected-offset"]), (50000, 50000), "where the first one was stopped")
    check(first.recv(4096).startswith(b"HTTP/1.1 409 "), "the first one was not told")
    check_equal(patch(device, where, at, bundle[at:]).headers["Sis-Item"], device.item, "item")


@test("X-HTTP-Method-Override is taken for PATCH and DELETE of a tus POST, and for nothing else")
def override():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(1000))
    def post(path, method, headers, body=None):
        return device.daemon.request("POST", path, who=device, body=body, headers={"X-HTTP-Method-Override": method, **headers})
    where = create(device, len(bundle))
    check_equal(post(where, "PATCH", {**TUS, **OCTETS, "Upload-Offset": "0"}, bundle).headers["Sis-Item"], device.item, "item")
    where = create(device, 10)
    check_equal(post(where, "DELETE", {}).status, 405, "without tus")
    check_equal(post("/v1/items/" + device.item, "DELETE", TUS).status, 405, "what is no resource of tus")
    check_equal(post(where, "GET", TUS).status, 405, "another method")
    check_equal(post(where, "DELETE", TUS).status, 204, "DELETE")


@test("no 104 reaches a client that did not announce the draft's version: not curl's plain POST, not tus")
def no_interim():
    device = SealingDevice(shared_daemon())
    for more in (b"Content-Type: application/vnd.sis.item\r\n", b"Content-Type: application/vnd.sis.item\r\nUpload-Complete: ?1\r\n",
                 b"Content-Type: application/vnd.sis.item\r\nUpload-Complete: ?1\r\nUpload-Draft-Interop-Version: 7\r\n",
                 b"Tus-Resumable: 1.0.0\r\nUpload-Draft-Interop-Version: 8\r\nContent-Type: application/offset+octet-stream\r\nUpload-Length: %d\r\n"):
        bundle = device.seal(make_bytes(1000))
        with device.daemon.tls(device) as connection:
            connection.sendall(b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(bundle) +
                               (more % len(bundle) if b"%d" in more else more) + b"\r\n" + bundle)
            check(connection.recv(4096).startswith(b"HTTP/1.1 201 "), "the first answer is another: %r" % more)


@test("curl speaks tus", needs=["curl"])
def curl():
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(100000))
    path = write_file(os.path.join(temporary("bundle"), "rest.sis"), bundle[500:])
    made = device.daemon.curl("/v1/items", "--fail", "-i", "-X", "POST", "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Length: %d" % len(bundle),
                              "-H", "Content-Type: application/offset+octet-stream", "--data-binary",
                              "@" + write_file(os.path.join(temporary("bundle"), "start.sis"), bundle[:500]), who=device).stdout
    where = re.search(r"(?im)^location: *(\S+)", made).group(1)
    check_in("Upload-Offset: 500", device.daemon.curl(where, "--fail", "-I", "-H", "Tus-Resumable: 1.0.0", who=device).stdout)
    done = device.daemon.curl(where, "--fail", "-i", "-X", "PATCH", "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Offset: 500",
                              "-H", "Content-Type: application/offset+octet-stream", "--data-binary", "@" + path, who=device).stdout
    check_in("Sis-Item: " + device.item, done)


class Interrupted(Exception):
    pass


@test("tuspy uploads in chunks with checksums, is interrupted, and another run of it goes on")
def tuspy():
    try:
        import requests
        from tusclient import client as tus_client, exceptions as tus_exceptions
    except ImportError as error:
        raise Skip("needs python3-tuspy (%s)" % error)
    from unittest import mock
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(600000))
    path = write_file(os.path.join(temporary("bundle"), "x.sis"), bundle)
    session = requests.Session()
    session.cert, session.verify, session.trust_env = (device.certificate_path, device.key_path), device.daemon.ca(), False
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=0))
    url = "https://127.0.0.1:%d/v1/items" % device.daemon.port
    # tuspy calls the functions of the module requests, and always says verify=True or nothing.
    def through(method):
        return lambda url, **options: session.request(method, url, **{**options, "verify": session.verify})
    with mock.patch.multiple(requests, post=through("POST"), head=through("HEAD"), patch=through("PATCH")):
        client = tus_client.TusClient(url)
        uploader = client.uploader(path, chunk_size=100000, metadata={"filename": "Grüße.sis"}, upload_checksum=True)
        uploader.upload_chunk()
        uploader.upload_chunk()
        broken = client.uploader(path, url=uploader.url, chunk_size=100000)
        with mock.patch.object(session, "send", side_effect=requests.ConnectionError("cut")):
            try:
                broken.upload_chunk()
                raise Failure("the cut was not noticed")
            except tus_exceptions.TusUploadFailed:
                pass
        again = client.uploader(path, url=uploader.url, chunk_size=250000, upload_checksum=True)
        check_equal(again.offset, 200000, "where it goes on")
        again.upload()
        check_equal(again.request.response_headers["sis-item"], device.item, "item")
        check_equal(client.uploader(path, url=uploader.url).offset, len(bundle), "offset afterwards")
    check_in(device.daemon.request("GET", "/v1/items/%s/object" % device.item, who=device).body, bundle)


NODE_PROGRAM = """
const fs = require('fs'), https = require('https'), tus = require('tus-js-client')
const [endpoint, file, cert, key, ca, cut, known] = process.argv.slice(2)
const agent = new https.Agent({ cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca), keepAlive: true })
let item = null
const upload = new tus.Upload(fs.createReadStream(file), {
  endpoint, uploadUrl: known || null, uploadSize: fs.statSync(file).size, chunkSize: 100000, retryDelays: null, metadata: { filename: 'Grüße.sis' },
  httpStack: new tus.DefaultHttpStack({ agent }),
  onAfterResponse: (request, response) => { item = response.getHeader('Sis-Item') || item },
  onChunkComplete: (size, accepted) => { if (cut && accepted >= Number(cut)) { upload.abort().then(() => { console.log(JSON.stringify({ url: upload.url })); process.exit(0) }) } },
  onError: (error) => { console.error(String(error)); process.exit(1) },
  onSuccess: () => { console.log(JSON.stringify({ url: upload.url, item })); process.exit(0) },
})
upload.start()
"""


def node_modules():
    """tus-js-client, fetched once from the registry that npm is set up with."""
    place = temporary("node")
    write_file(os.path.join(place, "package.json"), "{}")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000", "--cache",
                           os.path.join(place, "cache"), "tus-js-client@4"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    if done.returncode != 0:
        raise Skip("npm did not get tus-js-client: %s" % done.stdout.decode("utf-8", "replace").strip().splitlines()[-1][:100])
    return place


@test("tus-js-client uploads in chunks, is interrupted, and another process of it goes on", needs=["node", "npm"])
def tus_js():
    place = node_modules()
    device = SealingDevice(shared_daemon())
    bundle = device.seal(make_bytes(600000))
    path = write_file(os.path.join(temporary("bundle"), "x.sis"), bundle)
    write_file(os.path.join(place, "upload.js"), NODE_PROGRAM)
    def upload(*more):
        done = run_program(["node", "upload.js", "https://127.0.0.1:%d/v1/items" % device.daemon.port, path, device.certificate_path, device.key_path,
                            device.daemon.ca(), *more], cwd=place)
        return json.loads(done.stdout.splitlines()[-1])
    where = upload("200000")["url"]
    at = offset(device, "/" + where.split("/", 3)[3])
    check(200000 <= at < len(bundle), "interrupted at %d" % at)
    check_equal(upload("", where), {"url": where, "item": device.item}, "what the second process says")
    check_in(device.daemon.request("GET", "/v1/items/%s/object" % device.item, who=device).body, bundle)


@test("of finished uploads the newest of each user are remembered only: their items may be gone, and no quota holds them")
def finished():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    connection = daemon.http(device)
    places = []
    for i in range(131):
        bundle = device.seal(b"%d" % i)
        places.append(daemon.request("POST", "/v1/items", who=device, body=bundle, connection=connection,
                                     headers={**TUS, **OCTETS, "Upload-Length": str(len(bundle))}).headers["Location"])
    states = [daemon.request("HEAD", place, who=device, headers=TUS, connection=connection).status for place in places]
    check_equal(states, [404] * 3 + [200] * 128, "answers")
    in_flight = json.loads(daemon.sisctl("--json", "status").stdout)["uploads_in_flight"]
    check(in_flight < 128, "%d uploads are said to be in flight, the finished ones among them" % in_flight)
    daemon.is_serving()


run()
