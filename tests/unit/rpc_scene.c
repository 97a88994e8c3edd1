/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A memory store with chats in it, and somebody who calls operations. */
#include "rpc_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "storage/faulty/faulty.h"

static int64_t now_ms = 1790000000000;

void scene_open(struct scene *scene)
{
	struct error err;
	struct store *memory;
	assert_int_equal(store_open("memory:", &memory, &err), STORE_OK);
	scene->store = store_faulty_new(memory);
	scene->world = (struct rpc_world){
		.store = scene->store,
		.prefix = "hc",
		.writer = "test",
		.body_max = 16384,
		.page_max = 200,
		.answer_bytes_max = 65536,
	};
	assert_int_equal(store_ops(scene->store)->info(scene->store, &scene->world.info, &err), STORE_OK);
}

void scene_close(struct scene *scene)
{
	store_ops(scene->store)->close(scene->store);
}

int scene_setup(void **state)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene_open(scene);
	*state = scene;
	return 0;
}

int scene_teardown(void **state)
{
	scene_close(*state);
	free(*state);
	return 0;
}

/* ---- the log ---- */

static uint64_t append(struct scene *scene, const char *chat_id, const char *user_id, struct transaction draft, const char *body)
{
	unsigned char head[HEAD_BYTES] = {0};
	uint64_t latest = 0;
	struct chat_record *chat;
	struct error err;
	if (store_ops(scene->store)->load_chat(scene->store, chat_id, &chat, &err) == STORE_OK) {
		memcpy(head, chat->head, sizeof head);
		latest = chat->latest;
		store_free(chat);
	}
	char key[32];
	snprintf(key, sizeof key, "\x01test/%llu", (unsigned long long)latest);
	draft.chat_id = chat_id;
	draft.number = latest + 1;
	draft.sender_id = user_id;
	draft.at_ms = now_ms++;
	draft.key = key;
	draft.writer = scene->world.writer;
	if (body != NULL)
		sealed_set(&draft.body, body, strlen(body));
	transaction_head(&draft, head, draft.head);
	struct transaction *tx = transaction_new(&draft);
	struct append batch = {.chat_id = chat_id, .transactions = &tx, .transaction_count = 1};
	assert_int_equal(store_ops(scene->store)->append(scene->store, &batch, 1, &err), STORE_OK);
	assert_int_equal(batch.result, APPEND_OK);
	transaction_free(tx);
	return latest + 1;
}

static void logs_in(struct scene *scene, const char *user_id)
{
	assert_int_equal(store_ops(scene->store)->put_user(scene->store, user_id, now_ms, NULL), STORE_OK);
}

uint64_t scene_adds(struct scene *scene, const char *chat_id, const char *user_id)
{
	char body[300];
	logs_in(scene, user_id);
	snprintf(body, sizeof body, "{\"members\":[{\"userID\":\"%s\",\"role\":\"member\"}]}", user_id);
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_MEMBER_ADDED}, body);
}

uint64_t scene_removes(struct scene *scene, const char *chat_id, const char *user_id)
{
	char body[300];
	snprintf(body, sizeof body, "{\"userID\":\"%s\"}", user_id);
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_MEMBER_REMOVED}, body);
}

uint64_t scene_says(struct scene *scene, const char *chat_id, const char *user_id, const char *body)
{
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_MESSAGE}, body);
}

uint64_t scene_replies(struct scene *scene, const char *chat_id, const char *user_id, uint64_t to, const char *quote, const char *body)
{
	struct transaction draft = {.type = TX_MESSAGE, .target = to, .quote_revision = to};
	sealed_set(&draft.quote, quote, strlen(quote));
	return append(scene, chat_id, user_id, draft, body);
}

uint64_t scene_edits(struct scene *scene, const char *chat_id, const char *user_id, uint64_t message_id, const char *body)
{
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_EDIT, .target = message_id}, body);
}

uint64_t scene_deletes(struct scene *scene, const char *chat_id, const char *user_id, uint64_t message_id)
{
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_DELETE, .target = message_id}, NULL);
}

uint64_t scene_changes_role(struct scene *scene, const char *chat_id, const char *user_id, const char *role)
{
	char body[300];
	snprintf(body, sizeof body, "{\"userID\":\"%s\",\"role\":\"%s\"}", user_id, role);
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_ROLE_CHANGED}, body);
}

