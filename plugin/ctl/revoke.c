/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl revoke: tokens of a user count no more, while brokers run. One thread, blocks. */
#include <string.h>

#include "base/clock.h"
#include "plugin/auth/user_id.h"
#include "plugin/broker/cluster.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"

static bool is_device_name(const char *user_id, const char *device)
{
	struct buf client_id = BUF_EMPTY;
	const char *name;
	buf_printf(&client_id, "%s/%s", user_id, device);
	bool valid = client_id_read(client_id.data, user_id, &name, NULL) == CLIENT_DEVICE;
	buf_fini(&client_id);
	return valid;
}

/* The store has it before anybody is told. */
static int revoke(const struct ctl_command *command, const char *uri, const char *subject, int64_t now_ms)
{
	struct store *store;
	struct error err;
	int rc = source_open_in_use(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	bool done = store_ops(store)->put_revocation(store, subject, now_ms, &err) == STORE_OK &&
		store_ops(store)->put_notice(store, NOTICE_REVOKED, subject, now_ms, &err) == STORE_OK;
	if (!done)
		rc = ctl_failed(command, "%s", err.text);
	if (audit_note(command, store, subject, "", done ? "ok" : err.text) != CTL_OK)
		rc = CTL_FAILED;
	source_close(store);
	return rc;
}

static void print_json(const char *user_id, const char *device, int64_t before_ms)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "userID", user_id);
	if (device != NULL)
		object_add_text(&line, "device", device);
	object_add_i64(&line, "revokedAt", before_ms);
	object_print(&line);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *user_id = NULL, *device = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, 1}, {"user", &user_id, 1}, {"device", &device, 0}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (!user_id_is_valid(user_id, strlen(user_id)))
		return ctl_misused(command, "--user '%s' is no user ID: it is written as in topics, with %%XX for /, +, # and %%", user_id);
	if (device != NULL && device[0] != '\0' && !is_device_name(user_id, device))
		return ctl_misused(command, "--device '%s' names no device", device);
	struct buf subject = BUF_EMPTY;
	buf_printf(&subject, "%s%s%s", user_id, device ? "/" : "", device ? device : "");
	int64_t now_ms = clock_wall_ms();
	rc = revoke(command, uri, subject.data, now_ms);
	if (rc == CTL_OK && json != NULL)
		print_json(user_id, device, now_ms);
	buf_fini(&subject);
	return rc;
}

const struct ctl_command ctl_revoke = {
	.name = "revoke",
	.summary = "tokens of a user, or of a device, count no more",
	.usage = "Usage: hyperchatctl revoke --store URI --user U [--device D] [--json]\n\n"
			 "All tokens of U that were issued until now count no more: nobody gets in by them, and whoever is connected by one\n"
			 "is cut off within a second, on all brokers of the store. They may run meanwhile, or not. Who gets a new token from\n"
			 "the provider is let in again, from the next second on: to keep him out, block him there first, or 'hyperchatctl broker ban'.\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --user U     the user ID, as in topics\n"
			 "  --device D   only the device tokens (createDeviceToken) that were issued for this device of his\n"
			 "  --json       an object: userID, device (if given), revokedAt (ms); nothing is printed without it\n",
	.run = run,
};
