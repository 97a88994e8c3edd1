/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A name for who comes for the first time. Broker thread; naming_run on the user's lane, behind what makes him known to the store.
 *
 * The first time is the one whose hour is that of the account. So it may be done twice, and takes nothing from somebody who cleared his name. */
#include "plugin/broker/naming.h"

#include <stdlib.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

struct naming {
	struct job job;
	struct server *server;
	char *user_id, *name;
	int64_t at_ms;
	bool refused;
	enum store_rc rc;
	struct error err;
};

static bool is_new(const struct naming *naming, const struct profile_list *profiles)
{
	return profiles->count == 1 && profiles->profiles[0].created_at_ms == naming->at_ms && profiles->profiles[0].name[0] == '\0';
}

static void naming_run(struct job *job)
{
	struct naming *naming = (struct naming *)job;
	struct store *store = naming->server->store;
	const char *user_id = naming->user_id;
	const struct profile_change change = {.name = naming->name, .hides_online = -1, .hides_last_seen = -1};
	struct profile_list *profiles;
	naming->rc = store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &naming->err);
	if (naming->rc != STORE_OK)
		return;
	if (is_new(naming, profiles))
		naming->rc = store_ops(store)->put_profile(store, user_id, &change, &naming->err);
	store_free(profiles);
}

static void naming_free(struct naming *naming)
{
	free(naming->user_id);
	free(naming->name);
	free(naming);
}

static void naming_done(struct job *job)
{
	struct naming *naming = (struct naming *)job;
	bool stored = naming->rc == STORE_OK || naming->rc == STORE_NOT_FOUND;
	jobs_stored(naming->server, KEPT_NAMES, &naming->refused, stored ? STORE_OK : naming->rc, &naming->err);
	if (stored || !jobs_repeat(naming->server, naming->user_id, job))
		naming_free(naming);
}

void naming_offer(struct server *server, const char *user_id, const char *name)
{
	struct naming *naming = mem_zero(sizeof *naming);
	naming->job = (struct job){.run = naming_run, .done = naming_done};
	naming->server = server;
	naming->user_id = mem_text(user_id);
	naming->name = mem_text(name);
	naming->at_ms = server->wall_ms;
	naming->rc = STORE_UNAVAILABLE;
	if (!lanes_put(server->lanes, user_id, &naming->job) && !jobs_repeat(server, user_id, &naming->job))
		naming_free(naming);
}
