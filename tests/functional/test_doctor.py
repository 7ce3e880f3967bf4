#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sis doctor: each thing that can be wrong is found, said in words with what to do, and ends with 1; what is right is called right."""
import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_proxy import HostileServer
from sis_testlib import *

OFFLINE = ["version", "home", "files", "disk", "uploads", "keys", "certificate", "contacts"]
ONLINE = ["server", "account", "clock", "published key"]


def examined(client, status, *options):
    """{check: (level, words)}"""
    return {f["check"]: (f["level"], f["detail"]) for f in client.json(*options, "doctor", status=status)}


def finds(client, check_name, level, words, status=None):
    found = examined(client, status if status is not None else 1 if level == "bad" else 0)
    check_equal(found[check_name][0], level, "level of %s (%s)" % (check_name, found[check_name][1]))
    check_in(words, found[check_name][1])
    for name, (other, detail) in found.items():
        check(name == check_name or other == "ok", "%s, too: %s %s" % (name, other, detail))
    return found


def new_client():
    return shared_daemon().client(unique("doc"), "laptop")


@test("a healthy profile: every check is ok, in words without colour through a pipe, as JSON, and silent with --quiet")
def healthy():
    client = new_client()
    found = examined(client, 0)
    check_equal(list(found), OFFLINE + ONLINE, "checks")
    check_equal({level for level, _ in found.values()}, {"ok"}, "levels %r" % found)
    text = client.run("doctor").stdout
    check(all(re.match(r"ok    [a-z ]{13}  \S", line) for line in text.splitlines()), text)
    check_equal(client.run("--quiet", "doctor").stdout, "", "with --quiet")


@test("no profile, and no home that could be made: said with what to do, and nothing is made")
def nobody():
    client = Client(shared_daemon(), "nobody")
    found = examined(client, 1)
    check_equal(list(found), ["version", "home"], "checks")
    check_in("enroll first", found["home"][1])
    check(not os.path.exists(client.home), "a home was made")


@test("without a server everything on this machine is looked at all the same; a foreign authority is not the same as silence")
def without_server():
    with Daemon(workers=1) as daemon:
        client = daemon.client("alice", "laptop")
        with Daemon(workers=1) as other:
            path = os.path.join(client.directory, "profile.json")
            facts = json.loads(read_file(path))
            write_file(path, json.dumps({**facts, "server": "localhost:%d" % other.port}))
            check_equal(list(finds(client, "server", "bad", "whether the authority was replaced")), OFFLINE + ["server"], "checks")
        check_equal(list(finds(client, "server", "bad", "check the network")), OFFLINE + ["server"], "checks")


@test("what is wrong on this machine: modes, a missing file, keys that do not fit, an unfinished upload, a refused key")
def local():
    client = new_client()
    os.chmod(client.directory, 0o755)
    finds(client, "home", "bad", "can be reached by others; make it yours alone")
    os.chmod(client.directory, 0o700)
    os.chmod(client.key_path, 0o640)
    finds(client, "files", "bad", "device.key can be reached by others")
    os.chmod(client.key_path, 0o600)
    journal = write_file(os.path.join(client.directory, "uploads", "abc"), "x")
    finds(client, "uploads", "warn", "1 upload is not finished; the same \"sis upload\" again goes on with it")
    os.unlink(journal)
    contacts = os.path.join(client.directory, "contacts.json")
    write_file(contacts, json.dumps({"bob": {"phone": {"keys": ["ed25519:" + "0" * 64], "first_seen": "2026-01-01T00:00:00Z", "refused": "ed25519:" + "1" * 64}}}))
    os.chmod(contacts, 0o600)
    finds(client, "contacts", "warn", "1 key of your contacts' devices is refused")
    os.unlink(contacts)
    stranger = new_client()
    own = read_file(client.key_path)
    write_file(client.key_path, read_file(stranger.key_path))
    found = examined(client, 1)
    check_equal((found["keys"][0], list(found)), ("bad", OFFLINE[:6]), "checks")
    write_file(client.key_path, own)
    os.rename(os.path.join(client.directory, "ca.pem"), os.path.join(client.directory, "ca.not"))
    check_in("ca.pem cannot be read", examined(client, 1)["files"][1])


@test("a certificate that is due is a warning that says how to renew it")
def due():
    with Daemon(workers=1, certificate_lifetime="1m") as daemon:
        client = daemon.client("alice", "laptop")
        write_file(os.path.join(client.directory, "renewal"), "\n")     # tried within the hour
        finds(client, "certificate", "warn", "to try it now, say: sis renew")


@test("what is wrong with the account: revoked, a key that is not published, another's key, an older certificate's")
def account():
    daemon = shared_daemon()
    client, other = new_client(), new_client()
    server = HostileServer(daemon, client)

    def published(change):
        def rewrite(request, told):
            if request.path.startswith("/v1/users/"):
                answer = told.json()
                change(answer)
                told.set_json(answer)
        server.rewrite = rewrite
    foreign = daemon.request("GET", "/v1/users/" + other.user, who=other).json()["devices"][0]["key"]
    published(lambda answer: answer["devices"][0].update(key=None))
    finds(client, "published key", "bad", "say: sis renew")
    published(lambda answer: answer["devices"][0].update(key=foreign))
    finds(client, "published key", "bad", "is not this device's")
    published(lambda answer: answer.update(devices=[]))
    finds(client, "published key", "bad", "say: sis renew")
    old = daemon.request("GET", "/v1/users/" + client.user, who=client).json()["devices"][0]["key"]
    server.honest()
    client.run("renew")
    published(lambda answer: answer["devices"][0].update(key=old))
    finds(client, "published key", "bad", "under an older certificate")
    server.release(client)
    daemon.sisctl("revoke", client.user, "--device", "laptop")
    found = finds(client, "account", "bad", "was revoked; make a page with \"sis recovery make\"")
    check_equal(list(found), OFFLINE + ["server", "account"], "checks")


@test("a clock that is wrong by more than two minutes is a warning, by more than ten it is bad, either way round")
def clock():
    client = new_client()
    server = HostileServer(shared_daemon(), client)
    for offset, level, words in ((0, "ok", "agree on the time"), (-100, "ok", "agree"), (-300, "warn", "min "), (300, "warn", "behind the server"),
                                 (-3600, "bad", "ahead of the server; set the clock, or others may refuse"), (3600, "bad", "behind the server")):
        def rewrite(request, told):
            if request.path == "/v1/whoami":
                time_then = datetime.datetime.utcnow() + datetime.timedelta(seconds=offset)
                told.set_json({**told.json(), "server_time": time_then.strftime("%Y-%m-%dT%H:%M:%SZ")})
        server.rewrite = rewrite
        finds(client, "clock", level, words)
    server.rewrite = lambda request, told: request.path == "/v1/whoami" and told.set_json({**told.json(), "device": "other"})
    check_in("takes this device for somebody else", examined(client, 1)["account"][1])


run()
