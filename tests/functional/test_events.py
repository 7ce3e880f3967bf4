#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Being told: the event stream as any client sees it, across reconnects, killed workers and restarts of the daemon."""

import concurrent.futures
import contextlib
import ctypes
import errno
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice, device_of_client
from sis_testlib import *
from sis_watching import Stream


@contextlib.contextmanager
def watched_daemon(**options):
    with Daemon(**options) as daemon:
        try:
            yield daemon
        finally:
            Stream.close_all()


def upload(device, *readers, content=b"x"):
    reply = device.upload(device.seal(content, *readers))
    check_equal(reply.status, 201, "upload (%r)" % reply.body[:300])
    return reply.json()["item"]


def upload_many(device, n, *readers, name="picture.bin"):
    """Ids in the order of their sequence numbers; several at a time, since each waits for the disk."""
    bundles = [device.seal(b"x", *readers, name=name) for _ in range(n)]
    def send(part):
        connection = device.daemon.http(device)
        replies = [device.daemon.request("POST", "/v1/items", who=device, body=bundle, headers={"Content-Type": "application/vnd.sis.item"},
                                         connection=connection) for bundle in part]
        connection.close()
        check_equal([reply.status for reply in replies], [201] * len(part), "uploads")
        return [reply.json() for reply in replies]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = [reply for replies in pool.map(send, [bundles[i::16] for i in range(16)]) for reply in replies]
    return [reply["item"] for reply in sorted(done, key=lambda reply: reply["sequence"])]


def items_of(events):
    for earlier, later in zip(events, events[1:]):
        check(later.number > earlier.number, "%r came after %r" % (later, earlier))
    return [event.data["item"] for event in events if event.kind == "item"]


@test("a watcher is told of what is uploaded for it, in order, exactly as a listing shows it, and nobody else is")
def told():
    daemon = shared_daemon()
    alice, bob, carol = SealingDevice(daemon), SealingDevice(daemon), SealingDevice(daemon)
    streams = {"plain": Stream(daemon, bob), "manifest": Stream(daemon, bob, include="manifest"), "carol": Stream(daemon, carol)}
    check_equal(streams["plain"].hello.data, {"sequence": streams["plain"].hello.number, "user": bob.user, "device": "test"}, "hello")
    check_equal(streams["plain"].retry, 1000, "retry")
    sent = [upload(alice, bob) for _ in range(5)]
    for include in ("plain", "manifest"):
        events = streams[include].take(5)
        check_equal(items_of(events), sent, "told")
        listed = daemon.request("GET", "/v1/items" + ("?include=manifest" if include == "manifest" else ""), who=bob).json()["items"]
        check_equal([event.data for event in events], listed, "the events' data")
        check_equal([event.number for event in events], [item["sequence"] for item in listed], "the events' numbers")
    item = upload(carol)
    check_equal(streams["carol"].next().data["item"], item, "the first that carol hears of")


@test("a stream begins where it is asked to: at the newest, after a number, or after Last-Event-ID, which wins")
def where_to_begin():
    daemon = shared_daemon()
    alice = SealingDevice(daemon)
    sent = [upload(alice) for _ in range(4)]
    everything = Stream(daemon, alice, after=0)
    check_equal(everything.hello.number, 0, "hello")
    events = everything.take(4)
    check_equal(items_of(events), sent, "after=0")
    for options in ({"after": events[1].number}, {"last": events[1].number}, {"after": 0, "last": events[1].number}):
        stream = Stream(daemon, alice, **options)
        check_equal(stream.hello.number, events[1].number, "hello with %r" % options)
        check_equal(items_of(stream.take(2)), sent[2:], "with %r" % options)
    now = Stream(daemon, alice)
    check(now.hello.number >= events[3].number, "a new stream begins in the past")
    item = upload(alice)
    check_equal(now.next().data["item"], item, "what is new")
    # Who claims to have seen what was never given out sees from hello that this store is older.
    check(Stream(daemon, alice, after=2 ** 62).hello.number < 2 ** 40, "hello agrees to a number that never was")


