/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * --instance NAME: the socket and the journal of sisd@NAME.service, as systemd/sisd.service.in places them. */
#include "sisctl/sisctl.h"

#include "base/util.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define RUN_DIRECTORY "/run"
#define PREFIX "sis-"

/* What systemd leaves as it is in %i, without "/" and without beginning with a dot. */
static bool is_instance(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.";
	size_t size = strlen(name);
	return size > 0 && size <= INSTANCE_MAX && name[0] != '.' && strspn(name, letters) == size;
}

bool sisctl_take_instance(struct sisctl *sisctl, const char *name)
{
	if (!is_instance(name))
		return false;
	snprintf(sisctl->instance_socket, sizeof(sisctl->instance_socket), RUN_DIRECTORY "/" PREFIX "%s/control.sock", name);
	snprintf(sisctl->unit, sizeof(sisctl->unit), "sisd@%s.service", name);
	sisctl->socket = sisctl->instance_socket;
	sisctl->default_socket = true;
	return true;
}

void sisctl_each_instance(void (*found)(const char *name, const char *typed), const char *typed)
{
	DIR *directory = opendir(RUN_DIRECTORY);
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && is_instance(entry->d_name + strlen(PREFIX)))
			found(entry->d_name + strlen(PREFIX), typed);
	if (directory != NULL)
		closedir(directory);
}
