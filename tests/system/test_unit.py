#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""sisd.service: every directive looked at from inside the running service, what systemd-analyze says of it, instances, credentials, reload and restart."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../python"))
from sis_machine import *

PROVEN = set()
# What these do is to be seen in the tests of the service's life below, and in other programs of this suite; it is no part of the sandbox.
LIFE = {"Description", "Documentation", "Requires", "After", "Wants", "WantedBy", "StartLimitIntervalSec", "Type", "ExecStart", "ExecReload", "Restart",
        "RestartSec", "WatchdogSec", "KillMode", "TimeoutStopSec", "OOMPolicy", "OOMScoreAdjust", "RuntimeDirectoryPreserve"}
DROP_IN = "/etc/systemd/system/sisd.service.d/test.conf"
CONTROL = {"SystemCallErrorNumber"}                                                     # shown by every EPERM


def machine():
    made = shared_machine("sisd", "sis")
    wait_for(lambda: made.is_active("sisd.service"), "sisd.service")
    return made


def proves(*directives):
    def note(function):
        PROVEN.update(directives)
        return function
    return note


def roles(machine):
    """[(role, pid)], the master's too."""
    return [(role["role"], role["pid"]) for role in json.loads(machine.sisctl("--json", "status").stdout)["roles"]]


def proc(machine, pid, name):
    return machine.read("/proc/%d/%s" % (pid, name))


def inside(machine, pid, command, **options):
    """A command of the machine's root, with all of root's rights, where that process sees its files: what fails there, fails for the place's sake."""
    return machine.run(["nsenter", "--target", str(pid), "--mount", "--", "/bin/sh", "-c", command], **options)


@test("what systemd-analyze says of the units: verify is content, and the exposure is at most 1.5", root=True)
def analyze():
    verified = machine().run("for unit in sisd.service sisd.socket sisd-metrics.socket sisd@home.service; do systemd-analyze verify --man=no $unit; done", status=None)
    check_equal(verified.returncode, 0, "status of verify")
    check_equal(verified.stdout + verified.stderr, "", "what verify says")
    for unit in "sisd.service", "sisd@home.service":
        table = machine().run(["systemd-analyze", "security", "--no-pager", unit]).stdout
        for line in table.splitlines():
            if "✓" not in line:
                print("# " + re.sub(r"\s{3,}", "   ", line))
        exposure = float(re.search(r"exposure level for \S+ ([0-9.]+)", table).group(1))
        check(exposure <= 1.5, "%s is exposed to %.1f" % (unit, exposure))
        check_equal(machine().run(["systemd-analyze", "security", "--threshold=15", unit], status=None).returncode, 0, "status with a threshold of 1.5")


