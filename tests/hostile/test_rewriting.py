#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server in hostile hands, its authority's key included, that rewrites real traffic between a real sis and a real sisd: each lie is found out, said in one
sentence, ends with an exit status that is not 0, and nothing wrong is shown as right."""

import os
import pty
import signal
import sys
import threading
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
import make_photo
from sis_proxy import FalseSuccessor, HiddenSuccessor, HostileServer, Impostor, Told
from sis_testlib import *

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7


class Scene:
    """alice and bob and carol have met; alice shared two pictures with bob; bob speaks to the hostile server from here on."""

    def __init__(self):
        self.daemon = shared_daemon()
        self.alice, self.bob, self.carol = (self.daemon.client(unique(name), "phone") for name in ("alice", "bob", "carol"))
        self.first = self.alice.upload(make_picture(seed=1), self.bob, self.carol)
        self.second = self.alice.upload(make_picture(seed=2), self.bob, self.carol)
        self.bob.run("list")
        self.server = HostileServer(self.daemon, self.bob)

    def rewrites_items(self, change):
        """change(ITEM) is called for every ITEM that bob is told of."""
        def rewrite(request, told):
            if told.status != 200 or not request.path.startswith("/v1/items") or request.path.count("/") > 3:
                return
            answer = told.json()
            for item in answer.get("items", [answer]):
                change(item)
            told.set_json(answer)
        self.server.rewrite = rewrite

    def refuses(self, item, words, statuses=(65, 76, 77), client=None):
        """sis get of this item: one sentence with these words, no file; and sis list shows nothing of it as right."""
        client = client or self.bob
        directory = temporary("got")
        done = client.run("get", item, "-o", directory, status=None)
        check_one_sentence(done, words, statuses)
        check_equal(os.listdir(directory), [], "files that came")
        for line in client.run("--json", "list", "--all", status=1).stdout.splitlines():
            told = json.loads(line)
            check(told["item"] != item or told["verified"] is False, "shown as right: %s" % line)

    def still_right(self, item):
        self.server.honest()
        self.bob.get(item)


def check_one_sentence(done, words, statuses):
    check(done.returncode in statuses, "exit status %d: %s%s" % (done.returncode, done.stdout, done.stderr))
    check_equal(len(done.stderr.strip().splitlines()), 1, "lines on standard error: %r" % done.stderr[:1000])
    check_in(words, done.stderr)


def photo(seed):
    """A JPEG that a thumbnail can be made of."""
    return write_file(os.path.join(temporary("photo"), "photo.jpg"), make_photo.make(seed=seed))


def run_in_terminal(command, limit_s=30):
    """Exit status, and everything that came to the terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(command[0], command, program_environment(TERM="xterm-256color"))
    screen, deadline = b"", time.monotonic() + limit_s * SLOW
    try:
        while time.monotonic() < deadline:
            screen += os.read(fd, 65536)
    except OSError:
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode("utf-8", "replace")


def item_json(daemon, client, item):
    return daemon.request("GET", "/v1/items/%s?include=manifest" % item, who=client).json()


@test("grants swapped between two items of the same sender are refused, for each and in the list")
def grants_between_items():
    scene = Scene()
    grants = {item: item_json(scene.daemon, scene.bob, item)["grants"] for item in (scene.first, scene.second)}
    other = {scene.first: scene.second, scene.second: scene.first}
    scene.rewrites_items(lambda item: item.update(grants=grants[other[item["item"]]]))
    scene.refuses(scene.first, "grant")
    scene.refuses(scene.second, "grant")
    scene.still_right(scene.first)


@test("grants swapped between users are refused, as they are and with the names changed")
def grants_between_users():
    scene = Scene()
    carols = item_json(scene.daemon, scene.carol, scene.first)["grants"]
    scene.rewrites_items(lambda item: item.update(grants=carols))
    scene.refuses(scene.first, "not shared with this device")
    renamed = [text.replace("\nrecipient %s\n" % scene.carol.user, "\nrecipient %s\n" % scene.bob.user) for text in carols]
    check(renamed != carols, "nothing was renamed")
    scene.rewrites_items(lambda item: item.update(grants=renamed))
    scene.refuses(scene.first, "signature")


