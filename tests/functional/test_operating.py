#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does every day: quotas, items, open invites, disabling, disconnecting; status, figures, the live view."""

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_prometheus import *
from sis_sealing import *
from sis_testlib import *


def ctl(daemon, *arguments, **options):
    return json.loads(daemon.sisctl("--json", *arguments, **options).stdout)


def create_upload(daemon, who, length):
    return daemon.request("POST", "/v1/items", who, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(length)})


@test("quota: announced lengths count together from their beginning; setting it is at once in force; deleting is always possible")
def quota():
    with Daemon(workers=2, quota_bytes="3M") as daemon:
        device = SealingDevice(daemon, "quinn")
        uploads = [create_upload(daemon, device, 1 << 20) for _ in range(2)]
        check_equal([u.status for u in uploads], [201, 201], "uploads within the quota")
        create_upload(daemon, device, (1 << 20) + 1).check_problem(507, "quota")
        shown = ctl(daemon, "quota", "quinn")
        check_equal(shown, {"default": 3 << 20, "quotas": [{"user": "quinn", "used": 0, "reserved": 2 << 20, "quota": 3 << 20, "own": False}]}, "quota")
        check_equal(daemon.request("DELETE", uploads[0].headers["Location"], device, headers={"Tus-Resumable": "1.0.0"}).status, 204, "cancelled")
        check_equal(create_upload(daemon, device, (1 << 20) + 1).status, 201, "upload after one was cancelled")

        daemon.sisctl("quota", "quinn", "8M")
        item = device.upload(device.seal(make_bytes(600000)))
        check_equal(item.status, 201, "upload within the new quota")
        row = ctl(daemon, "quota", "quinn", "1K")["quotas"][0]
        check(row["used"] > row["quota"] == 1024 and row["own"], "smaller than what is used: %r" % row)
        create_upload(daemon, device, 1).check_problem(507, "quota")
        check_equal(daemon.request("DELETE", "/v1/items/" + item.json()["item"], device).status, 204, "deleted beyond the quota")
        check_equal(ctl(daemon, "quota", "quinn", "none")["quotas"][0]["quota"], 0, "no limit")
        check_equal(create_upload(daemon, device, 8 << 20).status, 201, "upload without a limit")
        check_equal(ctl(daemon, "quota", "quinn", "default")["quotas"][0], {"user": "quinn", "used": 0, "reserved": (1 << 20) + (1 << 20) + 1 + (8 << 20),
                                                                           "quota": 3 << 20, "own": False}, "default again")
        check_equal([line.split()[0] for line in daemon.sisctl("quota").stdout.splitlines()], ["default:", "USER", "quinn"], "the table")
        check_in("3.0 MiB (default)", daemon.sisctl("quota").stdout)
        for wrong in ("0", "lots", "-1", ""):
            daemon.sisctl("quota", "--", "quinn", wrong, status=64)
        daemon.sisctl("quota", "nobody", "1M", status=67)
        daemon.sisctl("quota", "nobody", status=67)
        check_in("the quota of quinn was set by", daemon.sisctl("logs", "--user", "quinn").stdout)


