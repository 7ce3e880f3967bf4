# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile server: stands between a real sis and a real sisd, owns the server's authority, and rewrites what passes.

The client is led here by its profile, TLS ends here (with a certificate that the real authority's key has signed), and each request is said again to the
real daemon in the client's name. What the client is told is the test's: rewrite(request, reply) changes the reply, hold(request) answers in the daemon's place.
"""

import base64
import datetime
import ipaddress
import json
import os
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7
import sis_item
from sis_sealing import SealingDevice
from sis_testlib import make_key, read_file, temporary, write_file

HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Authority:
    """The daemon's own CA key, as whoever has taken the whole server has it."""
    chain = ()                                      # certificates that lead to it

    def __init__(self, daemon):
        keys = os.path.join(daemon.options["state_dir"], "keys")
        self.key = serialization.load_pem_private_key(read_file(os.path.join(keys, "ca.key")), None)
        self.certificate = x509.load_pem_x509_certificate(read_file(os.path.join(keys, "ca.pem")))

    def _sign(self, names, public_key, usage, more=()):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(self.certificate.subject).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=30)).add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        for extension in more:
            builder = builder.add_extension(extension, False)
        return builder.sign(self.key, None)

    def mint_device(self, user, device, public_key):
        names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, user), x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, device)]
        return self._sign(names, public_key, x509.ExtendedKeyUsageOID.CLIENT_AUTH)

    def mint_server(self, public_key):
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        return self._sign([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sisd")], public_key, x509.ExtendedKeyUsageOID.SERVER_AUTH,
                          [x509.SubjectAlternativeName(names)])


def certify_authority(name, public_key, issuer_key, not_before, issuer=None):
    """A CA certificate under this name, which is the issuer's as well (RFC 4210, section 4.4). issuer: its certificate, where sisd has made that."""
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    if issuer:
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public_key).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(not_before).not_valid_after(datetime.datetime.utcnow() + datetime.timedelta(days=300))
    builder = builder.add_extension(x509.BasicConstraints(True, None), True)
    builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    return builder.add_extension(issuer_id, False).sign(issuer_key, None)


class FalseSuccessor(Authority):
    """A stranger's authority under the daemon's authority's name, which vouches for that one; nobody vouches for it."""

    def __init__(self, daemon):
        self.victim = x509.load_pem_x509_certificate(read_file(os.path.join(daemon.options["state_dir"], "keys", "ca.pem")))
        self.key = make_key("ed25519")
        self.certificate, self.vouches = (certify_authority(self.victim.subject, key.public_key(), self.key, self.victim.not_valid_before)
                                          for key in (self.key, self.victim))

    def cacerts(self):
        """Body of EST's cacerts (RFC 7030, section 4.1.3)."""
        return base64.b64encode(pkcs7.serialize_certificates([self.certificate, self.victim, self.vouches], Encoding.DER))


class HiddenSuccessor(Authority):
    """Of somebody who has the authority's key: an authority that says to be older than it, and is certified by it."""

    def __init__(self, daemon):
        super().__init__(daemon)
        name, key = self.certificate.subject, make_key("ed25519")
        not_before = self.certificate.not_valid_before - datetime.timedelta(days=10)
        self.chain = [certify_authority(name, key.public_key(), self.key, not_before, self.certificate)]
        self.certificate, self.key = certify_authority(name, key.public_key(), key, not_before), key

    def _sign(self, names, public_key, usage, more=()):
        # Of several authorities of one name, verifiers choose by this.
        return super()._sign(names, public_key, usage, [*more, x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())])


class Request:
    def __init__(self, client, method, target, headers, body):
        self.client, self.method, self.target, self.headers, self.body = client, method, target, headers, body

    path = property(lambda self: self.target.split("?")[0])
    is_events = property(lambda self: self.path == "/v1/events")


class Told:
    """A reply on its way to the client."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def set_json(self, value):
        self.body = json.dumps(value).encode()


def chunk(data):
    """RFC 9112, section 7.1; nothing for no data, which would be the end."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


class Event:
    def __init__(self, block):
        fields = [line.split(": ", 1) for line in block.decode().split("\n") if line and not line.startswith(":")]
        self.kind = next((value for name, value in fields if name == "event"), "message")
        self.sequence = next((int(value) for name, value in fields if name == "id"), None)
        self.data = json.loads("\n".join(value for name, value in fields if name == "data") or "null")

    def block(self):
        number = "" if self.sequence is None else "id: %d\n" % self.sequence
        return ("event: %s\n%sdata: %s\n\n" % (self.kind, number, json.dumps(self.data))).encode()


