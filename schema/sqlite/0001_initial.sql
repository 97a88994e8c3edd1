-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 1. Compiled into the library; run once, in one transaction, when a store is made. A file that was released is never
-- changed: what comes later is another file with the next number.
--
-- Everything that grows is appended at the right edge of a B-tree where it can be (log, log_position); names of users, chats and
-- writers are stored once and stand as integers everywhere else.

-- One row: who this store is.
CREATE TABLE store (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	epoch  TEXT NOT NULL,
	secret BLOB NOT NULL,
	writer TEXT NOT NULL
);

CREATE TABLE user (
	id         INTEGER PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,
	created_at INTEGER -- ms since 1970; NULL: only mentioned, never logged in
);

CREATE TABLE writer (
	id       INTEGER PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE,
	position INTEGER NOT NULL -- the last one given out
);

-- latest, head, latest_at and ended are projections of the log, changed in the same transaction as it.
CREATE TABLE chat (
	id        INTEGER PRIMARY KEY,
	name      TEXT NOT NULL UNIQUE,
	latest    INTEGER NOT NULL,
	head      BLOB NOT NULL,
	latest_at INTEGER NOT NULL,
	ended     INTEGER NOT NULL
);

-- The transactions. erased: 1 the body, 2 the quote; then the salt is the commitment. A salt that is NULL: there never was a text.
CREATE TABLE log (
	id             INTEGER PRIMARY KEY,
	chat           INTEGER NOT NULL,
	number         INTEGER NOT NULL,
	type           INTEGER NOT NULL,
	sender         INTEGER NOT NULL,
	at             INTEGER NOT NULL,
	writer         INTEGER NOT NULL,
	position       INTEGER NOT NULL,
	target         INTEGER NOT NULL,
	client_time    INTEGER NOT NULL,
	quote_revision INTEGER NOT NULL,
	erased         INTEGER NOT NULL,
	key            TEXT,
	key_hash       BLOB NOT NULL,
	content_type   TEXT,
	head           BLOB NOT NULL,
	body_salt      BLOB,
	quote_salt     BLOB,
	body           TEXT,
	quote          TEXT
);
CREATE UNIQUE INDEX log_number ON log (chat, number);
CREATE UNIQUE INDEX log_position ON log (writer, position);
CREATE INDEX log_deleted ON log (chat, target) WHERE type = 3;

-- Where to look for a repeated command: hash is of sender and key, and only an index; the row in the log decides. generation is
-- at / 7 days: one looks in two of them, and forgets whole ones.
CREATE TABLE dedup (
	generation INTEGER NOT NULL,
	hash       INTEGER NOT NULL,
	chat       INTEGER NOT NULL,
	log        INTEGER NOT NULL,
	PRIMARY KEY (generation, hash, chat, log)
) WITHOUT ROWID;

-- Present and former members; role 0: has left.
CREATE TABLE member (
	chat     INTEGER NOT NULL,
	user     INTEGER NOT NULL,
	role     INTEGER NOT NULL,
	received INTEGER NOT NULL,
	read     INTEGER NOT NULL,
	PRIMARY KEY (chat, user)
) WITHOUT ROWID;
CREATE INDEX member_user ON member (user);

-- Times of membership; to_number 0: still.
CREATE TABLE membership (
	chat        INTEGER NOT NULL,
	user        INTEGER NOT NULL,
	from_number INTEGER NOT NULL,
	to_number   INTEGER NOT NULL,
	PRIMARY KEY (chat, user, from_number)
) WITHOUT ROWID;

CREATE TABLE device (
	id            INTEGER PRIMARY KEY,
	user          INTEGER NOT NULL,
	name          TEXT NOT NULL,
	seen_at       INTEGER NOT NULL,
	subscriptions TEXT NOT NULL,
	max_bytes     INTEGER NOT NULL,
	UNIQUE (user, name)
);
CREATE INDEX device_seen ON device (seen_at);

CREATE TABLE cursor (
	device INTEGER NOT NULL,
	chat   INTEGER NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY (device, chat)
) WITHOUT ROWID;
