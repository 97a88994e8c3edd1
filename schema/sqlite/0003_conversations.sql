-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 3. Groups, edits, deletion, erasure.
--
-- SQLite's secure_delete clears what a row leaves behind, but not the copies that stay in a page when it is rebuilt because rows were
-- deleted, inserted in between or became larger. So what may have to be erased stands in rows that are added at the right edge and stay in
-- their pages for ever: they are never deleted, and never change but by becoming smaller. An erased text becomes NULL.

-- pair_a, pair_b: the two of a 1:1 chat, 0: it is none. members: present ones. info: its name and icon in chat_info, 0: neither.
ALTER TABLE chat ADD COLUMN pair_a      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN pair_b      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN members     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN history_all INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN ended_at    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN erased      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN info        INTEGER NOT NULL DEFAULT 0;

-- All that there were could only be made by createPeerToPeerChat: two members from the beginning.
UPDATE chat SET
	members = (SELECT count(*) FROM member m WHERE m.chat = chat.id AND m.role <> 0),
	ended_at = CASE WHEN ended THEN latest_at ELSE 0 END;
UPDATE chat SET
	pair_a = (SELECT min(user) FROM membership i WHERE i.chat = chat.id AND i.from_number = 1),
	pair_b = (SELECT max(user) FROM membership i WHERE i.chat = chat.id AND i.from_number = 1)
WHERE (SELECT count(*) FROM membership i WHERE i.chat = chat.id AND i.from_number = 1) = 2
	AND NOT EXISTS (SELECT 1 FROM member m WHERE m.chat = chat.id AND m.role > 1);

-- For upkeep: what ended and still has its texts.
CREATE INDEX chat_ended ON chat (ended_at) WHERE ended <> 0 AND erased = 0;

-- Names and icons of groups. A change is a new row, and the old one's texts become NULL.
CREATE TABLE chat_info (
	id    INTEGER PRIMARY KEY,
	title TEXT,
	icon  TEXT
);

-- Nearly everybody joins a chat once. So the last (or only) time of membership stands with the member, where it costs a list of chats no
-- search of its own, and membership has the earlier ones: so many.
ALTER TABLE member ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0; -- ms since 1970
ALTER TABLE member ADD COLUMN from_number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN to_number   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN earlier     INTEGER NOT NULL DEFAULT 0;
UPDATE member SET
	(from_number, to_number) = (SELECT i.from_number, i.to_number FROM membership i WHERE i.chat = member.chat AND i.user = member.user
		ORDER BY i.from_number DESC LIMIT 1),
	earlier = (SELECT count(*) - 1 FROM membership i WHERE i.chat = member.chat AND i.user = member.user);
-- For lists of chats: whose member and not a former one, without looking at the member's own row.
DROP INDEX member_user;
CREATE INDEX member_user ON member (user, role);
DELETE FROM membership WHERE from_number = (SELECT m.from_number FROM member m WHERE m.chat = membership.chat AND m.user = membership.user);

-- body (quote) that is NULL beside a salt: it was erased, and the salt is the commitment. encoding: 0: the head is of version 1 of the
-- header's encoding, 1: of version 2.
ALTER TABLE log RENAME COLUMN erased TO encoding;

-- What happened to a message: replies, edits, deletions.
DROP INDEX log_target;
CREATE INDEX log_target ON log (chat, target, type) WHERE target <> 0;

-- Erasures that are not done yet: how far each has come. sender 0: of everybody.
CREATE TABLE erasure (
	chat   INTEGER NOT NULL,
	sender INTEGER NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY (chat, sender)
) WITHOUT ROWID;
