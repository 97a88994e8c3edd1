/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How the broker is: status, metrics, keys. Broker thread; all of it is in memory but the signing keys. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/auth/keys.h"
#include "plugin/broker/account.h"
#include "plugin/broker/control_call.h"
#include "plugin/broker/metrics.h"
#include "plugin/broker/metrics_table.h"

/* ---- status ---- */

static void add_store(const struct server *server, json_t *data)
{
	json_t *store = json_object();
	control_add_text(store, "kind", store_ops(server->store)->name);
	control_add_text(store, "epoch", server->world.info.epoch);
	control_add_number(store, "schema", (uint64_t)server->world.info.schema_version);
	control_add_flag(store, "shared", server->tail != NULL);
	control_add_flag(store, "takesMessages", !server->store_warned);
	json_object_set_new(data, "store", store);
}

static void add_journal(const struct server *server, json_t *data)
{
	struct journal_stats stats;
	json_t *journal = json_object();
	journal_stats(server->journal, &stats);
	control_add_number(journal, "records", stats.records);
	control_add_number(journal, "usedBytes", stats.used);
	control_add_number(journal, "sizeBytes", stats.size);
	control_add_number(journal, "quarantined", stats.quarantined);
	json_object_set_new(data, "journal", journal);
}

static void add_mirror(const char *name, struct mirror *mirror, json_t *data)
{
	struct mirror_stats stats;
	if (mirror == NULL)
		return;
	json_t *shown = json_object();
	mirror_stats(mirror, &stats);
	control_add_number(shown, "lag", stats.lag);
	control_add_number(shown, "lagMs", stats.lag_ms > 0 ? (uint64_t)stats.lag_ms : 0);
	control_add_number(shown, "delivered", stats.delivered);
	control_add_flag(shown, "stuck", stats.stuck);
	json_object_set_new(data, name, shown);
}

void control_status(struct control_call *call)
{
	struct server *server = call->server;
	json_t *data = json_object(), *pending = json_object();
	char host[40];
	snprintf(host, sizeof host, "%d.%d.%d", server->version.major, server->version.minor, server->version.revision);
	control_add_text(data, "version", HC_VERSION);
	control_add_text(data, "mosquitto", host);
	control_add_text(data, "broker", server->world.info.writer);
	control_add_time(data, "startedAt", metrics_started_ms(server));
	control_add_number(data, "sessions", HASH_CNT(hh_client, server->by_client));
	control_add_number(data, "users", server->users);
	control_add_number(data, "chatsInMemory", core_chat_count(server->core));
	control_add_flag(data, "draining", server->draining);
	add_store(server, data);
	add_journal(server, data);
	control_add_number(pending, "commands", core_command_count(server->core));
	control_add_number(pending, "writes", lanes_load(server->lanes));
	control_add_number(pending, "reads", workers_load(server->readers));
	control_add_number(pending, "accountsBeingErased", account_closing_count(server));
	json_object_set_new(data, "waiting", pending);
	add_mirror("kafka", server->mirror, data);
	add_mirror("pushes", server->pushes, data);
	call->data = data;
	control_done(call);
}

/* ---- metrics ---- */

static void add_metric(void *context, size_t index, const char *topic, const char *text)
{
	(void)index;
	const char *name = topic + sizeof METRICS_TOPIC;
	char *end;
	double number = strtod(text, &end);
	json_t *value = *end == '\0' && isfinite(number) ? json_real(number) : json_string(text);
	json_object_set_new(context, name, value);
}

void control_metrics(struct control_call *call)
{
	call->data = json_object();
	metrics_now(call->server, add_metric, call->data);
	control_done(call);
}

/* ---- keys ---- */

static void ask_keys(struct control_call *call, struct store *store)
{
	struct signing_key_list *keys = NULL;
	call->rc = store_ops(store)->list_signing_keys(store, &keys, &call->err);
	call->found = keys;
}

/* Only names: neither public nor secret parts. */
static json_t *kids_of(const struct key_set *keys)
{
	json_t *kids = json_array();
	for (size_t i = 0; keys != NULL && i < keys->key_count; i++) {
		const struct key *key = &keys->keys[i];
		json_array_append_new(kids, json_string(key->kid != NULL ? key->kid : key->alg->name));
	}
	return kids;
}

static json_t *issuers_json(const struct issuers *issuers)
{
	struct issuer_state state;
	json_t *list = json_array();
	for (size_t i = 0; issuers_state(issuers, i, &state); i++) {
		json_t *issuer = json_object();
		control_add_text(issuer, "issuer", state.issuer);
		json_object_set_new(issuer, "keys", kids_of(state.keys));
		control_add_number(issuer, "failedFetches", state.failures);
		json_array_append_new(list, issuer);
	}
	return list;
}

static void tell_keys(struct control_call *call)
{
	const struct signing_key_list *keys = call->found;
	json_t *devices = json_array();
	for (size_t i = 0; i < keys->count; i++) {
		json_t *key = json_object();
		control_add_text(key, "kid", keys->keys[i].kid);
		control_add_time(key, "createdAt", keys->keys[i].created_at_ms);
		json_array_append_new(devices, key);
	}
	call->data = json_pack("{s:o,s:o}", "issuers", issuers_json(call->server->issuers), "deviceKeys", devices);
	control_done(call);
}

void control_keys(struct control_call *call)
{
	control_ask(call, ask_keys, tell_keys);
}