@test("items lists what lies here, without names; rm takes it away and tells all who have it")
def items():
    daemon = shared_daemon()
    olga, pete = SealingDevice(daemon, "olga"), SealingDevice(daemon, "pete")
    first = olga.upload(olga.seal(make_bytes(1000), pete, name="secret-name.bin")).json()["item"]
    second = pete.upload(pete.seal(make_bytes(10))).json()["item"]
    rows = ctl(daemon, "items")["items"]
    check_equal([r["item"] for r in rows[:2]], [second, first], "newest first")
    check_equal((rows[1]["user"], rows[1]["readers"], rows[1]["expires"], rows[0]["readers"]), ("olga", 1, None, 0), "facts")
    check(rows[1]["bytes"] > 1000 and rows[1]["kind"] in ("image", "file") and rows[1]["received"].endswith("Z"), "facts %r" % rows[1])
    check_equal([r["item"] for r in ctl(daemon, "items", "--user", "olga")["items"]], [first], "of olga")
    check_equal(len(ctl(daemon, "items", "--limit", "1")["items"]), 1, "limit")
    text = daemon.sisctl("items").stdout
    check_in(first, text)
    check_not_in("secret-name", text)
    daemon.sisctl("items", "--user", "nobody", status=67)
    for wrong in ("0", "10001", "x", ""):
        daemon.sisctl("items", "--limit", wrong, status=64)

    before = ctl(daemon, "quota", "olga")["quotas"][0]["used"]
    done = daemon.sisctl("rm", "aaaaaaaaaaaaaaaaaaaaaaaaaa", first, "nonsense", status=66)
    check_in("%s of olga is removed." % first, done.stdout)
    check_equal(done.stderr, "sisctl: there is no item aaaaaaaaaaaaaaaaaaaaaaaaaa; `sisctl items` shows what lies here\n"
                             "sisctl: \"nonsense\" is no item's id: 26 characters, as `sisctl items` shows them\n", "sentences")
    check_equal(daemon.request("GET", "/v1/items/" + first, pete).status, 404, "removed for the reader")
    check(ctl(daemon, "quota", "olga")["quotas"][0]["used"] < before, "quota was not given back")
    wait_for(lambda: not os.path.exists(os.path.join(daemon.state_dir, "objects", first[:2], first)), "the object's file is gone")
    check_in("%s of olga removed by the administrator" % first, daemon.sisctl("logs", "--user", "olga").stdout)
    with daemon.tls(pete) as stream:
        stream.sendall(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while b'"what"' not in data:
            data += stream.recv(65536)
        check_in(b'"by":""', data)
    check_equal(ctl(daemon, "rm", second), {"user": "pete", "item": second}, "JSON of rm")


@test("invites lists those that are open, without codes, and takes them back")
def invites():
    daemon = shared_daemon()
    lines = [daemon.invite("ivan", "one"), daemon.invite("ivan", "two"), daemon.invite("judy", "three")]
    rows = {r["device"]: r for r in ctl(daemon, "invites")["invites"]}
    check_equal((rows["one"]["user"], rows["three"]["user"]), ("ivan", "judy"), "users")
    check(rows["one"]["created"] < rows["one"]["expires"], "times")
    text = daemon.sisctl("invites").stdout
    for line in lines:
        check_not_in(Invite(line).code, text + json.dumps(rows))
    check_equal(ctl(daemon, "invites", "--revoke", str(rows["two"]["id"])), {"user": "ivan", "invites": 1}, "one by its number")
    daemon.sisctl("invites", "--revoke", str(rows["two"]["id"]), status=66)
    daemon.sisctl("invites", "--revoke", "0", status=64)
    daemon.sisctl("invites", "--revoke", "nobody", status=67)
    Client(daemon, "ivan").run("enroll", lines[1], status=77)
    Client(daemon, "judy").run("enroll", lines[2])
    check_in("ivan: 1 invite taken back.", daemon.sisctl("invites", "--revoke", "ivan").stdout)
    check_equal([r for r in ctl(daemon, "invites")["invites"] if r["user"] in ("ivan", "judy")], [], "open invites")
    check_in("invites of ivan taken back by", daemon.sisctl("logs", "--user", "ivan").stdout)


@test("disabled: connections close, nothing is done by, granted to or enrolled for the user, also after a restart; enabled: all is as before")
def disable():
    with Daemon(workers=2) as daemon:
        kim, lee = daemon.client("kim"), daemon.client("lee")
        mine, theirs = kim.upload(make_picture(), lee), lee.upload(make_picture(seed=2), kim)
        invite = daemon.invite("kim", "tablet")
        upload = create_upload(daemon, kim, 5000)
        connection = live_connection(daemon, kim)
        check(ctl(daemon, "user", "disable", "kim")["connections"] >= 1, "no connection was closed")
        check(is_closed(connection), "the connection lives")
        check_equal(daemon.sisctl("user", "disable", "kim", status=None).returncode != 0, True, "disabled twice")

        for _ in range(2):
            daemon.request("GET", "/v1/whoami", kim).check_problem(403, "disabled")
            create_upload(daemon, kim, 10).check_problem(403, "disabled")
            check_in("disabled", kim.run("list", status=77).stderr)
            check_equal(daemon.request("GET", "/v1/users/kim", lee).status, 404, "kim as seen by lee")
            lee.run("upload", "--to", "kim", make_picture(seed=3), status=67)
            lee.run("share", theirs, "kim", status=67)
            Client(daemon, "kim").run("enroll", invite, status=77)
            check_in("is disabled", daemon.sisctl("invite", "kim", status=77).stderr)
            daemon.sisctl("add", "kim", status=73)
            daemon.restart()
        lee.get(mine)
        check_equal(next(u["state"] for u in ctl(daemon, "list")["users"] if u["user"] == "kim"), "disabled", "state")
        check_equal({c["state"] for c in ctl(daemon, "certs", "kim")["certificates"]}, {"disabled"}, "certificates")

        daemon.sisctl("user", "enable", "kim")
        check_in("not disabled", daemon.sisctl("user", "enable", "kim", status=None).stderr)
        check_equal(sorted(kim.items()), sorted([mine, theirs]), "items after it")
        check_equal(daemon.request("HEAD", upload.headers["Location"], kim, headers={"Tus-Resumable": "1.0.0"}).status, 200, "unfinished upload")
        Client(daemon, "kim").run("enroll", invite)
        lee.upload(make_picture(seed=4), kim)
        log = daemon.sisctl("logs", "--user", "kim").stdout
        check(re.search("kim disabled by .*kim enabled again by", log, re.DOTALL), "log %r" % log)

        daemon.sisctl("user", "disable", "kim")
        daemon.sisctl("revoke", "--device", "tablet", "kim")
        daemon.request("GET", "/v1/whoami", kim).check_problem(403, "disabled")
        daemon.sisctl("revoke", "kim")
        daemon.request("GET", "/v1/whoami", kim).check_problem(403, "revoked")
        check_in("for good", daemon.sisctl("user", "enable", "kim", status=77).stderr)
        for arguments, status in ((("disable", "nobody"), 67), (("enable", "nobody"), 67), (("halt", "lee"), 64)):
            daemon.sisctl("user", *arguments, status=status)


@test("disconnect closes the connections of a user or one device, and takes nothing else from them")
def disconnect():
    daemon = shared_daemon()
    mia, nia = daemon.client("mia"), daemon.client("nia")
    connections = [live_connection(daemon, mia), live_connection(daemon, nia)]
    daemon.sisctl("disconnect", "--device", "other", "mia", status=67)
    check_equal(ctl(daemon, "disconnect", "mia"), {"connections": 1}, "connections")
    check(is_closed(connections[0]), "the connection lives")
    live_connection(daemon, mia).close()
    connections[1].sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
    check(connections[1].recv(65536).startswith(b"HTTP/1.1 200"), "somebody else's connection")
    device = ctl(daemon, "certs", "mia")["certificates"][0]["device"]
    check_in("mia/%s is disconnected: 0 live connections closed." % device, daemon.sisctl("disconnect", "--device", device, "mia").stdout)
    daemon.sisctl("disconnect", "nobody", status=67)
    check_in("mia/* disconnected by", daemon.sisctl("logs", "--user", "mia").stdout)


@test("status and metrics: certificates and their ends, connections, event streams, refusals by reason, histograms, each user's figures")
def figures():
    with Daemon(workers=2, quota_bytes="1M") as daemon:
        device = SealingDevice(daemon, "vera")
        check_equal(device.upload(device.seal(make_bytes(1000))).status, 201, "upload")
        for _ in range(3):
            create_upload(daemon, device, 2 << 20).check_problem(507, "quota")
        gone = daemon.client("walt")
        stream = daemon.tls(device)
        stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stream.recv(4096)
        daemon.sisctl("revoke", "walt")
        daemon.request("GET", "/v1/whoami", gone).check_problem(403, "revoked")
        wait_for(lambda: daemon.status()["watchers"] == 1 and daemon.status()["refusals"].get("QUOTA") == 3 and "REVOKED" in daemon.status()["refusals"],
                 "figures of the workers")
        status = daemon.status()
        check_equal(status["refusals"], {"QUOTA": 3, "REVOKED": 1}, "refusals")
        check(status["connections"] >= 1 and status["started"] < status["server_certificate_ends"] < status["ca_ends"], "status %r" % status)
        check_equal((sum(status["commit_seconds"]["counts"]), sum(status["revocation_seconds"]["counts"])), (1, 1), "what histograms have seen")
        text = daemon.sisctl("status").stdout
        check(re.search("^refusals: (QUOTA 3, REVOKED 1|REVOKED 1, QUOTA 3)$", text, re.MULTILINE) and "ca_ends: 20" in text, "status %r" % text)

        _, samples = read_metrics(daemon.sisctl("metrics").stdout)
        metrics = {name + ("{%s}" % ",".join('%s="%s"' % label for label in labels) if labels else ""): value for (name, labels), value in samples.items()}
        wanted = {'sis_user_items{user="vera"}': 1, 'sis_refusals_total{reason="QUOTA"}': 3, "sis_watchers": 1, "sis_items": 1,
                  "sis_commit_seconds_count": 1, 'sis_commit_seconds_bucket{le="+Inf"}': 1, "sis_revocation_seconds_count": 1,
                  'sis_events_total{event="REVOKED"}': 1, 'sis_limit{limit="max_connections_per_source"}': 4096, 'sis_limit_hits_total{limit="max_connections"}': 0,
                  'sis_user_bytes{user="vera"}': metrics["sis_store_bytes"]}
        check_equal({name: metrics.get(name) for name in wanted}, wanted, "metrics")
        check(abs(metrics['sis_user_last_upload_timestamp_seconds{user="vera"}'] - time.time()) < 600, "last upload")
        check_not_in('sis_user_items{user="walt"}', metrics)
        check(metrics["sis_ca_end_timestamp_seconds"] > metrics["sis_server_certificate_end_timestamp_seconds"] > time.time(), "ends")
        stream.close()
        check_in("users", json.loads(daemon.sisctl("--json", "metrics").stdout))


@test("status tells each process's sandbox as the kernel has it, not as the process said", root=True)
def measured():
    daemon = shared_daemon()
    roles = daemon.status()["roles"]
    for role in roles:
        told = dict(line.split(":", 1) for line in read_file("/proc/%d/status" % role["pid"]).decode().splitlines())
        measured = role["measured"]
        check_equal((measured["uid"], measured["gid"]), (int(told["Uid"].split()[1 if role["role"] == "master" else 0]), int(told["Gid"].split()[0])), "ids")
        check_equal((measured["capabilities"], measured["threads"]), (told["CapEff"].strip(), int(told["Threads"])), "capabilities, threads")
        check_equal((role["confined"], measured["seccomp"], measured["no_new_privileges"]), (True, "filter", True), role["role"])
        check_equal((told["Seccomp"].strip(), told["NoNewPrivs"].strip()), ("2", "1"), "what the kernel says")
        check(role["memory_bytes"] > 1 << 20 and (role["role"] == "master" or "landlock abi" in role["sandbox"]), "role %r" % role)
    check_equal(len({r["measured"]["uid"] for r in roles}), 4, "different ids")
    text = daemon.sisctl("status").stdout
    check(SANITIZED or max(len(line) for line in text.splitlines() if line.startswith(("ROLE", "master", "signer", "ledger", "worker"))) <= 80, "wider than 80 columns: %s" % text)
    check_equal(len(re.findall("^worker +yes ", text, re.MULTILINE)), 1, "workers that are confined alike")


class Top:
    """sisctl top on a terminal of its own, of this size."""

    def __init__(self, daemon, columns=80, rows=24):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.resize(columns, rows)
        self.process = subprocess.Popen([SISCTL, "-s", daemon.control, "top"], stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=self.take_terminal)
        self.data = b""
        self.read_until(b"sisd, live")

    def take_terminal(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, wanted):
        """Up to it; what came behind it is kept."""
        while wanted not in self.data:
            self.data += os.read(self.master, 65536)
        seen, self.data = self.data.split(wanted, 1)
        return seen

    def next_screen(self):
        """The lines of a whole one, without escapes."""
        self.read_until(b"\x1b[H")
        text = self.read_until(b"\x1b[J").decode()
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text).split("\r\n")

    def end(self, status):
        self.read_until(b"\x1b[?1049l")
        check_equal(self.process.wait(20 * SLOW), status, "exit status")
        check_equal(termios.tcgetattr(self.slave), self.before, "terminal")
        while select.select([self.master], [], [], 0)[0]:
            self.data += os.read(self.master, 65536)
        os.close(self.master)
        os.close(self.slave)
        return self.data.decode()


