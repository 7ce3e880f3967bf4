/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Jobs: threads that ask the sharing server, each over a connection of its own, and the way back to the loop. */
#include "sis/gallery/gallery.h"

#include "sis/output.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const unsigned lane_threads[LANES] = { [LANE_QUICK] = 4, [LANE_FETCH] = 3, [LANE_SEND] = 2 };
#define THREADS_MAX 9

struct queue { struct job *first, **last; };
struct news { struct news *next; json_t *json; };

struct worker {
	struct work *work;
	enum lane lane;
	struct job *doing;                      /* under the mutex */
	pthread_t thread;
};
struct work {
	struct gallery *gallery;
	pthread_mutex_t mutex;
	pthread_cond_t more[LANES];
	struct queue waiting[LANES], done;
	struct news *news, **last_news;
	struct worker workers[THREADS_MAX];
	unsigned n_workers;
	int wake;                               /* eventfd: the loop shall look */
	struct loop_source *source;
	bool ending;
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;
	if (job == NULL)
		return NULL;
	queue->first = job->next;
	if (queue->first == NULL)
		queue->last = &queue->first;
	return job;
}

/* ------------------------------------------------ jobs ------------------------------------------------ */

struct job *job_new(struct gallery *gallery, struct http_request *request, enum lane lane, int (*run)(struct job *, struct hand *, struct why *))
{
	struct job *job = xcalloc(1, sizeof(*job));
	job->gallery = gallery;
	job->request = request;
	job->lane = lane;
	job->run = run;
	job->in_fd = job->out_fd = -1;
	http_request_set_data(request, job);
	return job;
}

static void job_free(struct job *job)
{
	fd_closep(&job->in_fd);
	fd_closep(&job->out_fd);
	free(job->to);
	free(job->name);
	free(job->caption);
	free(job->label);
	free(job->convert);
	json_decref(job->asked);
	json_decref(job->json);
	if (job->body.data != NULL)
		secret_wipe(job->body.data, job->body.size);
	blob_free(&job->body);
	free(job);
}

void job_start(struct job *job)
{
	struct work *work = job->gallery->work;
	job->queued = true;
	pthread_mutex_lock(&work->mutex);
	queue_put(&work->waiting[job->lane], job);
	pthread_cond_signal(&work->more[job->lane]);
	pthread_mutex_unlock(&work->mutex);
}

void job_gone(struct job *job)
{
	job->request = NULL;
	atomic_store(&job->cancelled, true);
	if (!job->queued)
		job_free(job);
}

/* ------------------------------------------------ a thread ------------------------------------------------ */

static void job_do(struct hand *hand, struct job *job)
{
	int r = atomic_load(&job->cancelled) ? -SIS_ERR_INTERRUPTED : 0;
	if (r == 0 && hand->session == NULL)
		r = session_open(hand->gallery->profile, &hand->session);
	if (r == 0) {
		session_set_cancelled(hand->session, &job->cancelled);
		r = trust_take(hand, &job->why);
	}
	if (r == 0)
		r = job->run(job, hand, &job->why);
	trust_give_back(hand, NULL);
	if (hand->session != NULL)
		session_set_cancelled(hand->session, &sis_cancelled);
	job->error = r;
}

static struct job *next_job(struct worker *worker)
{
	struct work *work = worker->work;
	pthread_mutex_lock(&work->mutex);
	while (!work->ending && (worker->doing = queue_take(&work->waiting[worker->lane])) == NULL)
		pthread_cond_wait(&work->more[worker->lane], &work->mutex);
	struct job *job = worker->doing;
	pthread_mutex_unlock(&work->mutex);
	return job;
}

/* From here on it is the loop's, which may free it at once. */
static void finish_job(struct worker *worker, struct job *job)
{
	struct work *work = worker->work;
	pthread_mutex_lock(&work->mutex);
	worker->doing = NULL;
	queue_put(&work->done, job);
	pthread_mutex_unlock(&work->mutex);
}

static void wake_loop(struct work *work)
{
	const uint64_t one = 1;
	/* It can only fail when the loop is told already. */
	ssize_t n = write(work->wake, &one, sizeof(one));
	(void)n;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;
	struct hand hand = { .gallery = worker->work->gallery };
	struct job *job;
	while ((job = next_job(worker)) != NULL) {
		job_do(&hand, job);
		finish_job(worker, job);
		wake_loop(worker->work);
	}
	session_free(hand.session);
	return NULL;
}

