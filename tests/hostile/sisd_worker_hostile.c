/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A worker that a stranger has taken over. It starts and confines itself exactly as the real one, and then tries whatever somebody would who runs
 * code in it. test_compromised_worker.py puts it, as "sisd-worker", into a directory of its own, with the real one beside it as
 * "sisd-worker-real":
 *
 *   hostile.txt      (made by the test) what the intruder knows: "name value" lines. Without this file the real worker is executed instead.
 *                    With "hold 1" it only takes locks of the database, with "lie 1" it only says what it counts, and goes on living;
 *                    with "answer 1" it only answers REVOKE.
 *   hostile.log      (made by the test) one line before and one after each attempt: "begin NAME", "refused NAME: why" or "ALLOWED NAME: what"
 *
 * An attempt without a second line was the process's end. The one that takes its place goes on with the next; the workers share the attempts. */
#include "base/error.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "crypto/digest.h"
#include "crypto/sign.h"
#include "format/item.h"
#include "ipc/role.h"
#include "pki/pki.h"
#include "sandbox/sandbox.h"
#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ANSWER_MS 20000                 /* a ledger waits for its disk, and a loaded machine for everything */
#define KNOWN_MAX 32768

static char known_text[KNOWN_MAX];              /* hostile.txt, NUL instead of each end of line */
static size_t known_size;
static char *state_dir;
static int log_fd = -1, signer_fd = -1, ledger_fd = -1, listener_fd = -1;
static unsigned worker_index;
static struct channel *signer, *ledger;
static struct role_setup setup;
static char result[512];

/* ------------------------------------------------ what it knows and says ------------------------------------------------ */

static const char *known(const char *name)
{
	size_t size = strlen(name);
	for (const char *at = known_text; at < known_text + known_size; at += strlen(at) + 1)
		if (strncmp(at, name, size) == 0 && at[size] == ' ')
			return at + size + 1;
	return "";
}

static pid_t known_pid(const char *name)
{
	return (pid_t)atoi(known(name));
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	int size = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (size > 0 && write(log_fd, line, (size_t)size) < 0)
		_exit(1);
}

static bool was_begun(const char *name)
{
	static char text[65536];
	char line[128];
	ssize_t size = pread(log_fd, text, sizeof(text) - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	snprintf(line, sizeof(line), "begin %s\n", name);
	return strstr(text, line) != NULL;
}

/* True, with errno in words: the kernel refused. */
static bool refused(bool failed, const char *what)
{
	snprintf(result, sizeof(result), "%s: %s", what, failed ? strerror(errno) : "it worked");
	return failed;
}

static char *path_of(const char *format, const char *name) __attribute__((format_arg(1)));
static char *path_of(const char *format, const char *name)
{
	static char path[2][4096];
	static unsigned turn;
	char tail[512];
	turn ^= 1;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(tail, sizeof(tail), format, name);
#pragma GCC diagnostic pop
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", state_dir, tail);
	return path[turn];
}

static char *object_path(void)
{
	char tail[64];
	snprintf(tail, sizeof(tail), "objects/%.2s/%s", known("item"), known("item"));
	return path_of("%s", tail);
}

/* ------------------------------------------------ files ------------------------------------------------ */

static bool open_is_refused(const char *path, int flags)
{
	CLEANUP_FD int fd = open(path, flags | O_CLOEXEC, 0600);
	return refused(fd < 0, path);
}

static bool read_ca_key(void) { return open_is_refused(path_of("keys/%s", "ca.key"), O_RDONLY); }
static bool list_keys(void) { return open_is_refused(path_of("%s", "keys"), O_RDONLY | O_DIRECTORY); }
static bool write_database(void) { return open_is_refused(path_of("db/%s", "sis.db"), O_RDWR); }
static bool write_wal(void) { return open_is_refused(path_of("db/%s", "sis.db-wal"), O_WRONLY); }
static bool write_shm(void) { return open_is_refused(path_of("db/%s", "sis.db-shm"), O_RDWR); }
static bool make_file_in_db(void) { return open_is_refused(path_of("db/%s", "sis.db-journal"), O_CREAT | O_WRONLY); }
static bool make_file_in_tmp(void) { return open_is_refused("/tmp/sis-hostile", O_CREAT | O_WRONLY); }
static bool read_passwd(void) { return open_is_refused("/etc/passwd", O_RDONLY); }
static bool write_object(void) { return open_is_refused(object_path(), O_WRONLY); }
static bool write_upload(void) { return open_is_refused(path_of("incoming/%s", known("upload")), O_WRONLY); }
static bool read_upload(void) { return open_is_refused(path_of("incoming/%s", known("upload")), O_RDONLY); }
static bool delete_object(void) { return refused(unlink(object_path()) < 0, "unlink"); }
static bool truncate_object(void) { return refused(truncate(object_path(), 0) < 0, "truncate"); }
static bool chmod_object(void) { return refused(chmod(object_path(), 0666) < 0, "chmod"); }
static bool delete_database(void) { return refused(unlink(path_of("db/%s", "sis.db")) < 0, "unlink"); }
static bool connect_control(void);

static bool rename_object(void)
{
	const char *from = object_path();
	return refused(rename(from, path_of("objects/%s", "stolen")) < 0, "rename");
}

static bool link_object(void)
{
	const char *from = object_path();
	return refused(link(from, path_of("objects/%s", "second")) < 0, "link");
}

/* The object may be read; through that descriptor nothing may be changed. */
static bool write_through_descriptor(void)
{
	CLEANUP_FD int fd = open(object_path(), O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(result, sizeof(result), "the object cannot even be read: %s", strerror(errno));
		return false;
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CLEANUP_FD int again = open(path, O_WRONLY | O_CLOEXEC);
	return refused(pwrite(fd, "x", 1, 0) < 0 && ftruncate(fd, 0) < 0 && fchmod(fd, 0666) < 0 && again < 0, "pwrite, ftruncate, fchmod, open again");
}

/* ------------------------------------------------ other processes ------------------------------------------------ */

static bool ptrace_signer(void) { return refused(ptrace(PTRACE_ATTACH, known_pid("signer"), NULL, NULL) < 0, "ptrace"); }
static bool seize_master(void) { return refused(ptrace(PTRACE_SEIZE, known_pid("master"), NULL, NULL) < 0, "ptrace"); }
static bool kill_signer(void) { return refused(kill(known_pid("signer"), SIGKILL) < 0, "kill"); }
static bool kill_ledger(void) { return refused(syscall(SYS_tgkill, known_pid("ledger"), known_pid("ledger"), SIGKILL) < 0, "tgkill"); }
static bool open_pidfd(void) { return refused(syscall(SYS_pidfd_open, known_pid("signer"), 0) < 0, "pidfd_open"); }
static bool run_shell(void) { return refused(execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL) < 0, "execve"); }
static bool enter_namespace(void) { return refused(unshare(CLONE_NEWUSER) < 0, "unshare"); }
static bool mount_something(void) { return refused(mount("none", "/tmp", "tmpfs", 0, NULL) < 0, "mount"); }
static bool become_root(void) { return refused(setuid(0) < 0 && setresuid(0, 0, 0) < 0, "setuid"); }
static bool set_limits(void) { return refused(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1 << 20, 1 << 20 }) < 0, "setrlimit"); }
static bool be_dumpable(void) { return refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0, "prctl"); }