@test("what was deleted meanwhile is not replayed")
def deleted():
    daemon = shared_daemon()
    alice, bob = SealingDevice(daemon), SealingDevice(daemon)
    first, second = upload(alice, bob), upload(alice, bob)
    check_equal(daemon.request("DELETE", "/v1/items/" + first, who=alice).status, 204, "DELETE")
    events = Stream(daemon, bob, after=0)
    check_equal(items_of(events.take(1)), [second], "items")
    removed = events.next()
    check_equal((removed.kind, removed.data["item"], removed.data["what"], removed.data["by"]), ("removed", first, "deleted", alice.user), "the removal")


def refuse(daemon, device, path, headers=None):
    return daemon.request("GET", "/v1/events" + path, who=device, headers=headers or {})


@test("hostile requests are refused, and the daemon serves on")
def hostile():
    daemon = shared_daemon()
    device = SealingDevice(daemon)
    for path in ("?after=-1", "?after=x", "?after=", "?after=01", "?after=99999999999999999999", "?after=1%00", "?include=object", "?include=manifest%0a"):
        check(refuse(daemon, device, path).status == 400, "GET /v1/events%s" % path)
    for value in ("x", "-1", "1 2", "9" * 30, "9" * 3000):
        refuse(daemon, device, "", {"Last-Event-ID": value}).check_problem(400)
    check_equal(refuse(daemon, device, "", {"Last-Event-ID": "9" * 20000}).status, 431, "a head of 20 kB")
    check_equal(daemon.request("GET", "/v1/events").status, 401, "without a certificate")
    check_equal(daemon.request("POST", "/v1/events", who=device, body=b"").status, 405, "POST")
    check_equal(daemon.request("GET", "/v1/events", who=device, body=b"words").status, 400, "with a body")
    head = daemon.request("HEAD", "/v1/events", who=device)
    check_equal((head.status, head.headers["Content-Type"], head.body), (200, "text/event-stream", b""), "HEAD")
    check(daemon.is_serving())


@test("one device cannot hold any number of streams; another's are not affected")
def too_many():
    with watched_daemon(workers=1) as daemon:
        greedy, other = SealingDevice(daemon), SealingDevice(daemon)
        streams = [Stream(daemon, greedy) for _ in range(64)]
        Stream(daemon, greedy).reply.check_problem(429, "too-many")
        quiet = Stream(daemon, other)
        streams[0].close()
        wait_for(lambda: Stream(daemon, greedy).reply.status == 200, "a place to become free")
        item = upload(other, greedy)
        check_equal([quiet.next().data["item"]] + [stream.next().data["item"] for stream in streams[1:]], [item] * 64, "what all heard")


@test("a device that is revoked while it watches is cut off at once, its user's other device is not")
def revoked():
    daemon = shared_daemon()
    user = unique("user")
    phone, laptop = SealingDevice(daemon, user, "phone"), SealingDevice(daemon, user, "laptop")
    streams = [Stream(daemon, phone), Stream(daemon, laptop)]
    daemon.sisctl("revoke", user, "--device", "phone")
    try:
        event = streams[0].next()
        check(False, "the revoked device was told %r" % event)
    except OSError:
        pass
    check_equal(refuse(daemon, phone, "").status, 403, "coming back")
    item = upload(laptop)
    while True:
        event = streams[1].next()
        if event.kind == "item":
            break
    check_equal(event.data["item"], item, "the other device's stream")


@test("heartbeats come on a quiet stream, by half of idle_timeout at the latest, and it is not closed for being idle")
def heartbeats():
    with watched_daemon(idle_timeout="1s") as daemon:
        device = SealingDevice(daemon)
        stream = Stream(daemon, device)
        reader = threading.Thread(target=stream.next, daemon=True)
        reader.start()
        wait_for(lambda: stream.heartbeats >= 4, "four heartbeats, over twice the idle timeout")
        upload(device)
        reader.join(20 * SLOW)
        check(not reader.is_alive(), "no event after the heartbeats")


