#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# A device that parses no JSON: it reads hc/me/text, writes /text, and takes any line for a line.
. "$(dirname "$0")/_words.sh"

ask bob/sensor getChatUserID '{}' >/dev/null
listen bob/sensor "$HERE/bob" 'hc/me/text/#'
say alice/cli user/bob/text $'two\nlines'
expect "$HERE/bob" '/alice two lines$'
chat=$(cut -d/ -f4 "$HERE/bob" | head -1)
say bob/button "chat/$chat/text/b1" 'pressed'
expect "$HERE/bob" '/bob pressed$'
say bob/button "chat/$chat/text/b1" 'pressed'
say alice/cli "chat/$chat/text" 'end'
expect "$HERE/bob" '/alice end$'
[ "$(grep -c pressed "$HERE/bob")" = 1 ] || { echo "the same command counted twice" >&2; exit 1; }
