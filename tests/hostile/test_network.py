#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strangers on the port: garbage, floods, the slow, wrong certificates. Each test sees the clear end and a daemon that still serves."""

import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *


def talk_raw(connection, data, limit_s=30):
    """Sends bytes and reads until the other side ends; returns what came."""
    connection.settimeout(limit_s * SLOW)
    received = b""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
        connection.sendall(data)
        while True:
            more = connection.recv(65536)
            if not more:
                break
            received += more
    return received


def status_of(answer):
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match.group(1)) if match else None


def http_bytes(daemon, data, who=None, limit_s=30):
    """The status of the answer to raw bytes after TLS, or None when the connection was ended without one."""
    with daemon.tls(who) as connection:
        return status_of(talk_raw(connection, data, limit_s))


@test("garbage instead of TLS ends the connection and nothing else")
def garbage_before_tls():
    daemon = shared_daemon()
    pids = daemon.roles()
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-x\r\n", bytes(1000), make_bytes(100000), b"\x16\x03\x01\xff\xff" + b"x" * 70000,
                 b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"\x15\x03\x03\x00\x02\x02\x28", b"\x17\x03\x03\x00\x10" + bytes(16)):
        talk_raw(daemon.connect(), data)
    daemon.connect().close()
    half = daemon.connect()
    half.shutdown(socket.SHUT_WR)
    daemon.is_serving()
    check_equal(daemon.roles(), pids, "processes")


@test("a handshake that is mangled at any byte ends, and the daemon serves on")
def mangled_handshake():
    daemon = shared_daemon()
    context = daemon.tls_context()
    outgoing = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    hello = outgoing.read()
    for at in range(0, len(hello), 7):
        connection = daemon.connect()
        connection.sendall(hello[:at] + bytes([hello[at] ^ 0xff]) + hello[at + 1:])
        connection.close()
    daemon.is_serving()


@test("garbage inside TLS gets 400 or the end; TLS records that are altered end the connection")
def garbage_in_tls():
    daemon = shared_daemon()
    for data in (b"\0" * 100, b"hello\r\n\r\n", make_bytes(5000), b"GET\r\n\r\n", b"\r\n" * 5000, b"\x16\x03\x01" * 100, b"GET / HTTP/9.9\r\n\r\n"):
        check(http_bytes(daemon, data) in (400, 431, 505, None), "garbage %r" % data[:20])
    connection = daemon.tls()
    raw = socket.socket(fileno=connection.detach())
    talk_raw(raw, b"\x17\x03\x03\x00\x40" + make_bytes(64))
    daemon.is_serving()


@test("TLS 1.2 and below are refused")
def old_tls():
    daemon = shared_daemon()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.wrap_socket(daemon.connect())
    except (ssl.SSLError, ConnectionError):
        return daemon.is_serving()
    raise Failure("TLS 1.2 was accepted")


