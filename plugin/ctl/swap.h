/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_SWAP_H
#define HC_CTL_SWAP_H
/* A new file takes the place of a SQLite store. What is there is named anew first (both names lead to it), and the new one takes its name last, in one
 * step: at each moment in between there is a store, and the same command may be run again. Nothing is deleted.
 *
 * From swap_make_part on until swap_fini nobody opens the store: whoever does looks for the new file's lock (sqlite_file_is_left_alone) when he has it
 * open, and swap_is_unused is asked when that lock is held; so one of the two sees the other. One thread, blocks. */

#include <stdbool.h>

#include "base/buf.h"
#include "plugin/ctl/ctl.h"

struct swap {
	const struct ctl_command *command;
	const char *file;    /* the store */
	const char *journal; /* goes aside with it; "": it stays, or there is none */
	char *part;          /* the new store, before it has its name */
	int part_fd, journal_fd; /* locked; -1: not yet */
	char suffix[48];     /* of what was there before */
	bool quiet;          /* what is named anew is not printed */
	struct buf aside;    /* names of what was there, as JSON strings with commas between */
};

/* part is "<file><ending>", one of storage/sqlite/file.h's, and what was there is called "<file>.<before>-<time>". file is the caller's. */
void swap_init(struct swap *swap, const struct ctl_command *command, const char *file, const char *ending, const char *before);
void swap_fini(struct swap *swap);

/* No process has the store open. false: it was said which one has, or why it cannot be found out. */
bool swap_file_is_free(const struct ctl_command *command, const char *file);

/* All below: false, and it was said why not. */
bool swap_make_part(struct swap *swap); /* empty, of the store's owner; no other process makes it as well */
bool swap_is_unused(struct swap *swap); /* the store by any process: a broker, a tool. The journal is not either, and stays so */
bool swap_in(struct swap *swap);

#endif
