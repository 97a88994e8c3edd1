/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where devices get pushes, and who is to get one. Any thread.
 *
 * A push token belongs to one device, and devices are documents of their own. So who registers writes the token into his document, then looks
 * who else has it (pushKey, a keyed digest, has an index), and takes it from them. Two who do that at once go by (pushOrder, _id): the smaller one is
 * taken from. Who finds a larger one raises his own and looks anew, since his call is not older than the other's. So whoever wrote last
 * sees the other one afterwards, and one of them is left, never none. Who dies in between leaves it to the next registration. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

/* How many members one question is about. */
enum { PEOPLE_MIN = 100, PEOPLE_MAX = 1000 };

/* ---- registrations ---- */

struct registration {
	const char *user_id, *device, *platform, *push_token;
	int64_t at_ms;
	struct pair_key id;
	unsigned char key[ID_BYTES]; /* of the token */
	int64_t order;
};

static void token_key(struct db *db, const char *push_token, unsigned char key[ID_BYTES])
{
	unsigned char digest[SHA256_BYTES];
	struct bytes parts[] = {{"push token ", 11}, {push_token, strlen(push_token)}};
	hmac_sha256(db->mongo->info.secret, sizeof db->mongo->info.secret, parts, 2, digest);
	memcpy(key, digest, ID_BYTES);
}

static bson_t *no_registration(void)
{
	return BCON_NEW("platform", BCON_INT32(1), "pushToken", BCON_INT32(1), "pushKey", BCON_INT32(1), "pushOrder", BCON_INT32(1));
}

static enum store_rc write_registration(struct db *db, const struct registration *own, struct error *err)
{
	bool ends = own->push_token[0] == '\0';
	bson_t *fields = ends ? no_registration()
						  : BCON_NEW("platform", BCON_UTF8(own->platform), "pushToken", BCON_UTF8(own->push_token), "pushKey",
								BCON_BIN(BSON_SUBTYPE_BINARY, own->key, sizeof own->key), "pushOrder", BCON_INT64(own->order));
	struct device_change change = {.user_id = own->user_id, .device = own->device, .seen_at_ms = own->at_ms, .needs_account = true,
		.operator = ends ? "$unset" : "$set", .fields = fields};
	enum store_rc rc = device_change(db, &change, err);
	bson_destroy(fields);
	return rc;
}

static struct bytes id_of(const bson_t *doc)
{
	struct bytes id;
	id.data = doc_bytes(doc, "_id", &id.len);
	return id;
}

static bool is_own(const struct registration *own, const bson_t *doc)
{
	struct bytes id = id_of(doc);
	return id.len == own->id.len && memcmp(id.data, own->id.bytes, id.len) == 0;
}

static bool is_larger(const bson_t *doc, const struct registration *own)
{
	struct bytes id = id_of(doc);
	int64_t order = doc_number(doc, "pushOrder");
	size_t len = id.len < own->id.len ? id.len : own->id.len;
	int difference = memcmp(id.data, own->id.bytes, len);
	return order != own->order ? order > own->order : difference != 0 ? difference > 0 : id.len > own->id.len;
}

/* As it was seen: one that was raised meanwhile stays. */
static enum store_rc take_from(struct db *db, const struct docs *all, const struct registration *own, struct error *err)
{
	struct db_bulk bulk;
	db_bulk_begin(&bulk, db, DEVICES);
	for (size_t i = 0; i < all->count; i++) {
		struct bytes id = id_of(all->items[i]);
		if (is_own(own, all->items[i]))
			continue;
		bson_t *unset = no_registration(), *update = bson_new();
		BSON_APPEND_DOCUMENT(update, "$unset", unset);
		bson_destroy(unset);
		db_bulk_update(&bulk,
			BCON_NEW("_id", BCON_BIN(BSON_SUBTYPE_BINARY, id.data, (uint32_t)id.len), "u", BCON_UTF8(doc_text(all->items[i], "u")), "pushKey",
				BCON_BIN(BSON_SUBTYPE_BINARY, own->key, sizeof own->key), "pushOrder", BCON_INT64(doc_number(all->items[i], "pushOrder"))),
			update, DB_UPDATE);
	}
	enum store_rc rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	return rc;
}

/* *again: somebody has a larger one, and own->order is above it now; or somebody took it from us. */
static enum store_rc look_for_others(struct db *db, struct registration *own, bool *again, struct error *err)
{
	struct docs all = {0};
	int64_t order = own->order;
	bool is_ours = false;
	enum store_rc rc = docs_load(db, DEVICES, BCON_NEW("pushKey", BCON_BIN(BSON_SUBTYPE_BINARY, own->key, sizeof own->key)),
		BCON_NEW("projection", "{", "u", BCON_INT32(1), "pushOrder", BCON_INT32(1), "}"), &all, err);
	if (rc != STORE_OK)
		return rc;
	for (size_t i = 0; i < all.count; i++) {
		int64_t other = doc_number(all.items[i], "pushOrder");
		if (is_own(own, all.items[i]))
			is_ours = true;
		else if (is_larger(all.items[i], own) && other >= order)
			order = other + 1;
	}
	*again = !is_ours || order > own->order;
	if (!*again)
		rc = take_from(db, &all, own, err);
	own->order = order;
	docs_fini(&all);
	return rc;
}

