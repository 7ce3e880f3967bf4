/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * sisd(8): the command line of the daemon. */
#include "sisd/master.h"
#include "base/print.h"
#include "base/util.h"
#include "sandbox/sandbox.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_CONF SIS_SYSCONFDIR "/sis/sisd.conf"

enum { OPTION_CHECK = 256, OPTION_CHECK_STORE, OPTION_FULL, OPTION_REPAIR, OPTION_REMOVE_LOST, OPTION_RECOVER_ITEMS, OPTION_PRINT, OPTION_PRINT_EVENTS, OPTION_READY_FILE, OPTION_VERSION };

static const struct option long_options[] = {
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "check-store", no_argument, NULL, OPTION_CHECK_STORE },
	{ "full", no_argument, NULL, OPTION_FULL },
	{ "repair", no_argument, NULL, OPTION_REPAIR },
	{ "remove-lost", no_argument, NULL, OPTION_REMOVE_LOST },
	{ "recover-items", no_argument, NULL, OPTION_RECOVER_ITEMS },
	{ "print-options", required_argument, NULL, OPTION_PRINT },
	{ "print-events", required_argument, NULL, OPTION_PRINT_EVENTS },
	{ "ready-file", required_argument, NULL, OPTION_READY_FILE },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"Usage: sisd [-f] [-c FILE] [-L DIR] [--ready-file FILE]\n"
	"       sisd [-c FILE] [-L DIR] --check\n"
	"       sisd [-c FILE] [-L DIR] --check-store [--full] [--repair [--remove-lost]] [--recover-items]\n"
	"       sisd --print-options conf|man | --print-events catalog|man | --version | --help\n"
	"\n"
	"The daemon of Secure Image Sharing. It stays in the foreground.\n"
	"\n"
	"  -f                 log to standard error even when there is a journal\n"
	"  -c FILE            read this configuration (" DEFAULT_CONF ")\n"
	"  -L DIR             where sisd-signer, sisd-ledger and sisd-worker are (" SIS_LIBEXECDIR ")\n"
	"  --ready-file FILE  when ready, write the port of the first listening socket into FILE\n"
	"  --check            check what a start would, name every problem, and exit\n"
	"  --check-store      look at the store, which no sisd may be using; for sisctl check --offline\n"
	"  --print-options X  print the commented configuration (conf) or its manual (man)\n"
	"  --print-events X   print the journal's catalog (catalog) or the manual of the events (man)\n"
	"\n"
	"See sisd(8) and sisd.conf(5).\n";

struct command_line {
	struct master_options options;
	bool check, check_store;
	const char *print, *print_events;
};

static int print_options(const char *what)
{
	if (strcmp(what, "conf") == 0)
		conf_print_file(stdout);
	else if (strcmp(what, "man") == 0)
		conf_print_man(stdout);
	else {
		complain("--print-options takes \"conf\" or \"man\", not \"%s\"", what);
		return EX_USAGE;
	}
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int print_events(const char *what)
{
	if (strcmp(what, "catalog") == 0)
		print_events_catalog(stdout);
	else if (strcmp(what, "man") == 0)
		print_events_man(stdout);
	else {
		complain("--print-events takes \"catalog\" or \"man\", not \"%s\"", what);
		return EX_USAGE;
	}
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int print_and_exit(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EX_IOERR : EX_OK;
}

/* Fills ret_line; a status other than -1 ends the program with it. */
static int command_line_parse(int argc, char *argv[], struct command_line *ret_line)
{
	struct master_options *options = &ret_line->options;
	int option;

	while ((option = getopt_long(argc, argv, "fc:L:h", long_options, NULL)) >= 0) {
		switch (option) {
		case 'f': options->log_to_stderr = true; break;
		case 'c': options->conf_path = optarg; options->conf_path_given = true; break;
		case 'L': options->libexec_dir = optarg; break;
		case OPTION_CHECK: ret_line->check = true; break;
		case OPTION_CHECK_STORE: ret_line->check_store = true; break;
		case OPTION_FULL: options->full = true; break;
		case OPTION_REPAIR: options->repair = true; break;
		case OPTION_REMOVE_LOST: options->remove_lost = true; break;
		case OPTION_RECOVER_ITEMS: options->recover_items = true; break;
		case OPTION_PRINT: ret_line->print = optarg; break;
		case OPTION_PRINT_EVENTS: ret_line->print_events = optarg; break;
		case OPTION_READY_FILE: options->ready_file = optarg; break;
		case OPTION_VERSION: return print_and_exit("sisd " PACKAGE_VERSION "\n");
		case 'h': return print_and_exit(usage);
		default: fputs("Try sisd --help.\n", stderr); return EX_USAGE;
		}
	}
	if (optind < argc) {
		complain("\"%s\" is one argument too many: try sisd --help", argv[optind]);
		return EX_USAGE;
	}
	return -1;
}

int main(int argc, char *argv[])
{
	struct command_line line = { .options = { .conf_path = DEFAULT_CONF, .libexec_dir = SIS_LIBEXECDIR } };
	int status;

	sandbox_begin(STDERR_FILENO + 1 + (int)listen_inherited_fds());
	sandbox_forgo_files();
	status = command_line_parse(argc, argv, &line);
	if (status >= 0)
		return status;
	if (line.print)
		return print_options(line.print);
	if (line.print_events)
		return print_events(line.print_events);
	if (line.check_store)
		return master_check_store(&line.options);
	if (line.options.full || line.options.repair || line.options.remove_lost || line.options.recover_items) {
		complain("--full, --repair, --remove-lost and --recover-items are for --check-store");
		return EX_USAGE;
	}
	return line.check ? master_check(&line.options) : master_run(&line.options);
}
