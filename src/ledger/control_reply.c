/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Replies to calls on the control socket. */
#include "ledger/control_connection.h"

#include "base/error.h"

#include <stdlib.h>

static void control_free_call(struct control_call *call)
{
	json_decref(call->text.parameters);
	free(call);
}

void control_end(struct control_call *call)
{
	struct control_connection *connection = call->connection;
	control_free_call(call);
	if (connection == NULL)
		return;
	connection->call = NULL;
	control_watch(connection);
}

/* Sends the message (taken) unless the caller wants none or is gone. */
static void control_finish(struct control_call *call, json_t *message, bool continues)
{
	struct control_connection *connection = call->connection;
	if (connection != NULL && !call->text.oneway) {
		bool ends_itself = call->on_gone != NULL;
		if (!control_send(connection, message)) {
			connection = NULL;
			if (!ends_itself && !continues)
				control_free_call(call);
		}
	}
	json_decref(message);
	if (connection != NULL && !continues) {
		connection->call = NULL;
		control_free_call(call);
	}
	if (connection != NULL && control_flush(connection))
		control_next(connection);
}

void control_reply(struct control_call *call, json_t *parameters, bool continues)
{
	if (parameters == NULL)
		parameters = json_object();
	if (call->connection == NULL) {
		json_decref(parameters);
		if (!continues)
			control_free_call(call);
		return;
	}
	json_t *message = json_pack("{s:o}", "parameters", parameters);
	if (message != NULL && continues)
		json_object_set_new(message, "continues", json_true());
	control_finish(call, message, continues);
}

void control_fail(struct control_call *call, const char *error, json_t *parameters)
{
	if (call->connection == NULL) {
		json_decref(parameters);
		control_free_call(call);
		return;
	}
	control_finish(call, json_pack("{s:s, s:o}", "error", error, "parameters", parameters != NULL ? parameters : json_object()), false);
}

void control_fail_error(struct control_call *call, int error, const char *detail)
{
	control_fail(call, CONTROL_INTERFACE ".Failed",
	             json_pack("{s:s, s:s}", "error", error_name(error), "detail", detail != NULL && detail[0] != '\0' ? detail : error_text(error)));
}

const char *control_string(const struct control_call *call, const char *name)
{
	const char *text = json_member_string(call->text.parameters, name);
	return text != NULL ? text : "";
}

bool control_is_drained(const struct control_call *call)
{
	return call->connection == NULL || call->connection->output_size == 0;
}
