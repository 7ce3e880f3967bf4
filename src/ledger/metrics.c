/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `sisctl metrics`, and the same for whoever asks the listener on loopback. There anybody of the host may ask as often as they like, so the text is
 * kept for a moment and given to all who ask meanwhile: as a sealed memfd, because with many users it is larger than a message, and because what a
 * worker could still write into would be told to others by the next worker. */
#include "ledger/control.h"
#include "ledger/ledger.h"
#include "ledger/metrics.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#define WAITING_MAX 128                 /* workers ask once at a time */
#define KEEP_NS 1000000000u
#define KEEP_TIMES 20u                  /* of the time that making it took: at most a twentieth of the ledger's time goes into it */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static struct {
	int fd;                                 /* -1: none */
	uint64_t size, good_until_ns;
	struct request waiting[WAITING_MAX];
	unsigned n_waiting;
} kept = { .fd = -1 };

/* ------------------------------------------------ the text ------------------------------------------------ */

/* Who is gone and keeps nothing has nothing to be told of: else there would be a line for everybody who ever was here. */
static int add_user(const struct store_user *user, void *arg)
{
	uint64_t quota = user->quota >= 0 ? (uint64_t)user->quota : ledger.conf.quota_bytes;
	if (user->state == STORE_REVOKED && user->used == 0)
		return 0;
	json_t *row = json_pack("{s:s, s:I, s:I}", "user", user->name, "bytes", (json_int_t)user->used, "items", (json_int_t)user->n_items);
	if (row == NULL || (quota != 0 && json_object_set_new(row, "quota", json_integer((json_int_t)quota)) < 0) ||
	    (user->last_upload != 0 && json_object_set_new(row, "last_upload", json_integer(user->last_upload)) < 0)) {
		json_decref(row);
		return -SIS_ERR_NO_MEMORY;
	}
	return json_array_append_new(arg, row) < 0 ? -SIS_ERR_NO_MEMORY : 0;
}

static int make_text(const json_t *status, char **ret_text, size_t *ret_size)
{
	CLEANUP_JSON json_t *users = json_array();
	int r = users != NULL ? store_list_users(ledger.view, add_user, users) : -SIS_ERR_NO_MEMORY;
	if (r < 0)
		return r;
	*ret_text = metrics_text(status, users, ret_size);
	return *ret_text != NULL ? 0 : -SIS_ERR_NO_MEMORY;
}

static void tell_call(int error, json_t *status, void *arg)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	if (error == 0)
		error = make_text(status, &text, &size);
	if (error == 0)
		control_reply(arg, json_pack("{s:s}", "text", text), false);
	else
		control_fail_error(arg, error, NULL);
}

void metrics_start(struct control_call *call)
{
	int r = status_collect(tell_call, call);
	if (r < 0)
		control_fail_error(call, r, NULL);
}

/* ------------------------------------------------ for the workers ------------------------------------------------ */

static int keep(const char *text, size_t size)
{
	CLEANUP_FD int fd = memfd_create("sis-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? error_from_errno(errno) : fd_write_all(fd, text, size);
	if (r == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		r = error_from_errno(errno);
	if (r < 0)
		return r;
	fd_close(kept.fd);
	kept.fd = fd_take(&fd);
	kept.size = size;
	return 0;
}

static void answer(struct request request, int error)
{
	struct channel *channel = peers_find(request.peer);
	struct message_metrics_text message = { .status = (uint32_t)-error, .size = error == 0 ? kept.size : 0 };
	if (channel != NULL)
		(void)CHANNEL_SEND_FDS(channel, request.id, metrics_text, METRICS_TEXT, &message, &kept.fd, error == 0 ? 1 : 0);
}

static void tell_workers(int error, json_t *status, void *arg)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	uint64_t begun = time_monotonic_ns();
	if (error == 0)
		error = make_text(status, &text, &size);
	if (error == 0)
		error = keep(text, size);
	uint64_t now = time_monotonic_ns(), long_enough = KEEP_TIMES * (now - begun);
	kept.good_until_ns = error == 0 ? now + (long_enough > KEEP_NS ? long_enough : KEEP_NS) : 0;
	for (unsigned i = 0, n = kept.n_waiting; i < n; i++)
		answer(kept.waiting[i], error);
	kept.n_waiting = 0;
}

void metrics_handle_ask(struct request request, const struct message_metrics *message)
{
	if (kept.fd >= 0 && time_monotonic_ns() < kept.good_until_ns) {
		answer(request, 0);
		return;
	}
	int r = kept.n_waiting == WAITING_MAX ? -SIS_ERR_BUSY : kept.n_waiting == 0 ? status_collect(tell_workers, NULL) : 0;
	if (r < 0)
		answer(request, r);
	else
		kept.waiting[kept.n_waiting++] = request;
}
