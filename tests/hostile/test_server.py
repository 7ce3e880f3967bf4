#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sis against servers that are broken or hostile: one clear sentence, an exit status, and no file."""

import datetime
import hashlib
import ipaddress
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

# The container of an encryption key is that of a signing key: 32 secret bytes.
ENCRYPTION_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"k" * 32)
NOW = datetime.datetime.utcnow()


def pem_key(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority:
    def __init__(self):
        self.key = make_key()
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test CA")])
        self.certificate = self.sign(self.name, self.key.public_key(), [
            (x509.BasicConstraints(True, None), True), (x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)])

    def sign(self, subject, key, extensions, days=30):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(NOW - datetime.timedelta(hours=1)).not_valid_after(NOW + datetime.timedelta(days=days))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, None)

    def device(self, user, device, key):
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, user), x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, device)])
        return self.sign(subject, key.public_key(), [
            (x509.BasicConstraints(False, None), True), (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False)])

    def server(self, key, names):
        return self.sign(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sisd")]), key.public_key(), [
            (x509.BasicConstraints(False, None), True), (x509.KeyUsage(True, False, False, False, False, False, False, False, False), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False), (x509.SubjectAlternativeName(names), False)])


class FakeServer:
    """answer(request: bytes of the head, connection) writes whatever it likes."""

    def __init__(self, answer, authority=None, names=None):
        self.authority, self.answer, self.requests = authority or Authority(), answer, []
        key = make_key()
        certificate = self.authority.server(key, names or [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        path = write_file(os.path.join(temporary("fake"), "server.pem"), pem_key(key) + certificate.public_bytes(Encoding.PEM) +
                          self.authority.certificate.public_bytes(Encoding.PEM))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            raw, _ = self.listener.accept()
            threading.Thread(target=self.speak, args=(raw,), daemon=True).start()

    def speak(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as connection:
                data = b""
                while True:
                    while b"\r\n\r\n" not in data:
                        more = connection.recv(65536)
                        if not more:
                            return
                        data += more
                    head, data = data.split(b"\r\n\r\n", 1)
                    self.requests.append(head)
                    if head.startswith(b"P"):
                        connection.early, data = data, b""          # what came of the body with the head
                    self.answer(head, connection)
        except (OSError, ValueError):
            pass

    def client(self, authority=None, key=None):
        """A home whose profile trusts this server's authority (or another)."""
        authority, home = authority or self.authority, temporary("home")
        directory = os.path.join(home, "profiles/default")
        os.makedirs(directory, 0o700)
        key = key or make_key()
        for name, data in (("ca.pem", authority.certificate.public_bytes(Encoding.PEM)), ("device.key", pem_key(key)),
                           ("device.pem", authority.device("alice", "laptop", key).public_bytes(Encoding.PEM)), ("encryption.key", pem_key(ENCRYPTION_KEY)),
                           ("profile.json", json.dumps({"server": "127.0.0.1:%d" % self.port, "user": "alice", "device": "laptop"}).encode())):
            write_file(os.path.join(directory, name), data)
        return Client(None, "alice", home)


def reply(status, body=b"", *fields, length=None):
    head = ["HTTP/1.1 %d X" % status, "Content-Length: %d" % (len(body) if length is None else length)] + list(fields)
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def saying(data):
    return lambda head, connection: connection.sendall(data)


def check_sentence(done, statuses):
    check(done.returncode in statuses, "exit status %d: %s" % (done.returncode, done.stderr))
    check_equal(len(done.stderr.strip().splitlines()), 1, "lines on standard error: %r" % done.stderr[:500])
    check(done.stderr.startswith("sis: ") and len(done.stderr) < 1000, done.stderr)
    check(not re.search("[\x00-\x09\x0b-\x1f\x7f]", done.stderr), "control characters: %r" % done.stderr)


@test("replies that are no HTTP, too long, without a length or cut short are refused")
def broken_replies():
    rows = [b"\x00" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 11\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 10000, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
            reply(200, b"{}", "Content-Encoding: gzip"), reply(302, b"", "Location: http://elsewhere.example/"), reply(200, b"not json"),
            reply(200, b"[" * 100000), reply(200, b'{"user":"alice","user":"bob"}'), reply(200, b'{"user":"mallory","device":"laptop"}'),
            reply(500, b"\x1b[31mred\x1b[0m\n", "Content-Type: application/problem+json"),
            reply(403, json.dumps({"type": "urn:sis:error:not-allowed", "detail": "a\nb\x1b[2J\u202e" + "x" * 5000}).encode(),
                  "Content-Type: application/problem+json")]
    for row in rows:
        server = FakeServer(saying(row))
        check_sentence(server.client().run("whoami", status=None), (65, 69, 76, 77))
    def cut(head, connection):
        connection.sendall(reply(200, b'{"user":', length=1000))
        connection.close()
    check_sentence(FakeServer(cut).client().run("whoami", status=None), (69, 76))


@test("a body without end is cut off where a reply can rightly not be longer")
def endless_body():
    def endless(head, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    check_sentence(FakeServer(endless).client().run("whoami", status=None), (65, 76))


@test("a server of another authority, or with a certificate for another name, is not spoken to")
def untrusted():
    server = FakeServer(saying(reply(200, b"{}")))
    check_sentence(server.client(authority=Authority()).run("whoami", status=None), (76, 77))
    other = FakeServer(saying(reply(200, b"{}")), names=[x509.DNSName("elsewhere.example")])
    check_sentence(other.client().run("whoami", status=None), (76, 77))
    check_equal((server.requests, other.requests), ([], []), "requests that were sent all the same")


class PrettyServer(FakeServer):
    """Knows alice/laptop well enough that she uploads; what comes after is the test's."""

    def __init__(self, on_upload, authority=None):
        super().__init__(self.route, authority)
        self.on_upload, self.key = on_upload, make_key()

    def route(self, head, connection):
        method, path = head.split()[:2]
        if path == b"/v1/users/alice":
            connection.sendall(reply(200, self.user().encode()))
        elif path == b"/crl":
            connection.sendall(reply(200, revocation_list(self.authority)))
        elif method in (b"POST", b"PATCH"):
            self.on_upload(head, connection)
        else:
            connection.sendall(reply(404, b""))

    def user(self):
        certificate = self.authority.device("alice", "laptop", self.key)
        public = x25519.X25519PrivateKey.from_private_bytes(b"k" * 32).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        lines = "sis-key/1\nuser alice\ndevice laptop\ncertificate %s\nkey %s\ntime 2026-01-01T00:00:00Z\n" % (
            hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(), base64.b64encode(public).decode().rstrip("="))
        signature = self.key.sign(b"sis/1 key signature\0" + lines.encode())
        statement = lines + "signature ed25519 %s\n" % base64.b64encode(signature).decode().rstrip("=")
        return json.dumps({"user": "alice", "devices": [{"device": "laptop", "certificate": certificate.public_bytes(Encoding.PEM).decode(),
                                                         "key": statement, "enrolled": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}]})


@test("a refusal that comes while a large body is still being sent is heard, not the closed socket")
def early_refusal():
    def refuse(head, connection):
        connection.recv(100000)
        connection.sendall(reply(413, json.dumps({"type": "urn:sis:error:too-large", "detail": "Items here have at most 1 MiB."}).encode(),
                                 "Content-Type: application/problem+json", "Connection: close"))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and connection.recv(1 << 20):
            pass
    server = PrettyServer(refuse)
    client = server.client(key=server.key)
    for size in (3 << 20, 60 << 20):
        done = client.run("upload", write_file(os.path.join(temporary(), "x"), b"x" * size), status=None)
        check_sentence(done, (65,))
        check_in("at most 1 MiB", done.stderr)
    check_equal(os.listdir(os.path.join(client.directory, "uploads")), [], "journals of what can never be sent")


@test("an upload counts as done only when the server confirms this very item")
def unconfirmed():
    for answer in (reply(200, b"{}"), reply(201, b"{}"), reply(201, b'{"item":"%s","sequence":1}' % (b"a" * 26)), reply(201, b"garbage"), reply(204)):
        def respond(head, connection, answer=answer):
            left = int(re.search(rb"(?i)content-length: (\d+)", head).group(1)) - len(connection.early)
            while left > 0:
                left -= len(connection.recv(65536)) or left
            connection.sendall(answer)
        server = PrettyServer(respond)
        done = server.client(key=server.key).run("upload", write_file(os.path.join(temporary(), "x"), b"x" * 100), status=None)
        check_sentence(done, (76,))
        check_equal(done.stdout, "", "standard output")


@test("a key that its device did not sign is refused before anything is sealed for it")
def foreign_key():
    tampered = PrettyServer(lambda head, connection: None)
    original = tampered.user
    def swap():
        answer = json.loads(original())
        answer["devices"][0]["key"] = re.sub(r"\nkey .{43}", "\nkey " + "A" * 43, answer["devices"][0]["key"])
        return json.dumps(answer)
    tampered.user = swap
    client = tampered.client(key=tampered.key)
    done = client.run("upload", write_file(os.path.join(temporary(), "x"), b"x"), status=None)
    check_sentence(done, (65,))
    check(not any(r.startswith(b"POST") for r in tampered.requests), "something was sent")


def telling(authority, devices):
    """Of any user: these devices, {name: key}, none of which has published an encryption key: it ends before anything is sealed."""
    def answer(head, connection):
        if head.startswith(b"GET /crl"):
            connection.sendall(reply(200, revocation_list(authority)))
            return
        user = head.split(b" ")[1].rsplit(b"/", 1)[1].split(b"?")[0].decode()
        connection.sendall(reply(200, json.dumps({"user": user, "devices": [
            {"device": name, "certificate": authority.device(user, name, key).public_bytes(Encoding.PEM).decode(), "key": None}
            for name, key in devices.items()]}).encode()))
    return answer


@test("a key that changed since it was first seen is refused loudly, and accepted only when told; another key for this very device at once")
def changed_key():
    authority = Authority()
    server = FakeServer(telling(authority, {"laptop": make_key()}), authority)
    client = server.client()
    path = write_file(os.path.join(temporary(), "x"), b"x")
    upload = lambda to, status: client.run("upload", path, "--to", to, status=status)
    upload("bob", 67)
    server.answer = telling(authority, {"laptop": make_key()})
    done = upload("bob", 77)
    check_sentence(done, (77,))
    check_in("CHANGED", done.stderr)
    check_in("sis contacts accept bob", done.stderr)
    check_in("REFUSED", client.run("contacts").stdout)
    client.run("contacts", "accept", "bob")
    upload("bob", 67)
    check_not_in("REFUSED", client.run("contacts").stdout, "contacts")
    server.answer = telling(authority, {"laptop": make_key()})
    upload("bob", 77)
    check_in("FOR THIS VERY DEVICE (alice/laptop)", upload("alice", 77).stderr)
    client.run("contacts", "accept", "alice", status=67)


@test("a further device of somebody known is told at once, one of our own each time until it is approved; those that came with the first contact are not")
def further_device():
    authority = Authority()
    keys = {name: make_key() for name in ("laptop", "phone", "false")}
    few = {name: keys[name] for name in ("laptop", "phone")}
    server = FakeServer(telling(authority, few), authority)
    path = write_file(os.path.join(temporary(), "x"), b"x")
    client = server.client(key=keys["laptop"])
    told = lambda to: client.run("upload", "--to", to, path, status=67).stderr
    for _ in range(2):
        check_not_in("new device", told("aaron"))
    server.answer = telling(authority, keys)
    check_in("aaron has a new device \"false\"", told("aaron"))
    check_not_in("new device", told("aaron"))
    for _ in range(2):
        words = told("alice")
        for name in ("phone", "false"):
            check_in("your device \"%s\"" % name, words)
        check_in("sis contacts accept alice", words)
        check_in("until then it gets nothing", words)
    client.run("contacts", "accept", "alice")
    check_not_in("your device", told("alice"))


@test("a device that the server tells although its own authority has revoked it gets nothing")
def revoked_but_told():
    authority = Authority()
    key = make_key()
    server = FakeServer(saying(reply(404)), authority)
    certificate = authority.device("bob", "laptop", key)
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(NOW - datetime.timedelta(hours=2)).build()
    def answer(head, connection):
        body = revocation_list(authority, entry) if head.startswith(b"GET /crl") else json.dumps({"user": "bob", "devices": [
            {"device": "laptop", "certificate": certificate.public_bytes(Encoding.PEM).decode(), "key": None}]}).encode()
        connection.sendall(reply(200, body))
    server.answer = answer
    done = server.client().run("upload", "--to", "bob", write_file(os.path.join(temporary(), "x"), b"x"), status=77)
    check_sentence(done, (77,))
    check_in("revoked", done.stderr)


def revocation_list(authority, *entries):
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.name).last_update(NOW - datetime.timedelta(hours=1))
    builder = builder.next_update(NOW + datetime.timedelta(days=1)).add_extension(x509.CRLNumber(1), False)
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, None).public_bytes(Encoding.DER)


@test("a server that gives no revocation list, or a list of items without end, is not followed")
def lists():
    server = FakeServer(saying(reply(200)))
    check_sentence(server.client().run("list", status=None), (76,))
    crl, pages = revocation_list(server.authority), []
    def answer(head, connection):
        pages.append(head)
        connection.sendall(reply(200, crl if head.startswith(b"GET /crl") else json.dumps({"items": [], "next": following(len(pages))}).encode()))
    server.answer = answer
    for following, order in ((lambda n: 0, []), (lambda n: 0, ["--newest"]), (lambda n: 7, []), (lambda n: 7, ["--newest"]), (lambda n: 1000 - n, [])):
        pages.clear()
        check_sentence(server.client().run("list", "--all", *order, status=None), (76,))
        check(len(pages) < 5, "%d requests" % len(pages))


@test("an invite's code is not sent to a server with another authority")
def enrolling():
    server = FakeServer(saying(reply(200, b"ok\n")))
    home = temporary("home")
    invite = "sis://127.0.0.1:%d/alice#%s.%s" % (server.port, "a" * 26, "00" * 32)
    done = run_program([SIS, "--home", home, "enroll", "-"], input=invite.encode(), status=None)
    check_sentence(done, (76, 77))
    check(not any(b"uthorization" in r for r in server.requests), "the code was sent")
    check_equal(os.listdir(os.path.join(home, "profiles")) if os.path.isdir(os.path.join(home, "profiles")) else [], [".lock"], "what is left")


run()
