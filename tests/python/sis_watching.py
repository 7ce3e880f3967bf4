# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader of event streams (Server-Sent Events) without sis."""

import contextlib
import socket

from sis_testlib import *


class Event:
    def __init__(self, kind, number, data):
        self.kind, self.number, self.data = kind, number, data

    def __repr__(self):
        return "%s %s %s" % (self.kind, self.number, json.dumps(self.data)[:200])


class Stream:
    """GET /v1/events as `who`: .hello, then .next() and .take(n)."""
    opened = []

    def __init__(self, daemon, who, after=None, last=None, include=None, receive_buffer=None):
        self.heartbeats, self.retry, self.ended = 0, None, False
        query = "&".join("%s=%s" % pair for pair in (("after", after), ("include", include)) if pair[1] is not None)
        raw = daemon.connect()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket = daemon.tls_context(who).wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        self.file = self.socket.makefile("rb")
        Stream.opened.append(self)
        lines = ["GET /v1/events%s HTTP/1.1" % ("?" + query if query else ""), "Host: localhost"] + ([] if last is None else ["Last-Event-ID: %s" % last])
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        status, self.text = int(self.file.readline().split()[1]), b""
        headers = http.client.parse_headers(self.file)
        self.reply = Reply(status, headers, b"" if status == 200 else self.file.read(int(headers["Content-Length"])))
        if self.reply.status == 200:
            check_equal(self.reply.headers["Content-Type"], "text/event-stream", "content type")
            self.hello = self.next()
            if self.hello is None:              # the worker was told to stop between the answer's head and the first event
                raise ConnectionResetError("an event stream that ended at once")
            check_equal((self.hello.kind, self.hello.number), ("hello", self.hello.data["sequence"]), "the first event")

    def _line(self):
        """One line of the stream, b"" at its orderly end; OSError when it is cut off."""
        while b"\n" not in self.text:
            size = self.file.readline()
            if not size.endswith(b"\r\n"):
                raise ConnectionAbortedError("the stream was cut off")
            chunk = self.file.read(int(size, 16) + 2)
            if len(chunk) != int(size, 16) + 2:
                raise ConnectionAbortedError("the stream was cut off in a chunk")
            if chunk == b"\r\n":
                return b""
            self.text += chunk[:-2]
        line, self.text = self.text.split(b"\n", 1)
        return line + b"\n"

    def next(self):
        """The next event, or None when the server has ended the stream in order. Raises when the connection is cut off."""
        fields = {}
        while True:
            line = self._line()
            if not line:
                self.ended = True
                return None
            name, _, value = line[:-1].decode().partition(":")
            if line == b"\n" and "data" in fields:
                return Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))
            if line == b":\n":
                self.heartbeats += 1
            elif name == "retry":
                check(self.retry is None, "a second retry")
                self.retry = int(value)
            elif line != b"\n":
                check(name in ("event", "id", "data") and name not in fields and value.startswith(" "), "a line of no event: %r" % line)
                fields[name] = value[1:]

    def take(self, n, kind="item"):
        """The next n events of this kind; others are passed over."""
        found = []
        while len(found) < n:
            event = self.next()
            check(event is not None, "the stream ended after %d of %d" % (len(found), n))
            if event.kind == kind:
                found.append(event)
        return found

    def close(self):
        # Another thread may be reading, and holds the file's lock until something comes: closing alone would wait for that.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.file.close()
        self.socket.close()

    @staticmethod
    def close_all():
        """A draining server waits for those who do not hang up."""
        while Stream.opened:
            Stream.opened.pop().close()
