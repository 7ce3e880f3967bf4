/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Secrets wipe themselves. `struct secret32` is for keys that live on the stack or in a struct: declare it with SECRET and it is
 * wiped on every way out of the scope. `struct secret` is for variable sizes on the heap (kept out of core dumps). Nothing prints either. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct secret32 { uint8_t bytes[32]; };

void secret_wipe(void *data, size_t size);
void secret_free_text(char *text);                     /* wipes a malloc'd string and frees it; accepts NULL */
void secret32_wipe(struct secret32 *secret);
#define SECRET __attribute__((cleanup(secret32_wipe)))

struct secret;                                          /* heap, wiped on free, MADV_DONTDUMP */
int secret_new(size_t size, struct secret **ret_secret);
int secret_from(const void *data, size_t size, struct secret **ret_secret);
uint8_t *secret_data(struct secret *secret);
const uint8_t *secret_peek(const struct secret *secret);
size_t secret_size(const struct secret *secret);
void secret_free(struct secret *secret);                /* accepts NULL */
void secret_freep(struct secret **secret);
#define SECRET_HEAP __attribute__((cleanup(secret_freep)))

int random_bytes(void *ret_data, size_t size);          /* getrandom(2); never partial */
int constant_time_compare(const void *a, const void *b, size_t size);   /* 0 when equal */
