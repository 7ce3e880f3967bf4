/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisctl metrics: the daemon's figures as Prometheus reads them (text exposition format 0.0.4). The names are in sisctl(8), and stay. */
#include "sisctl/sisctl.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <string.h>

static void begin(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values come from the daemon: names and error names, nothing else is let through. */
static bool is_label(const char *text)
{
	return text != NULL && *text != '\0' && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

static void print_number(const json_t *object, const char *member, const char *name, const char *type, const char *help)
{
	const json_t *value = json_object_get(object, member);
	if (!json_is_integer(value))
		return;
	begin(name, type, help);
	printf("%s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
}

static void print_time(const json_t *object, const char *member, const char *name, const char *help)
{
	const char *text = json_member_string(object, member);
	int64_t seconds;
	if (text == NULL || time_decode(span_from_string(text), &seconds) < 0)
		return;
	begin(name, "gauge", help);
	printf("%s %" PRId64 "\n", name, seconds);
}

static void print_refusals(const json_t *status)
{
	const char *reason;
	json_t *count;
	begin("sis_refusals_total", "counter", "Requests that were refused, by reason, since the start.");
	json_object_foreach(json_object_get(status, "refusals"), reason, count)
		if (is_label(reason) && json_is_integer(count))
			printf("sis_refusals_total{reason=\"%s\"} %" JSON_INTEGER_FORMAT "\n", reason, json_integer_value(count));
}

static void print_restarts(const json_t *status)
{
	size_t index;
	const json_t *role;
	begin("sis_restarts_total", "counter", "Processes that were started again, by place.");
	json_array_foreach(json_object_get(status, "roles"), index, role) {
		const char *name = json_member_string(role, "role");
		uint64_t n = 0;
		if (is_label(name) && json_member_u64(role, "restarts", &n) == 0)
			printf("sis_restarts_total{role=\"%s\",place=\"%zu\"} %" PRIu64 "\n", name, index, n);
	}
}

static void print_histogram(const json_t *status, const char *member, const char *name, const char *help)
{
	const json_t *histogram = json_object_get(status, member);
	const json_t *bounds = json_object_get(histogram, "bounds"), *counts = json_object_get(histogram, "counts");
	if (json_array_size(counts) != json_array_size(bounds) + 1)
		return;
	json_int_t sum = 0;
	begin(name, "histogram", help);
	for (size_t i = 0; i < json_array_size(counts); i++) {
		sum += json_integer_value(json_array_get(counts, i));
		if (i < json_array_size(bounds))
			printf("%s_bucket{le=\"%g\"} %" JSON_INTEGER_FORMAT "\n", name, json_number_value(json_array_get(bounds, i)), sum);
	}
	printf("%s_bucket{le=\"+Inf\"} %" JSON_INTEGER_FORMAT "\n%s_sum %.6f\n%s_count %" JSON_INTEGER_FORMAT "\n", name, sum, name,
	       json_number_value(json_object_get(histogram, "sum")), name, sum);
}

static void print_user(const json_t *user, const char *member, const char *metric)
{
	const char *name = json_member_string(user, "user"), *text = json_member_string(user, member);
	const json_t *value = json_object_get(user, member);
	int64_t seconds;
	if (!is_label(name))
		return;
	if (json_is_integer(value))
		printf("%s{user=\"%s\"} %" JSON_INTEGER_FORMAT "\n", metric, name, json_integer_value(value));
	else if (text != NULL && time_decode(span_from_string(text), &seconds) == 0)
		printf("%s{user=\"%s\"} %" PRId64 "\n", metric, name, seconds);
}

static void print_users(const json_t *users)
{
	static const struct { const char *member, *name, *help; } rows[] = {
		{ "bytes", "sis_user_bytes", "Bytes that the user keeps." }, { "items", "sis_user_items", "Items that the user keeps." },
		{ "last_upload", "sis_user_last_upload_timestamp_seconds", "When the newest item that the user keeps was received." },
	};
	size_t index;
	const json_t *user;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		begin(rows[i].name, "gauge", rows[i].help);
		json_array_foreach(users, index, user)
			print_user(user, rows[i].member, rows[i].name);
	}
}

static void print_status(const json_t *status)
{
	static const struct { const char *member, *name, *type, *help; } rows[] = {
		{ "bytes", "sis_store_bytes", "gauge", "Bytes of all items." }, { "items", "sis_items", "gauge", "Items." },
		{ "users", "sis_users", "gauge", "Users that are live." }, { "devices", "sis_devices", "gauge", "Devices that are live." },
		{ "connections", "sis_connections", "gauge", "Live connections." }, { "watchers", "sis_watchers", "gauge", "Event streams." },
		{ "uploads_in_flight", "sis_uploads", "gauge", "Uploads that are not finished or just were." },
		{ "commits_in_flight", "sis_commits", "gauge", "Uploads that are being made durable." },
		{ "batches", "sis_batches_total", "counter", "Transactions of the database." },
		{ "changes", "sis_changes_total", "counter", "Changes in those transactions." },
		{ "largest_batch", "sis_largest_batch", "gauge", "Most changes in one transaction." },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_number(status, rows[i].member, rows[i].name, rows[i].type, rows[i].help);
	print_time(status, "started", "sis_start_timestamp_seconds", "When sisd was started.");
	print_time(status, "server_certificate_ends", "sis_server_certificate_end_timestamp_seconds", "When the server's certificate ends.");
	print_time(status, "ca_ends", "sis_ca_end_timestamp_seconds", "When the certificate authority ends.");
	print_time(status, "crl_next_update", "sis_crl_end_timestamp_seconds", "When the revocation list ends.");
	print_refusals(status);
	print_restarts(status);
	print_histogram(status, "commit_seconds", "sis_commit_seconds", "From the last byte of an upload to its acknowledgement.");
	print_histogram(status, "revocation_seconds", "sis_revocation_seconds", "From the order to the last connection closed and the list renewed.");
}

int command_metrics(struct sisctl *sisctl, char **arguments, const char *const *values)
{
	CLEANUP_REPLY struct varlink_reply status = { 0 }, users = { 0 };
	int r = sisctl_call(sisctl, "Status", json_object(), &status);
	if (r == 0)
		r = sisctl_call(sisctl, "ListUsers", json_object(), &users);
	if (r != 0)
		return r;
	if (sisctl->json) {
		(void)json_object_set(status.parameters, "users", json_object_get(users.parameters, "users"));
		output_json(status.parameters);
		return output_finish();
	}
	print_status(json_object_get(status.parameters, "status"));
	print_users(json_object_get(users.parameters, "users"));
	return output_finish();
}
