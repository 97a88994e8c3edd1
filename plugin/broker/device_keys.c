/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The chat's own keys. Broker thread; they are read by a reader. */
#include "plugin/broker/device_keys.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/auth/printable.h"
#include "plugin/auth/sign.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"
#include "plugin/broker/signing.h"

enum {
	LOOK_AGAIN_MS = 10 * 1000,       /* for a key that is not known */
	READ_AGAIN_MS = 60 * 60 * 1000,  /* in case a notice was missed */
	FAILED_MS = 1000,
};

struct device_keys {
	struct job job;
	struct server *server;
	struct key_set *keys; /* NULL: none */
	bool loading, again;  /* under way; and once more behind that */
	int64_t began_ms, due_ms;
	/* results */
	enum store_rc rc;
	struct error err;
	struct key_set *loaded;
};

static bool has_kid(const struct key_set *set, const char *kid)
{
	for (size_t i = 0; set != NULL && i < set->key_count; i++)
		if (strcmp(set->keys[i].kid, kid) == 0)
			return true;
	return false;
}

static void say(const struct key_set *set)
{
	char shown[PRINTABLE_SIZE];
	struct buf list = BUF_EMPTY;
	buf_add_text(&list, set == NULL ? "none" : "");
	for (size_t i = 0; set != NULL && i < set->key_count; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", printable(shown, set->keys[i].kid));
	server_log(MOSQ_LOG_NOTICE, "keys of device tokens: %s", list.data);
	buf_fini(&list);
}

static bool are_alike(const struct key_set *one, const struct key_set *other)
{
	size_t count = one ? one->key_count : 0;
	if (count != (other ? other->key_count : 0))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!has_kid(other, one->keys[i].kid))
			return false;
	return true;
}

/* Who came by a key that is gone now goes as well: his token might count for a year. */
static void cut_others(struct server *server, const struct key_set *set)
{
	for (struct session *session = server->by_client; session != NULL; session = session->hh_client.next)
		if (session->kid != NULL && !has_kid(set, session->kid))
			session_cut(server, session);
}

static void set_keys(struct server *server, struct key_set *set)
{
	struct device_keys *own = server->device_keys;
	bool changed = !are_alike(own->keys, set);
	key_set_free(own->keys);
	own->keys = set;
	if (!changed)
		return;
	say(set);
	cut_others(server, set);
}

static void load_run(struct job *job)
{
	struct device_keys *own = (struct device_keys *)job;
	own->rc = signing_keys_load(own->server->store, &own->loaded, &own->err);
}

static void load(struct server *server)
{
	struct device_keys *own = server->device_keys;
	own->again = own->loading;
	if (own->loading)
		return;
	own->rc = STORE_UNAVAILABLE;
	own->began_ms = server->now_ms;
	own->due_ms = server->now_ms + FAILED_MS;
	own->loading = workers_add(server->readers, &own->job);
}

static void load_done(struct job *job)
{
	struct device_keys *own = (struct device_keys *)job;
	struct server *server = own->server;
	own->loading = false;
	if (own->rc == STORE_OK && !own->again) { /* else they have changed since, and it may not know it */
		set_keys(server, own->loaded);
		own->due_ms = server->now_ms + READ_AGAIN_MS;
	} else {
		key_set_free(own->loaded);
	}
	own->loaded = NULL;
	if (own->again && !server->closing)
		load(server);
}

void device_keys_begin(struct server *server, struct key_set *keys)
{
	struct device_keys *own = mem_zero(sizeof *own);
	own->job = (struct job){.run = load_run, .done = load_done};
	own->server = server;
	own->began_ms = server->now_ms - LOOK_AGAIN_MS;
	own->due_ms = server->now_ms + READ_AGAIN_MS;
	server->device_keys = own;
	set_keys(server, keys);
}

void device_keys_free(struct server *server)
{
	if (server->device_keys == NULL)
		return;
	key_set_free(server->device_keys->keys);
	free(server->device_keys);
	server->device_keys = NULL;
}

void device_keys_changed(struct server *server)
{
	load(server);
}

void device_keys_tick(struct server *server)
{
	if (server->device_keys->due_ms <= server->now_ms)
		load(server);
}

/* ---- tokens ---- */

/* Whether the key may come yet. */
static bool look_for_key(struct server *server)
{
	struct device_keys *own = server->device_keys;
	if (!own->loading && server->now_ms - own->began_ms >= LOOK_AGAIN_MS)
		load(server);
	return own->loading;
}

enum jwt_rc device_keys_check(struct server *server, const struct jwt *jwt, struct device_claims *out, struct error *err)
{
	const char *audiences[ISSUERS_AUDIENCES_MAX];
	const struct device_policy policy = {.audiences = audiences,
		.audience_count = issuers_audiences(server->issuers, audiences),
		.leeway_s = (int)server->conf.leeway_s};
	if (server->device_keys == NULL)
		return (enum jwt_rc)error_set(err, JWT_NO_KEY, 0, "the store is not open yet");
	enum jwt_rc rc = device_token_check(jwt, server->device_keys->keys, &policy, server->wall_ms, out, err);
	return rc == JWT_NO_KEY && !look_for_key(server) ? JWT_BAD : rc;
}

static char *sign(const struct server *server, const char *user_id, const struct key *key, const char *device, int64_t issued_s, int64_t expires_s)
{
	const char *audiences[ISSUERS_AUDIENCES_MAX];
	char subject[AUTH_USER_ID_MAX + 1], id[ID_TEXT_LEN + 1];
	unsigned char random[ID_BYTES];
	issuers_audiences(server->issuers, audiences);
	if (!user_id_decode(user_id, subject))
		return NULL;
	id_random(random, sizeof random);
	base64url_encode(random, sizeof random, id);
	return sign_token(key, &(struct sign_claims){.issuer = DEVICE_TOKEN_ISSUER,
							   .audience = audiences[0],
							   .subject = subject,
							   .device = device,
							   .id = id,
							   .issued_s = issued_s,
							   .expires_s = expires_s});
}

/* It counts at once. What is in the store by now is read behind that. */
static void count_new(struct server *server, const struct signing_key_list *list)
{
	if (has_kid(server->device_keys->keys, list->keys[0].kid))
		return;
	set_keys(server, signing_keys_read(list, list->count, KEY_VERIFY));
	cluster_tell(server, NOTICE_KEYS, list->keys[0].kid, server->wall_ms);
	device_keys_changed(server);
}

char *device_keys_sign(const struct rpc_request *request, const struct signing_key_list *keys, const char *device, int64_t expires_ms,
	struct verdict *verdict)
{
	struct server *server = ((const struct origin *)request->origin)->server;
	int64_t issued_s = request->at_ms / 1000;
	const char *why;
	if (revocations_refuse(server->revocations, request->user_id, device, issued_s * 1000, &why)) {
		refuse(verdict, REFUSAL_UNAVAILABLE, "tokens of this device were ended within this second, try again");
		return NULL;
	}
	struct key_set *set = signing_keys_read(keys, 1, KEY_SIGN);
	char *token = set ? sign(server, request->user_id, &set->keys[0], device, issued_s, expires_ms / 1000) : NULL;
	key_set_free(set);
	if (token == NULL) {
		refuse(verdict, REFUSAL_UNAVAILABLE, NULL);
		server_log(MOSQ_LOG_ERR, "a device token for %s could not be signed", request->user_id);
		return NULL;
	}
	count_new(server, keys);
	server_log(MOSQ_LOG_NOTICE, "a device token was issued to %s, by the key \"%s\"", request->user_id, keys->keys[0].kid);
	return token;
}
