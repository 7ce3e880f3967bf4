/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A stranger's thumbnail on the way to the terminal: signed bytes, decoded by sis-picture's child, drawn by sis-draw. No byte of the file gets further than
 * the child, and what decodes it has no terminal. */
#include "sis/draw.h"

#include "sis/output.h"
#include "sis/picture_job.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "sis-draw"
#define SIDE_MAX 500u

extern char **environ;

bool draw_is_possible(const struct sis *sis)
{
	const char *terminal = getenv("TERM");
	return !sis->json && isatty(STDOUT_FILENO) && terminal != NULL && *terminal != '\0' && strcmp(terminal, "dumb") != 0;
}

bool draw_size_parse(const char *text, struct draw_size *size)
{
	unsigned columns, rows;
	char rest;
	if (text == NULL)
		return true;
	if (sscanf(text, "%3ux%3u%c", &columns, &rows, &rest) != 2 || columns == 0 || rows == 0 || columns > SIDE_MAX || rows > SIDE_MAX)
		return false;
	*size = (struct draw_size){ columns, rows };
	return true;
}

void draw_size_limit(struct draw_size *size)
{
	struct winsize window;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		return;
	if (size->columns > window.ws_col)
		size->columns = window.ws_col;
	if (window.ws_row > 2 && size->rows > window.ws_row - 2u)
		size->rows = window.ws_row - 2u;
}

static int spawn(struct draw_size size, int input_fd, pid_t *ret_pid)
{
	CLEANUP_FREE char *path = program_path(PROGRAM);
	char text[32];
	char *const arguments[] = { (char[]){ PROGRAM }, text, NULL };
	posix_spawn_file_actions_t actions;
	snprintf(text, sizeof(text), "%ux%u", size.columns, size.rows);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
	int r = posix_spawn(ret_pid, path, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : -SIS_ERR_UNAVAILABLE;
}

static int write_pixels(int fd, const struct blob *pixels, uint32_t width, uint32_t height)
{
	uint8_t head[8];
	struct builder builder = builder_from(head, sizeof(head));
	builder_put_u32(&builder, width);
	builder_put_u32(&builder, height);
	int r = fd_write_all(fd, head, sizeof(head));
	return r == 0 ? fd_write_all(fd, pixels->data, pixels->size) : r;
}

static int draw_pixels(const struct blob *pixels, uint32_t width, uint32_t height, struct draw_size size)
{
	int fds[2], status;
	pid_t pid;
	fflush(stdout);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -SIS_ERR_SYSTEM;
	int r = spawn(size, fds[0], &pid);
	close(fds[0]);
	if (r == 0) {
		/* When it ends early, its status tells. */
		(void)write_pixels(fds[1], pixels, width, height);
		fds[1] = fd_close(fds[1]);
		r = waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -SIS_ERR_IO;
	}
	fd_close(fds[1]);
	return r;
}

int draw_thumbnail(struct session *session, const struct item *item, struct pictures *pictures, struct draw_size size, struct why *why)
{
	CLEANUP_BLOB struct blob jpeg = { 0 }, pixels = { 0 };
	uint32_t width = 0, height = 0;
	if (item->opened.statement.part[SEAL_THUMBNAIL].size == 0)
		return -SIS_ERR_NO_INPUT;
	pictures_wake(pictures);
	int r = item_fetch_thumbnail(session, item, &jpeg, why);
	if (r < 0)
		return r;
	r = pictures_decode(pictures, (struct span){ jpeg.data, jpeg.size }, &pixels, &width, &height);
	if (r == -SIS_ERR_BAD_FORMAT)
		return why_set(why, r, "its thumbnail is not a picture that can be opened in safety");
	if (r == 0)
		r = draw_pixels(&pixels, width, height, size);
	return r == -SIS_ERR_UNAVAILABLE ? why_set(why, r, "the programs that draw (sis-picture, sis-draw) are missing or failed") : r;
}
