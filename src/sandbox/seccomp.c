/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which system calls a role may make: the table of seccomp.def, and the calls that depend on their arguments. */
#include "sandbox/parts.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct call { int number; const char *roles; };

static const struct call allowed[] = {
#define ALLOW(name, roles) { SCMP_SYS(name), #roles },
#define KILL(name, roles)
#include "sandbox/seccomp.def"
#undef ALLOW
#undef KILL
};

static const struct call deadly[] = {
#define ALLOW(name, roles)
#define KILL(name, roles) { SCMP_SYS(name), #roles },
#include "sandbox/seccomp.def"
#undef ALLOW
#undef KILL
};

/* What is done to a descriptor reaches everybody who has it: the listening sockets are those of all workers, and systemd's besides, so they outlive every
 * restart. Whoever could end one (shutdown), filter or bind it (setsockopt), or make it block (F_SETFL) would take the service from everybody, for good; one
 * that was ended can be connected to anywhere (MSG_FASTOPEN asks neither connect(2) nor Landlock), and F_SETOWN with F_SETSIG is a kill(2). */
static const struct { int command; const char *roles; } fcntl_commands[] = {
	{ F_GETFD, "SLWP" }, { F_SETFD, "SLWP" }, { F_GETFL, "SLWP" }, { F_DUPFD_CLOEXEC, "SLWP" },
	{ F_GETLK, "LW" }, { F_SETLK, "LW" },           /* SQLite */
	{ F_SETLEASE, "L" }, { F_ADD_SEALS, "L" },
};

static const struct { int level, name; const char *roles; } socket_options[] = {
	{ SOL_SOCKET, SO_LINGER, "W" }, { IPPROTO_TCP, TCP_NODELAY, "W" },
};

struct filter {
	scmp_filter_ctx context;
	enum role role;
	unsigned n_calls;
	int error;                              /* the first failure; checked once at the end */
};

static void add(struct filter *filter, uint32_t action, int call, unsigned n_arguments, const struct scmp_arg_cmp *arguments)
{
	int result = seccomp_rule_add_array(filter->context, action, call, n_arguments, arguments);
	if (result != 0 && result != -EDOM && filter->error == 0)       /* EDOM: not a call of this architecture */
		filter->error = result;
}

static bool is_for(const char *roles, const struct filter *filter)
{
	return strchr(roles, role_letter(filter->role)) != NULL;
}

static void add_table(struct filter *filter, uint32_t action, const struct call *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++) {
		/* On the common architectures a call that does not exist has a negative number. */
		if (calls[i].number < 0 || !is_for(calls[i].roles, filter))
			continue;
		add(filter, action, calls[i].number, 0, NULL);
		filter->n_calls += action == SCMP_ACT_ALLOW || filter->role == ROLE_MASTER;
	}
}

static void allow_when(struct filter *filter, int call, unsigned n_arguments, const struct scmp_arg_cmp *arguments)
{
	add(filter, SCMP_ACT_ALLOW, call, n_arguments, arguments);
	filter->n_calls++;
}

#define WHEN(...) ARRAY_SIZE(((struct scmp_arg_cmp[]){ __VA_ARGS__ })), (struct scmp_arg_cmp[]){ __VA_ARGS__ }

static void allow_common_with_conditions(struct filter *filter)
{
	/* No memory is ever writable code. */
	allow_when(filter, SCMP_SYS(mmap), WHEN(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	allow_when(filter, SCMP_SYS(mprotect), WHEN(SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)));
	/* abort() */
	allow_when(filter, SCMP_SYS(tgkill), WHEN(SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())));
	/* getrlimit() but not setrlimit() */
	allow_when(filter, SCMP_SYS(prlimit64), WHEN(SCMP_A2(SCMP_CMP_EQ, 0)));
	allow_when(filter, SCMP_SYS(prctl), WHEN(SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)));
}

static void allow_descriptors(struct filter *filter)
{
	for (size_t i = 0; i < ARRAY_SIZE(fcntl_commands); i++) {
		if (!is_for(fcntl_commands[i].roles, filter))
			continue;
		allow_when(filter, SCMP_SYS(fcntl), WHEN(SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i].command)));
		allow_when(filter, SCMP_SYS(fcntl64), WHEN(SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i].command)));
	}
	/* To make it non-blocking, and nothing else. */
	const scmp_datum_t changes = O_NONBLOCK | O_ASYNC | O_APPEND | O_DIRECT;
	allow_when(filter, SCMP_SYS(fcntl), WHEN(SCMP_A1(SCMP_CMP_EQ, F_SETFL), SCMP_A2(SCMP_CMP_MASKED_EQ, changes, O_NONBLOCK)));
	allow_when(filter, SCMP_SYS(fcntl64), WHEN(SCMP_A1(SCMP_CMP_EQ, F_SETFL), SCMP_A2(SCMP_CMP_MASKED_EQ, changes, O_NONBLOCK)));
}

