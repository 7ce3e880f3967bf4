/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Subjects side by side. */
#include "sis/jobs.h"

#include "sis/output.h"

#include <pthread.h>
#include <stdlib.h>

#define JOBS_MAX 64u

struct crew {
	const struct jobs *jobs;
	atomic_uint next, n_failed;
	atomic_bool interrupted;                /* said once, not for each of the thousands that are left */
	atomic_int last_error;
};

struct job {
	struct crew *crew;
	struct session *session;
	pthread_t thread;
};

static int job_do(struct job *job, const char *subject, void *own, struct why *why)
{
	const struct jobs *jobs = job->crew->jobs;
	int r = atomic_load(&sis_cancelled) ? -SIS_ERR_INTERRUPTED : 0;
	if (r == 0 && job->session == NULL)
		r = session_open(jobs->profile, &job->session);
	return r == 0 ? jobs->work(job->session, subject, own, jobs->arg, why) : r;
}

static void *job_run(void *arg)
{
	struct job *job = arg;
	struct crew *crew = job->crew;
	const struct jobs *jobs = crew->jobs;
	CLEANUP_FREE void *own = xcalloc(1, jobs->own_size > 0 ? jobs->own_size : 1);
	unsigned i;
	while ((i = atomic_fetch_add(&crew->next, 1)) < jobs->n_subjects) {
		struct why why = { "" };
		int r = job_do(job, jobs->subjects[i], own, &why);
		if (r == 0)
			continue;
		if (r != -SIS_ERR_INTERRUPTED || !atomic_exchange(&crew->interrupted, true))
			output_error(jobs->sis, jobs->subjects[i], r, &why);
		atomic_store(&crew->last_error, r);
		atomic_fetch_add(&crew->n_failed, 1);
	}
	session_free(job->session);
	if (jobs->end != NULL)
		jobs->end(own);
	return NULL;
}

int jobs_run(const struct jobs *jobs, struct session *first)
{
	struct crew crew = { .jobs = jobs };
	struct job job[JOBS_MAX] = { { .crew = &crew, .session = first } };
	unsigned n = jobs->wanted > 0 ? jobs->wanted : JOBS_DEFAULT, started = 1;
	if (n > jobs->n_subjects)
		n = jobs->n_subjects;
	if (n > JOBS_MAX)
		n = JOBS_MAX;
	for (; started < n; started++) {
		job[started].crew = &crew;
		if (pthread_create(&job[started].thread, NULL, job_run, &job[started]) != 0)
			break;
	}
	job_run(&job[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(job[i].thread, NULL);
	return output_status(atomic_load(&crew.n_failed), jobs->n_subjects, atomic_load(&crew.last_error));
}