@test("a second certificate for a known contact's device, minted by the server's own authority, gets no picture")
def second_certificate():
    scene = Scene()
    alice_server = HostileServer(scene.daemon, scene.alice)
    impostor = Impostor(alice_server.authority, scene.bob.user, "phone")

    def rewrite(request, told):
        if request.path == "/v1/users/" + scene.bob.user:
            told.set_json({**told.json(), "devices": [impostor.as_device()]})
    alice_server.rewrite = rewrite
    before = len(scene.bob.items())
    done = scene.alice.run("upload", make_picture(seed=3), "--to", scene.bob.user, status=None)
    check_one_sentence(done, "HAS CHANGED", (77,))
    check(not any(request.method == "POST" for request in alice_server.requests), "something was sent")
    scene.server.honest()
    check_equal(len(scene.bob.items()), before, "what bob has")


@test("a further device of a verified contact, or of oneself, that the server's authority made up gets no picture")
def further_device():
    scene = Scene()
    scene.alice.run("contacts", "verify", scene.bob.user, "--yes")
    server = HostileServer(scene.daemon, scene.alice)

    def adds(user):
        impostor = Impostor(server.authority, user, "tablet")

        def rewrite(request, told):
            if request.path.startswith("/v1/users/"):
                answer = told.json()
                for person in (answer, answer.get("self", {})):
                    if person.get("user") == user:
                        person["devices"].append(impostor.as_device())
                told.set_json(answer)
        server.rewrite = rewrite
    adds(scene.bob.user)
    done = scene.alice.run("upload", make_picture(seed=3), "--to", scene.bob.user, status=None)
    check_one_sentence(done, "A FURTHER DEVICE", (77,))
    check(not any(request.method == "POST" for request in server.requests), "something was sent")
    adds(scene.alice.user)
    done = scene.alice.run("upload", make_picture(seed=3), "--to", scene.carol.user)
    check_in("tablet", done.stderr)
    posted = [request.body for request in server.requests if request.method == "POST"]
    check_equal(len(posted), 1, "uploads")
    check_not_in(b"\ndevice tablet\n", posted[0], "what was sealed")


@test("a renewal that comes back as another device's certificate is not taken, and the one before goes on")
def renewed_as_another():
    scene = Scene()
    before = [read_file(os.path.join(scene.bob.directory, name)) for name in ("device.pem", "device.key")]
    ours = x509.load_pem_x509_certificate(before[0])

    def hold(request):
        if request.path.endswith("/simplereenroll"):
            minted = scene.server.authority.mint_device(scene.bob.user, "tablet", ours.public_key())
            return Told(200, [("Content-Type", "application/pkcs7-mime")], base64.b64encode(pkcs7.serialize_certificates([minted], Encoding.DER)))
        return None
    scene.server.hold = hold
    check_one_sentence(scene.bob.run("renew", status=None), 'for the device "tablet" instead of "phone"', (65, 76, 77))
    check_equal([read_file(os.path.join(scene.bob.directory, name)) for name in ("device.pem", "device.key")], before, "certificate and key")
    check(not any(request.path.endswith("/key") for request in scene.server.requests), "an encryption key was published as the tablet's")
    scene.server.hold = None
    scene.still_right(scene.first)


@test("an old listing that is played again is found out by its number")
def old_listing():
    scene = Scene()
    kept = {}

    def remember(request, told):
        kept.setdefault(request.target, (told.status, told.headers, told.body))
    scene.server.rewrite = remember
    scene.bob.run("list")
    third = scene.alice.upload(make_picture(seed=4), scene.bob)
    scene.server.honest()
    check_in(third, scene.bob.items())
    scene.server.hold = lambda request: Told(*kept[request.target]) if request.target.startswith("/v1/items?") else None
    done = scene.bob.run("list", status=None)
    check_one_sentence(done, "older state", (65,))
    check_equal(done.stdout, "", "what was shown")
    # The administrator says that a backup was restored: then it is taken, once said.
    check_not_in(third, scene.bob.run("list", "--accept-restored").stdout)
    scene.bob.run("list")
    scene.server.honest()
    check_in(third, scene.bob.items())


