/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_REVOCATIONS_H
#define HC_BROKER_REVOCATIONS_H
/* All revocations of a store, in memory: tokens of a user that were issued up to some moment, or the device tokens of one of his devices.
 *
 * A token says by the second when it was issued, a revocation counts by the millisecond: what was issued in the same second as a revocation
 * counts as issued before it, since it may have been. So nothing from before it gets in, and what is issued from the next second on does.
 * One thread at a time; revocations_load blocks. */

#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

struct revocations;

/* What the store has. Not OK: err. */
enum store_rc revocations_load(struct store *store, struct revocations **table, struct error *err);
void revocations_free(struct revocations *table); /* NULL is fine */

/* All that `from` has as well. */
void revocations_merge(struct revocations *table, const struct revocations *from);

/* subject as in struct revocation. The later time counts. */
void revocations_add(struct revocations *table, const char *subject, int64_t at_ms);

/* Whether a token that was issued then (0: it does not say) counts no more, with the reason. device NULL: a token of the sign-on, which the
 * revocation of a device's does not concern. */
bool revocations_refuse(const struct revocations *table, const char *user_id, const char *device, int64_t issued_at_ms, const char **why);

#endif
