/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd --check: what a start would refuse, without starting. It makes, takes and changes nothing, and may be asked while sisd runs. Every problem is named. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define CONF_OF_THE_ONE_SERVER SIS_SYSCONFDIR "/sis/sisd.conf"

typedef int check_fn(struct master *master);

static int check_users(struct master *master)
{
	return users_resolve(master->conf, &master->users);
}

static int check_listen(struct master *master)
{
	return listen_check(master->conf);
}

static int check_control(struct master *master)
{
	return control_check(master->conf->control);
}

/* Of an instance only its unit knows where its state is, when its configuration does not say it. */
static int check_state(struct master *master)
{
	if (state_dir_is_default(master->conf) && strcmp(master->options.conf_path, CONF_OF_THE_ONE_SERVER) != 0) {
		printf("state_dir is not looked at: where none is given, the unit says which it is\n");
		return 0;
	}
	return state_check(master->conf, &master->users);
}

/* ------------------------------------------------ tls_certificate ------------------------------------------------ */

static int ask_signer(struct master *master, const int fds[2])
{
	CLEANUP_FREE char *names = conf_lines_join(&master->conf->server_names);
	struct message_check_identity message = {
		.server_names = span_from_string(names), .uid = master->users.signer.uid, .gid = master->users.signer.gid,
	};
	int r;

	if (loop_new(&master->loop) < 0 || supervise_begin(master) < 0)
		return EX_OSERR;
	r = spawn_role(&master->signer);
	if (r < 0) {
		complain("sisd-signer: %s", error_text(r));
		return error_exit_status(r);
	}
	master->signer.state = PROCESS_STOPPING;
	CHANNEL_SEND_FDS(master->signer.channel, 0, check_identity, CHECK_IDENTITY, &message, fds, 2);
	return loop_run(master->loop);
}

void check_identity_heard(struct master *master, uint32_t status, const char *detail)
{
	master->identity_checked = true;
	master->identity_status = status != 0 ? EX_CONFIG : 0;
	if (status != 0)
		complain("%s", detail);
	else if (*detail)
		complain("warning: browsers and others will refuse the certificate of tls_certificate: %s", detail);
}

/* What strangers have written is not parsed here: the signer does it, in its sandbox, as it does at a start. */
static int check_identity(struct master *master)
{
	int fds[2], status;

	if (external_tls_is_elsewhere(master->conf)) {
		printf("tls_certificate and tls_key are not looked at: only the service itself has its credentials\n");
		return 0;
	}
	if ((status = external_tls_open(master->conf, fds)) || fds[0] < 0)
		return status;
	if ((status = spawn_check_programs(master->options.libexec_dir)) == 0 && (status = ask_signer(master, fds)) == 0 && !master->identity_checked) {
		complain("sisd-signer ended without an answer on tls_certificate and tls_key");
		status = EX_SOFTWARE;
	}
	fd_close(fds[0]);
	fd_close(fds[1]);
	return status != 0 ? status : master->identity_status;
}

/* ------------------------------------------------ everything ------------------------------------------------ */

int master_check(const struct master_options *options)
{
	static check_fn *const checks[] = { check_users, check_listen, check_state, check_control, check_identity };
	struct master *master = master_new(options);
	int status = load_or_tell(options, &master->conf), first = status;

	master->alone = true;
	/* Who the roles are decides whose everything has to be. */
	for (unsigned i = 0; i < ARRAY_SIZE(checks) && status == 0; i++) {
		int r = checks[i](master);

		if (first == 0)
			first = r;
		if (checks[i] == check_users)
			status = r;
	}
	if (first == 0)
		printf("%s: no problems\n", options->conf_path);
	master_close(master);
	return first;
}