@test("a list that goes round in circles is given up, whichever command reads it")
def list_without_end():
    scene = Scene()

    def rewrite(request, told):
        if request.path == "/v1/items":
            told.set_json({**told.json(), "next": 1})
    stranger = next(letter for letter in "abcdef" if letter not in (scene.first[0], scene.second[0]))
    scene.server.rewrite = rewrite
    for words in (["list"], ["list", "--all"], ["list", "--all", "--newest"], ["get", stranger, "-o", temporary("got")], ["devices", "--verify"]):
        done = scene.bob.run(*words, status=None)
        check_equal(done.returncode, 76, " ".join(words) + ": " + done.stdout + done.stderr)
        check_in("the server's list has no end", done.stderr)
    scene.still_right(scene.first)


@test("a statement under another's name is refused, altered or with another's certificate beside it")
def another_name():
    scene = Scene()
    scene.rewrites_items(lambda item: item.update(statement=item["statement"].replace("\nowner %s\n" % scene.alice.user, "\nowner %s\n" % scene.carol.user),
                                                  owner=scene.carol.user))
    scene.refuses(scene.first, "by %s" % scene.carol.user)
    carols = scene.carol.upload(make_picture(seed=5), scene.bob)
    certificates = item_json(scene.daemon, scene.bob, carols)["certificates"]
    scene.rewrites_items(lambda item: item.update(certificates=certificates))
    scene.refuses(scene.first, "missing")


@test("the manifest of another item is refused, in a listing and when it is fetched")
def another_manifest():
    scene = Scene()
    manifests = {item: item_json(scene.daemon, scene.bob, item)["manifest"] for item in (scene.first, scene.second)}
    other = {scene.first: scene.second, scene.second: scene.first}
    scene.rewrites_items(lambda item: "manifest" in item and item.update(manifest=manifests[other[item["item"]]]))
    scene.refuses(scene.first, "description")
    scene.refuses(scene.second, "description")
    scene.still_right(scene.second)


@test("the thumbnail of another item is refused before anything is drawn")
def another_thumbnail():
    scene = Scene()
    one, two = (find_item_id(scene.alice.run("--json", "upload", "--to", scene.bob.user, photo(seed)).stdout) for seed in (5, 6))

    def swap(request):
        if request.path == "/v1/items/%s/thumbnail" % one:
            request.target = "/v1/items/%s/thumbnail" % two
            return scene.server.ask(request)
        return None
    status, screen = run_in_terminal(scene.bob.command("show", one, "--size", "20x10"))
    check_equal(status, 0, "exit status of the honest way: %s" % screen)
    scene.server.hold = swap
    status, screen = run_in_terminal(scene.bob.command("show", one, "--size", "20x10"))
    check_equal(status, 65, "exit status: %s" % screen)
    check_in("thumbnail is not the one that was signed", screen)


@test("an audience that was altered is refused")
def altered_audience():
    scene = Scene()
    for change in (lambda names: [name for name in names if name != scene.carol.user], lambda names: sorted(names + ["zoe"])):
        def rewrite(item, change=change):
            names = re.search(r"\naudience (.*)\n", item["statement"]).group(1)
            item["statement"] = item["statement"].replace("\naudience %s\n" % names, "\naudience %s\n" % ",".join(change(names.split(","))))
        scene.rewrites_items(rewrite)
        scene.refuses(scene.first, "signature")
    scene.still_right(scene.first)


@test("the object of another item of the same size is refused, and leaves no file")
def another_object():
    scene = Scene()
    one = scene.alice.upload(write_file(os.path.join(temporary(), "one"), make_bytes(100000, 1)), scene.bob)
    two = scene.alice.upload(write_file(os.path.join(temporary(), "two"), make_bytes(100000, 2)), scene.bob)

    def swap(request):
        if request.path == "/v1/items/%s/object" % one:
            request.target = "/v1/items/%s/object" % two
            return scene.server.ask(request)
        return None
    scene.server.hold = swap
    directory = temporary("got")
    check_one_sentence(scene.bob.run("get", one, "-o", directory, status=None), "", (65,))
    check_equal(os.listdir(directory), [], "files that came")


