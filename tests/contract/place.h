/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_PLACE_H
#define HC_TESTS_PLACE_H
/* A fresh directory in which a story has a SQLite store, and what it may do to the file without the store. */

#include <sys/types.h>

#include "tests/contract/contract.h"

struct place {
	char dir[32];
	char path[64], wal[64], shm[64];
	char uri[80];
};

int place_setup(void **state);
int place_teardown(void **state);

#define PLACE_STORY(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)

struct store *open_at(const char *uri);
void close_store(struct store *store);

void with_sqlite(const char *path, const char *sql);
int64_t ask_sqlite(const char *path, const char *sql); /* the first column of the first row */
/* The next append begins a run of keys; the rows before it are a whole one. For a store that is closed. */
void end_run(const char *path);
off_t size_of(const char *path);                       /* -1: not there */
void write_file(const char *path, const char *bytes, size_t len, off_t at);

#endif
