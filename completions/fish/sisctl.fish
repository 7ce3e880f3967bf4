# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for sisctl. What could stand there is asked of the program itself ("sisctl help --complete-line"), from its own tables and,
# for users, the daemon: never out of date.

function __sisctl_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	for line in ($words[1] help --complete-line $words[2..-1] "$current" 2>/dev/null)
		switch $line
			case :files
				__fish_complete_path "$current"
			case :directories
				__fish_complete_directories "$current"
			case '*'
				printf '%s\n' $line
		end
	end
end

complete -c sisctl -f -a '(__sisctl_complete)'
