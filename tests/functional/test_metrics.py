#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures for Prometheus: the text, its table and its manual, and the listener on loopback with what could go wrong there."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_prometheus import *
from sis_sealing import *
from sis_testlib import *


def get(daemon, path="/metrics", method="GET", host=None, headers=(), connection=None):
    """-> status, headers, body over plain HTTP."""
    address = daemon.status()["metrics_listen"]
    connection = connection or http.client.HTTPConnection(address, timeout=20 * SLOW)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or address)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def plain_socket(daemon):
    host, port = daemon.status()["metrics_listen"].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30 * SLOW)


def flood_and_read(daemon):
    """A process that sends request upon request, and reads the answers, until it is killed."""
    connection = plain_socket(daemon)
    child = os.fork()
    if child != 0:
        connection.close()
        return child
    with contextlib.suppress(BaseException):
        threading.Thread(target=lambda: [connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400) for _ in range(1 << 30)], daemon=True).start()
        while connection.recv(1 << 20):
            pass
    os._exit(0)


def table():
    rows = re.findall(r'^METRIC\((\w+), +"(\w+)", +(\w+), +"(\w+)", +"([a-z,]*)", +"(.*)"\)$',
                      read_file(os.path.join(SOURCE, "src/ledger/metrics.def")).decode(), re.MULTILINE)
    return {name: (kind, labels, text) for _from, _member, name, kind, labels, text in rows}


@test("the strict reader refuses what is no exposition, so that the tests below can fail")
def reader():
    good = '# HELP a_total x\n# TYPE a_total counter\na_total{l="v\\"\\\\\\n"} 1\n'
    check_equal(read_metrics(good)[1], {("a_total", (("l", 'v"\\\n'),)): 1.0}, "good")
    for bad in (good[:-1], good.replace("counter", "gauge"), good + "a_total 2\n\n", good + 'a_total{l="v\\"\\\\\\n"} 2\n', good.replace("a_total{", "b_total{"),
                good.replace('\\n"}', '\\t"}'), good.replace("# HELP a_total x\n", ""), good + "# TYPE a_total counter\n", good.replace(" 1\n", " one\n"),
                "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
                "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n"):
        must_fail(bad)


@test("every metric is in the table and in sis-metrics(7), with its type, labels and meaning, and the table names no other")
def names():
    rows = table()
    source = read_file(os.path.join(SOURCE, "src/ledger/metrics.def")).decode()
    check_equal(len(rows), source.count("\nMETRIC("), "rows of the table")
    manual = read_file(os.path.join(SOURCE, "man/sis-metrics.7")).decode()
    told = {m[1]: (m[2], m[3] or "", " ".join(m[4].split())) for m in
            re.finditer(r"^\.It Li (\w+) Pq (\w+)(?: of Li ([a-z, ]+))?\n((?:[^.\n].*\n)+)", manual, re.MULTILINE)}
    told = {name: (kind, labels.replace(" ", ""), text) for name, (kind, labels, text) in told.items()}
    check_equal(told, {name: (kind, labels, text) for name, (kind, labels, text) in rows.items()}, "what sis-metrics(7) tells")
    with Daemon(workers=1, quota_bytes="1M") as daemon:
        device = SealingDevice(daemon, "vera")
        device.upload(device.seal(make_bytes(1000)))
        daemon.request("POST", "/v1/items", device, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(2 << 20)}).check_problem(507, "quota")
        wait_for(lambda: "server_certificate_ends" in daemon.status() and daemon.status()["refusals"], "figures of the worker")
        families, samples = read_metrics(daemon.sisctl("metrics").stdout)
        wanted = {name: kind for name, (kind, _, _) in rows.items() if name != "sis_tls_certificate_end_timestamp_seconds"}     # there is none here: test_certificates
        check_equal({name: kind for name, (kind, _) in families.items()}, wanted, "metrics that are told")
        for (name, labels), _value in samples.items():
            family = next(f for f in families if name == f or name in (f + "_bucket", f + "_sum", f + "_count"))
            wanted = [l for l in rows[family][1].split(",") if l] + (["le"] if name.endswith("_bucket") else [])
            check_equal(sorted(k for k, _ in labels), sorted(wanted), "labels of " + name)
        check_equal(samples["sis_user_quota_bytes", (("user", "vera"),)], 1 << 20, "quota")
        check_equal(samples["sis_events_total", (("event", "UPLOAD_REFUSED"),)], 1, "refused uploads")
        check_equal(samples["sis_events_total", (("event", "ROLE_DIED"),)], 0, "what has not happened is 0")
        check(samples["sis_disk_bytes", ()] > samples["sis_disk_free_bytes", ()] > 0 < samples["sis_database_bytes", ()], "disk %r" % samples)
        daemon.sisctl("rm", json.loads(daemon.sisctl("--json", "items").stdout)["items"][0]["item"])
        daemon.sisctl("revoke", "vera")
        _, samples = read_metrics(daemon.sisctl("metrics").stdout)
        check_equal([key for key in samples if key[0].startswith("sis_user_")], [], "lines of who is gone and keeps nothing")


