#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words: messages as items, and conversations."""

import fcntl
import glob
import json
import os
import pty
import struct
import sys
import termios
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_proxy import HostileServer
from sis_testlib import *


def listed(client):
    """What `sis --json list` says of each item, oldest first."""
    return [json.loads(line) for line in client.run("--json", "list", "--all").stdout.splitlines()]


@test("send: sealed, padded, for everybody named; list shows the first line, get the words; the server sees neither words nor length")
def send_words():
    daemon = shared_daemon()
    alice, bob, carol = (daemon.client(name) for name in ("alice", "bob", "carol"))
    words = "Grüße vom Gipfel\nzweite Zeile"
    item = json.loads(alice.run("--json", "send", "bob,carol", words).stdout)["item"]
    for client in (alice, bob, carol):
        entry = listed(client)[-1]
        check_equal((entry["item"], entry["kind"], entry["words"], entry["to"], entry["number"], entry["verified"]),
                    (item, "message", words, ["alice", "bob", "carol"], 1, True), client.user)
    line = bob.run("list").stdout
    check_in("Grüße vom Gipfel", line)
    check_not_in("zweite", line)
    check_equal(bob.run("get", item, "-o", "-").stdout, words, "the words")
    directory = temporary("got")
    carol.run("get", item, "-o", directory)
    check_equal(os.listdir(directory), ["message.txt"], "files")
    sizes = set()
    for word in ("a", "b" * 300):
        wire = json.loads(daemon.request("GET", "/v1/items/%s" % json.loads(alice.run("--json", "send", "bob,carol", word).stdout)["item"], who=bob).body)
        sizes.add(re.search(r"^object (\d+) ", wire["statement"], re.M).group(1))
    check_equal(sizes, {"528"}, "sealed sizes")
    check_equal(find_in_tree(daemon.directory, [b"vom Gipfel", b"zweite Zeile"]), [], "occurrences on the server")


@test("send: standard input, replies, and what is refused")
def send_forms():
    daemon = shared_daemon()
    dora, emil = daemon.client("dora"), daemon.client("emil")
    first = dora.run("send", "emil", input=b"from a pipe\n").stdout.split()[0]
    second = json.loads(emil.run("--json", "send", "dora", "yes", "--reply-to", first[:10]).stdout)["item"]
    entries = {entry["item"]: entry for entry in listed(dora)}
    check_equal(entries[first]["words"], "from a pipe", "words")
    check_equal((entries[second]["reply_to"], entries[second]["number"]), (first, 1), "reply and number")
    check_in("no words", dora.run("send", "emil", "", status=64).stderr)
    check_in("60000", dora.run("send", "emil", input=b"x" * 60001, status=65).stderr)
    check_in("UTF-8", dora.run("send", "emil", input=b"\xff\xfe", status=65).stderr)
    check_in("nobody", dora.run("send", "nobody", "x", status=67).stderr)
    emil.run("send", "dora", "a" * 60000)
    check_equal(len(listed(dora)[-1]["words"]), 60000, "the longest")
    check_equal(len(listed(dora)), 3, "items")


@test("a message that was refused, or whose confirmation was lost, uses up no number; a lost state is found again in what was sent")
def numbers():
    with Daemon(workers=1) as daemon:
        fred, gina = daemon.client("fred"), daemon.client("gina")
        fred.run("send", "gina", "one")
        port = daemon.port
        daemon.stop()
        fred.run("send", "gina", "never", status=69)
        daemon.start()
        check_equal(daemon.port, port, "port")
        fred.run("send", "gina", "two")
        for path in glob.glob(os.path.join(fred.home, "profiles/default/conversations/*.json")):
            os.unlink(path)
        fred.run("send", "gina", "three")
        fred.run("send", "gina", "four")
        check_equal([(e["words"], e["number"]) for e in listed(gina)], [("one", 1), ("two", 2), ("three", 3), ("four", 4)], "messages")
        modes = {oct(os.stat(p).st_mode & 0o777) for p in glob.glob(os.path.join(fred.home, "profiles/default/conversations/*"))}
        check_equal(modes, {"0o600"}, "modes")


