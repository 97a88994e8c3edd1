/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_PATH_H
#define HC_BASE_PATH_H
/* Names of files. Any thread; nothing is looked up. */

/* Of the directory that such a file is in: "." where no slash is in its name, "/" of what is in the root. The caller's; free. */
char *path_directory(const char *file);

#endif