@test("without metrics_listen nobody listens; with it GET /metrics tells what sisctl metrics tells, from every worker, and nothing else is there")
def listener():
    check("metrics_listen" not in shared_daemon().status(), "a listener that nobody asked for")
    with Daemon(workers=3, metrics_listen="127.0.0.1:0") as daemon:
        daemon.client("alice").upload(make_picture())
        status, headers, text = get(daemon)
        check_equal((status, headers["Content-Type"], headers["Cache-Control"]), (200, "text/plain; version=0.0.4; charset=utf-8", "no-store"), "answer")
        check_equal(set(read_metrics(text)[0]), set(read_metrics(daemon.sisctl("metrics").stdout)[0]), "metrics")
        check_equal(read_metrics(text)[1]["sis_user_items", (("user", "alice"),)], 1, "items of alice")
        status, headers, nothing = get(daemon, method="HEAD")
        check_equal((status, nothing), (200, ""), "HEAD")
        check(int(headers["Content-Length"]) > 1000, "length of HEAD")
        kept = http.client.HTTPConnection(daemon.status()["metrics_listen"], timeout=20 * SLOW)
        for _ in range(20):
            check_equal(get(daemon, connection=kept)[0], 200, "on a kept connection")
        for path in ("/", "/metrics/", "/v1/items", "/v1/whoami", "/healthz", "/crl", "/.well-known/est/cacerts", "/metrics%00", "//metrics"):
            check(get(daemon, path)[0] in (400, 404), "answer to " + path)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, _ = get(daemon, method=method)
            check_equal((status, headers["Allow"]), (405, "GET, HEAD"), method)
        for host in ("localhost", "LOCALHOST:1234", "127.0.0.1", "127.1.2.3:9743", "[::1]", "[::1]:9743"):
            check_equal(get(daemon, host=host)[0], 200, "Host " + host)
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost:", "localhost:x", "[::1]x", "127.0.0.1:80x", "10.0.0.1", "::1", "[::]"):
            check_equal(get(daemon, host=host)[0] in (400, 403), True, "Host " + host)
        check_equal(get(daemon, host="")[0], 400, "no Host")
        check_equal(get(daemon, headers=[("Content-Length", "5")])[0], 400, "a body")
        check("Access-Control-Allow-Origin" not in get(daemon, headers=[("Origin", "http://evil.example")])[1], "another page may read it")
        victim = next(r["pid"] for r in daemon.status()["roles"] if r["role"] == "worker")
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: all(r["pid"] != victim and r["state"] == "ready" for r in daemon.status()["roles"]), "another worker")
        for _ in range(6):
            _, samples = read_metrics(get(daemon)[2])
        wait_for(lambda: read_metrics(get(daemon)[2])[1]["sis_events_total", (("event", "ROLE_DIED"),)] == 1, "the death in the figures")
        daemon.is_serving()


