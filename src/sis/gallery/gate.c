/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who may ask. */
#include "sis/gallery/gate.h"

#include "base/secret.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

static int make_secret(char ret_text[GATE_SECRET_TEXT + 1])
{
	uint8_t bytes[GATE_SECRET_BYTES];
	int r = random_bytes(bytes, sizeof(bytes));
	if (r < 0)
		return r;
	hex_encode(bytes, sizeof(bytes), ret_text);
	secret_wipe(bytes, sizeof(bytes));
	return 0;
}

int gate_open(struct gate *gate, const char *host)
{
	const char *port = strrchr(host, ':');
	*gate = (struct gate){ 0 };
	snprintf(gate->host, sizeof(gate->host), "%s", host);
	snprintf(gate->origin, sizeof(gate->origin), "http://%s", host);
	snprintf(gate->cookie_name, sizeof(gate->cookie_name), "sis-gallery-%.5s", port != NULL ? port + 1 : "");
	int r = make_secret(gate->token);
	if (r == 0)
		r = make_secret(gate->cookie);
	return r == 0 ? make_secret(gate->key) : r;
}

static bool secret_is(const char *secret, const char *told, size_t size)
{
	return size == GATE_SECRET_TEXT && constant_time_compare(secret, told, GATE_SECRET_TEXT) == 0;
}

/* One of several "name=value" parted by "; ". A second one of our name, which somebody else may have set, is looked at like the first. */
static bool has_cookie(const struct gate *gate, const char *cookies)
{
	size_t name_size = strlen(gate->cookie_name);
	bool found = false;
	while (cookies != NULL && *cookies != '\0') {
		cookies += strspn(cookies, " ;");
		size_t size = strcspn(cookies, ";");
		if (size > name_size && strncmp(cookies, gate->cookie_name, name_size) == 0 && cookies[name_size] == '=')
			found = found || secret_is(gate->cookie, cookies + name_size + 1, size - name_size - 1);
		cookies += size;
	}
	return found;
}

static bool changes(const char *method)
{
	return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* Browsers say where a request comes from. The page itself may be opened from anywhere: it holds nothing, and a link must work. */
static bool comes_from_us(const struct gate *gate, enum gate_need need, const struct gate_request *request)
{
	bool navigates = need == GATE_PAGE && (request->fetch_mode == NULL || strcmp(request->fetch_mode, "navigate") == 0);
	if (request->origin != NULL && strcmp(request->origin, gate->origin) != 0)
		return false;
	if (changes(request->method) && request->origin == NULL)
		return false;
	return request->fetch_site == NULL || strcmp(request->fetch_site, "same-origin") == 0 || navigates;
}

unsigned gate_check(const struct gate *gate, enum gate_need need, const struct gate_request *request, const char **ret_why)
{
	if (request->host == NULL || strcmp(request->host, gate->host) != 0) {
		*ret_why = "The gallery answers only under the address that it printed.";
		return 421;
	}
	if (!comes_from_us(gate, need, request)) {
		*ret_why = "This was asked by another page than the gallery's own.";
		return 403;
	}
	if (need == GATE_PAGE || need == GATE_ENTER)
		return 0;
	bool key = need == GATE_COOKIE || (request->key != NULL && secret_is(gate->key, request->key, strlen(request->key)));
	if (gate->is_open && has_cookie(gate, request->cookie) && key)
		return 0;
	*ret_why = "Open the gallery with the link that \"sis gallery\" printed.";
	return 401;
}

bool gate_enter(struct gate *gate, const char *token)
{
	if (gate->token[0] == '\0' || token == NULL || !secret_is(gate->token, token, strlen(token)))
		return false;
	secret_wipe(gate->token, sizeof(gate->token));
	gate->is_open = true;
	return true;
}

void gate_cookie_text(const struct gate *gate, char *ret_text, size_t capacity)
{
	snprintf(ret_text, capacity, "%s=%s; HttpOnly; SameSite=Strict; Path=/", gate->cookie_name, gate->cookie);
}
