-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 5. What brokers share beside the log, and what reads along with it.

-- How far who reads along in a writer's transactions has come.
CREATE TABLE place (
	name     TEXT PRIMARY KEY,
	position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE lease (
	name   TEXT PRIMARY KEY,
	holder TEXT NOT NULL,
	until  INTEGER NOT NULL -- ms since 1970
) WITHOUT ROWID;

-- What a chat's texts are encrypted with when they leave the house. Keeps the rule of version 3: rows are added at the right edge, and only
-- become smaller. key NULL: it was erased, and none comes in its place.
CREATE TABLE chat_key (
	id   INTEGER PRIMARY KEY,
	chat INTEGER NOT NULL UNIQUE,
	key  BLOB
);

-- An id is never given out again, also when all that had one are forgotten.
CREATE TABLE notice (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	kind    TEXT NOT NULL,
	subject TEXT NOT NULL,
	writer  TEXT NOT NULL,
	at      INTEGER NOT NULL -- ms since 1970
);
CREATE INDEX notice_at ON notice (at);
