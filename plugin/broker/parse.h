/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PARSE_H
#define HC_BROKER_PARSE_H
/* A publish to …/send, …/text, …/edit or …/delete as a command. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/broker/topic.h"
#include "plugin/chat/command.h"

struct parse_conf {
	const unsigned char *secret; /* of the store: 1:1 chat IDs */
	size_t secret_len;
	uint64_t body_max;
	bool keep_quotes; /* what a deletion does with quotes of its text */
};

/* NULL: *verdict names the field. The command has no key yet unless the client gave an ID, and no hash. */
struct command *parse_command(const struct parse_conf *conf, const struct topic *topic, const char *sender_id, const char *payload,
                              size_t payload_len, struct verdict *verdict);

#endif
