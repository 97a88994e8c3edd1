/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Notices in a store that is this broker's alone. Broker thread; the read runs on a reader, and costs a look into an index. */
#include "plugin/broker/notices.h"

#include <stdlib.h>

#include "plugin/broker/cluster.h"
#include "plugin/broker/server.h"

enum { PAGE = 200 };

struct notices {
	struct job job;
	struct server *server;
	uint64_t next;
	bool under_way;
	/* results */
	enum store_rc rc;
	struct error err;
	struct notice_list *list;
};

static enum store_rc read(struct store *store, uint64_t *next, struct notice_list **list, struct error *err)
{
	uint64_t behind;
	enum store_rc rc = store_ops(store)->read_notices(store, *next, PAGE, list, &behind, err);
	if (rc == STORE_OK)
		*next = behind;
	return rc;
}

enum store_rc notices_end(struct store *store, uint64_t *next, struct error *err)
{
	struct notice_list *list = NULL;
	*next = UINT64_MAX;
	enum store_rc rc = read(store, next, &list, err);
	store_free(list);
	return rc;
}

static void read_run(struct job *job)
{
	struct notices *notices = (struct notices *)job;
	notices->rc = read(notices->server->store, &notices->next, &notices->list, &notices->err);
}

/* A store that does not answer is asked again a second later; its own trouble is told elsewhere. */
static void read_done(struct job *job)
{
	struct notices *notices = (struct notices *)job;
	notices->under_way = false;
	if (notices->rc != STORE_OK)
		return;
	for (size_t i = 0; i < notices->list->count; i++)
		cluster_notice(notices->server, &notices->list->notices[i]);
	store_free(notices->list);
}

void notices_begin(struct server *server, uint64_t next)
{
	struct notices *notices = mem_zero(sizeof *notices);
	notices->job = (struct job){.run = read_run, .done = read_done};
	notices->server = server;
	notices->next = next;
	server->notices = notices;
}

void notices_free(struct server *server)
{
	free(server->notices);
	server->notices = NULL;
}

void notices_tick(struct server *server)
{
	struct notices *notices = server->notices;
	if (notices == NULL || notices->under_way)
		return;
	notices->rc = STORE_UNAVAILABLE;
	notices->under_way = workers_add(server->readers, &notices->job);
}
