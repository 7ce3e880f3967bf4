/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of the control interface, and reading calls by it. Nothing here knows the ledger: this is the part that meets strangers' bytes. */
#include "ledger/control_call.h"

#include "base/error.h"
#include "base/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARAMETERS_MAX 7
#define DESCRIPTION_MAX 16384

struct control_parameter { const char *name; json_type type; bool optional; };

struct control_row {
	const char *interface, *name;
	struct control_parameter parameter[PARAMETERS_MAX];
	const char *reply, *doc;
};

#define SERVICE "org.varlink.service"

static const struct control_row table[CONTROL_METHODS] = {
	[CONTROL_GET_INFO] = { SERVICE, "GetInfo", { { 0 } },
		"vendor: string, product: string, version: string, url: string, interfaces: []string", "Who is this" },
	[CONTROL_GET_INTERFACE_DESCRIPTION] = { SERVICE, "GetInterfaceDescription", { { "interface", JSON_STRING, false } },
		"description: string", "This text" },
	[CONTROL_ADD_USER] = { CONTROL_INTERFACE, "AddUser", { { "user", JSON_STRING, false }, { "device", JSON_STRING, true } },
		"invite: string", "Adds a user and makes an invite for the first device" },
	[CONTROL_INVITE] = { CONTROL_INTERFACE, "Invite", { { "user", JSON_STRING, false }, { "device", JSON_STRING, true } },
		"invite: string", "Makes an invite for another device of a user" },
	[CONTROL_LIST_USERS] = { CONTROL_INTERFACE, "ListUsers", { { 0 } },
		"users: []User", "Every user, revoked ones too" },
	[CONTROL_REVOKE] = { CONTROL_INTERFACE, "Revoke", { { "user", JSON_STRING, false }, { "device", JSON_STRING, true },
		{ "reason", JSON_STRING, true }, { "compromised", JSON_TRUE, true } },
		"devices: int, connections: int", "Ends a user, or one device, and closes every live connection before it answers" },
	[CONTROL_LIST_CERTIFICATES] = { CONTROL_INTERFACE, "ListCertificates", { { "user", JSON_STRING, true } },
		"certificates: []Certificate", "Every certificate that was issued" },
	[CONTROL_LOGS] = { CONTROL_INTERFACE, "Logs", { { "user", JSON_STRING, true }, { "device", JSON_STRING, true }, { "item", JSON_STRING, true },
		{ "event", JSON_STRING, true }, { "since", JSON_STRING, true }, { "until", JSON_STRING, true }, { "follow", JSON_TRUE, true } },
		"entry: ?Entry", "The audit log, one reply an entry; only with \"more\". The last reply has no entry" },
	[CONTROL_STATUS] = { CONTROL_INTERFACE, "Status", { { 0 } },
		"status: object", "The processes, their sandboxes, and figures" },
	[CONTROL_CHECK] = { CONTROL_INTERFACE, "Check", { { "full", JSON_TRUE, true }, { "repair", JSON_TRUE, true }, { "remove_lost", JSON_TRUE, true },
		{ "recover_items", JSON_TRUE, true } },
		"problems: []Problem, state_dir: string, more: int, items: int, bytes: int, mended: ?int, all: ?int, done: bool", "Compares database and objects; full reads every byte and"
		" verifies every signature. repair mends what can be\n# mended without losing anything, remove_lost also removes items that are lost. recover_items also looks at objects in lost/, and with repair\n"
		"# reads items whose rows are lost back from their objects, for their owners alone. more: problems that are not listed. With \"more\", until it is\n"
		"# done: once a second how many items, of all, were looked at" },
	[CONTROL_AUDIT_VERIFY] = { CONTROL_INTERFACE, "AuditVerify", { { "head", JSON_STRING, true } },
		"problems: []string, lines: int, anchor: string, head: string", "Verifies the chain of the audit log; head, NUMBER:HASH, is one that was noted before" },
	[CONTROL_LIST_QUOTAS] = { CONTROL_INTERFACE, "ListQuotas", { { "user", JSON_STRING, true } },
		"default: int, quotas: []Quota", "What each user may keep here, and keeps; 0 is no limit" },
	[CONTROL_SET_QUOTA] = { CONTROL_INTERFACE, "SetQuota", { { "user", JSON_STRING, false }, { "bytes", JSON_INTEGER, true } },
		"", "0: no limit; without bytes: the configured default" },
	[CONTROL_LIST_ITEMS] = { CONTROL_INTERFACE, "ListItems", { { "user", JSON_STRING, true }, { "limit", JSON_INTEGER, true } },
		"items: []Item", "What lies here, newest first: at most limit (50), which is at most 10000" },
	[CONTROL_REMOVE_ITEM] = { CONTROL_INTERFACE, "RemoveItem", { { "item", JSON_STRING, false } },
		"user: string", "Deletes an item, whoever's it is (user), and tells all who have it" },
	[CONTROL_LIST_INVITES] = { CONTROL_INTERFACE, "ListInvites", { { 0 } },
		"invites: []OpenInvite", "Invites that can be used, without their codes, which nobody knows" },
	[CONTROL_REVOKE_INVITES] = { CONTROL_INTERFACE, "RevokeInvites", { { "user", JSON_STRING, true }, { "id", JSON_INTEGER, true } },
		"user: string, invites: int", "Takes back one invite, or all of a user" },
	[CONTROL_DISABLE_USER] = { CONTROL_INTERFACE, "DisableUser", { { "user", JSON_STRING, false } },
		"connections: int", "For a time nothing is done by or for this user; closes every live connection before it answers" },
	[CONTROL_ENABLE_USER] = { CONTROL_INTERFACE, "EnableUser", { { "user", JSON_STRING, false } },
		"", "Ends that time" },
	[CONTROL_DISCONNECT] = { CONTROL_INTERFACE, "Disconnect", { { "user", JSON_STRING, false }, { "device", JSON_STRING, true } },
		"connections: int", "Closes live connections; who had them may come back" },
	[CONTROL_BACKUP] = { CONTROL_INTERFACE, "Backup", { { 0 } },
		"state_dir: string, sequence: int, users: int, items: int, bytes: int", "Makes a copy of the database and a list of its objects under"
		" state_dir/incoming,\n# and keeps every object until BackupEnd or the end of the connection. Only with \"more\"" },
	[CONTROL_BACKUP_END] = { CONTROL_INTERFACE, "BackupEnd", { { "snapshot", JSON_STRING, false } },
		"", "The backup under way is complete, under this name; from another connection" },
	[CONTROL_LIST_AUTHORITIES] = { CONTROL_INTERFACE, "ListAuthorities", { { 0 } },
		"authorities: []Authority", "The certificate authority in force, and those that it has succeeded" },
	[CONTROL_ROLL_OVER] = { CONTROL_INTERFACE, "RollOver", { { 0 } },
		"fingerprint: string", "Make a successor of the certificate authority, which signs from then on" },
	[CONTROL_ACCEPT_CLOCK] = { CONTROL_INTERFACE, "AcceptClock", { { 0 } },
		"", "The clock is right, though it has jumped: remove what has ended" },
	[CONTROL_METRICS] = { CONTROL_INTERFACE, "Metrics", { { 0 } },
		"text: string", "The daemon's figures as Prometheus reads them (text exposition format 0.0.4)" },
};

