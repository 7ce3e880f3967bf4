# SPDX-License-Identifier: GPL-3.0-or-later
"""What the system tests are made of: the Debian packages of this tree, and small Debian systems to put them into. Each is made once and kept.

    packages()      {"sis": path of the .deb, "sisd": …}, made with dpkg-buildpackage from what git would commit
    bare_root()     a directory with a minimal Debian of the host's release that boots: systemd, dbus, nothing else
    machine_root()  the same with everything that the two packages depend on, and a few tools

They lie below $SIS_SYSTEM_CACHE (default /var/cache/sis-tests), each named after what went into it and renamed into place when it was whole, so that a
half-made one is never used. Whoever may not make them here gets a Cannot, which says why.
"""

import contextlib
import ctypes
import fcntl
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.abspath(os.environ.get("SIS_SYSTEM_CACHE") or "/var/cache/sis-tests")
BARE_PACKAGES = ["systemd", "systemd-sysv", "dbus", "ca-certificates"]
TOOLS = ["curl", "openssl", "procps"]
PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux", "dpkg-buildpackage": "dpkg-dev", "dh": "debhelper",
            "git": "git"}
# Of these nothing gets into a package, so that a change of a test makes no new ones.
NOT_PACKAGED = re.compile(r"tests/(functional|hostile|python|system|vectors|fuzz/corpus)/|bench/|\.ci/|check$|quickstart$|tests/[a-z-]+$|(HACKING|ARCHITECTURE)\.md$|debian/tests/")
KEPT, KEPT_S = 4, 6 * 3600                      # of each kind: so many, and whatever was used within so many seconds
NSPAWN = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit"]
ROOT_VERSION = "1"                              # to be raised when something below changes what a root is


class Cannot(Exception):
    """This host cannot do it; the words say why."""


class Broken(Exception):
    """It should have worked."""


# ------------------------------------------------------------------------------------------------ the host

def check_host():
    """Raises Cannot where no system test can run: asked before anything is made."""
    if os.geteuid() != 0:
        raise Cannot("needs root")
    missing = sorted(package for program, package in PROGRAMS.items() if shutil.which(program) is None)
    if missing:
        raise Cannot("needs these Debian packages: " + " ".join(missing))
    private_mounts()
    with open("/proc/filesystems") as file:
        if "overlay" not in file.read() and subprocess.run(["modprobe", "overlay"], stderr=subprocess.DEVNULL).returncode != 0:
            raise Cannot("this kernel has no overlay file system")
    if not git("ls-files", "configure.ac", may_fail=True):
        raise Cannot("not a git working tree, whose list of files says what goes into the packages")


_private = False


def private_mounts():
    """From now on this process and its children mount for themselves, and whatever they mounted is gone when they are."""
    global _private
    if _private:
        return
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:                  # CLONE_NEWNS
        raise Cannot("may not make a mount namespace here (%s)" % os.strerror(ctypes.get_errno()))
    done = run(["mount", "--make-rprivate", "/"], may_fail=True)
    if done.returncode != 0:
        raise Cannot("may not mount here (%s)" % done.stdout.strip())
    # nspawn's own notes, apart from those of any other on this host.
    os.makedirs("/run/systemd/nspawn", exist_ok=True)
    run(["mount", "-t", "tmpfs", "sis-tests", "/run/systemd/nspawn"])
    _private = True


