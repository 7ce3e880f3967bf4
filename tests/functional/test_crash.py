#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at random points, hundreds of times, with uploads under way: what was acknowledged survives, and nothing is left half."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_disk import slow_disk
from sis_sealing import SealingDevice
from sis_testlib import *

BUDGET_S = float(os.environ.get("SIS_CRASH_SECONDS", 30 if SANITIZED else 50))
SEED = int(os.environ.get("SIS_CRASH_SEED") or random.SystemRandom().randrange(1 << 32))


class Uploader(threading.Thread):
    """Uploads one bundle after the other for as long as it is let; keeps what was acknowledged. Bundles are sealed beforehand: here only the wire counts."""

    def __init__(self, daemon, device, bundles, acknowledged, durations):
        super().__init__(daemon=True)
        self.served, self.device, self.bundles, self.acknowledged, self.durations = daemon, device, bundles, acknowledged, durations
        self.over = threading.Event()
        self.context = daemon.tls_context(device)

    def run(self):
        while not self.over.is_set() and self.bundles:
            item, bundle = self.bundles.pop()
            began = time.monotonic()
            try:
                connection = self.served.http(context=self.context, limit_s=10)
                try:
                    reply = self.served.request("POST", "/v1/items", connection=connection, body=bundle, headers={"Content-Type": "application/vnd.sis.item"})
                finally:
                    connection.close()
                if reply.status == 201:
                    self.acknowledged[item] = bundle
                    self.durations.append(time.monotonic() - began)
                elif reply.status != 503:
                    self.acknowledged["unexpected %d %r" % (reply.status, reply.body[:200])] = None
            except (OSError, http.client.HTTPException):
                self.over.wait(0.02)


def verify(daemon, device, acknowledged):
    """Every acknowledged item is there with every byte, and the daemon finds nothing wrong with any item."""
    unexpected = [item for item, bundle in acknowledged.items() if bundle is None]
    check_equal(unexpected, [], "answers to uploads")
    connection = daemon.http(device)
    for item, bundle in acknowledged.items():
        reply = daemon.request("GET", "/v1/items/%s/object" % item, connection=connection)
        check_equal(reply.status, 200, "acknowledged item %s" % item)
        check(bundle.endswith(reply.body), "item %s has other bytes" % item)
    connection.close()
    done = daemon.sisctl("--json", "check", "--full", status=None)
    check_equal((done.returncode, json.loads(done.stdout or "{}").get("problems")), (0, []), "check --full (%s)" % done.stderr)


def one_kill(daemon, chance):
    """Kills one role, or all, or the master; returns True when the daemon must be started again."""
    children = daemon.children()
    victims = chance.choice(["worker", "worker", "signer", "ledger", "master", "all"])
    try:
        roles = {name: [pid for pid in children if role_of(pid) == name] for name in ("signer", "ledger", "worker")}
        if victims == "worker":
            if roles["worker"]:         # else both are waiting for their replacement
                os.kill(chance.choice(roles["worker"]), signal.SIGKILL)
            return False
        if victims in roles and not roles[victims]:
            return False            # not there at this moment
        if victims in ("signer", "ledger"):
            os.kill(roles[victims][0], signal.SIGKILL)
    except ProcessLookupError:
        pass
    if victims in ("all", "master"):
        daemon.kill()
    else:
        try:
            daemon.process.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure("the daemon did not end after its %s was killed" % victims)
        daemon._gone()
    return True