@proves("CapabilityBoundingSet", "NoNewPrivileges", "SystemCallFilter", "LimitCORE", "LimitNOFILE", "UMask", "Group", "LockPersonality")
@test("/proc/PID/status of every role: three capabilities for the master and none for others, no new privileges, filters, no core files, ids of their own", root=True)
def statuses():
    ids = {}
    most = int(re.search(r"Max open files\s+\d+\s+(\d+)", proc(machine(), 1, "limits")).group(1))         # a container's own limit
    for role, pid in roles(machine()):
        text = proc(machine(), pid, "status")
        fields = dict(line.split(":", 1) for line in text.splitlines())
        fields = {name: " ".join(value.split()) for name, value in fields.items()}
        setids = "00000000000001c0" if role == "master" else "0" * 16                   # CAP_SETGID, CAP_SETUID, CAP_SETPCAP
        check_equal([fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], ["0" * 16, setids, setids, "0" * 16], "capabilities of the " + role)
        check_equal(fields["CapBnd"], setids, "bounding set of the " + role)
        check_equal((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp of the " + role)
        filters = int(fields["Seccomp_filters"])
        check(filters >= 8, "%s has %d filters" % (role, filters))
        check_equal(fields["Umask"], "0027" if role == "ledger" else "0077", "umask of the " + role)
        limits = proc(machine(), pid, "limits")
        check(re.search(r"Max core file size\s+0\s+0 ", limits), limits)
        soft, hard = map(int, re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups())
        if role != "signer":
            check_equal((soft, hard), 2 * (min(1048576, most),), "descriptors of the " + role)
        ids.setdefault(role.split()[0], set()).add((fields["Uid"], fields["Gid"], fields["Groups"]))
        print("# %-8s Uid %-15s CapBnd %s, %d seccomp filters" % (role, fields["Uid"], fields["CapBnd"], filters))
    names = {name: machine().run(["id", "-u", name]).stdout.strip() for name in ("sis-signer", "sis-ledger", "sis-worker")}
    group = machine().run("getent group sis").stdout.split(":")[2]
    for role in "signer", "ledger", "worker":
        (uids, gids, groups), = ids[role]
        check_equal((set(uids.split()), groups), ({names["sis-" + role]}, ""), "ids of the " + role)
        check_equal(set(gids.split()) == {group}, role != "signer", "whether the %s is in the store's group" % role)
    check_equal({(uids, gids) for uids, gids, _ in ids["master"]}, {("0 0 0 0", " ".join([group] * 4))}, "ids of the master")


def mounts(machine, pid):
    """{mount point: (options, file system)}, the last mount of each place."""
    found = {}
    for line in proc(machine, pid, "mountinfo").splitlines():
        words = line.split()
        rest = words[words.index("-") + 1:]
        found[words[4]] = (set(words[5].split(",")) | {"super:" + word for word in rest[2].split(",")}, rest[0])
    return found


@proves("ProtectSystem", "StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "PrivateTmp", "PrivateMounts", "NoExecPaths", "ReadOnlyPaths", "ProtectKernelTunables", "ProtectControlGroups",
        "ProtectProc", "ProcSubset")
@test("the files that every role sees: all but state and temporary files read-only, nothing that can be written and executed, /proc of its own kind alone", root=True)
def files():
    for role, pid in roles(machine()):
        seen = mounts(machine(), pid)
        # /run/host is systemd-nspawn's own.
        writable = {place for place, (options, kind) in seen.items() if "rw" in options and "super:ro" not in options and not re.match(r"/(dev|proc|run/host)(/|$)", place)}
        check_equal(writable, {"/tmp", "/var/tmp", "/var/lib/sis", "/run/sis/master"}, "writable places of the " + role)
        check_equal({place for place in writable if "noexec" not in seen[place][0]}, set(), "places that the %s can write and execute" % role)
        check("ro" in seen["/dev/shm"][0] and "noexec" in seen["/dev/shm"][0], "/dev/shm of the " + role)
        options = seen["/proc"][0]
        check("super:hidepid=invisible" in options and "super:subset=pid" in options, "/proc of the %s: %s" % (role, options))
        for place in "/sys", "/sys/fs/cgroup", "/proc/sys":
            check(place not in seen or "ro" in seen[place][0], "%s of the %s can be written" % (place, role))
        check(os.path.basename(proc_link(machine(), pid, "mnt")) != os.path.basename(proc_link(machine(), 1, "mnt")), "the %s has the host's mounts" % role)
    state = machine().run(["stat", "--format=%a %U %G", "/var/lib/sis"]).stdout.strip()
    check_equal(state, "710 root sis", "/var/lib/sis")
    check_equal(machine().run(["stat", "--format=%a %U %G", "/run/sis/master"]).stdout.strip(), "700 root sis", "/run/sis/master")


def proc_link(machine, pid, kind):
    return machine.run(["readlink", "/proc/%d/ns/%s" % (pid, kind)]).stdout.strip()


@proves("PrivateNetwork", "PrivateIPC", "ProtectHostname")
@test("the namespaces of every role: network, IPC and host name are not the host's, and in the network there is a loopback and nothing else", root=True)
def namespaces():
    for role, pid in roles(machine()):
        for kind in "net", "ipc", "uts", "mnt":
            check(proc_link(machine(), pid, kind) != proc_link(machine(), 1, kind), "%s: the %s namespace is the host's" % (role, kind))
        devices = re.findall(r"^\s*(\w+):", proc(machine(), pid, "net/dev"), re.MULTILINE)
        check_equal(devices, ["lo"], "network devices of the " + role)


@proves("PrivateDevices", "DevicePolicy", "ProtectHome", "InaccessiblePaths", "ProtectKernelLogs")
@test("devices, homes, hashes of passwords and root's doors are not there, not even for root with all rights in the same place", root=True)
def hidden():
    machine().run("mkdir -p /home/carol && echo secret > /home/carol/diary; echo secret > /root/diary; mkdir -p /etc/ssh; echo secret > /etc/ssh/key; "
                  "echo secret > /etc/sudoers; systemctl restart sisd.service")
    _, pid = roles(machine())[0]
    devices = set(inside(machine(), pid, "ls /dev").stdout.split())
    check_equal(devices - {"char", "core", "fd", "full", "hugepages", "log", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom",
                           "zero"}, set(), "devices")
    for path in "/home/carol/diary", "/root/diary", "/etc/ssh/key":
        check(inside(machine(), pid, "cat " + path, status=None).returncode != 0, "%s is there" % path)
    for path in "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/run/systemd/private":
        check_equal(inside(machine(), pid, "cat %s 2>/dev/null" % path, status=None).stdout, "", path)
    shown = machine().show("sisd.service", "DevicePolicy", "DeviceAllow")
    check_equal(shown["DevicePolicy"], "closed", "DevicePolicy")


# ------------------------------------------------------------------------------------------------ instances

def https(machine, port, *more):
    return machine.run(["curl", "-sS", "--cacert", "/var/lib/sis-studio/keys/ca.pem", *more, "https://localhost:%d/healthz" % port], status=None)


@test("an instance: without a port it says what is missing; with one it serves beside the other, with its own state, socket, people and journal", root=True)
def instances():
    m = machine()
    m.write("/etc/sis/studio.conf", "workers = 1;\n", mode=0o640)
    check(m.systemctl("start", "sisd@studio.service", status=None).returncode != 0, "it started without a port")
    m.wait_journal(r"systemd passes no TCP socket.*sisd@NAME.socket", "_SYSTEMD_UNIT=sisd@studio.service")
    m.write("/etc/systemd/system/sisd@studio.socket.d/port.conf", "[Socket]\nListenStream=7444\n")
    m.run("systemctl daemon-reload; systemctl reset-failed; systemctl stop sisd@studio.socket; systemctl enable --now sisd@studio.socket sisd@studio.service")
    check_equal(https(m, 7444).stdout, "ok\n", "the instance's /healthz")
    m.is_serving()
    invite = m.sisctl("--instance", "studio", "add", "dora").stdout
    check_in(":7444/dora#", invite)
    check_not_in("dora", m.sisctl("list").stdout)
    check_in("dora", m.sisctl("list", "--instance", "studio").stdout)
    m.wait_journal("dora", "_SYSTEMD_UNIT=sisd@studio.service")
    check_in("dora", m.sisctl("--instance", "studio", "logs").stdout)
    check_not_in("dora", m.sisctl("logs").stdout)
    check_equal(m.run(["stat", "--format=%a %U %G", "/var/lib/sis-studio", "/run/sis-studio/control.sock"]).stdout.splitlines(), ["710 root sis", "660 sis-ledger sis-admin"],
                "owners")
    m.systemctl("stop", "sisd@studio.socket", "sisd@studio.service")
    m.is_serving()
    check(https(m, 7444).returncode != 0, "the instance serves on")


# ------------------------------------------------------------------------------------------------ certificates of somebody else

def order(machine, name, place="/etc/sis/tls", algorithm=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")):
    """What an ACME client leaves: new files, root's alone, renamed into place."""
    machine.run("mkdir -p %s" % place)
    machine.run(["openssl", "req", "-x509", *algorithm, "-nodes", "-days", "60", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost",
                 "-keyout", place + "/key.new", "-out", place + "/cert.new"])
    machine.run("chmod 600 {0}/*.new; mv {0}/key.new {0}/privkey.pem; mv {0}/cert.new {0}/fullchain.pem".format(place))


def presented(machine):
    return machine.run("openssl s_client -connect 127.0.0.1:7443 -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -subject").stdout.strip()


FILES = 'tls_certificate = "/etc/sis/tls/fullchain.pem";\ntls_key = "/etc/sis/tls/privkey.pem";\n'


@test("files that an ACME client renews are taken by systemctl reload, wrong ones are refused in the journal, and connections stay", root=True)
def acme():
    m = machine()
    order(m, "first")
    m.write("/etc/sis/sisd.conf", FILES)
    m.systemctl("reload", "sisd.service")
    wait_for(lambda: presented(m).endswith("first"), "the first certificate")
    pids = dict(roles(m))
    order(m, "second")
    m.systemctl("reload", "sisd.service")
    wait_for(lambda: presented(m).endswith("second"), "the renewed certificate")
    for wrong, words in (lambda: m.run("echo rubbish > /etc/sis/tls/privkey.pem"), "tls_key is no PEM file"), \
            (lambda: order(m, "rsa", algorithm=("-newkey", "rsa:2048")), "ECDSA P-256 or Ed25519, not RSA"), \
            (lambda: (order(m, "theirs"), m.run("chown sis-worker /etc/sis/tls/privkey.pem")), "privkey.pem: tls_key cannot be read by sisd"), \
            (lambda: m.run("rm /etc/sis/tls/privkey.pem"), "privkey.pem: tls_key cannot be opened: No such file"):
        cursor = m.cursor()
        wrong()
        m.systemctl("reload", "sisd.service")
        m.wait_journal(words, after=cursor)
        check(presented(m).endswith("second"), "after %r it presents %s" % (words, presented(m)))
    order(m, "third")
    m.systemctl("reload", "sisd.service")
    wait_for(lambda: presented(m).endswith("third"), "the third certificate")
    check_equal(dict(roles(m)), pids, "processes")


@test("credentials, one of them encrypted, carry the certificate and key; a name that the unit does not pass is refused with what to write", root=True)
def credentials():
    m = machine()
    order(m, "credential", place="/root/order")
    m.run("systemd-creds encrypt --with-key=host --name=sis-tls.key /root/order/privkey.pem /etc/sis/sis-tls.key.cred")
    m.write(DROP_IN, "[Service]\nLoadCredential=sis-tls.pem:/root/order/fullchain.pem\nLoadCredentialEncrypted=sis-tls.key:/etc/sis/sis-tls.key.cred\n")
    m.write("/etc/sis/sisd.conf", 'tls_certificate = "credential:sis-tls.pem";\ntls_key = "credential:sis-tls.key";\n')
    check_in("not looked at", m.run("sisd --check").stdout)
    m.run("systemctl daemon-reload && systemctl restart sisd.service")
    wait_for(lambda: presented(m).endswith("credential"), "the certificate of the credential")
    m.systemctl("reload", "sisd.service")
    check(presented(m).endswith("credential"), presented(m))
    cursor = m.cursor()
    m.run("rm %s && systemctl daemon-reload" % DROP_IN)
    check(m.systemctl("restart", "sisd.service", status=None).returncode != 0, "it started without its credentials")
    m.wait_journal(r'there is no credential "sis-tls.pem".*LoadCredential=sis-tls.pem:FILE', after=cursor)
    m.write("/etc/sis/sisd.conf", "")
    m.systemctl("restart", "sisd.service")
    m.is_serving()


# ------------------------------------------------------------------------------------------------ what a process of the unit may do

FOREIGN = "/var/of-somebody"


def probe_program():
    path = os.path.join(temporary("probe"), "sis-probe")
    run_program(["cc", "-static", "-O1", "-o", path, os.path.join(SOURCE, "tests/python/unit_probe.c")])
    return read_file(path)


def probe(machine):
    """({attempt: result} inside of the unit, the same for root outside)"""
    machine.write("/usr/local/lib/sis-probe", probe_program(), mode=0o755)
    machine.write(FOREIGN, "secret", mode=0o600, owner="nobody")
    machine.run("useradd --create-home alice 2>/dev/null; touch /tmp/of-the-host /boot 2>/dev/null; echo x > /tmp/of-the-host", status=None)
    somebody = machine.run("setpriv --reuid nobody --clear-groups sleep 600 >/dev/null 2>&1 & echo $!").stdout.strip()
    results = []
    machine.write(DROP_IN, "[Service]\nExecStartPre=/usr/local/lib/sis-probe %s /var/lib/sis/probe.out %s\n" % (FOREIGN, somebody))
    machine.run("systemctl daemon-reload && systemctl restart sisd.service")
    results.append(machine.read("/var/lib/sis/probe.out"))
    machine.run("rm %s /var/lib/sis/probe.out && systemctl daemon-reload && systemctl restart sisd.service" % DROP_IN)
    machine.run(["/usr/local/lib/sis-probe", FOREIGN, "/root/probe.out", somebody], status=None)
    results.append(machine.read("/root/probe.out"))
    return [dict(line.split(" ", 1) for line in text.splitlines()) for text in results]


ALLOWED = {"socketpair", "write-tmp", "landlock_create_ruleset", "read:/dev/null", "read:/proc/self/status", "read:/usr/sbin/sisd", "write:/var/lib/sis/probe",
           "setuid-role", "setuid-back", "end"}
# Which attempts show which directive.
SHOWN = {
    "RestrictAddressFamilies": ["socket-inet", "socket-inet6", "socket-unix", "socket-netlink", "socket-packet", "socket-vsock"],
    "MemoryDenyWriteExecute": ["mmap-write-exec", "mprotect-exec"],
    "NoExecPaths": ["map-exec-tmp", "execute-tmp"],
    "ReadOnlyPaths": ["write:/dev/shm/probe", "write:/run/probe", "write:/run/sis/probe"],
    "RestrictSUIDSGID": ["chmod-setuid", "create-setuid"],
    "RestrictNamespaces": ["unshare-user", "unshare-mount", "unshare-pid", "unshare-net", "unshare-ipc", "unshare-uts", "unshare-cgroup", "setns"],
    "LockPersonality": ["personality"],
    "RestrictRealtime": ["scheduler-fifo"],
    "SystemCallFilter": ["setpriority", "ioprio_set", "sched_setaffinity", "setrlimit", "keyctl", "add_key", "io_uring_setup", "io_setup", "process_vm_readv", "kcmp",
                         "userfaultfd", "bind", "listen", "mount", "umount2", "chroot", "pivot_root", "quotactl", "bpf", "perf_event_open"],
    "SystemCallArchitectures": ["call-i386"],
    "ProtectClock": ["adjtimex", "clock_settime"],
    "ProtectHostname": ["sethostname"],
    "ProtectKernelModules": ["init_module", "delete_module"],
    "CapabilityBoundingSet": ["read-foreign", "chown-foreign", "chmod-foreign", "give-away", "signal-foreign", "raise-limit"],
    "ProtectHome": ["read:/root", "read:/home/alice"],
    "PrivateTmp": ["read:/tmp/of-the-host"],
    "InaccessiblePaths": ["read:/etc/shadow", "read:/etc/gshadow", "connect-private"],
    "PrivateDevices": ["read:/dev/kmsg", "read:/dev/mem", "write:/dev/probe"],
    "ProcSubset": ["read:/proc/kallsyms"],
    "ProtectProc": ["read:/proc/1/status"],
    "ProtectKernelTunables": ["write:/proc/sys/kernel/core_pattern", "write:/sys/kernel/probe"],
    "ProtectControlGroups": ["write:/sys/fs/cgroup/probe"],
    "ProtectSystem": ["write:/etc/probe", "write:/usr/probe", "write:/var/probe"],
    "ProtectKernelLogs": ["syslog"],
}


@proves(*SHOWN)
@test("a program that is started with all of the unit's directives tries what they refuse, and gets exactly what is meant to be left", root=True, needs=["cc"])
def attempts():
    within, without = probe(machine())
    check_equal({name for name, result in within.items() if result == "allowed"} - {"read:/dev/tty"}, ALLOWED, "what is allowed within the unit")
    for directive, names in SHOWN.items():
        for name in names:
            check(name in within, "%s was not tried" % name)
        # The machine itself may do little; what it may not do shows nothing here.
        told = [name for name in names if without.get(name) == "allowed" or without.get(name) != within[name]]
        print("# %-24s %s%s" % (directive, ", ".join("%s: %s" % (name, within[name]) for name in told) or "(nothing)",
                                "; refused in this machine as well: " + ", ".join(sorted(set(names) - set(told))) if len(told) < len(names) else ""))
        check(told or directive in ("ProtectKernelModules", "ProtectKernelLogs", "RestrictRealtime"), "nothing shows %s: %r" % (directive, [(n, within[n], without[n]) for n in names]))
    for name in SHOWN["RestrictAddressFamilies"] + SHOWN["SystemCallFilter"]:
        check(within[name] in ("EPERM", "EAFNOSUPPORT"), "%s ends with %s, not by the filter" % (name, within[name]))


@proves("IPAddressDeny", "KeyringMode", "RemoveIPC", "ProtectKernelModules", "ProtectKernelLogs", "RestrictRealtime", "LogRateLimitIntervalSec", "LogRateLimitBurst")
@test("what cannot be tried here is in force as systemd tells it", root=True)
def told():
    wanted = {"KeyringMode": "private", "RemoveIPC": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes", "RestrictRealtime": "yes",
              "LogRateLimitIntervalUSec": "10s", "LogRateLimitBurst": "100000"}
    check_equal(machine().show("sisd.service", *wanted), wanted, "properties")
    check_in("0.0.0.0/0", machine().show("sisd.service", "IPAddressDeny")["IPAddressDeny"], "IPAddressDeny")


@test("no directive of the units is without a proof, and the instances' unit has the same ones", root=True)
def all_proven():
    def directives(unit):
        lines = re.findall(r"(?m)^([A-Za-z]+)=", machine().run(["cat", "/lib/systemd/system/" + unit]).stdout)
        return set(lines)
    for unit in "sisd.service", "sisd@.service":
        check_equal(directives(unit) - LIFE - CONTROL - PROVEN, set(), "directives of %s that no test looks at" % unit)
    single, instance = (machine().run(["cat", "/lib/systemd/system/" + unit]).stdout for unit in ("sisd.service", "sisd@.service"))
    for text in " (%i)", "-%i", " -c /etc/sis/%i.conf":
        instance = instance.replace(text, "")
    instance = instance.replace("sisd@%i.socket", "sisd.socket").replace("that of sisd.service", "that of sisd@.service")
    check_equal(instance, single, "sisd@.service, without its name")


run()
