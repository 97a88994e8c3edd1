#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# Two people talk.
. "$(dirname "$0")/_words.sh"

ask bob/phone getChatUserID '{}' | grep -q '"userID":"bob"'
listen alice/laptop "$HERE/alice" hc/me/inbox
say alice/cli user/bob/text/a1 'hi bob'
expect "$HERE/alice" '"transactionID":1,"type":"memberAdded"'
expect "$HERE/alice" '"transactionID":2,.*"body":"hi bob".*"commandID":"a1"'

listen bob/phone "$HERE/bob" 'hc/me/text/#'
expect "$HERE/bob" '/alice hi bob$'
chat=$(sed -n 's,^hc/me/text/\([^/]*\)/alice hi bob$,\1,p' "$HERE/bob")
say bob/cli "chat/$chat/text" 'hi alice'
expect "$HERE/bob" "^hc/me/text/$chat/bob hi alice$"
expect "$HERE/alice" '"transactionID":3,.*"body":"hi alice"'
ask alice/cli getLatestTransactionID "{\"chatID\":\"$chat\"}" | grep -q '3'