def role_of(pid):
    """"worker", from the name of the program."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().strip().removeprefix("sisd-")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@test("kill -9 of any role, of the master, of all, hundreds of times: nothing acknowledged is lost, nothing is left half", limit_s=int(BUDGET_S) * 3 + 300)
def kills():
    chance = random.Random(SEED)
    print("# seed %d: SIS_CRASH_SEED=%d repeats the choices" % (SEED, SEED))
    daemon = Daemon(workers=2, log_level="notice", arguments=slow_disk(20))
    device = SealingDevice(daemon)
    sizes = [0, 100, 5000, 70000, 200000]
    bundles = []
    for n in range(150):
        bundle = device.seal(make_bytes(chance.choice(sizes), n))
        bundles.append((device.item, bundle))
    acknowledged, n_kills, n_rounds, durations = {}, 0, 0, [0.02]
    deadline = time.monotonic() + BUDGET_S
    # On a machine so busy that little was uploaded it takes longer.
    while time.monotonic() < deadline or len(acknowledged) < 20:
        n_rounds += 1
        rest = list(bundles)
        chance.shuffle(rest)
        rest = [(i, b) for i, b in rest if i not in acknowledged]
        if len(rest) < 20:
            for n in range(60):
                bundle = device.seal(make_bytes(chance.choice(sizes), n_rounds * 1000 + n))
                bundles.append((device.item, bundle))
                rest.append(bundles[-1])
        uploaders = [Uploader(daemon, device, rest, acknowledged, durations) for _ in range(3)]
        for uploader in uploaders:
            uploader.start()
        must_start = False
        for _ in range(chance.randrange(1, 6)):
            # The point in time is what is random here: somewhere in the life of an upload, which takes milliseconds, or more on a busy machine.
            threading.Event().wait(chance.uniform(0, 2 * sorted(durations[-50:])[len(durations[-50:]) // 2]))
            must_start = one_kill(daemon, chance)
            n_kills += 1
            if must_start:
                break
        for uploader in uploaders:
            uploader.over.set()
        for uploader in uploaders:
            uploader.join()
        # A connection that was cut after the commit: the item may be there without having been acknowledged. It must then be whole (check says so),
        # and its upload is refused as a conflict.
        for key in [k for k, v in acknowledged.items() if v is None and k.startswith("unexpected 409")]:
            del acknowledged[key]
        if must_start:
            daemon.start()
        if n_rounds % 10 == 0:
            verify(daemon, device, acknowledged)
    verify(daemon, device, acknowledged)
    left = os.listdir(os.path.join(daemon.state_dir, "incoming"))
    print("# %d kills in %d rounds, %d items acknowledged, %d unfinished uploads kept" % (n_kills, n_rounds, len(acknowledged), len(left)))
    found = re.findall(r"RECOVERED after an unclean stop: (\d+) commits completed, (\d+) undone, (\d+) unfinished uploads removed", daemon.log_text())
    print("# recovery completed %d commits, undid %d, removed %d unfinished uploads" % tuple(sum(map(int, column)) for column in zip(*found, "000")))
    check_equal(daemon.end(), None, "the last stop")


@test("sis killed in the middle of a large upload goes on where the server stands and the result is identical", limit_s=300)
def client_killed():
    with Daemon(workers=1) as daemon:
        client = daemon.client()
        path = write_file(os.path.join(temporary("large"), "large.bin"), make_bytes(40 << 20))
        for _ in range(3):
            process = client.popen("upload", path, "--to", client.user)
            wait_for(lambda: process.poll() is not None or any(e.stat().st_size > (2 << 20) for e in os.scandir(os.path.join(daemon.state_dir, "incoming"))),
                     "an upload under way")
            process.kill()
            process.communicate()
        done = client.run("upload", path, "--to", client.user).stdout
        check_in(" (continued)\n", done)
        item = done.split()[0]
        check_equal(read_file(client.get(item)) == read_file(path), True, "the file")
        check_equal(len(client.items()), 1, "items")


@test("a source that changed between two tries becomes a new item", limit_s=300)
def source_changed():
    with Daemon(workers=1) as daemon:
        client = daemon.client()
        path = write_file(os.path.join(temporary("large"), "large.bin"), make_bytes(40 << 20))
        process = client.popen("upload", path, "--to", client.user)
        wait_for(lambda: process.poll() is not None or any(e.stat().st_size > (2 << 20) for e in os.scandir(os.path.join(daemon.state_dir, "incoming"))),
                 "an upload under way")
        process.kill()
        process.communicate()
        write_file(path, make_bytes(40 << 20, seed=2))
        item = client.upload(path)
        check_equal(read_file(client.get(item)) == read_file(path), True, "the file")


run()
