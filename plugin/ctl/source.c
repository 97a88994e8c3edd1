/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The store that a subcommand looks at. One thread, blocks. */
#include "plugin/ctl/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/uri.h"

const struct page_limits source_page = {.count_max = 1000, .bytes_max = 4 << 20};

/* A store that many brokers write to knows each by a name; ours is none of theirs. */
enum store_rc source_try(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	char *named = uri_named(uri, "hyperchatctl");
	enum store_rc rc = store_open_with(named, flags, store, err);
	free(named);
	return rc;
}

int source_make(const struct ctl_command *command, const char *uri, struct store **store)
{
	struct error err;
	enum store_rc rc = source_try(uri, 0, store, &err);
	return rc == STORE_OK ? CTL_OK : ctl_failed(command, "%s", err.text);
}

/* For stores that are not known before they are opened. */
static bool is_new(struct store *store)
{
	struct store_info info;
	return store_ops(store)->info(store, &info, NULL) == STORE_OK && info.schema_found == 0;
}

const char *source_file(const char *uri)
{
	static const char FILE_SCHEME[] = "sqlite:";
	return strncmp(uri, FILE_SCHEME, sizeof FILE_SCHEME - 1) == 0 ? uri + sizeof FILE_SCHEME - 1 : NULL;
}

void source_add_name(struct buf *out, const char *uri)
{
	const char *host = source_file(uri) == NULL ? strstr(uri, "://") : NULL;
	if (host == NULL) {
		buf_add_text(out, uri);
		return;
	}
	host += 3;
	size_t whole = strcspn(host, "?"), authority = strcspn(host, "/?");
	const char *user_end = memrchr(host, '@', authority);
	size_t passed = user_end != NULL ? (size_t)(user_end + 1 - host) : 0;
	buf_add(out, uri, (size_t)(host - uri));
	buf_add(out, host + passed, whole - passed);
}

static int open_with(const struct ctl_command *command, const char *uri, unsigned flags, struct store **store)
{
	const char *file = source_file(uri);
	/* store_open makes what is missing: right for a broker's first start, wrong for a mistyped name. */
	if (file != NULL && access(file, F_OK) != 0)
		return ctl_failed(command, "%s: %s", file, strerror(errno));
	struct store *opened;
	struct error err;
	if (source_try(uri, flags, &opened, &err) != STORE_OK)
		return ctl_failed(command, "%s", err.text);
	if (is_new(opened)) {
		source_close(opened);
		return ctl_failed(command, "there was no store: an empty one was made now");
	}
	*store = opened;
	return CTL_OK;
}

int source_open(const struct ctl_command *command, const char *uri, struct store **store)
{
	return open_with(command, uri, 0, store);
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
