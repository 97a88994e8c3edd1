/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_SALVAGE_H
#define HC_STORAGE_SQLITE_SALVAGE_H
/* What can be read of a damaged store, in a new file. One thread, blocks. */

#include "storage/store.h"

struct sqlite_salvage {
	/* What could not be read or had to be changed, in words. */
	void (*found)(void *context, const char *text);
	/* What led to what is not there (any more), and is put right: nothing is lost by that. */
	void (*mended)(void *context, const char *text);
	void (*progress)(void *context, uint64_t rows);
	void *context;
	/* out */
	bool lost;    /* some of it could not be read */
	bool changed; /* heads were computed anew, or numbers filled: clients have other ones */
};

/* Fills `to`, an empty file, with all rows of `from` that can be read, as they are; only what other rows say as well is made anew (indexes, and
 * the runs of keys that count), and leases and notices are left out. Nobody may have `from` open; what is in its WAL gets into it, and nothing
 * else is changed. A page that cannot be read takes with it the pages that it leads to. Then each chat's log is made to hold together again: for a number that
 * is missing there is one that says nothing (void), and from there on heads are computed anew. Places of devices and of mirrors that are beyond what is left
 * are within it then (loose.h), and what belonged to a chat or a device of which nothing is left is gone. Members, times, names are as they were stored: they may
 * contradict the log now.
 *
 * REFUSED: it is no store of this program's schema. CORRUPT: so little can be read that it is none any more. */
enum store_rc sqlite_salvage(const char *from, const char *to, struct sqlite_salvage *salvage, struct error *err);

#endif
