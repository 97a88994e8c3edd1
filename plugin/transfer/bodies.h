/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_BODIES_H
#define HC_TRANSFER_BODIES_H
/* What of their texts transactions take along when they leave the house: the option kafka_body. Values of records, as mirror_conf.render wants
 * them. Bodies and quotes of messages and edits are meant; who is a member, and what a group is called, stays as it is.
 *
 * encrypted: a text becomes a JWE under the key of its chat (store_ops.load_chat_key), which is made with the first text. When the chat is erased, so is
 * the key; from a second later on nothing is encrypted under it, and a text that was read before is left out. One thread. */

#include "base/buf.h"
#include "storage/store.h"

enum bodies_mode { BODIES_FULL, BODIES_NONE, BODIES_ENCRYPTED };

/* "full", "none", "encrypted". false: none of them. */
bool bodies_mode_from_name(const char *name, enum bodies_mode *mode);

struct bodies;

/* NULL: OpenSSL cannot do it; err. */
struct bodies *bodies_new(struct store *store, enum bodies_mode mode, struct error *err);
void bodies_free(struct bodies *bodies); /* NULL is fine */

/* Adds the value of tx, at most max bytes (SIZE_MAX: whatever it takes). What is longer has its body cut, then loses it, then is a `latest` line; nothing
 * is added where not even that fits. Anything but STORE_OK: the key cannot be had at the moment. Blocks, where encrypted. */
enum store_rc bodies_render(struct bodies *bodies, const struct transaction *tx, size_t max, struct buf *value, struct error *err);

#endif
