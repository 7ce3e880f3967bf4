# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced by quickstart and check: what they need from Debian, and how they build. debian/control's Build-Depends is the one list, save for what the system
# tests make packages and whole systems with: no build of a package can use that, so it stands in tests/system/packages.

# The packages of Build-Depends; "build" leaves out what only tests need (<!nocheck>), save python3, which quickstart makes its picture with.
# "system" are those of tests/system/packages.
setup_packages() {
	if [ "$1" = system ]; then
		sed 's/#.*//' tests/system/packages
		return
	fi
	awk -v what="$1" '
		/^Build-Depends:/ { on = 1; sub(/^Build-Depends:/, "") }
		on && /^[^ \t]/ && !/^Build-Depends/ && NF { if (seen) exit }
		on { seen = 1; n = split($0, item, ","); for (i = 1; i <= n; i++) {
			line = item[i]
			if (line ~ /debhelper-compat/) continue         # only dpkg-buildpackage wants it
			if (what == "build" && line ~ /<!nocheck>/ && line !~ /^ *python3 /) continue
			gsub(/<[^>]*>|\([^)]*\)|\[[^]]*\]|\|.*/, "", line); gsub(/[ \t]/, "", line)
			if (line != "") print line } }' debian/control
}

setup_missing() {
	for package in $(setup_packages "$1"); do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s ' "$package"
	done
}

# setup_install build|all|system: installs what is missing, as root or through sudo; says what to type when it may not.
setup_install() {
	missing=$(setup_missing "$1")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -eq 0 ]; then
		as_root=
	elif command -v sudo >/dev/null 2>&1; then
		as_root=sudo
	else
		printf '%s: these Debian packages are missing, and there is neither root nor sudo to install them. As root, type:\n  apt-get install --no-install-recommends %s\n' \
			"$0" "$missing" >&2
		return 1
	fi
	printf '$ apt-get install --no-install-recommends %s\n' "$missing"
	# Lists may be absent or stale on a fresh machine: ask for them only when the first try fails.
	setup_apt $missing || { $as_root apt-get -q update >/dev/null && setup_apt $missing; } || {
		printf '%s: apt-get could not install: %s\nSee its messages above, then run this again.\n' "$0" "$missing" >&2
		return 1
	}
}

setup_apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install "$@" >/dev/null
}

# setup_configure DIR ARGUMENTS...: an out-of-tree build directory. Later changes of configure.ac and the makefiles are automake's own matter.
setup_configure() {
	directory=$1; shift
	source=$PWD
	[ -x configure ] || autoreconf -fi || return 1
	mkdir -p "$directory" || return 1
	if [ ! -f "$directory/Makefile" ] || [ "$(cat "$directory/.arguments" 2>/dev/null)" != "$*" ]; then
		(cd "$directory" && "$source/configure" "$@") || return 1
		printf '%s\n' "$*" > "$directory/.arguments"
	fi
}