@test("a conversation whose history the server cuts off, or from which it leaves out a message, says how many of whom are missing")
def truncated_history():
    scene = Scene()
    def send(words):
        return find_item_id(scene.alice.run("--json", "send", scene.bob.user, words).stdout)
    def hides(item):
        def rewrite(request, told):
            if request.path == "/v1/items" and told.status == 200:
                answer = told.json()
                answer["items"] = [one for one in answer["items"] if one["item"] != item]
                told.set_json(answer)
        scene.server.rewrite = rewrite
    chat = ("chat", scene.alice.user, "--history", "10")
    last = [send("message %d" % number) for number in range(3)][-1]
    check_in("message 2", scene.bob.run(*chat, input=b"").stdout)
    hides(last)
    check_one_sentence(scene.bob.run(*chat, input=b"", status=None), "1 message of %s/phone that had come before is no longer given" % scene.alice.user, (65,))
    hides(send("the one that goes missing"))
    send("the one after it")
    done = scene.bob.run(*chat, input=b"", status=None)
    check_one_sentence(done, "1 message of %s/phone before this one has not arrived" % scene.alice.user, (65,))
    check_in("the one after it", done.stdout)


class Watch:
    """sis watch --json of a client, its lines as they come."""

    def __init__(self, client, *options):
        self.lines = []
        self.process = client.popen("--json", "watch", "--no-notify", *options, text=True)
        threading.Thread(target=lambda: self.lines.extend(map(json.loads, self.process.stdout)), daemon=True).start()

    def items(self):
        return [line.get("item") for line in list(self.lines) if line.get("event") in ("item", "bad")]

    def end(self, signal_number=None):
        if signal_number:
            self.process.send_signal(signal_number)
        status = self.process.wait(20 * SLOW)
        return status, self.process.stderr.read()


@test("an event stream that is cut at every item goes on where it was: each item once, in order")
def stream_cut():
    scene = Scene()
    passed = set()

    def cut(request, event):
        if event.kind != "item" or event.data["item"] in passed:
            return [event]
        passed.add(event.data["item"])
        return None
    scene.server.on_event = cut
    watch = Watch(scene.bob, "--since", "now")
    wait_for(lambda: watch.lines, "the watcher's first connection")
    wanted = [scene.alice.upload(make_picture(seed=seed), scene.bob) for seed in range(3)]
    wait_for(lambda: len(watch.items()) >= len(wanted), "all items")
    status, words = watch.end(signal.SIGINT)
    check_equal(watch.items(), wanted, "items")
    check_equal(status, 0, "exit status: %s" % words)


@test("an event stream that is played again, or goes back, ends the watch with a sentence, and shows nothing twice")
def stream_replayed():
    for lie in ("twice", "older"):
        scene = Scene()
        kept = []

        def lies(request, event, lie=lie, kept=kept):
            if event.kind != "item":
                return [event]
            kept.append(event)
            if lie == "twice":
                return [event, event]
            return [event] if len(kept) == 1 else [kept[0]]
        scene.server.on_event = lies
        watch = Watch(scene.bob, "--since", "now")
        wait_for(lambda: watch.lines, "the watcher's first connection")
        scene.alice.upload(make_picture(seed=7), scene.bob)
        wait_for(lambda: watch.items() or watch.process.poll() is not None, "the first item")
        if lie == "older":
            scene.alice.upload(make_picture(seed=8), scene.bob)
        status, words = watch.end()
        check(status in (65, 76), "exit status %d: %s" % (status, words))
        check_equal(len(watch.items()), 1, "items that were shown: %r" % watch.lines)
        check_in("server", words)