@test("who does not read while 250 items come costs nothing, and then reads all of them")
def slow_watcher():
    with watched_daemon(workers=1) as daemon:
        alice, bob = SealingDevice(daemon), SealingDevice(daemon)
        pid = daemon.roles()["worker"][0]
        slow, fast = Stream(daemon, bob, include="manifest", receive_buffer=32768), Stream(daemon, bob)
        before = resident(pid)
        sent = upload_many(alice, 250, bob)
        check_equal(items_of(fast.take(250)), sent, "what the other one read")
        grown = resident(pid) - before
        # AddressSanitizer keeps what was freed.
        check(SANITIZED or grown < 4 << 20, "the worker grew by %d bytes" % grown)
        check_equal(items_of(slow.take(250)), sent, "what the slow one read")


def resident(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) * 1024


@test("who takes nothing for long is cut off, and can go on from where it was")
def stalled():
    with watched_daemon(workers=1) as daemon:
        alice = SealingDevice(daemon)
        sent = upload_many(alice, 130, name="n" * 28000)
        daemon.write_config(idle_timeout="1s")
        check_in("configuration reloaded", daemon.reload())
        stream = Stream(daemon, alice, after=0, include="manifest", receive_buffer=32768)
        daemon.wait_log("took the answer too slowly")
        got = []
        try:
            while (event := stream.next()) is not None:
                got.append(event)
        except OSError:
            pass
        last = got[-1].number if got else stream.hello.number
        rest = Stream(daemon, alice, last=last)
        check_equal(items_of(got + rest.take(len(sent) - len(items_of(got)))), sent, "all of it")


class Follower(threading.Thread):
    """Reads on and on, coming back with Last-Event-ID whenever a stream ends, however it ends."""

    def __init__(self, daemon, device):
        super().__init__(daemon=True)
        self.watched, self.device, self.events, self.heard, self.n_streams, self.wrong, self.done = daemon, device, [], {}, 0, None, False
        self.stream = Stream(daemon, device)
        self.last = self.stream.hello.number
        self.stream.close()
        self.start()

    def run(self):
        while self.wrong is None and not self.done:
            try:
                self.follow()
            except OSError:
                time.sleep(0.02)
            except Exception as error:
                self.wrong = None if self.done else error
            finally:
                self.stream.close()

    def follow(self):
        self.stream = Stream(self.watched, self.device, last=self.last)
        if self.stream.reply.status != 200:
            return
        self.n_streams += 1
        check_equal(self.stream.hello.number, self.last, "hello")
        while (event := self.stream.next()) is not None:
            if event.kind == "item":
                self.heard[event.data["item"]] = time.monotonic()
                self.events.append(event)
            self.last = event.number

    def stop(self):
        self.done = True
        while self.is_alive():
            self.stream.close()
            self.join(0.05)


@contextlib.contextmanager
def following(daemon, device, n):
    followers = [Follower(daemon, device) for _ in range(n)]
    try:
        wait_for(lambda: all(follower.n_streams for follower in followers), "the followers")
        yield followers
    finally:
        for follower in followers:
            follower.stop()


def upload_until_stored(device, stored):
    bundle = device.seal(b"y")
    def try_once():
        try:
            return device.upload(bundle).status in (201, 409)
        except (OSError, http.client.HTTPException):
            return False
    wait_for(try_once, "an upload to be stored")
    stored[device.item] = time.monotonic()


def kill_workers(daemon):
    for pid in daemon.roles()["worker"]:
        os.kill(pid, signal.SIGKILL)


