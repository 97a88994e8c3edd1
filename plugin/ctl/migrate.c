/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl migrate: a store's schema, brought to this program's version. One thread, blocks.
 *
 * Opening does it, as at a broker's start; here it is done by itself, when the operator wants it, and said. */
#include <stdio.h>

#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"

static void add_schemas(struct buf *object, const struct store_info *info)
{
	object_add_i64(object, "schema", info->schema_version);
	object_add_i64(object, "schemaBefore", info->schema_found);
}

static void say(const struct store_info *info, bool as_json)
{
	struct buf line = BUF_EMPTY;
	if (as_json) {
		add_schemas(&line, info);
		object_print(&line);
	} else if (info->schema_found == info->schema_version) {
		printf("schema %d: nothing to do\n", info->schema_version);
	} else {
		printf("schema %d, migrated from %d\n", info->schema_version, info->schema_found);
	}
}

/* Where there was nothing to do nothing was done. */
static int note(const struct ctl_command *command, struct store *store, const struct store_info *info)
{
	struct buf details = BUF_EMPTY;
	if (info->schema_found == info->schema_version)
		return CTL_OK;
	add_schemas(&details, info);
	object_end(&details);
	int rc = audit_note(command, store, "", details.data, "ok");
	buf_fini(&details);
	return rc;
}

static int migrated(const struct ctl_command *command, struct store *store, bool as_json)
{
	struct store_info info;
	struct error err;
	if (store_ops(store)->info(store, &info, &err) != STORE_OK)
		return ctl_failed(command, "%s", err.text);
	say(&info, as_json);
	return note(command, store, &info);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, CTL_REQUIRED}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct store *store;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = source_open(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = migrated(command, store, json != NULL);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_migrate = {
	.name = "migrate",
	.summary = "bring a store's schema to this program's version",
	.usage = "Usage: hyperchatctl migrate --store URI [--json]\n\n"
			 "Brings the schema of an older store up to date, in one step, and says from which version to which. A store of a\n"
			 "newer program is refused and left as it is. A broker does the same at its start unless plugin_opt_migrate is\n"
			 "manual. Make a backup and stop the broker first: an older program does not open the store any more.\n\n"
			 "  --store URI   as plugin_opt_store, for example sqlite:/var/lib/mosquitto/hyperchat.db\n"
			 "  --json        an object: schema, schemaBefore\n",
	.run = run,
};