static bool read_signer_memory(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { (void *)(uintptr_t)0x400000, 1 };
	return refused(process_vm_readv(known_pid("signer"), &local, 1, &remote, 1, 0) < 0, "process_vm_readv");
}

static bool open_signer_memory(void)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)known_pid("signer"));
	return open_is_refused(path, O_RDONLY);
}

static bool fork_process(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return refused(pid < 0, "fork");
}

static bool load_bpf(void)
{
	union bpf_attr attributes = { 0 };
	return refused(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) < 0, "bpf");
}

static bool map_code(void)
{
	void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return refused(code == MAP_FAILED, "mmap of writable code");
}

/* ------------------------------------------------ the network ------------------------------------------------ */

static bool connect_is_refused(int family, const struct sockaddr *address, socklen_t size)
{
	CLEANUP_FD int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return refused(fd < 0 || connect(fd, address, size) < 0, fd < 0 ? "socket" : "connect");
}

static bool connect_network(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(known("port"))), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return connect_is_refused(AF_INET, (struct sockaddr *)&address, sizeof(address));
}

static bool connect_control(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", known("control"));
	return connect_is_refused(AF_UNIX, (struct sockaddr *)&address, sizeof(address));
}

static bool bind_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CLEANUP_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return refused(fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0, fd < 0 ? "socket" : "bind");
}

/* The listening socket is everybody's: each of these would stop the service for as long as systemd keeps the socket, or, the last one, open a connection to
 * anywhere without connect(2). */
static bool end_listener(void) { return refused(shutdown(listener_fd, SHUT_RDWR) < 0, "shutdown"); }
static bool make_listener_block(void) { return refused(fcntl(listener_fd, F_SETFL, O_RDWR) < 0, "F_SETFL"); }

static bool filter_listener(void)
{
	struct sock_filter nobody = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &nobody };
	return refused(setsockopt(listener_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0, "SO_ATTACH_FILTER");
}

static bool call_out(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(known("port"))), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec part = { &address, 1 };
	struct msghdr message = { .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = &part, .msg_iovlen = 1 };
	return refused(sendmsg(listener_fd, &message, MSG_FASTOPEN | MSG_NOSIGNAL) < 0 && errno == EPERM, "sendmsg with MSG_FASTOPEN");
}

static bool signal_by_descriptor(void)
{
	return refused(fcntl(listener_fd, F_SETOWN, (int)known_pid("signer")) < 0 && fcntl(listener_fd, F_SETSIG, SIGKILL) < 0, "F_SETOWN and F_SETSIG");
}

/* ------------------------------------------------ the signer ------------------------------------------------ */

