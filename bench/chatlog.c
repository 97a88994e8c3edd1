/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats for a store, without a broker. One thread; blocks. */
#include "bench/chatlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

void chatlog_init(struct chatlog *log, const struct store_info *info, enum scene scene, size_t index)
{
	*log = (struct chatlog){0};
	scene_chat_id(scene, index, log->chat_id);
	snprintf(log->writer, sizeof log->writer, "%s", info->writer);
}

void chatlog_catch_up(struct chatlog *log, struct store *store)
{
	struct error err = {0};
	struct chat_record *chat = NULL;
	enum store_rc rc = store_ops(store)->load_chat(store, log->chat_id, &chat, &err);
	if (rc == STORE_NOT_FOUND)
		return;
	if (rc != STORE_OK)
		die("%s: %s", log->chat_id, err.text);
	log->latest = chat->latest;
	memcpy(log->head, chat->head, HEAD_BYTES);
	store_free(chat);
}

/* Fills what every transaction has, and takes the next number. */
static struct transaction *next_transaction(struct chatlog *log, struct transaction *tx, const char *body, size_t body_len)
{
	char key[KEY_MAX + 1];
	snprintf(key, sizeof key, "\x01%s/%" PRIu64, log->chat_id, log->latest + 1); /* 0x01: not a client's own commandID */
	tx->chat_id = log->chat_id;
	tx->number = ++log->latest;
	tx->at_ms = clock_wall_ms();
	tx->key = key;
	tx->writer = log->writer;
	unsigned char digest[SHA256_BYTES];
	sha256(&(struct bytes){body, body_len}, 1, digest);
	memcpy(tx->key_hash, digest, ID_BYTES);
	sealed_set(&tx->body, body, body_len);
	transaction_head(tx, log->head, tx->head);
	memcpy(log->head, tx->head, HEAD_BYTES);
	return transaction_new(tx);
}

struct transaction *chatlog_members(struct chatlog *log, const char *const *user_ids, size_t count, bool with_owner)
{
	struct buf body = BUF_EMPTY;
	buf_add_text(&body, "{\"members\":[");
	for (size_t i = 0; i < count; i++) {
		buf_add_text(&body, i > 0 ? ",{\"userID\":" : "{\"userID\":");
		json_add_string(&body, user_ids[i], strlen(user_ids[i]));
		buf_printf(&body, ",\"role\":\"%s\"}", role_name(with_owner && i == 0 ? ROLE_OWNER : ROLE_MEMBER));
	}
	buf_add_text(&body, "]}");
	struct transaction tx = {.type = TX_MEMBER_ADDED, .sender_id = user_ids[0]};
	struct transaction *added = next_transaction(log, &tx, body.data, body.len);
	buf_fini(&body);
	return added;
}

struct transaction *chatlog_message(struct chatlog *log, const char *sender_id, size_t body_len)
{
	char body[SCENE_BODY_MAX];
	scene_body_write(body, body_len, clock_mono_us(), log->messages++);
	struct transaction tx = {.type = TX_MESSAGE, .sender_id = sender_id};
	return next_transaction(log, &tx, body, body_len);
}

struct store *chatlog_store_open(const char *uri, struct store_info *info)
{
	struct store *store;
	struct error err = {0};
	if (store_open(uri, &store, &err) != STORE_OK)
		die("%s: %s", uri, err.text);
	if (store_ops(store)->info(store, info, &err) != STORE_OK)
		die("%s: %s", uri, err.text);
	return store;
}

int64_t chatlog_append_us(
	struct store *store, const struct chatlog *const *logs, size_t log_count, struct transaction **transactions, size_t each)
{
	struct append *appends = mem_zero(log_count * sizeof *appends);
	for (size_t i = 0; i < log_count; i++)
		appends[i] = (struct append){.chat_id = logs[i]->chat_id, .transactions = transactions + i * each, .transaction_count = each};
	struct error err = {0};
	int64_t start_us = clock_mono_us();
	if (store_ops(store)->append(store, appends, log_count, &err) != STORE_OK)
		die("append: %s", err.text);
	int64_t took_us = clock_mono_us() - start_us;
	for (size_t i = 0; i < log_count; i++)
		if (appends[i].result != APPEND_OK)
			die("append to %s: result %d; the store must not have this chat yet", logs[i]->chat_id, appends[i].result);
	for (size_t i = 0; i < log_count * each; i++)
		transaction_free(transactions[i]);
	free(appends);
	return took_us;
}
