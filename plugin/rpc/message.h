/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_MESSAGE_H
#define HC_RPC_MESSAGE_H
/* The Message object (docs/protocol.md): what a transaction and its edits come to. Pure; any thread. */

#include <stdbool.h>

#include "base/buf.h"
#include "storage/transaction.h"

/* Adds the message, not longer than max bytes: as it is, with its texts cut, or only {"messageID","cut"}. false: not even that fits, and
 * nothing was added. edit: its last TX_EDIT, NULL without one. */
bool message_add_within(struct buf *out, const struct transaction *tx, const struct transaction *edit, size_t max);

#endif
