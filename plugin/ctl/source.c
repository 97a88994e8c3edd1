/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The store that a subcommand looks at. One thread, blocks. */
#include "plugin/ctl/source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const struct page_limits source_page = {.count_max = 1000, .bytes_max = 4 << 20};

int source_open(const struct ctl_command *command, const char *uri, struct store **store)
{
	static const char FILE_SCHEME[] = "sqlite:";
	struct error err;
	const char *file = uri + sizeof FILE_SCHEME - 1;
	/* store_open makes what is missing: right for a broker's first start, wrong for a mistyped name. */
	if (strncmp(uri, FILE_SCHEME, sizeof FILE_SCHEME - 1) == 0 && access(file, F_OK) != 0)
		return ctl_failed(command, "%s: %s", file, strerror(errno));
	return store_open(uri, store, &err) == STORE_OK ? CTL_OK : ctl_failed(command, "%s", err.text);
}

void source_close(struct store *store)
{
	store_ops(store)->close(store);
}