class Impostor:
    """A key and a certificate that some other authority made, or nobody."""

    def __init__(self, user="alice", days=30, ca=None, subject=None):
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        self.key = make_key()
        name = subject or x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, user), x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "laptop")])
        issuer, signer = ca or (name, self.key)
        now = datetime.datetime.utcnow()
        certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(self.key.public_key())
                       .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=60))
                       .not_valid_after(now + datetime.timedelta(days=days)).sign(signer, None))
        place = temporary("impostor")
        self.certificate_path = write_file(place + "/cert.pem", certificate.public_bytes(Encoding.PEM))
        self.key_path = write_file(place + "/key.pem", self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def refused(daemon, who):
    """True when who gets no answer but a refusal: by an alert, or by a problem document with 401 or 403."""
    try:
        reply = daemon.request("GET", "/v1/items", who=who)
    except (ssl.SSLError, ConnectionError, http.client.HTTPException):
        return True
    return reply.status in (401, 403)


@test("no, self-signed, foreign, expired and CA-named certificates get nothing")
def wrong_certificates():
    daemon = shared_daemon()
    real = enroll_device(daemon, "alice", "laptop")
    check_equal(daemon.request("GET", "/v1/items", who=real).status, 200, "the real one")
    from cryptography import x509
    ca_name = x509.load_pem_x509_certificate(read_file(daemon.ca())).subject
    foreign = make_key()
    for words, who in (("none", None), ("self-signed", Impostor()), ("foreign", Impostor(ca=(x509.Name([]), foreign))),
                       ("a foreign one in the CA's name", Impostor(ca=(ca_name, foreign))), ("expired", Impostor(days=-1)),
                       ("the CA's own name", Impostor(subject=ca_name))):
        check(refused(daemon, who), "%s certificate was accepted" % words)
    check_equal(daemon.request("GET", "/v1/items", who=real).status, 200, "the real one, after them")


@test("the server's own certificate is no client certificate, and a stolen certificate without its key is none")
def stolen_certificate():
    daemon = shared_daemon()
    real = enroll_device(daemon)
    thief = type("Thief", (), {"certificate_path": real.certificate_path, "key_path": write_file(os.path.join(temporary("thief"), "key"), b"")})
    write_file(thief.key_path, run_program(["openssl", "genpkey", "-algorithm", "ed25519"]).stdout)
    try:
        daemon.tls_context(thief)
    except ssl.SSLError:
        pass            # Python itself notices; the server never trusts without the signature
    daemon.is_serving()


@test("a certificate that has expired is refused as expired", limit_s=240)
def expired_certificate():
    with Daemon(workers=1, certificate_lifetime="1m") as daemon:
        device = enroll_device(daemon)
        check_equal(daemon.request("GET", "/v1/whoami", who=device).status, 200, "while it is good")
        connection = daemon.http(device)
        wait_for(lambda: datetime.datetime.utcnow() > device.certificate.not_valid_after + datetime.timedelta(seconds=2), "the certificate's end", 90)
        check(refused(daemon, device), "an expired certificate was accepted")
        reply = daemon.request("GET", "/v1/whoami", connection=connection)
        check(reply.status in (401, 403), "on a live connection: %d" % reply.status)


@test("request lines, header fields and their number beyond the limits: 414 or 431")
def long_heads():
    daemon = shared_daemon()
    for data in (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(20000)) + b"\r\n",
                 b"GET / HTTP/1.1\r\n" + b"A" * 100000 + b": x\r\n\r\n", b"A" * 1000000):
        check(http_bytes(daemon, data) in (400, 414, 431), "head %r" % data[:30])
    daemon.is_serving()


@test("wrong, missing and conflicting lengths, smuggled requests: refused, and the connection ends")
def lengths():
    daemon = shared_daemon()
    device = enroll_device(daemon)
    post = b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\n"
    for fields in (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: -1\r\n",
                   b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n", b"Content-Length: 99999999999999999999999\r\n",
                   b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                   b"Transfer-Encoding:\x0bchunked\r\n", b"Content-Length : 5\r\n", b" Content-Length: 5\r\n", b"Host: other\r\nContent-Length: 5\r\n"):
        data = post + fields + b"\r\nhelloGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with daemon.tls(device) as connection:
            answer = talk_raw(connection, data)
        check(status_of(answer) in (400, 411, 413, 415, 501, None), "%r: %r" % (fields, answer[:60]))
        check_equal(answer.count(b"HTTP/1.1 200"), 0, "a smuggled request was answered after %r" % fields)
    daemon.is_serving()


@test("bad chunks end the connection")
def bad_chunks():
    daemon = shared_daemon()
    device = enroll_device(daemon)
    head = b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nTransfer-Encoding: chunked\r\n\r\n"
    for body in (b"zz\r\n", b"5\r\nhelloX\r\n", b"ffffffffffffffffff\r\n", b"-5\r\nhello\r\n", b"5 \x00\r\nhello\r\n", b"5;" + b"x" * 100000 + b"\r\nhello\r\n0\r\n\r\n"):
        check(http_bytes(daemon, head + body, device) in (400, 413, 431, None), "chunk %r" % body[:20])
    daemon.is_serving()