static enum store_rc put_registration(struct db *db, struct registration *own, struct error *err)
{
	bool again = true;
	enum store_rc rc = STORE_OK;
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_OK && again; tries++) {
		if (tries > 1)
			pause_before_try(tries);
		rc = write_registration(db, own, err);
		if (own->push_token[0] == '\0')
			return rc;
		if (rc == STORE_OK)
			rc = look_for_others(db, own, &again, err);
	}
	return rc == STORE_OK && again ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "others register that token all the time") : rc;
}

enum store_rc mongo_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                     const char *push_token, int64_t at_ms, struct error *err)
{
	struct db db;
	struct registration own = {.user_id = user_id, .device = device, .platform = platform, .push_token = push_token, .at_ms = at_ms,
		.id = pair_key(user_id, device), .order = 1};
	db_begin(&db, store);
	token_key(&db, push_token, own.key);
	enum store_rc rc = put_registration(&db, &own, err);
	db_end(&db);
	return rc;
}

/* ---- targets ---- */

struct question {
	const char *chat_id;
	int64_t number;
	size_t people_max;
	char after[USER_ID_MAX + 1]; /* goes on with each answer */
};

/* What is known of some members: members by u, devices by u and name, and whose accounts they are of. */
struct people {
	struct docs members, devices, accounts;
};

static void people_fini(struct people *people)
{
	docs_fini(&people->members);
	docs_fini(&people->devices);
	docs_fini(&people->accounts);
}

static int by_user(const void *left, const void *right)
{
	const bson_t *a = *(const bson_t *const *)left, *b = *(const bson_t *const *)right;
	int order = strcmp(doc_text(a, "u"), doc_text(b, "u"));
	return order != 0 ? order : strcmp(doc_text(a, "name"), doc_text(b, "name"));
}

static void sort_by_user(struct docs *docs)
{
	if (docs->count > 1)
		qsort(docs->items, docs->count, sizeof *docs->items, by_user);
}

static enum store_rc load_members(struct db *db, const struct question *question, struct docs *members, struct error *err)
{
	enum store_rc rc = docs_load(db, MEMBERS,
		BCON_NEW("c", BCON_UTF8(question->chat_id), "u", "{", "$gt", BCON_UTF8(question->after), "}", "role", "{", "$gt", BCON_INT32(ROLE_NONE), "}",
			"received", "{", "$lt", BCON_INT64(question->number), "}", "read", "{", "$lt", BCON_INT64(question->number), "}"),
		BCON_NEW("sort", "{", "u", BCON_INT32(1), "}", "limit", BCON_INT64((int64_t)question->people_max), "projection", "{", "u", BCON_INT32(1),
			"muted", BCON_INT32(1), "}"),
		members, err);
	sort_by_user(members);
	return rc;
}

static enum store_rc load_devices(struct db *db, const struct question *question, const char *const *ids, size_t count, struct docs *devices,
                                  struct error *err)
{
	char field[CURSOR_FIELD_MAX + 1];
	bson_t *opts = bson_new();
	bson_t *fields = BCON_NEW("u", BCON_INT32(1), "account", BCON_INT32(1), "name", BCON_INT32(1), "seen", BCON_INT32(1), "platform", BCON_INT32(1),
		"pushToken", BCON_INT32(1), "tokenUntil", BCON_INT32(1));
	cursor_field(question->chat_id, field);
	BSON_APPEND_INT32(fields, field, 1);
	BSON_APPEND_DOCUMENT(opts, "projection", fields);
	bson_destroy(fields);
	enum store_rc rc = docs_load(db, DEVICES, filter_in("u", ids, count), opts, devices, err);
	sort_by_user(devices);
	return rc;
}

static enum store_rc load_people(struct db *db, const struct question *question, struct people *people, struct error *err)
{
	enum store_rc rc = load_members(db, question, &people->members, err);
	size_t count = people->members.count;
	if (rc != STORE_OK || count == 0)
		return rc;
	const char **ids = mem_new(count * sizeof *ids);
	for (size_t i = 0; i < count; i++)
		ids[i] = doc_text(people->members.items[i], "u");
	rc = people_load(db, ids, count, NULL, &people->accounts, err);
	if (rc == STORE_OK)
		rc = load_devices(db, question, ids, count, &people->devices, err);
	free(ids);
	return rc;
}