def run(command, may_fail=False, log=None, **options):
    """The finished command, its output (both kinds) as text in .stdout, or in the open file log."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log or subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode != 0 and not may_fail:
        raise Broken("%s ended with %d: %s" % (" ".join(command), done.returncode, ("see " + log.name if log else done.stdout)[-3000:]))
    return done


def fetch(command, directory=None):
    """run() for what comes over the network, which may be away for a moment. directory: what the command fills, and begins anew."""
    for pause_s in 5, 30:
        done = run(command, may_fail=True)
        if done.returncode == 0:
            return done
        time.sleep(pause_s)
        if directory:
            # Nothing that is still mounted in it.
            run(["rm", "-rf", "--one-file-system", directory], may_fail=True)
            os.makedirs(directory, exist_ok=True)
    return run(command)


def git(*arguments, may_fail=False):
    # Whoever owns the tree, reading its list of files is harmless.
    done = subprocess.run(["git", "-c", "safe.directory=*", "-C", SOURCE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode != 0 and not may_fail:
        raise Broken("git %s ended with %d" % (" ".join(arguments), done.returncode))
    return done.stdout


def identity(*words):
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ what is kept

def is_kept(path):
    """And, if so, from now on for a while."""
    try:
        os.utime(path)
        return True
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def made_once(kind, name):
    """Yields (final path, a new directory to fill or None when it is there already). What was filled without an exception gets the final name."""
    os.makedirs(os.path.join(CACHE, kind), mode=0o755, exist_ok=True)
    final, partial = os.path.join(CACHE, kind, name), os.path.join(CACHE, kind, "partial")
    # What is there is whole: nobody waits for somebody who makes another one.
    if is_kept(final):
        yield final, None
        return
    with open(os.path.join(CACHE, kind, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_kept(final):
            yield final, None
            return
        # The same place each time, so that a compiler cache finds things again.
        shutil.rmtree(partial, ignore_errors=True)
        os.makedirs(partial)
        yield final, partial
        os.rename(partial, final)
        others = sorted((path for path in glob.glob(os.path.join(CACHE, kind, "*")) if os.path.isdir(path)), key=os.path.getmtime)
        for path in others[:-KEPT]:
            if os.path.getmtime(path) < time.time() - KEPT_S:
                shutil.rmtree(path, ignore_errors=True)


# ------------------------------------------------------------------------------------------------ packages

def tracked_files():
    """What git would commit, files that are not yet added included."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted(name for name in set(names) if name and os.path.lexists(os.path.join(SOURCE, name)))


def tree_identity(names):
    total = hashlib.sha256()
    for name in names:
        path = os.path.join(SOURCE, name)
        if not NOT_PACKAGED.match(name) and os.path.isfile(path):
            with open(path, "rb") as file:
                total.update(("%s\0%o\0" % (name, os.stat(path).st_mode & 0o111)).encode() + hashlib.sha256(file.read()).digest())
    return total.hexdigest()[:16]


def copy_tree(names, directory):
    for name in names:
        to = os.path.join(directory, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy2(os.path.join(SOURCE, name), to, follow_symlinks=False)


def build_environment(**more):
    """A compiler cache is used where there is one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SIS_", "MAKE", "MFLAGS", "DEB_"))}
    environment.update(DEB_BUILD_OPTIONS="nocheck parallel=%d" % (os.cpu_count() or 1), DEB_BUILD_PROFILES="nocheck", LC_ALL="C.UTF-8")
    if os.path.isdir("/usr/lib/ccache"):
        environment.update(PATH="/usr/lib/ccache:" + environment["PATH"], CCACHE_DIR=os.path.join(CACHE, "ccache"), CCACHE_NOHASHDIR="1")
    environment.update(more)
    return environment


@functools.cache
def package_directory():
    """The directory with the .debs, .changes and build.log of this tree; builds them when they are not there."""
    names = tracked_files()
    with made_once("packages", tree_identity(names)) as (final, partial):
        if partial:
            copy_tree(names, os.path.join(partial, "source"))
            with open(os.path.join(partial, "build.log"), "w") as log:
                run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=os.path.join(partial, "source"), env=build_environment(), log=log)
            shutil.rmtree(os.path.join(partial, "source"))
    return final


def packages():
    return {os.path.basename(path).split("_")[0]: path for path in glob.glob(os.path.join(package_directory(), "*.deb"))}


def newer_package(name, directory):
    """The package once more, as its next version, with other bytes in its programs (which mean nothing to them). Returns the path of the .deb."""
    tree, path = os.path.join(directory, name), os.path.join(directory, name + "_next.deb")
    run(["dpkg-deb", "-R", packages()[name], tree])
    control = os.path.join(tree, "DEBIAN/control")
    with open(control) as file:
        text = re.sub(r"^(Version: .*)$", r"\1+next1", file.read(), flags=re.MULTILINE)
    with open(control, "w") as file:
        file.write(text)
    for program in glob.glob(tree + "/usr/*bin/*") + glob.glob(tree + "/usr/libexec/sis/*"):
        with open(program, "ab") as file:
            file.write(b"next")
    run(["dpkg-deb", "--root-owner-group", "-b", tree, path])
    return path


def dependencies():
    """Names of what the packages depend on, the first of alternatives."""
    found = set()
    for name, path in packages().items():
        if not name.endswith("-dbgsym"):
            for field in "Pre-Depends", "Depends":
                found |= set(re.findall(r"(?:^|,) *([a-z0-9][a-z0-9+.-]*)", run(["dpkg-deb", "-f", path, field]).stdout))
    return sorted(found - {"sis", "sisd"})


# ------------------------------------------------------------------------------------------------ roots

def codename():
    with open("/etc/os-release") as file:
        found = re.search(r"^VERSION_CODENAME=\"?([a-z]+)", file.read(), re.MULTILINE)
    if not found:
        raise Cannot("/etc/os-release names no release of Debian")
    return found.group(1)


def sources():
    """Lines for the root's sources.list: what the host has from Debian for its release, the release itself first."""
    done = run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)", "Identifier: Packages"], may_fail=True)
    wanted = [line.split()[1:] for line in done.stdout.splitlines() if re.fullmatch(r"Debian https?://\S+ %s(-updates|-security)? main" % codename(), line)]
    if not any(release == codename() for _, release, _ in wanted):
        raise Cannot("apt's list of sources here names no Debian archive of %s" % codename())
    return ["deb %s %s %s" % tuple(words) for words in sorted(wanted, key=lambda words: words[1])]


