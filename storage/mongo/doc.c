/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Keys, fields and lists of documents; chats and members as they are stored. Any thread, nothing blocks. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/handle.h"

/* ---- keys ---- */

struct pair_key pair_key(const char *a, const char *b)
{
	struct pair_key key;
	size_t a_len = strlen(a), b_len = strlen(b);
	assert(a_len <= USER_ID_MAX && b_len <= USER_ID_MAX);
	memcpy(key.bytes, a, a_len + 1);
	memcpy(key.bytes + a_len + 1, b, b_len);
	key.len = (uint32_t)(a_len + 1 + b_len);
	return key;
}

struct pair_key number_key(const char *chat_id, uint64_t number)
{
	struct pair_key key = pair_key(chat_id, "");
	for (int shift = 56; shift >= 0; shift -= 8)
		key.bytes[key.len++] = (unsigned char)(number >> shift);
	return key;
}

/* ---- fields ---- */

const char *doc_text(const bson_t *doc, const char *name)
{
	bson_iter_t iter;
	return bson_iter_init_find(&iter, doc, name) && BSON_ITER_HOLDS_UTF8(&iter) ? bson_iter_utf8(&iter, NULL) : "";
}

int64_t doc_number(const bson_t *doc, const char *name)
{
	bson_iter_t iter;
	return bson_iter_init_find(&iter, doc, name) ? bson_iter_as_int64(&iter) : 0;
}

bool doc_has(const bson_t *doc, const char *name)
{
	bson_iter_t iter;
	return bson_iter_init_find(&iter, doc, name) && !BSON_ITER_HOLDS_NULL(&iter);
}

const unsigned char *doc_bytes(const bson_t *doc, const char *name, size_t *len)
{
	bson_iter_t iter;
	bson_subtype_t subtype;
	uint32_t found;
	const uint8_t *bytes = NULL;
	if (bson_iter_init_find(&iter, doc, name) && BSON_ITER_HOLDS_BINARY(&iter))
		bson_iter_binary(&iter, &subtype, &found, &bytes);
	*len = bytes ? found : 0;
	return bytes;
}

/* An array's documents, one after the other. */
struct doc_list {
	bson_iter_t items;
	bool any;
};

static struct doc_list list_begin(const bson_t *doc, const char *name)
{
	bson_iter_t fields;
	struct doc_list list;
	list.any = bson_iter_init_find(&fields, doc, name) && bson_iter_recurse(&fields, &list.items);
	return list;
}

/* entry is a view into the document: not to be destroyed. */
static bool list_next(struct doc_list *list, bson_t *entry)
{
	while (list->any && bson_iter_next(&list->items)) {
		const uint8_t *data;
		uint32_t len;
		if (!BSON_ITER_HOLDS_DOCUMENT(&list->items))
			continue;
		bson_iter_document(&list->items, &len, &data);
		if (bson_init_static(entry, data, len))
			return true;
	}
	return false;
}

void *doc_list_read(const bson_t *doc, const char *name, size_t size, doc_read_entry *read, size_t *count)
{
	bson_t entry;
	struct doc_list list = list_begin(doc, name);
	char *items = mem_new(size);
	*count = 0;
	while (list_next(&list, &entry)) {
		items = mem_grow(items, (*count + 2) * size);
		read(&entry, items + *count * size);
		(*count)++;
	}
	return items;
}

void doc_list_append(bson_t *doc, const char *name, const void *items, size_t size, size_t count, doc_write_entry *write)
{
	bson_t list, entry;
	BSON_APPEND_ARRAY_BEGIN(doc, name, &list);
	for (size_t i = 0; i < count; i++) {
		char index[16];
		const char *key;
		size_t len = bson_uint32_to_string((uint32_t)i, &key, index, sizeof index);
		bson_append_document_begin(&list, key, (int)len, &entry);
		write(&entry, (const char *)items + i * size);
		bson_append_document_end(&list, &entry);
	}
	bson_append_array_end(doc, &list);
}

/* Cut to what fits; what we wrote always does. */
static void copy_id(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);
	memcpy(to, from, len);
	to[len] = '\0';
}

/* ---- chats ---- */

static void read_pair(const bson_t *doc, char *pair[2])
{
	bson_iter_t iter, item;
	if (!bson_iter_init_find(&iter, doc, "pair") || !BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &item))
		return;
	for (size_t i = 0; i < 2 && bson_iter_next(&item) && BSON_ITER_HOLDS_UTF8(&item); i++)
		pair[i] = mem_text(bson_iter_utf8(&item, NULL));
}

void chat_doc_read(const bson_t *doc, struct chat_doc *chat)
{
	*chat = (struct chat_doc){
		.applied = (uint64_t)doc_number(doc, "a"),
		.announced = (uint64_t)doc_number(doc, "u"),
		.latest = (uint64_t)doc_number(doc, "latest"),
		.latest_at_ms = doc_number(doc, "latestAt"),
		.history_all = doc_number(doc, "history") != 0,
		.ended = doc_has(doc, "endedAt"),
		.erased = doc_number(doc, "erased") != 0,
		.ended_at_ms = doc_number(doc, "endedAt"),
		.name = mem_text(doc_text(doc, "name")),
		.icon = mem_text(doc_text(doc, "icon")),
		.current_members = (size_t)doc_number(doc, "members"),
	};
	copy_id(chat->id, sizeof chat->id, doc_text(doc, "_id"));
	size_t len;
	const unsigned char *head = doc_bytes(doc, "head", &len);
	if (len == HEAD_BYTES)
		memcpy(chat->head, head, len);
	read_pair(doc, chat->pair);
}

void chat_doc_fini(struct chat_doc *chat)
{
	free(chat->name);
	free(chat->icon);
	free(chat->pair[0]);
	free(chat->pair[1]);
	*chat = (struct chat_doc){0};
}

/* ---- members ---- */

static void read_intervals(const bson_t *doc, struct member_doc *member)
{
	bson_iter_t iter, item;
	if (!bson_iter_init_find(&iter, doc, "i") || !BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &item))
		return;
	while (bson_iter_next(&item)) {
		struct interval interval = {.from = (uint64_t)bson_iter_as_int64(&item)};
		if (bson_iter_next(&item))
			interval.to = (uint64_t)bson_iter_as_int64(&item);
		member->intervals = mem_grow(member->intervals, (member->interval_count + 1) * sizeof *member->intervals);
		member->intervals[member->interval_count++] = interval;
	}
}

void member_doc_read(const bson_t *doc, struct member_doc *member)
{
	*member = (struct member_doc){
		.at = (uint64_t)doc_number(doc, "at"),
		.role = (enum role)doc_number(doc, "role"),
		.received = (uint64_t)doc_number(doc, "received"),
		.read = (uint64_t)doc_number(doc, "read"),
		.muted_until_ms = doc_number(doc, "muted"),
	};
	copy_id(member->user_id, sizeof member->user_id, doc_text(doc, "u"));
	copy_id(member->chat_id, sizeof member->chat_id, doc_text(doc, "c"));
	read_intervals(doc, member);
}

void member_doc_fini(struct member_doc *member)
{
	free(member->intervals);
	*member = (struct member_doc){0};
}
