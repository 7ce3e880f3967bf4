/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Calls of the daemon, and what it refuses in words for people. */
#include "sisctl/sisctl.h"

#include "base/error.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define INTERFACE "io.sis.control."
#define PATIENCE_MS 3000

/* What the daemon may answer, in words for people. */
static const struct { const char *error; int exit_status; const char *words; } refusals[] = {
	{ "io.sis.control.NotAllowed", EX_NOPERM, "only root and the group in control_group of sisd.conf (sis-admin) may do this" },
	{ "io.sis.control.NoSuchUser", EX_NOUSER, "there is no such user; `sisctl list` shows who there is" },
	{ "io.sis.control.NoSuchDevice", EX_NOUSER, "that user has no such device; `sisctl certs USER` shows which there are" },
	{ "io.sis.control.UserExists", EX_CANTCREAT, "the name is taken: a live user gets one more device with `sisctl invite USER`, and a revoked one's name is given to nobody again" },
	{ "io.sis.control.BadName", EX_DATAERR, "that is not a valid name of a user or device: 1 to 32 of a-z 0-9 . _ -, starting with a letter or digit" },
	{ "org.varlink.service.MethodNotFound", EX_UNAVAILABLE, "the daemon does not know this command: are sisd and sisctl of the same version?" },
	{ "org.varlink.service.InvalidParameter", EX_USAGE, "the daemon does not take these arguments" },
};

/* A server whose unit is not known was named by its socket. */
static int explain_silence(const struct sisctl *sisctl, const char *what)
{
	if (!sisctl->default_socket)
		return output_error(EX_UNAVAILABLE, "%s %s: is sisd running, and is this the control_socket of its configuration?", what, sisctl->socket);
	return output_error(EX_UNAVAILABLE, "%s %s: is sisd running (`systemctl status %s` says), and does its configuration name another one (then: -s SOCKET)?",
	                    what, sisctl->socket, sisctl->unit);
}

static int explain_connect(const struct sisctl *sisctl, int error)
{
	const char *path = sisctl->socket;
	int status = error_exit_status(error);
	switch (-error) {
	case SIS_ERR_NO_INPUT:
		return explain_silence(sisctl, "there is no control socket");
	case SIS_ERR_UNAVAILABLE:
		return explain_silence(sisctl, "nobody listens on the control socket");
	case SIS_ERR_NOT_ALLOWED:
		return output_error(EX_NOPERM, "you may not use the control socket %s: only root and the group in control_group of sisd.conf (sis-admin) may", path);
	case SIS_ERR_BAD_NAME:
		return output_error(EX_USAGE, "the path of the control socket is too long: %s", path);
	default:
		return output_error(status, "the control socket %s: %s", path, error_text(error));
	}
}

static int explain_broken(int error)
{
	if (error == -SIS_ERR_CLOSED)
		return output_error(EX_UNAVAILABLE, "sisd closed the connection before it answered: either you may not use it (root and control_group may), or it is stopping; "
		                    "its log says which");
	if (error == -SIS_ERR_PROTOCOL)
		return output_error(EX_PROTOCOL, "what answers on the control socket does not speak Varlink");
	return output_error(error_exit_status(error), "the control socket: %s", error_text(error));
}

/* io.sis.control.Failed(error, detail): the name in error.def decides the exit status. */
static int explain_failed(const json_t *parameters)
{
	const char *name = json_member_string(parameters, "error"), *detail = json_member_string(parameters, "detail");
	int error = SIS_ERR_INTERNAL;
	for (int i = 1; name != NULL && i < SIS_ERR_END; i++)
		if (strcmp(error_name(i), name) == 0)
			error = i;
	if (error == SIS_ERR_NO_SPACE)
		return output_error(error_exit_status(error), "the disk of the daemon's state directory is full: make room there, or remove items (`sisctl items`, `sisctl rm`)");
	return output_error(error_exit_status(error), "%s", detail != NULL && *detail != '\0' ? detail : error_text(error));
}

static int explain_refusal(const struct varlink_reply *reply)
{
	if (strcmp(reply->error, INTERFACE "Failed") == 0)
		return explain_failed(reply->parameters);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if (strcmp(reply->error, refusals[i].error) == 0)
			return output_error(refusals[i].exit_status, "%s", refusals[i].words);
	return output_error(EX_UNAVAILABLE, "the daemon refused: %s", reply->error);
}

int sisctl_send(struct sisctl *sisctl, const char *method, json_t *parameters, bool more)
{
	CLEANUP_JSON json_t *owned = parameters;
	if (owned == NULL)
		abort();
	int r = 0;
	if (sisctl->varlink == NULL)
		r = varlink_connect(sisctl->socket, &sisctl->varlink);
	if (r < 0)
		return explain_connect(sisctl, r);
	CLEANUP_FREE char *full_name = xasprintf(INTERFACE "%s", method);
	r = varlink_send(sisctl->varlink, full_name, owned, more);
	return r < 0 ? explain_broken(r) : 0;
}

int sisctl_receive_unless(struct sisctl *sisctl, const char *expected, struct varlink_reply *ret_reply, bool *ret_expected)
{
	int r = varlink_receive(sisctl->varlink, ret_reply);
	if (r < 0)
		return explain_broken(r);
	if (ret_expected != NULL && strcmp(ret_reply->error, expected) == 0) {
		*ret_expected = true;
		return 0;
	}
	return ret_reply->error[0] != '\0' ? explain_refusal(ret_reply) : 0;
}

int sisctl_receive(struct sisctl *sisctl, struct varlink_reply *ret_reply)
{
	return sisctl_receive_unless(sisctl, NULL, ret_reply, NULL);
}

int sisctl_call(struct sisctl *sisctl, const char *method, json_t *parameters, struct varlink_reply *ret_reply)
{
	int r = sisctl_send(sisctl, method, parameters, false);
	/* systemd holds the socket, so one can connect while there is no daemon: then it is waited for, and that is said. */
	if (r == 0 && !varlink_wait(sisctl->varlink, PATIENCE_MS))
		fprintf(stderr, "sisctl: no answer yet, waiting for it; if sisd does not run, `systemctl status %s` says why\n", sisctl->unit);
	return r != 0 ? r : sisctl_receive(sisctl, ret_reply);
}

json_t *parameters_new(const char *name, const char *value, ...)
{
	json_t *parameters = json_object();
	va_list pairs;
	va_start(pairs, value);
	while (name != NULL) {
		if (value != NULL && json_object_set_new(parameters, name, json_string(value)) < 0)
			abort();
		name = va_arg(pairs, const char *);
		value = name != NULL ? va_arg(pairs, const char *) : NULL;
	}
	va_end(pairs);
	return parameters;
}
