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
/* As lower_revocation in store.h. */
void revocations_lower(struct revocations *table, const char *subject, int64_t at_ms);

/* Up to when the subject's tokens are revoked; 0: they never were. */
int64_t revocations_at(const struct revocations *table, const char *subject);

/* A ban is a revocation up to then: the end of the year 9998. Nothing is issued so late. */
#define REVOCATION_BAN_MS INT64_C(253370764799000)

/* Ends a ban in the store, as lower_revocation. *at_ms, also with NOT_FOUND: as revocations_at, from now on.
 * NOT_FOUND: the user is not banned. Somebody may have ended it who could not tell the brokers: so they are to be told, if *at_ms is not 0. */
enum store_rc revocations_end_ban(struct store *store, const char *user_id, int64_t now_ms, int64_t *at_ms, struct error *err);

/* How often the table was changed, so that what was read meanwhile can be told from what is newer. */
uint64_t revocations_changes(const struct revocations *table);

/* Whether a token that was issued then (0: it does not say) counts no more, with the reason. device NULL: a token of the sign-on, which the
 * revocation of a device's does not concern. */
bool revocations_refuse(const struct revocations *table, const char *user_id, const char *device, int64_t issued_at_ms, const char **why);

#endif