static bool sign_is_refused(enum key_algorithm algorithm, const void *data, size_t size)
{
	struct builder builder = channel_builder();
	struct channel_packet packet;
	struct message_signed answer;
	for (uint32_t generation = 0; generation < 4; generation++) {
		builder = channel_builder();
		message_sign_encode(&(struct message_sign){ .generation = generation, .key_algorithm = (uint8_t)algorithm, .data = { data, size } }, &builder);
		int error = channel_call(signer, MESSAGE_SIGN, &builder, MESSAGE_SIGNED, ANSWER_MS, &packet);
		if (error != 0) {
			snprintf(result, sizeof(result), "SIGN: no answer, %s", error_text(error));
			return error == -SIS_ERR_CLOSED;
		}
		if (message_signed_decode(&packet.payload, &answer) != 0 || answer.status == 0 || answer.signature.size > 0) {
			snprintf(result, sizeof(result), "SIGN: generation %u was signed", generation);
			return false;
		}
	}
	snprintf(result, sizeof(result), "SIGN: %s", error_text((int)answer.status));
	return true;
}

static bool sign_words(void)
{
	static const char words[] = "I owe you everything.";
	return sign_is_refused(KEY_ED25519, words, sizeof(words) - 1);
}

/* RFC 8446 §4.4.3, but for the client's side: whoever could have this signed could be the server at another server. */
static bool sign_client_handshake(void)
{
	uint8_t data[64 + 34 + 32];
	memset(data, ' ', 64);
	memcpy(data + 64, "TLS 1.3, client CertificateVerify", 34);
	memset(data + 98, 7, 32);
	return sign_is_refused(KEY_ED25519, data, sizeof(data));
}

static bool sign_after_handshake(void)
{
	uint8_t data[64 + 34 + 33];
	memset(data, ' ', 64);
	memcpy(data + 64, "TLS 1.3, server CertificateVerify", 34);
	memset(data + 98, 7, 33);
	return sign_is_refused(KEY_ED25519, data, sizeof(data));
}

static bool sign_digest(void)
{
	uint8_t digest[32] = { 7 };
	return sign_is_refused(KEY_ECDSA_P256, digest, sizeof(digest));
}

/* What a peer says whatever it is told: it is no answer. That the configuration comes after the start, and so perhaps after our attempt, too. */
static bool comes_unasked(unsigned type)
{
	static const enum message_type types[] = { MESSAGE_PING, MESSAGE_CONFIG_WORKER, MESSAGE_PUBLISHED, MESSAGE_SOURCE_KNOWN, MESSAGE_TLS_IDENTITY };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (type == types[i])
			return true;
	return false;
}

/* What the table forbids cannot be sent through a channel: written by hand. The peer must close. */
static bool packet_is_refused(int fd, enum message_type type, const struct builder *payload)
{
	uint8_t bytes[4096];
	unsigned said = MESSAGE_END;
	struct builder packet = builder_from(bytes, sizeof(bytes));
	builder_put_u16(&packet, (uint16_t)type);
	builder_put_u16(&packet, 1);
	builder_put_u32(&packet, (uint32_t)payload->size);
	builder_put_u64(&packet, 1);
	builder_put_bytes(&packet, payload->data, payload->size);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	ssize_t n = send(fd, packet.data, packet.size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n > 0 && poll(&pollfd, 1, ANSWER_MS) > 0) {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		said = (unsigned)bytes[0] << 8 | bytes[1];
		if (n >= 8 && !comes_unasked(said))
			break;
	}
	if (n <= 0)
		snprintf(result, sizeof(result), "%s: the peer closed the channel", message_name(type));
	else
		snprintf(result, sizeof(result), "%s: the peer went on, and said %s", message_name(type), said < MESSAGE_END ? message_name(said) : "nothing");
	return n <= 0;
}

static bool mint_certificate(void)
{
	static const uint8_t key[32] = { 7 };
	uint8_t bytes[512];
	struct builder payload = builder_from(bytes, sizeof(bytes));
	message_mint_encode(&(struct message_mint){ .user = span_from_string("alice"), .device = span_from_string("mine"), .key_algorithm = KEY_ED25519,
		.public_key = { key, sizeof(key) }, .lifetime_s = 86400 }, &payload);
	return packet_is_refused(signer_fd, MESSAGE_MINT, &payload);
}

static bool sign_empty_crl(void)
{
	uint8_t bytes[128];
	struct builder payload = builder_from(bytes, sizeof(bytes));
	message_sign_crl_encode(&(struct message_sign_crl){ .number = 99, .next_update = INT64_MAX / 4 }, &payload);
	return packet_is_refused(signer_fd, MESSAGE_SIGN_CRL, &payload);
}

/* ------------------------------------------------ the ledger ------------------------------------------------ */

static void fingerprint_of(const char *name, uint8_t ret_fingerprint[DIGEST_BYTES])
{
	memset(ret_fingerprint, 0, DIGEST_BYTES);
	(void)hex_decode(span_from_string(known(name)), ret_fingerprint, DIGEST_BYTES);
}