def bare_root():
    lines = sources()
    with made_once("bare", identity(ROOT_VERSION, *lines, *BARE_PACKAGES)) as (final, partial):
        if partial:
            mirror = lines[0].split()[1]
            if shutil.which("curl") and run(["curl", "-sfI", "-m", "20", "-o", "/dev/null", "%s/dists/%s/InRelease" % (mirror.rstrip("/"), codename())],
                                            may_fail=True).returncode != 0:
                raise Cannot("no way to the Debian archive at " + mirror)
            fetch(["debootstrap", "--variant=minbase", "--include=" + ",".join(BARE_PACKAGES), codename(), partial, mirror], partial)
            finish_root(partial, lines)
    return final


def finish_root(root, lines):
    with open(os.path.join(root, "etc/apt/sources.list"), "w") as file:
        file.write("\n".join(lines) + "\n")
    proxies = [line for line in run(["apt-config", "dump"]).stdout.splitlines() if re.match(r"Acquire::https?::Proxy", line)]
    with open(os.path.join(root, "etc/apt/apt.conf.d/90host"), "w") as file:
        file.write("\n".join(proxies) + "\n")
    # A machine of its own, not one that this host's or debootstrap's identity names; and nothing waits for a disk that is thrown away.
    with open(os.path.join(root, "etc/machine-id"), "w"):
        pass
    with open(os.path.join(root, "etc/hostname"), "w") as file:
        file.write("sis-test\n")
    with open(os.path.join(root, "etc/hosts"), "w") as file:
        file.write("127.0.0.1 localhost sis-test\n::1 localhost\n")
    with open(os.path.join(root, "etc/dpkg/dpkg.cfg.d/unsafe-io"), "w") as file:
        file.write("force-unsafe-io\n")
    run(["sh", "-c", "rm -f %s/var/cache/apt/archives/*.deb" % root])


@functools.cache
def machine_root(*tools):
    """tools: more packages that are to be in it. Debs and bare root are made beside each other: one wants processors, the other mostly waits."""
    check_host()
    trouble = []
    thread = threading.Thread(target=_kept, args=(trouble, bare_root))
    thread.start()
    try:
        wanted = sorted({*dependencies(), *TOOLS, *tools})
    finally:
        thread.join()
    if trouble:
        raise trouble[0]
    bare = bare_root()
    with made_once("root", identity(os.path.basename(bare), *wanted)) as (final, partial):
        if partial:
            run(["cp", "-a", "--reflink=auto", bare + "/.", partial])
            enter = NSPAWN + ["-D", partial, "--pipe", "--setenv=DEBIAN_FRONTEND=noninteractive"]
            trial = run(enter + ["true"], may_fail=True)
            if trial.returncode != 0:
                raise Cannot("systemd-nspawn does not run here: " + trial.stdout.strip()[-500:])
            fetch(enter + ["apt-get", "-q", "update"])
            fetch(enter + ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *wanted])
            run(["sh", "-c", "rm -f %s/var/cache/apt/archives/*.deb %s/etc/machine-id; : > %s/etc/machine-id" % (partial, partial, partial)])
    return final


def _kept(trouble, function):
    try:
        function()
    except Exception as error:
        trouble.append(error)
