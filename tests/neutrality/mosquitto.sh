#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# What a test of Mosquitto's own suite starts as the broker: the stock broker with the plugin loaded and nobody using it. The plugin's lines go to
# the end of the configuration that the test gives, in place, so a test may rewrite it and reload; a test without one gets one.
# scripts/neutrality puts names for @…@.
#
# Once any plugin answers for logins or topics, Mosquitto lets nobody in whom none of them names: without a plugin there is no such question. So
# an operator says once for his broker what `outside` is, and so does this, by what the configuration has (HC_OUTSIDE of the test overrides it):
#   allow   nothing that decides about anybody, anonymous clients are let in
#   acl     logins are decided and topics are not: defer, with an ACL file that gives all topics to all
#   defer   both are decided by somebody
broker=@BROKER@ plugin=@PLUGIN@ state=@STATE@ line=@LINE@

next= conf=
for argument in "$@"; do
    [ "$next" != -c ] || conf=$argument
    next=$argument
    [ "$next" != --config-file ] || next=-c
done
own=$state/$(printf %s "$*" | tr -c 'A-Za-z0-9.' _ | tail -c 200)
if [ -z "$conf" ]; then
    conf=$own.conf
    : >"$conf"
    set -- -c "$conf" "$@"
fi
[ -f "$conf" ] && [ -w "$conf" ] || exec "$broker" "$@"

has() {
    grep -qE "^ *($1)" "$conf"
}

# A test may give the broker another environment than its own.
told() {
    cat "/proc/$$/environ" "/proc/$PPID/environ" | tr '\0' '\n' | sed -n "s/^$1=//p" | grep -m 1 .
}

outside() {
    told HC_OUTSIDE && return
    if has '(acl_file|auth_plugin|plugin|global_plugin) '; then
        echo defer
    elif has '(password_file|psk_file) ' || { has '(listener|port|bind_address) ' && ! has 'allow_anonymous true'; }; then
        echo acl
    else
        echo allow
    fi
}

if ! has '# HyperChat, unused'; then
    mkdir -p "$own"
    how=$(outside)
    {
        printf '\n# HyperChat, unused\n'
        [ "$how" != acl ] || echo "acl_file $state/all.acl"
        echo "$line $plugin"
        echo "plugin_opt_outside $([ "$how" = acl ] && echo defer || echo "$how")"
        echo "plugin_opt_keys $state/keys.json"
        echo "plugin_opt_issuer https://issuer.example"
        echo "plugin_opt_audience hyperchat"
        echo "plugin_opt_store sqlite:$own/chat.db"
        echo "plugin_opt_journal $own/journal"
        echo "plugin_opt_journal_size 1M"
    } >>"$conf"
fi
told HC_TEST >>"$state/loaded"
exec "$broker" "$@"