static char *with_double_quotes(const char *text)
{
	char *copy = mem_text(text);
	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	return copy;
}

uint64_t scene_updates(struct scene *scene, const char *chat_id, const char *user_id, const char *body)
{
	char *json = with_double_quotes(body);
	uint64_t number = append(scene, chat_id, user_id, (struct transaction){.type = TX_GROUP_UPDATED}, json);
	free(json);
	return number;
}

uint64_t scene_ends(struct scene *scene, const char *chat_id, const char *user_id)
{
	return append(scene, chat_id, user_id, (struct transaction){.type = TX_GROUP_DELETED}, NULL);
}

void scene_group(struct scene *scene, const char *chat_id, const char *owner, const char *name)
{
	char body[600];
	logs_in(scene, owner);
	snprintf(body, sizeof body, "{\"members\":[{\"userID\":\"%s\",\"role\":\"owner\"}]}", owner);
	append(scene, chat_id, owner, (struct transaction){.type = TX_MEMBER_ADDED}, body);
	snprintf(body, sizeof body, "{'name':'%s'}", name);
	scene_updates(scene, chat_id, owner, body);
}

void scene_room(struct scene *scene)
{
	scene_adds(scene, "room", "alice");
	scene_adds(scene, "room", "bob");
	scene_adds(scene, "room", "carol");
	scene_says(scene, "room", "alice", "one");
	scene_says(scene, "room", "bob", "two");
}

char *long_text(char c, size_t len)
{
	char *text = mem_new(len + 1);
	memset(text, c, len);
	text[len] = '\0';
	return text;
}

int64_t scene_now(void)
{
	return now_ms;
}

void scene_names(struct scene *scene, const char *user_id, const char *name, const char *icon)
{
	logs_in(scene, user_id);
	const struct profile_change change = {.name = name, .icon = icon, .hides_online = -1, .hides_last_seen = -1};
	assert_int_equal(store_ops(scene->store)->put_profile(scene->store, user_id, &change, NULL), STORE_OK);
}

void scene_blocks(struct scene *scene, const char *user_id, const char *other_id, bool on)
{
	assert_int_equal(store_ops(scene->store)->put_block(scene->store, user_id, other_id, on, now_ms++, NULL), STORE_OK);
}

const char *scene_pair(struct scene *scene, const char *user_a, const char *user_b)
{
	static char chat_id[ID_TEXT_LEN + 1];
	char body[600];
	logs_in(scene, user_a);
	logs_in(scene, user_b);
	peer_chat_id(scene->world.info.secret, STORE_SECRET_BYTES, user_a, user_b, chat_id);
	snprintf(body, sizeof body, "{\"members\":[{\"userID\":\"%s\",\"role\":\"member\"},{\"userID\":\"%s\",\"role\":\"member\"}]}", user_a,
		user_b);
	append(scene, chat_id, user_a, (struct transaction){.type = TX_MEMBER_ADDED}, body);
	return chat_id;
}

void scene_receipts(struct scene *scene, const char *chat_id, const char *user_id, uint64_t received, uint64_t read)
{
	struct receipt receipt = {chat_id, user_id, received, read};
	assert_int_equal(store_ops(scene->store)->put_receipts(scene->store, &receipt, 1, NULL), STORE_OK);
}

/* ---- answers, compared with the table ---- */

static void assert_fields(const json_t *json, const struct field *fields, const char *where);

static void assert_shape(const json_t *json, const char *name, const char *where)
{
	const struct shape *shape = shape_find(name);
	if (shape == NULL)
		fail_msg("%s: the table has no shape %s", where, name);
	assert_true(json_is_object(json));
	if (shape->fields != NULL)
		assert_fields(json, shape->fields, name);
}

static void assert_field(const json_t *value, const struct field *field, const char *where)
{
	size_t i;
	json_t *item;
	const char *key;
	bool good = field->type == FIELD_TEXT                                    ? json_is_string(value)
				: field->type == FIELD_NUMBER || field->type == FIELD_TIME   ? json_is_integer(value)
				: field->type == FIELD_BOOL                                  ? json_is_boolean(value)
				: field->type == FIELD_TEXTS || field->type == FIELD_OBJECTS ? json_is_array(value)
																			 : json_is_object(value);
	if (!good)
		fail_msg("%s.%s is not what the table says", where, field->name);
	if (field->type == FIELD_OBJECT)
		assert_shape(value, field->shape, where);
	if (field->type == FIELD_OBJECTS)
		json_array_foreach(value, i, item) assert_shape(item, field->shape, where);
	if (field->type == FIELD_MAP)
		json_object_foreach((json_t *)(uintptr_t)value, key, item) assert_shape(item, field->shape, where);
}

