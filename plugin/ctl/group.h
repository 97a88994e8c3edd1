/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_GROUP_H
#define HC_CTL_GROUP_H
/* What a chat's log says of the chat itself: whether it is a pair, its name, icon, history and end. Found out here and not by chat_apply, so
 * that two have to be wrong alike before nobody notices. One thread, does not block. */

#include "storage/store.h"

struct group {
	bool pair, history_all;
	int64_t ended_at_ms; /* 0: not ended */
	char *name, *icon;
	/* Something that says it was erased, so the log can no longer be asked. */
	bool members_erased, info_erased;
};

void group_init(struct group *group);
void group_fini(struct group *group);
/* The next transaction, whose body is what its type says. */
void group_fold(struct group *group, const struct transaction *tx);
/* What of the record is not what the log says, as words to go into a sentence; NULL: nothing. */
const char *group_difference(const struct group *group, const struct chat_record *record);

#endif
