/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whom people block. Broker thread; the read at login is a job on a reader. */
#include "plugin/broker/blocks.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/server.h"

struct blocks *blocks_ref(const struct person *person)
{
	person->blocks->references++;
	return person->blocks;
}

void blocks_drop(struct blocks *blocks)
{
	if (blocks == NULL || --blocks->references > 0)
		return;
	store_free(blocks->list);
	free(blocks);
}

bool blocks_are_known(const struct person *person)
{
	return person->blocks != NULL;
}

void blocks_set(struct server *server, struct person *person, struct block_list *list)
{
	blocks_drop(person->blocks);
	person->blocks = mem_zero(sizeof *person->blocks);
	person->blocks->references = 1;
	person->blocks->list = list;
	for (struct session *session = person->sessions; session != NULL; session = session->person_next)
		if (session->feed != NULL)
			session_due(server, session); /* it may have waited for this */
}

/* ---- the read at login, and when another broker has told that they changed ---- */

struct block_load {
	struct job job;
	struct server *server;
	char *user_id;
	bool anew; /* also where they are known, or he is not even here */
	bool stale; /* anew: they have changed since the reading began */
	struct block_load *prev, *next; /* anew: of the server's */
	enum store_rc rc;
	struct error err;
	struct block_list *list;
};

static void load_run(struct job *job)
{
	struct block_load *load = (struct block_load *)job;
	struct store *store = load->server->store;
	load->rc = store_ops(store)->load_blocks(store, load->user_id, &load->list, &load->err);
}

static void load_free(struct block_load *load)
{
	if (load->anew)
		DL_DELETE(load->server->block_loads, load);
	store_free(load->list);
	free(load->user_id);
	free(load);
}

/* Which of them has changed is not told. */
static void part_all(struct server *server, const char *user_id, const struct block_list *list)
{
	char chat_id[ID_TEXT_LEN + 1];
	for (size_t i = 0; i < list->count; i++) {
		peer_chat_id(server->world.info.secret, STORE_SECRET_BYTES, user_id, list->blocks[i].user_id, chat_id);
		core_reach_changed(server->core, chat_id);
		if (list->blocks[i].to_ms == 0)
			presence_part(server, user_id, list->blocks[i].user_id);
	}
}

/* Behind a change that was still on its way when he went and came again. */
static void load_start(struct block_load *load)
{
	struct server *server = load->server;
	store_free(load->list);
	load->list = NULL;
	load->stale = false;
	load->rc = STORE_UNAVAILABLE;
	if (!jobs_read(server, &load->job, server->writers != NULL) && !jobs_repeat(server, NULL, &load->job))
		load_free(load);
}

/* What he has changed meanwhile is newer. */
static void load_done(struct job *job)
{
	struct block_load *load = (struct block_load *)job;
	struct server *server = load->server;
	struct person *person = person_find(server, load->user_id);
	bool unknown = person != NULL && !blocks_are_known(person);
	if ((unknown || load->anew) && load->rc != STORE_OK && jobs_read_again(server, job, load->rc, &load->err))
		return;
	if (load->stale && !server->closing) {
		load_start(load);
		return;
	}
	if (load->anew && load->rc == STORE_OK)
		part_all(server, load->user_id, load->list);
	if ((unknown || (load->anew && person != NULL)) && load->rc == STORE_OK) {
		blocks_set(server, person, load->list);
		load->list = NULL;
	}
	load_free(load);
}

static void load(struct server *server, const char *user_id, bool anew)
{
	struct block_load *load = mem_zero(sizeof *load);
	load->job = (struct job){.run = load_run, .done = load_done};
	load->server = server;
	load->user_id = mem_text(user_id);
	load->anew = anew;
	if (anew)
		DL_APPEND(server->block_loads, load);
	load_start(load);
}

void blocks_load(struct server *server, struct person *person)
{
	load(server, person->user_id, false);
}

/* What is under way of him may be older than a change of which is known now. */
static bool is_read_again(struct server *server, const char *user_id)
{
	struct block_load *load;
	DL_FOREACH(server->block_loads, load)
		if (strcmp(load->user_id, user_id) == 0)
			return load->stale = true;
	return false;
}

void blocks_changed_here(struct server *server, const char *user_id)
{
	is_read_again(server, user_id);
}

/* Not two readings at once: the older one may come back later. */
void blocks_changed_elsewhere(struct server *server, const char *user_id)
{
	if (!is_read_again(server, user_id))
		load(server, user_id, true);
}

/* ---- the rules ---- */

bool blocks_hide(const struct block_list *list, const char *reader_id, const struct transaction *tx)
{
	bool text = tx->type == TX_MESSAGE || tx->type == TX_EDIT; /* who is a member, and what is gone, concerns everybody */
	return text && list->count > 0 && strcmp(tx->sender_id, reader_id) != 0 &&
	       blocks_contain(list->blocks, list->count, tx->sender_id, tx->at_ms);
}

bool blocks_concern(const struct block_list *list, struct chat *chat)
{
	for (size_t i = 0; i < list->count; i++)
		if (chat_member(chat, list->blocks[i].user_id) != NULL)
			return true;
	return false;
}

static bool blocks_now(struct server *server, const char *user_id, const char *other_id)
{
	const struct person *person = person_find(server, user_id);
	if (person == NULL || !blocks_are_known(person))
		return true;
	const struct block_list *list = person->blocks->list;
	for (size_t i = 0; i < list->count; i++)
		if (list->blocks[i].to_ms == 0 && strcmp(list->blocks[i].user_id, other_id) == 0)
			return true;
	return false;
}

bool blocks_part(struct server *server, const char *user_a, const char *user_b)
{
	return blocks_now(server, user_a, user_b) || blocks_now(server, user_b, user_a);
}