static bool question_is_refused(enum message_type type, const struct builder *payload, enum message_type wanted)
{
	struct channel_packet packet;
	int error = channel_call(ledger, type, payload, wanted, ANSWER_MS, &packet);
	if (error != 0) {
		snprintf(result, sizeof(result), "%s: no answer, %s", message_name(type), error_text(error));
		return error == -SIS_ERR_CLOSED;
	}
	uint32_t status = cursor_get_u32(&packet.payload);      /* every answer's first field */
	snprintf(result, sizeof(result), "%s: %s", message_name(type), status != 0 ? error_text((int)status) : "it worked");
	bool is_refused = status != 0 && packet.n_fds == 0;
	channel_packet_close_fds(&packet);
	return is_refused;
}

/* mallory is somebody who is logged in at this worker; the upload and the item are alice's. */
static bool resume_upload(void)
{
	struct builder payload = channel_builder();
	struct message_upload_resume message = { .upload = span_from_string(known("upload")), .peer = span_from_string("?") };
	fingerprint_of("mallory", message.caller);
	message_upload_resume_encode(&message, &payload);
	return question_is_refused(MESSAGE_UPLOAD_RESUME, &payload, MESSAGE_UPLOAD_OPENED);
}

static bool commit_upload(void)
{
	struct builder payload = channel_builder();
	struct message_upload_commit message = { .upload = span_from_string(known("upload")), .length = 1, .peer = span_from_string("?") };
	fingerprint_of("mallory", message.caller);
	message_upload_commit_encode(&message, &payload);
	return question_is_refused(MESSAGE_UPLOAD_COMMIT, &payload, MESSAGE_UPLOAD_COMMITTED);
}

/* Whose upload this is is connected here, and it has all its bytes: it may be completed, but not while its file could still be altered. */
static bool commit_and_keep_writing(void)
{
	struct builder payload = channel_builder(), commit_payload = channel_builder();
	struct message_upload_resume resume = { .upload = span_from_string(known("whole")), .peer = span_from_string("?") };
	struct message_upload_commit commit = { .upload = resume.upload, .peer = resume.peer };
	struct message_upload_opened opened;
	struct channel_packet packet;
	fingerprint_of("sealer", resume.caller);
	fingerprint_of("sealer", commit.caller);
	message_upload_resume_encode(&resume, &payload);
	if (channel_call(ledger, MESSAGE_UPLOAD_RESUME, &payload, MESSAGE_UPLOAD_OPENED, ANSWER_MS, &packet) != 0 ||
	    message_upload_opened_decode(&packet.payload, &opened) != 0 || opened.status != 0 || packet.n_fds != 1)
		return snprintf(result, sizeof(result), "the upload was not opened, so nothing was tried") < 0;
	/* Kept as what is left when the descriptor itself is closed: a mapping; and the descriptor where the kernel does not count mappings, so that
	 * a copy would be committed. */
	struct statfs disk;
	commit.length = opened.offset;
	void *mapping = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, packet.fds[0], 0);
	if (fstatfs(packet.fds[0], &disk) == 0 && disk.f_type != OVERLAYFS_SUPER_MAGIC)
		channel_packet_close_fds(&packet);
	message_upload_commit_encode(&commit, &commit_payload);
	return mapping != MAP_FAILED && question_is_refused(MESSAGE_UPLOAD_COMMIT, &commit_payload, MESSAGE_UPLOAD_COMMITTED);
}

/* What a foreign client said of its upload is given back in a field of an answer, by whichever worker is asked. */
static bool smuggle_metadata(void)
{
	struct builder payload = channel_builder();
	struct message_upload_create message = { .length = 10, .resumable = 1, .metadata = span_from_string("a YQ==\r\nSet-Cookie: x"), .peer = span_from_string("?") };
	fingerprint_of("sealer", message.caller);
	message_upload_create_encode(&message, &payload);
	return question_is_refused(MESSAGE_UPLOAD_CREATE, &payload, MESSAGE_UPLOAD_OPENED);
}

/* A file for ten bytes, and a mebibyte written into it: that cannot be kept from happening, but it does not stay. */
static bool overfill_upload(void)
{
	static const uint8_t bytes[1 << 20];
	struct builder payload = channel_builder();
	struct message_upload_create message = { .length = 10, .resumable = 1, .peer = span_from_string("?") };
	struct message_upload_opened opened;
	struct channel_packet packet;
	char id[64] = "";
	fingerprint_of("mallory", message.caller);
	message_upload_create_encode(&message, &payload);
	if (channel_call(ledger, MESSAGE_UPLOAD_CREATE, &payload, MESSAGE_UPLOAD_OPENED, ANSWER_MS, &packet) != 0 || packet.n_fds != 1 ||
	    message_upload_opened_decode(&packet.payload, &opened) != 0 || !span_to_string(opened.upload, id, sizeof(id)) ||
	    pwrite(packet.fds[0], bytes, sizeof(bytes), 0) != sizeof(bytes))
		return snprintf(result, sizeof(result), "there is no upload, so nothing was tried") < 0;
	channel_packet_close_fds(&packet);
	(void)CHANNEL_SEND(ledger, 0, upload_close, UPLOAD_CLOSE, &(struct message_upload_close){ .upload = span_from_string(id), .offset = sizeof(bytes), .length = 10 });
	struct message_upload_query query = { .upload = span_from_string(id) };
	payload = channel_builder();
	fingerprint_of("mallory", query.caller);
	message_upload_query_encode(&query, &payload);
	return question_is_refused(MESSAGE_UPLOAD_QUERY, &payload, MESSAGE_UPLOAD_OPENED);
}