# Heartbeats, which make a worker look as well, come every 20 s, as do the time limits of our sockets: nobody is helped by them in this time.
AT_ONCE_S = 15


def check_heard(followers, stored):
    """All heard everything, once, in order, and soon after it was stored."""
    for follower in followers:
        wait_for(lambda: follower.wrong or len(follower.events) >= len(stored), "the last of %d events" % len(stored))
        check(follower.wrong is None, "%r" % follower.wrong)
        check_equal(items_of(follower.events), list(stored), "what a follower heard")
        late = max(follower.heard[item] - stored[item] for item in stored)
        check(late < AT_ONCE_S, "an event came %.1f s after its item was stored" % late)


@test("no event is lost, repeated or late when workers are killed and the daemon restarts, killed or in order")
def no_loss():
    deeds = {"worker": kill_workers, "soft": Daemon.restart, "hard": lambda daemon: daemon.restart(hard=True)}
    with watched_daemon(workers=2) as daemon:
        alice, stored = SealingDevice(daemon), {}
        with following(daemon, alice, 4) as followers:
            for deed in ("worker", "worker", "soft", "worker", "hard"):
                # While streams end and come back, something new is always under way.
                busy = threading.Thread(target=lambda: [upload_until_stored(alice, stored) for _ in range(12)])
                busy.start()
                wanted = len(stored) + 4
                wait_for(lambda: len(stored) >= wanted, "some uploads")
                deeds[deed](daemon)
                busy.join()
            check_heard(followers, stored)
            check(all(follower.n_streams > 4 for follower in followers), "a follower was never disconnected")


@test("a worker that comes while items are stored leaves none of its watchers waiting for the next one")
def newborn_workers():
    with watched_daemon(workers=2) as daemon:
        alice, stored = SealingDevice(daemon), {}
        with following(daemon, alice, 6) as followers:
            for _ in range(4):
                kill_workers(daemon)
                # One item each time, as the streams come back or just after: nothing follows that would wake those who missed it.
                upload_until_stored(alice, stored)
                check_heard(followers, stored)


def cut_ledger_channel(pid):
    """What the worker sees when the ledger has dropped it: the end of its channel, the first socket that it got after the master's."""
    sockets = [int(fd) for fd in os.listdir("/proc/%d/fd" % pid) if os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith("socket:")]
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    fd = libc.syscall(438, process, sorted(sockets)[1], 0)         # pidfd_getfd
    if fd < 0 and ctypes.get_errno() == errno.EPERM:
        raise Skip("may not take a descriptor of another process here")
    check(fd >= 0, lambda: "pidfd_getfd: " + os.strerror(ctypes.get_errno()))
    with socket.socket(fileno=fd) as channel:
        check_equal((channel.family, channel.type), (socket.AF_UNIX, socket.SOCK_SEQPACKET), "a channel")
        channel.shutdown(socket.SHUT_RDWR)
    os.close(process)


@test("a worker that the ledger has dropped ends, and its watchers hear from another what they would have missed", root=True)
def dropped_worker():
    with watched_daemon(workers=1) as daemon:
        alice, stored = SealingDevice(daemon), {}
        with following(daemon, alice, 2) as followers:
            cut_ledger_channel(daemon.roles()["worker"][0])
            upload_until_stored(alice, stored)
            check_heard(followers, stored)


@test("a stopping daemon ends streams in order")
def drained():
    with watched_daemon() as daemon:
        stream = Stream(daemon, SealingDevice(daemon))
        daemon.process.terminate()
        check_equal(stream.next(), None, "the end of the stream")
        Stream.close_all()
        check_equal(daemon.stop(), 0, "exit status")



# ------------------------------------------------------------------------------------------------ sis watch

