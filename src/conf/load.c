/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reading sisd.conf: libconfig parses, the table decides, and every problem is collected with its file and line. */
#include "conf/conf.h"
#include "conf/options.h"
#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONF_FILE_MAX (1024 * 1024)
#define CONF_NAMES_MAX_BYTES 3000

struct loading {
	const char *path;
	struct conf *conf;
	FILE *problems;
	unsigned n_problems;
};

#define PROBLEM(loading, line, ...) loading_problem(loading, line, __VA_ARGS__)

__attribute__((format(printf, 3, 4)))
static void loading_problem(struct loading *loading, unsigned line, const char *format, ...)
{
	va_list args;

	fprintf(loading->problems, "%s%s:%u: ", loading->n_problems++ ? "\n" : "", loading->path, line);
	va_start(args, format);
	vfprintf(loading->problems, format, args);
	va_end(args);
}

static const char *setting_type_name(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_GROUP:
		return "a group";
	default:
		return "a list";
	}
}

static const char *option_example(const struct option *option)
{
	switch (option->kind) {
	case OPTION_IS_LIST:
		return "a list of strings, such as [ \"...\", \"...\" ]";
	case OPTION_IS_NUMBER:
		return "a whole number without quotes";
	case OPTION_IS_SIZE:
		return "a number of bytes, or a string such as \"64M\"";
	case OPTION_IS_DURATION:
		return "a number of seconds, or a string such as \"90d\"";
	default:
		return "a string in quotes";
	}
}

static void problem_type(struct loading *loading, const struct option *option, const config_setting_t *setting)
{
	PROBLEM(loading, config_setting_source_line(setting), "%s is %s, but must be %s", option->name, setting_type_name(setting),
	        option_example(option));
}

static void load_string(struct loading *loading, const struct option *option, const config_setting_t *setting)
{
	const char *value = config_setting_get_string(setting), *why;
	char **member = option_string_member(option, loading->conf);

	if (!value) {
		problem_type(loading, option, setting);
	} else if (option->choices && !option_choice_is_valid(option, value)) {
		PROBLEM(loading, config_setting_source_line(setting), "%s is \"%s\", but must be one of %s", option->name, value, option->choices);
	} else if (option->check && (why = option->check(value))) {
		PROBLEM(loading, config_setting_source_line(setting), "%s = \"%s\" %s", option->name, value, why);
	} else {
		free(*member);
		*member = xstrdup(value);
	}
}

static bool list_holds(const struct conf_list *list, const char *value)
{
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->item[i], value) == 0)
			return true;
	return false;
}

static void load_entry(struct loading *loading, const struct option *option, const config_setting_t *entry, struct conf_list *list)
{
	const char *value = config_setting_get_string(entry), *why;
	unsigned line = config_setting_source_line(entry);

	if (!value)
		PROBLEM(loading, line, "an entry of %s is %s, but must be a string in quotes", option->name, setting_type_name(entry));
	else if ((why = option->check(value)))
		PROBLEM(loading, line, "\"%s\" in %s %s", value, option->name, why);
	else if (list_holds(list, value))
		PROBLEM(loading, line, "\"%s\" is twice in %s: remove one", value, option->name);
	else
		list->item[list->n++] = xstrdup(value);
}

static void load_list(struct loading *loading, const struct option *option, const config_setting_t *setting)
{
	struct conf_list *list = option_list_member(option, loading->conf);
	int n = config_setting_length(setting);

	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		problem_type(loading, option, setting);
	} else if (n == 0 && !option_may_be_empty(option)) {
		PROBLEM(loading, config_setting_source_line(setting), "%s is empty, but needs at least one entry", option->name);
	} else if (n > CONF_LIST_MAX) {
		PROBLEM(loading, config_setting_source_line(setting), "%s has %d entries, but at most %d are allowed", option->name, n, CONF_LIST_MAX);
	} else {
		for (unsigned i = 0; i < list->n; i++)
			free(list->item[i]);
		*list = (struct conf_list){ 0 };
		for (int i = 0; i < n; i++)
			load_entry(loading, option, config_setting_get_elem(setting, (unsigned)i), list);
	}
}