static const char control_types[] =
	"type User (user: string, state: string, created: string, devices: int, items: int, bytes: int, invites: int,\n"
	"  last_upload: ?string)\n\n"
	"type Certificate (user: string, device: string, fingerprint: string, serial: string, not_before: string, not_after: string,\n"
	"  state: string, revoked: ?string)\n\n"
	"type Authority (fingerprint: string, state: string, not_before: string, not_after: string)\n\n"
	"type Quota (user: string, used: int, reserved: int, quota: int, own: bool)\n\n"
	"type Item (item: string, user: string, received: string, bytes: int, kind: string, readers: int, expires: ?string)\n\n"
	"type OpenInvite (id: int, user: string, device: string, created: string, expires: string)\n\n"
	"type Problem (kind: string, sentence: string, item: string, user: string, received: string, readers: []string, more_readers: int, mend: string,\n"
	"  mendable: bool, mended: bool, given_up: bool, read_back: bool, deed: string, error: string)\n\n"
	"type Entry (sequence: int, time: string, event: string, role: string, user: string, device: string, item: string, peer: string,\n"
	"  text: string)\n";
static const char control_errors[] =
	"\n# The caller is neither root nor in the socket's group\nerror NotAllowed ()\n"
	"\nerror NoSuchUser (user: string)\n"
	"\nerror NoSuchDevice (user: string, device: string)\n"
	"\n# The name is taken, or was: names of revoked users are never given to somebody else\nerror UserExists (user: string)\n"
	"\nerror BadName (name: string)\n"
	"\n# error: the name in the table of errors; detail: one sentence\nerror Failed (error: string, detail: string)\n";
