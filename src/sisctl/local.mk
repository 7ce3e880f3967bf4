# SPDX-License-Identifier: GPL-3.0-or-later
sbin_PROGRAMS += sisctl
sisctl_SOURCES = src/sisctl/main.c src/sisctl/commands.c src/sisctl/help.c src/sisctl/call.c src/sisctl/instance.c src/sisctl/sisctl.h src/sisctl/varlink.c src/sisctl/varlink.h src/sisctl/output.c src/sisctl/table.c src/sisctl/output.h \
	src/sisctl/ca.c src/sisctl/clock.c \
	src/sisctl/add.c src/sisctl/list.c src/sisctl/revoke.c src/sisctl/certs.c src/sisctl/logs.c src/sisctl/logs.h src/sisctl/point.c src/sisctl/journal.c src/sisctl/journal_entry.c src/sisctl/status.c src/sisctl/check.c src/sisctl/check.h src/sisctl/check_backup.c src/sisctl/check_offline.c src/sisctl/check_print.c src/sisctl/audit.c src/sisctl/complete.c \
	src/sisctl/top.c src/sisctl/metrics.c src/sisctl/quota.c src/sisctl/items.c src/sisctl/invites.c src/sisctl/user.c \
	src/sisctl/backup.c src/sisctl/backup.h src/sisctl/backup_take.c src/sisctl/restore.c src/sisctl/restore.h src/sisctl/restore_files.c src/sisctl/check_snapshot.c src/sisctl/snapshot.c src/sisctl/snapshot.h src/sisctl/paths.c src/sisctl/paths.h
sisctl_LDADD = $(CRYPTO_LIBS) $(BASE_LIBS)
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_bashcompletion_DATA = completions/bash/sisctl
dist_zshcompletion_DATA = completions/zsh/_sisctl
dist_fishcompletion_DATA = completions/fish/sisctl.fish
