/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What sis doctor looks at on this machine. */
#include "sis/doctor.h"

#include "sis/output.h"
#include "sis/pins.h"
#include "sis/renewal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPACE_BAD (1u << 20)
#define SPACE_WARN (64u << 20)

void doctor_close(struct doctor *doctor)
{
	session_free(doctor->session);
	profile_free(doctor->profile);
	json_decref(doctor->whoami);
	doctor->dir_fd = fd_close(doctor->dir_fd);
	free(doctor->path);
}

void doctor_check_version(struct doctor *doctor, struct finding *finding)
{
	(void)doctor;
	doctor_find(finding, FINDING_OK, "sis %s", PACKAGE_VERSION);
}

/* 0, or what is wrong with who may reach it. */
static const char *stranger_may(int dir_fd, const char *name, mode_t forbidden)
{
	struct stat status;
	if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	if (status.st_uid != geteuid())
		return "belongs to another user";
	return (status.st_mode & forbidden) != 0 ? "can be reached by others" : NULL;
}

void doctor_check_home(struct doctor *doctor, struct finding *finding)
{
	struct why why = { "" };
	int r = profile_open_directory(doctor->sis, &doctor->dir_fd, &doctor->path, &why);
	if (r < 0) {
		doctor_find(finding, FINDING_BAD, "%s", why_text(&why, r));
		return;
	}
	const char *wrong = stranger_may(doctor->dir_fd, ".", 077);
	if (wrong != NULL)
		doctor_find(finding, FINDING_BAD, "%s %s; make it yours alone: chmod 700 and chown", doctor->path, wrong);
	else
		doctor_find(finding, FINDING_OK, "the profile is %s, yours alone", doctor->path);
}

void doctor_check_files(struct doctor *doctor, struct finding *finding)
{
	static const char *const private[] = { "device.key", "encryption.key", "ticket", "contacts.json", "former", "uploads" };
	static const char *const wanted[] = { "profile.json", "ca.pem", "device.pem", "device.key", "encryption.key" };
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (faccessat(doctor->dir_fd, wanted[i], R_OK, 0) < 0) {
			doctor_find(finding, FINDING_BAD, "%s/%s cannot be read: %s; restore the profile from a backup, or with \"sis recovery restore\" under another --profile",
			            doctor->path, wanted[i], strerror(errno));
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(private); i++) {
		const char *wrong = stranger_may(doctor->dir_fd, private[i], 077);
		if (wrong != NULL) {
			doctor_find(finding, FINDING_BAD, "%s/%s %s; make it yours alone: chmod go= and chown", doctor->path, private[i], wrong);
			return;
		}
	}
	doctor_find(finding, FINDING_OK, "all files are there, and the private ones are yours alone");
}

void doctor_check_disk(struct doctor *doctor, struct finding *finding)
{
	struct statvfs space;
	char size[32];
	if (fstatvfs(doctor->dir_fd, &space) < 0) {
		doctor_find(finding, FINDING_WARN, "the free space cannot be told: %s", strerror(errno));
		return;
	}
	uint64_t available = (uint64_t)space.f_bavail * space.f_frsize;
	size_format(available, size, sizeof(size));
	bool read_only = (space.f_flag & ST_RDONLY) != 0;
	enum finding_level level = read_only || available < SPACE_BAD ? FINDING_BAD : available < SPACE_WARN ? FINDING_WARN : FINDING_OK;
	doctor_find(finding, level, read_only ? "the profile's disk can only be read (%s are free); mount it for writing" :
	            level == FINDING_OK ? "%s are free where the profile is" : "only %s are free where the profile is; make room", size);
}

/* Journals of uploads that were cut off: each has the keys of its item. */
void doctor_check_uploads(struct doctor *doctor, struct finding *finding)
{
	int fd = openat(doctor->dir_fd, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	unsigned n = 0;
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		n += entry->d_name[0] != '.';
	if (directory != NULL)
		closedir(directory);
	if (n > 0)
		doctor_find(finding, FINDING_WARN, "%u %s not finished; the same \"sis upload\" again goes on with it, or remove what is in %s/uploads", n,
		            n == 1 ? "upload is" : "uploads are", doctor->path);
	else
		doctor_find(finding, FINDING_OK, "no upload is unfinished");
}

void doctor_check_keys(struct doctor *doctor, struct finding *finding)
{
	struct why why = { "" };
	int r = profile_open(doctor->sis, &doctor->profile, &why);
	if (r < 0)
		doctor_find(finding, FINDING_BAD, "%s", why_text(&why, r));
	else if (doctor->profile->n_former > 0)
		doctor_find(finding, FINDING_OK, "%s, device %s, on %s:%s; %u %s of devices before it: \"sis devices approve %s\" makes what they read its own",
		            doctor->profile->user, doctor->profile->device, doctor->profile->host, doctor->profile->port, doctor->profile->n_former,
		            doctor->profile->n_former == 1 ? "key" : "keys", doctor->profile->device);
	else
		doctor_find(finding, FINDING_OK, "%s, device %s, on %s:%s", doctor->profile->user, doctor->profile->device, doctor->profile->host, doctor->profile->port);
}

void doctor_check_certificate(struct doctor *doctor, struct finding *finding)
{
	const struct certificate *facts = &doctor->profile->facts;
	int64_t now = time_now();
	char begins[32], ends[32];
	output_time(facts->not_before, begins, sizeof(begins));
	output_time(facts->not_after, ends, sizeof(ends));
	if (now < facts->not_before)
		doctor_find(finding, FINDING_BAD, "it begins only at %s; set this device's clock", begins);
	else if (now > facts->not_after)
		doctor_find(finding, FINDING_BAD, "it expired at %s; ask the administrator for an invite for this device, and say: sis enroll 'INVITE'", ends);
	else if (renewal_is_due(facts, now))
		doctor_find(finding, FINDING_WARN, "it holds until %s, and is due for renewal, which every command tries once an hour; to try it now, say: sis renew", ends);
	else
		doctor_find(finding, FINDING_OK, "it holds until %s, and is renewed before that by itself", ends);
}

/* The "refused" members, wherever in the file they are. */
static unsigned count_refused(const json_t *json)
{
	const char *name;
	json_t *member;
	unsigned n = 0;
	json_object_foreach((json_t *)(uintptr_t)json, name, member)
		n += (strcmp(name, "refused") == 0 && json_is_string(member)) + count_refused(member);
	return n;
}

void doctor_check_contacts(struct doctor *doctor, struct finding *finding)
{
	CLEANUP_PINS struct pins *pins = NULL;
	struct why why = { "" };
	int r = pins_open(doctor->profile, &pins, &why);
	unsigned n = r == 0 ? count_refused(pins_json(pins)) : 0;
	if (r < 0)
		doctor_find(finding, FINDING_BAD, "%s", why_text(&why, r));
	else if (n > 0)
		doctor_find(finding, FINDING_WARN, "%u %s of your contacts' devices %s refused; see \"sis contacts\", and ask them by another way", n, n == 1 ? "key" : "keys",
		            n == 1 ? "is" : "are");
	else
		doctor_find(finding, FINDING_OK, "no key of a contact waits to be accepted");
}
