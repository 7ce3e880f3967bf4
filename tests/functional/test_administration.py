#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator: users, certificates, logs, status, revocation, reload, stop."""

import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_testlib import *

@test("add prints exactly the invite line; names that are taken or invalid are refused")
def add():
    daemon = shared_daemon()
    done = daemon.sisctl("add", "alice")
    Invite(done.stdout)
    check_equal((done.stdout.count("\n"), done.stderr), (1, ""), "lines")
    check_equal(Invite(done.stdout).port, daemon.port, "port in the invite")
    daemon.sisctl("add", "alice", status=73)
    for name in ("", "Alice", "a b", "../x", "a" * 33, "-x", ".x", "a..b", "ä", "a\nb"):
        daemon.sisctl("add", "--", name, status=65)
    daemon.sisctl("invite", "nobody", status=67)


@test("list shows users, devices and what they keep")
def list_users():
    daemon = shared_daemon()
    lister = daemon.client("lister")
    lister.upload(make_picture())
    user = next(u for u in json.loads(daemon.sisctl("--json", "list").stdout)["users"] if u["user"] == "lister")
    check_equal((user["state"], user["devices"], user["items"]), ("live", 1, 1), "user")
    check(user["bytes"] > 0, "no bytes")
    check_in("lister", daemon.sisctl("list").stdout)


@test("certs shows live and revoked certificates")
def certs():
    daemon = shared_daemon()
    device = enroll_device(daemon, "certified", "laptop")
    def mine():
        return json.loads(daemon.sisctl("--json", "certs", "certified").stdout)["certificates"]
    check_equal([(c["user"], c["device"], c["state"]) for c in mine()], [("certified", "laptop", "live")], "certificates")
    from cryptography.hazmat.primitives import hashes
    check_equal(mine()[0]["fingerprint"], device.certificate.fingerprint(hashes.SHA256()).hex(), "fingerprint")
    daemon.sisctl("revoke", "certified", "--device", "laptop")
    check_equal(mine()[0]["state"], "revoked", "state")
    daemon.sisctl("certs", "nobody", status=67)


@test("logs tell what happened, filtered by user and time, and -f follows")
def logs():
    daemon = shared_daemon()
    client = daemon.client("logged")
    item = client.upload(make_picture())
    client.get(item)
    def entries(*arguments):
        return [json.loads(line) for line in daemon.sisctl("--json", "logs", *arguments).stdout.splitlines()]
    wait_for(lambda: {"ENROLLED", "UPLOADED", "FETCHED"} <= {e["event"] for e in entries("--user", "logged")}, "enrolled, uploaded, fetched in the log")
    check(all(e["user"] == "logged" for e in entries("--user", "logged")), "others' entries")
    check_equal([e["sequence"] for e in entries()], sorted(e["sequence"] for e in entries()), "order")
    for back in ("1 hour ago", "60 minutes ago", "90 min ago", "1 day ago", "2 weeks ago", "yesterday", "2026-01-01", "2026-01-01 11:30", "2026-01-01 11:30:15",
                 "2026-01-01T11:30:15Z"):
        check_equal(len(entries("--since", back)), len(entries()), "--since " + back)
        check_equal(entries("--until", back), [], "--until " + back)
    # Times are whole seconds: in the one of its start it is not yet before now.
    wait_for(lambda: entries("--since", "now", "--event", "STARTED") == [], "--since now to leave out what was")
    for wrong in ("1 hour", "hour ago", "ago", "-1 hour ago", "1 hours ago ago", "1 fortnight ago", "1 sago", "1 ss ago", "2026-13-01", "2026-01-01 25:00", "2026-01-01 11", "2026-01-01T",
                  "tomorrow", "99999999999999999999 days ago", ""):
        check_in("is no time", daemon.sisctl("logs", "--since", wrong, status=64).stderr, wrong)
    for wrong in (("--since", "1h", "--until", "2h"), ("-f", "--until", "1h"), ("--unit", "sisd.service", "--audit")):
        check(daemon.sisctl("logs", *wrong, status=64).stderr.count("\n") == 1, "said of %r" % (wrong,))
    check_equal(entries("--since", "2099-01-01"), [], "future entries")
    check(len(entries("--since", "1h")) == len(entries()), "since an hour")
    follower = subprocess.Popen([SISCTL, "-s", daemon.control, "--json", "logs", "-f", "--user", "followed"], stdout=subprocess.PIPE, text=True,
                                env=program_environment())
    try:
        daemon.sisctl("add", "followed")
        check_equal(json.loads(follower.stdout.readline())["user"], "followed", "followed entry")
        check(follower.poll() is None, "follow ended")
    finally:
        follower.kill()
        follower.wait()


