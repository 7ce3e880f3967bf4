/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of options and the checks that it names. */
#include "conf/options.h"
#include "base/error.h"
#include "base/prefix.h"
#include "base/text.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HOST_NAME_MAX_TEXT 253          /* RFC 1035, section 2.3.4, without the root's dot */
#define HOST_LABEL_MAX 63
#define NEAR_ENOUGH 3                   /* edits between what was written and what was probably meant */

static bool has_control(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return true;
	return false;
}

static const char *check_address(const char *value)
{
	struct sockaddr_storage address;
	socklen_t size;

	return conf_address_parse(value, &address, &size) < 0
		? "must be \"address:port\" with a numeric address, such as \"0.0.0.0:7443\" or \"[::1]:7443\"" : NULL;
}

static const char *check_loopback_or_empty(const char *value)
{
	struct sockaddr_storage address;
	socklen_t size;

	if (*value && check_address(value))
		return check_address(value);
	return *value && (conf_address_parse(value, &address, &size) < 0 || !conf_address_is_loopback(&address))
		? "must be a loopback address such as \"127.0.0.1:9743\" or \"[::1]:9743\": what it shows is for this host only" : NULL;
}

static const char *check_path(const char *value)
{
	if (*value != '/')
		return "must be an absolute path: start it with \"/\"";
	if (strlen(value) >= PATH_MAX)
		return "is longer than a path may be";
	return has_control(value) ? "must not hold control characters" : NULL;
}

/* A name that systemd takes for a credential, and that is one name below its directory. */
static bool credential_is_valid(const char *name)
{
	size_t size = strlen(name);
	return size > 0 && size <= NAME_MAX && name[0] != '.' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == size;
}

static const char *check_path_or_credential(const char *value)
{
	if (strncmp(value, CONF_CREDENTIAL, sizeof(CONF_CREDENTIAL) - 1) != 0)
		return *value ? check_path(value) : NULL;
	return credential_is_valid(value + sizeof(CONF_CREDENTIAL) - 1) ? NULL
		: "must name a credential by letters, digits and \"_\", \"-\", \".\": \"credential:sis-tls.key\"";
}

static const char *check_socket_path(const char *value)
{
	if (strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return "is longer than the path of a socket may be (107 bytes): choose a shorter one";
	return check_path(value);
}

static bool label_is_valid(const char *label, size_t size)
{
	if (size == 0 || size > HOST_LABEL_MAX || label[0] == '-' || label[size - 1] == '-')
		return false;
	return strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") >= size;
}

static bool host_name_is_valid(const char *value)
{
	if (strlen(value) > HOST_NAME_MAX_TEXT)
		return false;
	for (;;) {
		size_t size = strcspn(value, ".");

		if (!label_is_valid(value, size))
			return false;
		if (value[size] == '\0')
			break;
		value += size + 1;
	}
	/* A last label of digits would be an address gone wrong, such as 300.1.1.1. */
	return strspn(value, "0123456789") != strlen(value);
}

static const char *check_host(const char *value)
{
	uint8_t address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, value, address) == 1 || inet_pton(AF_INET6, value, address) == 1 || host_name_is_valid(value))
		return NULL;
	return "must be a host name such as \"pictures.example.org\", or an address without port and brackets";
}

static const char *check_prefix(const char *value)
{
	struct prefix prefix;
	int error = prefix_parse(value, &prefix);

	if (error == -SIS_ERR_MISMATCH)
		return "has bits set beyond its length: write the network's first address, such as \"10.0.0.0/8\"";
	return error < 0 ? "must be a numeric address or prefix, such as \"192.0.2.1\", \"10.0.0.0/8\" or \"2001:db8::/32\"" : NULL;
}

static const char *check_user(const char *value)
{
	uint64_t number;

	if (span_to_u64(span_from_string(value), UINT32_MAX - 1, &number))
		return NULL;
	if (*value == '\0' || *value == '-' || strpbrk(value, " :/\t") || has_control(value) || strspn(value, "0123456789") == strlen(value))
		return "must be a name or a number below 4294967295";
	return NULL;
}

