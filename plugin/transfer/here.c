/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A counted set of user IDs under a lock. */
#include "plugin/transfer/here.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/buf.h"

struct present {
	char *user_id;
	unsigned connections;
	UT_hash_handle hh;
};

struct here {
	pthread_mutex_t lock;
	struct present *present;
};

struct here *here_new(void)
{
	struct here *here = mem_zero(sizeof *here);
	pthread_mutex_init(&here->lock, NULL);
	return here;
}

static void drop(struct here *here, struct present *present)
{
	HASH_DEL(here->present, present);
	free(present->user_id);
	free(present);
}

void here_free(struct here *here)
{
	struct present *present, *next;
	if (here == NULL)
		return;
	HASH_ITER(hh, here->present, present, next)
		drop(here, present);
	pthread_mutex_destroy(&here->lock);
	free(here);
}

static struct present *find(struct here *here, const char *user_id)
{
	struct present *present;
	HASH_FIND_STR(here->present, user_id, present);
	return present;
}

void here_came(struct here *here, const char *user_id)
{
	pthread_mutex_lock(&here->lock);
	struct present *present = find(here, user_id);
	if (present == NULL) {
		present = mem_zero(sizeof *present);
		present->user_id = mem_text(user_id);
		HASH_ADD_KEYPTR(hh, here->present, present->user_id, strlen(present->user_id), present);
	}
	present->connections++;
	pthread_mutex_unlock(&here->lock);
}

void here_went(struct here *here, const char *user_id)
{
	pthread_mutex_lock(&here->lock);
	struct present *present = find(here, user_id);
	if (present != NULL && --present->connections == 0)
		drop(here, present);
	pthread_mutex_unlock(&here->lock);
}

bool here_has(struct here *here, const char *user_id)
{
	pthread_mutex_lock(&here->lock);
	bool has = find(here, user_id) != NULL;
	pthread_mutex_unlock(&here->lock);
	return has;
}
