/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_COUNTERS_H
#define HC_BROKER_COUNTERS_H
/* What the plugin counts as it goes (server->counters): each a plain ++ on the broker's thread, since the start. metrics_table.c says what each
 * means to an operator; a new one needs a line there. */

#include <stdint.h>

#include "plugin/chat/refusal.h"
#include "storage/store.h"

enum { REFUSAL_COUNT = REFUSAL_UNAVAILABLE + 1, STORE_RC_COUNT = STORE_TAKEN + 1 };

/* Why a login was refused; metrics_table.c has the words. */
enum login_refusal {
	LOGIN_EXPIRED,
	LOGIN_NOT_YET,
	LOGIN_NO_KEY,
	LOGIN_BAD_TOKEN,
	LOGIN_USERNAME,
	LOGIN_CLIENT_ID,
	LOGIN_ACCOUNT,
	LOGIN_STORE_AWAY,
	LOGIN_TOO_MANY,
	LOGIN_REVOKED,
	LOGIN_UNENCRYPTED,
	LOGIN_CERTIFICATE,
	LOGIN_DRAINING,
	LOGIN_REFUSAL_COUNT
};

struct counters {
	uint64_t logins, logins_refused[LOGIN_REFUSAL_COUNT];
	uint64_t renewals, renewals_refused;

	uint64_t commands;                  /* that are in the journal */
	uint64_t commands_not_taken;
	uint64_t signals;
	uint64_t refusals[REFUSAL_COUNT];   /* of commands; [REFUSAL_NONE] stays 0 */
	uint64_t calls, call_errors[REFUSAL_COUNT];

	uint64_t transactions_shown;        /* of this broker and of others */
	uint64_t packets, packet_bytes, lines;

	uint64_t read_failures[STORE_RC_COUNT];
	uint64_t checkpoints, checkpoint_failures;

	uint64_t callbacks, callbacks_us, long_callbacks;
	uint64_t longest_callback_us, interval_callback_us; /* since the start; since the metrics were collected last */

	uint64_t metrics_file_failures;
};

#endif