static const char service_errors[] =
	"\nerror InterfaceNotFound (interface: string)\n\nerror MethodNotFound (method: string)\n\nerror MethodNotImplemented (method: string)\n"
	"\nerror InvalidParameter (parameter: string)\n\nerror PermissionDenied ()\n\nerror ExpectedMore ()\n";

static int control_refuse(struct control_refusal *refusal, const char *error, const char *member, const char *about)
{
	refusal->error = error;
	refusal->member = member;
	snprintf(refusal->about, sizeof(refusal->about), "%s", about);
	/* Cut in the middle of a character it would be no JSON string. */
	if (!utf8_is_valid(span_from_string(refusal->about)))
		refusal->about[0] = '\0';
	return -SIS_ERR_USAGE;
}

static bool control_type_fits(json_type wanted, const json_t *value)
{
	return wanted == JSON_TRUE ? json_is_boolean(value) : json_typeof(value) == wanted;
}

static const struct control_parameter *control_find_parameter(const struct control_row *row, const char *name)
{
	for (int i = 0; i < PARAMETERS_MAX && row->parameter[i].name != NULL; i++) {
		if (strcmp(row->parameter[i].name, name) == 0)
			return &row->parameter[i];
	}
	return NULL;
}

/* Every parameter is known and of its type, and all that must be there are. An optional one may be null. */
static int control_check_parameters(const struct control_row *row, json_t *parameters, struct control_refusal *refusal)
{
	const char *name;
	json_t *value;
	json_object_foreach(parameters, name, value) {
		const struct control_parameter *parameter = control_find_parameter(row, name);
		if (parameter == NULL || !(control_type_fits(parameter->type, value) || (parameter->optional && json_is_null(value))))
			return control_refuse(refusal, SERVICE ".InvalidParameter", "parameter", name);
	}
	for (int i = 0; i < PARAMETERS_MAX && row->parameter[i].name != NULL; i++) {
		if (!row->parameter[i].optional && json_object_get(parameters, row->parameter[i].name) == NULL)
			return control_refuse(refusal, SERVICE ".InvalidParameter", "parameter", row->parameter[i].name);
	}
	return 0;
}

static int control_find_method(const char *name, enum control_method *ret_method, struct control_refusal *refusal)
{
	const char *dot = strrchr(name, '.');
	size_t interface_size = dot != NULL ? (size_t)(dot - name) : 0;
	bool known = false;
	for (enum control_method i = 0; i < CONTROL_METHODS; i++) {
		if (strlen(table[i].interface) != interface_size || memcmp(table[i].interface, name, interface_size) != 0)
			continue;
		known = true;
		if (strcmp(table[i].name, dot + 1) == 0) {
			*ret_method = i;
			return 0;
		}
	}
	char interface[128];
	snprintf(interface, sizeof(interface), "%.*s", (int)(interface_size < 127 ? interface_size : 127), name);
	return known ? control_refuse(refusal, SERVICE ".MethodNotFound", "method", dot + 1)
	             : control_refuse(refusal, SERVICE ".InterfaceNotFound", "interface", interface);
}