static bool cancel_upload(void)
{
	struct builder payload = channel_builder();
	struct message_upload_cancel message = { .upload = span_from_string(known("upload")) };
	fingerprint_of("mallory", message.caller);
	message_upload_cancel_encode(&message, &payload);
	return question_is_refused(MESSAGE_UPLOAD_CANCEL, &payload, MESSAGE_DONE);
}

static bool delete_item(void)
{
	struct builder payload = channel_builder();
	struct message_item_delete message = { .item = span_from_string(known("item")), .peer = span_from_string("?") };
	fingerprint_of("mallory", message.caller);
	message_item_delete_encode(&message, &payload);
	return question_is_refused(MESSAGE_ITEM_DELETE, &payload, MESSAGE_DONE);
}

/* caller, item and user are names of what is known; the text is a grant. */
static bool share_is_refused(const char *caller, const char *item, const char *user, struct span grant)
{
	struct builder payload = channel_builder();
	struct message_grants_put message = { .item = span_from_string(known(item)), .user = span_from_string(known(user)), .grants = grant,
		.peer = span_from_string("?") };
	fingerprint_of(caller, message.caller);
	message_grants_put_encode(&message, &payload);
	return question_is_refused(MESSAGE_GRANTS_PUT, &payload, MESSAGE_DONE);
}

/* A grant that a device has really signed, and that passed through here once. */
static bool share_known_is_refused(const char *caller, const char *item, const char *user, const char *grant)
{
	uint8_t text[GRANT_MAX_BYTES];
	size_t size = strlen(known(grant)) / 2;
	if (size == 0 || size > sizeof(text) || hex_decode(span_from_string(known(grant)), text, size) < 0)
		return snprintf(result, sizeof(result), "there is no grant, so nothing was tried") < 0;
	return share_is_refused(caller, item, user, (struct span){ text, size });
}

/* Everything in it is as it should be, but that the owner's device did not sign it; granter is whom it says that it is by. */
static bool share_forged(const char *granter, const char *granter_user)
{
	struct grant grant = { .key = { 9 }, .time = time_now() };
	struct signing_key key;
	struct secret32 file_key = { { 7 } };
	char text[GRANT_MAX_BYTES + 1];
	size_t size;
	if (item_id_decode(span_from_string(known("shared")), grant.item) < 0 || hex_decode(span_from_string(known("shared_statement")), grant.statement, DIGEST_BYTES) < 0)
		return snprintf(result, sizeof(result), "there is no item, so nothing was tried") < 0;
	snprintf(grant.recipient, sizeof(grant.recipient), "%s", known("third_user"));
	snprintf(grant.device, sizeof(grant.device), "test");
	snprintf(grant.granter, sizeof(grant.granter), "%s", known(granter_user));
	fingerprint_of(granter, grant.granter_device);
	if (signing_key_generate(KEY_ED25519, &key) < 0 || grant_wrap(&grant, &file_key) < 0 || grant_write(&grant, &key, text, &size) < 0)
		return snprintf(result, sizeof(result), "there is no grant, so nothing was tried") < 0;
	return share_is_refused("sealer", "shared", "third_user", (struct span){ (const uint8_t *)text, size });
}

static bool share_with_forged_grant(void) { return share_forged("sealer", "sealer_user"); }
static bool share_by_wrong_granter(void) { return share_forged("third", "third_user"); }
static bool share_with_grant_of_other_item(void) { return share_known_is_refused("sealer", "shared", "third_user", "other_grant"); }
static bool share_with_grant_of_past(void) { return share_known_is_refused("sealer", "shared", "third_user", "old_grant"); }
static bool share_with_anothers_grant(void) { return share_known_is_refused("third", "shared", "third_user", "other_grant"); }
static bool share_grant_with_other_user(void) { return share_known_is_refused("sealer", "other", "sealer_user", "other_grant"); }
static bool share_garbage(void) { return share_is_refused("sealer", "shared", "third_user", span_from_string("sis-grant/1\nitem \n")); }

static bool drop_grants_of_others(void)
{
	struct builder payload = channel_builder();
	struct message_grants_drop message = { .item = span_from_string(known("shared")), .user = span_from_string(known("sealer_user")),
		.peer = span_from_string("?") };
	fingerprint_of("third", message.caller);
	message_grants_drop_encode(&message, &payload);
	return question_is_refused(MESSAGE_GRANTS_DROP, &payload, MESSAGE_DONE);
}

