# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by a POSIX shell: what the answers of docs/queries.md share. Needs jq and sqlite3.

LOG=${LOG:-/var/log/socklife}		# a directory of socklife record, or a file of trace --json -o
DB=${DB:-socklife.db}			# what load() makes of it
QUERIES=${QUERIES:-contrib/queries}	# where queries.jq and queries.sql are

# Times are UTC and have no zone: 2026-11-22T18:00:00. They are compared as text, up to the last digit that is given.
FROM=${FROM:-0}				# the first moment
TO=${TO:-9}				# the first one after it
AT=${AT:-$(date -u +%FT%T)}
PORT=${PORT:-80}
ID=${ID:-1}				# of a process
CIDR=${CIDR:-0.0.0.0/0}
SHORT_MS=${SHORT_MS:-100}		# a connection that lived less than this is a short one

# The log's lines in their order. While a segment is being packed it is there twice, and its end may be half a line: both
# are left out. Control characters in names become '?': they would break a table, or play with the terminal.
log() {
	if [ -d "$LOG" ]; then
		zcat -f "$LOG"/socklife-[0-9]*.ndjson*
	else
		zcat -f "$LOG"
	fi | LC_ALL=C sed -e '/[\\\x7f\xc2]/!b' -e 's/\\\\/\\u005c/g' -e 's/\\\([bfnrt]\|u00[01].\|u00[89].\|u007[fF]\)/?/g' \
		-e 's/\x7f\|\xc2[\x80-\x9f]/?/g' | awk -F '[:,]' '/}$/ && $4 + 0 > seq { seq = $4 + 0; print }'
}

# Whether the times are such that a comparison as text is right.
check_times() {
	for time in "$FROM" "$TO" "$AT"; do
		case $time in
		*[!0-9TZ:.-]* | *T*-*)
			echo "queries.sh: '$time' is no time in UTC like 2026-11-22T18:00:00" >&2
			return 2
			;;
		esac
	done
}

# ask PROGRAM: a jq program that reads the log's records by `inputs`.
ask() {
	check_times || return
	log | jq -nr --arg from "${FROM%Z}" --arg to "${TO%Z}" --arg at "${AT%Z}" --argjson port "$PORT" \
		--argjson id "$ID" --arg cidr "$CIDR" --argjson short_ms "$SHORT_MS" "$(cat "$QUERIES/queries.jq")
$1"
}

# Makes DB anew: the table `record` and the views of queries.sql.
load() {
	rm -f "$DB"
	log | sqlite3 "$DB" '.mode ascii' '.separator "\037" "\n"' 'CREATE TABLE line(json TEXT)' '.import /dev/stdin line' \
		".read '$QUERIES/queries.sql'"
}

# SQL on stdin, asked of DB.
sql() {
	check_times || return
	sqlite3 -tabs -cmd '.parameter init' -cmd ".parameter set :from \"'${FROM%Z}'\"" -cmd ".parameter set :to \"'${TO%Z}'\"" \
		-cmd ".parameter set :at \"'${AT%Z}'\"" -cmd ".parameter set :port $PORT" -cmd ".parameter set :id $ID" \
		-cmd ".parameter set :cidr \"'$CIDR'\"" -cmd ".parameter set :short_ms $SHORT_MS" "$DB"
}
