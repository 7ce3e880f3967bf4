/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd-ledger: start, confinement, the master's messages, and the end. */
#include "ledger/ledger.h"

#include "base/error.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define TICK_MS 1000
#define TICKS_SLOW 60                   /* every so many: what need not be exact */

struct ledger ledger;

static char sandbox_words[256];
static bool sandbox_weak, expired_grace;

static _Noreturn void ledger_fail(int error, const char *what)
{
	fprintf(stderr, "sisd-ledger: %s\n", what);
	exit(error_exit_status(error));
}

/* In the log, for who looks there first; EX_DATAERR is not tried again by systemd. */
static _Noreturn void ledger_fail_store(int error, const char *what)
{
	if (error != -SIS_ERR_DAMAGED && error != -SIS_ERR_UNKNOWN_SUITE)
		ledger_fail(error, what);
	log_event(&LOG(STORE_DAMAGED, .reason = what));
	exit(error_exit_status(error));
}

static _Noreturn void ledger_end(void)
{
	audit_flush();
	transact_stop();
	audit_head_log(ledger.view);
	sweep_end();
	backup_stop();
	/* Nothing is half done: the next start need not search. */
	if (completion_n_expected() == 0 || !expired_grace)
		(void)store_mark_clean(ledger.writer);
	clock_end();
	store_reader_close(ledger.view);
	store_writer_close(ledger.writer);
	exit(EX_OK);
}

void ledger_step(void)
{
	logs_wake();
	if (ledger.stopping && (completion_n_expected() == 0 || expired_grace))
		ledger_end();
	if (ledger.ready || !ledger.configured || !crl_is_ready())
		return;
	ledger.ready = true;
	int r = control_start();
	if (r < 0)
		ledger_fail(r, "the control socket cannot be used");
	if (sandbox_weak)
		log_event(&LOG(SANDBOX_WEAK, .role = "ledger", .detail = sandbox_words));
	role_ready(&ledger.role, sandbox_words);
}

static void ledger_tick(void *arg)
{
	static unsigned n_ticks;
	struct loop_source **timer = arg;
	clock_tick();
	uploads_tick();
	room_tick();
	holder_tick();
	expiry_tick();
	authority_tick();
	if (!ledger.stopping)
		crl_tick(n_ticks % TICKS_SLOW == 0);
	audit_chain_tick();
	check_tick();
	control_tick();
	audit_sum_dropped(false);
	if (++n_ticks % TICKS_SLOW == 0 && !ledger.stopping) {
		if (!clock_is_doubtful()) {
			people_tick();
			publish_tick();
		}
		(void)malloc_trim(0);
	}
	loop_timer_set(*timer, TICK_MS);
}

static void ledger_confine(uint32_t uid, uint32_t gid)
{
	struct sandbox_path paths[] = { { ledger.state_dir, true } };
	struct sandbox_profile profile = {
		.role = ROLE_LEDGER, .paths = paths, .n_paths = ARRAY_SIZE(paths),
		.uid = uid == UINT32_MAX ? (uid_t)-1 : uid, .gid = gid == UINT32_MAX ? (gid_t)-1 : gid,
		.open_files = true,
	};
	int r = sandbox_enter(&profile, sandbox_words, sizeof(sandbox_words), &sandbox_weak);
	if (r < 0)
		ledger_fail(r, "the user id or the sandbox cannot be taken");
}

static void ledger_open_store(void)
{
	char why[512];
	struct store_recovery recovery = { 0 };
	int r = store_writer_open(ledger.state_dir, &ledger.writer, why, sizeof(why));
	if (r < 0)
		ledger_fail_store(r, why);
	bool restored = false;
	r = store_begin_restored(ledger.writer, ledger.state_dir, &restored);
	if (r == -SIS_ERR_INTERRUPTED)
		ledger_fail(r, "sisctl restore was interrupted here: empty the state directory, and restore once more");
	store_backup_remove(ledger.writer);
	if (r == 0)
		r = store_recover(ledger.writer, &recovery);
	if (r == 0)
		r = store_reader_open(ledger.state_dir, &ledger.view);
	if (r == 0)
		r = transact_start(ledger.writer);
	if (r == 0)
		r = uploads_load();
	if (r < 0)
		ledger_fail_store(r, r == -SIS_ERR_DAMAGED ? "the database is damaged: keep a copy of the state directory (cp -a); then `sisctl check --offline --repair` saves "
		                  "what can be read, or restore a backup, sis-backup(7)" : error_text(r));
	if (recovery.unclean || recovery.n_finished + recovery.n_undone + recovery.n_orphans > 0) {
		char detail[160];
		snprintf(detail, sizeof(detail), "%u commits completed, %u undone, %u unfinished uploads removed, %u objects without an item removed or, when no deletion explains them, moved to lost/",
		         recovery.n_finished, recovery.n_undone, recovery.n_dropped, recovery.n_orphans);
		audit_event(&LOG(RECOVERED, .detail = detail));
	}
	if (restored)
		audit_event(&LOG(RESTORED));
	clock_start();
	expiry_tick();
}