static void allow_sockets(struct filter *filter)
{
	const scmp_datum_t other_flags = UINT32_MAX & ~(scmp_datum_t)(MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE);
	/* Over connected sockets only, so nobody can be written to by address. */
	allow_when(filter, SCMP_SYS(sendto), WHEN(SCMP_A3(SCMP_CMP_MASKED_EQ, other_flags, 0), SCMP_A4(SCMP_CMP_EQ, 0)));
	if (filter->role == ROLE_PICTURE)
		return;
	allow_when(filter, SCMP_SYS(sendmsg), WHEN(SCMP_A2(SCMP_CMP_MASKED_EQ, other_flags, 0)));
	if (filter->role == ROLE_WORKER)        /* a listening socket does not mind this one */
		allow_when(filter, SCMP_SYS(shutdown), WHEN(SCMP_A1(SCMP_CMP_EQ, SHUT_WR)));
	for (size_t i = 0; i < ARRAY_SIZE(socket_options); i++)
		if (is_for(socket_options[i].roles, filter))
			allow_when(filter, SCMP_SYS(setsockopt), WHEN(SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)socket_options[i].level),
			                                              SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)socket_options[i].name)));
}

/* The master, too, has the listening sockets: what sisd.service says of the network is true of it as well. */
static void refuse_to_connect_by_sending(struct filter *filter)
{
	add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendmsg), WHEN(SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN)));
	add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendto), WHEN(SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN)));
	add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(sendmmsg), WHEN(SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, MSG_FASTOPEN)));
}

/* glibc tries clone3 first, whose flags cannot be seen, and takes clone when that does not exist. */
static void allow_threads(struct filter *filter)
{
	const scmp_datum_t thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	const scmp_datum_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
	if (filter->role == ROLE_LEDGER || filter->role == ROLE_PICTURE) {
		allow_when(filter, SCMP_SYS(clone), WHEN(SCMP_A0(SCMP_CMP_MASKED_EQ, thread | namespaces, thread)));
		add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), WHEN(SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)));
	} else {
		add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 0, NULL);
	}
}

static bool may_write(const struct sandbox_profile *profile)
{
	for (size_t i = 0; i < profile->n_paths; i++)
		if (profile->paths[i].write)
			return true;
	return false;
}

static void allow_opening(struct filter *filter, const struct sandbox_profile *profile)
{
	const scmp_datum_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	if (!profile->open_files)
		return;
	if (may_write(profile)) {
		allow_when(filter, SCMP_SYS(openat), 0, NULL);
		allow_when(filter, SCMP_SYS(open), 0, NULL);
	} else {
		allow_when(filter, SCMP_SYS(openat), WHEN(SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0)));
		allow_when(filter, SCMP_SYS(open), WHEN(SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0)));
	}
}

static void add_rules(struct filter *filter, const struct sandbox_profile *profile)
{
	add_table(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_SIZE(deadly));
	if (filter->role == ROLE_MASTER) {
		refuse_to_connect_by_sending(filter);
		return;
	}
	add_table(filter, SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed));
	allow_common_with_conditions(filter);
	allow_descriptors(filter);
	allow_sockets(filter);
	allow_threads(filter);
	allow_opening(filter, profile);
}

int seccomp_enforce(const struct sandbox_profile *profile, unsigned *ret_n_calls)
{
	struct filter filter = { .role = profile->role };
	filter.context = seccomp_init(profile->role == ROLE_MASTER ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	if (filter.context == NULL)
		return -SIS_ERR_NO_MEMORY;
	/* System calls in another architecture's numbering would walk around the table. */
	filter.error = seccomp_attr_set(filter.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	(void)seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);    /* a binary tree instead of a list: cheaper per call */
	add_rules(&filter, profile);
	if (filter.error == 0)
		filter.error = seccomp_load(filter.context);
	seccomp_release(filter.context);
	if (filter.error != 0)
		return error_from_errno(-filter.error);
	*ret_n_calls = filter.n_calls;
	return 0;
}
