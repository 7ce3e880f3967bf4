# SPDX-License-Identifier: GPL-3.0-or-later
"""sis-picture spoken to without sis (src/picture/job.h), commands on a pseudo-terminal, and small pictures with much to remove."""

import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import termios

from sis_testlib import BUILD, check_equal, program_environment, run_program


class PictureProgram:
    """A running sis-picture."""

    def __init__(self):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([os.path.join(BUILD, "sis-picture")], preexec_fn=lambda: os.dup2(theirs.fileno(), 3), close_fds=False,
                                        env=program_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_ignored):
        self.control.close()
        check_equal(self.process.wait(20), 0, "exit status of sis-picture")

    def begin(self, job):
        """A child for one picture, which it has not got yet; returns the stream to it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        socket.send_fds(self.control, [job.encode()], [theirs.fileno()])
        theirs.close()
        return ours

    def do(self, job, picture):
        """{kind: bytes} of the frames that came."""
        stream, answer = self.begin(job), b""
        try:
            stream.sendall(struct.pack("=Q", len(picture)) + picture)
            while data := stream.recv(1 << 20):
                answer += data
        except (BrokenPipeError, ConnectionResetError):
            pass
        frames = {}
        while len(answer) >= 9:
            size = struct.unpack("=Q", answer[1:9])[0]
            frames[chr(answer[0])], answer = answer[9:9 + size], answer[9 + size:]
        return frames

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            return [int(word) for word in file.read().split()]


def on_terminal(command, columns=100, rows=40, **environment):
    """Runs a command on a pseudo-terminal; returns its status and all that it wrote."""
    settings = {"TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
    env = {name: value for name, value in program_environment().items()
           if not name.startswith(("KITTY_", "TERM", "COLORTERM", "VTE_", "WT_", "CONTOUR_", "MLTERM", "NO_COLOR"))}
    env.update({name: value for name, value in settings.items() if value is not None})
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * 8, rows * 16))
    process = subprocess.Popen(command, stdin=far, stdout=far, stderr=far, env=env, start_new_session=True)
    os.close(far)
    written = b""
    try:
        while data := os.read(near, 65536):
            written += data
    except OSError:                         # what a terminal says when nobody holds its other end
        pass
    os.close(near)
    return process.wait(60), written


def exiftool(*paths):
    """{file name: {"Group:Tag": value}}, the groups of the file system left out."""
    listed = json.loads(run_program(["exiftool", "-json", "-G1", "-a", "-u", "-U", "-ee", "-n", *paths], status=None).stdout)
    return {os.path.basename(one["SourceFile"]): {tag: value for tag, value in one.items() if ":" in tag and not tag.startswith(("System:", "Composite:"))}
            for one in listed}


def add_metadata(orientation, *paths):
    """Everything that exiftool can put into each; what a format has no place for it says and leaves out."""
    thumbnail = os.path.join(os.path.dirname(paths[0]), "thumbnail")
    with open(thumbnail, "wb") as file:
        import make_photo
        file.write(make_photo.make(16, 16))
    run_program(["exiftool", "-q", "-q", "-m", "-overwrite_original", "-GPSLatitude=48.1372", "-GPSLatitudeRef=N", "-GPSLongitude=11.5755",
                 "-GPSLongitudeRef=E", "-Make=Pinhole", "-Model=Secret 3000", "-SerialNumber=SN4711", "-Artist=Alice Author", "-Orientation#=%d" % orientation,
                 "-DateTimeOriginal=2026:11:21 10:00:00", "-XMP-dc:Creator=Alice Author", "-XMP-dc:Description=at the hideout", "-IPTC:City=Rome",
                 "-Comment=at the hideout", "-ThumbnailImage<=" + thumbnail, *paths], status=None)