@test("logs are filtered by device, item, event and time alike in the audit trail and in the journal; journalctl gets each word as one argument")
def logs_filtered():
    daemon = shared_daemon()
    client = daemon.client("filtered", device="laptop")
    item = client.upload(make_picture())
    def entries(*arguments):
        return [json.loads(line) for line in daemon.sisctl("logs", "-o", "json", *arguments).stdout.splitlines()]
    wait_for(lambda: entries("--item", item), "the upload")
    check_equal({e["item"] for e in entries("-i", item)}, {item}, "items")
    check_equal([(e["event"], e["user"]) for e in entries("-d", "laptop", "-u", "filtered", "-e", "enrolled")], [("ENROLLED", "filtered")], "enrolled")
    check_equal(entries("-e", "UPLOADED", "-u", "filtered", "--until", "1h"), [], "before an hour")
    check_equal(len(entries("-e", "UPLOADED", "-u", "filtered", "--until", "2099-01-01")), 1, "before 2099")
    daemon.sisctl("logs", "--event", "NONSENSE", status=64)
    daemon.sisctl("logs", "-o", "xml", status=64)
    tools = temporary("tools")
    lines = [dict(__REALTIME_TIMESTAMP="1700000000123456", SIS_EVENT="UPLOADED", SIS_SENDER="ledger", SIS_USER="alice", MESSAGE="alice did\x1b[31m it", PRIORITY="6"),
             dict(__REALTIME_TIMESTAMP="1700000001000000", MESSAGE="Started sisd")]
    write_file(tools + "/lines", "".join(json.dumps(line) + "\n" for line in lines).encode())
    write_file(tools + "/journalctl", b'#!/bin/sh\nprintf "%s\\n" "$@" >"${0%/*}/arguments"\ncat "${0%/*}/lines"\n')
    os.chmod(tools + "/journalctl", 0o755)
    def journal(*arguments, **options):
        return run_program([SISCTL, "-s", "/nowhere", "logs", "--unit", "sisd@two.service", *arguments], env=program_environment(PATH=tools + ":" + os.environ["PATH"]),
                           **options)
    check_equal(json.loads(journal("-o", "json", "-u", "a; id", "-d", "--d", "-i", item, "-e", "uploaded", "-S", "2026-11-21", "-U", "2026-11-22").stdout),
                dict(time="2023-11-14T22:13:20Z", event="UPLOADED", role="ledger", user="alice", device="", item="", peer="", text="alice did\x1b[31m it"), "entry")
    check_equal(read_file(tools + "/arguments").decode().splitlines(),
                ["--output=json", "--all", "--quiet", "--no-pager", "--since=@1795219200", "--until=@1795305599.999999",
                 "_SYSTEMD_UNIT=sisd@two.service", "SIS_USER=a; id", "SIS_DEVICE=--d", "SIS_ITEM=" + item, "SIS_EVENT=UPLOADED"], "arguments")
    journal("-f", "-S", "2026-11-21")
    check_equal(read_file(tools + "/arguments").decode().splitlines(),
                ["--output=json", "--all", "--quiet", "--no-pager", "--follow", "--no-tail", "--since=@1795219200", "_SYSTEMD_UNIT=sisd@two.service"], "following")
    check_not_in("\x1b", journal().stdout, "what a terminal gets")
    write_file(tools + "/journalctl", b"#!/bin/sh\nexit 1\n")
    check_in("the journal cannot be read", journal(status=69).stderr)


@test("status names every process, its sandbox, and the ids it runs under")
def status():
    daemon = shared_daemon()
    roles = daemon.roles()
    check_equal({name: len(pids) for name, pids in roles.items() if name != "master"}, {"signer": 1, "ledger": 1, "worker": 2}, "roles")
    check_equal(sorted(pid for name, pids in roles.items() if name != "master" for pid in pids), sorted(daemon.children()), "pids")
    for role in daemon.status()["roles"]:
        check(role["sandbox"], "no sandbox told for %r" % role)
    if IS_ROOT:
        wanted = {"signer": SIGNER_ID, "ledger": LEDGER_ID, "worker": WORKER_ID}
        for name, uid in wanted.items():
            for pid in roles[name]:
                text = read_file("/proc/%d/status" % pid).decode()
                check_equal(re.search(r"Uid:\s+(.*)", text).group(1).split(), [str(uid)] * 4, "uids of %s" % name)
                check_equal(re.search(r"CapEff:\s+(\w+)", text).group(1).strip("0"), "", "capabilities of %s" % name)
                check_equal(re.search(r"NoNewPrivs:\s+(\d)", text).group(1), "1", "no new privileges of %s" % name)
                check_equal(re.search(r"Seccomp:\s+(\d)", text).group(1), "2", "seccomp of %s" % name)


