/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text in columns. */
#include "sis/wrap.h"

#include "base/text.h"
#include "base/util.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

void wrap_begin(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
}

size_t wrap_character(struct span text, unsigned *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t character = 0;
	size_t size = mbrtowc(&character, (const char *)text.data, text.size, &state);
	if (size == 0 || size > text.size) {
		*ret_columns = 1;
		return 1;
	}
	int columns = wcwidth(character);
	*ret_columns = columns < 0 ? 1 : (unsigned)columns;
	return size;
}

static struct span skip(struct span text, size_t size)
{
	return (struct span){ text.data + size, text.size - size };
}

unsigned wrap_width(struct span text)
{
	unsigned width = 0, columns;
	while (text.size > 0) {
		text = skip(text, wrap_character(text, &columns));
		width += columns;
	}
	return width;
}

size_t wrap_fit(struct span text, unsigned columns)
{
	struct span rest = text;
	unsigned width = 0, one;
	while (rest.size > 0) {
		size_t size = wrap_character(rest, &one);
		if (width + one > columns && rest.size < text.size)
			break;
		width += one;
		rest = skip(rest, size);
	}
	return text.size - rest.size;
}

struct page {
	char *text;
	size_t size, capacity;
	unsigned indent, columns, at;           /* at: the column */
};

static void put(struct page *page, const void *data, size_t size)
{
	if (page->size + size + 1 > page->capacity) {
		page->capacity = 2 * (page->size + size + 64);
		char *grown = realloc(page->text, page->capacity);
		if (grown == NULL)
			abort();
		page->text = grown;
	}
	memcpy(page->text + page->size, data, size);
	page->size += size;
	page->text[page->size] = '\0';
}

static void new_line(struct page *page)
{
	put(page, "\n", 1);
	for (unsigned i = 0; i < page->indent; i++)
		put(page, " ", 1);
	page->at = page->indent;
}

/* Broken wherever the terminal's line is full. */
static void put_run(struct page *page, struct span run)
{
	while (run.size > 0) {
		if (page->columns > 0 && page->at >= page->columns)
			new_line(page);
		unsigned first;
		wrap_character(run, &first);
		if (page->columns > 0 && page->at + first > page->columns && page->at > page->indent)
			new_line(page);
		size_t size = page->columns > 0 ? wrap_fit(run, page->columns - page->at) : run.size;
		put(page, run.data, size);
		page->at += wrap_width((struct span){ run.data, size });
		run = skip(run, size);
	}
}

/* What begins a line, up to where spaces begin or end. */
static struct span first_run(struct span line)
{
	size_t size = 1;
	while (size < line.size && (line.data[size] == ' ') == (line.data[0] == ' '))
		size++;
	return (struct span){ line.data, size };
}

/* One line of the words: a word that no longer fits begins the next line, if it fits there; spaces at a line's end vanish. */
static void put_line(struct page *page, struct span line)
{
	while (line.size > 0) {
		struct span run = first_run(line);
		line = skip(line, run.size);
		unsigned width = wrap_width(run);
		if (page->columns > 0 && page->at + width > page->columns) {
			if (run.data[0] == ' ')
				run.size = page->columns > page->at ? page->columns - page->at : 0;
			else if (page->at > page->indent && page->indent + width <= page->columns)
				new_line(page);
		}
		put_run(page, run);
	}
}

char *wrap_words(const char *first, struct span words, unsigned indent, unsigned columns)
{
	struct page page = { .indent = indent, .columns = columns > 0 && columns < 2 * indent + 4 ? 2 * indent + 4 : columns };
	CLEANUP_FREE char *safe = xcalloc(1, 4 * words.size + 1);
	put(&page, "", 0);
	put_line(&page, span_from_string(first));
	for (bool more = true; more;) {
		const uint8_t *end = words.size > 0 ? memchr(words.data, '\n', words.size) : NULL;
		size_t size = end != NULL ? (size_t)(end - words.data) : words.size;
		text_for_terminal((struct span){ words.data, size }, safe, 4 * size + 1);
		put_line(&page, span_from_string(safe));
		more = end != NULL;
		if (more) {
			words = skip(words, size + 1);
			new_line(&page);
		}
	}
	return page.text;
}