static void assert_fields(const json_t *json, const struct field *fields, const char *where)
{
	const char *name;
	json_t *value;
	for (const struct field *field = fields; field->name != NULL; field++)
		if (!field->optional && json_object_get(json, field->name) == NULL)
			fail_msg("%s.%s is missing", where, field->name);
	json_object_foreach((json_t *)(uintptr_t)json, name, value)
	{
		const struct field *field = fields;
		while (field->name != NULL && strcmp(field->name, name) != 0)
			field++;
		if (field->name == NULL)
			fail_msg("%s.%s is not in the table", where, name);
		assert_field(value, field, where);
	}
}

json_t *scene_answer(struct rpc_request *request)
{
	struct buf payload = BUF_EMPTY;
	struct error err;
	if (request->refused.code != REFUSAL_NONE)
		verdict_add_json(&payload, &request->refused);
	else
		buf_add(&payload, request->answer.data, request->answer.len);
	json_t *json = json_read_object(payload.data, payload.len, &err);
	if (json == NULL)
		fail_msg("%s answers no JSON: %s: %s", rpc_name(request), err.text, payload.data);
	if (request->refused.code == REFUSAL_NONE) {
		json_t *max = json_object_get(request->args, "maxBytes");
		assert_in_range(payload.len, 1, max ? (uintmax_t)json_integer_value(max) : request->bytes_max);
		assert_fields(json_object_get(json, "result"), request->operation->result, rpc_name(request));
	}
	buf_fini(&payload);
	rpc_free(request);
	return json;
}

struct rpc_request *scene_request(struct scene *scene, const char *user_id, const char *operation, const char *id, const char *args)
{
	struct verdict verdict;
	char *payload = with_double_quotes(args);
	struct rpc_request *request = rpc_parse(&scene->world, operation, id, payload, strlen(payload), &verdict);
	if (request == NULL)
		fail_msg("%s %s: %s", operation, payload, verdict.message);
	free(payload);
	request->user_id = mem_text(user_id);
	request->at_ms = now_ms;
	return request;
}

json_t *scene_runs(struct rpc_request *request)
{
	if (rpc_kind(request) == RPC_READ) {
		rpc_read(request);
	} else {
		assert_true(rpc_writes(request));
		rpc_write(request);
	}
	rpc_settle(request);
	return scene_answer(request);
}

json_t *scene_asks(struct scene *scene, const char *user_id, const char *operation, const char *format, ...)
{
	char args[4096];
	va_list list;
	va_start(list, format);
	vsnprintf(args, sizeof args, format, list);
	va_end(list);
	return scene_runs(scene_request(scene, user_id, operation, "", args));
}

void assert_refusal(json_t *answer, const char *code)
{
	assert_string_equal(text_at(answer, "error.code"), code);
	json_decref(answer);
}

size_t scene_operation_count(void)
{
	size_t count = 0;
	while (operation_at(count) != NULL)
		count++;
	return count;
}

/* ---- paths ---- */

static const json_t *find(const json_t *json, const char *path)
{
	while (json != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");
		json = json_is_array(json) ? json_array_get(json, (size_t)atoi(path)) : json_object_getn(json, path, len);
		path += len + (path[len] == '.');
	}
	return json;
}

bool has(const json_t *json, const char *path)
{
	return find(json, path) != NULL;
}

const json_t *at(const json_t *json, const char *path)
{
	const json_t *value = find(json, path);
	if (value == NULL) {
		char *text = json_dumps(json, 0);
		print_error("%s\n", text);
		free(text);
		fail_msg("there is no %s", path);
	}
	return value;
}

const char *text_at(const json_t *json, const char *path)
{
	return json_string_value(at(json, path));
}

json_int_t number_at(const json_t *json, const char *path)
{
	return json_integer_value(at(json, path));
}

size_t count_at(const json_t *json, const char *path)
{
	const json_t *value = at(json, path);
	return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}
