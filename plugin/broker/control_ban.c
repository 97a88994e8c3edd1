/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Keeping people out: ban, unban, revoke, eraseAccount. The store has it first, then this broker, and the others by a notice. Broker thread, but for
 * ask_…. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/broker/account.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/control_call.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/revoke.h"

static void subject_of(const struct control_call *call, char subject[NOTICE_SUBJECT_MAX + 1])
{
	const char *device = control_text(call, "device");
	snprintf(subject, NOTICE_SUBJECT_MAX + 1, "%s%s%s", control_text(call, "user"), device ? "/" : "", device ? device : "");
}

static void put(struct control_call *call, struct store *store, int64_t at_ms)
{
	char subject[NOTICE_SUBJECT_MAX + 1];
	subject_of(call, subject);
	call->rc = store_ops(store)->put_revocation(store, subject, at_ms, &call->err);
	call->data = json_object();
}

/* ---- ban, unban ---- */

static void ask_ban(struct control_call *call, struct store *store)
{
	put(call, store, REVOCATION_BAN_MS);
}

static void tell_banned(struct control_call *call)
{
	struct server *server = call->server;
	const char *user_id = control_text(call, "user");
	revoke_happened(server, user_id, REVOCATION_BAN_MS);
	cluster_tell(server, NOTICE_REVOKED, user_id, server->wall_ms + NOTICE_BAN_MS);
	cluster_tell(server, NOTICE_BANNED, user_id, server->wall_ms);
	control_done(call);
}

/* Whoever would ban himself could not take it back. */
void control_ban(struct control_call *call)
{
	if (control_is_own(call, control_text(call, "user")))
		control_refuse(call, "user: nobody bans himself");
	else
		control_ask(call, ask_ban, tell_banned);
}

static void ask_unban(struct control_call *call, struct store *store)
{
	int64_t at_ms = 0;
	call->rc = revocations_end_ban(store, control_text(call, "user"), clock_wall_ms(), &at_ms, &call->err);
	call->data = json_object();
	control_add_time(call->data, "revokedAt", at_ms);
}

/* Who is banned here, and in the store no more, is let in by this command: that is no refusal. */
static void tell_unbanned(struct control_call *call)
{
	struct server *server = call->server;
	const char *user_id = control_text(call, "user");
	int64_t at_ms = json_integer_value(json_object_get(call->data, "revokedAt"));
	bool banned_here = revocations_at(server->revocations, user_id) >= REVOCATION_BAN_MS;
	if (at_ms > 0 || banned_here) {
		revoke_taken_back(server, user_id, at_ms);
		cluster_tell(server, NOTICE_LOWERED, user_id, at_ms > 0 ? at_ms : server->wall_ms);
	}
	if (call->rc == STORE_NOT_FOUND && !banned_here)
		control_refuse(call, "user: he is not banned");
	else
		control_done(call);
}

/* The store knows: this broker may not have heard of the ban, or of its end. */
void control_unban(struct control_call *call)
{
	control_ask(call, ask_unban, tell_unbanned);
}

/* ---- revoke ---- */

static void ask_revoke(struct control_call *call, struct store *store)
{
	int64_t now_ms = clock_wall_ms();
	put(call, store, now_ms);
	control_add_time(call->data, "revokedAt", now_ms);
}

static void tell_revoked(struct control_call *call)
{
	char subject[NOTICE_SUBJECT_MAX + 1];
	int64_t at_ms = json_integer_value(json_object_get(call->data, "revokedAt"));
	subject_of(call, subject);
	revoke_happened(call->server, subject, at_ms);
	cluster_tell(call->server, NOTICE_REVOKED, subject, at_ms);
	control_done(call);
}

void control_revoke(struct control_call *call)
{
	control_ask(call, ask_revoke, tell_revoked);
}

/* ---- eraseAccount ---- */

static void ask_erase(struct control_call *call, struct store *store)
{
	int64_t now_ms = clock_wall_ms();
	call->rc = store_ops(store)->delete_user(store, control_text(call, "user"), now_ms, &call->err);
	call->data = json_object();
	control_add_time(call->data, "deletedAt", now_ms);
}

static void tell_erased(struct control_call *call)
{
	if (call->rc == STORE_NOT_FOUND) {
		control_refuse(call, "user: there is no such account");
		return;
	}
	account_deleted(call->server, control_text(call, "user"), json_integer_value(json_object_get(call->data, "deletedAt")));
	control_done(call);
}

void control_erase_account(struct control_call *call)
{
	control_ask(call, ask_erase, tell_erased);
}
