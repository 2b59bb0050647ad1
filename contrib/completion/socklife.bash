# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of socklife. Written by contrib/completion/generate: change that, not this.

# Completes the part of $cur behind its last comma with words. Not by compgen -W, which would run what names of
# processes spell: they come from outside.
_socklife_list() {
	local head= word
	[[ $cur == *,* ]] && head=${cur%,*},
	for word in "$@"; do
		[[ $word == *,* ]] && continue
		printf -v word %q "$word"
		[[ $word == "${cur##*,}"* ]] && COMPREPLY+=("$head$word")
	done
}

_socklife_paths() { # -f or -d
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_socklife_users() {
	local users
	mapfile -t users < <(compgen -u)
	_socklife_list "${users[@]}"
}

_socklife_pids() {
	local pids
	pids=(/proc/[0-9]*)
	_socklife_list "${pids[@]#/proc/}"
}

_socklife_comms() {
	local comms
	mapfile -t comms < <(cat /proc/[0-9]*/comm 2>/dev/null | sort -u)
	_socklife_list "${comms[@]}"
}

_socklife_namespaces() {
	local names
	if [[ $cur == */* ]]; then
		_socklife_paths -f
	else
		mapfile -t names < <(ls /run/netns 2>/dev/null)
		_socklife_list "${names[@]}"
	fi
}

_socklife_units() {
	local units
	mapfile -t units < <(systemctl list-units --full --plain --no-legend --all 2>/dev/null)
	_socklife_list "${units[@]%% *}"
}

_socklife_commands="trace top ports record report verify keygen replay check help version"

_socklife_options() { # COMMAND
	case "$1" in
	trace) echo -p --pid -f --follow --comm -u --uid -P --port --lport --rport --addr --laddr --raddr --proto -4 --ipv4 -6 --ipv6 --netns --cgroup --container --unit --event --failed --errno --slower --json -o --output --utc --metrics --states --timeout --count --no-snapshot --capture --user --close-wait --ring-size --table-size -v --verbose -h --help -V --version ;;
	top) echo -p --pid -f --follow --comm -u --uid -P --port --lport --rport --addr --laddr --raddr --proto -4 --ipv4 -6 --ipv6 --netns --cgroup --container --unit --event --failed --errno --slower --interval --close-wait --ring-size --table-size -v --verbose -h --help -V --version ;;
	ports) echo -p --pid -f --follow --comm -u --uid -P --port --lport --rport --addr --laddr --raddr --proto -4 --ipv4 -6 --ipv6 --netns --cgroup --container --unit --at --json -o --output --utc -v --verbose -h --help -V --version ;;
	record) echo -p --pid -f --follow --comm -u --uid -P --port --lport --rport --addr --laddr --raddr --proto -4 --ipv4 -6 --ipv6 --netns --cgroup --container --unit --event --failed --errno --slower --dir --rotate-size --rotate-time --keep-size --keep-time --sync --seal-every --on-full --key --no-args --journal --queue-size --metrics --close-wait --ring-size --table-size -v --verbose -h --help -V --version ;;
	report) echo -p --pid -f --follow --comm -u --uid -P --port --lport --rport --addr --laddr --raddr --proto -4 --ipv4 -6 --ipv6 --netns --cgroup --container --unit --event --failed --errno --slower --since --until --socket --findings --html --json --utc -v --verbose -h --help -V --version ;;
	verify) echo --key --head --json -v --verbose -h --help -V --version ;;
	keygen) echo -v --verbose -h --help -V --version ;;
	replay) echo --json -o --output -v --verbose -h --help -V --version ;;
	check) echo --json -v --verbose -h --help -V --version ;;
	help) echo -v --verbose -h --help -V --version ;;
	version) echo -v --verbose -h --help -V --version ;;
	*) echo -v --verbose -h --help -V --version ;;
	esac
}

_socklife_takes_value() { # OPTION
	case "$1" in
	-p | --pid | --comm | -u | --uid | -P | --port | --lport | --rport | --addr | --laddr | --raddr | --proto | --netns | --cgroup | --container | --unit | --event | --errno | --slower | -o | --output | --metrics | --timeout | --count | --capture | --user | --close-wait | --ring-size | --table-size | --interval | --at | --dir | --rotate-size | --rotate-time | --keep-size | --keep-time | --sync | --seal-every | --on-full | --key | --queue-size | --since | --until | --socket | --html | --head) return 0 ;;
	*) return 1 ;;
	esac
}

_socklife_value() { # OPTION
	case "$1" in
	-p | --pid) _socklife_pids ;;
	--comm) _socklife_comms ;;
	-u | --uid) _socklife_users ;;
	--proto) _socklife_list tcp udp ;;
	--netns) _socklife_namespaces ;;
	--cgroup) _socklife_paths -d ;;
	--unit) _socklife_units ;;
	--event) _socklife_list process snapshot bind listen connect accept peer state close finding ;;
	--errno) _socklife_list EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN EHOSTUNREACH EINVAL EMFILE ENETDOWN ENETUNREACH ENFILE ENOBUFS ENOMEM ENOTCONN EPERM EPIPE EPROTO ETIMEDOUT ;;
	-o | --output) _socklife_paths -f ;;
	--capture) _socklife_paths -f ;;
	--user) _socklife_users ;;
	--dir) _socklife_paths -d ;;
	--sync) mapfile -t COMPREPLY < <(compgen -W "none seal" -- "$cur") ;;
	--on-full) mapfile -t COMPREPLY < <(compgen -W "stop drop-oldest" -- "$cur") ;;
	--key) _socklife_paths -f ;;
	--html) _socklife_paths -f ;;
	*) ;;
	esac
}

_socklife_operand() { # COMMAND
	case "$1" in
	trace)
		if ((!dashes)); then
			return
		elif declare -F _command_offset >/dev/null; then
			_command_offset $((dashes + 1))
		elif ((COMP_CWORD == dashes + 1)); then
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		else
			_socklife_paths -f
		fi
		;;
	ports) ((logs)) && _socklife_paths -f ;;
	report) _socklife_paths -f ;;
	verify) _socklife_paths -f ;;
	keygen) _socklife_paths -d ;;
	replay) _socklife_paths -f ;;
	help) mapfile -t COMPREPLY < <(compgen -W "$_socklife_commands findings" -- "$cur") ;;
	*) ;;
	esac
}

_socklife() {
	local cur=${COMP_WORDS[COMP_CWORD]} option= command= dashes=0 logs=0 word i
	COMPREPLY=()
	# What stands before the cursor. `--option=value` comes as three words.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			continue
		elif [[ $option ]]; then
			option= # that was its value
		elif [[ $word == -- ]]; then
			dashes=$i
			break
		elif _socklife_takes_value "$word"; then
			option=$word
			[[ $word == --at ]] && logs=1
		elif [[ $word != -* && ! $command ]]; then
			command=$word
		fi
	done
	[[ $cur == = ]] && cur=
	if [[ $option ]]; then
		_socklife_value "$option"
	elif ((dashes)); then
		_socklife_operand "$command"
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_socklife_options "$command")" -- "$cur")
	elif [[ ! $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$_socklife_commands" -- "$cur")
	else
		_socklife_operand "$command"
	fi
}

complete -F _socklife socklife
