/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The registry of backends, and what frees their answers. Any thread. */
#include "storage/store.h"

#include <stdlib.h>
#include <string.h>

#include "storage/memory/memory.h"
#include "storage/mongo/mongo.h"
#include "storage/sqlite/sqlite.h"

/* A backend that is not in every build gets its #if here and nowhere else. */
static const struct store_ops *const backends[] = {
	&store_sqlite,
	&store_memory,
	&store_mongo,
};

static bool is_scheme(const char *name, const char *uri, size_t len)
{
	return name != NULL && strlen(name) == len && memcmp(name, uri, len) == 0;
}

/* *where is what its open gets. */
static const struct store_ops *find_backend(const char *uri, size_t len, const char **where)
{
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
		*where = is_scheme(backends[i]->name, uri, len) ? uri + len + 1 : uri;
		if (*where != uri || is_scheme(backends[i]->also, uri, len))
			return backends[i];
	}
	return NULL;
}

bool store_is_shared(const char *uri)
{
	const char *where;
	const struct store_ops *backend = find_backend(uri, strcspn(uri, ":"), &where);
	return backend != NULL && backend->shared;
}

enum store_rc store_open_with(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	/* The URI may hold a password: only its scheme is ever shown, and only when it is there. */
	const char *colon = strchr(uri, ':');
	if (colon == NULL)
		return error_set(err, STORE_REFUSED, 0, "a store is given as <backend>:<where>, for example sqlite:/var/lib/hyperchat/chat.db");
	size_t len = (size_t)(colon - uri);
	const char *where;
	const struct store_ops *backend = find_backend(uri, len, &where);
	if (backend != NULL)
		return backend->open(where, flags, store, err);
	return error_set(err, STORE_REFUSED, 0, "there is no store backend called \"%.*s\"", len > 20 ? 20 : (int)len, uri);
}

enum store_rc store_open(const char *uri, struct store **store, struct error *err)
{
	return store_open_with(uri, 0, store, err);
}

void store_free(void *record)
{
	free(record);
}

void store_page_free(struct page *page)
{
	for (size_t i = 0; i < page->count; i++)
		transaction_free(page->transactions[i]);
	free(page->transactions);
	*page = (struct page){0};
}