/* ------------------------------------------------ the loop ------------------------------------------------ */

static void job_answer(struct job *job)
{
	struct http_request *request = job->request;
	if (request == NULL)
		return;
	http_request_set_data(request, NULL);
	if (job->error < 0) {
		char words[sizeof(job->why.text)];
		text_for_terminal(span_from_string(why_text(&job->why, job->error)), words, sizeof(words));
		answer_problem(request, job->error, words);
	} else if (job->answer != NULL) {
		job->answer(job);
	} else if (job->json != NULL) {
		answer_json(request, 200, json_incref(job->json));
	} else {
		answer_nothing(request);
	}
}

void work_tell(struct gallery *gallery, json_t *json)
{
	struct work *work = gallery->work;
	struct news *news = xcalloc(1, sizeof(*news));
	news->json = json;
	pthread_mutex_lock(&work->mutex);
	*work->last_news = news;
	work->last_news = &news->next;
	pthread_mutex_unlock(&work->mutex);
	wake_loop(work);
}

static void tell_all(struct gallery *gallery, struct news *news)
{
	while (news != NULL) {
		struct news *next = news->next;
		live_tell(gallery, news->json);
		json_decref(news->json);
		free(news);
		news = next;
	}
}

static void on_wake(uint32_t events, void *arg)
{
	struct work *work = arg;
	uint64_t n;
	struct job *job, *next;
	(void)events;
	ssize_t size = read(work->wake, &n, sizeof(n));
	(void)size;
	pthread_mutex_lock(&work->mutex);
	job = work->done.first;
	queue_init(&work->done);
	struct news *news = work->news;
	work->news = NULL;
	work->last_news = &work->news;
	pthread_mutex_unlock(&work->mutex);
	for (; job != NULL; job = next) {
		next = job->next;
		job_answer(job);
		job_free(job);
	}
	tell_all(work->gallery, news);
}

int work_open(struct gallery *gallery, struct work **ret_work)
{
	struct work *work = xcalloc(1, sizeof(*work));
	work->gallery = gallery;
	pthread_mutex_init(&work->mutex, NULL);
	queue_init(&work->done);
	work->last_news = &work->news;
	*ret_work = work;
	work->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = work->wake < 0 ? error_from_errno(errno) : loop_add_io(gallery->loop, work->wake, EPOLLIN, on_wake, work, &work->source);
	for (unsigned lane = 0; lane < LANES; lane++) {
		pthread_cond_init(&work->more[lane], NULL);
		queue_init(&work->waiting[lane]);
		for (unsigned i = 0; r == 0 && i < lane_threads[lane]; i++) {
			struct worker *worker = &work->workers[work->n_workers];
			*worker = (struct worker){ .work = work, .lane = lane };
			if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0)
				return -SIS_ERR_NO_MEMORY;
			work->n_workers++;
		}
	}
	return r;
}

static void end_threads(struct work *work)
{
	pthread_mutex_lock(&work->mutex);
	work->ending = true;
	for (unsigned lane = 0; lane < LANES; lane++)
		pthread_cond_broadcast(&work->more[lane]);
	for (unsigned i = 0; i < work->n_workers; i++) {
		if (work->workers[i].doing != NULL)
			atomic_store(&work->workers[i].doing->cancelled, true);
	}
	pthread_mutex_unlock(&work->mutex);
	for (unsigned i = 0; i < work->n_workers; i++)
		pthread_join(work->workers[i].thread, NULL);
}

static void free_jobs(struct queue *queue)
{
	struct job *job;
	while ((job = queue_take(queue)) != NULL)
		job_free(job);
}

void work_close(struct work *work)
{
	if (work == NULL)
		return;
	end_threads(work);
	free_jobs(&work->done);
	for (unsigned lane = 0; lane < LANES; lane++) {
		free_jobs(&work->waiting[lane]);
		pthread_cond_destroy(&work->more[lane]);
	}
	while (work->news != NULL) {
		struct news *next = work->news->next;
		json_decref(work->news->json);
		free(work->news);
		work->news = next;
	}
	loop_remove(work->source);
	fd_close(work->wake);
	pthread_mutex_destroy(&work->mutex);
	free(work);
}
