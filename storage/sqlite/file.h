/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_FILE_H
#define HC_STORAGE_SQLITE_FILE_H
/* A SQLite store's file as a whole, of any schema that this program knows: for backups. Nothing here opens it as a store, so nothing is migrated.
 * One thread, blocks. Not OK: err says why, with the file's name. */

#include <stdbool.h>
#include <sys/types.h>

#include "storage/store.h"

struct sqlite_file_info {
	int schema;
	char epoch[STORE_EPOCH_LEN + 1];
	uint64_t chats, transactions;
};

/* true: err says so, and nothing in it was changed. false: it is not, or that cannot be known. */
bool sqlite_file_is_newer(const char *path, struct error *err);

/* What is in it. REFUSED: no store, or of a newer program. */
enum store_rc sqlite_file_info(const char *path, struct sqlite_file_info *info, struct error *err);

/* SQLite's integrity check; CORRUPT: with what it found first. */
enum store_rc sqlite_file_check(const char *path, struct error *err);

struct sqlite_file_watch {
	void (*progress)(void *context, uint64_t pages_done, uint64_t pages); /* now and then */
	void *context;
	bool paced; /* waits as long as it works, so that who else needs the disk gets it */
};

/* Makes `to`, which is there and empty, what `from` is at this moment with its WAL. Others may write to `from` meanwhile: they do not wait, and their WAL
 * cannot be begun anew before it is done. `to` is synced. */
enum store_rc sqlite_file_copy(const char *from, const char *to, const struct sqlite_file_watch *watch, struct error *err);

/* Nobody has it open. */
enum store_rc sqlite_file_set_epoch(const char *path, const char *epoch, struct error *err);

/* Brings what stands in its WAL into the file itself, and syncs that: then it may get another name. Nobody has it open. */
enum store_rc sqlite_file_settle(const char *path, struct error *err);

/* The file that is to take the store's place, while hyperchatctl makes it: behind the store's name. */
#define SQLITE_FILE_REPAIRING ".repairing"
#define SQLITE_FILE_RESTORING ".restoring"

/* Whether nothing is about to take its place: what is written into it now would be lost. REFUSED: something is, it has a lock (flock) on its file.
 * To be asked before it is opened, and once more by whoever has opened it. */
enum store_rc sqlite_file_is_left_alone(const char *path, struct error *err);

/* Whether a process has it open as a database: 1 or 0, -1: it cannot be found out (errno). *pid: which one; 0: one that cannot be seen from here, in
 * another container for example. Not for a process that has it open itself: to close a file lets go of the process's locks on it. */
int sqlite_file_is_used(const char *path, pid_t *pid);

#endif