/* False when the setting has not a type that this option takes, or is a string that is no such number. */
static bool setting_to_number(const struct option *option, const config_setting_t *setting, uint64_t *ret_value)
{
	int type = config_setting_type(setting);
	long long value;

	if (type == CONFIG_TYPE_STRING && option->kind != OPTION_IS_NUMBER)
		return option_number_parse(option, config_setting_get_string(setting), ret_value) == 0;
	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return false;
	value = config_setting_get_int64(setting);
	*ret_value = value < 0 ? UINT64_MAX : (uint64_t)value;          /* out of every range */
	return true;
}

static void load_number(struct loading *loading, const struct option *option, const config_setting_t *setting)
{
	unsigned line = config_setting_source_line(setting);
	uint64_t value;

	if (!setting_to_number(option, setting, &value)) {
		const char *text = config_setting_get_string(setting);

		if (text && option->kind != OPTION_IS_NUMBER)
			PROBLEM(loading, line, "%s = \"%s\" must be %s", option->name, text, option_example(option));
		else
			problem_type(loading, option, setting);
	} else if (!option_number_in_range(option, value)) {
		PROBLEM(loading, line, "%s is out of range: it must be from %s to %s", option->name, option->min, option->max);
	} else {
		*option_number_member(option, loading->conf) = value;
	}
}

static void load_setting(struct loading *loading, const config_setting_t *setting)
{
	const char *name = config_setting_name(setting);
	const struct option *option = option_find(name), *nearest;

	if (!option) {
		nearest = option_nearest(name);
		PROBLEM(loading, config_setting_source_line(setting), nearest ? "unknown option %s: did you mean %s?"
		        : "unknown option %s: sisd.conf(5) lists all", name, nearest ? nearest->name : "");
	} else if (option->kind == OPTION_IS_LIST) {
		load_list(loading, option, setting);
	} else if (option_is_text(option)) {
		load_string(loading, option, setting);
	} else {
		load_number(loading, option, setting);
	}
}

/* Options that only make sense together. */
static void load_check_pairs(struct loading *loading, config_t *config)
{
	const config_setting_t *certificate = config_lookup(config, "tls_certificate"), *key = config_lookup(config, "tls_key");
	const struct conf *conf = loading->conf;

	if (*conf->tls_key && !*conf->tls_certificate)
		PROBLEM(loading, config_setting_source_line(key), "tls_key is given without tls_certificate: give both or neither");
	if (*conf->tls_certificate && !*conf->tls_key)
		PROBLEM(loading, config_setting_source_line(certificate), "tls_certificate is given without tls_key: give both or neither");
}

/* A penalty that may not reach the least one never has any effect. */
static void load_check_penalties(struct loading *loading, config_t *config)
{
	const struct conf *conf = loading->conf;
	const config_setting_t *setting = config_lookup(config, "penalty_max");

	if (conf->penalty_max == 0 || conf->penalty_min <= conf->penalty_max)
		return;
	PROBLEM(loading, config_setting_source_line(setting ? setting : config_lookup(config, "penalty_min")),
	        "penalty_min is %llu s and penalty_max %llu s: no penalty would ever have an effect; make penalty_max the longer one, or 0 for none",
	        (unsigned long long)conf->penalty_min, (unsigned long long)conf->penalty_max);
}

/* They have to fit the server's certificate, of which a client takes CERTIFICATE_MAX_BYTES (pki/pki.h). */
static void load_check_names(struct loading *loading, config_t *config)
{
	const config_setting_t *setting = config_lookup(config, "server_names");
	const struct conf_list *names = &loading->conf->server_names;
	size_t bytes = 0;

	for (unsigned i = 0; i < names->n; i++)
		bytes += strlen(names->item[i]);
	if (bytes > CONF_NAMES_MAX_BYTES)
		PROBLEM(loading, config_setting_source_line(setting), "server_names are %zu bytes together, but at most %d fit a certificate: leave some out", bytes,
		        CONF_NAMES_MAX_BYTES);
}

