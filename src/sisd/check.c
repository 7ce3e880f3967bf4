/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd --check: what a start would refuse, without starting. */
#include "sisd/master.h"
#include "base/util.h"

#include <stdio.h>

int master_check(const struct master_options *options)
{
	CLEANUP_CONF struct conf *conf = NULL;
	int status, fds[2] = { -1, -1 };
	struct users users;

	if ((status = load_or_tell(options, &conf)) || (status = users_resolve(conf, &users)))
		return status;
	if (external_tls_is_elsewhere(conf))
		printf("tls_certificate and tls_key are not looked at: only the service itself has its credentials\n");
	else if ((status = external_tls_open(conf, fds)) != 0)
		return status;
	fd_close(fds[0]);
	fd_close(fds[1]);
	printf("%s: no problems\n", options->conf_path);
	return 0;
}
