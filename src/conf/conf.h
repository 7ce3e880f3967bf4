/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd.conf(5) from libconfig, driven by one table (options.def): name, type, range, default, help. The same table makes `sisd --check`, the
 * commented etc/sisd.conf and the man page (`sisd --print-options conf|man`). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONF_LIST_MAX 16
#define CONF_CREDENTIAL "credential:"   /* what stands before the name of a credential instead of a path */

struct conf_list { unsigned n; char *item[CONF_LIST_MAX]; };

struct conf {
#define OPTION_STRING(name, default_, check, help) char *name;
#define OPTION_LIST(name, default_, check, help) struct conf_list name;
#define OPTION_NUMBER(name, default_, min, max, help) uint64_t name;
#define OPTION_SIZE(name, default_, min, max, help) uint64_t name;              /* bytes: number, or "64M" */
#define OPTION_DURATION(name, default_, min, max, help) uint64_t name;          /* seconds: number, or "90d" */
#define OPTION_CHOICE(name, default_, choices, help) char *name;
#include "conf/options.def"
#undef OPTION_STRING
#undef OPTION_LIST
#undef OPTION_NUMBER
#undef OPTION_SIZE
#undef OPTION_DURATION
#undef OPTION_CHOICE
};

/* All problems are collected, each as "FILE:LINE: what, why, what to do", newline-separated, in *ret_problems (malloc'd, NULL on success).
 * @include is refused: what is in force can be read in one file. NO_INPUT when there is no such file, else CONFIG. */
int conf_load(const char *path, struct conf **ret_conf, char **ret_problems);
int conf_defaults(struct conf **ret_conf);
void conf_free(struct conf *conf);                      /* accepts NULL */
void conf_freep(struct conf **conf);
#define CLEANUP_CONF __attribute__((cleanup(conf_freep)))

void conf_print_file(FILE *out);        /* the commented sisd.conf */
void conf_print_man(FILE *out);         /* the OPTIONS part of sisd.conf(5) in mdoc */

/* Names of options that differ and need a restart (listen, state_dir, control, users), comma-separated into ret_names; 0 when none. */
unsigned conf_needs_restart(const struct conf *old_conf, const struct conf *new_conf, char *ret_names, unsigned capacity);
/* Takes the values of those options over from old_conf: until the restart they are what is in force. old_conf stays whole. */
void conf_keep_restart_options(const struct conf *old_conf, struct conf *new_conf);

/* "127.0.0.1:7443", "[::1]:0": numeric addresses only, decimal port. BAD_FORMAT. */
int conf_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size);
bool conf_address_is_loopback(const struct sockaddr_storage *address);