/* libconfig would open whatever @include names, before anything is checked; it knows the directive at the start of a line only. */
static bool text_has_include(const char *text, unsigned *ret_line)
{
	for (unsigned line = 1; ; line++) {
		if (strncmp(text + strspn(text, " \t"), "@include", strlen("@include")) == 0) {
			*ret_line = line;
			return true;
		}
		text = strchr(text, '\n');
		if (!text)
			return false;
		text++;
	}
}

/* It says what is wrong, for programmers; what to look for is said here. */
static void problem_of_libconfig(struct loading *loading, const config_t *config)
{
	static const struct { const char *text, *hint; } hints[] = {
		{ "syntax error", " here or in the line before: an option reads 'name = value;', with quotes around texts, sizes and times" },
		{ "duplicate setting name", ": this option stands further up as well; remove one of the two" },
	};
	const char *text = config_error_text(config), *hint = "";

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (strcmp(text, hints[i].text) == 0)
			hint = hints[i].hint;
	PROBLEM(loading, (unsigned)config_error_line(config), "%s%s", text, hint);
}

static void load_text(struct loading *loading, const char *text, size_t size)
{
	config_t config;
	unsigned line;

	if (strlen(text) != size) {
		PROBLEM(loading, 1, "holds NUL bytes: this is no text file");
		return;
	}
	if (text_has_include(text, &line)) {
		PROBLEM(loading, line, "@include is not allowed: write all options into this file");
		return;
	}
	config_init(&config);
	if (config_read_string(&config, text) != CONFIG_TRUE) {
		problem_of_libconfig(loading, &config);
	} else {
		const config_setting_t *root = config_root_setting(&config);

		for (int i = 0; i < config_setting_length(root); i++)
			load_setting(loading, config_setting_get_elem(root, (unsigned)i));
		if (loading->n_problems == 0) {
			load_check_pairs(loading, &config);
			load_check_penalties(loading, &config);
			load_check_names(loading, &config);
		}
	}
	config_destroy(&config);
}

static int load_file(const char *path, char **ret_text, size_t *ret_size, char **ret_problems)
{
	int r;

	struct stat status;

	errno = 0;
	r = file_read(AT_FDCWD, path, CONF_FILE_MAX, ret_text, ret_size);
	if (r == 0)
		return 0;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		*ret_problems = xasprintf("%s: cannot be read: it is a directory; -c names the file in it", path);
	else if (errno != 0 && (r == -SIS_ERR_SYSTEM || r == -SIS_ERR_NO_INPUT))
		*ret_problems = xasprintf("%s: cannot be read: %s", path, strerror(errno));
	else if (r == -SIS_ERR_NOT_ALLOWED)
		*ret_problems = xasprintf("%s: cannot be read: not allowed; under systemd sisd reads what root and the group sis may, and nobody else's files: "
		                          "chown root %s", path, path);
	else
		*ret_problems = xasprintf("%s: cannot be read: %s", path, error_text(r));
	return r == -SIS_ERR_NO_INPUT ? r : -SIS_ERR_CONFIG;
}

int conf_load(const char *path, struct conf **ret_conf, char **ret_problems)
{
	CLEANUP_CONF struct conf *conf = NULL;
	CLEANUP_FREE char *text = NULL, *problems = NULL;
	struct loading loading = { .path = path };
	size_t size = 0, problems_size = 0;
	int r;

	*ret_problems = NULL;
	r = load_file(path, &text, &size, ret_problems);
	if (r < 0)
		return r;
	conf_defaults(&conf);
	loading.conf = conf;
	loading.problems = open_memstream(&problems, &problems_size);
	if (!loading.problems)
		return -SIS_ERR_NO_MEMORY;
	load_text(&loading, text, size);
	if (fclose(loading.problems) != 0)
		return -SIS_ERR_NO_MEMORY;
	if (loading.n_problems > 0) {
		*ret_problems = problems;
		problems = NULL;
		return -SIS_ERR_CONFIG;
	}
	*ret_conf = conf;
	conf = NULL;
	return 0;
}
