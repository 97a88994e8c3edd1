/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_PRINTABLE_H
#define HC_AUTH_PRINTABLE_H
/* Text that somebody else chose, for an error or a log line. Any thread. */

enum { PRINTABLE_SIZE = 49 };

/* out gets text in double quotes with everything but printable ASCII as '?', and "…" for what is too long. Returns out. */
const char *printable(char out[PRINTABLE_SIZE], const char *text);

#endif
