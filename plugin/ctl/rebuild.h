/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_REBUILD_H
#define HC_CTL_REBUILD_H
/* The projections of a chat, made anew from its log. One thread, blocks; nobody else uses the store. */

#include "storage/store.h"

/* Members, times of membership, roles, name, icon, history, end are what the log says, where it says it; marks and mutes stay as far as they make
 * sense. Where the log cannot be asked (texts of membership transactions are erased, or lost), they stay as they are. */
enum store_rc rebuild_chat(struct store *store, const char *chat_id, struct error *err);

#endif
