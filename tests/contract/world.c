/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Worlds: how each backend is opened fresh, opened a second time as another broker, and opened again. Where the next contract-keeping
 * backend comes in. */
#include <stdio.h>
#include <unistd.h>

#include "storage/memory/memory.h"
#include "tests/contract/contract.h"

struct backend {
	const char *name;
	bool faulty;
	void (*prepare)(struct world *world);                /* what must be there before and stay between handles */
	struct store *(*open)(struct world *world, bool other);
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

static struct store *sqlite_open(struct world *world, bool other)
{
	(void)other; /* the same file once more */
	char uri[100];
	snprintf(uri, sizeof uri, "sqlite:%s/chat.db", world->dir);
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

static const struct backend backends[] = {
	{"memory", false, memory_prepare, memory_open, memory_clean},
	{"sqlite", false, sqlite_prepare, sqlite_open, sqlite_clean},
	{"faulty:memory", true, memory_prepare, memory_open, memory_clean},
	{"faulty:sqlite", true, sqlite_prepare, sqlite_open, sqlite_clean},
};

static const struct backend *chosen;

bool world_choose(const char *backend)
{
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (strcmp(backends[i].name, backend) == 0)
			chosen = &backends[i];
	return chosen != NULL;
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

struct world *world_new(void)
{
	struct world *world = mem_zero(sizeof *world);
	chosen->prepare(world);
	open_handles(world);
	return world;
}

void world_free(struct world *world)
{
	close_handles(world);
	chosen->clean(world);
	free(world);
}

void world_reopen(struct world *world)
{
	close_handles(world);
	open_handles(world);
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
