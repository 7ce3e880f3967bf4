#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency from the 201 of an upload to the watcher's line, with a thousand watchers connected: SIS_BUILD=… bench/events.py [watchers] [uploads]"""

import os
import resource
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/python"))
from sis_sealing import SealingDevice
from sis_testlib import *
from sis_watching import Stream


def measure(n_watchers, n_uploads):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Daemon() as daemon:
        crowd = [SealingDevice(daemon) for _ in range(-(-n_watchers // 60))]
        contexts = {id(device): daemon.tls_context(device) for device in crowd}
        daemon.tls_context = lambda who=None, verify=True, make=daemon.tls_context: contexts.get(id(who)) or make(who, verify)
        held = [Stream(daemon, crowd[i % len(crowd)]) for i in range(n_watchers)]
        alice, bob = SealingDevice(daemon), SealingDevice(daemon)
        stream, told, delays = Stream(daemon, bob), {}, []
        thread = threading.Thread(target=lambda: [told.__setitem__(e.data["item"], time.monotonic()) for e in (stream.take(1)[0] for _ in range(n_uploads))])
        thread.start()
        connection = daemon.http(alice)
        for bundle in [(alice.seal(b"x", bob), alice.item) for _ in range(n_uploads)]:
            daemon.request("POST", "/v1/items", body=bundle[0], headers={"Content-Type": "application/vnd.sis.item"}, connection=connection)
            done = time.monotonic()
            wait_for(lambda: bundle[1] in told, "the event")
            delays.append((told[bundle[1]] - done) * 1000)
        thread.join()
        delays.sort()
        print("events: %d watchers, %d uploads: 201 to the watcher's line: median %.2f ms, p99 %.2f ms, worst %.2f ms (goal: median 10 ms)" %
              (len(held), n_uploads, delays[n_uploads // 2], delays[int(n_uploads * 0.99)], delays[-1]))
        Stream.close_all()


measure(*(int(word) for word in (sys.argv[1:] + ["1000", "300"][len(sys.argv) - 1:])))
