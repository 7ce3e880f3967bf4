#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail is a chain: a second implementation agrees, and whatever is done to its lines is found and named."""

import hashlib
import os
import sqlite3
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

COLUMNS = "sequence, time, event, role, user, device, item, peer, text, hash"


def chain(rows, anchor=bytes(32)):
    """The hashes that the lines should have, from ARCHITECTURE.md alone."""
    for number, time, *texts in rows:
        line = b"sis/1 audit line\0" + struct.pack(">Qq", number, time)
        for text in texts[:7]:
            line += b"\0" if text is None else b"\1" + struct.pack(">I", len(text.encode())) + text.encode()
        anchor = hashlib.sha256(anchor + line).digest()
        yield number, anchor


class Trail:
    """The daemon's database, to be read, and altered under the daemon's hands."""

    def __init__(self, daemon):
        self.database = sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"), isolation_level=None, timeout=10)

    def rows(self):
        return self.database.execute("SELECT %s FROM audit ORDER BY sequence" % COLUMNS).fetchall()

    def meta(self, name):
        row = self.database.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        number, hash_ = row[0].split(":") if row else ("0", "00" * 32)
        return int(number), bytes.fromhex(hash_)

    def run(self, *statements):
        self.database.execute("BEGIN IMMEDIATE")
        for statement in statements:
            self.database.execute(statement)
        self.database.execute("COMMIT")

    def put_back(self, rows, head):
        self.database.execute("BEGIN IMMEDIATE")
        self.database.execute("DELETE FROM audit")
        self.database.executemany("INSERT INTO audit(%s) VALUES(?,?,?,?,?,?,?,?,?,?)" % COLUMNS, rows)
        self.database.execute("UPDATE meta SET value=? WHERE name='audit_head'", ("%d:%s" % (head[0], head[1].hex()),))
        self.database.execute("COMMIT")


def verify(daemon, *arguments, status=0):
    return json.loads(daemon.sisctl("--json", "audit", "verify", *arguments, status=status).stdout)


@test("the chain is what a second implementation reckons; edited, missing, inserted and moved lines are named; a cut end and a new chain by a noted head")
def chained():
    with Daemon(workers=1) as daemon:
        for i in range(8):
            daemon.sisctl("add", "user%d" % i)
        daemon.sisctl("revoke", "user1", "--reason", "says “später”")
        wait_for(lambda: "REVOKED" in daemon.sisctl("--json", "logs").stdout, "the revocation")
        trail = Trail(daemon)
        rows, head = trail.rows(), trail.meta("audit_head")
        check(len(rows) > 16, "lines: %d" % len(rows))
        check_equal([(row[0], row[9]) for row in rows], list(chain(rows)), "chain")
        check_equal(head, (rows[-1][0], rows[-1][9]), "head")
        text = "%d:%s" % (head[0], head[1].hex())
        done = verify(daemon, "--head", text)
        check_equal((done["problems"], done["lines"], done["head"]), ([], len(rows), text), "verdict")
        check_in("0 problems", daemon.sisctl("audit", "verify").stdout)
        daemon.sisctl("audit", "verify", "--head", "7", status=64)
        daemon.sisctl("audit", "burn", status=64)
        last = head[0]
        for what, statements, wanted in (
                ("edited", ["UPDATE audit SET text='nothing' WHERE sequence=5"], ["line 5 was edited"]),
                ("a field removed", ["UPDATE audit SET user=NULL WHERE user='user3'"], [" was edited", " edited"]),
                ("missing", ["DELETE FROM audit WHERE sequence IN (4, 9, 10)"], ["line 4 is missing", "lines 9 to 10 are missing"]),
                ("missing at the beginning", ["DELETE FROM audit WHERE sequence=1"], ["line 1 is missing"]),
                ("missing at the end", ["DELETE FROM audit WHERE sequence=%d" % last], ["line %d is missing, at the end" % last]),
                ("added", ["INSERT INTO audit(sequence, time, event, text) VALUES(%d, 1, 'X', 'x')" % (last + 1)],
                 ["line %d was edited or inserted" % (last + 1), "line %d was added" % (last + 1)]),
                ("moved", ["UPDATE audit SET sequence=1000 WHERE sequence=6", "UPDATE audit SET sequence=6 WHERE sequence=7",
                           "UPDATE audit SET sequence=7 WHERE sequence=1000"], ["lines 6 to 8 were edited, inserted or moved"]),
                ("removed, and the rest renumbered", ["DELETE FROM audit WHERE sequence=6"] +
                 ["UPDATE audit SET sequence=%d WHERE sequence=%d" % (i - 1, i) for i in range(7, last + 1)],
                 ["lines 6 to %d were edited" % (last - 1), "line %d is missing, at the end" % last]),
                ("without its hash", ["UPDATE audit SET hash=NULL WHERE sequence=3"], ["lines 3 to 4 were edited"])):
            trail.run(*statements)
            problems = verify(daemon, status=65)["problems"]
            check(len(problems) <= len(wanted), "%s: problems %r" % (what, problems))
            check(all(any(w in p for w in wanted) for p in problems), "%s: problems %r" % (what, problems))
            trail.put_back(rows, head)
        # Whoever can write can write the whole chain anew; what was noted elsewhere is not in it.
        trail.put_back(rows[:-1], rows[-2][0:1] + rows[-2][9:10])
        check_equal(verify(daemon)["problems"], [], "a cut end that is told nowhere")
        check_in("its end was cut off", verify(daemon, "--head", text, status=65)["problems"][0])
        forged = [row[:8] + ("forged",) + row[9:] if row[0] == 3 else row for row in rows]
        forged = [row[:9] + (h,) for row, (_, h) in zip(forged, chain(forged))]
        trail.put_back(forged, (last, forged[-1][9]))
        check_equal(verify(daemon)["problems"], [], "a chain written anew")
        check_in("another hash than was noted", verify(daemon, "--head", text, status=65)["problems"][0])
        trail.put_back(rows, head)
        check_equal(verify(daemon)["problems"], [], "put back")