static bool escape_by_upload_name(void)
{
	struct builder payload = channel_builder();
	struct message_upload_resume message = { .upload = span_from_string("../db/sis.db"), .peer = span_from_string("?") };
	fingerprint_of("alice", message.caller);
	message_upload_resume_encode(&message, &payload);
	return question_is_refused(MESSAGE_UPLOAD_RESUME, &payload, MESSAGE_UPLOAD_OPENED);
}

/* Even who may act as alice, because she is connected here, cannot make her say something: the statement needs her device's key. */
static bool publish_forged_key(void)
{
	struct builder payload = channel_builder();
	struct key_statement statement = { .user = "alice", .key = { 7 }, .time = time_now() };
	struct signing_key key;
	struct message_publish_key message = { 0 };
	char text[KEY_STATEMENT_MAX_BYTES + 1];
	size_t size;
	snprintf(statement.device, sizeof(statement.device), "%s", known("device"));
	fingerprint_of("alice", statement.certificate);
	if (signing_key_generate(KEY_ED25519, &key) < 0 || key_statement_write(&statement, &key, text, &size) < 0)
		return snprintf(result, sizeof(result), "there is no statement, so nothing was tried") < 0;
	message.statement = (struct span){ (const uint8_t *)text, size };
	fingerprint_of("alice", message.caller);
	message_publish_key_encode(&message, &payload);
	return question_is_refused(MESSAGE_PUBLISH_KEY, &payload, MESSAGE_DONE);
}

static bool renew_unknown(void)
{
	static const uint8_t key[32] = { 7 };
	struct builder payload = channel_builder();
	struct message_renew message = { .peer = span_from_string("?"), .key_algorithm = KEY_ED25519, .public_key = { key, sizeof(key) } };
	fingerprint_of("nobody", message.caller);
	message_renew_encode(&message, &payload);
	return question_is_refused(MESSAGE_RENEW, &payload, MESSAGE_ENROLLED);
}

/* alice is live, and the key is the intruder's: with no proof, and with one by the new key itself. */
static bool renew_to_own_key(bool with_proof)
{
	struct signing_key key;
	char text[REKEY_PROOF_TEXT + 1];
	uint8_t proof[REKEY_PROOF_BYTES];
	struct builder payload = channel_builder();
	struct message_renew message = { .peer = span_from_string("?"), .key_algorithm = KEY_ED25519, .public_key = { key.public_key.bytes, 32 } };
	fingerprint_of("alice", message.caller);
	if (signing_key_generate(KEY_ED25519, &key) < 0 || rekey_proof_make(&key, message.caller, &key.public_key, text) < 0 ||
	    rekey_proof_parse(span_from_string(text), proof) < 0)
		return snprintf(result, sizeof(result), "there is no key, so nothing was tried") < 0;
	if (with_proof)
		message.proof = (struct span){ proof, sizeof(proof) };
	message_renew_encode(&message, &payload);
	return question_is_refused(MESSAGE_RENEW, &payload, MESSAGE_ENROLLED);
}

static bool renew_to_own_key_without_proof(void) { return renew_to_own_key(false); }
static bool renew_to_own_key_with_own_proof(void) { return renew_to_own_key(true); }

/* With device_invites = "no": the code would be as good as alice's account. */
static bool invite_for_a_device(void)
{
	struct builder payload = channel_builder();
	struct message_invite_device message = { .device = span_from_string("intruder"), .peer = span_from_string("?") };
	fingerprint_of("alice", message.caller);
	message_invite_device_encode(&message, &payload);
	return question_is_refused(MESSAGE_INVITE_DEVICE, &payload, MESSAGE_INVITED);
}

static bool enroll_without_invite(void)
{
	static const uint8_t key[32] = { 7 };
	struct builder payload = channel_builder();
	message_enroll_encode(&(struct message_enroll){ .user = span_from_string("alice"), .device = span_from_string("mine"),
		.password = span_from_string("guessed"), .peer = span_from_string("?"), .key_algorithm = KEY_ED25519, .public_key = { key, sizeof(key) } }, &payload);
	return question_is_refused(MESSAGE_ENROLL, &payload, MESSAGE_ENROLLED);
}

static bool speak_as_ledger(void)
{
	uint8_t bytes[64];
	struct builder payload = builder_from(bytes, sizeof(bytes));
	message_revoke_encode(&(struct message_revoke){ .user_id = 1 }, &payload);
	return packet_is_refused(ledger_fd, MESSAGE_REVOKE, &payload);
}

static bool send_garbage(void)
{
	uint8_t bytes[256];
	memset(bytes, 0xff, sizeof(bytes));
	return packet_is_refused(ledger_fd, MESSAGE_UPLOAD_COMMIT, &(struct builder){ .data = bytes, .size = sizeof(bytes) });
}

/* ------------------------------------------------ the master ------------------------------------------------ */

/* The audit log must not take a worker's word for what only the ledger does. */
static bool log_an_enrollment(void)
{
	uint8_t bytes[512];
	struct builder payload = builder_from(bytes, sizeof(bytes));
	message_log_encode(&(struct message_log){ .event = EVENT_ENROLLED, .user = span_from_string("alice"), .device = span_from_string("mine") }, &payload);
	return packet_is_refused(ROLE_MASTER_FD, MESSAGE_LOG, &payload);
}