@test("top shows figures until q or ^C and leaves the terminal as it was; without a terminal it says so")
def top():
    daemon = shared_daemon()
    check_in("terminal", daemon.sisctl("top", status=64).stderr)
    for key in (b"q", b"\x03"):
        view = Top(daemon)
        screen = view.next_screen()
        check(any(line.startswith("connections ") for line in screen) and sum("worker " in line for line in screen) >= 1, "screen %r" % screen)
        check(termios.tcgetattr(view.slave)[3] & termios.ECHO == 0, "keys are echoed")
        os.write(view.master, key)
        check_equal(view.end(0), "", "left behind")


@test("top fits the window that there is, also when that changes; a daemon that stops ends it with a sentence on the screen from before")
def top_sizes():
    with Daemon(workers=8) as daemon:
        view = Top(daemon, 40, 12)
        for columns, rows in ((40, 12), (100, 40), (20, 5), (80, 24)):
            view.resize(columns, rows)
            screen = wait_for(lambda: (lambda s: s if len(s) == min(rows - 1, 24) or len(s) <= rows else None)(view.next_screen()), "a screen of that size")
            check(max(map(len, screen)) <= columns and len(screen) <= rows, "at %dx%d: %r" % (columns, rows, screen))
        check(sum(line.startswith("worker ") for line in wait_for(lambda: (lambda s: s if len(s) > 20 else None)(view.next_screen()), "24 rows")) >= 7, "workers")
        daemon.stop()
        check_in("sisd does not answer any more", view.end(69))


@test("the shells are offered what the new commands take")
def completion():
    daemon = shared_daemon()
    daemon.sisctl("add", "olivia")

    def offered(*words):
        return [line.split("\t")[0] for line in daemon.sisctl("help", "--complete-line", *words).stdout.splitlines()]
    check_equal(offered("user", ""), ["disable", "enable"], "user")
    check_in("olivia", offered("user", "disable", "oli"))
    check_in("olivia", offered("quota", ""))
    check_equal(offered("quota", "olivia", ""), ["default", "none"], "quota olivia")
    check_equal(offered("audit", ""), ["verify"], "audit")
    check_equal(offered("logs", "--output", ""), ["short", "json"], "logs --output")
    check_equal(offered("backup", ""), [":files"], "backup")
    check_in("olivia", offered("invites", "--revoke", "o"))
    device = SealingDevice(daemon, "rita")
    check_equal(device.upload(device.seal(b"x")).status, 201, "upload")
    item = ctl(daemon, "items", "--user", "rita")["items"][0]["item"]
    check_equal(offered("rm", item[:8]), [item], "rm")


run()
