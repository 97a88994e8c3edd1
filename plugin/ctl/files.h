/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_FILES_H
#define HC_CTL_FILES_H
/* Files that get another name. What is done is on the disk when a function returns. Not true: err. Blocks. */

#include <stdbool.h>

#include "base/error.h"

/* Opens it for writing; makes it if it is not there. It is a file of the caller's with this name alone, which nobody else can read. -1: err, it is something
 * else. */
int files_make_own(const char *path, struct error *err);
/* from, which is synced, is `to` from now on; false, and nothing happened, if there is a `to`. */
bool files_put_in_place(const char *from, const char *to, struct error *err);
/* Likewise; a `to` that is there is gone. */
bool files_replace(const char *from, const char *to, struct error *err);
/* The file has this name as well; false if there is a `to`. What is not there is passed over: *there says so. */
bool files_also_name(const char *file, const char *to, bool *there, struct error *err);
/* The name is gone; what is not there is passed over. */
bool files_remove_name(const char *file, struct error *err);

#endif
