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

/* What the topic says: chat and target, and the key if it has an ID. NULL: *verdict says why. */
struct command *parse_topic(const struct parse_conf *conf, const struct topic *topic, const char *sender_id, struct verdict *verdict);

/* Adds what the payload says. The command has no key yet unless the client gave an ID, and no hash. false: *verdict names the field. */
bool parse_payload(struct command *command, const struct parse_conf *conf, const struct topic *topic, const char *payload, size_t payload_len,
	struct verdict *verdict);

/* The ID in a payload that is not going to be read, for the refusal: found without parsing. false: none, or one that is escaped. */
bool parse_command_id(const char *payload, size_t payload_len, char id[COMMAND_ID_MAX + 1]);

#endif
