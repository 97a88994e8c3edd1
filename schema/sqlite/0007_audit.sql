-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 7. What operators did.

-- key: the time, big endian, and a digest of all of it, so that the same record is there once. Nothing that has to be erased stands here, so
-- rows may move.
CREATE TABLE audit (
	key     BLOB PRIMARY KEY,
	at      INTEGER NOT NULL, -- ms since 1970
	who     TEXT NOT NULL,
	command TEXT NOT NULL,
	subject TEXT NOT NULL,
	details TEXT NOT NULL,
	result  TEXT NOT NULL
) WITHOUT ROWID;
