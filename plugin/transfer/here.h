/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_HERE_H
#define HC_TRANSFER_HERE_H
/* Who is connected to this broker, for threads that are not the loop's. Any thread; takes a lock for a moment. */

#include <stdbool.h>

struct here;

struct here *here_new(void);
void here_free(struct here *here); /* NULL is fine */

/* One more connection of this user, one less. */
void here_came(struct here *here, const char *user_id);
void here_went(struct here *here, const char *user_id);

bool here_has(struct here *here, const char *user_id);

#endif
