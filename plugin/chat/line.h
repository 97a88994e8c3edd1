/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_LINE_H
#define HC_CHAT_LINE_H
/* What a reader is shown of a transaction: one line of JSON, or the body alone. Pure; any thread. */

#include <stdbool.h>

#include "base/buf.h"
#include "storage/store.h"

/* Adds the transaction as one JSON object without a newline. An erased one becomes {"type":"void"}. */
void line_add(struct buf *out, const struct transaction *tx);

/* The same, not longer than max bytes: the body is cut at a character and "cut":true added; where even that is too long, a
 * latest hint takes its place; false (nothing added): not even that fits. */
bool line_add_within(struct buf *out, const struct transaction *tx, size_t max);

/* The same with other texts for a message's or an edit's own; anything else is as it is. */
struct line_texts {
	const char *body, *quote; /* NULL: left out */
	size_t body_len, quote_len;
	bool cut, encrypted;      /* "cut":true; "encrypted":true where there is a text */
};
void line_add_with(struct buf *out, const struct transaction *tx, const struct line_texts *texts);

/* {"chatID","transactionID","type":"void","head"}: a number whose content this reader may not see. */
void line_add_void(struct buf *out, const struct transaction *tx);

/* {"type":"latest","chatID","transactionID"} */
void line_add_latest(struct buf *out, const char *chat_id, uint64_t number);

/* The body for hc/me/text: control characters other than TAB become a space, so that a line is a line. */
void line_add_text(struct buf *out, const struct transaction *tx);

/* The `type` of the line: that of the transaction, or "void" of an erased one. */
const char *line_type(const struct transaction *tx);

/* The commandID to show, NULL if the client gave none (see struct transaction, key). */
const char *line_command_id(const struct transaction *tx);

#endif