@test("nobody but the owner can read state: keys, database, objects", root=True)
def state_modes():
    daemon = shared_daemon()
    daemon.client("moded").upload(make_picture())
    rows = [("", 0o027), ("keys", 0o077), ("incoming", 0o077), ("db", 0o027), ("objects", 0o027)]
    for name, never in rows:
        info = os.stat(os.path.join(daemon.state_dir, name))
        check_equal(info.st_mode & never, 0, "mode of %s: %o" % (name, info.st_mode))
    for where, _, files in os.walk(daemon.state_dir):
        for name in files:
            mode = os.stat(os.path.join(where, name)).st_mode
            check_equal(mode & 0o137, 0, "mode of %s: %o" % (name, mode))
    for name in ("ca.key",):
        info = os.stat(os.path.join(daemon.state_dir, "keys", name))
        check_equal((info.st_mode & 0o777, info.st_uid), (0o600, SIGNER_ID), "ca.key")


@test("revoke closes live connections on every worker, and the next request is refused as revoked")
def revoke():
    daemon = shared_daemon()
    device, bystander = enroll_device(daemon, "gone"), enroll_device(daemon, "stays")
    connections = [live_connection(daemon, device) for _ in range(12)]
    other = live_connection(daemon, bystander)
    reply = json.loads(daemon.sisctl("--json", "revoke", "gone", "--reason", "left the club").stdout)
    check_equal((reply["devices"], reply["connections"]), (1, 12), "counts")
    for connection in connections:
        check(is_closed(connection), "a revoked connection lives on")
    other.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
    check(other.recv(100).startswith(b"HTTP/1.1 200"), "a bystander was hit")
    try:
        reply = daemon.request("GET", "/v1/whoami", who=device)
        reply.check_problem(403, "revoked")
    except (ssl.SSLError, ConnectionError) as error:
        raise Failure("refused without words: %s" % error)
    daemon.sisctl("add", "gone", status=73)
    daemon.sisctl("revoke", "nobody", status=67)
    check_in("left the club", daemon.sisctl("logs", "--user", "gone").stdout)


@test("revoking one device leaves the user's others alone")
def revoke_device():
    daemon = shared_daemon()
    laptop = enroll_device(daemon, "owner", "laptop")
    phone = Device(daemon, "owner", "phone")
    phone.enroll(Invite(daemon.sisctl("invite", "owner").stdout).code)
    daemon.sisctl("revoke", "owner", "--device", "phone")
    daemon.request("GET", "/v1/whoami", who=phone).check_problem(403, "revoked")
    check_equal(daemon.request("GET", "/v1/whoami", who=laptop).status, 200, "the other device")
    daemon.sisctl("revoke", "owner", "--device", "phone", status=None)
    daemon.sisctl("revoke", "owner", "--device", "toaster", status=67)


@test("a resumed TLS session of a revoked device is refused, too", needs=["openssl"])
def resumed_after_revocation():
    daemon = shared_daemon()
    device = enroll_device(daemon, "resumer")
    context = daemon.tls_context(device)
    first = daemon.http(context=context)
    check_equal(daemon.request("GET", "/v1/whoami", connection=first).status, 200, "first")
    session = first.sock.session
    daemon.sisctl("revoke", "resumer")
    raw = socket.create_connection(daemon.address, timeout=20 * SLOW)
    try:
        second = context.wrap_socket(raw, server_hostname="localhost", session=session)
        second.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = second.recv(4096)
    except (ssl.SSLError, ConnectionError):
        return
    check(answer.startswith(b"HTTP/1.1 403"), "answer %r" % answer[:200])


@test("SIGHUP keeps connections, takes the new configuration, and keeps the old one when the new is wrong")
def reload_keeps():
    with Daemon() as daemon:
        device = enroll_device(daemon)
        connection = live_connection(daemon, device)
        pids = daemon.roles()
        daemon.write_config(registration="open")
        check_in("configuration reloaded", daemon.reload())
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        check(connection.recv(100).startswith(b"HTTP/1.1 200"), "the connection was dropped")
        Device(daemon, "walkin").enroll("a long enough password")
        write_file(daemon.config, "registration = 5;\n")
        check_in("not reloaded", daemon.reload())
        daemon.is_serving()
        Device(daemon, "walkin2").enroll("a long enough password")
        check_equal(daemon.roles(), pids, "processes")


