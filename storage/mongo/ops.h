/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_OPS_H
#define HC_STORAGE_MONGO_OPS_H
/* The operations of the core, which mongo.c's table lists; store.h says what each promises. people.h has the others. */

#include "storage/mongo/handle.h"

extern const struct store_ops store_mongo;

enum store_rc mongo_open(const char *uri, unsigned flags, struct store **store, struct error *err);
void mongo_close(struct store *store);
enum store_rc mongo_info(struct store *store, struct store_info *info, struct error *err);

enum store_rc mongo_append(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc mongo_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err);
enum store_rc mongo_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                             uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err);
enum store_rc mongo_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err);
enum store_rc mongo_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                               const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err);
enum store_rc mongo_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                              struct page *page, struct error *err);
enum store_rc mongo_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                         struct error *err);
enum store_rc mongo_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                               struct error *err);
enum store_rc mongo_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                               struct error *err);
enum store_rc mongo_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err);

enum store_rc mongo_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err);
enum store_rc mongo_put_place(struct store *store, const char *name, uint64_t position, struct error *err);
enum store_rc mongo_load_place(struct store *store, const char *name, uint64_t *position, struct error *err);
enum store_rc mongo_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms, struct error *err);
enum store_rc mongo_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err);
enum store_rc mongo_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err);
enum store_rc mongo_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                 struct error *err);

enum store_rc mongo_list_places(struct store *store, const char *const **names, size_t *count, struct error *err);

enum store_rc mongo_adopt(struct store *store, const struct store_info *info, struct error *err);
enum store_rc mongo_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc mongo_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err);

/* ---- parts ---- */

/* The _ids, texts, of what matches; filter and opts are taken. One block: store_free. */
enum store_rc list_ids(struct store *store, enum collection collection, bson_t *filter, bson_t *opts, size_t count_max,
                       const char *const **ids, size_t *count, struct error *err);

/* At open: tips of chats that the last process of this writer's name wrote and did not flush. */
enum store_rc tail_repair_tips(struct db *db, struct error *err);
/* The same of all other writers, whose processes may be there: one that was killed may never come back under its name. */
enum store_rc tail_repair_other_tips(struct db *db, struct error *err);

/* Notices and leases that nobody needs any more. */
enum store_rc brokers_prune(struct db *db, int64_t now_ms, struct error *err);

#endif
