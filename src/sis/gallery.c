/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sis gallery: a page to look at, for a browser on this machine. Keys and plaintext stay in this process and that browser. */
#include "sis/command.h"
#include "sis/gallery/gallery.h"
#include "sis/output.h"
#include "sis/pictures.h"

#include "http/plain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define IDLE_LOOK_MS 5000
#define CONNECTIONS_MAX 256u
#define HEADER_TIMEOUT_MS 15000u
#define IDLE_TIMEOUT_MS 120000u
#define RATE_MIN_BYTES 1024u
#define HEAD_MAX_BYTES 32768u
#define BODY_MAX_BYTES 4096u

struct gallery_options { bool no_open, ipv6; unsigned port, idle; };

static const struct option_row rows[] = {
	{ "port", 'p', "N", "the port (default: any that is free)", OPTION_NUMBER, offsetof(struct gallery_options, port) },
	{ "ipv6", '6', NULL, "on [::1] instead of 127.0.0.1", OPTION_FLAG, offsetof(struct gallery_options, ipv6) },
	{ "no-open", 0, NULL, "print the link, and open no browser", OPTION_FLAG, offsetof(struct gallery_options, no_open) },
	{ "idle", 0, "MIN", "end when no page was open for so many minutes", OPTION_NUMBER, offsetof(struct gallery_options, idle) },
};

/* ------------------------------------------------ the address ------------------------------------------------ */

static int bind_loopback(const struct gallery_options *options, int fd)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)options->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)options->port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	return options->ipv6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6)) : bind(fd, (struct sockaddr *)&in, sizeof(in));
}

static unsigned bound_port(int fd)
{
	struct sockaddr_in6 address = { 0 };
	socklen_t size = sizeof(address);
	/* The port stands at the same place in both. */
	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin6_port) : 0;
}

static int listen_on(const struct gallery_options *options, int *ret_fd, char *ret_host, size_t capacity, struct why *why)
{
	static const int on = 1;
	CLEANUP_FD int fd = socket(options->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return why_set(why, error_from_errno(errno), "no socket: %s", strerror(errno));
	/* A named port right after an earlier gallery; nobody else can be listening there then. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind_loopback(options, fd) < 0 || listen(fd, BACKLOG) < 0)
		return why_set(why, error_from_errno(errno), "port %u cannot be had: %s; leave out --port to take any that is free", options->port, strerror(errno));
	snprintf(ret_host, capacity, options->ipv6 ? "[::1]:%u" : "127.0.0.1:%u", bound_port(fd));
	*ret_fd = fd_take(&fd);
	return 0;
}

/* ------------------------------------------------ the browser ------------------------------------------------ */

/* A file of our own that leads to the link: in the browser's arguments every user of this machine could read the token. */
static char *door_make(const char *link)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	CLEANUP_FREE char *path = xasprintf("%s/sis-gallery-XXXXXX.html", directory != NULL && directory[0] == '/' ? directory : "/tmp");
	CLEANUP_FREE char *page = xasprintf("<!doctype html><meta charset=utf-8><meta name=referrer content=no-referrer>"
	                                    "<meta http-equiv=refresh content=\"0;url=%s\"><title>sis gallery</title><a href=\"%s\">Open the gallery</a>\n",
	                                    link, link);
	CLEANUP_FD int fd = mkostemps(path, 5, O_CLOEXEC);      /* 0600 */
	if (fd < 0)
		return NULL;
	if (fd_write_all(fd, page, strlen(page)) < 0) {
		unlink(path);
		return NULL;
	}
	char *door = path;
	path = NULL;
	return door;
}

static void door_remove(struct gallery *gallery)
{
	if (gallery->door != NULL)
		unlink(gallery->door);
	free(gallery->door);
	gallery->door = NULL;
}

static bool has_display(void)
{
	return getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL;
}

static void open_browser(struct gallery *gallery, const char *link)
{
	extern char **environ;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t pid;
	gallery->door = door_make(link);
	if (gallery->door == NULL)
		return;
	char program[] = "xdg-open", *arguments[] = { program, gallery->door, NULL };
	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	/* Not ended by the ^C that ends us. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	if (posix_spawnp(&pid, program, &files, &attributes, arguments, environ) != 0)
		output_warning(gallery->sis, "no browser could be opened (xdg-open); use the link");
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
}

static void announce(struct gallery *gallery, const struct gallery_options *options)
{
	CLEANUP_FREE char *link = xasprintf("%s/#%s", gallery->gate.origin, gallery->gate.token);
	bool opens = !options->no_open && has_display();
	if (gallery->sis->json)
		output_json(json_pack("{s:s, s:s}", "url", link, "address", gallery->gate.host));
	else
		output_line("%s\n%s", link, opens ? "The browser opens it; the link works once. ^C ends the gallery." : "Open this link in a browser on this machine; it works once. "
		            "^C ends the gallery.");
	fflush(stdout);
	if (opens)
		open_browser(gallery, link);
}

/* ------------------------------------------------ its life ------------------------------------------------ */

static void on_signal(int signal_number, void *arg)
{
	struct gallery *gallery = arg;
	(void)signal_number;
	atomic_store(&sis_cancelled, true);
	loop_stop(gallery->loop, 0);
}

static void on_idle(void *arg)
{
	struct gallery *gallery = arg;
	uint64_t now = time_monotonic_ns();
	if (live_has_pages(gallery))
		gallery->last_request_ns = now;
	if (now - gallery->last_request_ns >= gallery->idle_minutes * 60000000000ull) {
		if (!gallery->sis->quiet && !gallery->sis->json)
			output_line("No page was open for %u minutes: the gallery ends.", gallery->idle_minutes);
		loop_stop(gallery->loop, 0);
	}
	loop_timer_set(gallery->idle_timer, IDLE_LOOK_MS);
}

static int start_loop(struct gallery *gallery)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	int r = loop_new(&gallery->loop);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(signals); i++)
		r = loop_add_signal(gallery->loop, signals[i], on_signal, gallery);
	gallery->last_request_ns = time_monotonic_ns();
	return r == 0 && gallery->idle_minutes > 0 ? loop_add_timer(gallery->loop, IDLE_LOOK_MS, on_idle, gallery, &gallery->idle_timer) : r;
}