static bool stop_the_daemon(void)
{
	uint8_t bytes[64];
	struct builder payload = builder_from(bytes, sizeof(bytes));
	message_stop_encode(&(struct message_stop){ .grace_ms = 0 }, &payload);
	return packet_is_refused(ROLE_MASTER_FD, MESSAGE_STOP, &payload);
}

/* ------------------------------------------------ all attempts ------------------------------------------------ */

/* ends: the attempt costs the process its life, or its channels, so that a fresh one goes on. */
static const struct attempt { const char *name; bool (*fn)(void); bool ends; } attempts[] = {
#define ATTEMPT(fn) { #fn, fn, false }
#define LAST(fn) { #fn, fn, true }
	ATTEMPT(read_ca_key), ATTEMPT(list_keys), ATTEMPT(write_database), ATTEMPT(write_wal), ATTEMPT(write_shm), ATTEMPT(make_file_in_db),
	ATTEMPT(make_file_in_tmp), ATTEMPT(read_passwd), ATTEMPT(write_object), ATTEMPT(write_upload), ATTEMPT(read_upload), ATTEMPT(delete_object),
	ATTEMPT(truncate_object), ATTEMPT(chmod_object), ATTEMPT(delete_database), ATTEMPT(rename_object), ATTEMPT(link_object),
	ATTEMPT(write_through_descriptor), ATTEMPT(kill_signer), ATTEMPT(kill_ledger), ATTEMPT(open_pidfd), ATTEMPT(become_root), ATTEMPT(set_limits),
	ATTEMPT(be_dumpable), ATTEMPT(open_signer_memory), ATTEMPT(map_code), ATTEMPT(connect_network), ATTEMPT(connect_control), ATTEMPT(bind_port),
	ATTEMPT(end_listener), ATTEMPT(make_listener_block), ATTEMPT(filter_listener), ATTEMPT(call_out), ATTEMPT(signal_by_descriptor),
	ATTEMPT(sign_words), ATTEMPT(sign_client_handshake), ATTEMPT(sign_after_handshake), ATTEMPT(sign_digest), ATTEMPT(resume_upload),
	ATTEMPT(commit_upload), ATTEMPT(commit_and_keep_writing), ATTEMPT(cancel_upload), ATTEMPT(overfill_upload), ATTEMPT(smuggle_metadata), ATTEMPT(delete_item), ATTEMPT(share_with_forged_grant),
	ATTEMPT(share_by_wrong_granter), ATTEMPT(share_with_grant_of_other_item), ATTEMPT(share_with_grant_of_past), ATTEMPT(share_with_anothers_grant),
	ATTEMPT(share_grant_with_other_user), ATTEMPT(share_garbage), ATTEMPT(drop_grants_of_others),
	ATTEMPT(escape_by_upload_name), ATTEMPT(publish_forged_key),
	ATTEMPT(invite_for_a_device), ATTEMPT(renew_unknown), ATTEMPT(renew_to_own_key_without_proof), ATTEMPT(renew_to_own_key_with_own_proof),
	ATTEMPT(enroll_without_invite), LAST(ptrace_signer), LAST(seize_master), LAST(read_signer_memory), LAST(run_shell),
	LAST(fork_process), LAST(enter_namespace), LAST(mount_something), LAST(load_bpf), LAST(mint_certificate), LAST(sign_empty_crl),
	LAST(speak_as_ledger), LAST(send_garbage), LAST(log_an_enrollment), LAST(stop_the_daemon),
};

static void try(const struct attempt *attempt)
{
	if (was_begun(attempt->name))
		return;
	say("begin %s\n", attempt->name);
	result[0] = '\0';
	bool held = attempt->fn();
	say("%s %s: %s\n", held ? "refused" : "ALLOWED", attempt->name, result);
	if (attempt->ends)
		_exit(0);
}

/* SQLite's locks of the writer, byte 120 and on of the WAL's index, which everybody may have shared who may read it. */
static void hold_database(void)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 120, .l_len = 3 };
	int fd = open(path_of("db/%s", "sis.db-shm"), O_RDONLY | O_CLOEXEC);
	say("holding %d: %s\n", (int)getpid(), fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0 ? "locked" : strerror(errno));
}

/* What only a worker counts, it can say as it likes; it must not be more than the sums can hold, or less than nothing. */
static void lie(void)
{
	uint8_t most[8 * (SIS_ERR_END + LIMIT_END)];
	memset(most, 0xff, sizeof(most));
	for (int i = 0; i < 3; i++) {
		(void)CHANNEL_SEND(setup.master, 0, serving, SERVING, &(struct message_serving){ .connections = UINT32_MAX });
		(void)CHANNEL_SEND(setup.master, 0, figures, FIGURES, &(struct message_figures){ .watchers = UINT32_MAX, .penalised = UINT32_MAX,
			.refusals = { most, 8 * SIS_ERR_END }, .limits = { most, 8 * LIMIT_END }, .server_not_after = INT64_MIN });
		log_event(&LOG(LIMIT_HIT, .peer = "?", .reason = "?", .count = INT64_MAX));
	}
	say("lied %u\n", worker_index);
}

