# SPDX-License-Identifier: GPL-3.0-or-later
"""How long after an upload's 201, when it is durable, a watcher has its line, with a crowd of watchers connected; of a plain reader of the stream and of
`sis watch` itself, with all that it checks."""
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "python"))

N_WATCHERS = 1000
N_UPLOADS = 200
N_WARM = 10
PER_DEVICE = 40                 # streams; a worker takes 64 of one device

# One source and few users are the whole load here; what the limits cost is measured apart.
NO_LIMITS = dict(max_connections=16384, max_connections_per_source=16384, max_connections_per_user=16384, handshakes_per_source=0, requests_per_source=0,
                 requests_per_user=0, new_uploads_per_user=0)


def crowd(daemon, n):
    """n streams of other people, each heard by nobody here but held open."""
    from sis_sealing import SealingDevice
    from sis_watching import Stream
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    devices = [SealingDevice(daemon) for _ in range(-(-n // PER_DEVICE))]
    contexts, make = {device: daemon.tls_context(device) for device in devices}, daemon.tls_context
    daemon.tls_context = lambda who=None, verify=True: contexts.get(who) or make(who, verify)
    try:
        streams = [Stream(daemon, devices[i // PER_DEVICE]) for i in range(n)]
    finally:
        daemon.tls_context = make
    return streams


class Ear(threading.Thread):
    """Notes when it hears of which item."""

    def __init__(self, lines):
        super().__init__(daemon=True)
        self.lines, self.heard, self.news = lines, {}, threading.Condition()
        self.start()

    def run(self):
        with contextlib.suppress(OSError):      # at the end
            for item in self.lines():
                now = time.monotonic()
                with self.news:
                    self.heard[item] = now
                    self.news.notify_all()

    def when(self, item):
        with self.news:
            if not self.news.wait_for(lambda: item in self.heard, 30):
                raise RuntimeError(f"{item}: nobody was told")
            return self.heard[item]


def lines_of(process):
    for line in process.stdout:
        entry = json.loads(line)
        if entry["event"] == "item":
            yield entry["item"]


def items_of(stream):
    while (event := stream.next()) is not None:
        if event.kind == "item":
            yield event.data["item"]


def events(bench):
    from sis_sealing import SealingDevice, device_of_client
    from sis_testlib import Daemon
    from sis_watching import Stream
    with Daemon(workers=2, **NO_LIMITS) as daemon:
        alice, reader, bob = SealingDevice(daemon), SealingDevice(daemon), daemon.client()
        held = crowd(daemon, N_WATCHERS - 2)
        with subprocess.Popen([bench.sis, "--home", bob.home, "--json", "watch"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0) as process:
            process.stdout.readline()
            stream = Stream(daemon, reader)
            ears = [Ear(lambda: items_of(stream)), Ear(lambda: lines_of(process))]
            readers = [reader, device_of_client(daemon, alice, bob)]
            delays = [one_upload(daemon, alice, readers, ears) for _ in range(N_WARM + N_UPLOADS)][N_WARM:]
            process.terminate()
        for stream in held:
            stream.close()
        Stream.close_all()
    for name, figures in (("stream reader", [d[0] for d in delays]), ("sis watch", [d[1] for d in delays])):
        figures.sort()
        bench.table.add(f"event, {N_WATCHERS:,} watchers: from 201 to line, {name}", figures, [], "ms", "≤ 10", higher_is_better=False)
        bench.table.add("  the same, the slowest of 100 (p99)", [figures[len(figures) * 99 // 100]], [], "ms", "-", higher_is_better=False)


def one_upload(daemon, alice, readers, ears):
    bundle = alice.seal(b"x" * 1000, *readers)
    connection = daemon.http(alice)
    reply = daemon.request("POST", "/v1/items", body=bundle, headers={"Content-Type": "application/vnd.sis.item"}, connection=connection)
    done = time.monotonic()
    connection.close()
    if reply.status != 201:
        raise RuntimeError(f"upload: {reply.status} {reply.body[:300]}")
    return [max(0.0, 1000 * (ear.when(alice.item) - done)) for ear in ears]