@test("SIGTERM ends the daemon within its time, with a busy and an idle connection open, and every process is gone")
def stop_is_bounded():
    daemon = Daemon()
    device = enroll_device(daemon)
    idle = live_connection(daemon, device)
    busy = daemon.tls(device)
    busy.sendall(b"POST /v1/items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.sis.item\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100)
    children = daemon.children()
    started = time.monotonic()
    check_equal(daemon.stop(), 0, "exit status")
    check(time.monotonic() - started < 15 * SLOW, "it took %.1f s" % (time.monotonic() - started))
    check_equal([pid for pid in children if process_is_alive(pid)], [], "processes left")
    check(is_closed(idle) and is_closed(busy), "connections live on")


@test("a worker that dies is replaced and the log says so; a signer or ledger that dies ends the daemon with 70")
def role_dies():
    with Daemon() as daemon:
        victim = daemon.roles()["worker"][0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(daemon.roles().get("worker", [])) == 2 and victim not in daemon.roles()["worker"], "a new worker")
        daemon.wait_log(r"worker \(process %d\) died" % victim)
        daemon.is_serving()
    for role in ("signer", "ledger"):
        daemon = Daemon()
        os.kill(daemon.roles()[role][0], signal.SIGKILL)
        check_equal(daemon.process.wait(30 * SLOW), 70, "exit status after the %s's death" % role)
        daemon._gone()
        daemon.start()
        daemon.is_serving()
        daemon.stop()


@test("a restart keeps users, items and certificates")
def restart():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        item = alice.upload(make_picture())
        daemon.restart()
        check_equal(alice.items(), [item], "items")
        alice.get(item)
        daemon.restart(hard=True)
        alice.get(item)
        daemon.sisctl("check", "--full")


@test("check finds a missing, a shortened and an altered object", root=True)
def check_finds():
    with Daemon() as daemon:
        alice = daemon.client("alice")
        items = [alice.upload(make_picture(seed=n)) for n in range(3)]
        daemon.sisctl("check", "--full")
        paths = ["%s/objects/%s/%s" % (daemon.state_dir, item[:2], item) for item in items]
        os.unlink(paths[0])
        os.truncate(paths[1], os.path.getsize(paths[1]) - 1)
        data = bytearray(read_file(paths[2]))
        data[-20] ^= 1
        with open(paths[2], "r+b") as file:
            file.write(data)
        problems = json.loads(daemon.sisctl("--json", "check", "--full", status=65).stdout)["problems"]
        for item in items:
            check(any(item in problem["sentence"] for problem in problems), "%s is in no problem: %r" % (item, problems))
        alice.run("get", items[2], "-o", temporary("got"), status=65)
        daemon.is_serving()


@test("no code, key, password or picture name is ever logged")
def log_is_clean():
    daemon = shared_daemon()
    line = daemon.invite("quiet")
    client = Client(daemon, "quiet")
    client.run("enroll", line)
    client.upload(make_picture(os.path.join(temporary("p"), "very-private-name.jpg")))
    text = daemon.log_text() + daemon.sisctl("--json", "logs").stdout
    for secret in (Invite(line).code, "very-private-name", "PRIVATE KEY"):
        check_not_in(secret, text, "the log")


@test("more revoked certificates than a revocation list can hold: said in log and status, and the daemon starts and serves all the same")
def too_many_revoked():
    with Daemon(workers=1) as daemon:
        device = enroll_device(daemon, "alice")
        daemon.sisctl("revoke", "alice")
        bob = enroll_device(daemon, "bob")
        check_equal("crl_problem" in daemon.status(), False, "a problem that is none")
        daemon.stop()
        with contextlib.closing(sqlite3.connect(os.path.join(daemon.state_dir, "db/sis.db"))) as database:
            row = database.execute("SELECT device_id FROM devices WHERE state<>0").fetchone()[0]
            database.executemany("INSERT INTO certificates(fingerprint, device_id, serial, der, not_before, not_after) VALUES(?, ?, ?, x'00', 0, ?)",
                                 [(os.urandom(32), row, os.urandom(20), int(time.time()) + 86400) for _ in range(6000)])
            database.commit()
        daemon.start()
        check_in("CRL_FAILED", daemon.log_text(), "the daemon's log")
        check_equal(daemon.status()["crl_problem"], "larger than is allowed", "what the status says")
        check_in("CRL_FAILED", daemon.sisctl("--json", "logs").stdout, "the audit log")
        check_equal(daemon.request("GET", "/v1/whoami", who=bob).status, 200, "status of who is not revoked")
        check_equal(daemon.request("GET", "/crl").status, 200, "status of the list before")
        daemon.sisctl("revoke", "bob")


run()
