/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd --check-store: the lock of state_dir, and a ledger as the only role, which looks at the store and writes what it finds to our standard output. The master
 * itself opens no database, here as ever. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static void on_terminate(int signal_number, void *arg)
{
	struct master *master = arg;

	/* It ends at the next item; nothing is half done. */
	if (master->ledger.channel)
		CHANNEL_SEND(master->ledger.channel, 0, stop, STOP, &(struct message_stop){ .grace_ms = 0 });
}

static int check_open(struct master *master)
{
	int status;

	if ((status = users_resolve(master->conf, &master->users)) || (status = spawn_check_programs(master->options.libexec_dir))
	    || (status = state_open(master->conf, &master->users, &master->lock_fd, &master->keys_fd)))
		return status;
	if (loop_new(&master->loop) < 0 || loop_add_signal(master->loop, SIGTERM, on_terminate, master) < 0
	    || loop_add_signal(master->loop, SIGINT, on_terminate, master) < 0 || supervise_begin(master) < 0)
		return EX_OSERR;
	return 0;
}

/* Not under the watchdog: it looks for as long as it takes. */
static int check_serve(struct master *master)
{
	const struct master_options *options = &master->options;
	struct message_check_store message = {
		.state_dir = span_from_string(master->conf->state_dir), .uid = master->users.ledger.uid, .gid = master->users.ledger.gid,
		.full = options->full, .repair = options->repair, .remove_lost = options->remove_lost,
		.recover_items = options->recover_items,
	};
	int r = spawn_role(&master->ledger);

	if (r < 0) {
		complain("sisd-ledger: %s", error_text(r));
		return error_exit_status(r);
	}
	master->ledger.state = PROCESS_STOPPING;
	CHANNEL_SEND_FDS(master->ledger.channel, 0, check_store, CHECK_STORE, &message, ((int[]){ master->lock_fd, STDOUT_FILENO }), 2);
	return loop_run(master->loop);
}

int master_check_store(const struct master_options *options)
{
	struct master *master = master_new(options);
	int status = load_or_tell(options, &master->conf);

	master->alone = true;

	if (status == 0)
		status = check_open(master);
	journal_begin(master);
	if (status == 0)
		status = check_serve(master);
	log_set_sink(NULL, NULL);
	master_close(master);
	return status;
}
