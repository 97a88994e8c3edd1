/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_FOLDMEMBERS_H
#define HC_STORAGE_MONGO_FOLDMEMBERS_H
/* The part of the fold that is about members; for fold.c and import.c. Any thread. */

#include "storage/mongo/handle.h"

/* Puts a document for everybody whom they add, so that who looks by user finds the chat and settles it. *fresh: these are all whom they are about, and
 * each was put now: nothing was there before. */
enum store_rc fold_place_members(struct db *db, struct transaction *const *transactions, size_t count, bool *fresh, struct error *err);

/* Brings the members' documents up to those transactions, ascending, and chat->current_members, if there was a change. fresh: of
 * fold_place_members, for all of them; false: not known. *done: false if somebody else was at it meanwhile; then nothing was done twice, and it has to
 * be begun anew with what is there by now. */
enum store_rc fold_members(struct db *db, struct chat_doc *chat, struct transaction *const *transactions, size_t count, bool fresh, bool *done,
                           struct error *err);

/* The document of a member, as it would be after all that is in it. */
bson_t *member_doc_new(const struct member_doc *member);

/* The update that makes a chat's document say what `chat` says (fold.c). */
bson_t *fold_chat_fields(const struct chat_doc *chat);

#endif
