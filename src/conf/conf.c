/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The configuration as a value: defaults, comparing, copying, freeing. */
#include "conf/conf.h"
#include "conf/options.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void list_clear(struct conf_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->item[i]);
	*list = (struct conf_list){ 0 };
}

static void list_copy(struct conf_list *list, const struct conf_list *from)
{
	list_clear(list);
	for (; list->n < from->n; list->n++)
		list->item[list->n] = xstrdup(from->item[list->n]);
}

static void list_from_lines(struct conf_list *list, const char *lines)
{
	while (list->n < CONF_LIST_MAX && *lines) {
		size_t size = strcspn(lines, "\n");

		list->item[list->n++] = xasprintf("%.*s", (int)size, lines);
		lines += size + (lines[size] == '\n');
	}
}

static void option_set_default(const struct option *option, struct conf *conf)
{
	if (option->kind == OPTION_IS_LIST)
		list_from_lines(option_list_member(option, conf), option->default_text);
	else if (option_is_text(option))
		*option_string_member(option, conf) = xstrdup(option->default_text);
	else if (option_number_parse(option, option->default_text, option_number_member(option, conf)) < 0)
		abort();        /* options.def itself is wrong */
}

int conf_defaults(struct conf **ret_conf)
{
	struct conf *conf = xcalloc(1, sizeof *conf);

	for (unsigned i = 0; i < option_table_size; i++)
		option_set_default(&option_table[i], conf);
	*ret_conf = conf;
	return 0;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		if (option->kind == OPTION_IS_LIST)
			list_clear(option_list_member(option, conf));
		else if (option_is_text(option))
			free(*option_string_member(option, conf));
	}
	free(conf);
}

void conf_freep(struct conf **conf)
{
	conf_free(*conf);
	*conf = NULL;
}

static bool list_equals(const struct conf_list *a, const struct conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	return true;
}

static bool option_differs(const struct option *option, struct conf *a, struct conf *b)
{
	if (option->kind == OPTION_IS_LIST)
		return !list_equals(option_list_member(option, a), option_list_member(option, b));
	if (option_is_text(option))
		return strcmp(*option_string_member(option, a), *option_string_member(option, b)) != 0;
	return *option_number_member(option, a) != *option_number_member(option, b);
}

/* The members are only read through this. */
static struct conf *conf_reading(const struct conf *conf)
{
	return (struct conf *)(uintptr_t)conf;
}

unsigned conf_needs_restart(const struct conf *old_conf, const struct conf *new_conf, char *ret_names, unsigned capacity)
{
	struct builder names = builder_from(ret_names, capacity - 1);
	unsigned n = 0;

	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		if (!option_needs_restart(option) || !option_differs(option, conf_reading(old_conf), conf_reading(new_conf)))
			continue;
		builder_printf(&names, "%s%s", n ? ", " : "", option->name);
		n++;
	}
	ret_names[names.size] = '\0';
	return n;
}

void conf_keep_restart_options(const struct conf *old_conf, struct conf *new_conf)
{
	for (unsigned i = 0; i < option_table_size; i++) {
		const struct option *option = &option_table[i];

		if (!option_needs_restart(option))
			continue;
		if (option->kind == OPTION_IS_LIST) {
			list_copy(option_list_member(option, new_conf), option_list_member(option, conf_reading(old_conf)));
		} else if (option_is_text(option)) {
			free(*option_string_member(option, new_conf));
			*option_string_member(option, new_conf) = xstrdup(*option_string_member(option, conf_reading(old_conf)));
		} else {
			*option_number_member(option, new_conf) = *option_number_member(option, conf_reading(old_conf));
		}
	}
}

static int address_fill(const char *host, bool bracketed, uint16_t port, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (bracketed ? inet_pton(AF_INET6, host, &v6.sin6_addr) != 1 : inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return -SIS_ERR_BAD_FORMAT;
	*ret_address = (struct sockaddr_storage){ 0 };
	*ret_size = bracketed ? sizeof v6 : sizeof v4;
	memcpy(ret_address, bracketed ? (void *)&v6 : (void *)&v4, *ret_size);
	return 0;
}

int conf_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size)
{
	bool bracketed = *text == '[';
	const char *host = text + bracketed, *end = bracketed ? strchr(text, ']') : strchr(text, ':');
	char copy[INET6_ADDRSTRLEN];
	uint64_t port;

	if (!end || (bracketed && end[1] != ':'))
		return -SIS_ERR_BAD_FORMAT;
	if (!span_to_string((struct span){ (const uint8_t *)host, (size_t)(end - host) }, copy, sizeof copy)
	    || !span_to_u64(span_from_string(end + 1 + bracketed), UINT16_MAX, &port))
		return -SIS_ERR_BAD_FORMAT;
	return address_fill(copy, bracketed, (uint16_t)port, ret_address, ret_size);
}

bool conf_address_is_loopback(const struct sockaddr_storage *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memcpy(&v4, address, sizeof v4);
	memcpy(&v6, address, sizeof v6);
	return address->ss_family == AF_INET ? ntohl(v4.sin_addr.s_addr) >> 24 == 127
	                                     : address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}