@test("path tricks in every segment reach nothing")
def paths():
    daemon = shared_daemon()
    device = enroll_device(daemon)
    tricks = ["..", "%2e%2e", "..%2f..%2fkeys%2fca.key", "%00", "a%00b", ".", "%2f", "//", "%5c..%5c", "%ff%fe", "%c0%ae%c0%ae", "%", "%zz", "%u002e", ";x", "*",
              "~root", "a" * 5000, "sis.db", "%252e%252e"]
    for trick in tricks:
        for template in ("/%s", "/v1/%s", "/v1/items/%s", "/v1/items/%s/object", "/v1/users/%s", "/v1/uploads/%s", "/.well-known/est/%s", "/crl/%s"):
            with daemon.tls(device) as connection:
                answer = talk_raw(connection, ("GET " + template % trick + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").encode("latin-1"))
            check(status_of(answer) in (400, 403, 404, 405, 414, 431), "%s: %r" % (template % trick[:30], answer[:80]))
            for leak in (b"PRIVATE KEY", b"SQLite format", b"root:"):
                check_not_in(leak, answer, "answer to %s" % template % trick[:30])
    daemon.is_serving()


@test("slow senders: a handshake, a head, a body that trickles are ended in time, and others are served meanwhile", limit_s=240)
def slow_senders():
    with Daemon(workers=1, header_timeout="5s", idle_timeout="5s", min_rate="1K") as daemon:
        device = enroll_device(daemon)
        silent = [daemon.connect() for _ in range(50)]
        heads = [daemon.tls() for _ in range(20)]
        for connection in heads:
            connection.sendall(b"GET / HTTP/1.1\r\nHost:")
        body = daemon.tls(device)
        body.sendall(b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: 1000000\r\n\r\n")
        started, longest = time.monotonic(), 0.0
        open_ones = set(silent + heads + [body])
        while open_ones and time.monotonic() - started < 60 * SLOW:
            for connection in list(open_ones):
                connection.settimeout(0.0)
                try:
                    if not connection.recv(4096):
                        open_ones.discard(connection)
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                except OSError:
                    open_ones.discard(connection)
            if body in open_ones:
                body.settimeout(5 * SLOW)
                with contextlib.suppress(OSError):
                    body.sendall(b"x")
            asked = time.monotonic()
            daemon.is_serving()
            longest = max(longest, time.monotonic() - asked)
            threading.Event().wait(0.2)
        check_equal(len(open_ones), 0, "slow connections that were never ended")
        check(longest < 4.5 * SLOW, "others waited %.1f s" % longest)


@test("slow readers of large answers do not hold up others, and are ended", limit_s=240)
def slow_readers():
    with Daemon(workers=1, min_rate="64K", idle_timeout="3s") as daemon:
        from sis_sealing import SealingDevice
        device = SealingDevice(daemon)
        check_equal(device.upload(device.seal(make_bytes(24 << 20))).status, 201, "upload")
        readers = []
        for _ in range(10):
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.settimeout(20 * SLOW)
            raw.connect(daemon.address)
            connection = daemon.tls_context(device).wrap_socket(raw, server_hostname="localhost")
            connection.sendall(("GET /v1/items/%s/object HTTP/1.1\r\nHost: localhost\r\n\r\n" % device.item).encode())
            readers.append(connection)
        check_equal(len(daemon.request("GET", "/v1/items/%s/object" % device.item, who=device).body) > 24 << 20, True, "another reader's download")
        workers = daemon.roles()["worker"]
        memory = sum(int(re.search(r"VmRSS:\s+(\d+)", read_file("/proc/%d/status" % pid).decode()).group(1)) for pid in workers)
        check(SANITIZED or memory < 64 << 10, "the worker holds %d KiB for slow readers" % memory)
        wait_for(lambda: sum(r["connections"] for r in daemon.status()["roles"] if r["role"].startswith("worker")) <= 1, "the slow readers' end", 90)
        daemon.is_serving()


@test("slow readers of long lists hold only so much memory, and only their own user waits", limit_s=240)
def slow_listers():
    with Daemon(workers=1) as daemon:
        from sis_sealing import SealingDevice
        device, other = SealingDevice(daemon), SealingDevice(daemon)
        for _ in range(50):
            check_equal(device.upload(device.seal(b"x", name="n" * 60000)).status, 201, "upload")
        path, readers = "/v1/items?include=manifest", []
        for _ in range(30):
            raw = socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.settimeout(20 * SLOW)
            raw.connect(daemon.address)
            connection = daemon.tls_context(device).wrap_socket(raw, server_hostname="localhost")
            connection.sendall(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path).encode())
            readers.append(connection)
        statuses = [connection.recv(12)[9:] for connection in readers]
        check(3 <= statuses.count(b"200") <= 6 and statuses.count(b"429") == 30 - statuses.count(b"200"), "statuses %r" % statuses)
        (worker,) = daemon.roles()["worker"]
        memory = int(re.search(r"VmRSS:\s+(\d+)", read_file("/proc/%d/status" % worker).decode()).group(1))
        check(SANITIZED or memory < 64 << 10, "the worker holds %d KiB for slow readers" % memory)
        check_equal(daemon.request("GET", path, who=other).status, 200, "another user's list")
        for one in (path, "/v1/users/%s" % other.user):
            daemon.request("GET", one, who=device).check_problem(429)
        def refused():
            return [row["refused"] for row in daemon.status()["limits"] if row["limit"] == "list_memory_per_user"]
        wait_for(lambda: refused() == [statuses.count(b"429") + 2], "the refusals in the status")
        daemon.wait_log(r"too much of this user's lists and grants lies in memory \(%s\), see list_memory_per_user" % device.user)
        for connection in readers:
            connection.close()
        wait_for(lambda: daemon.request("GET", path, who=device).status == 200, "the list when nobody holds it up")
        daemon.is_serving()


@test("one source's flood of connections meets its limit, and another source is served", limit_s=240)
def flood():
    with Daemon(workers=2, listen=["127.0.0.1:0", "127.0.0.2:0"], max_connections_per_source=200, max_connections=2000) as daemon:
        ports = [int(address.rsplit(":", 1)[1]) for address in daemon.status()["listen"]]
        connections, context = [], daemon.tls_context()
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12000), hard))
        wanted = min(10000, min(hard, 12000) - 500)
        try:
            for _ in range(wanted):
                raw = socket.socket()
                raw.settimeout(10 * SLOW)
                try:
                    raw.connect(daemon.address)
                except OSError:
                    raw.close()
                    continue
                connections.append(raw)
            # From another address of this host.
            raw = socket.socket()
            raw.bind(("127.0.0.9", 0))
            raw.settimeout(20 * SLOW)
            raw.connect(daemon.address)
            with context.wrap_socket(raw, server_hostname="localhost") as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                check(other.recv(100).startswith(b"HTTP/1.1 200"), "the other source was not served")
            held = sum(r["connections"] for r in daemon.status()["roles"] if r["role"].startswith("worker"))
            check(held <= 2 * 200 + 10, "%d connections are held from one source" % held)
        finally:
            for connection in connections:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        wait_for(lambda: http_bytes_ok(daemon), "service for the first source after the flood")
        daemon.wait_log("limit|LIMIT")


def http_bytes_ok(daemon):
    try:
        return daemon.is_serving()
    except (OSError, Failure, http.client.HTTPException):
        return False


@test("a connection that is cut at any point of a request leaves nothing behind")
def cut_anywhere():
    daemon = shared_daemon()
    from sis_sealing import SealingDevice
    device = SealingDevice(daemon)
    bundle = device.seal(make_bytes(3000))
    data = b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: %d\r\n\r\n" % len(bundle) + bundle
    context = daemon.tls_context(device)
    for at in list(range(1, 160, 13)) + list(range(160, len(data), 331)):
        connection = daemon.tls(context=context)
        connection.sendall(data[:at])
        connection.close()
    check_equal(daemon.request("GET", "/v1/items", who=device).json()["items"], [], "items")
    check_equal(device.upload(bundle).status, 201, "the whole one")
    daemon.sisctl("check", "--full")


run()