@test("the head is in the log at start and stop; audit_lifetime removes the beginning, and the rest is verified from the anchor")
def heads():
    with Daemon(workers=1) as daemon:
        daemon.sisctl("add", "early")
        first = daemon.wait_log(r"AUDIT_HEAD the audit trail has \d+ lines up to now, head \d+:[0-9a-f]{64}")
        check_equal(daemon.stop(), 0, "exit status")
        noted = re.findall(r"AUDIT_HEAD .*? head (\d+:[0-9a-f]{64})", daemon.log_text())
        check(len(noted) == 2 and noted[0] in first, "heads in the log: %r" % noted)
        check_equal(noted[1], "%d:%s" % ((lambda h: (h[0], h[1].hex()))(Trail(daemon).meta("audit_head"))), "the head at the end")
        daemon.write_config(audit_lifetime="1s")
        daemon.start()
        trail = Trail(daemon)
        wait_for(lambda: trail.meta("audit_anchor")[0] >= int(noted[1].split(":")[0]), "the old lines' end")
        daemon.sisctl("add", "late")
        rows, anchor = trail.rows(), trail.meta("audit_anchor")
        check(rows[0][0] == anchor[0] + 1, "begins at %d" % rows[0][0])
        check_equal([(row[0], row[9]) for row in rows], list(chain(rows, anchor[1])), "chain from the anchor")
        check_equal(verify(daemon)["problems"], [], "verified")
        check_in("no longer kept", verify(daemon, "--head", noted[0], status=65)["problems"][0])
        check_in("older lines were removed", daemon.sisctl("audit", "verify").stdout)


@test("what is logged in measure is counted, and the sum is written though nothing further happens, to the log and to the trail")
def summed():
    with Daemon(workers=1) as daemon:
        connection, data = daemon.tls(), b""
        for n in (100, 200, 300):       # more in one go would wait for their answers to be read
            connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
            while data.count(b"HTTP/1.1 404") < n:
                data += connection.recv(65536)
        def all_of_them(text, each):
            sums = re.findall(r"refused requests are logged in measure; (\d+) more", text)
            return bool(sums) and each + sum(map(int, sums)) == 300
        wait_for(lambda: all_of_them(daemon.log_text(), len(re.findall("REQUEST_REFUSED", daemon.log_text()))), "300 that are logged or counted")
        each = len(re.findall("REQUEST_REFUSED", daemon.log_text()))
        wait_for(lambda: all_of_them(daemon.sisctl("logs").stdout, each), "the same sums in the trail")


@test("a flood of refused logins is logged in measure, and none is lost: lines and sums are all of them, in the log, the audit trail and the figures, also "
      "of a worker that stops")
def flood():
    with Daemon(workers=2) as daemon:
        stolen = daemon.client("stolen")
        daemon.sisctl("revoke", "stolen")

        def flood_it(n):
            """Over one connection, in one piece: faster than any measure, however busy this machine is."""
            with daemon.tls(stolen) as connection:
                connection.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n" * n)
                data = b""
                while data.count(b"HTTP/1.1 403 ") < n:
                    part = connection.recv(1 << 16)
                    check(part, "%d answers of %d" % (data.count(b"HTTP/1.1 403 "), n))
                    data += part
        flood_it(700)

        def refused(entries):
            """Single lines, and what LIMIT_HIT summed."""
            sums = [re.search(r"refused logins are logged in measure.*; ([0-9]+) more", e["text"]) for e in entries if e["event"] == "LIMIT_HIT"]
            return len([1 for e in entries if e["event"] == "LOGIN_REFUSED"]), sum(int(m[1]) for m in sums if m)

        def audited():
            return refused([json.loads(line) for line in daemon.sisctl("--json", "logs").stdout.splitlines()])
        wait_for(lambda: sum(audited()) == 700, lambda: "700 refused logins in the audit trail: %r" % (audited(),), 30)
        check(audited()[1] > 0, "nothing was left out: the test floods too little")
        logged = refused([{"event": line.split(" ")[2], "text": line} for line in daemon.log_text().splitlines() if line.count(" ") > 2])
        check_equal(sum(logged), 700, "refused logins in the log")
        status = daemon.status()
        check_equal(status["events"]["LOGIN_REFUSED"], audited()[0], "lines that the figures count")
        check(status["events_left_out"] >= audited()[1], "lines that the figures count as left out")
        flood_it(300)
        daemon.stop()
        logged = refused([{"event": line.split(" ")[2], "text": line} for line in daemon.log_text().splitlines() if line.count(" ") > 2])
        check_equal(sum(logged), 1000, "refused logins in the log of a daemon that was stopped at once")


run()
