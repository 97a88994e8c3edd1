/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_SIGNING_H
#define HC_BROKER_SIGNING_H
/* The keys of device tokens as the store has them: for the plugin and for hyperchatctl. Any thread; all that takes a store blocks.
 *
 * The first token that is asked for makes the first key, and each one signs for SIGNING_KEY_DAYS; two brokers that make one at the same time
 * have made two, and both count. One is dropped when no token by it can count any more. */

#include "plugin/auth/device_token.h"
#include "storage/store.h"

enum { SIGNING_KEY_DAYS = 90 };

/* The first `count` of them. NULL: none is usable. */
struct key_set *signing_keys_read(const struct signing_key_list *list, size_t count, enum key_use use);

/* What counts. *keys NULL: none. Not OK: err. */
enum store_rc signing_keys_load(struct store *store, struct key_set **keys, struct error *err);

/* A fresh one, which signs from now on; kid says which. */
enum store_rc signing_key_add(struct store *store, int64_t now_ms, char kid[KID_MAX + 1], struct error *err);

/* All of them, the one that signs now in front; where there is none, it is made. */
enum store_rc signing_keys_ready(struct store *store, int64_t now_ms, struct signing_key_list **ready, struct error *err);

#endif
