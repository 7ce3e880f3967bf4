# SPDX-License-Identifier: GPL-3.0-or-later
"""People on a machine who upload, fetch and watch while something goes wrong with its server, and who know afterwards what they were told.

    with Load(alice, bob) as load:              # two Persons: alice uploads to bob, who fetches and watches
        load.wait_uploads(5)                    # it runs
        ...                                     # the fault
        load.wait_uploads(5)                    # it runs again
    load.verify()                               # nothing acknowledged is missing, nothing is repeated, and the store is whole
"""

import hashlib
import random

from sis_machine import *

# What sis may end with while its server is away, busy, full or read-only.
EXCUSES = (69, 74, 75, 76)
SIZES = (300, 20000, 20000, 70000, 300000, 3 << 20)
SAMPLE = 60
KEPT = 300                      # items: a load that goes on for long removes the oldest, or the disk would be full
PAUSE_S = 0.1                   # between tries: a server that is away is not to be all that these processors do


def told(line):
    """What one line that sis --json writes to standard error says; a line that is no such object stays as it is."""
    try:
        error = json.loads(line)
        return "%s: %s" % (error["error"], error["detail"])
    except (ValueError, KeyError):
        return line


class Load:
    count = 0

    def __init__(self, sender, reader, uploaders=2, seed=1):
        Load.count += 1
        self.machine, self.sender, self.reader, self.seed = sender.machine, sender, reader, seed
        # Two names of one directory: in the machine, and for who looks at it from outside.
        self.inside = "/srv/load-%d" % Load.count
        self.place = self.machine.root + self.inside
        os.mkdir(self.place)
        os.chmod(self.place, 0o777)
        self.acknowledged, self.refused, self.wrong = {}, {}, []        # item → (name, digest); sentence → how often; what must not be
        self.removing, self.removed = set(), set()                      # items: to be removed, whose removal was acknowledged
        self.n_tried = self.n_fetched = 0
        self.uncertain = set()                                          # files whose first try had no answer: the item may be there
        self.over, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self._guarded, args=(self._upload_on, n), daemon=True) for n in range(uploaders)]
        self.threads.append(threading.Thread(target=self._guarded, args=(self._fetch_on,), daemon=True))

    def __enter__(self):
        self.heard, self.complaints = open(self.place + "/heard", "wb+"), open(self.place + "/complaints", "wb+")
        self.watch = self.reader.popen("--json", "watch", "--no-notify", "--since", "now", stdout=self.heard, stderr=self.complaints)
        wait_for(lambda: self.events("hello"), "the watch to begin")
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, _value, _trace):
        self.over.set()
        for thread in self.threads:
            thread.join()
        if kind is None and self.watch.poll() is None:
            with contextlib.suppress(Failure):                  # verify() then names them
                wait_for(lambda: self.watch.poll() is not None or self.missed() == [], "the watch to have told everything", 60)
        if self.watch.poll() is not None:
            self.wrong.append("sis watch had ended with %d: %s" % (self.watch.returncode, read_file(self.complaints.name).decode()))
        self.machine.run("kill $(pgrep -u %s -x sis)" % self.reader.name, status=None)
        try:
            self.watch.wait(20 * SLOW)
        except subprocess.TimeoutExpired:
            self.watch.kill()
            self.wrong.append("sis watch did not end within 20 s of SIGTERM")

    # -- what goes on

    def _guarded(self, work, *arguments):
        try:
            work(*arguments)
        except Exception:               # told by verify(): a thread's own end would be told to nobody
            self.wrong.append(traceback.format_exc())

    def _run(self, person, *arguments):
        """One command: its output, or None after a refusal that said why."""
        done = person.run("--json", *arguments, status=None, limit_s=120)
        if done.returncode == 0:
            return done
        words = " / ".join(told(line) for line in done.stderr.splitlines())
        with self.lock:
            self.refused[words] = self.refused.get(words, 0) + 1
            if done.returncode not in EXCUSES or not words or " / " in words:
                self.wrong.append("%s ended with %d: %s" % (" ".join(arguments), done.returncode, done.stderr))
        return None

    def _upload_on(self, n):
        chance = random.Random("%s %d" % (self.seed, n))
        while not self.over.is_set():
            name, data = "file-%d-%d" % (n, chance.randrange(1 << 40)), chance.randbytes(chance.choice(SIZES))
            write_file(os.path.join(self.place, name), data)
            # Somebody who tries again until it works: what was begun is gone on with.
            while not self._upload(name, hashlib.sha256(data).hexdigest()):
                if self.over.wait(PAUSE_S):
                    return
            self._make_room()

    def _upload(self, name, digest):
        with self.lock:
            self.n_tried += 1
        done = self._run(self.sender, "upload", "--to", self.reader.name, "--keep-metadata", "--no-thumbnail", "--", "%s/%s" % (self.inside, name))
        if done is None:
            self.uncertain.add(name)
            return False
        with self.lock:
            self.acknowledged[find_item_id(done.stdout)] = (name, digest)
        os.unlink(os.path.join(self.place, name))
        return True

    def _make_room(self):
        with self.lock:
            kept = [item for item in self.acknowledged if item not in self.removing]
            if len(kept) <= KEPT:
                return
            self.removing.add(kept[0])
        # Once: that it was refused, or had no answer, says nothing of whether it is still there.
        if self._run(self.sender, "rm", kept[0]) is not None:
            self.removed.add(kept[0])

    def _fetch_on(self):
        chance = random.Random(self.seed)
        while not self.over.wait(PAUSE_S):
            with self.lock:
                known = list(self.acknowledged)
            if known and self._fetch(chance.choice(known[-30:])):
                self.n_fetched += 1

    def _fetch(self, item):
        name, digest = self.acknowledged[item]
        path = tempfile.mkdtemp(prefix="got-", dir=self.place)
        os.chmod(path, 0o777)
        done = self._run(self.reader, "get", item, "-o", "%s/%s" % (self.inside, os.path.basename(path)))
        if done is not None and hashlib.sha256(read_file(os.path.join(path, name))).hexdigest() != digest:
            self.wrong.append("%s came with other bytes" % item)
        elif done is None and os.listdir(path):
            self.wrong.append("a fetch that failed left %s" % os.listdir(path))
        shutil.rmtree(path)
        return done is not None

    # -- what was told

    def events(self, kind):
        """The watch's whole lines of one kind."""
        lines = read_file(self.place + "/heard").decode().split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def missed(self):
        seen = {event["item"] for event in self.events("item")}
        with self.lock:
            return [item for item in self.acknowledged if item not in seen and item not in self.removing]

    def wait_uploads(self, n=3, limit_s=60):
        """Until n more uploads are acknowledged; returns how many seconds it took until the first was."""
        began, before = time.monotonic(), len(self.acknowledged)

        def more(wanted):
            check(self.watch.poll() is None and all(thread.is_alive() for thread in self.threads), lambda: "the load has ended: %s" % self.wrong)
            return len(self.acknowledged) >= before + wanted
        # Words are made when it is over, and then say what people were told last.
        words = "uploads; people were told: "
        try:
            wait_for(lambda: more(1), words, limit_s)
            took = time.monotonic() - began
            wait_for(lambda: more(n), words, limit_s)
        except Failure as failure:
            raise Failure("%s %s" % (failure, self.refused))
        return took

    def wait_refusal(self, pattern, limit_s=30):
        """Until somebody was told this; returns the whole sentence."""
        def found():
            with self.lock:
                return next((words for words in self.refused if re.search(pattern, words)), None)
        try:
            return wait_for(found, "a refusal like %r" % pattern, limit_s)
        except Failure as failure:
            raise Failure("%s; people were told: %s" % (failure, self.refused))

    def verify(self):
        """After the end."""
        check_equal(self.wrong, [], "what went wrong")
        items = [event["item"] for event in self.events("item")]
        check_equal(sorted({item for item in items if items.count(item) > 1}), [], "items that the watch told twice")
        check_equal(self.missed(), [], "acknowledged items that the watch did not tell")
        check_equal(self.events("bad"), [], "items that did not hold")
        names = [event.get("name") for event in self.events("item")]
        check_equal(sorted({name for name in names if names.count(name) > 1} - self.uncertain), [], "files that became two items, and were tried once")
        # check --full below reads all of them; as people do, some are enough.
        there = sorted(set(self.acknowledged) - self.removing)
        for item in random.Random(self.seed).sample(there, min(SAMPLE, len(there))):
            check(self._fetch(item), lambda: "%s was acknowledged, and cannot be fetched: %s" % (item, list(self.refused)[-1:]))
        check_equal(self.wrong, [], "what went wrong while everything was fetched")
        if self.removed:
            check_equal(sorted(self.removed & set(find_item_ids(self.reader.run("--json", "list", "--all").stdout))), [], "items whose removal was acknowledged")
        done = self.machine.sisctl("--json", "check", "--full", status=None)
        check_equal((done.returncode, json.loads(done.stdout or "{}").get("problems")), (0, []), "check --full (%s)" % done.stderr)
        self.machine.sisctl("audit", "verify")
        check(self.machine.is_active("sisd.service") and self.machine.is_active("sisd.socket"), "the units are not active")
        print("# %d uploads acknowledged of %d tried, %d fetched, %d removed; people were told: %s" % (len(self.acknowledged), self.n_tried,
              self.n_fetched, len(self.removed), "; ".join("%s (%d)" % pair for pair in self.refused.items()) or "nothing else"), flush=True)