/* The members of a call besides "parameters"; unknown ones are refused like unknown parameters. */
static int control_check_members(json_t *message, struct control_refusal *refusal)
{
	static const struct { const char *name; json_type type; } members[] = {
		{ "method", JSON_STRING }, { "parameters", JSON_OBJECT }, { "oneway", JSON_TRUE }, { "more", JSON_TRUE }, { "upgrade", JSON_TRUE },
	};
	const char *name;
	json_t *value;
	json_object_foreach(message, name, value) {
		size_t i = 0;
		while (i < ARRAY_SIZE(members) && strcmp(members[i].name, name) != 0)
			i++;
		if (i == ARRAY_SIZE(members) || !control_type_fits(members[i].type, value))
			return control_refuse(refusal, SERVICE ".InvalidParameter", "parameter", name);
	}
	/* There is no other protocol that we could change to. */
	if (json_member_bool(message, "upgrade", false))
		return control_refuse(refusal, SERVICE ".InvalidParameter", "parameter", "upgrade");
	return 0;
}

int control_call_parse(struct span text, struct control_call_text *ret_call, struct control_refusal *ret_refusal, bool *ret_oneway)
{
	CLEANUP_JSON json_t *message = NULL, *parameters = NULL;
	*ret_oneway = false;
	int r = json_parse(text, CONTROL_MESSAGE_MAX, &message);
	if (r < 0 || !json_is_object(message) || json_member_string(message, "method") == NULL) {
		control_refuse(ret_refusal, CONTROL_INTERFACE ".Failed", "detail", "this is not a Varlink call: a JSON object with a method, ended by NUL");
		return r == -SIS_ERR_NO_MEMORY ? r : -SIS_ERR_BAD_FORMAT;
	}
	*ret_oneway = json_member_bool(message, "oneway", false);
	enum control_method method = CONTROL_METHODS;
	r = control_check_members(message, ret_refusal);
	if (r == 0)
		r = control_find_method(json_member_string(message, "method"), &method, ret_refusal);
	if (r < 0)
		return r;
	json_t *given = json_object_get(message, "parameters");
	parameters = given != NULL ? json_incref(given) : json_object();
	if (parameters == NULL)
		return control_refuse(ret_refusal, CONTROL_INTERFACE ".Failed", "detail", error_text(SIS_ERR_NO_MEMORY));
	r = control_check_parameters(&table[method], parameters, ret_refusal);
	if (r < 0)
		return r;
	*ret_call = (struct control_call_text){ .method = method, .parameters = parameters, .oneway = *ret_oneway,
	                                        .more = json_member_bool(message, "more", false) };
	parameters = NULL;
	if ((method == CONTROL_LOGS || method == CONTROL_BACKUP) && !ret_call->more) {
		json_decref(ret_call->parameters);
		return control_refuse(ret_refusal, SERVICE ".ExpectedMore", NULL, "");
	}
	return 0;
}

static void control_describe_method(struct builder *text, const struct control_row *row)
{
	builder_printf(text, "\n# %s\nmethod %s(", row->doc, row->name);
	for (int i = 0; i < PARAMETERS_MAX && row->parameter[i].name != NULL; i++)
		builder_printf(text, "%s%s: %s%s", i > 0 ? ", " : "", row->parameter[i].name, row->parameter[i].optional ? "?" : "",
		               row->parameter[i].type == JSON_TRUE ? "bool" : row->parameter[i].type == JSON_INTEGER ? "int" : "string");
	builder_printf(text, ") -> (%s)\n", row->reply);
}

char *control_describe(const char *interface)
{
	bool ours = strcmp(interface, CONTROL_INTERFACE) == 0;
	char *description = ours || strcmp(interface, SERVICE) == 0 ? malloc(DESCRIPTION_MAX) : NULL;
	if (description == NULL)
		return NULL;
	struct builder text = builder_from(description, DESCRIPTION_MAX - 1);
	builder_printf(&text, "# %s\ninterface %s\n\n", ours ? "Administration of sisd, as sisctl does it" : "The Varlink service interface", interface);
	if (ours)
		builder_printf(&text, "%s", control_types);
	for (enum control_method i = 0; i < CONTROL_METHODS; i++) {
		if (strcmp(table[i].interface, interface) == 0)
			control_describe_method(&text, &table[i]);
	}
	builder_printf(&text, "%s", ours ? control_errors : service_errors);
	description[text.failed ? 0 : text.size] = '\0';
	return description;
}