class Watch:
    """A running `sis watch --json`: .next() gives its lines."""

    def __init__(self, client, *arguments, json_lines=True):
        self.process = client.popen(*(["--json"] if json_lines else []), "watch", *arguments, bufsize=0)
        self.json_lines = json_lines
        if json_lines:
            self.hello = self.next("hello")

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 20 * SLOW)
        check(ready, "sis watch said nothing more")
        line = self.process.stdout.readline()
        check(line, lambda: "sis watch ended: %r" % self.process.stderr.read())
        return line.decode().rstrip("\n")

    def next(self, *kinds):
        while True:
            entry = json.loads(self.line())
            if entry["event"] in kinds:
                return entry

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=30 * SLOW)
        return self.process.returncode, rest.decode(), errors.decode()


def content_file(directory, name, data):
    return write_file(os.path.join(directory, name), data)


@test("sis watch shows what arrives, fetches it under a harmless name beside what is there, and ends with 0 on ^C")
def watch_get():
    daemon = shared_daemon()
    alice, bob, directory = SealingDevice(daemon), daemon.client(), temporary("arrived")
    hostile = "../$(touch pwned)'\"\n\u202egpj.exe"
    write_file(os.path.join(directory, "note.txt"), b"mine")
    watch = Watch(bob, "--get", directory)
    peer = device_of_client(daemon, alice, bob)
    for name in ("note.txt", hostile):
        check_equal(alice.upload(alice.seal(b"from " + name.encode(), peer, name=name)).status, 201, "upload")
        entry = watch.next("item", "bad")
        check_equal((entry["event"], entry["item"], entry["name"], entry["owner"], entry["verified"]), ("item", alice.item, name, alice.user, True), "line")
        check_equal(read_file(entry["path"]), b"from " + name.encode(), "content")
        check_equal(os.path.dirname(entry["path"]), directory, "where it was put")
    check_equal(read_file(os.path.join(directory, "note.txt")), b"mine", "what was there before")
    check_equal(len(os.listdir(directory)), 3, "files %r" % os.listdir(directory))
    for name in os.listdir(directory):
        check(not re.search("[\n/\u202e]", name) and not name.startswith("."), "a harmful name: %r" % name)
    check_equal(watch.stop(), (0, "", ""), "the end")
    check(not os.path.exists("pwned"), "a file name was run")


@test("sis watch goes on where the last one ended; --since all, --since ID")
def watch_since():
    daemon = shared_daemon()
    bob, picture = daemon.client(), make_picture()
    first = Watch(bob)
    sent = [bob.upload(picture) for _ in range(3)]
    check_equal([first.next("item")["item"] for _ in sent], sent, "told")
    check_equal(first.stop()[0], 0, "exit status")
    missed = [bob.upload(picture) for _ in range(2)]
    second = Watch(bob)
    check_equal([second.next("item")["item"] for _ in missed], missed, "what came in between")
    bob.run("rm", sent[0])
    removed = second.next("removed", "item")
    check_equal((removed["event"], removed["item"], removed["what"], removed["by"]), ("removed", sent[0], "deleted", bob.user), "the removal")
    extra = bob.upload(picture)
    second.next("item")
    daemon.sisctl("rm", extra)
    removed = second.next("removed", "item")
    check_equal((removed["event"], removed["item"], removed["by"]), ("removed", extra, ""), "the removal by the administrator")
    check_equal(second.stop(signal.SIGTERM)[0], 0, "exit status")
    everything = Watch(bob, "--since", "all")
    check_equal([everything.next("item")["item"] for _ in range(4)], sent[1:] + missed, "since all")
    everything.stop()
    after = Watch(bob, "--since", sent[2])
    check_equal([after.next("item")["item"] for _ in missed], missed, "since an item")
    after.stop()
    lines = Watch(bob, "--since", sent[2], json_lines=False)
    for item in missed:
        check_in(item[:8], lines.line())
    check_equal(lines.stop()[0], 0, "exit status")


