#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# A group: made, talked in, left behind.
. "$(dirname "$0")/_words.sh"

ask bob/phone getChatUserID '{}' >/dev/null
ask carol/phone getChatUserID '{}' >/dev/null
listen bob/phone "$HERE/bob" 'hc/me/text/#'
listen carol/phone "$HERE/carol" 'hc/me/#'
chat=$(ask alice/cli createGroupChat '{"groupName":"Our garden","friendIDs":["bob","carol"]}' | field chatID)
expect "$HERE/carol" '"type":"groupUpdated".*"name":"Our garden"'

say alice/cli "chat/$chat/text" 'who waters the tomatoes?'
expect "$HERE/bob" '/alice who waters the tomatoes?$'
say bob/cli "chat/$chat/text" 'me'
expect "$HERE/carol" '"messageID":4,"body":"me"'
say bob/cli "chat/$chat/edit/4" 'me, at six'
expect "$HERE/carol" '"type":"edit".*"messageID":4,"body":"me, at six"'
ask carol/cli ListChats '{}' | grep -q '"name":"Our garden".*"senderName":"bob","body":"me, at six"'
ask carol/cli getMembers "{\"groupID\":\"$chat\"}" | grep -q '"userID":"alice","role":"owner"'

say bob/cli "chat/$chat/delete/4" ''
expect "$HERE/carol" '"type":"delete".*"messageID":4'
ask carol/cli getMessage "{\"chatID\":\"$chat\",\"messageID\":4}" | grep -q '"isDeleted":true'

ask bob/cli removeUser "{\"groupID\":\"$chat\",\"userID\":\"carol\"}" | grep -q '"code":"forbidden"'
ask alice/cli removeUser "{\"groupID\":\"$chat\",\"userID\":\"carol\"}" | grep -q '"result"'
expect "$HERE/carol" '"type":"memberRemoved".*"userID":"carol"'
say alice/cli "chat/$chat/text" 'just the two of us'
expect "$HERE/bob" 'just the two of us$'
ask carol/cli getServerInfo '{}' | grep -q '"result"'
expect_not "$HERE/carol" 'just the two of us'
