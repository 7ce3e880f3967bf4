/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd --check: can listen and metrics_listen be listened on, whoever listens there now? That may be sisd itself, or systemd for it. */
#include "sisd/master.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

struct place { const char *option, *text; struct sockaddr_storage address; socklen_t size; };

static in_port_t *port_of(struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port : &((struct sockaddr_in *)address)->sin_port;
}

static bool is_any(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr)
		: ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool is_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* The families stand side by side: listen.c binds [::] to IPv6 alone. */
static bool is_in_the_way(struct place *a, struct place *b)
{
	return a->address.ss_family == b->address.ss_family && *port_of(&a->address) != 0 && *port_of(&a->address) == *port_of(&b->address)
		&& (is_any(&a->address) || is_any(&b->address) || is_same_host(&a->address, &b->address));
}

/* To any port: with its own one a check would be in the way of a start. */
static int address_try(const struct place *place, bool may_skip)
{
	struct sockaddr_storage address = place->address;
	CLEANUP_FD int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*port_of(&address) = 0;
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, place->size) == 0)
		return 0;
	return may_skip && listen_may_leave_out(&address, place->text) ? 0 : complain_listen(place->option, place->text);
}

static int place_check(struct place *places, unsigned n, bool may_skip)
{
	struct place *place = &places[n];

	for (unsigned i = 0; i < n; i++)
		if (is_in_the_way(&places[i], place)) {
			complain("%s: cannot be listened on beside %s: choose another port in %s, or leave one of them out", place->text, places[i].text, place->option);
			return EX_UNAVAILABLE;
		}
	return address_try(place, may_skip);
}

int listen_check(const struct conf *conf)
{
	struct place places[CONF_LIST_MAX + 1];
	unsigned n = 0;
	int first = 0;

	for (unsigned i = 0; i < conf->listen.n; i++)
		places[n++] = (struct place){ .option = "listen", .text = conf->listen.item[i] };
	if (*conf->metrics_listen)
		places[n++] = (struct place){ .option = "metrics_listen", .text = conf->metrics_listen };
	for (unsigned i = 0; i < n; i++) {
		int status = conf_address_parse(places[i].text, &places[i].address, &places[i].size) < 0 ? EX_CONFIG
			: place_check(places, i, conf->listen.n > 1 && i < conf->listen.n);

		if (first == 0)
			first = status;
	}
	return first;
}