@test("sis watch ends when its output cannot be written any more, and the next one tells what was not told")
def watch_unread():
    daemon = shared_daemon()
    wanda, zeno = daemon.client(), daemon.client()
    first, second = zeno.upload(make_picture(), wanda), zeno.upload(make_picture(), wanda)
    with open("/dev/full", "wb") as full:
        watch = wanda.popen("watch", "--since", "all", "--no-notify", stdout=full)
        check_equal((watch.wait(30 * SLOW), watch.stderr.read().decode()), (74, "sis: watch: standard output cannot be written\n"), "full")
    watch = wanda.popen("--json", "watch", "--since", "all", "--no-notify")
    told = []
    while not told or told[-1].get("item") != second:
        told.append(json.loads(watch.stdout.readline()))
    check_in(first, [event.get("item") for event in told], "items")
    watch.stdout.close()
    zeno.upload(make_picture(), wanda)
    check_equal((watch.wait(30 * SLOW), watch.stderr.read()), (74, b""), "a reader that goes away")


HOSTILE_WORDS = ["$(touch pwned);`touch pwned`'\"\n\u202ex.jpg", "--help", "-rf", "$SIS_ITEM", "../../pwned", "a\tb\x1b[2J\x07\u2066c", "'; touch pwned #"]


@test("--exec runs a command with the facts in its environment alone, a few at a time, and no descriptor of ours; strangers' words are harmless there")
def watch_exec():
    daemon = shared_daemon()
    alice, bob, directory = SealingDevice(daemon), daemon.client(), temporary("exec")
    script = 'd=$(mktemp -d "$OUT/run.XXXXXX"); ls /proc/self/fd | tr "\\n" " " > "$d/fds"; cat > "$d/input"; env -0 > "$d/new"; mv "$d/new" "$d/env"'
    os.environ["OUT"], os.environ["SIS_CAPTION"] = directory, "stale"
    try:
        watch = Watch(bob, "--exec", script)
    finally:
        del os.environ["OUT"], os.environ["SIS_CAPTION"]
    peer, sent = device_of_client(daemon, alice, bob), {}
    for n, words in enumerate(HOSTILE_WORDS):
        manifest = {"caption": words} if n > 0 else None        # the first has none, and what was in our environment is not its own
        check_equal(alice.upload(alice.seal(b"x", peer, name=words, manifest=manifest)).status, 201, "upload")
        sent[alice.item] = words if n > 0 else ""
    def runs():
        return [os.path.join(directory, name) for name in os.listdir(directory) if os.path.exists(os.path.join(directory, name, "env"))]
    wait_for(lambda: len(runs()) == len(sent), "a run for each")
    seen = [dict(pair.split("=", 1) for pair in read_file(run + "/env").decode().split("\0") if pair) for run in runs()]
    check_equal(sorted(env["SIS_ITEM"] for env in seen), sorted(sent), "items")
    for env in seen:
        check_equal((env["SIS_EVENT"], env["SIS_OWNER"], env["SIS_KIND"], env["SIS_FILE"]), ("item", alice.user, "file", ""), "facts")
        check(not re.search("[\x00-\x1f\x7f/\u202e\u2066]|^[-.]", env["SIS_NAME"]), "name %r" % env["SIS_NAME"])
        check(not re.search("[\x00-\x1f\x7f\u202e\u2066]", env["SIS_CAPTION"]), "caption %r" % env["SIS_CAPTION"])
        words = sent[env["SIS_ITEM"]]
        check_equal(re.findall("[a-zA-Z$]", env["SIS_CAPTION"]), re.findall("[a-zA-Z$]", words), "the caption's letters")
    for run in runs():
        check(set(read_file(run + "/fds").split()) <= {b"0", b"1", b"2", b"3"}, "descriptors %r" % read_file(run + "/fds"))
        check_equal(read_file(run + "/input"), b"", "its input")
    check_equal(watch.stop()[0], 0, "exit status")
    check(not os.path.exists("pwned") and not os.path.exists(os.path.join(directory, "pwned")), "a stranger's words were run")
    check_equal({item["item"] for item in json.loads(read_file(os.path.join(bob.directory, "recent")))}, set(sent), "what completion offers")