#define ROW(name_, kind_, ...) { .name = #name_, .kind = OPTION_IS_##kind_, .offset = offsetof(struct conf, name_), __VA_ARGS__ },
#define OPTION_STRING(name, default_, rule_, help_) ROW(name, STRING, .default_text = default_, .check = check_##rule_, .help = help_)
#define OPTION_LIST(name, default_, rule_, help_) ROW(name, LIST, .default_text = default_, .check = check_##rule_, .help = help_)
#define OPTION_NUMBER(name, default_, min_, max_, help_) ROW(name, NUMBER, .default_text = #default_, .min = #min_, .max = #max_, .help = help_)
#define OPTION_SIZE(name, default_, min_, max_, help_) ROW(name, SIZE, .default_text = default_, .min = min_, .max = max_, .help = help_)
#define OPTION_DURATION(name, default_, min_, max_, help_) ROW(name, DURATION, .default_text = default_, .min = min_, .max = max_, .help = help_)
#define OPTION_CHOICE(name, default_, choices_, help_) ROW(name, CHOICE, .default_text = default_, .choices = choices_, .help = help_)

const struct option option_table[] = {
#include "conf/options.def"
};
const unsigned option_table_size = ARRAY_SIZE(option_table);

/* Sockets, directories and user ids are made once, before the roles are; the rest is told to them again at each reload. */
static const char *const restart_options[] = {
	"listen", "state_dir", "control", "signer_user", "ledger_user", "worker_user", "group", "control_group",
	"metrics_listen",
};

bool option_needs_restart(const struct option *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(restart_options); i++)
		if (strcmp(restart_options[i], option->name) == 0)
			return true;
	return false;
}

/* Without an address to listen on, or a name, there is no server; nobody needs to be exempt. */
bool option_may_be_empty(const struct option *option)
{
	return option->check == check_prefix;
}

const struct option *option_find(const char *name)
{
	for (unsigned i = 0; i < option_table_size; i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, one row of the matrix at a time; names longer than the row are simply far. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n_b = strlen(b);

	if (n_b >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (unsigned j = 0; j <= n_b; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned above = row[j];

			row[j] = least(least(above, row[j - 1]) + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n_b];
}

const struct option *option_nearest(const char *name)
{
	const struct option *nearest = NULL;
	unsigned best = NEAR_ENOUGH + 1;

	for (unsigned i = 0; i < option_table_size; i++) {
		unsigned distance = edit_distance(name, option_table[i].name);

		if (distance < best) {
			best = distance;
			nearest = &option_table[i];
		}
	}
	return nearest;
}

bool option_is_text(const struct option *option)
{
	return option->kind == OPTION_IS_STRING || option->kind == OPTION_IS_CHOICE;
}

static void *option_member(const struct option *option, struct conf *conf)
{
	return (char *)conf + option->offset;
}

char **option_string_member(const struct option *option, struct conf *conf)
{
	return option_member(option, conf);
}

struct conf_list *option_list_member(const struct option *option, struct conf *conf)
{
	return option_member(option, conf);
}

uint64_t *option_number_member(const struct option *option, struct conf *conf)
{
	return option_member(option, conf);
}

int option_number_parse(const struct option *option, const char *text, uint64_t *ret_value)
{
	switch (option->kind) {
	case OPTION_IS_SIZE:
		return size_parse(text, ret_value);
	case OPTION_IS_DURATION:
		return duration_parse(text, ret_value);
	default:
		return span_to_u64(span_from_string(text), UINT64_MAX, ret_value) ? 0 : -SIS_ERR_BAD_FORMAT;
	}
}

bool option_number_in_range(const struct option *option, uint64_t value)
{
	uint64_t min = 0, max = 0;

	if (option_number_parse(option, option->min, &min) < 0 || option_number_parse(option, option->max, &max) < 0)
		abort();        /* options.def itself is wrong */
	return value >= min && value <= max;
}

bool option_choice_is_valid(const struct option *option, const char *text)
{
	size_t size = strlen(text);

	for (const char *at = option->choices; size > 0; at++) {
		size_t choice = strcspn(at, "|");

		if (choice == size && memcmp(at, text, size) == 0)
			return true;
		at += choice;
		if (*at == '\0')
			break;
	}
	return false;
}
