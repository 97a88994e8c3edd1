/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl revoke, ban, unban: tokens of a user count no more, until now or whatever comes, while brokers run or not. One thread, blocks. */
#include <string.h>

#include "base/clock.h"
#include "plugin/auth/user_id.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/revocations.h"
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

struct revocation_call {
	const struct ctl_command *command;
	const char *uri, *user_id, *device; /* device NULL: the user */
	bool as_json;
	struct buf subject;
	int64_t at_ms;
};

static void print_json(const struct revocation_call *call)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "userID", call->user_id);
	if (call->device != NULL)
		object_add_text(&line, "device", call->device);
	if (call->at_ms < REVOCATION_BAN_MS)
		object_add_i64(&line, "revokedAt", call->at_ms);
	object_print(&line);
}

/* ---- in the store ---- */

typedef enum store_rc change_fn(struct store *store, const struct revocation_call *call, struct error *err);

static enum store_rc put(struct store *store, const struct revocation_call *call, struct error *err)
{
	enum store_rc rc = store_ops(store)->put_revocation(store, call->subject.data, call->at_ms, err);
	return rc == STORE_OK ? store_ops(store)->put_notice(store, NOTICE_REVOKED, call->subject.data, call->at_ms, err) : rc;
}

static enum store_rc put_ban(struct store *store, const struct revocation_call *call, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	enum store_rc rc = store_ops(store)->put_revocation(store, call->user_id, REVOCATION_BAN_MS, err);
	if (rc == STORE_OK)
		rc = store_ops(store)->put_notice(store, NOTICE_REVOKED, call->user_id, now_ms + NOTICE_BAN_MS, err);
	return rc == STORE_OK ? store_ops(store)->put_notice(store, NOTICE_BANNED, call->user_id, now_ms, err) : rc;
}

static enum store_rc lower(struct store *store, const struct revocation_call *call, struct error *err)
{
	int64_t at_ms = 0;
	struct error untold;
	enum store_rc rc = revocations_end_ban(store, call->user_id, call->at_ms, &at_ms, err);
	if ((rc != STORE_OK && rc != STORE_NOT_FOUND) || at_ms == 0)
		return rc;
	enum store_rc told = store_ops(store)->put_notice(store, NOTICE_LOWERED, call->user_id, at_ms, &untold);
	if (told == STORE_OK)
		return rc;
	*err = untold;
	return told;
}

/* The store has it before anybody is told. */
static int change(struct revocation_call *call, change_fn *how)
{
	struct store *store;
	struct error err;
	int rc = source_open_in_use(call->command, call->uri, &store);
	if (rc != CTL_OK)
		return rc;
	buf_printf(&call->subject, "%s%s%s", call->user_id, call->device ? "/" : "", call->device ? call->device : "");
	bool done = how(store, call, &err) == STORE_OK;
	if (!done)
		rc = ctl_failed(call->command, "%s", err.text);
	if (audit_note(call->command, store, call->subject.data, "", done ? "ok" : err.text) != CTL_OK)
		rc = CTL_FAILED;
	source_close(store);
	buf_fini(&call->subject);
	if (rc == CTL_OK && call->as_json)
		print_json(call);
	return rc;
}

static int check_user(const struct revocation_call *call)
{
	if (user_id_is_valid(call->user_id, strlen(call->user_id)))
		return CTL_OK;
	return ctl_misused(call->command, "--user '%s' is no user ID: it is written as in topics, with %%XX for /, +, # and %%", call->user_id);
}

/* ---- revoke ---- */

static int run_revoke(const struct ctl_command *command, int argc, char **argv)
{
	struct revocation_call call = {.command = command, .subject = BUF_EMPTY};
	const char *json = NULL;
	const struct ctl_option options[] = {{"store", &call.uri, CTL_REQUIRED}, {"user", &call.user_id, CTL_REQUIRED}, {"device", &call.device, 0},
		{"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = check_user(&call);
	if (rc != CTL_OK)
		return rc;
	if (call.device != NULL && call.device[0] != '\0' && !is_device_name(call.user_id, call.device))
		return ctl_misused(command, "--device '%s' names no device", call.device);
	call.as_json = json != NULL;
	call.at_ms = clock_wall_ms();
	return change(&call, put);
}

const struct ctl_command ctl_revoke = {
	.name = "revoke",
	.summary = "tokens of a user, or of a device, count no more",
	.usage = "Usage: hyperchatctl revoke --store URI --user U [--device D] [--json]\n\n"
			 "All tokens of U that were issued until now count no more: nobody gets in by them, and whoever is connected by one\n"
			 "is cut off within a second, on all brokers of the store. They may run meanwhile, or not. Who gets a new token from\n"
			 "the provider is let in again, from the next second on: to keep him out, block him there first, or 'hyperchatctl ban'.\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --user U     the user ID, as in topics\n"
			 "  --device D   only the device tokens (createDeviceToken) that were issued for this device of his\n"
			 "  --json       an object: userID, device (if given), revokedAt (ms); nothing is printed without it\n",
	.run = run_revoke,
};

/* ---- ban, unban ---- */

static int run_on_user(const struct ctl_command *command, int argc, char **argv, int64_t at_ms, change_fn *how)
{
	struct revocation_call call = {.command = command, .at_ms = at_ms, .subject = BUF_EMPTY};
	const char *json = NULL;
	const struct ctl_option options[] = {{"store", &call.uri, CTL_REQUIRED}, {"user", &call.user_id, CTL_REQUIRED}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = check_user(&call);
	call.as_json = json != NULL;
	return rc == CTL_OK ? change(&call, how) : rc;
}

static int run_ban(const struct ctl_command *command, int argc, char **argv)
{
	return run_on_user(command, argc, argv, REVOCATION_BAN_MS, put_ban);
}

static int run_unban(const struct ctl_command *command, int argc, char **argv)
{
	return run_on_user(command, argc, argv, clock_wall_ms(), lower);
}

const struct ctl_command ctl_ban = {
	.name = "ban",
	.summary = "cut a user off, and let him in by no token any more",
	.usage = "Usage: hyperchatctl ban --store URI --user U [--json]\n\n"
			 "As 'hyperchatctl broker ban', in the store: no token or certificate lets U in, whenever it was issued, and whoever is\n"
			 "connected as U is cut off within a second, on all brokers of the store. They may run meanwhile, or not.\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --user U     the user ID, as in topics; no such user need exist\n"
			 "  --json       an object: userID; nothing is printed without it\n",
	.run = run_ban,
};

const struct ctl_command ctl_unban = {
	.name = "unban",
	.summary = "let a banned user in again",
	.usage = "Usage: hyperchatctl unban --store URI --user U [--json]\n\n"
			 "As 'hyperchatctl broker unban', in the store: U is let in again, by tokens that are issued from now on. Brokers of the\n"
			 "store may run meanwhile, or not; it takes them a second.\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --user U     the user ID, as in topics\n"
			 "  --json       an object: userID, revokedAt (ms); nothing is printed without it\n",
	.run = run_unban,
};
