/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a process of the unit may do: each line is a name and "allowed", or the name of the errno. Run as root by ExecStartPre= of sisd.service itself, so
 * that every directive of the unit is in force, and none of what the roles do to themselves. Every attempt is one that cannot do harm where it is allowed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *errno_name(int error)
{
	return strerrorname_np(error);
}

static void tell(const char *name, long result)
{
	printf("%s %s\n", name, result >= 0 ? "allowed" : errno_name(errno));
	fflush(stdout);
}

#define TRY(name, call) (errno = 0, tell((name), (long)(call)))
#define TRY_CALL(number, ...) TRY(#number, syscall(SYS_##number, __VA_ARGS__))

static void try_sockets(void)
{
	static const struct { const char *name; int family, type; } families[] = {
		{ "socket-inet", AF_INET, SOCK_STREAM }, { "socket-inet6", AF_INET6, SOCK_DGRAM }, { "socket-unix", AF_UNIX, SOCK_STREAM },
		{ "socket-netlink", AF_NETLINK, SOCK_RAW }, { "socket-packet", AF_PACKET, SOCK_RAW }, { "socket-vsock", AF_VSOCK, SOCK_STREAM },
		{ "socket-alg", AF_ALG, SOCK_SEQPACKET },
	};
	int pair[2];
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		TRY(families[i].name, socket(families[i].family, families[i].type, 0));
	TRY("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	TRY("bind", bind(pair[0], (struct sockaddr *)&(struct sockaddr_un){ .sun_family = AF_UNIX }, sizeof(sa_family_t)));
	TRY("listen", listen(pair[0], 1));
	/* What a stream socket that somebody made all the same would need. */
	TRY("connect-private", connect(pair[0], (struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "/run/systemd/private" }, sizeof(struct sockaddr_un)));
}

static void try_memory(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TRY("mmap-write-exec", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	TRY("mprotect-exec", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	int fd = open("/tmp/probe-file", O_RDWR | O_CREAT, 0700);
	TRY("write-tmp", write(fd, "#!/bin/true\n", 12));
	TRY("map-exec-tmp", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);
	TRY("execute-tmp", access("/tmp/probe-file", X_OK));
	TRY("chmod-setuid", chmod("/tmp/probe-file", 04755));
	TRY("create-setuid", open("/tmp/probe-setuid", O_WRONLY | O_CREAT, 04755));
}

static void try_namespaces(void)
{
	static const struct { const char *name; int flag; } namespaces[] = {
		{ "unshare-user", CLONE_NEWUSER }, { "unshare-mount", CLONE_NEWNS }, { "unshare-pid", CLONE_NEWPID }, { "unshare-net", CLONE_NEWNET },
		{ "unshare-ipc", CLONE_NEWIPC }, { "unshare-uts", CLONE_NEWUTS }, { "unshare-cgroup", CLONE_NEWCGROUP },
	};
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		TRY(namespaces[i].name, unshare(namespaces[i].flag));
	TRY_CALL(setns, open("/proc/self/ns/net", O_RDONLY), 0);
}

static void try_calls(void)
{
	struct timex clock = { 0 };
	TRY("personality", personality(PER_LINUX32));
	TRY("scheduler-fifo", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 }));
	TRY_CALL(setpriority, PRIO_PROCESS, 0, 5);
	TRY_CALL(ioprio_set, 1, 0, 0);
	TRY_CALL(sched_setaffinity, 0, 0, NULL);
	TRY_CALL(setrlimit, RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	TRY_CALL(mount, "none", "/nonexistent", "tmpfs", 0, NULL);
	TRY_CALL(umount2, "/nonexistent", 0);
	TRY_CALL(pivot_root, "/nonexistent", "/nonexistent");
	TRY_CALL(chroot, "/nonexistent");
	TRY_CALL(swapon, "/nonexistent", 0);
	TRY_CALL(reboot, 0, 0, 0, NULL);                        /* wrong magic: EINVAL where it is allowed */
	TRY_CALL(kexec_load, 0, 0, NULL, ~0UL);
	TRY_CALL(init_module, NULL, 0, NULL);
	TRY_CALL(delete_module, "nonexistent", 0);
	TRY_CALL(acct, "/nonexistent");
	TRY_CALL(quotactl, ~0, NULL, 0, NULL);
	TRY_CALL(syslog, 10, NULL, 0);
	TRY_CALL(adjtimex, &clock);                             /* reads */
	TRY_CALL(clock_settime, -1, NULL);
	TRY_CALL(sethostname, NULL, -1);
	TRY_CALL(bpf, -1, NULL, 0);
	TRY_CALL(perf_event_open, NULL, 0, -1, -1, 0);
	TRY_CALL(io_uring_setup, 0, NULL);
	TRY_CALL(io_setup, 0, NULL);
	TRY_CALL(keyctl, -1, 0, 0, 0, 0);
	TRY_CALL(add_key, NULL, NULL, NULL, 0, 0);
	TRY_CALL(ptrace, -1, 1, NULL, NULL);
	TRY_CALL(process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
	TRY_CALL(userfaultfd, -1);
	TRY_CALL(kcmp, getpid(), getpid(), -1, 0, 0);
	TRY_CALL(open_by_handle_at, -1, NULL, 0);
	TRY_CALL(fanotify_init, -1, 0);
	TRY_CALL(mknod, "/tmp/probe-device", S_IFCHR | 0600, 0x501);
#ifdef SYS_ioperm
	TRY_CALL(ioperm, 0x80, 1, 0);
#endif
	TRY_CALL(landlock_create_ruleset, NULL, 0, 1);
}

/* Without capabilities root is one of many. */
static void try_root(const char *foreign, pid_t somebody)
{
	TRY("read-foreign", open(foreign, O_RDONLY));
	TRY("chown-foreign", chown(foreign, 0, 0));
	TRY("chmod-foreign", chmod(foreign, 0644));
	TRY("give-away", chown("/tmp/probe-file", 12345, -1));
	TRY("raise-limit", setrlimit(RLIMIT_CORE, &(struct rlimit){ 4096, 4096 }));
	TRY("signal-foreign", kill(somebody, 0));
	TRY("setuid-role", setresuid(-1, 12345, -1));
	TRY("setuid-back", setresuid(-1, 0, -1));
}

/* What is made inaccessible is still a name: of a directory without rights, or of a file in which there is nothing. */
static long try_read(const char *path)
{
	char byte;
	struct stat st;
	if (stat(path, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return S_ISCHR(st.st_mode) ? open(path, O_RDONLY | O_NOCTTY) : access(path, R_OK);
	int fd = open(path, O_RDONLY);
	return fd < 0 ? -1 : read(fd, &byte, 1) == 1 ? 0 : (errno = ENODATA, -1);
}

static void try_paths(void)
{
	static const char *const readable[] = { "/etc/shadow", "/etc/gshadow", "/root", "/home/alice", "/dev/kmsg", "/dev/mem", "/dev/tty", "/dev/null",
		"/proc/kallsyms", "/proc/1/status", "/proc/self/status", "/run/systemd/private", "/run/dbus/system_bus_socket", "/tmp/of-the-host", "/usr/sbin/sisd" };
	static const char *const writable[] = { "/etc/probe", "/usr/probe", "/var/probe", "/run/probe", "/run/sis/probe", "/proc/sys/kernel/core_pattern",
		"/sys/fs/cgroup/probe", "/sys/kernel/probe", "/dev/shm/probe", "/dev/probe", "/boot/probe", "/var/lib/sis/probe" };
	char name[128];
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		snprintf(name, sizeof(name), "read:%s", readable[i]);
		TRY(name, try_read(readable[i]));
	}
	for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++) {
		snprintf(name, sizeof(name), "write:%s", writable[i]);
		TRY(name, open(writable[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	(void)unlink("/var/lib/sis/probe");
}

/* The 32-bit numbering would walk around the filters. */
static void try_architecture(void)
{
#ifdef __x86_64__
	pid_t pid = fork();
	int status = 0;
	if (pid == 0) {
		long result;
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
		_exit(result > 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	printf("call-i386 %s\n", WIFSIGNALED(status) ? "killed" : WEXITSTATUS(status) == 0 ? "allowed" : "refused");
#endif
}

int main(int argc, char **argv)
{
	if (argc != 4 || freopen(argv[2], "w", stdout) == NULL)
		return 1;
	try_sockets();
	try_memory();
	try_calls();
	try_paths();
	try_architecture();
	try_root(argv[1], atoi(argv[3]));
	try_namespaces();      /* last: who gets one loses its rights outside of it */
	fputs("end allowed\n", stdout);
	return 0;
}
