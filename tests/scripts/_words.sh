# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# The vocabulary of these scripts, to be sourced. They are given PORT, MQTT (mqttv311 or mqttv5), HERE (a directory) and TOKEN_<user>.
set -euo pipefail
: "${PORT:?}" "${MQTT:=mqttv311}" "${HERE:=$(mktemp -d)}"
children=()
trap 'for child in ${children[@]+"${children[@]}"}; do kill "$child" 2>/dev/null || true; done' EXIT

# as USER/DEVICE PROGRAM ARGUMENTS...
as() {
    local who=$1 program=$2 user=${1%%/*} token
    shift 2
    token=TOKEN_$user
    "$program" -h 127.0.0.1 -p "$PORT" -V "$MQTT" -u "$user" -P "${!token}" -i "$who" "$@"
}

# ask USER/DEVICE OPERATION ARGUMENTS: prints the answer.
ask() { as "$1" mosquitto_rr -t "hc/rpc/$2/$$" -e "hc/me/reply/$$" -m "$3" -W 20; }

# say USER/DEVICE TOPIC TEXT
say() { as "$1" mosquitto_pub -q 1 -t "hc/$2" -m "$3"; }

# listen USER/DEVICE FILE TOPIC: in the background; ends with hang_up.
listen() {
    local who=$1 file=$2 user=${1%%/*} token expiry=
    token=TOKEN_$user
    [ "$MQTT" = mqttv311 ] || expiry="-x 3600"
    # shellcheck disable=SC2086
    mosquitto_sub -h 127.0.0.1 -p "$PORT" -V "$MQTT" -u "$user" -P "${!token}" -i "$who" -c $expiry -q 1 -t "$3" -F '%t %p' >>"$file" &
    listener=$!
    children+=("$listener")
}

hang_up() {
    kill "$listener"
    wait "$listener" 2>/dev/null || true
}

# expect FILE PATTERN: a line that matches comes within 20 s.
expect() {
    local try
    for try in $(seq 200); do
        ! grep -q -- "$2" "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "no $2 in $1:" >&2
    cat "$1" >&2
    exit 1
}

# expect_not FILE PATTERN
expect_not() {
    ! grep -- "$2" "$1" || { echo "unexpected: $2" >&2; exit 1; }
}

# field NAME: the first value of that name in the JSON on standard input.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; }
