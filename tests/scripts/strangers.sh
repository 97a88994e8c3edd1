#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# A stranger can neither read nor write.
. "$(dirname "$0")/_words.sh"

ask bob/phone getChatUserID '{}' >/dev/null
chat=$(ask alice/cli createPeerToPeerChat '{"receiverUserID":"bob"}' | field chatID)
listen carol/all "$HERE/carol" 'hc/me/#'
listen bob/phone "$HERE/bob" 'hc/me/text/#'
ask carol/cli getLatestTransactionID "{\"chatID\":\"$chat\"}" | grep -q '"code":"forbidden"'
say carol/all2 "chat/$chat/text/c1" 'let me in' || true
say alice/cli "chat/$chat/text" 'just us'
expect "$HERE/bob" 'just us$'
expect_not "$HERE/bob" 'let me in'
ask carol/cli getServerInfo '{}' | grep -q '"result"'
expect_not "$HERE/carol" 'just us'