static int start_server(struct gallery *gallery, const struct gallery_options *options, struct why *why)
{
	static const struct http_limits limits = { .max_connections = CONNECTIONS_MAX, .max_connections_per_source = CONNECTIONS_MAX,
		.header_timeout_ms = HEADER_TIMEOUT_MS, .idle_timeout_ms = IDLE_TIMEOUT_MS, .min_rate_bytes_s = RATE_MIN_BYTES,
		.max_body_bytes = BODY_MAX_BYTES, .max_head_bytes = HEAD_MAX_BYTES };
	CLEANUP_FD int fd = -1;
	char host[64];
	int r = listen_on(options, &fd, host, sizeof(host), why);
	if (r == 0)
		r = gate_open(&gallery->gate, host);
	if (r == 0)
		r = http_server_new(gallery->loop, &routes_handler, gallery, &gallery->server);
	if (r < 0)
		return r;
	http_server_set_plain(gallery->server);
	http_server_set_limits(gallery->server, &limits);
	return http_server_listen(gallery->server, fd_take(&fd));
}

/* One question to the server before a page is promised: who has no profile, or is revoked, hears it here. */
static int check_server(struct gallery *gallery, struct why *why)
{
	CLEANUP_SESSION struct session *session = NULL;
	CLEANUP_JSON json_t *answer = NULL;
	int r = session_open(gallery->profile, &session);
	return r == 0 ? session_get_json(session, "/v1/whoami", 65536, &answer, why) : r;
}

static int start(struct gallery *gallery, const struct gallery_options *options, struct why *why)
{
	int r = profile_open(gallery->sis, &gallery->profile, why);
	if (r == 0)
		r = check_server(gallery, why);
	if (r == 0)
		r = start_loop(gallery);
	if (r < 0)
		return r;
	gallery->trust = trust_new(gallery);
	gallery->shelf = shelf_new();
	gallery->live = live_new(gallery);
	pictures_start(gallery->sis, &gallery->pictures);
	r = work_open(gallery, &gallery->work);
	if (r == 0)
		r = start_server(gallery, options, why);
	return r == 0 ? live_start(gallery->live, why) : r;
}

/* Requests first, which jobs know of; then the threads; then what they used. */
static void end(struct gallery *gallery)
{
	atomic_store(&sis_cancelled, true);
	http_server_free(gallery->server);
	live_stop(gallery->live);
	work_close(gallery->work);
	pictures_stop(gallery->pictures);
	live_free(gallery->live);
	shelf_free(gallery->shelf);
	trust_free(gallery->trust);
	if (gallery->idle_timer != NULL)
		loop_remove(gallery->idle_timer);
	if (gallery->loop != NULL)
		loop_free(gallery->loop);
	door_remove(gallery);
	profile_free(gallery->profile);
	secret_wipe(&gallery->gate, sizeof(gallery->gate));
}

static int run(const struct sis *sis, void *options, char **arguments, unsigned n)
{
	const struct gallery_options *chosen = options;
	struct gallery gallery = { .sis = sis, .idle_minutes = chosen->idle, .on_entered = door_remove };
	struct why why = { "" };
	(void)arguments;
	(void)n;
	if (chosen->port > 65535)
		return output_usage(sis, "gallery", "--port takes a number up to 65535, not \"%u\"", chosen->port);
	int r = start(&gallery, chosen, &why);
	if (r == 0) {
		announce(&gallery, chosen);
		r = loop_run(gallery.loop);
	}
	end(&gallery);
	if (r < 0)
		output_error(sis, NULL, r, &why);
	return output_status(r < 0, 1, r);
}

const struct command command_gallery = {
	"gallery", "", "look at your pictures in a browser",
	"Serves a page on a port of this machine alone, prints a link that works once, and opens the browser where there is a display. Pictures are fetched,\n"
	"checked and opened here; the browser gets them over the loopback interface, and nothing else gets them at all. ^C ends it.",
	rows, ARRAY_SIZE(rows), 0, 0, sizeof(struct gallery_options), run,
};
