/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Status and users as Prometheus reads them (text exposition format 0.0.4): each metric's lines together, HELP and TYPE before them, and neither when
 * there is nothing to tell. */
#include "ledger/metrics.h"

#include "base/text.h"
#include "base/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum metric_from {
	FROM_VERSION, FROM_NUMBER, FROM_TIME, FROM_COUNTS, FROM_HISTOGRAM,      /* of the status */
	FROM_ROLE, FROM_ROLE_TIME, FROM_LIMIT,                                  /* of each of its roles, limits */
	FROM_USER, FROM_USER_TIME,                                              /* of each user */
};

struct metric { enum metric_from from; const char *member, *name, *type, *labels, *help; };

static const struct metric metrics[] = {
#define METRIC(from_, member_, name_, type_, labels_, help_) { FROM_##from_, member_, #name_, type_, labels_, help_ },
#include "ledger/metrics.def"
#undef METRIC
};

struct printer { FILE *out; const struct metric *metric; bool begun; };

static void begin(struct printer *printer)
{
	const struct metric *metric = printer->metric;
	if (!printer->begun)
		fprintf(printer->out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, metric->type);
	printer->begun = true;
}

/* Between quotes; only these three have to be written otherwise. */
static void put_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\' || *text == '"')
			fputc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			fputc(*text, out);
	}
}

/* place < 0: there is one label at most. */
static void put_line(struct printer *printer, const char *label, int place, int64_t value)
{
	const struct metric *metric = printer->metric;
	begin(printer);
	fputs(metric->name, printer->out);
	if (label != NULL) {
		fprintf(printer->out, "{%.*s=\"", (int)strcspn(metric->labels, ","), metric->labels);
		put_escaped(printer->out, label);
		fputc('"', printer->out);
		if (place >= 0)
			fprintf(printer->out, ",%s=\"%d\"", metric->labels + strcspn(metric->labels, ",") + 1, place);
		fputc('}', printer->out);
	}
	fprintf(printer->out, " %" PRId64 "\n", value);
}

/* An integer as it is, yes as 1, a time as seconds since 1970; anything else is left out. */
static void put_member(struct printer *printer, const json_t *object, const char *label, int place)
{
	const json_t *value = json_object_get(object, printer->metric->member);
	int64_t seconds;
	if (json_is_integer(value))
		put_line(printer, label, place, json_integer_value(value));
	else if (json_is_boolean(value))
		put_line(printer, label, place, json_is_true(value));
	else if (json_is_string(value) && time_decode(span_from_string(json_string_value(value)), &seconds) == 0)
		put_line(printer, label, place, seconds);
}

static void put_counts(struct printer *printer, json_t *counts)
{
	const char *what;
	json_t *count;
	json_object_foreach(counts, what, count)
		if (json_is_integer(count))
			put_line(printer, what, -1, json_integer_value(count));
}

static void put_histogram(struct printer *printer, const json_t *histogram)
{
	const json_t *bounds = json_object_get(histogram, "bounds"), *counts = json_object_get(histogram, "counts");
	const char *name = printer->metric->name;
	json_int_t sum = 0;
	if (json_array_size(counts) != json_array_size(bounds) + 1)
		return;
	begin(printer);
	for (size_t i = 0; i < json_array_size(counts); i++) {
		sum += json_integer_value(json_array_get(counts, i));
		if (i < json_array_size(bounds))
			fprintf(printer->out, "%s_bucket{le=\"%g\"} %" JSON_INTEGER_FORMAT "\n", name, json_number_value(json_array_get(bounds, i)), sum);
	}
	fprintf(printer->out, "%s_bucket{le=\"+Inf\"} %" JSON_INTEGER_FORMAT "\n%s_sum %.6f\n%s_count %" JSON_INTEGER_FORMAT "\n", name, sum, name,
	        json_number_value(json_object_get(histogram, "sum")), name, sum);
}

static void put_each(struct printer *printer, const json_t *objects, const char *label_member, bool with_place)
{
	size_t i;
	const json_t *object;
	json_array_foreach(objects, i, object) {
		const char *label = json_member_string(object, label_member);
		if (label != NULL)
			put_member(printer, object, label, with_place ? (int)i : -1);
	}
}

static void put_metric(struct printer *printer, const json_t *status, const json_t *users)
{
	switch (printer->metric->from) {
	case FROM_VERSION:
		if (json_member_string(status, printer->metric->member) != NULL)
			put_line(printer, json_member_string(status, printer->metric->member), -1, 1);
		break;
	case FROM_NUMBER:
	case FROM_TIME:
		put_member(printer, status, NULL, -1);
		break;
	case FROM_COUNTS:
		put_counts(printer, json_object_get(status, printer->metric->member));
		break;
	case FROM_HISTOGRAM:
		put_histogram(printer, json_object_get(status, printer->metric->member));
		break;
	case FROM_ROLE:
	case FROM_ROLE_TIME:
		put_each(printer, json_object_get(status, "roles"), "role", true);
		break;
	case FROM_LIMIT:
		put_each(printer, json_object_get(status, "limits"), "limit", false);
		break;
	case FROM_USER:
	case FROM_USER_TIME:
		put_each(printer, users, "user", false);
		break;
	}
}

char *metrics_text(const json_t *status, const json_t *users, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		put_metric(&(struct printer){ .out = out, .metric = &metrics[i] }, status, users);
	bool failed = ferror(out) != 0;
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
