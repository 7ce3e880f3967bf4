/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tls_certificate and tls_key: files of the host, or credentials that systemd has put down for this service alone (systemd.exec(5), CREDENTIALS). */
#include "sisd/master.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* conf checked the name: no "/" in it, and no dot before it. */
static const char *credential_name(const char *value)
{
	return strncmp(value, CONF_CREDENTIAL, sizeof(CONF_CREDENTIAL) - 1) == 0 ? value + sizeof(CONF_CREDENTIAL) - 1 : NULL;
}

bool external_tls_is_elsewhere(const struct conf *conf)
{
	return !getenv("CREDENTIALS_DIRECTORY") && (credential_name(conf->tls_certificate) || credential_name(conf->tls_key));
}

static int complain_no_credential(const char *option, const char *name)
{
	complain("%s: there is no credential \"%s\": \"systemctl edit\" the unit, write LoadCredential=%s:FILE (or LoadCredentialEncrypted=) below [Service], and restart "
	         "it; see sisd.service(8)", option, name, name);
	return EX_CONFIG;
}

/* An open descriptor, or -1 with errno. */
static int external_open(const char *value, char **ret_path)
{
	const char *name = credential_name(value);

	*ret_path = name ? xasprintf("%s/%s", getenv("CREDENTIALS_DIRECTORY"), name) : xstrdup(value);
	return open(*ret_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static int external_check(const char *option, const char *path, int fd, mode_t forbidden)
{
	struct stat st;

	if (fd < 0 && errno == EACCES) {
		complain("%s: %s cannot be read by sisd, which reads what its user (%u) or group (%u) may, root or not: change its owner or group, or pass it with "
		         "LoadCredential=, see sisd.service(8)", path, option, (unsigned)geteuid(), (unsigned)getegid());
		return EX_NOPERM;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		complain("%s: %s cannot be opened: %s", path, option, strerror(errno));
		return EX_NOINPUT;
	}
	if (!S_ISREG(st.st_mode)) {
		complain("%s: %s is no regular file", path, option);
		return EX_CONFIG;
	}
	if (st.st_mode & forbidden) {
		complain("%s: %s can be read by everybody: chmod o-rwx %s, and think about a new key", path, option, path);
		return EX_CONFIG;
	}
	return 0;
}

static int external_load(const char *option, const char *value, mode_t forbidden, int *ret_fd)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FD int fd = -1;
	int status;

	if (credential_name(value) && !getenv("CREDENTIALS_DIRECTORY"))
		return complain_no_credential(option, credential_name(value));
	fd = external_open(value, &path);
	if (fd < 0 && errno == ENOENT && credential_name(value))
		return complain_no_credential(option, credential_name(value));
	status = external_check(option, path, fd, forbidden);
	if (status == 0)
		*ret_fd = fd_take(&fd);
	return status;
}

int external_tls_open(const struct conf *conf, int ret_fds[2])
{
	CLEANUP_FD int certificate = -1, key = -1;
	int status;

	ret_fds[0] = ret_fds[1] = -1;
	if (!*conf->tls_certificate)
		return 0;
	if ((status = external_load("tls_certificate", conf->tls_certificate, 0, &certificate))
	    || (status = external_load("tls_key", conf->tls_key, 0007, &key)))
		return status;
	ret_fds[0] = fd_take(&certificate);
	ret_fds[1] = fd_take(&key);
	return 0;
}