@test("an item that does not hold is shown as BAD, told to the command, not fetched, and makes the exit status 1")
def watch_bad():
    daemon = shared_daemon()
    alice, bob, directory = SealingDevice(daemon), daemon.client(), temporary("bad")
    watch = Watch(bob, "--get", directory)
    peer = device_of_client(daemon, alice, bob)
    good = alice.seal(b"x" * 1000, peer)
    forged = re.sub(rb"(\nencapsulation )(.)", lambda m: m.group(1) + (b"B" if m.group(2) == b"A" else b"A"), good)
    check(forged != good, "nothing was forged")
    check_equal(alice.upload(forged).status, 201, "upload of a spoilt grant, which is its reader's to find")
    entry = watch.next("item", "bad")
    check_equal((entry["event"], entry["item"], entry["verified"]), ("bad", alice.item, False), "line")
    check_equal(os.listdir(directory), [], "files")
    check_equal(watch.stop()[0], 1, "exit status")


@test("sis watch says once that the server is away and that it is back, and goes on without loss; a revoked one ends with why")
def watch_away():
    with watched_daemon() as daemon:
        bob, picture = daemon.client("bob"), make_picture()
        errors = os.path.join(temporary("errors"), "text")
        with open(errors, "w") as file:
            process = bob.popen("watch", stderr=file)
        wait_for(lambda: os.path.exists(os.path.join(bob.directory, "watch")), "the watch to begin")
        item = bob.upload(picture)
        first = process.stdout.readline().decode()
        check_in(item[:8], first)
        daemon.stop()
        wait_for(lambda: b"is away" in read_file(errors), "the absence to be noticed")
        daemon.start()
        item = bob.upload(picture)
        check_in(item[:8], process.stdout.readline().decode())
        wait_for(lambda: b"is back" in read_file(errors), "the return to be told")
        check_equal((read_file(errors).count(b"is away"), read_file(errors).count(b"is back")), (1, 1), "how often it was said")
        daemon.sisctl("revoke", "bob")
        check_equal(process.wait(20 * SLOW), 77, "exit status")
        check_in("revoked", read_file(errors).decode())


@test("notifications: only on a terminal with a display, a stranger's words behind -- and without markup", needs=["script"])
def watch_notifies():
    daemon = shared_daemon()
    alice, bob, directory = SealingDevice(daemon), daemon.client(), temporary("notify")
    write_file(os.path.join(directory, "notify-send"), b"#!/bin/sh\nprintf '%%s\\n' \"$@\" > %s/new && mv %s/new %s/said\n" % ((directory.encode(),) * 3))
    os.chmod(os.path.join(directory, "notify-send"), 0o755)
    master, slave = pty.openpty()
    environment = program_environment(PATH=directory + ":" + os.environ["PATH"], DISPLAY=":9")
    process = subprocess.Popen(bob.command("watch"), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    peer = device_of_client(daemon, alice, bob)
    wait_for(lambda: os.path.exists(os.path.join(bob.directory, "watch")), "the watch to begin")
    check_equal(alice.upload(alice.seal(b"x", peer, name="--help<b>\x1b[2J")).status, 201, "upload")
    wait_for(lambda: os.path.exists(directory + "/said"), "a notification")
    check_equal(read_file(directory + "/said").decode().splitlines(), ["--app-name=sis", "--", "file from " + alice.user, "--help b ?[2J"], "arguments")
    process.send_signal(signal.SIGINT)
    shown = b""
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        try:
            shown += os.read(master, 4096)
        except OSError:
            break
    check_equal(process.wait(20 * SLOW), 0, "exit status")
    check_in(alice.item[:8].encode(), shown)
    check_not_in(b"\x1b[2J", shown)


run()