class HostileServer:
    """rewrite(request, told) may change told. hold(request) may return a Told: then the daemon never hears of it. on_event(request, event) returns
    the events that the client gets instead of this one, or None to cut the stream here."""

    def __init__(self, daemon, *clients, rewrite=None, hold=None, on_event=None, authority=None):
        self.daemon, self.authority = daemon, authority or Authority(daemon)
        self.rewrite, self.hold, self.on_event = rewrite, hold, on_event
        self.requests, self.clients = [], {}
        key = make_key()
        certificate = self.authority.mint_server(key.public_key())
        path = write_file(os.path.join(temporary("hostile"), "server.pem"), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) +
                          b"".join(one.public_bytes(Encoding.PEM) for one in [certificate, self.authority.certificate, *self.authority.chain]))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        self.context.load_verify_locations(daemon.ca())
        self.context.verify_mode = ssl.CERT_OPTIONAL
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        for client in clients:
            self.lead(client)
        threading.Thread(target=self._serve, daemon=True).start()

    def lead(self, client):
        """From now on this client speaks to us instead of the real server."""
        path = os.path.join(client.directory, "profile.json")
        facts = json.loads(read_file(path))
        write_file(path, json.dumps({**facts, "server": "127.0.0.1:%d" % self.port}))
        self.clients[client.user + "/" + facts["device"]] = client

    def release(self, client):
        path = os.path.join(client.directory, "profile.json")
        write_file(path, json.dumps({**json.loads(read_file(path)), "server": "127.0.0.1:%d" % self.daemon.port}))

    def honest(self):
        self.rewrite = self.hold = self.on_event = None

    # -- one connection

    def _serve(self):
        while True:
            raw, _ = self.listener.accept()
            threading.Thread(target=self._speak, args=(raw,), daemon=True).start()

    def _client_of(self, connection):
        der = connection.getpeercert(True)
        if der is None:
            return None
        names = {name.oid: name.value for name in x509.load_der_x509_certificate(der).subject}
        return self.clients.get("%s/%s" % (names[x509.NameOID.COMMON_NAME], names[x509.NameOID.ORGANIZATIONAL_UNIT_NAME]))

    def _speak(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as connection:
                client, stream = self._client_of(connection), connection.makefile("rb")
                while self._one(client, stream, connection):
                    pass
        except (OSError, ValueError):
            pass

    def _one(self, client, stream, connection):
        line = stream.readline()
        if not line.strip():
            return False
        method, target, _ = line.decode().split()
        headers = {}
        for line in iter(stream.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect") == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(client, method, target, headers, stream.read(int(headers.get("content-length", 0))))
        self.requests.append(request)
        told = self.hold(request) if self.hold else None
        if told is None and request.is_events:
            return self._stream(request, connection)
        told = told or self.ask(request)
        if self.rewrite:
            self.rewrite(request, told)
        self._tell(connection, request, told)
        return True

    def _tell(self, connection, request, told):
        fields = "".join("%s: %s\r\n" % (name, value) for name, value in told.headers if name.lower() not in HOP)
        body = b"" if request.method == "HEAD" or told.status == 204 else told.body
        length = "" if told.status == 204 else "Content-Length: %d\r\n" % len(told.body)
        connection.sendall(("HTTP/1.1 %d X\r\n%s%s\r\n" % (told.status, fields, length)).encode() + body)

    def _upstream(self, request):
        connection = self.daemon.http(request.client)
        fields = {name: value for name, value in request.headers.items() if name not in HOP + ("host", "expect", "upload-draft-interop-version")}
        connection.request(request.method, request.target, body=request.body or None, headers=fields)
        return connection, connection.getresponse()

    def ask(self, request):
        """What the real daemon answers."""
        connection, answer = self._upstream(request)
        told = Told(answer.status, answer.getheaders(), answer.read())
        connection.close()
        return told

    def _stream(self, request, connection):
        upstream, answer = self._upstream(request)
        fields = "".join("%s: %s\r\n" % (name, value) for name, value in answer.getheaders() if name.lower() not in HOP)
        connection.sendall(("HTTP/1.1 %d X\r\n%sTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" % (answer.status, fields)).encode())
        block = b""
        for line in iter(answer.readline, b""):
            block += line
            if line != b"\n":
                continue
            if b"data:" not in block:
                connection.sendall(chunk(block))
            else:
                event = Event(block)
                events = self.on_event(request, event) if self.on_event else [event]
                if events is None:
                    break
                connection.sendall(chunk(b"".join(one.block() for one in events)))
            block = b""
        upstream.close()
        return False


class Impostor(SealingDevice):
    """A device that only the hostile authority knows: it says that it is user's, and seals as well as any."""

    def __init__(self, authority, user, name="test"):
        self.user, self.name, self.key = user, name, make_key("ed25519")
        self.certificate = authority.mint_device(user, name, self.key.public_key())
        self._become_able_to_seal()

    pem = property(lambda self: self.certificate.public_bytes(Encoding.PEM).decode())

    def as_device(self):
        """As GET /v1/users/NAME tells a device."""
        return {"device": self.name, "certificate": self.pem, "key": self.key_statement().decode(), "enrolled": "2026-01-01T00:00:00Z",
                "not_after": "2036-01-01T00:00:00Z", "endorsements": []}

    def as_item(self, bundle, sequence, received="2026-01-02T00:00:00Z"):
        """As a listing tells an item."""
        sections = sis_item.split_bundle(bundle)
        return {"item": self.item, "sequence": sequence, "received": received, "owner": self.user, "statement": sections["statement"].decode(),
                "grants": [text.decode() for text in sis_item.split_grants(sections["grants"])], "manifest": b64(sections["manifest"]),
                "certificates": [{"certificate": self.pem, "revoked": None, "reason": 0}]}


def b64(data):
    return base64.b64encode(data).decode().rstrip("=")
