-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 6. Devices that get pushes, tokens of devices, and what makes tokens count no more.

ALTER TABLE device ADD COLUMN token_until INTEGER NOT NULL DEFAULT 0; -- ms since 1970: when the last token that was issued for it ends
-- When it is forgotten: 90 days after it was seen, but not before its token ends.
DROP INDEX device_seen;
CREATE INDEX device_kept ON device (max(seen_at + 7776000000, token_until));

-- Where a device gets pushes. Keeps the rule of version 3: rows are added at the right edge, and only become smaller. device NULL: emptied.
-- token_key: a keyed digest of push_token, for the index; NULL: emptied, too.
CREATE TABLE registration (
	id         INTEGER PRIMARY KEY,
	device     INTEGER,
	token_key  BLOB,
	platform   TEXT NOT NULL,
	push_token TEXT NOT NULL
);
CREATE UNIQUE INDEX registration_device ON registration (device) WHERE device IS NOT NULL;
CREATE UNIQUE INDEX registration_token ON registration (token_key) WHERE token_key IS NOT NULL;

-- subject: a user's name, or one, '/', a device.
CREATE TABLE revocation (
	subject TEXT PRIMARY KEY,
	at      INTEGER NOT NULL -- ms since 1970: tokens issued up to then count no more
) WITHOUT ROWID;
CREATE INDEX revocation_device ON revocation (at) WHERE instr(subject, '/') > 0;

-- Keeps the rule of version 3, too. kid NULL: emptied.
CREATE TABLE signing_key (
	id         INTEGER PRIMARY KEY,
	kid        TEXT UNIQUE,
	created_at INTEGER NOT NULL, -- ms since 1970
	bytes      BLOB
);
