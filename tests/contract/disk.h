/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_DISK_H
#define HC_TESTS_DISK_H
/* A disk that fails: a VFS of SQLite over the real one. It counts the calls that reach the files of one directory, lets some of them fail,
 * and knows for each file what a power loss now could leave of it: what was synced, and of each write since then any of its sectors.
 *
 * A sync that fails is taken as Linux takes it: the pages count as clean, so what was written before it can be read, and no later sync
 * brings it to the disk. Real syncs are not done. What a power loss could leave of the directory itself is not modelled: names are there at
 * once, and gone at once.
 *
 * One thread at a time. */

#include <stdbool.h>
#include <stdint.h>

enum disk_call { DISK_OPEN, DISK_READ, DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_DELETE, DISK_MEMORY /* SQLite's allocations */, DISK_CALLS };
enum disk_fault { DISK_EIO, DISK_FULL, DISK_SHORT /* half of it is written, then the disk is full */ };

struct disk_plan {
	enum disk_call call;
	enum disk_fault fault;
	unsigned first, count; /* calls of that kind, from 1; count 0: none */
};

/* From now on SQLite's allocations are counted as well. Before anything else that concerns SQLite. */
void disk_count_memory(void);

/* From now on SQLite opens everything through it; what is below dir is watched. */
void disk_watch(const char *dir);
void disk_unwatch(void);

void disk_arm(const struct disk_plan *plan); /* counts from here; NULL: nothing fails */
bool disk_failed(void);                      /* something did since disk_arm */
unsigned disk_calls(enum disk_call call);    /* since disk_arm */

/* In the midst of call number `number` of those that change something, what a power loss could leave goes to `to`, an existing directory. */
void disk_lose_power_at(unsigned number, const char *to, uint64_t seed, void (*lost)(void *context), void *context);
/* Now. */
void disk_lose_power(const char *to, uint64_t seed);

/* As if the process died: `to`, an existing directory, gets the files as they can be read, with what is and is not on the disk of them. It is watched from
 * now on in place of the other one. */
void disk_die(const char *to);

#endif
