-- SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
--
-- Version 2. What every append had to add in random places is gone: a transaction's position is its row's id in the log, and keys are
-- written in sorted runs.

DROP INDEX log_position;
ALTER TABLE log DROP COLUMN position;
ALTER TABLE writer DROP COLUMN position;

-- What refers to a message: its edits, its deletion, replies to it.
DROP INDEX log_deleted;
CREATE INDEX log_target ON log (chat, target) WHERE target <> 0;

-- Where to look for a repeated command: hash is of sender and key, and only an index; the row in the log decides. Run n has the keys of
-- 2^17 rows of the log: n is log >> 17. It is written in the order of its hashes, in pieces, after the last of these rows; and counts from when
-- its row in dedup_run is there. The keys of later rows are in the log alone, and in the memory of who appends.
ALTER TABLE dedup RENAME TO dedup_1;
CREATE TABLE dedup (
	run  INTEGER NOT NULL,
	hash INTEGER NOT NULL,
	chat INTEGER NOT NULL,
	log  INTEGER NOT NULL,
	PRIMARY KEY (run, hash, chat, log)
) WITHOUT ROWID;

-- The newest one always stays. newest_at: of its transactions; 0: it has no keys. filter: a Bloom filter of its hashes; NULL: not made yet.
CREATE TABLE dedup_run (
	id        INTEGER PRIMARY KEY,
	newest_at INTEGER NOT NULL,
	filter    BLOB
);

INSERT INTO dedup_run (id, newest_at)
	SELECT id >> 17, max(at) FROM log WHERE id < (SELECT max(id) >> 17 << 17 FROM log) GROUP BY id >> 17;
INSERT INTO dedup (run, hash, chat, log)
	SELECT log >> 17, hash, chat, log FROM dedup_1 WHERE log < (SELECT max(id) >> 17 << 17 FROM log) ORDER BY 1, 2, 3, 4;
DROP TABLE dedup_1;
