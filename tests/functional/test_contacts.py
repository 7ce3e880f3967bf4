#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being sure who is who: pins, devices that vouch for each other, verified contacts."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *
import sis_item


def key_of(device):
    return device.signer.algorithm, device.signer.public


def endorsement(by, of, signer=None, **changes):
    return sis_item.endorsement_text({"user": by.user, "device": of.name, "key": key_of(of), "time": int(time.time()), **changes}, signer or by.signer)


def put_endorsement(daemon, by, name, text):
    return daemon.request("PUT", "/v1/devices/%s/endorsement" % name, who=by, body=text, headers={"Content-Type": "text/plain"})


def endorsements_of(daemon, user, who):
    return {d["device"]: d["endorsements"] for d in daemon.request("GET", "/v1/users/" + user, who=who).json()["devices"]}


@test("a device vouches for another own one, everybody is given that, and nobody is when the endorser is revoked")
def endorse():
    daemon = shared_daemon()
    laptop = SealingDevice(daemon, unique("anna"), "laptop")
    tablet, friend = SealingDevice(daemon, laptop.user, "tablet"), SealingDevice(daemon)
    text = endorsement(laptop, tablet)
    for _ in range(2):
        check_equal(put_endorsement(daemon, laptop, "tablet", text).status, 204, "status")
    check_equal(endorsements_of(daemon, laptop.user, friend), {"laptop": [], "tablet": [text.decode()]}, "endorsements")
    daemon.wait_log("%s/laptop vouched for tablet" % laptop.user)
    daemon.sisctl("revoke", laptop.user, "--device", "laptop")
    check_equal(endorsements_of(daemon, laptop.user, friend), {"tablet": []}, "endorsements by live devices")


@test("an endorsement that is not exactly right is refused, each with its reason, and nothing of it is kept")
def bad_endorsements():
    daemon = shared_daemon()
    laptop, other = SealingDevice(daemon, unique("ben"), "laptop"), SealingDevice(daemon, name="tablet")
    tablet, gone = SealingDevice(daemon, laptop.user, "tablet"), SealingDevice(daemon, laptop.user, "gone")
    daemon.sisctl("revoke", laptop.user, "--device", "gone")
    good = endorsement(laptop, tablet)
    stranger = sis_item.Ed25519Signer()
    for what, by, name, text, status, error in (
            ("altered", laptop, "tablet", good.replace(b"time 2", b"time 3"), 422, "bad-signature"),
            ("of another key", laptop, "tablet", endorsement(laptop, tablet, key=key_of(other)), 422, "mismatch"),
            ("by another key", laptop, "tablet", endorsement(laptop, tablet, stranger), 422, "mismatch"),
            ("by the other device", tablet, "tablet", good, 422, "mismatch"),
            ("of another user", laptop, "tablet", endorsement(laptop, tablet, user=other.user), 422, "mismatch"),
            ("sent by another user", other, "tablet", good, 422, "mismatch"),
            ("under another name", laptop, "laptop", good, 422, "mismatch"),
            ("of no device", laptop, "phone", endorsement(laptop, tablet, device="phone"), 404, "no-input"),
            ("of a revoked one", laptop, "gone", endorsement(laptop, gone), 403, "revoked"),
            ("of itself", laptop, "laptop", endorsement(laptop, laptop), 400, "bad-format"),
            ("malformed", laptop, "tablet", good + b"\n", 400, "bad-format"),
            ("of a later version", laptop, "tablet", good.replace(b"/1\n", b"/2\n"), 422, "unknown-suite")):
        reply = put_endorsement(daemon, by, name, text)
        check_equal((what, reply.status), (what, status), "status")
        reply.check_problem(status, error)
    check_equal(endorsements_of(daemon, laptop.user, other), {"laptop": [], "tablet": []}, "endorsements")
    check_equal(put_endorsement(daemon, laptop, "tablet", good).status, 204, "the right one")
    daemon.is_serving()


run()