static void handle_start(struct channel_packet *packet)
{
	struct message_start_ledger message;
	if (message_start_ledger_decode(&packet->payload, &message) < 0 || packet->n_fds != 3 || ledger.writer != NULL ||
	    !span_to_string(message.state_dir, ledger.state_dir, sizeof(ledger.state_dir)))
		ledger_fail(-SIS_ERR_PROTOCOL, "sisd sent a start message that is not for the ledger");
	ledger.own_uid = message.own_uid;
	control_prepare(fd_take(&packet->fds[0]));
	int signer_fd = fd_take(&packet->fds[1]);
	/* Held until this process ends: no other daemon may start on this store while we still write. */
	(void)fd_take(&packet->fds[2]);
	ledger_confine(message.uid, message.gid);
	static struct loop_source *timer;
	int r = completion_start(ledger.role.loop);
	if (r == 0)
		r = loop_add_timer(ledger.role.loop, TICK_MS, ledger_tick, &timer, &timer);
	if (r < 0)
		ledger_fail(r, error_text(r));
	ledger_open_store();
	r = signer_connect(signer_fd);
	if (r < 0)
		ledger_fail(r, "the channel to the signer cannot be used");
}

static void handle_check_store(struct channel_packet *packet)
{
	struct message_check_store message;
	if (message_check_store_decode(&packet->payload, &message) < 0 || packet->n_fds != 2 || ledger.writer != NULL ||
	    !span_to_string(message.state_dir, ledger.state_dir, sizeof(ledger.state_dir)))
		ledger_fail(-SIS_ERR_PROTOCOL, "sisd sent a message that is not for the ledger");
	(void)fd_take(&packet->fds[0]);
	ledger_confine(message.uid, message.gid);
	exit(check_alone(&message, fd_take(&packet->fds[1])));
}

static void handle_config(struct channel_packet *packet)
{
	struct message_config_ledger message;
	if (message_config_ledger_decode(&packet->payload, &message) < 0)
		return;
	ledger.conf.open_registration = span_equals(message.registration, "open");
	ledger.conf.device_invites = span_equals(message.device_invites, "yes");
	span_to_string(message.public_address, ledger.conf.public_address, sizeof(ledger.conf.public_address));
	ledger.conf.invite_lifetime_s = message.invite_lifetime_s;
	ledger.conf.certificate_lifetime_s = message.certificate_lifetime_s;
	ledger.conf.max_item_bytes = message.max_item_bytes;
	ledger.conf.quota_bytes = message.quota_bytes;
	ledger.conf.upload_lifetime_s = message.upload_lifetime_s;
	ledger.conf.audit_lifetime_s = message.audit_lifetime_s;
	ledger.conf.uploads_per_user = message.uploads_per_user;
	ledger.conf.new_uploads_per_user = message.new_uploads_per_user;
	ledger.conf.enroll_failures_per_source = message.enroll_failures_per_source;
	ledger.conf.enroll_failures_per_name = message.enroll_failures_per_name;
	ledger.conf.registrations_per_source = message.registrations_per_source;
	ledger.conf.device_invites_per_user = message.device_invites_per_user;
	log_set_level((int)message.log_level);
	ledger.configured = true;
	ledger_step();
}

static void handle_peer(struct channel_packet *packet)
{
	struct message_peer message;
	if (message_peer_decode(&packet->payload, &message) == 0 && packet->n_fds == 1)
		peers_add(message.worker, fd_take(&packet->fds[0]));
}

/* The end of the worker's channel says the same, earlier, and cannot be mistaken for its successor's. */
static void handle_peer_gone(struct channel_packet *packet)
{
}

static void grace_expired(void *arg)
{
	expired_grace = true;
	ledger_step();
}

static void handle_stop(struct channel_packet *packet)
{
	struct message_stop message = { 0 };
	(void)message_stop_decode(&packet->payload, &message);
	if (ledger.writer == NULL)
		exit(EX_OK);
	ledger.stopping = true;
	check_stop();
	control_stop();
	audit_sum_dropped(true);
	audit_flush();
	(void)loop_add_timer(ledger.role.loop, message.grace_ms, grace_expired, NULL, NULL);
	ledger_step();
}

static void handle_audit(struct channel_packet *packet)
{
	struct message_audit message;
	if (message_audit_decode(&packet->payload, &message) == 0)
		audit_handle(&message);
}

static void handle_role_status_reply(struct channel_packet *packet)
{
	struct message_role_status_reply message;
	if (message_role_status_reply_decode(&packet->payload, &message) == 0)
		status_handle_reply(packet->id, &message);
}

static void (*const handlers[MESSAGE_END])(struct channel_packet *packet) = {
	[MESSAGE_START_LEDGER] = handle_start,
	[MESSAGE_CHECK_STORE] = handle_check_store,
	[MESSAGE_CONFIG_LEDGER] = handle_config,
	[MESSAGE_PEER] = handle_peer,
	[MESSAGE_PEER_GONE] = handle_peer_gone,
	[MESSAGE_STOP] = handle_stop,
	[MESSAGE_AUDIT] = handle_audit,
	[MESSAGE_ROLE_STATUS_REPLY] = handle_role_status_reply,
};

static void on_packet(struct channel *channel, struct channel_packet *packet, void *arg)
{
	if (handlers[packet->type] != NULL)
		handlers[packet->type](packet);
}

int main(void)
{
	sandbox_begin(ROLE_MASTER_FD + 1);
	/* Files get their modes where they are made; others than owner and group have nothing to seek here. */
	umask(027);
	/* A file that would be too large is an error of that upload, not the end of the ledger. */
	signal(SIGXFSZ, SIG_IGN);
	/* One heap for all threads: a server at rest stays small. */
	mallopt(M_ARENA_MAX, 2);
	role_start(ROLE_LEDGER, on_packet, NULL, &ledger.role);
	return loop_run(ledger.role.loop);
}
