# SPDX-License-Identifier: GPL-3.0-or-later
"""A running `sis gallery` and people who share with its user: for its tests, and for tests/make-screenshots."""

import base64
import http.client
import json
import os
import re
import signal

import make_photo
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from sis_testlib import SLOW, Reply, check, check_equal, read_file


class Reader:
    """A client of sis as somebody to seal for (sis_sealing.SealingDevice.seal)."""

    def __init__(self, client):
        with open(os.path.join(client.directory, "profile.json")) as file:
            profile = json.load(file)
        key = load_pem_private_key(read_file(os.path.join(client.directory, "encryption.key")), None)
        self.user, self.name = profile["user"], profile["device"]
        self.private = x25519.X25519PrivateKey.from_private_bytes(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


class Gallery:
    """`sis gallery --no-open` of a client, and a session with it over plain HTTP."""

    def __init__(self, client, *arguments):
        self.process = client.popen("--json", "gallery", "--no-open", *arguments)
        line = self.process.stdout.readline()
        if not line:
            check(False, "sis gallery said nothing: %r" % self.process.stderr.read())
        facts = json.loads(line)
        self.url, self.address = facts["url"], facts["address"]
        self.host, self.port = re.fullmatch(r"(.*):(\d+)", self.address).groups()
        self.token, self.origin = self.url.split("#")[1], "http://" + self.address
        self.cookie = self.key = None

    def __enter__(self):
        return self

    def __exit__(self, *_ignored):
        if self.process.poll() is None:
            self.stop()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=20 * SLOW)
        check("Sanitizer" not in errors.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))
        return self.process.returncode, errors.decode("utf-8", "replace")

    def connection(self):
        return http.client.HTTPConnection(self.host.strip("[]"), int(self.port), timeout=20 * SLOW)

    def request(self, method, path, body=None, headers=None, session=True, connection=None):
        """As the page would ask; headers that are None are left out."""
        own = connection is None
        connection = connection or self.connection()
        fields = {"Host": self.address, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
        if method not in ("GET", "HEAD"):
            fields["Origin"] = self.origin
        if session and self.cookie:
            fields.update({"Cookie": self.cookie, "Sis-Page-Key": self.key})
        fields.update(headers or {})
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in fields.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None or method in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            if own:
                connection.close()

    def enter(self):
        reply = self.request("POST", "/api/session", self.token.encode(), session=False)
        check_equal(reply.status, 200, "status of exchanging the token (%r)" % reply.body)
        self.cookie = reply.headers["Set-Cookie"].split(";")[0]
        self.key = reply.json()["key"]
        return reply

    def upload(self, data, headers=None, **about):
        facts = {"name": "a.jpg", "caption": "", "to": "", "label": "u1", "convert": "", **about}
        return self.request("POST", "/api/uploads", data, headers={"Sis-Upload": base64.b64encode(json.dumps(facts).encode()).decode(), **(headers or {})})

    def items(self):
        return self.request("GET", "/api/items").json()["items"]


def send_picture(sealer, reader, width=320, height=240, seed=1, name="holiday.jpg", caption="", thumbnail=True, content=None, members=None):
    """A picture sealed for somebody by a device of the tests; returns its item."""
    data = make_photo.make(width, height, seed) if content is None else content
    facts = {"type": "image/jpeg", "width": width, "height": height, **({"caption": caption} if caption else {}), **(members or {})}
    small = make_photo.make(160, 160 * height // width, seed) if thumbnail is True else thumbnail or b""
    bundle = sealer.seal(data, reader, name=name, statement={"kind": "image"}, manifest=facts, thumbnail=small)
    check_equal(sealer.upload(bundle).status, 201, "status of the upload")
    return sealer.item


def send_words(sealer, reader, text):
    bundle = sealer.seal(text.encode(), reader, name="", statement={"kind": "message"}, manifest={"type": "text/plain"})
    check_equal(sealer.upload(bundle).status, 201, "status of the message")
    return sealer.item