@test("an item that does not hold is told as bad by the watch, which fetches nothing of it and does not end with 0")
def stream_altered():
    scene = Scene()
    grants = item_json(scene.daemon, scene.bob, scene.first)["grants"]

    def swap(request, event):
        if event.kind == "item":
            event.data["grants"] = grants
        return [event]
    scene.server.on_event = swap
    directory = temporary("got")
    watch = Watch(scene.bob, "--since", "now", "--get", directory)
    wait_for(lambda: watch.lines, "the watcher's first connection")
    scene.alice.upload(make_picture(seed=9), scene.bob)
    wait_for(lambda: watch.items(), "the bad item")
    status, words = watch.end(signal.SIGINT)
    check_equal([line["verified"] for line in watch.lines if "verified" in line], [False], "lines: %r" % watch.lines)
    check_equal((status, os.listdir(directory)), (1, []), "exit status and files: %s" % words)


@test("a suite that is not ours, in statement or grant, is refused by name")
def downgraded_suite():
    scene = Scene()
    for suite in ("sis-0", "none"):
        scene.rewrites_items(lambda item: item.update(statement=item["statement"].replace("\nsuite sis-1\n", "\nsuite %s\n" % suite)))
        scene.refuses(scene.first, "suite")
        scene.rewrites_items(lambda item: item.update(grants=[text.replace("\nsuite sis-1\n", "\nsuite %s\n" % suite) for text in item["grants"]]))
        scene.refuses(scene.first, "")


@test("an item that the server planted in a contact's name, with a certificate that it minted, is refused")
def planted_item():
    scene = Scene()
    impostor = Impostor(scene.server.authority, scene.alice.user, "phone")
    reader = types.SimpleNamespace(user=scene.bob.user, name="phone", private=encryption_key(scene.bob))
    bundle = impostor.seal(b"look at this", reader)
    planted = impostor.as_item(bundle, 10 ** 6)

    def rewrite(request, told):
        if request.path == "/v1/items" and told.status == 200:
            answer = told.json()
            answer["items"].append(planted)
            told.set_json(answer)
        elif request.path == "/v1/items/" + impostor.item:
            told.status, told.headers = 200, [("Content-Type", "application/json")]
            told.set_json(planted)
    scene.server.rewrite = rewrite
    scene.refuses(impostor.item, "HAS CHANGED")
    check_in(impostor.item, scene.bob.run("--json", "list", "--all", status=1).stdout)


def encryption_key(client):
    """A client's X25519 key: the container is that of a signing key."""
    from cryptography.hazmat.primitives.asymmetric import x25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
    pem = load_pem_private_key(read_file(os.path.join(client.directory, "encryption.key")), None)
    return x25519.X25519PrivateKey.from_private_bytes(pem.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


@test("an invite of a stranger's server that says to succeed ours gets neither the profile's keys nor its trust, and the invite's code is not sent")
def false_successor():
    daemon = shared_daemon()
    alice = daemon.client(unique("alice"))
    stranger = FalseSuccessor(daemon)

    def hold(request):
        if request.path == "/.well-known/est/cacerts":
            return Told(200, [("Content-Type", "application/pkcs7-mime")], stranger.cacerts())
        return Told(200, [("Content-Type", "text/plain")], b"ok\n")
    server = HostileServer(daemon, authority=stranger, hold=hold)
    known = read_file(alice.directory + "/ca.pem")
    line = daemon.sisctl("invite", alice.user).stdout.strip()
    address, secrets = line.split("#")
    false = "sis://127.0.0.1:%d/%s#%s%s" % (server.port, alice.user, secrets[:-64], stranger.certificate.fingerprint(hashes.SHA256()).hex())
    check_in("the invite is for another server than these keys", alice.run("enroll", false, status=None).stderr)
    check_equal(read_file(alice.directory + "/ca.pem"), known, "authorities")
    check_equal([request.path for request in server.requests], ["/healthz", "/.well-known/est/cacerts"], "requests")
    alice.run("enroll", line)
    alice.run("whoami")


@test("an authority that the one in force has certified is never taken without a word, however old it says to be")
def hidden_successor():
    daemon = shared_daemon()
    alice, authority = daemon.client(unique("alice")), HiddenSuccessor(daemon)
    server = HostileServer(daemon, alice, authority=authority)
    fingerprint = authority.certificate.fingerprint(hashes.SHA256()).hex()
    check_in(fingerprint, alice.run("list").stderr)
    check_not_in(fingerprint, alice.run("list").stderr, "it is told once")
    server.release(alice)
    alice.run("list")


run()
