/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_MESSAGE_H
#define HC_RPC_MESSAGE_H
/* The Message object (docs/protocol.md): what a transaction and its edits come to. Pure; any thread. */

#include <stdbool.h>

#include "base/buf.h"
#include "storage/transaction.h"

/* A message as one reader sees it. */
struct shown_message {
	const struct transaction *message;  /* TX_MESSAGE */
	const struct transaction *edit;     /* the last TX_EDIT of it, NULL: none */
	const struct transaction *deletion; /* its TX_DELETE, NULL: none */
};

/* Its text now; NULL: it is gone. */
const struct sealed *message_body(const struct shown_message *shown);

/* Adds the message, not longer than max bytes: as it is, with its texts cut, or only {"messageID","cut"}. false: not even that fits, and
 * nothing was added. */
bool message_add_within(struct buf *out, const struct shown_message *shown, size_t max);

#endif
