#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 9530: Content-Digest of a request, Repr-Digest of an upload, and digests that a reader wants."""

import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *

ITEM = {"Content-Type": "application/vnd.sis.item"}
PART = {"Content-Type": "application/partial-upload"}
NAMES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def field(data, *names):
    return ", ".join("%s=:%s:" % (name, base64.b64encode(NAMES[name](data).digest()).decode()) for name in names or ["sha-256"])


def offset(device, where):
    return int(device.daemon.request("HEAD", where, who=device).headers["Upload-Offset"])


@test("a plain POST with digests of its body is taken when they hold, whatever unknown ones stand beside them, and refused when not")
def plain():
    device = SealingDevice(shared_daemon())
    for names in (["sha-256"], ["sha-512"], ["sha-512", "sha-256"]):
        bundle = device.seal(make_bytes(100000))
        done = device.upload(bundle, **{"Content-Digest": "md5=:AAAA:, " + field(bundle, *names), "Repr-Digest": field(bundle, *names)})
        check_equal((done.status, done.json()["item"]), (201, device.item), "with %r" % names)
    bundle = device.seal(make_bytes(100000))
    wrong = [("Content-Digest", field(b"other"), 400), ("Content-Digest", field(bundle) + ", " + field(b"other", "sha-512"), 400),
             ("Repr-Digest", field(b"other"), 422), ("Repr-Digest", field(b"other", "sha-512"), 422)]
    wrong += [(name, value, 400) for name in ("Content-Digest", "Repr-Digest") for value in ("sha-256=:AAAA:", "sha-256", "sha-256=:!:", field(bundle) + ",")]
    for name, value, status in wrong:
        reply = device.upload(bundle, **{name: value})
        check_equal((reply.status, reply.json()["status"]), (status, status), "%s: %s" % (name, value))
    check_equal(device.daemon.request("GET", "/v1/items/" + device.item, who=device).status, 404, "the item")
    check_equal(device.upload(bundle).status, 201, "without any")


@test("a part whose Content-Digest does not hold leaves the offset where it was; the Repr-Digest given at the beginning is verified at the end, after a restart, too")
def resumed():
    with Daemon(workers=1) as daemon:
        device = SealingDevice(daemon)
        for whole_is_right in (True, False):
            bundle = device.seal(make_bytes(100000))
            begin = {**ITEM, "Upload-Complete": "?0", "Repr-Digest": field(bundle if whole_is_right else b"other", "sha-512")}
            where = daemon.request("POST", "/v1/items", who=device, body=bundle[:1000], headers={**begin, "Content-Digest": field(bundle[:1000])}).headers["Location"]
            part = {**PART, "Upload-Offset": "1000", "Upload-Complete": "?1"}
            for sent, told in ((bundle[1000:-1] + b"!", bundle[1000:]), (bundle[1000:], bundle[1000:-1] + b"!")):
                reply = daemon.request("PATCH", where, who=device, body=sent, headers={**part, "Content-Digest": field(told)})
                check_equal((reply.status, reply.headers["Upload-Offset"], reply.json()["type"]),
                            (400, "1000", "https://iana.org/assignments/http-problem-types#digest-mismatching-values"), "mismatch")
                check_equal(offset(device, where), 1000, "offset")
            daemon.restart(hard=whole_is_right)
            reply = daemon.request("PATCH", where, who=device, body=bundle[1000:], headers={**part, "Content-Digest": field(bundle[1000:])})
            check_equal(reply.status, 201 if whole_is_right else 422, "completed (%r)" % reply.body)
            if not whole_is_right:
                check_in("Repr-Digest", reply.json()["detail"])
                check_equal(daemon.request("HEAD", where, who=device).status, 404, "the refused upload")


@test("who wants digests of a part gets them: of the bytes that are sent, and of the whole; who does not, or wants others, gets none")
def wanted():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    check_equal(device.upload(device.seal(make_bytes(200000), thumbnail=b"small picture")).status, 201, "upload")
    large = device.item
    for part in ("manifest", "thumbnail", "object"):
        def get(method="GET", **headers):
            return daemon.request(method, "/v1/items/%s/%s" % (large, part), who=device, headers={n.replace("_", "-"): v for n, v in headers.items()})
        whole = get()
        check("Content-Digest" not in whole.headers and "Repr-Digest" not in whole.headers, "digests that nobody wanted")
        both = get(Want_Content_Digest="sha-256=1, sha-512=2", Want_Repr_Digest="sha-256=3")
        check_equal((both.body, both.headers["Content-Digest"], both.headers["Repr-Digest"]), (whole.body, field(whole.body, "sha-512"), field(whole.body)), part)
        some = get(Range="bytes=3-12", Want_Content_Digest="sha-256=1", Want_Repr_Digest="sha-512=1")
        check_equal((some.status, some.headers["Content-Digest"], some.headers["Repr-Digest"]),
                    (206, field(whole.body[3:13]), field(whole.body, "sha-512")), "a range of " + part)
        check_equal(get("HEAD", Want_Repr_Digest="sha-256=1").headers["Repr-Digest"], field(whole.body), "HEAD of " + part)
        for other in ("md5=10", "sha-256=0", "sha-256", "sha-256=11", "sha-256=1,", "x"):
            check("Repr-Digest" not in get(Want_Repr_Digest=other).headers, "answer to %r" % other)
    check_equal(device.upload(device.seal(make_bytes(2 << 20))).status, 201, "a large one")
    reply = daemon.request("GET", "/v1/items/%s/object" % device.item, who=device, headers={"Want-Repr-Digest": "sha-256=1"})
    check("Repr-Digest" not in reply.headers, "digest of a large object")


run()