class Chat:
    """A chat through a pipe: what it prints is gathered."""

    def __init__(self, client, *arguments):
        self.process = client.popen("chat", *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.errors = [], []
        self.readers = [threading.Thread(target=self._read, args=(stream, into), daemon=True)
                        for stream, into in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, into):
        for line in stream:
            into.append(line.decode().rstrip("\n"))

    def say(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def text(self):
        return "\n".join(self.lines)

    def wait(self, part):
        wait_for(lambda: part in self.text(), "%r in %r, errors %r" % (part, self.lines, self.errors))

    def wait_error(self, part):
        wait_for(lambda: part in "\n".join(self.errors), "%r in %r, lines %r" % (part, self.errors, self.lines))

    def end(self, status=0):
        self.process.stdin.close()
        check_equal(self.process.wait(30 * SLOW), status, "exit status; errors %r, lines %r" % (self.errors, self.lines))
        for reader in self.readers:
            reader.join()
        return self.lines


def words_of(lines):
    return [line[6:] for line in lines if re.match(r"\d\d:\d\d ", line)]


@test("a server that takes a message and is silent about it makes no second one, and no gap")
def silent():
    daemon = shared_daemon()
    zora, abel = daemon.client("zora"), daemon.client("abel")
    server = HostileServer(daemon, zora)
    zora.run("send", "abel", "one")

    def cut(request, _told):
        if request.method == "POST":
            raise OSError("cut")
    server.rewrite = cut
    zora.run("send", "abel", "two")
    server.honest()
    zora.run("send", "abel", "three")
    left = [2]

    def cut_twice(request, _told):
        if request.method == "POST" and left[0] > 0:
            left[0] -= 1
            raise OSError("cut")
    server.rewrite = cut_twice
    zora.run("chat", "abel", input=b"four\n")
    check_equal([(e["words"], e["number"]) for e in listed(abel)], [("one", 1), ("two", 2), ("three", 3), ("four", 4)], "messages")


@test("a chat that ends while nobody knows whether a message arrived does not claim that it did not")
def in_doubt():
    daemon = shared_daemon()
    yves, zita = daemon.client("yves"), daemon.client("zita")
    server = HostileServer(daemon, yves)
    chat = Chat(yves, "zita")
    wait_for(lambda: any(request.is_events for request in server.requests), "the event stream")

    def cut(request, _told):
        if request.method == "POST":
            raise OSError("cut")
    server.rewrite = cut
    chat.say("five")
    chat.wait("the server is away")
    chat.process.send_signal(signal.SIGINT)
    said = "\n".join(chat.end(130) + chat.errors)
    check_in("1 message could not be sent; one of them may have arrived all the same", said)
    check_equal([e["words"] for e in listed(zita)], ["five"], "messages")


@test("chat: three people through pipes, in order, everybody sees the same audience; @name is for one; not one escape sequence")
def three_pipes():
    daemon = shared_daemon()
    people = {name: daemon.client(name) for name in ("hanna", "igor", "jana")}
    chats = {name: Chat(client, ",".join(n for n in people if n != name), "--history", "9") for name, client in people.items()}
    chats["hanna"].say("hello all")
    chats["igor"].wait("hanna: hello all")
    chats["igor"].say("hello hanna")
    chats["hanna"].wait("igor: hello hanna")
    chats["igor"].say("@jana a word, between us")
    chats["jana"].wait("a word, between us")
    chats["jana"].say("last")
    for name in ("hanna", "igor"):
        chats[name].wait("jana: last")
    lines = {name: chat.end() for name, chat in chats.items()}
    check_equal(words_of(lines["hanna"]), ["igor: hello hanna", "jana: last"], "hanna's")
    check_equal(words_of(lines["igor"]), ["hanna: hello all", "jana: last"], "igor's")
    check_equal(words_of(lines["jana"]), ["hanna: hello all", "igor: hello hanna", "igor (to you): a word, between us", "jana: last"][:3], "jana's")
    check(not any("\x1b" in line for chat in chats.values() for line in chat.lines), "escape sequences")
    to = {name: {e["words"]: e["to"] for e in listed(client)} for name, client in people.items()}
    for name in people:
        check_equal(to[name]["hello all"], sorted(people), "audience")
    check("a word, between us" not in to["hanna"], "a private word")
    # All conversations in one view, with the audience at each line.
    everything = people["jana"].run("chat", "--history", "10", input=b"").stdout
    check_in("hanna (to igor,you): hello all", everything)
    check_in("igor (to you): a word, between us", everything)


@test("chat: what was missed comes at the next start; pictures are announced; JSON lines")
def missed():
    daemon = shared_daemon()
    karl, lena = daemon.client("karl"), daemon.client("lena")
    karl.run("chat", "lena", input=b"one\n")
    check_equal(words_of(lena.run("chat", "karl", "--history", "5", input=b"").stdout.splitlines()), ["karl: one"], "first")
    karl.run("chat", "lena", input="two\nzwei Zeilen: é\n".encode())
    picture = make_picture(os.path.join(temporary("p"), "lake.jpg"))
    karl.upload(picture, lena)
    lines = words_of(lena.run("chat", "karl", input=b"").stdout.splitlines())
    check_equal(lines, ["karl: two", "karl: zwei Zeilen: é"], "what was missed")
    check_in("karl shares picture [1] lake.jpg", lena.run("chat", "karl", "--history", "3", input=b"").stdout)
    told = [json.loads(line) for line in lena.run("--json", "chat", "karl", "--history", "9", input=b"three\n").stdout.splitlines()]
    check_equal([(t["event"], t.get("words") or t.get("name")) for t in told],
                [("message", "one"), ("message", "two"), ("message", "zwei Zeilen: é"), ("item", "lake.jpg"), ("sent", None)], "events")
    check_equal(words_of(lena.run("chat", "karl", input=b"").stdout.splitlines()), [], "nothing twice")


@test("chat: the server goes away and comes back: said once, nothing is lost, nothing comes twice")
def restart():
    with Daemon(workers=1) as daemon:
        mona, nils = daemon.client("mona"), daemon.client("nils")
        left, right = Chat(mona, "nils", "--history", "9"), Chat(nils, "mona", "--history", "9")
        left.say("before")
        right.wait("mona: before")
        daemon.stop()
        left.say("while it was away")
        left.wait("the server is away")
        left.say("and more")
        daemon.start()
        right.wait("mona: and more")
        right.say("after")
        left.wait("nils: after")
        check_equal(left.text().count("server is away"), 1, "times that it was said")
        left.end()
        check_equal(words_of(right.end()), ["mona: before", "mona: while it was away", "mona: and more"], "what nils saw")
        check_equal([(e["words"], e["number"]) for e in listed(nils) if e["owner"] == "mona"], [("before", 1), ("while it was away", 2), ("and more", 3)],
                    "numbers")


@test("chat: a server that drops, repeats, reorders or forgets messages is found out; what a sender deleted is explained")
def hostile():
    daemon = shared_daemon()
    olga, paul = daemon.client("olga"), daemon.client("paul", "phone")
    server = HostileServer(daemon, paul)
    chat = Chat(paul, "olga")
    kept = []
    wait_for(lambda: any(request.is_events for request in server.requests), "paul's event stream")
    olga.run("send", "paul", "one")
    chat.wait("olga: one")
    server.on_event = lambda _request, event: [] if event.kind == "item" else [event]
    lost = olga.run("send", "paul", "two").stdout.split()[0]
    wait_for(lambda: daemon.request("GET", "/v1/items/" + lost, who=paul).status == 200, "the second")

    def keep(_request, event):
        if event.kind == "item":
            kept.append(event)
        return [event]
    server.on_event = keep
    olga.run("send", "paul", "three")
    chat.wait("olga: three")
    chat.wait_error("1 message of olga/")
    check_in("before this one has not arrived", "\n".join(chat.errors))

    def again(_request, event):
        if event.kind != "item":
            return [event]
        repeated = type(event).__new__(type(event))
        repeated.kind, repeated.sequence, repeated.data = "item", event.sequence + 1000000, dict(kept[0].data, sequence=event.sequence + 1000000)
        return [event, repeated]
    server.on_event = again
    olga.run("send", "paul", "four")
    chat.wait("olga: four")
    chat.wait_error("again that had come before")
    check_equal(chat.text().count("olga: three"), 1, "times that it was shown")

    # Two change places, under sequence numbers that grow.
    late = []

    def swap(_request, event):
        if event.kind != "item":
            return [event]
        late.append(event)
        if len(late) < 2:
            return []
        datas = [dict(late[1].data, sequence=2000000 + late[0].sequence), dict(late[0].data, sequence=2000000 + late[1].sequence)]
        for one, data in zip(late, datas):
            one.data, one.sequence = data, data["sequence"]
        return late[:2]
    server.on_event = swap
    olga.run("send", "paul", "five")
    olga.run("send", "paul", "six")
    chat.wait("olga: five")
    chat.wait_error("out of order")
    chat.end(65)

    # The history ends earlier than it did: and nothing that came is taken for new.
    def shorten(request, told):
        if request.path == "/v1/items":
            answer = told.json()
            answer["items"] = [item for item in answer["items"] if item["item"] != kept[0].data["item"] and item["sequence"] <= kept[0].sequence]
            told.set_json(answer)
    server.on_event, server.rewrite = None, shorten
    done = paul.run("chat", "olga", "--history", "9", input=b"", status=65)
    check_in("no longer given by the server", done.stderr)
    server.honest()


@test("chat: what its sender deleted is explained, not an alarm")
def deleted():
    daemon = shared_daemon()
    rosa, sven = daemon.client("rosa"), daemon.client("sven")
    rosa.run("send", "sven", "one")
    sven.run("chat", "rosa", input=b"")
    second = rosa.run("send", "sven", "two").stdout.split()[0]
    rosa.run("send", "sven", "three")
    rosa.run("rm", second)
    done = sven.run("chat", "rosa", "--history", "9", input=b"")
    check_equal(words_of(done.stdout.splitlines()), ["rosa: one", "rosa: three"], "what is there")
    check_in("1 message of rosa/", done.stdout)
    check_in("deleted by the sender, says the server", done.stdout)
    check_equal(done.stderr, "", "alarms")


class Screen:
    """A chat on a terminal of 40 columns."""

    def __init__(self, client, *arguments, columns=40):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.slave, self.before = slave, termios.tcgetattr(slave)
        self.programs = temporary("programs")
        environment = program_environment(PATH=self.programs + ":" + os.environ["PATH"])
        self.process = client.popen("chat", *arguments, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment)
        self.output = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.output += data

    def type(self, text):
        os.write(self.master, text.encode())

    def text(self):
        return self.output.decode("utf-8", "replace")

    def wait(self, part):
        wait_for(lambda: part in self.text(), "%r in %r" % (part, self.text()[-2000:]))

    def rows(self):
        """The lines that scrolled by: without the row that is being typed, which is erased before each of them."""
        text = re.sub(r"\x1b\[\?2004[hl]", "", self.text())
        return [re.sub(r".*\r\x1b\[K", "", row).strip("\r") for row in text.split("\n")]

    def end(self, status=0):
        check_equal(self.process.wait(30 * SLOW), status, "exit status: %r" % self.text()[-1000:])
        wait_for(lambda: termios.tcgetattr(self.slave)[:4] == self.before[:4], "the terminal's settings to be back")
        self.wait("\x1b[?2004l")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@test("chat on a terminal of 40 columns: editing, paste, wide characters, joined and left, /commands, words of strangers, ^C; the settings come back")
def terminal():
    daemon = shared_daemon()
    tina, udo = daemon.client("tina"), daemon.client("udo")
    left, right = Screen(tina, "udo"), Screen(udo, "tina")
    left.wait("udo> ")
    right.wait("tina> ")
    left.wait("udo has joined")
    left.type("helo\x1b[Dl\r")
    right.wait("tina: hello")
    left.wait("tina: hello")
    left.type("\x1b[200~first line\rsecond line\x1b[201~\r")
    right.wait("second line")
    check_equal([e["words"] for e in listed(udo) if "first" in e["words"]], ["first line\nsecond line"], "what was pasted")
    left.type("typing")
    left.wait("typing")
    udo.run("group", "set", "friends", "tina")
    right.type("日本語の文章はとても長いので折り返す必要があります。\r")
    left.wait("あります")
    left.wait("typing")
    tina.run("send", "udo", "\x1b[31mred\x1b]0;title\x07 \u202eevil")
    right.wait("?[31mred?]0;title? ?evil")
    right.type("/who\r")
    right.wait("tina since")
    right.type("/nonsense\r")
    right.wait("no such command")
    right.type("\x15/help\r")
    right.wait("/quit or ^D")
    picture = make_picture(os.path.join(temporary("p"), "sea.jpg"))
    tina.upload(picture, udo)
    right.wait("[1] sea.jpg")
    directory = temporary("kept")
    right.type("/get 1 %s\r" % directory)
    wait_for(lambda: os.listdir(directory) == ["sea.jpg"], "the picture")
    right.type("/get 1 %s/missing\r" % directory)
    right.wait("it could not be fetched: no file can")
    opened = os.path.join(temporary("opened"), "it")
    opener = os.path.join(right.programs, "xdg-open")
    write_file(opener, "#!/bin/sh\ncmp \"$1\" %s && echo \"$1\" > %s.new && mv %s.new %s\n" % (picture, opened, opened, opened))
    os.chmod(opener, 0o755)
    right.type("/open 1\r")
    wait_for(lambda: os.path.exists(opened), "the picture to be opened")
    for screen in (left, right):
        rows = [row for row in screen.rows() if width(row) > 40]
        check_equal(rows, [], "rows that are too wide")
    check_not_in("friends.group", right.text())
    left.type("\x1a")
    wait_for(lambda: " T " in open("/proc/%d/stat" % left.process.pid).read(), "it to be stopped")
    check_equal(termios.tcgetattr(left.slave)[3], left.before[3], "settings while it is stopped")
    left.process.send_signal(signal.SIGCONT)
    wait_for(lambda: termios.tcgetattr(left.slave)[3] != left.before[3], "it to go on")
    left.type("\x03")
    left.end()
    right.wait("tina has left")
    check_in("sea.jpg", udo.run("list", "--limit", "1").stdout, "the latest but who came and went")
    right.type("\x04")
    right.end()
    check(not os.path.exists(read_file(opened).decode().strip()), "what was only opened goes with the chat")


@test("chat on a terminal: SIGTERM and a refused message; the words come back to the line, the settings to the terminal")
def terminal_errors():
    daemon = shared_daemon()
    vera, wim = daemon.client("vera"), daemon.client("wim")
    screen = Screen(vera, "wim")
    screen.wait("wim> ")
    screen.type("@nobody keep this\r")
    screen.wait("nobody in this conversation")
    wait_for(lambda: screen.text().rstrip("\x1b[0123456789C\r").endswith("wim> @nobody keep this"), "the words on the line")
    screen.process.send_signal(signal.SIGTERM)
    screen.end(130)


@test("a group is its members: one conversation, by whichever name it is called")
def group():
    daemon = shared_daemon()
    ada, ben, cleo = daemon.client("ada"), daemon.client("ben"), daemon.client("cleo")
    ada.run("group", "set", "family", "ben,cleo")
    ada.run("send", "@family", "one")
    ada.run("chat", "@family", input=b"two\n")
    ada.run("send", "cleo,ben", "three")
    for client in (ben, cleo):
        check_equal([(e["words"], e["number"], e["to"]) for e in listed(client)],
                    [(words, n, ["ada", "ben", "cleo"]) for n, words in enumerate(("one", "two", "three"), 1)], client.user)


@test("chat: who is revoked is told so, and the chat ends; what was not sent is counted")
def revoked():
    daemon = shared_daemon()
    xena, yuri = daemon.client("xena"), daemon.client("yuri")
    chat = Chat(xena, "yuri", "--history", "9")
    yuri.run("send", "xena", "hello")
    chat.wait("yuri: hello")
    daemon.sisctl("revoke", "xena")
    wait_for(lambda: chat.process.poll() is not None, "the end of the chat; %r" % chat.errors)
    check(chat.process.returncode in (69, 77), "exit status %d, %r" % (chat.process.returncode, chat.errors))


if __name__ == "__main__":
    run()
