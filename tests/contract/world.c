/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Worlds: how each backend is opened fresh, opened a second time as another broker, and opened again. Where the next contract-keeping
 * backend comes in. */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/memory/memory.h"
#include "tests/contract/contract.h"

struct backend {
	const char *name;
	bool faulty;
	void (*prepare)(struct world *world);                /* what must be there before and stay between handles */
	struct store *(*open)(struct world *world, bool other);
	void (*uri)(const struct world *world, bool other, char *uri, size_t size);
	void (*clean)(struct world *world);
};

static struct store *open_or_fail(const char *uri)
{
	struct store *store = NULL;
	struct error err = {0};
	if (store_open(uri, &store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return store;
}

/* ---- memory ---- */

static void memory_prepare(struct world *world)
{
	world->keeper = open_or_fail("memory:");
}

static struct store *memory_open(struct world *world, bool other)
{
	struct store_info info;
	assert_int_equal(ON(world->keeper, info, &info, NULL), STORE_OK);
	return store_memory_new_writer(world->keeper, other ? "other" : info.writer);
}

static void memory_uri(const struct world *world, bool other, char *uri, size_t size)
{
	(void)world;
	(void)other;
	snprintf(uri, size, "memory:");
}

static void memory_clean(struct world *world)
{
	store_ops(world->keeper)->close(world->keeper);
}

/* ---- sqlite ---- */

static void sqlite_prepare(struct world *world)
{
	snprintf(world->dir, sizeof world->dir, "/tmp/hc-contract-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
}

static void sqlite_uri(const struct world *world, bool other, char *uri, size_t size)
{
	(void)other; /* the same file once more */
	snprintf(uri, size, "sqlite:%s/chat.db", world->dir);
}

static struct store *sqlite_open(struct world *world, bool other)
{
	char uri[100];
	sqlite_uri(world, other, uri, sizeof uri);
	return open_or_fail(uri);
}

static void sqlite_clean(struct world *world)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char path[100];
		snprintf(path, sizeof path, "%s/chat.db%s", world->dir, endings[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(world->dir), 0); /* and nothing else was left there */
}

/* ---- mongodb: a database of its own on the server that $HC_MONGODB names ---- */

static const char *mongodb_server(void)
{
	return getenv("HC_MONGODB");
}

static void mongodb_prepare(struct world *world)
{
	static unsigned count;
	snprintf(world->dir, sizeof world->dir, "hc_contract_%ld_%u", (long)getpid(), count++);
}

/* The server's URI may have a query, and ends with a slash or not: mongodb://host/?replicaSet=rs0 */
static void mongodb_uri_of(const struct world *world, const char *writer, char *uri, size_t size)
{
	const char *server = mongodb_server(), *query = strchr(server, '?');
	int address_len = (int)(query ? query - server : (ptrdiff_t)strlen(server));
	while (address_len > 0 && server[address_len - 1] == '/')
		address_len--;
	snprintf(uri, size, "%.*s/%s?%s%ssocketTimeoutMS=60000&appName=%s", address_len, server, world->dir, query ? query + 1 : "",
		query ? "&" : "", writer); /* patient: FerretDB 1 goes through all of a collection for each update */
}

static void mongodb_uri(const struct world *world, bool other, char *uri, size_t size)
{
	char writer[40];
	snprintf(writer, sizeof writer, "%s%s", other ? "other" : "broker", strrchr(world->dir, '_'));
	mongodb_uri_of(world, writer, uri, size);
}

static struct store *mongodb_open(struct world *world, bool other)
{
	char uri[1024];
	mongodb_uri(world, other, uri, sizeof uri);
	return open_or_fail(uri);
}

static void mongodb_clean(struct world *world)
{
	char uri[1024];
	bson_error_t error;
	mongodb_uri_of(world, "cleaner", uri, sizeof uri);
	mongoc_client_t *client = mongoc_client_new(uri);
	mongoc_database_t *database = mongoc_client_get_database(client, world->dir);
	if (!mongoc_database_drop(database, &error))
		fail_msg("%s", error.message);
	mongoc_database_destroy(database);
	mongoc_client_destroy(client);
}

static const struct backend backends[] = {
	{"memory", false, memory_prepare, memory_open, memory_uri, memory_clean},
	{"sqlite", false, sqlite_prepare, sqlite_open, sqlite_uri, sqlite_clean},
	{"mongodb", false, mongodb_prepare, mongodb_open, mongodb_uri, mongodb_clean},
	{"faulty:memory", true, memory_prepare, memory_open, memory_uri, memory_clean},
	{"faulty:sqlite", true, sqlite_prepare, sqlite_open, sqlite_uri, sqlite_clean},
	{"faulty:mongodb", true, mongodb_prepare, mongodb_open, mongodb_uri, mongodb_clean},
};

static const struct backend *chosen;

bool world_choose(const char *backend)
{
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (strcmp(backends[i].name, backend) == 0)
			chosen = &backends[i];
	return chosen != NULL;
}

bool world_has_what_it_needs(void)
{
	return chosen->open != mongodb_open || mongodb_server() != NULL;
}

size_t world_size(size_t full)
{
	bool scans = chosen->open == mongodb_open && getenv("HC_MONGODB_SCANS") != NULL;
	return scans ? full / 5 : full;
}

bool world_is_faulty(void)
{
	return chosen->faulty;
}

static void open_handles(struct world *world)
{
	world->store = chosen->open(world, false);
	if (chosen->faulty)
		world->store = store_faulty_new(world->store);
	world->other = chosen->open(world, true);
}

static void close_handles(struct world *world)
{
	store_ops(world->store)->close(world->store);
	store_ops(world->other)->close(world->other);
}

struct world *world_new_empty(void)
{
	struct world *world = mem_zero(sizeof *world);
	chosen->prepare(world);
	return world;
}

struct world *world_new(void)
{
	struct world *world = world_new_empty();
	open_handles(world);
	return world;
}

void world_free(struct world *world)
{
	if (world->store != NULL)
		close_handles(world);
	chosen->clean(world);
	free(world);
}

void world_reopen(struct world *world)
{
	close_handles(world);
	open_handles(world);
}

enum store_rc world_try(const struct world *world, unsigned flags, struct store **store, struct error *err)
{
	char uri[1024];
	chosen->uri(world, false, uri, sizeof uri);
	return store_open_with(uri, flags, store, err);
}

bool world_can_be_found(void)
{
	return chosen->open != memory_open;
}

int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}