@test("whoever is hostile on this host holds up neither the service nor, for long, the metrics: silence, slowness, garbage, floods")
def hostile():
    with Daemon(workers=1, metrics_listen="127.0.0.1:0") as daemon:
        alice = daemon.client("alice")
        silent = [plain_socket(daemon) for _ in range(40)]
        for i, connection in enumerate(silent):
            with contextlib.suppress(OSError):
                connection.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-%d: " % i if i % 2 else b"")
        alice.upload(make_picture())
        daemon.is_serving()
        # Each is closed by the daemon: at once beyond the limit, else when the time for a head is over.
        for connection in silent:
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65536):
                    pass
            connection.close()
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"\x00" * 4096, b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"):
            with plain_socket(daemon) as connection, contextlib.suppress(ConnectionResetError, BrokenPipeError):
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while True:
                    part = connection.recv(65536)
                    if not part:
                        break
                    answer += part
                check(b" 200 " not in answer.split(b"\r\n")[0], "answer to %r: %r" % (garbage[:40], answer[:80]))
        # Many requests at once, their answers never read: one question to the ledger a second, whoever asks.
        batches = daemon.status()["batches"]
        flood = plain_socket(daemon)
        flood.settimeout(2)
        with contextlib.suppress(OSError):
            for _ in range(2000):
                flood.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
        check_equal(get(daemon)[0], 200, "beside a flood")
        alice.upload(make_picture(seed=2))
        flood.close()
        read_metrics(get(daemon)[2])
        check(daemon.status()["batches"] - batches < 20, "metrics wrote into the database")
        # And read as fast as they come: each round of answers is one connection's turn, not the worker's whole time.
        readers = [flood_and_read(daemon) for _ in range(3)]
        for _ in range(5):
            daemon.is_serving()
        for reader in readers:
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)
        check_equal([r["restarts"] for r in daemon.status()["roles"]], [0] * 4, "restarts")
        daemon.is_serving()


def in_threads(works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@test("many users: the text is larger than any message between the roles, and still whole; it is made once for all who ask at the same time")
def many():
    with Daemon(workers=2, metrics_listen="127.0.0.1:0", quota_bytes="1G") as daemon:
        def add(first):
            with Varlink(daemon.control) as control:
                for i in range(first, 1200, 8):
                    control.call("io.sis.control.AddUser", user="user-with-a-very-long-name-%04d" % i)
        # Several at once, which the ledger commits together: each alone would wait for the disk.
        in_threads([lambda first=first: add(first) for first in range(8)])
        _, samples = read_metrics(wait_for(lambda: (lambda text: text if text.count("sis_user_quota_bytes{") == 1200 else None)(get(daemon)[2]), "all users"))
        check_equal(len([1 for name, _ in samples if name == "sis_user_quota_bytes"]), 1200, "users")
        texts, began = [], time.monotonic()
        in_threads([lambda: texts.append(get(daemon)[2])] * 10)
        took = time.monotonic() - began
        check(all(len(text) > 160 * 1024 for text in texts), "sizes %r" % [len(t) for t in texts])
        # Each of the two workers asks the ledger once a second at most.
        check(len(set(texts)) <= 3 + 2 * int(took), "%d different texts in %.1f s" % (len(set(texts)), took))
        daemon.is_serving()


def passed(address, name):
    """A daemon to which this socket is passed as systemd does."""
    listener = socket.socket()
    listener.bind(address)
    listener.listen()
    os.set_inheritable(listener.fileno(), True)
    script = 'exec 3<&%d; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=%s; exec "$0" "$@"' % (listener.fileno(), name)
    return listener, Daemon(start=False, workers=1, wrapper=["sh", "-c", script], pass_fds=[listener.fileno()])


@test("a socket that systemd passes by the name metrics is served, when it is one of loopback; a configured address that is not is refused")
def activation():
    listener, daemon = passed(("127.0.0.1", 0), "metrics")
    with daemon:
        daemon.start()
        check_equal(daemon.status()["metrics_listen"], "127.0.0.1:%d" % listener.getsockname()[1], "address")
        check_equal(get(daemon)[0], 200, "metrics")
        daemon.is_serving()
    listener, daemon = passed(("0.0.0.0", 0), "metrics")
    with contextlib.closing(listener):
        daemon.spawn()
        check_equal(daemon.process.wait(20 * SLOW), 78, "exit status")
        check_in("does not listen on a loopback address", daemon.log_text())
        daemon.end()
    for address in ("0.0.0.0:9743", "192.0.2.1:9743", "[::]:9743", "127.0.0.1", "metrics"):
        path = write_file(os.path.join(temporary("conf"), "sisd.conf"), 'metrics_listen = "%s";\n' % address)
        check_in("metrics_listen", run_program([SISD, "--check", "-c", path], status=78).stderr)


run()
