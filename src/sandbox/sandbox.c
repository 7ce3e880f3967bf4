/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A role's confinement, layer by layer, and the sentence that tells what it came to. */
#include "sandbox/parts.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/util.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is left of root in the master once it serves: to start roles under their own ids, and to take their capabilities away. With the first it also makes
 * their directories and signals them (sisd/owner.c). The roles inherit this as the most they could have. */
#define BIT(capability) (UINT64_C(1) << (capability))
#define MASTER_CAPABILITIES (BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SETPCAP))
#define FILE_CAPABILITIES (BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER))

#define MIB (UINT64_C(1) << 20)
#define KEEP RLIM_INFINITY              /* leave the limit; for descriptors: as many as are allowed */

static const struct limits {
	enum role role;
	rlim_t memory_bytes, descriptors, processes;
} limits[] = {
	{ ROLE_MASTER, KEEP, KEEP, KEEP },
	{ ROLE_SIGNER, 1024 * MIB, 1024, 0 },
	{ ROLE_LEDGER, 8192 * MIB, KEEP, KEEP },
	{ ROLE_WORKER, 8192 * MIB, KEEP, 0 },
	{ ROLE_PICTURE, 2048 * MIB, 16, KEEP },
};

#ifdef SIS_SANITIZERS
/* A confined process cannot trace itself, which is how LeakSanitizer looks for leaks at exit. */
static bool is_confined;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return is_confined;
}
#define RELAX_MEMORY 1
#else
#define RELAX_MEMORY 0
#endif

void sandbox_begin(int keep_fds_below)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)umask(077);
	if (close_range((unsigned)keep_fds_below, ~0u, 0) < 0)
		for (int fd = keep_fds_below; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
			(void)close(fd);
}

void sandbox_forgo_files(void)
{
	(void)identity_drop_capabilities(~FILE_CAPABILITIES);
}

static void lower_limit(int resource, rlim_t wanted)
{
	struct rlimit limit;
	if (wanted == KEEP || getrlimit(resource, &limit) < 0)
		return;
	if (wanted < limit.rlim_max)
		limit.rlim_max = wanted;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(resource, &limit);
}

static void set_limits(enum role role)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && role != ROLE_MASTER) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (limits[i].role != role)
			continue;
		lower_limit(RLIMIT_NOFILE, limits[i].descriptors);
		lower_limit(RLIMIT_NPROC, limits[i].processes);
		if (!RELAX_MEMORY)
			lower_limit(RLIMIT_AS, limits[i].memory_bytes);
	}
}

struct report {
	struct builder words;
	bool weak;
};

static void say_weak(struct report *report, const char *what, int error)
{
	builder_printf(&report->words, ", %s: %s", what, error_text(error));
	report->weak = true;
}

int sandbox_become(uid_t uid, gid_t gid)
{
	bool own;
	if (uid == (uid_t)-1)
		return 0;
	identity_limit_capabilities(0);
	int error = identity_change(uid, gid, &own);
	return error != 0 ? error : identity_drop_capabilities(0);
}

static int enter_identity(const struct sandbox_profile *profile, struct report *report)
{
	bool master = profile->role == ROLE_MASTER, own;
	uint64_t keep = master ? MASTER_CAPABILITIES : 0;
	identity_limit_capabilities(keep);
	int error = identity_change(profile->uid, profile->gid, &own);
	if (error != 0)
		return error;
	bool is_root = geteuid() == 0;
	const char *note = master || own ? "" : is_root ? " (root without its capabilities, shared by all roles)" : " (shared by all roles)";
	builder_printf(&report->words, "uid %u%s", (unsigned)geteuid(), note);
	report->weak = !master && !own;
	error = identity_drop_capabilities(keep);
	if (error != 0)
		say_weak(report, "capabilities not dropped", error);
	return 0;
}

static void enter_landlock(int ruleset_fd, int abi, int prepared, const char *missing, struct report *report)
{
	int error = prepared;
	if (error == 0 && abi == 0) {
		builder_printf(&report->words, ", no landlock (this kernel has none, or it is switched off)");
		report->weak = true;
		return;
	}
	if (error == 0)
		error = landlock_enforce(ruleset_fd);
	if (error != 0) {
		say_weak(report, "no landlock", error);
		return;
	}
	builder_printf(&report->words, ", landlock abi %d", abi);
	if (missing != NULL)
		builder_printf(&report->words, " (without %.60s, which does not exist)", missing);
}

static void enter_seccomp(const struct sandbox_profile *profile, struct report *report)
{
	unsigned n_calls;
	int error = seccomp_enforce(profile, &n_calls);
	if (error != 0)
		say_weak(report, "no seccomp", error);
	else
		builder_printf(&report->words, ", seccomp %s%u calls", profile->role == ROLE_MASTER ? "against " : "", n_calls);
}

static void finish_words(struct report *report, bool no_new_privileges, char *ret_words, size_t capacity)
{
	if (no_new_privileges)
		builder_printf(&report->words, ", no new privileges");
	else
		say_weak(report, "new privileges are possible", SIS_ERR_SYSTEM);
	if (RELAX_MEMORY) {
		builder_printf(&report->words, ", no memory limit (sanitizers)");
		report->weak = true;
	}
	size_t size = report->words.size < capacity ? report->words.size : capacity - 1;
	memcpy(ret_words, report->words.data, size);
	ret_words[size] = 0;
}

int sandbox_enter(const struct sandbox_profile *profile, char *ret_words, size_t capacity, bool *ret_weak)
{
	char words[512];
	struct report report = { .words = builder_from(words, sizeof(words)) };
	bool landlocked = profile->role != ROLE_MASTER; /* the master reads whatever the configuration names at the next reload */
	CLEANUP_FD int ruleset_fd = -1;
	int abi = 0, prepared = 0;
	const char *missing = NULL;

	set_limits(profile->role);
	if (landlocked)
		prepared = landlock_prepare(profile, &ruleset_fd, &abi, &missing);
	int error = enter_identity(profile, &report);
	if (error != 0)
		return error;
	bool no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (landlocked)
		enter_landlock(ruleset_fd, abi, prepared, missing, &report);
#ifdef SIS_SANITIZERS
	is_confined = true;
#endif
	enter_seccomp(profile, &report);
	finish_words(&report, no_new_privileges, ret_words, capacity);
	*ret_weak = report.weak;
	return 0;
}
