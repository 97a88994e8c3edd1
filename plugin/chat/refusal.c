/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The error codes of the protocol. Any thread. */
#include "plugin/chat/refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

static const struct {
	const char *name, *sentence;
} REFUSALS[] = {
	[REFUSAL_NONE] = {"none", ""},
	[REFUSAL_BAD_REQUEST] = {"bad_request", "the request is malformed"},
	[REFUSAL_FORBIDDEN] = {"forbidden", "not allowed, or there is no such thing"},
	[REFUSAL_GONE] = {"gone", "it was deleted"},
	[REFUSAL_CONFLICT] = {"conflict", "ifLatest: something else came first"},
	[REFUSAL_ID_REUSED] = {"id_reused", "commandID: it was used for another command"},
	[REFUSAL_TOO_LARGE] = {"too_large", "larger than allowed"},
	[REFUSAL_RATE_LIMITED] = {"rate_limited", "too many in a short time"},
	[REFUSAL_UNAVAILABLE] = {"unavailable", "cannot be done now, try again"},
};

const char *refusal_name(enum refusal code)
{
	return REFUSALS[code].name;
}

enum refusal refuse(struct verdict *verdict, enum refusal code, const char *message, ...)
{
	*verdict = (struct verdict){.code = code};
	if (message == NULL) {
		snprintf(verdict->message, sizeof verdict->message, "%s", REFUSALS[code].sentence);
		return code;
	}
	va_list args;
	va_start(args, message);
	vsnprintf(verdict->message, sizeof verdict->message, message, args);
	va_end(args);
	return code;
}

void verdict_add_json(struct buf *out, const struct verdict *verdict)
{
	buf_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", refusal_name(verdict->code));
	json_add_string(out, verdict->message, strlen(verdict->message));
	if (verdict->retry_after_ms > 0) {
		buf_add_text(out, ",\"retryAfter\":");
		buf_add_i64(out, verdict->retry_after_ms);
	}
	buf_add_text(out, "}}");
}