/* Adds his devices behind those that are there, and says whether one of them has it. *next: the first document that is not his. */
static bool add_devices(const struct people *people, const char *user_id, const struct question *question, struct push_target *target,
                        struct device_info *infos, size_t *next)
{
	char field[CURSOR_FIELD_MAX + 1];
	bool has_it = false;
	int64_t account = person_account(&people->accounts, user_id);
	cursor_field(question->chat_id, field);
	*target = (struct push_target){.user_id = user_id, .devices = infos};
	for (; *next < people->devices.count && strcmp(doc_text(people->devices.items[*next], "u"), user_id) <= 0; (*next)++) {
		const bson_t *device = people->devices.items[*next];
		if (strcmp(doc_text(device, "u"), user_id) != 0 || doc_number(device, "account") != account)
			continue; /* of an account that has ended */
		infos[target->device_count++] = device_info_of(device);
		has_it = has_it || (int64_t)device_cursor_of(device, field) >= question->number;
	}
	return has_it;
}

static struct push_target_list *targets_among(const struct people *people, const struct question *question)
{
	struct device_info *infos = mem_new(people->devices.count * sizeof *infos);
	struct push_target *targets = mem_new(people->members.count * sizeof *targets);
	size_t count = 0, next = 0, device_count = 0;
	for (size_t i = 0; i < people->members.count; i++) {
		struct push_target *target = &targets[count];
		const char *user_id = doc_text(people->members.items[i], "u");
		if (add_devices(people, user_id, question, target, infos + device_count, &next))
			continue;
		target->muted_until_ms = doc_number(people->members.items[i], "muted");
		device_count += target->device_count;
		count++;
	}
	struct push_target_list *list = record_copy_push_targets(&(struct push_target_list){count, targets});
	free(targets);
	free(infos);
	return list;
}

/* The targets among the next members, and whether there may be more members behind. */
static enum store_rc ask(struct db *db, struct question *question, struct push_target_list **list, bool *more, struct error *err)
{
	struct people people = {0};
	enum store_rc rc = load_people(db, question, &people, err);
	size_t count = people.members.count;
	if (rc == STORE_OK) {
		*list = targets_among(&people, question);
		*more = count == question->people_max;
	}
	if (rc == STORE_OK && count > 0) {
		const char *last = doc_text(people.members.items[count - 1], "u");
		memcpy(question->after, last, strnlen(last, USER_ID_MAX) + 1);
	}
	people_fini(&people);
	return rc;
}

/* Answers, one after the other; their targets stand in them. */
struct answers {
	struct push_target_list **lists;
	size_t list_count;
	struct push_target *targets;
	size_t count;
};

static void answers_add(struct answers *answers, struct push_target_list *list)
{
	answers->lists = mem_grow(answers->lists, (answers->list_count + 1) * sizeof *answers->lists);
	answers->lists[answers->list_count++] = list;
	answers->targets = mem_grow(answers->targets, (answers->count + list->count) * sizeof *answers->targets);
	for (size_t i = 0; i < list->count; i++)
		answers->targets[answers->count++] = list->targets[i];
}

static void answers_fini(struct answers *answers)
{
	for (size_t i = 0; i < answers->list_count; i++)
		store_free(answers->lists[i]);
	free(answers->lists);
	free(answers->targets);
}

/* Until there are enough. */
static enum store_rc ask_until(struct db *db, struct question *question, size_t count_max, struct answers *answers, struct error *err)
{
	struct chat_doc chat = {0};
	enum store_rc rc = mongo_settle_chat(db, question->chat_id, &chat, err);
	bool more = rc == STORE_OK && !chat.ended;
	chat_doc_fini(&chat);
	while (rc == STORE_OK && more && answers->count < count_max) {
		struct push_target_list *list = NULL;
		rc = ask(db, question, &list, &more, err);
		if (rc == STORE_OK)
			answers_add(answers, list);
	}
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

enum store_rc mongo_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                      struct push_target_list **targets, struct error *err)
{
	struct db db;
	struct answers answers = {0};
	struct question question = {.chat_id = chat_id, .number = number < INT64_MAX ? (int64_t)number : INT64_MAX,
		.people_max = count_max < PEOPLE_MIN ? PEOPLE_MIN : count_max > PEOPLE_MAX ? PEOPLE_MAX : count_max};
	memcpy(question.after, after, strnlen(after, USER_ID_MAX));
	db_begin(&db, store);
	enum store_rc rc = ask_until(&db, &question, count_max, &answers, err);
	db_end(&db);
	if (rc == STORE_OK)
		*targets = record_copy_push_targets(&(struct push_target_list){answers.count < count_max ? answers.count : count_max, answers.targets});
	answers_fini(&answers);
	return rc;
}
