/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ACCOUNT_H
#define HC_BROKER_ACCOUNT_H
/* Accounts that were deleted: their tokens are refused, and what they wrote is erased.
 *
 * deleteAccount is done when the store has it (delete_user); what follows goes on behind it, after a crash from where the store says that it
 * stood: the user leaves every chat, then his texts are erased chat by chat, then the store notes that this is finished. Meanwhile nobody can
 * log in as him. All who ever deleted their account are known in memory, since a token does not tell how long it counts. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

struct server;

/* At the start: reads who was deleted (*pages: account_pages_free), and then goes on with what was not finished. The first is for any thread,
 * and blocks. Not OK: err; the store cannot be read. */
struct account_page {
	struct deleted_list *deleted;
	struct account_page *next;
};
enum store_rc account_read(struct store *store, struct account_page **pages, struct error *err);
void account_begin(struct server *server, const struct account_page *pages);
void account_pages_free(struct account_page *pages);
void account_free_all(struct server *server);

/* The store has deleted him: his connections end with the next sweep, his chats and texts follow. */
void account_deleted(struct server *server, const char *user_id, int64_t at_ms);

/* Another broker has taken his account; it does the rest, and this one keeps him out until that has erased what he wrote. */
void account_deleted_elsewhere(struct server *server, const char *user_id, int64_t deleted_at_ms);
void account_erased_elsewhere(struct server *server, const char *user_id, int64_t deleted_at_ms);

/* Who was deleted was read again, in case those two were missed. NULL is fine. */
void account_learn(struct server *server, const struct account_page *pages);

/* Accounts whose chats and texts are being dealt with. */
size_t account_closing_count(const struct server *server);

/* When the last account of that ID was deleted; 0: none ever was. */
int64_t account_deleted_at(const struct server *server, const char *user_id);

/* Whether a token that was issued then (0: it does not say) must not let him in, with the reason; or what he sent then is not to be done. */
bool account_refuses(const struct server *server, const char *user_id, int64_t issued_at_ms, const char **why);

#endif
