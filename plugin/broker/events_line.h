/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_EVENTS_LINE_H
#define HC_BROKER_EVENTS_LINE_H
/* What a line of events tells of itself. The broker asks about the same line for each of its readers, one after the other: it is read once. Broker
 * thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/store.h"

struct events_line {
	char *payload; /* of the last line, NULL: none */
	size_t len;
	bool known;            /* it is a line of ours */
	bool quotes;           /* it shows somebody else's text */
	uint64_t number;
	struct transaction tx; /* type, sender_id, at_ms; a type that is neither of a message nor of an edit is any of those */
	char sender_id[USER_ID_MAX + 1];
};

/* Makes it the one of this payload. */
void events_line_read(struct events_line *line, const void *payload, size_t len);
void events_line_fini(struct events_line *line);

#endif
