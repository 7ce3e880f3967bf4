/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each case forks a child that enters a role's profile and tries something; what it may not do fails with EPERM or EACCES, or kills it. */
#include "sandbox/sandbox.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char inside[] = "/tmp/sis-sandbox-in-XXXXXX", outside[] = "/tmp/sis-sandbox-out-XXXXXX";
static int has_landlock, inherited_socket = -1, listener = -1, connected = -1;

static char address_of_nothing[1];

enum { DONE = 0, REFUSED = 10, OTHER_ERROR = 11, NOT_ENTERED = 12 };

/* What an attempt returns, as the child's exit status. */
static int verdict(long result)
{
	return result >= 0 ? DONE : errno == EPERM || errno == EACCES ? REFUSED : OTHER_ERROR;
}

static int run_confined(enum role role, bool write, bool open_files, int attempt(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sandbox_path paths[] = { { inside, write } };
		struct sandbox_profile profile = {
			.role = role, .paths = paths, .n_paths = 1, .uid = (uid_t)-1, .gid = (gid_t)-1, .open_files = open_files,
		};
		char words[256];
		bool weak;
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(sandbox_enter(&profile, words, sizeof(words), &weak) == 0 ? attempt() : NOT_ENTERED);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static char path_buffer[128];

static const char *path_in(const char *directory, const char *name)
{
	snprintf(path_buffer, sizeof(path_buffer), "%s/%s", directory, name);
	return path_buffer;
}

static int read_inside(void)
{
	int fd = open(path_in(inside, "file"), O_RDONLY | O_CLOEXEC);
	char byte;
	return verdict(fd < 0 ? -1 : read(fd, &byte, 1));
}
static int read_outside(void) { return verdict(open(path_in(outside, "file"), O_RDONLY | O_CLOEXEC)); }
static int write_inside(void) { return verdict(open(path_in(inside, "file"), O_WRONLY | O_CLOEXEC)); }
static int create_inside(void) { return verdict(open(path_in(inside, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); }
static int create_outside(void) { return verdict(open(path_in(outside, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)); }
static int unlink_inside(void) { return verdict(unlink(path_in(inside, "new"))); }
static int chmod_inside(void) { return verdict(chmod(path_in(inside, "file"), 0644)); }
static int symlink_inside(void) { return verdict(symlink("/etc/passwd", path_in(inside, "link"))); }
static int rename_inside(void)
{
	char from[128];
	snprintf(from, sizeof(from), "%s/file", inside);
	return verdict(rename(from, path_in(inside, "other")));
}
static int make_socket(void) { return verdict(socket(AF_INET, SOCK_STREAM, 0)); }
static int make_unix_socket(void) { return verdict(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int connect_inherited(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return verdict(connect(inherited_socket, (struct sockaddr *)&address, sizeof(address)));
}
static int bind_inherited(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return verdict(bind(inherited_socket, (struct sockaddr *)&address, sizeof(address)));
}

/* What all workers and systemd have in common: whoever spoils it spoils it for all of them. */
static int end_listener(void) { return verdict(shutdown(listener, SHUT_RDWR)); }
static int end_listener_reading(void) { return verdict(shutdown(listener, SHUT_RD)); }
static int make_listener_block(void) { return verdict(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK)); }
static int filter_listener(void)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	return verdict(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &(struct sock_fprog){ 1, &refuse }, sizeof(struct sock_fprog)));
}
static int bind_listener_to_device(void) { return verdict(setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)); }
/* A listener that was ended is a socket that may be connected, and this connects without connect(2), past Landlock, from the network it came from. */
static int call_out(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &(struct iovec){ address_of_nothing, 1 }, .msg_iovlen = 1 };
	return verdict(sendmsg(inherited_socket, &message, MSG_FASTOPEN | MSG_NOSIGNAL));
}
static int call_out_at_once(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return verdict(sendto(inherited_socket, address_of_nothing, 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof(address)));
}
/* The right to signal somebody by way of a descriptor: another worker, whose user id is ours. */
static int own_for_parent(void) { return verdict(fcntl(listener, F_SETOWN, getppid())); }
static int signal_by_descriptor(void) { return verdict(fcntl(listener, F_SETSIG, SIGKILL)); }
static int make_asynchronous(void) { return verdict(fcntl(listener, F_SETFL, O_NONBLOCK | O_ASYNC)); }
static int use_connection(void)
{
	if (setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) < 0 || fcntl(connected, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return verdict(-1);
	struct msghdr message = { .msg_iov = &(struct iovec){ address_of_nothing, 1 }, .msg_iovlen = 1 };
	return verdict(sendmsg(connected, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? shutdown(connected, SHUT_WR) : -1);
}
static int kill_parent(void) { return verdict(kill(getppid(), 0)); }
static int map_code(void) { return verdict(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0); }
static int raise_limit(void) { return verdict(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 10, 10 })); }
static int become_dumpable(void) { return verdict(prctl(PR_SET_DUMPABLE, 1)); }
static int execute(void) { char *const arguments[] = { NULL }; return verdict(execve("/bin/true", arguments, arguments)); }
static int fork_child(void) { return verdict(fork()); }
static int trace(void) { return verdict(ptrace(PTRACE_ATTACH, getppid(), 0, 0)); }
static int read_memory(void) { return verdict(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)); }
static int set_up_io_uring(void) { return verdict(syscall(SYS_io_uring_setup, 1, NULL)); }
static int use_keys(void) { return verdict(syscall(SYS_keyctl, 0, -3, 0)); }
static int handle_faults(void) { return verdict(syscall(SYS_userfaultfd, 0)); }
static int load_bpf(void) { return verdict(syscall(SYS_bpf, 0, NULL, 0)); }
static int watch_events(void) { return verdict(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int take_descriptor(void) { return verdict(syscall(SYS_pidfd_getfd, 0, 0, 0)); }
static int open_process(void) { return verdict(syscall(SYS_pidfd_open, getppid(), 0)); }
static int signal_process(void) { return verdict(syscall(SYS_pidfd_send_signal, 0, SIGKILL, NULL, 0)); }
static int queue_signal(void) { return verdict(syscall(SYS_rt_sigqueueinfo, getppid(), SIGKILL, NULL)); }
static int make_namespace(void) { return verdict(unshare(CLONE_NEWUSER)); }
static int type_for_others(void) { return verdict(ioctl(STDERR_FILENO, TIOCSTI, "x")); }
static int share_memory(void) { return verdict(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)); }
static int share_memory_by_name(void) { return verdict(open("/dev/shm/sis-sandbox", O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }
static int queue_messages(void) { return verdict(syscall(SYS_msgget, IPC_PRIVATE, IPC_CREAT | 0600)); }
static int read_code_as_data(void) { return verdict(syscall(SYS_personality, 0x0400000)); }     /* READ_IMPLIES_EXEC */
static int protect_by_key(void) { return verdict(syscall(SYS_pkey_mprotect, address_of_nothing, 1, PROT_EXEC, -1)); }
static int call_of_next_years(void) { return verdict(syscall(600)); }
#ifdef __x86_64__
/* The same calls by other numbers: of the x32 ABI, and of 32-bit programs. */
static int call_x32(void) { return verdict(syscall(0x40000000 | SYS_getpid)); }
static int call_32_bit(void)
{
	long result = 20;                       /* getpid */
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return DONE;
}
#endif
static int unknown_call(void) { return verdict(syscall(1999)); }
static int regain_root(void) { return verdict(setresuid(0, 0, 0)); }

static void *thread_main(void *arg) { return arg; }
static int start_thread(void)
{
	pthread_t thread;
	errno = pthread_create(&thread, NULL, thread_main, NULL);
	return errno != 0 ? verdict(-1) : verdict(pthread_join(thread, NULL) == 0 ? 0 : -1);
}

static int use_ordinary_things(void)
{
	void *memory = malloc(1 << 22);
	char text[64];
	snprintf(text, sizeof(text), "%p %lld", memory, (long long)time_now());
	free(memory);
	struct stat status;
	return verdict(fstat(2, &status));
}

/* SQLite and the flush threads: what the ledger lives on. */
static int work_as_ledger(void)
{
	int fd = open(path_in(inside, "db"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	if (fd < 0 || ftruncate(fd, 8192) < 0 || fcntl(fd, F_SETLK, &lock) < 0 || pwrite(fd, "x", 1, 4096) != 1 || fsync(fd) < 0)
		return verdict(-1);
	void *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED || munmap(shared, 8192) < 0 || mkdir(path_in(inside, "ab"), 0750) < 0 || rmdir(path_in(inside, "ab")) < 0)
		return verdict(-1);
	return verdict(unlink(path_in(inside, "db")));
}

#define ALL (ROLE_SIGNER | ROLE_LEDGER | ROLE_WORKER | ROLE_PICTURE)

static const struct attempt {
	const char *what;
	int (*fn)(void);
	unsigned may, dies;             /* roles that succeed; roles that are killed; all others are refused */
	bool needs_landlock;
} attempts[] = {
	{ "ordinary things", use_ordinary_things, ALL, 0 },
	{ "read inside", read_inside, ROLE_LEDGER | ROLE_WORKER, 0 },
	{ "read outside", read_outside, 0, 0, true },
	{ "write inside", write_inside, ROLE_LEDGER, 0 },
	{ "create inside", create_inside, ROLE_LEDGER, 0 },
	{ "create outside", create_outside, 0, 0, true },
	{ "unlink inside", unlink_inside, ROLE_LEDGER, 0 },
	{ "chmod", chmod_inside, 0, 0 },
	{ "symlink", symlink_inside, 0, 0 },
	{ "work as the ledger", work_as_ledger, ROLE_LEDGER, 0 },
	{ "internet socket", make_socket, 0, 0 },
	{ "unix socket", make_unix_socket, 0, 0 },
	{ "connect an inherited socket", connect_inherited, 0, 0 },
	{ "bind an inherited socket", bind_inherited, 0, 0 },
	{ "end a listener", end_listener, 0, 0 },
	{ "end a listener's reading", end_listener_reading, 0, 0 },
	{ "make a listener block", make_listener_block, 0, 0 },
	{ "filter a listener", filter_listener, 0, 0 },
	{ "bind a listener to a device", bind_listener_to_device, 0, 0 },
	{ "connect by sending", call_out, 0, 0 },
	{ "connect by sending at once", call_out_at_once, 0, 0 },
	{ "be another's owner of signals", own_for_parent, 0, 0 },
	{ "choose a descriptor's signal", signal_by_descriptor, 0, 0 },
	{ "have a descriptor signal", make_asynchronous, 0, 0 },
	{ "use a connection", use_connection, ROLE_WORKER, 0 },
	{ "signal the parent", kill_parent, 0, 0 },
	{ "executable memory", map_code, 0, 0 },
	{ "set a limit", raise_limit, 0, 0 },
	{ "become dumpable", become_dumpable, 0, 0 },
	{ "an unknown call", unknown_call, 0, 0 },
	{ "become root", regain_root, 0, 0 },
	{ "a thread", start_thread, ROLE_LEDGER | ROLE_PICTURE, ROLE_SIGNER | ROLE_WORKER },
	{ "execute", execute, 0, ALL },
	{ "fork", fork_child, 0, ALL },
	{ "trace", trace, 0, ALL },
	{ "read another's memory", read_memory, 0, ALL },
	{ "io_uring", set_up_io_uring, 0, ALL },
	{ "keys of the kernel", use_keys, 0, ALL },
	{ "userfaultfd", handle_faults, 0, ALL },
	{ "bpf", load_bpf, 0, ALL },
	{ "perf_event_open", watch_events, 0, ALL },
	{ "take another's descriptor", take_descriptor, 0, ALL },
	{ "open a process", open_process, 0, 0 },
	{ "signal by pidfd", signal_process, 0, 0 },
	{ "queue a signal", queue_signal, 0, 0 },
	{ "a namespace", make_namespace, 0, ALL },
	{ "type at a terminal", type_for_others, 0, 0 },
	{ "shared memory of System V", share_memory, 0, 0 },
	{ "shared memory of POSIX", share_memory_by_name, 0, 0, true },
	{ "message queue", queue_messages, 0, 0 },
	{ "a personality", read_code_as_data, 0, 0 },
	{ "code by protection key", protect_by_key, 0, 0 },
	{ "a call that comes with some later Linux", call_of_next_years, 0, 0 },
#ifdef __x86_64__
	{ "a call of x32", call_x32, 0, ALL },
#endif
};

static void try_everything(enum role role)
{
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *attempt = &attempts[i];
		if (attempt->needs_landlock && !has_landlock && role != ROLE_SIGNER && role != ROLE_PICTURE)
			continue;
		int expected = attempt->may & role ? DONE : attempt->dies & role ? -SIGSYS : REFUSED;
		int result = run_confined(role, role == ROLE_LEDGER, role != ROLE_SIGNER && role != ROLE_PICTURE, attempt->fn);
		if (result != expected)
			fail_msg("%s, %s: %d instead of %d", role_name(role), attempt->what, result, expected);
	}
}

static void signer_may_do_nothing_but_talk(void **state)
{
	try_everything(ROLE_SIGNER);
}

static void ledger_may_change_its_own_files_only(void **state)
{
	try_everything(ROLE_LEDGER);
}

static void worker_may_read_its_own_files_only(void **state)
{
	try_everything(ROLE_WORKER);
	assert_int_equal(run_confined(ROLE_WORKER, false, true, rename_inside), REFUSED);
#ifdef __x86_64__
	int result = run_confined(ROLE_WORKER, false, true, call_32_bit);
	assert_true(result == -SIGSYS || result == -SIGSEGV);   /* the latter where the kernel runs no 32-bit programs */
	result = run_confined(ROLE_MASTER, false, true, call_32_bit);
	assert_true(result == -SIGSYS || result == -SIGSEGV);
	assert_int_equal(run_confined(ROLE_MASTER, false, true, call_x32), -SIGSYS);
#endif
}

static void picture_may_do_nothing_but_reckon(void **state)
{
	try_everything(ROLE_PICTURE);
}

static int execute_and_trace(void)
{
	pid_t pid = fork();
	if (pid == 0)
		execl("/bin/true", "true", NULL);
	int status;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return OTHER_ERROR;
	return trace();
}

static void master_may_start_programs_but_not_trace(void **state)
{
	assert_int_equal(run_confined(ROLE_MASTER, false, true, execute_and_trace), -SIGSYS);
	assert_int_equal(run_confined(ROLE_MASTER, false, true, make_socket), DONE);
	assert_int_equal(run_confined(ROLE_MASTER, false, true, call_out), REFUSED);
	assert_int_equal(run_confined(ROLE_MASTER, false, true, call_out_at_once), REFUSED);
}

static int report_as_nobody(void)
{
	return DONE;
}

static void words_tell_what_is_there(void **state)
{
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox_profile profile = { .role = ROLE_SIGNER, .uid = geteuid() == 0 ? 65534 : (uid_t)-1, .gid = 65534 };
		char words[256] = "";
		bool weak;
		sandbox_begin(64);
		int error = sandbox_enter(&profile, words, sizeof(words), &weak);
		(void)!write(pipe_fds[1], words, sizeof(words));
		_exit(error != 0 ? NOT_ENTERED : report_as_nobody());
	}
	char words[256];
	int status;
	assert_int_equal(fd_read_all(pipe_fds[0], words, sizeof(words)), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
	assert_non_null(strstr(words, geteuid() == 0 ? "uid 65534," : "(shared by all roles)"));
	assert_non_null(strstr(words, "seccomp "));
	assert_non_null(strstr(words, "no new privileges"));
	if (has_landlock)
		assert_non_null(strstr(words, "landlock abi"));
	print_message("# %s\n", words);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* Root alone can change its id, and a change that cannot happen must be an error, not a weaker sandbox. */
static void a_wrong_identity_is_an_error(void **state)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct sandbox_profile profile = { .role = ROLE_SIGNER, .uid = 0, .gid = 0 };
		char words[256];
		bool weak;
		_exit(sandbox_enter(&profile, words, sizeof(words), &weak) == -SIS_ERR_SYSTEM ? DONE : OTHER_ERROR);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
}

static void make_connection(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(connected, (struct sockaddr *)&address, size), 0);
}

static int set_up(void **state)
{
	assert_non_null(mkdtemp(inside));
	assert_non_null(mkdtemp(outside));
	assert_int_equal(file_write_atomic(AT_FDCWD, path_in(inside, "file"), "x", 1, 0600), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, path_in(outside, "file"), "x", 1, 0600), 0);
	has_landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
	inherited_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	make_connection();
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "file", "new", "other", "db", "link" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		unlink(path_in(inside, names[i]));
		unlink(path_in(outside, names[i]));
	}
	rmdir(inside);
	rmdir(outside);
	fd_close(listener);
	fd_close(connected);
	return fd_close(inherited_socket) + 1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(signer_may_do_nothing_but_talk),
		cmocka_unit_test(ledger_may_change_its_own_files_only),
		cmocka_unit_test(worker_may_read_its_own_files_only),
		cmocka_unit_test(picture_may_do_nothing_but_reckon),
		cmocka_unit_test(master_may_start_programs_but_not_trace),
		cmocka_unit_test(words_tell_what_is_there),
		cmocka_unit_test(a_wrong_identity_is_an_error),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
