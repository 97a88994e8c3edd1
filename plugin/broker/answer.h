/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ANSWER_H
#define HC_BROKER_ANSWER_H
/* What becomes of what somebody asked for: acks of commands, answers to RPC. Broker thread. */

#include "plugin/chat/core.h"
#include "plugin/rpc/rpc.h"

struct server;
struct session;

/* Who waits for an answer. A command's, or an RPC request's, until it is answered. */
struct origin {
	struct server *server;
	uint64_t session_id;
	char *command_id;             /* a command's, NULL: it has none */
	struct rpc_request *request;  /* NULL: a command by topic */
	char *reply_topic;            /* whole; RPC only */
	void *correlation;            /* NULL: none */
	size_t correlation_len;
	struct asking *asking;        /* watching.c's; NULL: nothing that it has to watch over */
	/* A command of our own: who goes on when it is done, instead of all of the above. */
	void (*then)(void *context, const struct answer *answer);
	void *then_context;
	struct origin *prev, *next; /* of the server's */
};

struct origin *origin_new(struct server *server, uint64_t session_id); /* 0: nobody waits */
void origin_free(struct origin *origin);
/* At the end: those whose command stays in the journal. */
void origin_free_all(struct server *server);

/* The core's answer port: releases the journal's record, tells the sender, frees the command and its origin. */
void answer_command(void *context, struct command *command, const struct answer *answer);

/* rpc_request.finish: sends the request's outcome to who asked, frees both. */
void answer_request(struct rpc_request *request);

/* An error on hc/me/ack/<command_id or ->, if the connection listens. */
void answer_error(struct server *server, struct session *session, const char *command_id, const struct verdict *verdict);

#endif