/* As if there were nobody else who has to close connections: each REVOKE is answered for all. */
static void answer_for_others(void)
{
	struct channel_packet packet;
	say("answering %u\n", worker_index);
	while (channel_receive(ledger, 10 * ANSWER_MS, &packet) == 0) {
		for (int i = 0; i < 8 && packet.type == MESSAGE_REVOKE; i++)
			(void)CHANNEL_SEND(ledger, packet.id, revoke_done, REVOKE_DONE, &(struct message_revoke_done){ .n_closed = 0 });
		channel_packet_close_fds(&packet);
	}
}

static void attack(void *arg)
{
	if (*known("answer") != '\0') {
		answer_for_others();
		return;
	}
	if (*known("lie") != '\0') {
		lie();
		return;
	}
	if (*known("hold") != '\0') {
		hold_database();
		return;
	}
	unsigned n_workers = (unsigned)atoi(known("workers"));
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		if (i % (n_workers > 0 ? n_workers : 1) == worker_index % (n_workers > 0 ? n_workers : 1))
			try(&attempts[i]);
	say("finished %u\n", worker_index);
}

/* ------------------------------------------------ start, as the real one ------------------------------------------------ */

/* A new identity: another worker is gone. */
/* PUBLISHED may come at any time. */
static void ignore_news(struct channel *channel, struct channel_packet *packet, void *arg)
{
}

static void take_news(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type != MESSAGE_TLS_IDENTITY)
		channel_break(channel, "neither answer nor identity");
}

static void on_start(struct channel_packet *packet)
{
	struct message_start_worker message;
	char words[256];
	bool weak;
	if (message_start_worker_decode(&packet->payload, &message) != 0 || packet->n_fds < 3)
		_exit(1);
	worker_index = message.index;
	state_dir = xcalloc(1, message.state_dir.size + 1);
	memcpy(state_dir, message.state_dir.data, message.state_dir.size);
	ledger_fd = fcntl(packet->fds[0], F_DUPFD_CLOEXEC, 10);
	signer_fd = fcntl(packet->fds[1], F_DUPFD_CLOEXEC, 10);
	listener_fd = fcntl(packet->fds[2], F_DUPFD_CLOEXEC, 10);
	if (confine_worker(state_dir, (uid_t)message.uid, (gid_t)message.gid, words, sizeof(words), &weak) < 0 ||
	    channel_new(NULL, fd_take(&packet->fds[0]), ROLE_WORKER, ROLE_LEDGER, ignore_news, NULL, NULL, &ledger) < 0 ||
	    channel_new(NULL, fd_take(&packet->fds[1]), ROLE_WORKER, ROLE_SIGNER, take_news, NULL, NULL, &signer) < 0)
		_exit(1);
	struct channel_packet identity;
	if (channel_receive(signer, ANSWER_MS, &identity) == 0)
		channel_packet_close_fds(&identity);
	role_ready(&setup, words);
	say("confined %u: %s\n", worker_index, words);
	if (loop_add_after(setup.loop, attack, NULL) < 0)
		_exit(1);
}

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (packet->type == MESSAGE_START_WORKER)
		on_start(packet);
	else if (packet->type == MESSAGE_STOP)
		_exit(0);
}

/* Knowledge and a place to write to come before the sandbox; an intruder would have to send it out through the connections he has. */
static void prepare(const char *directory)
{
	char path[4096], *text;
	snprintf(path, sizeof(path), "%s/hostile.txt", directory);
	if (file_read(AT_FDCWD, path, sizeof(known_text) - 1, &text, &known_size) < 0) {
		snprintf(path, sizeof(path), "%s/sisd-worker-real", directory);
		execl(path, "sisd-worker", (char *)NULL);
		_exit(1);
	}
	memcpy(known_text, text, known_size);
	free(text);
	for (size_t i = 0; i < known_size; i++)
		if (known_text[i] == '\n')
			known_text[i] = '\0';
	snprintf(path, sizeof(path), "%s/hostile.log", directory);
	log_fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	if (log_fd < 0)
		_exit(1);
}

int main(void)
{
	char self[4096];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (size < 0)
		return 1;
	self[size] = '\0';
	/* Before sandbox_begin: what it keeps open there is what it was born with. */
	struct stat stat;
	if (fstat(ROLE_MASTER_FD, &stat) < 0)
		return 1;
	prepare(dirname(self));
	if (log_fd != ROLE_MASTER_FD + 1 && dup2(log_fd, ROLE_MASTER_FD + 1) < 0)
		return 1;
	log_fd = ROLE_MASTER_FD + 1;
	sandbox_begin(ROLE_MASTER_FD + 2);
	role_start(ROLE_WORKER, on_packet, NULL, &setup);
	return loop_run(setup.loop);
}
