/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The configuration as this daemon reads it, at the start, at a reload and for --check: the file, what the unit says besides, what "0" stands for. */
#include "sisd/master.h"
#include "base/error.h"
#include "base/util.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_DEFAULT_STATE_DIR "/var/lib/sis"           /* as in conf/options.def */

bool state_dir_is_default(const struct conf *conf)
{
	return strcmp(conf->state_dir, CONF_DEFAULT_STATE_DIR) == 0;
}

/* The unit says where the state of its instance is (StateDirectory=), so that its configuration need not. */
static void take_state_directory(struct conf *conf)
{
	const char *directory = getenv("STATE_DIRECTORY");

	if (!directory || directory[0] != '/' || strchr(directory, ':') || !state_dir_is_default(conf))
		return;
	free(conf->state_dir);
	conf->state_dir = xstrdup(directory);
}

/* *ret_problems: malloc'd, NULL on success. */
int master_load_conf(const struct master_options *options, struct conf **ret_conf, char **ret_problems)
{
	int r = 0;

	*ret_problems = NULL;
	if (!options->conf_path_given && access(options->conf_path, F_OK) < 0)
		conf_defaults(ret_conf);
	else
		r = conf_load(options->conf_path, ret_conf, ret_problems);
	if (r == 0)
		take_state_directory(*ret_conf);
	return r < 0 ? error_exit_status(r) : 0;
}

/* Problems go to standard error as they are, FILE:LINE first, for editors. */
int load_or_tell(const struct master_options *options, struct conf **ret_conf)
{
	CLEANUP_FREE char *problems = NULL;
	int status = master_load_conf(options, ret_conf, &problems);

	if (status != 0)
		complain_as_is(problems ? problems : "sisd.conf cannot be read");
	return status;
}

unsigned master_count_workers(const struct conf *conf)
{
	cpu_set_t cpus;
	unsigned n = (unsigned)conf->workers;

	if (n == 0 && sched_getaffinity(0, sizeof cpus, &cpus) == 0)
		n = (unsigned)CPU_COUNT(&cpus);
	if (n == 0)
		n = 1;
	return n < MASTER_WORKERS_MAX ? n : MASTER_WORKERS_MAX;
}

char *conf_lines_join(const struct conf_list *list)
{
	char *lines = xstrdup(list->n > 0 ? list->item[0] : "");

	for (unsigned i = 1; i < list->n; i++) {
		char *longer = xasprintf("%s\n%s", lines, list->item[i]);

		free(lines);
		lines = longer;
	}
	return lines;
}
