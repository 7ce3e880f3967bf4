#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes too much, misbehaves, or comes when there is too much to do: held back, told so, counted and logged, and others are served meanwhile.

Sources are addresses of 127.0.0.0/8: each is one of its own."""

import concurrent.futures
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_balancer import *
from sis_sealing import SealingDevice
from sis_testlib import *
from sis_watching import Stream

GARBAGE = b"SSH-2.0-x\r\n" + bytes(100)


def connect_from(daemon, source, limit_s=20):
    return socket.create_connection(daemon.address, timeout=limit_s * SLOW, source_address=(source, 0))


def tls_from(daemon, source, who=None):
    return daemon.tls_context(who).wrap_socket(connect_from(daemon, source), server_hostname="localhost")


def ask_on(connection, path="/healthz", close=False, method="GET"):
    """The status of one request on this connection, its head and body; a status of None when it was ended."""
    with contextlib.suppress(OSError):
        connection.sendall(("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (method, path, "Connection: close\r\n" if close else "")).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        return answer.status, answer.headers, body
    return None, {}, b""


def serves(daemon, source, who=None, path="/healthz"):
    """Whether a new connection from there is answered."""
    try:
        with tls_from(daemon, source, who) as connection:
            return ask_on(connection, path, close=True)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def check_refused(statuses, began):
    """60 requests, at a rate of 1 a second of which 10 may come at once: so many of them have had their turn, and no more."""
    most = 10 + 1 + int(time.monotonic() - began)
    check(statuses.count(200) + statuses.count(429) == 60 and 10 <= statuses.count(200) <= most < 60, "statuses %r" % statuses)


def refused_count(daemon, limit):
    (row,) = [row for row in daemon.status()["limits"] if row["limit"] == limit]
    return row["refused"]


def logged_count(daemon, text):
    """How often the log says that a limit was reached: each line, and what it sums."""
    lines = re.findall(r"limit reached by [^\n]*: %s[^\n;]*; (\d*) ?more" % text, daemon.log_text())
    sums = re.findall(r"limit reached by many: %s[^;\n]*; (\d+) more" % text, daemon.log_text())
    return len(lines) - len(sums) + sum(int(n) for n in sums)


def check_counted(daemon, limit, text, wanted=None):
    """Status and log agree in the end, and on this number when it is known."""
    if wanted is not None:
        wait_for(lambda: refused_count(daemon, limit) == wanted, "%s to be counted %d times" % (limit, wanted))
    wait_for(lambda: logged_count(daemon, text) == refused_count(daemon, limit) > 0, "the log to agree with the status about " + limit)


@test("one user's requests above the rate get 429 with Retry-After, are counted and summed in the log; others are served; a reload is in force at once")
def requests_per_user():
    with Daemon(workers=1, requests_per_user=1) as daemon:
        greedy, modest = enroll_device(daemon), enroll_device(daemon)
        connection = daemon.http(greedy)
        began = time.monotonic()
        replies = [daemon.request("GET", "/v1/whoami", connection=connection) for _ in range(60)]
        check_refused([reply.status for reply in replies], began)
        refused = [reply for reply in replies if reply.status == 429]
        refused[0].check_problem(429, "too-many")
        check(1 <= int(refused[-1].headers["Retry-After"]) <= 10, "Retry-After %r" % refused[-1].headers["Retry-After"])
        check_equal(daemon.request("GET", "/v1/whoami", who=modest).status, 200, "another user")
        check_counted(daemon, "requests_per_user", "too many requests of this user in a short time", len(refused))
        check_in("(%s)" % greedy.user, daemon.wait_log("too many requests of this user.*"), "the line names the user")
        daemon.write_config(requests_per_user=0)
        daemon.reload()
        wait_for(lambda: daemon.request("GET", "/v1/whoami", connection=connection).status == 200, "the rate to be none")
        daemon.write_config(requests_per_user=1)
        daemon.reload()
        wait_for(lambda: daemon.request("GET", "/v1/whoami", connection=connection).status == 200, "the rate to come again")


@test("one source's requests above the rate get 429, before anything is looked up; another source is served")
def requests_per_source():
    with Daemon(workers=1, requests_per_source=1) as daemon:
        daemon.ca()
        with tls_from(daemon, "127.0.0.21") as connection:
            began = time.monotonic()
            answers = [ask_on(connection) for _ in range(60)]
            check_refused([status for status, _, _ in answers], began)
            refused = [answer for answer in answers if answer[0] == 429]
            status, headers, body = refused[-1]
            check_equal((status, headers["Content-Type"], json.loads(body)["type"]), (429, "application/problem+json", "urn:sis:error:too-many"), "the problem")
            check(int(headers["Retry-After"]) >= 1, "Retry-After")
        check(serves(daemon, "127.0.0.22"), "another source")
        check_counted(daemon, "requests_per_source", "too many requests from this source in a short time", len(refused))


@test("new connections above the rate of their source are refused at once; another source, and a connection that is there, are served")
def handshakes_per_source():
    with Daemon(workers=1, handshakes_per_source=2) as daemon:
        daemon.ca()
        early = tls_from(daemon, "127.0.0.31")
        def is_refused():
            for _ in range(100):
                connect_from(daemon, "127.0.0.31").close()
            return not serves(daemon, "127.0.0.31")
        # Between the last of those and this one there was time for one more, on a busy machine.
        wait_for(is_refused, "a refusal above its rate")
        check(serves(daemon, "127.0.0.32"), "another source")
        check_equal(ask_on(early)[0], 200, "the connection that was there")
        wait_for(lambda: refused_count(daemon, "handshakes_per_source") >= 70, "refusals in the status")
        wait_for(lambda: serves(daemon, "127.0.0.31"), "service when the rate allows it again")
        check_counted(daemon, "handshakes_per_source", "too many new connections from this source in a short time")


@test("a user's connections have a limit of their own, whatever the source; another user is served")
def connections_per_user():
    with Daemon(workers=1, max_connections_per_user=5) as daemon:
        greedy, modest = enroll_device(daemon), enroll_device(daemon)
        held = [tls_from(daemon, "127.0.0.%d" % (40 + n), greedy) for n in range(8)]
        statuses = [ask_on(connection, "/v1/whoami")[0] for connection in held]
        check_equal(statuses, [200] * 5 + [429] * 3, "statuses")
        check(serves(daemon, "127.0.0.50", modest, "/v1/whoami"), "another user")
        held[0].close()
        wait_for(lambda: serves(daemon, "127.0.0.41", greedy, "/v1/whoami"), "one more, when one has ended")


@test("a user's transfers wait for the bandwidth, are not taken for slow peers, and hold up nobody else", limit_s=240)
def bandwidth():
    with Daemon(workers=1, bandwidth_per_user="128K", min_rate="10M", idle_timeout="1s") as daemon:
        greedy, modest = SealingDevice(daemon), SealingDevice(daemon)
        started = time.monotonic()
        check_equal(greedy.upload(greedy.seal(make_bytes(400 << 10))).status, 201, "upload")
        took = time.monotonic() - started
        check(took > 1.5, "400 KiB went up in %.1f s" % took)
        result = []
        started = time.monotonic()
        reader = threading.Thread(target=lambda: result.append(daemon.request("GET", "/v1/items/%s/object" % greedy.item, who=greedy)))
        reader.start()
        served = 0
        while reader.is_alive():
            check_equal(daemon.request("GET", "/v1/whoami", who=modest).status, 200, "another user")
            served += reader.is_alive()
        reader.join()
        check(served >= 1, "another user waited for the slow transfer")
        took = time.monotonic() - started
        check(took > 1.5, "400 KiB came down in %.1f s" % took)
        check(result and result[0].status == 200 and len(result[0].body) > 400 << 10, "the whole download")
        check(refused_count(daemon, "bandwidth_per_user") >= 1, "the status shows it")
        daemon.write_config(bandwidth_per_user="0")
        daemon.reload()
        check_equal(daemon.request("GET", "/v1/items/%s/object" % greedy.item, who=greedy).status, 200, "without limit")


def talk(connection):
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""


def offend(daemon, source, times):
    """Garbage instead of TLS; how often it got as far as to be read."""
    n = 0
    for _ in range(times):
        with contextlib.suppress(OSError), connect_from(daemon, source) as connection:
            connection.sendall(GARBAGE)
            n += connection.recv(100) != b""           # the alert
    return n


@test("misbehaving adds up to a penalty: then the source's new connections are refused, and with time served again; nobody else notices", limit_s=240)
def penalties():
    with Daemon(workers=1, penalty_exempt=["127.0.0.1"], penalty_min="3s", penalty_max="10s") as daemon:
        daemon.ca()
        early = tls_from(daemon, "127.0.0.61")
        offend(daemon, "127.0.0.61", 2)
        check(serves(daemon, "127.0.0.61"), "refused for less than the least penalty")
        check(offend(daemon, "127.0.0.61", 20) < 8, "offences that were still read")
        check(not serves(daemon, "127.0.0.61"), "served while penalised")
        check(serves(daemon, "127.0.0.62"), "another source")
        check_equal(ask_on(early)[0], 200, "the connection that was there")
        wait_for(lambda: daemon.status()["penalised"] == 1, "the status shows it")
        check_in("penalised: 1", daemon.sisctl("status").stdout, "status")
        wait_for(lambda: serves(daemon, "127.0.0.61"), "service after the penalty", 40)
        wait_for(lambda: daemon.status()["penalised"] == 0, "the end of the penalty in the status")
        check_counted(daemon, "penalty_max", "this source is refused for a time")
        check(refused_count(daemon, "penalty_max") > 10, "refusals are counted")
        offend(daemon, "127.0.0.1", 20)
        daemon.is_serving()


@test("each kind of misbehaviour counts by its option: malformed requests, refused certificates, failed enrollments; a reload that ends penalties ends them")
def offences():
    with Daemon(workers=1, penalty_exempt=["127.0.0.1"], penalty_min="1m", penalty_max="10m", penalty_request="1m", penalty_certificate="1m",
                penalty_enroll="1m", penalty_handshake="0") as daemon:
        revoked = enroll_device(daemon)
        daemon.sisctl("revoke", revoked.user)
        offend(daemon, "127.0.0.71", 100)
        check(serves(daemon, "127.0.0.71"), "an offence that costs nothing")
        with tls_from(daemon, "127.0.0.72") as connection:
            connection.sendall(b"\0\0\r\n\r\n")
            connection.recv(4096)
        with tls_from(daemon, "127.0.0.73", revoked) as connection:
            check_equal([ask_on(connection, "/v1/whoami")[0] for _ in range(3)], [403] * 3, "a revoked device is told so")
        with tls_from(daemon, "127.0.0.74") as connection:
            daemon.sisctl("add", "carol")
            token = base64.b64encode(b"carol:ABCDEFGHIJKLMNOPQRSTUVWXYZ").decode()
            csr = base64.b64encode(make_csr(make_key(), "carol"))
            connection.sendall(("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\nContent-Type: application/pkcs10\r\n"
                                "Content-Length: %d\r\n\r\n" % (token, len(csr))).encode() + csr)
            check_in(b" 401 ", connection.recv(4096)[:20], "a wrong code")
        for source in ("127.0.0.72", "127.0.0.73", "127.0.0.74"):
            check(not serves(daemon, source), "%s is served" % source)
        check(serves(daemon, "127.0.0.75"), "another source")
        daemon.write_config(penalty_max="0")
        daemon.reload()
        for source in ("127.0.0.72", "127.0.0.73", "127.0.0.74"):
            wait_for(lambda: serves(daemon, source), "service for %s after the reload" % source)


@test("whoever shares an address with a misbehaving stranger is let in again within the least penalty, and for at least as long", limit_s=240)
def neighbours():
    with Daemon(workers=1, penalty_exempt=["127.0.0.1"], penalty_min="5s", penalty_max="1h", penalty_handshake="10m") as daemon:
        device = enroll_device(daemon)
        check(serves(daemon, "127.0.0.81", device, "/v1/whoami"), "before")
        started = time.monotonic()
        offend(daemon, "127.0.0.81", 3)
        check(not serves(daemon, "127.0.0.81", device, "/v1/whoami"), "not penalised")
        wait_for(lambda: serves(daemon, "127.0.0.81", device, "/v1/whoami"), "service for one of ours")
        check(time.monotonic() - started < 20 * SLOW, "waited for a stranger's whole penalty")
        # In the time after it, whatever the neighbour does.
        offend(daemon, "127.0.0.81", 1)
        check(serves(daemon, "127.0.0.81", device, "/v1/whoami"), "refused in the open time")


@test("a source that one worker knows all of them know: behind a hostile neighbour nobody waits for a stranger's penalty, whichever worker he meets", limit_s=240)
def known_to_all():
    with Daemon(workers=3, penalty_exempt=["127.0.0.1"], penalty_min="3s", penalty_max="1h", penalty_handshake="10m") as daemon:
        device = enroll_device(daemon)
        with tls_from(daemon, "127.0.0.82", device) as connection:
            check_equal(ask_on(connection, "/v1/whoami")[0], 200, "before")

        until = time.monotonic() + 20
        with concurrent.futures.ThreadPoolExecutor(16) as pool:        # at once, so that several workers hear of it
            while daemon.status()["penalised"] < 2 and time.monotonic() < until:
                list(pool.map(lambda _: offend(daemon, "127.0.0.82", 2), range(16)))
        # One that did not know the source would refuse it for ten minutes and more.
        wait_for(lambda: daemon.status()["penalised"] == 0, "the end of the penalties")
        check(serves(daemon, "127.0.0.82", device, "/v1/whoami"), "service for one of ours")


@test("connections that come one by one are spread over the workers, and with them whoever's limits are divided among those")
def spread():
    with Daemon(workers=4) as daemon:
        daemon.ca()
        held = []

        def is_spread():
            held.extend(daemon.tls() for _ in range(20))
            return all(role["connections"] >= 5 for role in daemon.status()["roles"] if role["role"].startswith("worker"))
        wait_for(is_spread, "each worker to have some")


@test("a server with all its connections taken answers 503 with Retry-After, goes on with those it has, and tells the revoked and health checks what it always does")
def overload():
    with Daemon(workers=1, max_connections=8) as daemon:
        device, revoked = enroll_device(daemon), enroll_device(daemon)
        daemon.sisctl("revoke", revoked.user)
        wait_for(lambda: daemon.status()["connections"] == 0, "earlier connections to end")
        held = [tls_from(daemon, "127.0.0.%d" % (100 + n), device) for n in range(8)]
        check_equal([ask_on(connection, "/v1/whoami")[0] for connection in held], [200] * 8, "those that it takes")
        with tls_from(daemon, "127.0.0.120", device) as late:
            status, headers, body = ask_on(late, "/v1/whoami")
            check_equal((status, json.loads(body)["type"], headers["Connection"]), (503, "urn:sis:error:busy", "close"), "one more")
            check(1 <= int(headers["Retry-After"]) <= 10, "Retry-After %r" % headers["Retry-After"])
        with tls_from(daemon, "127.0.0.121") as late:
            check_equal(ask_on(late)[0], 200, "a health check")
        with tls_from(daemon, "127.0.0.122", revoked) as late:
            check_equal(ask_on(late, "/v1/whoami")[0], 403, "somebody revoked")
        check_equal([ask_on(connection, "/v1/whoami")[0] for connection in held], [200] * 8, "those that it has")
        more = [connect_from(daemon, "127.0.0.130") for _ in range(10)]
        wait_for(lambda: refused_count(daemon, "max_connections") >= 7, "refusals when the reserve is used up, too")
        for connection in more + held:
            connection.close()
        wait_for(lambda: serves(daemon, "127.0.0.123", device, "/v1/whoami"), "service when there is room")
        check_counted(daemon, "max_connections", "too many connections altogether")


@test("with too many changes waiting for the ledger, further ones get 503 with Retry-After; what only reads is served, and those that wait are done in the end", limit_s=240)
def waiting():
    with Daemon(workers=1, max_waiting=16) as daemon:
        device = SealingDevice(daemon)
        (ledger,) = daemon.roles()["ledger"]
        connections = [tls_from(daemon, "127.0.0.1", device) for _ in range(20)]
        one_more, reader = connections[16], connections[17]
        delete = b"DELETE /v1/items/" + b"a" * 26 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        os.kill(ledger, signal.SIGSTOP)
        try:
            for connection in connections[:16]:
                connection.sendall(delete)
            for connection in connections[:16]:
                check_equal(ask_on(reader, "/v1/whoami")[0], 200, "what only reads")
            one_more.sendall(delete)
            answer = one_more.recv(4096)
            check(answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in answer, "one more: %r" % answer[:200])
        finally:
            os.kill(ledger, signal.SIGCONT)
        for connection in connections[:16]:
            check_in(b" 404 ", connection.recv(4096)[:20], "one that waited")
        check_counted(daemon, "max_waiting", "too many requests wait for the store", 1)


@contextlib.contextmanager
def streaming_daemon(**options):
    with Daemon(**options) as daemon:
        try:
            yield daemon
        finally:
            Stream.close_all()


class UnderWay:
    """A download of which only the beginning is read, an upload of which only the beginning is sent, and an event stream."""

    def __init__(self, daemon, device):
        old = device.seal(make_bytes(16 << 20))         # more than sockets hold
        check_equal(device.upload(old).status, 201, "the item to fetch")
        wait_for(lambda: daemon.status()["connections"] == 0, "earlier connections to end")
        raw = daemon.connect()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.download = daemon.tls_context(device).wrap_socket(raw, server_hostname="localhost")
        self.download.sendall(("GET /v1/items/%s/object HTTP/1.1\r\nHost: localhost\r\n\r\n" % device.item).encode())
        self.answer = http.client.HTTPResponse(self.download)
        self.answer.begin()
        self.content, self.wanted = self.answer.read(1 << 16), old[-self.answer.length - (1 << 16):]
        self.stream = Stream(daemon, device)
        self.bundle = device.seal(make_bytes(1 << 20))
        self.item = device.item
        self.upload = daemon.tls(device)
        self.upload.sendall(("POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: %d\r\n\r\n"
                             % len(self.bundle)).encode() + self.bundle[:1000])

    def go_on(self):
        """All that is left, so that nothing but the answer to the upload is to come."""
        self.content += self.answer.read()
        check(self.content == self.wanted, "the download")
        self.upload.sendall(self.bundle[1000:])

    def end(self):
        answer = http.client.HTTPResponse(self.upload)
        answer.begin()
        check_equal((answer.status, json.loads(answer.read())["item"]), (201, self.item), "the upload")
        check_equal(self.stream.take(1)[0].data["item"], self.item, "what the event stream tells")


def check_told_to_come_back(status, headers, body):
    check_equal((status, json.loads(body)["type"]), (503, "urn:sis:error:busy"), "a newcomer")
    check(1 <= int(headers["Retry-After"]) <= 10, "Retry-After %r" % headers["Retry-After"])


def ask_anew(daemon, device):
    """The answer on a new connection. There are a few places for being told 503: who finds those taken, too, by who has just been told, tries again."""
    def ask():
        with contextlib.suppress(OSError), daemon.tls(device) as connection:
            answer = ask_on(connection, "/v1/whoami")
            return answer if answer[0] is not None else None
    return wait_for(ask, "an answer")


@test("while all connections are taken, a download, an upload and an event stream go on to their ends, and newcomers get 503 with Retry-After", limit_s=240)
def under_way_when_full():
    with streaming_daemon(workers=1, max_connections=8) as daemon:
        device = SealingDevice(daemon)
        under_way = UnderWay(daemon, device)
        held = [daemon.tls(device) for _ in range(5)]
        check_equal([ask_on(connection, "/v1/whoami")[0] for connection in held], [200] * 5, "the last places")
        for _ in range(3):
            check_told_to_come_back(*ask_anew(daemon, device))
        under_way.go_on()
        check_told_to_come_back(*ask_anew(daemon, device))
        under_way.end()


@test("while too many changes wait for the store, a download, an upload and an event stream go on, and newcomers' changes get 503 with Retry-After", limit_s=240)
def under_way_when_waiting():
    with streaming_daemon(workers=1, max_waiting=16) as daemon:
        device = SealingDevice(daemon)
        under_way = UnderWay(daemon, device)
        (ledger,) = daemon.roles()["ledger"]
        path = "/v1/items/" + "a" * 26
        waiting, late = [daemon.tls(device) for _ in range(16)], [daemon.tls(device) for _ in range(3)]
        # Their callers are looked up before the ledger is stopped.
        check_equal([ask_on(connection, "/v1/whoami")[0] for connection in waiting + late], [200] * 19, "before")
        os.kill(ledger, signal.SIGSTOP)
        try:
            for connection in waiting:
                connection.sendall(("DELETE %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path).encode())
            # One that the worker itself answers when it has not heard them all yet.
            wait_for(lambda: daemon.request("PUT", "/v1/devices/self/key", who=device, body=b"x", headers={"Content-Type": "text/plain"}).status == 503,
                     "the last place to be taken")
            for connection in late:
                check_told_to_come_back(*ask_on(connection, path, method="DELETE"))
            under_way.go_on()
            check_told_to_come_back(*ask_on(late[0], path, method="DELETE"))
            check_equal(ask_on(late[1], "/v1/whoami")[0], 200, "what only reads")
        finally:
            os.kill(ledger, signal.SIGCONT)
        under_way.end()
        for connection in waiting:
            check_in(b" 404 ", connection.recv(4096)[:20], "one that waited")


@test("a user's unfinished uploads, and those begun in a time, are counted by the ledger for all workers: 429 with Retry-After; another user's go on")
def uploads():
    with Daemon(workers=3, uploads_per_user=3) as daemon:
        greedy, modest = SealingDevice(daemon), SealingDevice(daemon)
        fields = {"Upload-Complete": "?0", "Upload-Length": "1000", "Content-Type": "application/vnd.sis.item"}
        replies = [daemon.request("POST", "/v1/items", who=greedy, headers=fields, body=b"x") for _ in range(5)]
        check_equal([reply.status for reply in replies], [201] * 3 + [429] * 2, "unfinished ones")
        replies[4].check_problem(429, "too-many")
        check(int(replies[4].headers["Retry-After"]) >= 1, "Retry-After")
        check_equal(refused_count(daemon, "uploads_per_user"), 2, "the status")
        daemon.wait_log("upload by %s/.* refused: there are too many unfinished uploads" % greedy.user)
        check_equal(modest.upload(modest.seal(b"x")).status, 201, "another user's")
        daemon.write_config(uploads_per_user=64, new_uploads_per_user=1)
        daemon.reload()
        statuses, began = [], time.monotonic()
        while len(statuses) < 65 or (429 not in statuses and len(statuses) < 500):
            statuses.append(daemon.request("POST", "/v1/items", who=greedy, body=b"no bundle", headers={"Content-Type": "application/vnd.sis.item"}).status)
        first = statuses.index(429)
        check(58 <= first <= 60 + time.monotonic() - began + 1 and set(statuses[:first]) == {400}, "statuses %r" % statuses)
        check_equal(refused_count(daemon, "new_uploads_per_user"), statuses.count(429), "the status")
        check_equal(modest.upload(modest.seal(b"y")).status, 201, "another user's, again")
        daemon.write_config(new_uploads_per_user=0)
        daemon.reload()
        wait_for(lambda: greedy.upload(greedy.seal(b"x")).status == 201, "uploads after the reload")


@test("failed enrollments of a source are counted across the workers: after the free ones 429 with Retry-After, also for a right code; another source enrolls")
def enrollments():
    with Daemon(workers=3, enroll_failures_per_source=2) as daemon:
        invite = Invite(daemon.invite("dora"))
        csr = base64.b64encode(make_csr(make_key(), "dora"))

        def enroll(source, code):
            with tls_from(daemon, source) as connection:
                connection.sendall(("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\nContent-Type: application/pkcs10\r\n"
                                    "Content-Length: %d\r\n\r\n" % (base64.b64encode(b"dora:" + code.encode()).decode(), len(csr))).encode() + csr)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                if answer.status == 429:
                    check_in("wait, then use the right code", json.loads(answer.read())["detail"])
                return answer.status, answer.headers
        statuses = [enroll("127.0.0.141", "A" * 26)[0] for _ in range(4)]
        check_equal(statuses, [401, 401, 429, 429], "wrong codes")
        status, headers = enroll("127.0.0.141", invite.code)
        check_equal(status, 429, "a right code from there")
        check(1 <= int(headers["Retry-After"]) <= 60, "Retry-After %r" % headers["Retry-After"])
        check_equal(refused_count(daemon, "enroll_failures_per_source"), 3, "the status")
        daemon.wait_log(r"ENROLL_REFUSED .*too many failed enrollments from this source, see enroll_failures_per_source")
        check_equal(enroll("127.0.0.142", invite.code)[0], 200, "from another source")


class Pipeline:
    """One connection, on which the same request is sent in bulk: faster than any measure of the log."""

    def __init__(self, daemon, who, request):
        self.connection, self.request = daemon.tls(who), request
        self.file = self.connection.makefile("rb")

    def _answer(self):
        status = int(self.file.readline().split()[1])
        self.file.read(int(http.client.parse_headers(self.file)["Content-Length"]))
        return status

    def statuses(self, n):
        self.connection.sendall(self.request * n)
        return [self._answer() for _ in range(n)]


def flood_until_summed(daemon, pipeline, event, words):
    """Floods until the log has left something out; the statuses of all, and how many of these events are in the log, one by one and summed."""
    statuses = []
    for _ in range(50):
        statuses += pipeline.statuses(100)      # more in one go would wait for their answers to be read
        if re.search(r"limit reached by many: %s; \d+ more" % words, daemon.log_text()):
            break
    def logged():
        text = daemon.log_text()
        return len(re.findall(" %s " % event, text)) + sum(map(int, re.findall(r"limit reached by many: %s; (\d+) more" % words, text)))
    return statuses, logged


@test("a flood of uploads beyond their limit, and of enrollments beyond theirs: the status counts each, and the log has all of them, one by one or summed", limit_s=240)
def floods_at_the_ledger():
    with Daemon(workers=1, uploads_per_user=1, enroll_failures_per_source=1, requests_per_source=0, requests_per_user=0, handshakes_per_source=0) as daemon:
        device = SealingDevice(daemon)
        fields = {"Upload-Complete": "?0", "Upload-Length": "1000", "Content-Type": "application/vnd.sis.item"}
        check_equal(daemon.request("POST", "/v1/items", who=device, headers=fields, body=b"x").status, 201, "the one that it may")
        head = "POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n%s\r\n" % "".join("%s: %s\r\n" % field for field in fields.items())
        statuses, logged = flood_until_summed(daemon, Pipeline(daemon, device, head.encode()), "UPLOAD_REFUSED", "refused uploads are noted in measure")
        check_equal(set(statuses), {429}, "statuses")
        check_equal(refused_count(daemon, "uploads_per_user"), len(statuses), "uploads in the status")
        wait_for(lambda: logged() == len(statuses), lambda: "%d refused uploads in the log, not %d" % (len(statuses), logged()), 30)
        csr = base64.b64encode(make_csr(make_key(), "dora"))
        head = ("POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %s\r\nContent-Type: application/pkcs10\r\n"
                "Content-Length: %d\r\n\r\n" % (base64.b64encode(b"dora:" + b"A" * 26).decode(), len(csr))).encode() + csr
        statuses, logged = flood_until_summed(daemon, Pipeline(daemon, None, head), "ENROLL_REFUSED", "refused enrollments are noted in measure")
        check_equal(set(statuses), {401, 429}, "statuses")
        check_equal(refused_count(daemon, "enroll_failures_per_source"), statuses.count(429), "enrollments in the status")
        wait_for(lambda: logged() == len(statuses), lambda: "%d refused enrollments in the log, not %d" % (len(statuses), logged()), 30)


@test("a device's event streams have a limit of their own in each worker: one more gets 429 with Retry-After and what to do, and is counted; others get theirs")
def event_streams():
    with streaming_daemon(workers=1, event_streams_per_device=2) as daemon:
        greedy, modest = SealingDevice(daemon), SealingDevice(daemon)
        held = [Stream(daemon, greedy) for _ in range(2)]
        refused = Stream(daemon, greedy).reply
        refused.check_problem(429, "too-many")
        check_in("close some", refused.json()["detail"])
        check(int(refused.headers["Retry-After"]) >= 1, "Retry-After")
        check_equal(Stream(daemon, modest).reply.status, 200, "another device's")
        check_counted(daemon, "event_streams_per_device", "too many event streams of a device of this user", 1)
        check_in("(%s), see event_streams_per_device" % greedy.user, daemon.wait_log("too many event streams.*"), "the line names user and option")
        daemon.write_config(event_streams_per_device=3)
        daemon.reload()
        wait_for(lambda: Stream(daemon, greedy).reply.status == 200, "one more after the reload")
        check_equal(len(held), 2, "those from before")


@test("invites by devices beyond their limit get 429 with the time to wait and what to do, are counted, and logged with the user's name")
def invites():
    with Daemon(workers=2, device_invites="yes", device_invites_per_user=2) as daemon:
        greedy, modest = enroll_device(daemon), enroll_device(daemon)
        replies = [daemon.request("POST", "/v1/invites", who=greedy, body=b"{}", headers={"Content-Type": "application/json"}) for _ in range(4)]
        check_equal([reply.status for reply in replies], [201] * 2 + [429] * 2, "statuses")
        check_in("ask the administrator", replies[3].json()["detail"])
        check(1 <= int(replies[3].headers["Retry-After"]) <= 3600, "Retry-After %r" % replies[3].headers["Retry-After"])
        check_equal(daemon.request("POST", "/v1/invites", who=modest, body=b"{}", headers={"Content-Type": "application/json"}).status, 201, "another user's")
        check_counted(daemon, "device_invites_per_user", "too many invites by devices of this user", 2)
        check_in("(%s), see device_invites_per_user" % greedy.user, daemon.wait_log("too many invites by devices.*"), "the line")


@test("an unfinished upload that may not go on, because there are too many beside it, is refused in the log and in the status")
def resumed_uploads():
    with Daemon(workers=1, uploads_per_user=3) as daemon:
        device = SealingDevice(daemon)
        fields = {"Upload-Complete": "?0", "Content-Type": "application/vnd.sis.item"}
        places = [daemon.request("POST", "/v1/items", who=device, headers=fields, body=b"x").headers["Location"] for _ in range(3)]
        daemon.write_config(uploads_per_user=1)
        daemon.reload()
        fields = {"Upload-Complete": "?0", "Upload-Offset": "1", "Content-Type": "application/partial-upload"}
        daemon.request("PATCH", places[0], who=device, headers=fields, body=b"x").check_problem(429, "too-many")
        check_equal(refused_count(daemon, "uploads_per_user"), 1, "the status")
        daemon.wait_log("upload by %s/.* refused: there are too many unfinished uploads" % device.user)


def cpu_ticks(pid):
    words = read_file("/proc/%d/stat" % pid).decode().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])


@test("a worker without free descriptors waits without spinning, serves those it has, and accepts when there are some again", root=True)
def descriptors():
    with Daemon(workers=1, wrapper=["prlimit", "--nofile=24:24"]) as daemon:
        daemon.ca()
        (worker,) = daemon.roles()["worker"]
        early = [daemon.tls()]
        check_equal(ask_on(early[0])[0], 200, "before")
        early += [connect_from(daemon, "127.0.0.1") for _ in range(12)]
        late = connect_from(daemon, "127.0.0.1")
        wait_for(lambda: len(os.listdir("/proc/%d/fd" % worker)) == 24, "the worker's last descriptor to be used")
        before = cpu_ticks(worker)
        threading.Event().wait(1.5)
        spent = (cpu_ticks(worker) - before) / os.sysconf("SC_CLK_TCK")
        check(spent < 0.5, "the worker spent %.2f s of 1.5 s" % spent)
        check_equal(ask_on(early[0])[0], 200, "a connection that was there")
        for connection in early[1:]:
            connection.close()
        connection = daemon.tls_context().wrap_socket(late, server_hostname="localhost")
        check_equal(ask_on(connection)[0], 200, "one that had to wait")


@test("a worker takes no more connections than it has descriptors for, and the status says how many")
def fewer_connections():
    with Daemon(workers=1, wrapper=["prlimit", "--nofile=100:100"]) as daemon:
        (row,) = [row for row in daemon.status()["limits"] if row["limit"] == "max_connections"]
        check_equal(row["value"], 18, "connections in force")
        daemon.ca()
        held = [tls_from(daemon, "127.0.0.1") for _ in range(18)]
        check_equal([ask_on(connection, "/crl")[0] for connection in held], [200] * 18, "those that it takes")
        with tls_from(daemon, "127.0.0.1") as late:
            check_equal(ask_on(late, "/crl")[0], 503, "one more")


# ---- the PROXY protocol ----

def via(balancer, daemon, who=None):
    return daemon.tls_context(who).wrap_socket(socket.create_connection(balancer.address, timeout=20 * SLOW), server_hostname="localhost")


def answers(balancer, daemon):
    try:
        with via(balancer, daemon) as connection:
            return ask_on(connection)[0] == 200
    except OSError:
        return False


@test("through a balancer of proxy_from, the announced peer is the one in the log, and in limits and penalties; the balancer's other peers are served")
def announced():
    with Daemon(workers=1, proxy_from=["127.0.0.77"], penalty_exempt=[], penalty_min="1m", penalty_request="2m") as daemon:
        device = enroll_device(daemon)
        peers = ["198.51.100.9", "198.51.100.10", "2001:db8:7::1", "2001:db8:7::2", "2001:db8:8::1"]
        balancers = [Balancer(daemon.address, make_header=lambda _, peer=peer: proxy_header((peer, 4711), checksum=True, extra=[(NOOP, bytes(100))]))
                     for peer in peers]
        try:
            for balancer in balancers:
                with via(balancer, daemon, device) as connection:
                    check_equal(ask_on(connection, "/v1/whoami")[0], 200, "through the balancer")
                    check_equal(ask_on(connection, "/v1/items/nothing")[0], 404, "a request that is refused")
            daemon.wait_log(r"by %s/\S+ from 198\.51\.100\.9:4711 refused with 404" % device.user)
            daemon.wait_log(r"from \[2001:db8:7::1\]:4711 refused with 404")
            stranger = Balancer(daemon.address, make_header=lambda _: proxy_header(("198.51.100.66", 1)))
            balancers.append(stranger)
            with via(stranger, daemon) as connection:
                connection.sendall(b"\0\0\r\n\r\n")
                connection.recv(4096)
            check(not answers(stranger, daemon), "the announced peer is not penalised")
            check(answers(balancers[0], daemon), "another peer of the same balancer")
            daemon.wait_log(r"limit reached by 198\.51\.100\.66:1: this source is refused")
            # Of IPv6 a /64 is one source, and its neighbours in the /48 are others.
            with via(balancers[2], daemon) as connection:
                connection.sendall(b"\0\0\r\n\r\n")
                connection.recv(4096)
            check(not answers(balancers[3], daemon), "another address of the penalised /64 is served")
            check(answers(balancers[4], daemon), "another /64 of the same /32 is refused")
        finally:
            for balancer in balancers:
                balancer.__exit__()
        check(serves(daemon, "127.0.0.1"), "who comes without a balancer")


@test("a PROXY header is required from proxy_from and read strictly, LOCAL is the balancer itself, and from everybody else it is garbage", limit_s=240)
def strict_headers():
    with Daemon(workers=1, proxy_from=["127.0.0.77"], header_timeout="2s", penalty_exempt=["127.0.0.0/8"]) as daemon:
        daemon.ca()
        bad_checksum = bytearray(proxy_header(checksum=True))
        bad_checksum[-1] ^= 1
        for header, words in ((b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", "version 1"), (bytes(bad_checksum), "checksum"),
                              (SIGNATURE + b"\x21\x11\xff\xff", "too large"), (proxy_header(family=0x12), "no PROXY header"),
                              (GARBAGE, "no PROXY header"), (proxy_header()[:-1], "no whole PROXY header in time"), (b"", "no whole PROXY header in time")):
            since = daemon.log_size()
            with connect_from(daemon, "127.0.0.77") as connection:
                connection.sendall(header)
                check_equal(talk(connection), b"", "the answer to %r" % header[:20])
            daemon.wait_log(r"connection from 127\.0\.0\.77:\d+ ended: .*" + words, since)
        for header in (proxy_header(None, command=LOCAL), proxy_header(None, command=LOCAL, extra=[(NOOP, b"x")]), proxy_header(None)):
            with Balancer(daemon.address, make_header=lambda _, header=header: header) as balancer, via(balancer, daemon) as connection:
                check_equal(ask_on(connection)[0], 200, "a connection of the balancer itself")
        with Balancer(daemon.address, own_address="127.0.0.78") as other:
            try:
                via(other, daemon)
                raise Failure("a header from elsewhere was taken")
            except OSError:
                pass
        with connect_from(daemon, "127.0.0.77") as connection:          # byte by byte, TLS right behind it
            for byte in proxy_header():
                connection.sendall(bytes([byte]))
            with daemon.tls_context().wrap_socket(connection, server_hostname="localhost") as tls:
                check_equal(ask_on(tls)[0], 200, "a header in pieces")
        daemon.write_config(proxy_from=[])
        daemon.reload()
        wait_for(lambda: serves(daemon, "127.0.0.77"), "service without a header, after the reload")


@test("a socket that systemd passes is no way around the balancer's header")
def passed_socket():
    listener = socket.create_server(("127.0.0.1", 0))
    wrapper = ["bash", "-c", 'exec 3<&%d; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@"' % listener.fileno()]
    with Daemon(wrapper=wrapper, pass_fds=[listener.fileno()], workers=1, proxy_from=["127.0.0.77"]) as daemon:
        daemon.ca()
        with Balancer(daemon.address) as balancer:
            check(answers(balancer, daemon), "through the balancer")
        check(not serves(daemon, "127.0.0.77"), "the balancer without its header")
        check(serves(daemon, "127.0.0.78"), "somebody else")
    listener.close()


@test("a flood from one source, of each kind, leaves a good client beside it served", limit_s=240)
def floods():
    # Few enough that each flood is one on a busy machine, too.
    with Daemon(workers=2, max_connections=400, max_connections_per_source=20, handshakes_per_source=20, requests_per_source=8,
                penalty_exempt=["127.0.0.1"]) as daemon:
        device = enroll_device(daemon)
        done, slowest = threading.Event(), [0.0]

        def flood(kind, source):
            held = []
            while not done.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if kind == "idle":
                        held.append(connect_from(daemon, source, 2))
                        held = held[-100:]
                    elif kind == "garbage":
                        offend(daemon, source, 1)
                    else:
                        with tls_from(daemon, source) as connection:
                            for _ in range(100):
                                ask_on(connection)
            for connection in held:
                connection.close()

        threads = [threading.Thread(target=flood, args=arguments) for arguments in (("idle", "127.0.0.91"), ("garbage", "127.0.0.92"), ("ask", "127.0.0.93"))]
        for thread in threads:
            thread.start()
        try:
            for _ in range(40):
                started = time.monotonic()
                check_equal(daemon.request("GET", "/v1/whoami", who=device).status, 200, "the good client")
                slowest[0] = max(slowest[0], time.monotonic() - started)
            wait_for(lambda: refused_count(daemon, "penalty_max") > 0 and refused_count(daemon, "max_connections_per_source") > 0
                     and refused_count(daemon, "requests_per_source") > 0, "each flood to meet its limit", 60)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        check(slowest[0] < 10 * SLOW, "the good client waited %.1f s" % slowest[0])
        check_equal(refused_count(daemon, "requests_per_user"), 0, "the good client's own limits")
        daemon.is_serving()


run()
