/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_WALFILE_H
#define HC_STORAGE_SQLITE_WALFILE_H
/* SQLite writes a commit's frames into the write-ahead log by two system calls for each page, and syncs them by one more. Small commits, as those of a
 * chat are, consist of that. Through this VFS a connection keeps what it writes there in memory until it syncs, reads or goes somewhere else in the file, and
 * writes it in pieces. What is written where, and what is synced before what, is the same as without.
 *
 * And where a file gets longer, its file system has to note that, which a sync then waits for as well: it takes twice as long. So the log gets zeros ahead of
 * what is written, 128 KiB at a time. To SQLite they are the same as frames from before the log began anew.
 *
 * It is for a connection with synchronous = FULL and cache_spill = OFF (DB_COMMIT): then all that SQLite writes there belongs to a commit, is synced before the
 * commit returns, and others learn of it (by the wal-index) behind that. With spilling, what was rolled back could be written later, over another's. */

/* The VFS's name for sqlite3_open_v2; NULL, the default one, if it could not be registered. Any thread. */
const char *walfile_vfs(void);

#endif
