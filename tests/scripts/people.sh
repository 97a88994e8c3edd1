#!/bin/bash
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# People: a profile, an invitation, a favorite, a block, the end of an account.
. "$(dirname "$0")/_words.sh"

ask alice/cli updateUserInfo '{"userInfo":{"name":"Alice"}}' | grep -q '"result"'
ask alice/cli setStatus '{"text":"at sea","timeZone":"Europe/Vienna"}' | grep -q '"result"'
ask bob/cli getUserInfo '{}' | grep -q '"userID":"bob"'
ask bob/cli getUserInfo '{"userID":"alice"}' | grep -q '"name":"Alice".*"status":"at sea"'

link=$(ask alice/cli getInvitationLink '{}' | field invitationLink)
ask bob/cli retrieveUserIDFromInvitation "{\"invitationLink\":\"$link\"}" | grep -q '"userID":"alice"'
chat=$(ask bob/cli addAsFavorite '{"favoriteID":"alice"}' | field chatID)
ask bob/cli getFavorites '{}' | grep -q '"favoriteIDs":\["alice"\]'

listen alice/phone "$HERE/alice" 'hc/me/text/#'
say bob/cli "chat/$chat/text" 'hi alice'
expect "$HERE/alice" "^hc/me/text/$chat/bob hi alice$"

ask alice/cli blockUser '{"blockID":"bob"}' | grep -q '"result"'
ask bob/cli sendMessage "{\"chatID\":\"$chat\",\"messageBody\":\"hidden\"}" | grep -q '"code":"forbidden"'
ask bob/cli getUserInfo '{"userID":"alice"}' | grep -q '"code":"forbidden"'
ask alice/cli unblockUser '{"blockID":"bob"}' | grep -q '"result"'
say bob/cli "chat/$chat/text" 'shown'
expect "$HERE/alice" ' shown$'
expect_not "$HERE/alice" ' hidden$'

ask alice/cli deleteAccount '{}' | grep -q '"result"'
if ask alice/cli getChatUserID '{}' 2>/dev/null; then
    echo 'a token from before deleteAccount still counts' >&2
    exit 1
fi
ask bob/cli getUserInfo '{"userID":"alice"}' | grep -q '"code":"forbidden"'
