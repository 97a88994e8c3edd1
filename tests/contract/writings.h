/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_WRITINGS_H
#define HC_TESTS_WRITINGS_H
/* What can be written into a full store (full_store.h), each as something that is done and can be looked at. */

#include "tests/contract/contract.h"

/* A store, and the write that is to be done next. */
struct scene {
	struct place *place;
	struct store *store;
	struct line group;
	/* Of the write that is to be done. */
	unsigned turn;
	char name[32];
	struct line line;
	struct transaction *tx;
	int64_t expected;
};

struct writing {
	const char *what;
	void (*prepare)(struct scene *scene); /* sets `expected`, and what the write needs; turn and name are new ones */
	enum store_rc (*write)(struct scene *scene, struct error *err); /* may be repeated */
	int64_t (*value)(struct scene *scene); /* `expected` once the write is done; before that, unless it shows nothing, something else */
	bool in_pieces; /* UNAVAILABLE: some of them may be done */
};

extern const struct writing writings[];
extern const size_t writing_count;

#endif
