/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The store that a subcommand looks at. One thread, blocks. */
#include "plugin/ctl/source.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/ctl/swap.h"
#include "storage/uri.h"

const struct page_limits source_page = {.count_max = 1000, .bytes_max = 4 << 20};

enum store_rc source_try(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	char *named = uri_renamed(uri, SOURCE_WRITER);
	enum store_rc rc = store_open_with(named, flags, store, err);
	free(named);
	return rc;
}

/* A broker keeps in memory what it has read of its store: it would go on with that. */
static bool is_free(const struct ctl_command *command, const char *uri)
{
	const char *file = source_file(uri);
	return file == NULL || swap_file_is_free(command, file);
}

int source_make(const struct ctl_command *command, const char *uri, struct store **store)
{
	struct error err;
	if (!is_free(command, uri))
		return CTL_FAILED;
	enum store_rc rc = source_try(uri, 0, store, &err);
	return rc == STORE_OK ? CTL_OK : ctl_failed(command, "%s", err.text);
}

const char *source_file(const char *uri)
{
	static const char FILE_SCHEME[] = "sqlite:";
	return strncmp(uri, FILE_SCHEME, sizeof FILE_SCHEME - 1) == 0 ? uri + sizeof FILE_SCHEME - 1 : NULL;
}

static int open_with(const struct ctl_command *command, const char *uri, unsigned flags, struct store **store)
{
	struct error err;
	/* To make what is missing is right for a broker's first start, wrong for a mistyped name. */
	enum store_rc rc = source_try(uri, flags | STORE_EXISTING, store, &err);
	return rc == STORE_OK ? CTL_OK : ctl_failed(command, "%s", err.text);
}

int source_open(const struct ctl_command *command, const char *uri, struct store **store)
{
	return is_free(command, uri) ? open_with(command, uri, 0, store) : CTL_FAILED;
}

int source_open_in_use(const struct ctl_command *command, const char *uri, struct store **store)
{
	return open_with(command, uri, STORE_NO_MIGRATION | STORE_BESIDE, store);
}

void source_close(struct store *store)
{
	if (store != NULL)
		store_ops(store)->close(store);
}
