#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# Who was away hears what he missed, once.
. "$(dirname "$0")/_words.sh"

ask bob/phone getChatUserID '{}' >/dev/null
for i in 1 2 3; do say alice/cli user/bob/text "before $i"; done
listen bob/phone "$HERE/bob" 'hc/me/text/#'
expect "$HERE/bob" 'before 3$'
chat=$(ask bob/cli createPeerToPeerChat '{"receiverUserID":"alice"}' | field chatID)
say bob/cli "chat/$chat/received/4" ''
hang_up
for i in 1 2 3; do say alice/cli user/bob/text "meanwhile $i"; done
listen bob/phone "$HERE/bob" 'hc/me/text/#'
expect "$HERE/bob" 'meanwhile 3$'
say alice/cli user/bob/text 'after'
expect "$HERE/bob" 'after$'
cut -d' ' -f2- "$HERE/bob" | uniq >"$HERE/heard"
printf 'before %s\n' 1 2 3 >"$HERE/expected"
printf 'meanwhile %s\n' 1 2 3 >>"$HERE/expected"
echo after >>"$HERE/expected"
diff "$HERE/expected" "$HERE/heard"
