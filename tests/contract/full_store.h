/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_FULL_STORE_H
#define HC_TESTS_FULL_STORE_H
/* A store that has something of everything, to be copied, and whether another one is the same. */

#include "tests/contract/contract.h"

/* Makes it: a group "g" of 8 transactions of two writers, a pair "long" of at least so many messages, an erased group "over" of 3; alice, bob
 * and carol, who was deleted and came back, dave, who was deleted. *group is left at the end of "g". */
void full_store_make(const char *uri, size_t messages, struct line *group);

/* All of it but who has whom as what. */
void assert_same_store(const char *from_uri, const char *to_uri);
/* From a place on there is the same in both: so many, from the group's number 7 on. */
void assert_same_place(struct store *a, struct store *b, const char *name, const char *writer, size_t count);
/* Blocks, favorites, invitations; uses the invitation up. */
void assert_same_relations(struct store *store);

#endif