# ------------------------------------------------------------------------------------------------ the daemon on a machine

DEATH = "1df6b516cab14fc199318d7f894a6ae5"              # MESSAGE_ID of ROLE_DIED
_people = None


def people():
    """One machine for all tests of a program, and two users on it. A silent role is noticed after 2 s instead of 30."""
    global _people
    if _people is None:
        machine = shared_machine("sisd", "sis")
        machine.write("/etc/systemd/system/sisd.service.d/test.conf", "[Service]\nWatchdogSec=2\n")
        machine.systemctl("daemon-reload")
        machine.systemctl("restart", "sisd")
        _people = machine.person("alice"), machine.person("bob")
    machine = _people[0].machine
    # No test waits for what the one before has done to the count of starts.
    machine.systemctl("restart", "sisd")
    return (machine,) + _people


def roles(machine):
    """{"master": [pid], "worker": [pid, pid], …}, in the machine's counting; a role that is just being started is not there."""
    reply, found = json.loads(machine.sisctl("--json", "status").stdout), {}
    for role in reply.get("status", reply)["roles"]:
        # 0 is nobody yet; and to kill(1) it is whoever asks.
        if role["pid"] > 0:
            found.setdefault(role["role"].split()[0], []).append(role["pid"])
    return found


def is_gone(machine, pid):
    return machine.run(["test", "-d", "/proc/%d" % pid], status=None).returncode != 0
