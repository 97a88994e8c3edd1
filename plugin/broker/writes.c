/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * RPC_WRITE requests on their way through the lanes. Broker thread; the handlers run on a lane's. */
#include "plugin/broker/writes.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/device.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { CORRUPT_TRIES = 6 }; /* half a second between two */

/* A user's requests, in the order in which they came; the first one is under way. */
struct writer {
	char *user_id;
	struct rpc_request *first, *last;
	UT_hash_handle hh;
};

static struct server *server_of(const struct rpc_request *request)
{
	return ((const struct origin *)request->origin)->server;
}

static struct writer *writer_find(struct server *server, const char *user_id)
{
	struct writer *writer;
	HASH_FIND_STR(server->writers, user_id, writer);
	return writer;
}

/* Takes the first one out; the last one takes the writer with it. Returns the next. */
static struct rpc_request *take_first(struct server *server, struct writer *writer)
{
	writer->first = writer->first->next;
	if (writer->first != NULL)
		return writer->first;
	HASH_DEL(server->writers, writer);
	free(writer->user_id);
	free(writer);
	return NULL;
}

/* The plugin is closing, and the store did not take it: the journal has it. */
static void leave(struct server *server, struct rpc_request *request)
{
	struct writer *writer = writer_find(server, request->user_id);
	while (request != NULL) {
		struct rpc_request *next = take_first(server, writer);
		origin_free(request->origin);
		request = next;
	}
}

static void write_run(struct job *job)
{
	rpc_write((struct rpc_request *)job);
}

static void write_done(struct job *job);

/* Where the plugin closes before its turn comes, it comes back without having run, and has to be known then for what is not done. */
static void wait_turn(struct server *server, struct rpc_request *request)
{
	if (request->refused.code != REFUSAL_UNAVAILABLE) {
		request->refused.code = REFUSAL_UNAVAILABLE;
		error_set(&request->problem, STORE_UNAVAILABLE, 0, "it has not had its turn");
	}
	if (!jobs_repeat(server, request->user_id, &request->job))
		leave(server, request);
}

static void put(struct server *server, struct rpc_request *request)
{
	request->job = (struct job){.run = write_run, .done = write_done};
	if (!lanes_put(server->lanes, request->user_id, &request->job))
		wait_turn(server, request);
}

static void warn(struct server *server, const struct rpc_request *request)
{
	bool failed = request->refused.code == REFUSAL_UNAVAILABLE;
	if (failed && !server->writes_warned)
		server_log(MOSQ_LOG_ERR, "the store could not take %s, trying again: %s", rpc_name(request), request->problem.text);
	server->writes_warned = failed;
}

/* Written at once, so that after a crash an old one does not undo what came behind it. */
static void release(struct server *server, const struct rpc_request *request)
{
	struct error err;
	if (journal_release(server->journal, request->journal_seq, JOURNAL_DECLINED, &err) == JOURNAL_FAILED)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
}

/* What is stored contradicts itself, and goes on doing so: an operator has to look at it, and the user's other requests must not wait for that. */
static bool is_hopeless(struct server *server, struct rpc_request *request)
{
	struct error err;
	if (request->refused.code != REFUSAL_UNAVAILABLE || request->problem.rc != STORE_CORRUPT)
		return false;
	if (++request->corrupt_count < CORRUPT_TRIES)
		return false;
	if (journal_put_aside(server->journal, request->journal_seq, &err) != JOURNAL_OK) {
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
		return false;
	}
	server_log(MOSQ_LOG_ERR, "%s of %s is given up, its record %llu is in the quarantine file: %s", rpc_name(request), request->user_id,
		(unsigned long long)request->journal_seq, request->problem.text);
	return true;
}

/* Also where the store does not know him yet: that he logged in is being tried again. */
static bool has_to_wait(struct server *server, const struct rpc_request *request)
{
	return request->refused.code == REFUSAL_UNAVAILABLE ||
	       (request->refused.code == REFUSAL_FORBIDDEN && device_puts_user(server, request->user_id));
}

static void write_done(struct job *job)
{
	struct rpc_request *request = (struct rpc_request *)job;
	struct server *server = server_of(request);
	warn(server, request);
	if (!is_hopeless(server, request) && has_to_wait(server, request)) {
		wait_turn(server, request);
		return;
	}
	struct rpc_request *next = take_first(server, writer_find(server, request->user_id));
	rpc_settle(request);
	release(server, request);
	answer_request(request);
	if (next != NULL)
		put(server, next);
}

void writes_start(struct server *server, struct rpc_request *request)
{
	struct writer *writer = writer_find(server, request->user_id);
	request->next = NULL;
	if (writer != NULL) {
		writer->last = writer->last->next = request;
		return;
	}
	writer = mem_zero(sizeof *writer);
	writer->user_id = mem_text(request->user_id);
	writer->first = writer->last = request;
	HASH_ADD_KEYPTR(hh, server->writers, writer->user_id, strlen(writer->user_id), writer);
	put(server, request);
}

bool writes_are_under_way(struct server *server, const char *user_id)
{
	return writer_find(server, user_id) != NULL;
}
