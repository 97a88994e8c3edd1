/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_TOPIC_H
#define HC_BROKER_TOPIC_H
/* Topics and filters below the prefix, taken apart. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/transaction.h"

enum topic_kind {
	TOPIC_OUTSIDE, /* not below the prefix */
	TOPIC_UNKNOWN, /* below it, but nothing of the protocol, or an ID in it has a wrong form */
	TOPIC_SEND,    /* chat/<chatID>/send[/<commandID>], user/<userID>/send[/<commandID>] */
	TOPIC_TEXT,    /* the same with /text */
	TOPIC_EDIT,   /* chat/<chatID>/edit/<messageID> */
	TOPIC_DELETE, /* chat/<chatID>/delete/<messageID> */
	TOPIC_RECEIVED,
	TOPIC_READ,
	TOPIC_TYPING,
	TOPIC_RPC,    /* rpc/<operation>[/<id>] */
	TOPIC_EVENTS, /* chat/<chatID>/events */
	TOPIC_ME,     /* me/…: `rest` is what follows me/ */
};

struct topic {
	enum topic_kind kind;
	char chat_id[CHAT_ID_MAX + 1];
	char user_id[USER_ID_MAX + 1];      /* TOPIC_SEND, TOPIC_TEXT to a person; chat_id is "" then */
	char command_id[COMMAND_ID_MAX + 1]; /* "" without one; TOPIC_RPC: the id */
	char operation[COMMAND_ID_MAX + 1];
	uint64_t number; /* TOPIC_EDIT to TOPIC_READ: the message */
	const char *rest; /* points into the topic */
	char problem[80]; /* TOPIC_UNKNOWN: what is wrong */
};

/* A topic as published. */
void topic_read(const char *prefix, const char *name, struct topic *topic);

/* A commandID or RPC id: 1 to 64 bytes of UTF-8 without control characters, and, so that it fits into a topic, without '/', '+', '#'. */
bool command_id_is_valid(const char *text, size_t len);

/* What a SUBSCRIBE asks for. */
enum filter_kind {
	FILTER_OUTSIDE,  /* cannot match anything below the prefix */
	FILTER_ME,       /* below me/: *rest is the filter behind it ("#" for all of it) */
	FILTER_EVENTS,   /* one chat's stream: chat_id is set */
	FILTER_REFUSED,  /* would cover what nobody may subscribe to */
};
enum filter_kind filter_read(const char *prefix, const char *filter, const char **rest, char chat_id[CHAT_ID_MAX + 1]);

/* Whether a SUBSCRIBE with that filter could bring something below METRICS_TOPIC (metrics_table.h). */
bool filter_covers_metrics(const char *filter);
bool topic_is_metrics(const char *name);

/* The topic that taken messages are rewritten to in place: nobody can subscribe to it, and it is shorter than any of ours. */
#define TOPIC_SINK "$hc"

#endif
