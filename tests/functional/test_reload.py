#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reload and stop under load: workers come and go, and whoever is connected is served to the end."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *
from sis_sealing import SealingDevice

import threading


def workers(daemon):
    """{"ready": [pid, …], "retiring": […]}"""
    found = {}
    for role in daemon.status()["roles"]:
        if role["role"] == "worker":
            found.setdefault(role["state"], []).append(role["pid"])
    return found


def resize(daemon, n):
    daemon.write_config(workers=n)
    daemon.reload()
    wait_for(lambda: len(workers(daemon).get("ready", [])) == n, "%d ready workers" % n)


class SlowUpload:
    """An upload whose body goes out in pieces."""

    def __init__(self, daemon, device):
        self.bundle = device.seal(os.urandom(200000))
        self.connection, self.sent = daemon.tls(device), 0
        self.connection.sendall(b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: %d\r\n\r\n" % len(self.bundle))
        self.send(50000)

    def send(self, n_bytes):
        piece = self.bundle[self.sent:self.sent + n_bytes]
        self.connection.sendall(piece)
        self.sent += len(piece)

    def finish(self):
        self.send(len(self.bundle))
        answer = http.client.HTTPResponse(self.connection)
        answer.begin()
        return answer.status, answer.getheader("Connection"), json.loads(answer.read())["item"]


def everywhere(daemon, figure, make):
    """What make() makes, again until every worker has one of them, as its figure tells: who accepts a connection, the kernel says, and while one worker is
    idle it takes the same one again, so they come in bursts."""
    made = []

    def done():
        figures = [role[figure] for role in daemon.status()["roles"] if role["role"] == "worker"]
        if len(made) == sum(figures) and all(figures):
            return True
        if len(made) == sum(figures) and len(made) < 48:
            burst = [threading.Thread(target=lambda: made.append(make())) for _ in range(8)]
            for thread in burst:
                thread.start()
            for thread in burst:
                thread.join()
        return False
    wait_for(done, "one of them with every worker", 30)
    return made


def event_stream(daemon, device):
    connection = daemon.tls(device)
    connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = b""
    while b"event: hello" not in text:
        more = connection.recv(65536)
        check(more, "the event stream ended with %r" % text)
        text += more
    return connection


def rest_of(connection, limit_s=10):
    """What still comes until the end; None when there is no end."""
    connection.settimeout(limit_s * SLOW)
    text = b""
    with contextlib.suppress(TimeoutError):
        while more := connection.recv(65536):
            text += more
        return text
    return None


@test("fewer workers: uploads that are under way outlast every grace, kept connections get one more answer, event streams end in order, and nobody dies", limit_s=90)
def fewer():
    with Daemon(workers=2) as daemon:
        device = SealingDevice(daemon)
        uploads = everywhere(daemon, "connections", lambda: SlowUpload(daemon, device))
        kept = [live_connection(daemon, device) for _ in range(12)]
        streams = everywhere(daemon, "watchers", lambda: event_stream(daemon, device))
        resize(daemon, 1)
        check(workers(daemon).get("retiring"), "nobody retires: %r" % workers(daemon))
        # A grace of ten seconds would be over after this.
        deadline = time.monotonic() + 13
        while time.monotonic() < deadline:
            for upload in uploads:
                upload.send(3000)
            time.sleep(0.5)
        connections = []
        for upload in uploads:
            status, connection, item = upload.finish()
            check_equal(status, 201, "status of an upload")
            connections.append(connection)
        check_in("close", connections)
        for connection in kept:
            connection.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            check_equal((answer.status, json.loads(answer.read())["user"]), (200, device.user), "a kept connection's answer")
        ended = [text for text in (rest_of(stream, 1) for stream in streams) if text is not None]
        check(ended and all(text.endswith(b"0\r\n\r\n") for text in ended), "ends of event streams: %r" % ended)
        wait_for(lambda: not workers(daemon).get("retiring"), "the retired workers' end")
        check_equal(len(daemon.request("GET", "/v1/items?limit=200", who=device).json()["items"]), len(uploads), "items")
        check_not_in("ROLE_DIED", daemon.log_text())


@test("more workers are there at once, though others are still retiring, and those are replaced in no case")
def more():
    with Daemon(workers=3) as daemon:
        device = SealingDevice(daemon)
        uploads = everywhere(daemon, "connections", lambda: SlowUpload(daemon, device))
        before = workers(daemon)["ready"]
        resize(daemon, 1)
        check(workers(daemon).get("retiring"), "nobody retires: %r" % workers(daemon))
        resize(daemon, 4)
        now = workers(daemon)
        check(now.get("retiring"), "nobody retires any more: %r" % now)
        check(not set(now["ready"]) & set(now["retiring"]) and set(now["retiring"]) < set(before), "%r, then %r" % (before, now))
        # One that retires and dies is told, and not followed up.
        os.kill(now["retiring"][0], signal.SIGKILL)
        daemon.wait_log(r"worker \(process %d\) died: signal 9" % now["retiring"][0])
        done = 0
        for upload in uploads:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                done += upload.finish()[0] == 201
        check(0 < done < len(uploads), "%d uploads of %d" % (done, len(uploads)))
        wait_for(lambda: not workers(daemon).get("retiring"), "the retired workers' end")
        check_equal(len(workers(daemon)["ready"]), 4, "workers")


@test("stopping does not wait for who retires longer than for others")
def stop_while_retiring():
    with Daemon(workers=2) as daemon:
        device = SealingDevice(daemon)
        uploads = everywhere(daemon, "connections", lambda: SlowUpload(daemon, device))
        resize(daemon, 1)
        check(workers(daemon).get("retiring"), "nobody retires")
        begin = time.monotonic()
        check_equal(daemon.stop(), 0, "exit status")
        check(uploads and time.monotonic() - begin < 18 * SLOW, "it took %.1f s" % (time.monotonic() - begin))


class Visitor(threading.Thread):
    """Asks again and again, on connections that it keeps and on new ones, and notes whatever goes wrong."""

    def __init__(self, daemon, device, context):
        super().__init__(daemon=True)
        self.server, self.device, self.context = daemon, device, context
        self.ended, self.n_answers, self.n_connections, self.wrong = threading.Event(), 0, 0, []

    def visit(self):
        connection, self.n_connections = self.server.http(self.device, context=self.context), self.n_connections + 1
        with contextlib.closing(connection):
            for _ in range(20):
                connection.request("GET", "/v1/whoami")
                answer = connection.getresponse()
                answer.read()
                check_equal(answer.status, 200, "status")
                self.n_answers += 1
                if answer.getheader("Connection") == "close" or self.ended.is_set():
                    return

    def run(self):
        while not self.ended.is_set():
            try:
                self.visit()
            except Exception as error:
                self.wrong.append(repr(error))


@test("reloads with other numbers of workers and other limits, again and again: not one request of those who come and stay is without its answer", limit_s=90)
def under_load():
    with Daemon(workers=2) as daemon:
        device = SealingDevice(daemon)
        visitors = [Visitor(daemon, device, daemon.tls_context(device)) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        uploads = [SlowUpload(daemon, device) for _ in range(3)]
        for n, limit in (1, 300), (4, 200), (2, 400), (3, 100), (1, 500), (2, 300):
            answers = [visitor.n_answers for visitor in visitors]
            daemon.options["max_connections_per_user"] = limit
            resize(daemon, n)
            wait_for(lambda: all(visitor.n_answers > before + 5 for visitor, before in zip(visitors, answers)) or any(v.wrong for v in visitors), "answers")
        check_equal([upload.finish()[0] for upload in uploads], [201] * 3, "uploads")
        for visitor in visitors:
            visitor.ended.set()
            visitor.join(20 * SLOW)
        check_equal(sum((visitor.wrong for visitor in visitors), []), [], "what went wrong")
        print("# %d answers on %d connections" % (sum(v.n_answers for v in visitors), sum(v.n_connections for v in visitors)))


@test("who was accepted before the stop, and has said nothing yet, still gets handshake and answer")
def accepted_before_stop():
    with Daemon(workers=1) as daemon:
        device = SealingDevice(daemon)
        context = daemon.tls_context(device)
        connection = daemon.connect()
        wait_for(lambda: daemon.status()["connections"] == 1, "the connection to be accepted")
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait_log("STOPPING")
        with context.wrap_socket(connection, server_hostname="localhost") as tls:
            tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            check_equal((answer.status, answer.getheader("Connection")), (200, "close"), "the answer")
        check_equal(daemon.process.wait(20 * SLOW), 0, "exit status")
        daemon._gone()


run()
