/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_READINGS_H
#define HC_TESTS_READINGS_H
/* What can be asked of a full store (full_store.h), and each answer as a text, so that two answers can be compared. */

#include "base/buf.h"
#include "tests/contract/contract.h"

struct reading {
	const char *what;
	/* The store's own code. The answer is added only with STORE_OK; with any other code it is asserted that the store gave none. */
	enum store_rc (*read)(struct store *store, struct buf *answer, struct error *err);
};

extern const struct reading readings[];
extern const size_t reading_count;

#endif
