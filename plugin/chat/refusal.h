/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_REFUSAL_H
#define HC_CHAT_REFUSAL_H
/* Why a command or a request was refused: the codes that clients see (docs/protocol.md). */

#include <stdint.h>

#include "base/buf.h"

enum refusal {
	REFUSAL_NONE = 0,
	REFUSAL_BAD_REQUEST,
	REFUSAL_FORBIDDEN, /* also: no such chat, no such user, blocked; alike for all of them */
	REFUSAL_GONE,
	REFUSAL_CONFLICT, /* ifLatest */
	REFUSAL_ID_REUSED,
	REFUSAL_TOO_LARGE,
	REFUSAL_RATE_LIMITED,
	REFUSAL_UNAVAILABLE,
};

struct verdict {
	enum refusal code;
	int64_t retry_after_ms; /* 0: not said */
	char message[160];      /* names the field; without the client's text */
};

/* Fills *verdict and returns the code. message NULL: the code's standard sentence. */
enum refusal refuse(struct verdict *verdict, enum refusal code, const char *message, ...) __attribute__((format(printf, 3, 4)));

const char *refusal_name(enum refusal code); /* "bad_request", … */

/* Adds {"error":{"code":…,"message":…,"retryAfter":…}}. */
void verdict_add_json(struct buf *out, const struct verdict *verdict);

#endif
