/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_ASKED_H
#define HC_AUTH_ASKED_H
/* The kids that tokens of one issuer named and no key had: so that a flood of them is not a fetch each. The newest ASKED_MAX are remembered.
 * One thread at a time. */

#include <stdint.h>

enum { ASKED_MAX = 64 };

struct asked {
	uint64_t kid; /* its digest */
	int64_t at_ms; /* 0: none */
};

struct asked_kids {
	struct asked kids[ASKED_MAX];
	unsigned next;
};

/* When that kid was asked for last, and not longer than `for_ms` ago. 0: then it was not, and is from now on. */
int64_t asked_since(struct asked_kids *asked, const char *kid, int64_t now_ms, int64_t for_ms);

#endif
