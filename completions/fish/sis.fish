# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for sis. What commands and options there are is asked of the program itself ("sis help --table"), so it is never out of date.
# setsid: asking for a passphrase in the middle of a completion would be a nuisance.

function __sis_commands
	sis help --table 2>/dev/null | string replace -r '^([^\t]*)\t([^\t]*)\t.*$' '$1\t$2'
end

function __sis_options
	set -l words (commandline -opc)
	for row in (sis help --table 2>/dev/null)
		set -l parts (string split \t -- $row)
		if contains -- $parts[1] $words
			string split ' ' -- $parts[3] | string replace '=' ''
		end
	end
end

function __sis_contacts
	setsid -w timeout 3 sis contacts 2>/dev/null | string match -rg '^([a-z0-9][a-z0-9._-]*)\s'
end

function __sis_items
	setsid -w timeout 3 sis list 2>/dev/null | string replace -r '^(\S+)\s+(.*)$' '$1\t$2'
end

set -l commands (__sis_commands | string split -f1 \t)
complete -c sis -f
complete -c sis -n "not __fish_seen_subcommand_from $commands" -a '(__sis_commands)'
complete -c sis -n "not __fish_seen_subcommand_from $commands" -a help -d 'help on a command'
complete -c sis -n "not __fish_seen_subcommand_from $commands" -l home -r -F -d 'where profiles and keys are kept'
complete -c sis -n "not __fish_seen_subcommand_from $commands" -l profile -x -d 'which server and identity'
complete -c sis -n "not __fish_seen_subcommand_from $commands" -l json -d 'results as JSON'
complete -c sis -n "not __fish_seen_subcommand_from $commands" -l quiet -s q -d 'no progress'
complete -c sis -n "__fish_seen_subcommand_from $commands; and string match -q -- '-*' (commandline -ct)" -a '(__sis_options)'
complete -c sis -n '__fish_seen_subcommand_from upload' -F
complete -c sis -n '__fish_seen_subcommand_from upload' -l to -x -a '(__sis_contacts)' -d 'who shall see it'
complete -c sis -n '__fish_seen_subcommand_from get' -s o -l output -r -F -d 'where to'
complete -c sis -n '__fish_seen_subcommand_from get show rm verify share unshare' -a '(__sis_items)'
complete -c sis -n '__fish_seen_subcommand_from verify' -F
complete -c sis -n '__fish_seen_subcommand_from contacts' -a accept -d 'accept a changed key'
