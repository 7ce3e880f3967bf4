#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full, a limit on file sizes, a store that is read-only: the uploader gets a clear error, and the daemon serves on."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_sealing import SealingDevice
from sis_testlib import *


def in_own_mounts(commands):
    """A wrapper that runs shell commands in a mount namespace of the daemon's own: what is mounted there ends with it."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", commands + ' && exec "$0" "$@"']


def needs_mounts():
    if run_program(["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"], status=None).returncode != 0:
        raise Skip("may not mount")


@test("a full disk: uploads get 507, downloads go on, and after a deletion uploads work again", root=True, needs=["unshare"])
def full_disk():
    needs_mounts()
    state = temporary("small")
    with Daemon(workers=1, state_dir=state, wrapper=in_own_mounts("mount -t tmpfs -o size=12m,mode=755 none " + state)) as daemon:
        device = SealingDevice(daemon)
        kept = []
        for n in range(40):
            bundle = device.seal(make_bytes(1 << 20, n))
            reply = device.upload(bundle)
            if reply.status != 201:
                break
            kept.append((device.item, bundle))
        reply.check_problem(507)
        check(len(kept) > 2, "only %d items fitted" % len(kept))
        for _ in range(5):
            check_equal(device.upload(device.seal(make_bytes(2 << 20))).status, 507, "another upload")
        daemon.is_serving()
        for item, bundle in kept:
            check(bundle.endswith(daemon.request("GET", "/v1/items/%s/object" % item, who=device).body), "item %s" % item)
        for item, _ in kept[:4]:
            check_equal(daemon.request("DELETE", "/v1/items/" + item, who=device).status, 204, "deletion")
        def upload_again():
            return device.upload(device.seal(make_bytes(100000))).status == 201
        wait_for(upload_again, "an upload after the deletions")
        daemon.sisctl("check", "--full")
        daemon.wait_log("no space")


@test("a disk that somebody else fills to the last byte: deleting, inviting and revoking go on, uploads say why not, and come back by themselves", root=True,
      needs=["unshare", "mkfs.ext4"])
def disk_of_others():
    needs_mounts()
    state, image = temporary("small"), os.path.join(temporary("disk"), "image")
    with open(image, "wb") as file:
        file.truncate(48 << 20)
    run_program(["mkfs.ext4", "-q", "-F", "-m", "0", image])
    if run_program(["unshare", "--mount", "mount", "-o", "loop", image, "/mnt"], status=None).returncode != 0:
        raise Skip("no loop devices here")
    with Daemon(workers=1, state_dir=state, wrapper=in_own_mounts("mount -o loop %s %s" % (image, state))) as daemon:
        device, mallory = SealingDevice(daemon), daemon.client("mallory")
        items = []
        for n in range(12):
            check_equal(device.upload(device.seal(make_bytes(1 << 20, n))).status, 201, "an upload while there is room")
            items.append(device.item)
        def fill_up():
            # Again and again: what sisd gives back by itself would be gone, too.
            with open("/proc/%d/root%s/of-others" % (daemon.pid, state), "ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 16) if os.fstat(file.fileno()).st_size < 40 << 20 else bytes(512))
        fill_up()
        device.upload(device.seal(make_bytes(100000))).check_problem(507)
        daemon.wait_log(r"ROOM_SHORT the disk of the state directory is nearly full \(\d+ bytes left\)")
        check_in("nearly full: its administrator has to make room", device.upload(device.seal(make_bytes(100000))).check_problem(507)["detail"], "the answer")
        fill_up()
        daemon.sisctl("revoke", mallory.user)
        check_in("revoked", mallory.run("list", status=77).stderr)
        for n in range(100):
            daemon.sisctl("invite" if n else "add", "carol")
        fill_up()
        for item in items[:5]:
            check_equal(daemon.request("DELETE", "/v1/items/" + item, who=device).status, 204, "deletion")
            fill_up()
        for hard in False, True:
            before = daemon.log_size()
            daemon.restart(hard)
            fill_up()
            daemon.sisctl("invite", "carol")
            daemon.wait_log("ROOM_SHORT", since=before)
        daemon.sisctl("rm", items[5])
        check_equal(daemon.request("GET", "/v1/items/%s/object" % items[6], who=device).status, 200, "download")
        os.truncate("/proc/%d/root%s/of-others" % (daemon.pid, state), 0)
        daemon.wait_log("ROOM_AGAIN")
        check_equal(device.upload(device.seal(make_bytes(100000))).status, 201, "an upload when there is room again")
        daemon.sisctl("check", "--full")
        daemon.sisctl("audit", "verify")


@test("a full disk while sis uploads: one sentence, its exit status, and the next file goes on", root=True, needs=["unshare"])
def full_disk_sis():
    needs_mounts()
    state = temporary("small")
    with Daemon(workers=1, state_dir=state, wrapper=in_own_mounts("mount -t tmpfs -o size=8m,mode=755 none " + state)) as daemon:
        client = daemon.client()
        place = temporary("files")
        large = write_file(place + "/large.bin", make_bytes(30 << 20))
        small = write_file(place + "/small.bin", b"small")
        done = client.run("upload", large, small, "--to", client.user, status=1)
        check_in("large.bin", done.stderr)
        check_in("full", done.stderr)
        check_equal(len(client.items()), 1, "items")


@test("a limit on the size of files: 507, and the daemon serves on")
def file_size_limit():
    # In units of 512 bytes: 2 MiB. The database stays below it.
    with Daemon(workers=1, wrapper=["sh", "-c", 'ulimit -f 4096 && exec "$0" "$@"']) as daemon:
        device = SealingDevice(daemon)
        pids = daemon.roles()
        device.upload(device.seal(make_bytes(5 << 20))).check_problem(507)
        check_equal(device.upload(device.seal(make_bytes(100000))).status, 201, "a smaller one")
        check_equal(daemon.roles(), pids, "processes")


@test("a store that cannot be written: uploads get 503 or 507, downloads go on", root=True, needs=["unshare"])
def read_only():
    needs_mounts()
    daemon = Daemon(workers=1)
    device = SealingDevice(daemon)
    check_equal(device.upload(device.seal(b"before")).status, 201, "upload before")
    item = device.item
    daemon.stop()
    incoming = daemon.state_dir + "/incoming"
    daemon.wrapper = in_own_mounts("mount --bind %s %s && mount -o remount,bind,ro %s" % (incoming, incoming, incoming))
    daemon.start()
    with daemon:
        check(device.upload(device.seal(b"during")).status in (503, 507), "upload to a read-only store")
        check_equal(daemon.request("GET", "/v1/items/%s/object" % item, who=device).status, 200, "download")
        daemon.is_serving()
        daemon.wait_log("store failed|read-only")


@test("too few file descriptors: the daemon starts, refuses what it cannot hold, and serves on afterwards")
def few_descriptors():
    with Daemon(workers=1, wrapper=["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"']) as daemon:
        connections = []
        for _ in range(200):
            with contextlib.suppress(OSError):
                connections.append(daemon.connect(2))
        for connection in connections:
            connection.close()
        def serving():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return daemon.is_serving()
        wait_for(serving, "service after the flood")


run()
