-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 4. People.
--
-- The tables with texts (profile, icon_data) keep the rule of version 3: rows are added at the right edge, and never change but by becoming
-- smaller. What is changed or deleted is emptied, and added anew. No text stands in an index, since an index moves what it holds.

ALTER TABLE user ADD COLUMN last_seen INTEGER NOT NULL DEFAULT 0; -- ms since 1970; 0: never
ALTER TABLE user ADD COLUMN deleted_at INTEGER;                   -- NULL: his account was never deleted; it may exist again
ALTER TABLE user ADD COLUMN erasing INTEGER NOT NULL DEFAULT 0;   -- 1: what he wrote is not all erased yet
CREATE INDEX user_deleted ON user (name) WHERE deleted_at IS NOT NULL;

-- user NULL: emptied. Who has no row has an empty profile. shared_key: a keyed digest of shared_id; NULL: there is none.
CREATE TABLE profile (
	id              INTEGER PRIMARY KEY,
	user            INTEGER,
	shared_key      BLOB,
	hides_online    INTEGER NOT NULL,
	hides_last_seen INTEGER NOT NULL,
	name            TEXT NOT NULL,
	icon            TEXT NOT NULL,
	status          TEXT NOT NULL,
	time_zone       TEXT NOT NULL,
	shared_id       TEXT NOT NULL
);
CREATE UNIQUE INDEX profile_user ON profile (user) WHERE user IS NOT NULL;
CREATE UNIQUE INDEX profile_shared ON profile (shared_key) WHERE shared_key IS NOT NULL;
-- Hashes only: a URL has a colon, and is a text.
CREATE INDEX profile_icon ON profile (icon) WHERE icon <> '' AND instr(icon, ':') = 0;
CREATE INDEX chat_info_icon ON chat_info (icon) WHERE icon <> '' AND instr(icon, ':') = 0;

CREATE TABLE icon_data (
	id    INTEGER PRIMARY KEY,
	bytes BLOB -- NULL: emptied
);

-- checked_at: when prune last looked who names it; unnamed: nobody did.
CREATE TABLE icon (
	id         INTEGER PRIMARY KEY, -- its data's
	hash       TEXT NOT NULL UNIQUE,
	checked_at INTEGER NOT NULL,
	unnamed    INTEGER NOT NULL
);
CREATE INDEX icon_checked ON icon (checked_at);

CREATE TABLE favorite (
	id    INTEGER PRIMARY KEY,
	user  INTEGER NOT NULL,
	other INTEGER NOT NULL,
	at    INTEGER NOT NULL,
	UNIQUE (user, other)
);
CREATE INDEX favorite_other ON favorite (other);

-- Times in which user blocks other; to_at 0: still. Those of one pair do not overlap.
CREATE TABLE block (
	user    INTEGER NOT NULL,
	other   INTEGER NOT NULL,
	from_at INTEGER NOT NULL,
	to_at   INTEGER NOT NULL,
	PRIMARY KEY (user, other, from_at)
) WITHOUT ROWID;

-- uses: how many are left.
CREATE TABLE invitation (
	id         INTEGER PRIMARY KEY,
	hash       BLOB NOT NULL UNIQUE,
	user       INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	uses       INTEGER NOT NULL
);
CREATE INDEX invitation_user ON invitation (user);
CREATE INDEX invitation_expires ON invitation (expires_at);

CREATE TABLE invitation_use (
	invitation INTEGER NOT NULL,
	user       INTEGER NOT NULL,
	PRIMARY KEY (invitation, user)
) WITHOUT ROWID;
CREATE INDEX invitation_use_user ON invitation_use (user);
