/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_MANUAL_FILE_H
#define HC_RPC_MANUAL_FILE_H
/* Files of the project that a program of the build makes from a table, and keeps up to date or compares. Failures go to stderr. One thread; blocks. */

#include <stdbool.h>

#include "base/buf.h"

struct manual {
	const char *root;    /* the project's folder */
	const char *source;  /* the table, for complaints */
	const char *program;
	bool check;          /* only compares */
};

/* The whole file. false: it is another one (check), or cannot be written. */
bool manual_file(const struct manual *manual, const char *name, const struct buf *text);

/* Likewise what stands between two lines of a file. false also without those. */
bool manual_part(const struct manual *manual, const char *name, const char *begin_mark, const char *end_mark, const struct buf *part);

#endif
