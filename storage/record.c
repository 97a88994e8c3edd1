/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Records in one block: the same walk runs twice, first without memory to learn the size, then to copy. Arrays stand before strings,
 * so everything is aligned. Pages that grow; names in texts. Any thread. */
#include "storage/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct packer {
	char *block; /* NULL: only counting */
	size_t arrays, strings; /* used so far */
	size_t arrays_size;     /* where the strings begin; known in the second walk */
};

/* Room for an array; while counting, the source stands in for the copy, so that the walk can go on into it. */
static void *pack_array(struct packer *packer, const void *from, size_t count, size_t size)
{
	void *copy = packer->block ? packer->block + packer->arrays : (void *)(uintptr_t)from;
	packer->arrays += (count * size + 7) / 8 * 8;
	if (packer->block && count > 0)
		memcpy(copy, from, count * size);
	return copy;
}

static void pack_text(struct packer *packer, const char **text)
{
	size_t size = strlen(*text) + 1;
	if (packer->block) {
		char *copy = packer->block + packer->arrays_size + packer->strings;
		memcpy(copy, *text, size);
		*text = copy;
	}
	packer->strings += size;
}

/* Runs the walk twice; what it returns the second time is the block. */
static void *pack(void *(*walk)(struct packer *packer, const void *from), const void *from)
{
	struct packer count = {0};
	walk(&count, from);
	struct packer packer = {.block = mem_new(count.arrays + count.strings), .arrays_size = count.arrays};
	void *block = walk(&packer, from);
	assert(block == packer.block && packer.arrays == count.arrays && packer.strings == count.strings);
	return block;
}

/* The walks change only copies: while counting, texts and pointers are left as they are. */
#define PACK_INTERVALS(packer, owner)                                                                                                                \
	do {                                                                                                                                             \
		const struct interval *packed = pack_array(packer, (owner)->intervals, (owner)->interval_count, sizeof(struct interval));                    \
		if ((packer)->block)                                                                                                                         \
			(owner)->intervals = packed;                                                                                                             \
	} while (0)

static void *walk_chat(struct packer *packer, const void *from)
{
	struct chat_record *chat = pack_array(packer, from, 1, sizeof *chat);
	struct member_record *members = pack_array(packer, chat->members, chat->member_count, sizeof *members);
	for (size_t i = 0; i < chat->member_count; i++) {
		PACK_INTERVALS(packer, &members[i]);
		pack_text(packer, &members[i].user_id);
	}
	pack_text(packer, &chat->chat_id);
	pack_text(packer, &chat->name);
	pack_text(packer, &chat->icon);
	if (packer->block)
		chat->members = members;
	return chat;
}

static void pack_membership_texts(struct packer *packer, struct user_chat *membership)
{
	pack_text(packer, &membership->chat_id);
	pack_text(packer, &membership->name);
	pack_text(packer, &membership->icon);
	if (membership->peer_id)
		pack_text(packer, &membership->peer_id);
}

static void *walk_user(struct packer *packer, const void *from)
{
	struct user_record *user = pack_array(packer, from, 1, sizeof *user);
	struct user_chat *chats = pack_array(packer, user->chats, user->chat_count, sizeof *chats);
	for (size_t i = 0; i < user->chat_count; i++) {
		PACK_INTERVALS(packer, &chats[i]);
		pack_membership_texts(packer, &chats[i]);
	}
	pack_text(packer, &user->user_id);
	if (packer->block)
		user->chats = chats;
	return user;
}

static void *walk_membership(struct packer *packer, const void *from)
{
	struct user_chat *membership = pack_array(packer, from, 1, sizeof *membership);
	PACK_INTERVALS(packer, membership);
	pack_membership_texts(packer, membership);
	return membership;
}

static void *walk_device(struct packer *packer, const void *from)
{
	struct device_record *device = pack_array(packer, from, 1, sizeof *device);
	struct device_cursor *cursors = pack_array(packer, device->cursors, device->cursor_count, sizeof *cursors);
	for (size_t i = 0; i < device->cursor_count; i++)
		pack_text(packer, &cursors[i].chat_id);
	pack_text(packer, &device->subscriptions);
	if (packer->block)
		device->cursors = cursors;
	return device;
}

struct ids {
	const char *const *ids;
	size_t count;
};

static void *walk_ids(struct packer *packer, const void *from)
{
	const struct ids *all = from;
	const char **ids = pack_array(packer, all->ids, all->count, sizeof *ids);
	for (size_t i = 0; i < all->count; i++)
		pack_text(packer, &ids[i]);
	return ids;
}

/* ---- people ---- */

static void *walk_profiles(struct packer *packer, const void *from)
{
	struct profile_list *list = pack_array(packer, from, 1, sizeof *list);
	struct profile *profiles = pack_array(packer, list->profiles, list->count, sizeof *profiles);
	for (size_t i = 0; i < list->count; i++) {
		pack_text(packer, &profiles[i].user_id);
		pack_text(packer, &profiles[i].name);
		pack_text(packer, &profiles[i].icon);
		pack_text(packer, &profiles[i].status);
		pack_text(packer, &profiles[i].time_zone);
		pack_text(packer, &profiles[i].shared_id);
	}
	if (packer->block)
		list->profiles = profiles;
	return list;
}

static void *walk_blocks(struct packer *packer, const void *from)
{
	struct block_list *list = pack_array(packer, from, 1, sizeof *list);
	struct block *blocks = pack_array(packer, list->blocks, list->count, sizeof *blocks);
	for (size_t i = 0; i < list->count; i++)
		pack_text(packer, &blocks[i].user_id);
	if (packer->block)
		list->blocks = blocks;
	return list;
}

static void *walk_deleted(struct packer *packer, const void *from)
{
	struct deleted_list *list = pack_array(packer, from, 1, sizeof *list);
	struct deleted_user *users = pack_array(packer, list->users, list->count, sizeof *users);
	for (size_t i = 0; i < list->count; i++)
		pack_text(packer, &users[i].user_id);
	if (packer->block)
		list->users = users;
	return list;
}

static void *walk_invitations(struct packer *packer, const void *from)
{
	struct invitation_list *list = pack_array(packer, from, 1, sizeof *list);
	struct invitation_record *invitations = pack_array(packer, list->invitations, list->count, sizeof *invitations);
	for (size_t i = 0; i < list->count; i++) {
		const char **used_by = pack_array(packer, invitations[i].used_by, invitations[i].used_count, sizeof *used_by);
		for (size_t j = 0; j < invitations[i].used_count; j++)
			pack_text(packer, &used_by[j]);
		if (packer->block)
			invitations[i].used_by = used_by;
	}
	if (packer->block)
		list->invitations = invitations;
	return list;
}

static void *walk_notices(struct packer *packer, const void *from)
{
	struct notice_list *list = pack_array(packer, from, 1, sizeof *list);
	struct notice *notices = pack_array(packer, list->notices, list->count, sizeof *notices);
	for (size_t i = 0; i < list->count; i++) {
		pack_text(packer, &notices[i].kind);
		pack_text(packer, &notices[i].subject);
		pack_text(packer, &notices[i].writer);
	}
	if (packer->block)
		list->notices = notices;
	return list;
}

/* ---- devices, tokens ---- */

static void pack_devices(struct packer *packer, const struct device_info **devices, size_t count)
{
	struct device_info *packed = pack_array(packer, *devices, count, sizeof *packed);
	for (size_t i = 0; i < count; i++) {
		pack_text(packer, &packed[i].device);
		pack_text(packer, &packed[i].platform);
		pack_text(packer, &packed[i].push_token);
	}
	if (packer->block)
		*devices = packed;
}

static void *walk_devices(struct packer *packer, const void *from)
{
	struct device_list *list = pack_array(packer, from, 1, sizeof *list);
	pack_devices(packer, &list->devices, list->count);
	return list;
}

static void *walk_push_targets(struct packer *packer, const void *from)
{
	struct push_target_list *list = pack_array(packer, from, 1, sizeof *list);
	struct push_target *targets = pack_array(packer, list->targets, list->count, sizeof *targets);
	for (size_t i = 0; i < list->count; i++) {
		pack_devices(packer, &targets[i].devices, targets[i].device_count);
		pack_text(packer, &targets[i].user_id);
	}
	if (packer->block)
		list->targets = targets;
	return list;
}

static void *walk_revocations(struct packer *packer, const void *from)
{
	struct revocation_list *list = pack_array(packer, from, 1, sizeof *list);
	struct revocation *revocations = pack_array(packer, list->revocations, list->count, sizeof *revocations);
	for (size_t i = 0; i < list->count; i++)
		pack_text(packer, &revocations[i].subject);
	if (packer->block)
		list->revocations = revocations;
	return list;
}

static void *walk_signing_keys(struct packer *packer, const void *from)
{
	struct signing_key_list *list = pack_array(packer, from, 1, sizeof *list);
	struct signing_key *keys = pack_array(packer, list->keys, list->count, sizeof *keys);
	for (size_t i = 0; i < list->count; i++) {
		const void *bytes = pack_array(packer, keys[i].bytes, keys[i].len, 1);
		pack_text(packer, &keys[i].kid);
		if (packer->block)
			keys[i].bytes = bytes;
	}
	if (packer->block)
		list->keys = keys;
	return list;
}

static void *walk_audit(struct packer *packer, const void *from)
{
	struct audit_list *list = pack_array(packer, from, 1, sizeof *list);
	struct audit_record *records = pack_array(packer, list->records, list->count, sizeof *records);
	for (size_t i = 0; i < list->count; i++) {
		pack_text(packer, &records[i].who);
		pack_text(packer, &records[i].command);
		pack_text(packer, &records[i].subject);
		pack_text(packer, &records[i].details);
		pack_text(packer, &records[i].result);
	}
	if (packer->block)
		list->records = records;
	return list;
}

struct audit_list *record_copy_audit(const struct audit_list *from)
{
	return pack(walk_audit, from);
}

struct device_list *record_copy_devices(const struct device_list *from)
{
	return pack(walk_devices, from);
}

struct push_target_list *record_copy_push_targets(const struct push_target_list *from)
{
	return pack(walk_push_targets, from);
}

struct revocation_list *record_copy_revocations(const struct revocation_list *from)
{
	return pack(walk_revocations, from);
}

struct signing_key_list *record_copy_signing_keys(const struct signing_key_list *from)
{
	return pack(walk_signing_keys, from);
}

/* ---- what is copied ---- */

struct invitation_list *record_copy_invitations(const struct invitation_list *from)
{
	return pack(walk_invitations, from);
}

struct notice_list *record_copy_notices(const struct notice_list *from)
{
	return pack(walk_notices, from);
}

struct profile_list *record_copy_profiles(const struct profile_list *from)
{
	return pack(walk_profiles, from);
}

struct block_list *record_copy_blocks(const struct block_list *from)
{
	return pack(walk_blocks, from);
}

struct deleted_list *record_copy_deleted(const struct deleted_list *from)
{
	return pack(walk_deleted, from);
}

static int by_user_id(const void *left, const void *right)
{
	return strcmp(((const struct member_record *)left)->user_id, ((const struct member_record *)right)->user_id);
}

struct chat_record *record_copy_chat(const struct chat_record *from)
{
	struct chat_record sorted = *from;
	struct member_record *members = mem_copy(from->members, from->member_count * sizeof *members);
	if (from->member_count > 1)
		qsort(members, from->member_count, sizeof *members, by_user_id);
	sorted.members = members;
	struct chat_record *copy = pack(walk_chat, &sorted);
	free(members);
	return copy;
}

struct user_record *record_copy_user(const struct user_record *from)
{
	return pack(walk_user, from);
}

struct user_chat *record_copy_membership(const struct user_chat *from)
{
	return pack(walk_membership, from);
}

struct device_record *record_copy_device(const struct device_record *from)
{
	return pack(walk_device, from);
}

const char *const *record_copy_ids(const char *const *ids, size_t count)
{
	return pack(walk_ids, &(struct ids){ids, count});
}

/* ---- what operators did ---- */

void record_audit_key_since(int64_t at_ms, unsigned char key[AUDIT_KEY_BYTES])
{
	memset(key, 0, AUDIT_KEY_BYTES);
	for (int i = 0; i < 8; i++)
		key[i] = (unsigned char)((uint64_t)at_ms >> (56 - 8 * i));
}

void record_audit_key(const struct audit_record *record, unsigned char key[AUDIT_KEY_BYTES])
{
	const char *const texts[] = {record->who, record->command, record->subject, record->details, record->result};
	enum { TEXTS = sizeof texts / sizeof *texts };
	struct bytes parts[TEXTS];
	unsigned char digest[SHA256_BYTES];
	for (size_t i = 0; i < TEXTS; i++)
		parts[i] = (struct bytes){texts[i], strlen(texts[i]) + 1};
	sha256(parts, TEXTS, digest);
	record_audit_key_since(record->at_ms, key);
	memcpy(key + 8, digest, ID_BYTES);
}

/* ---- pages ---- */

bool page_has_room(struct page_filler *filler, const struct transaction *tx)
{
	size_t bytes = (size_t)tx->body.len + tx->quote.len;
	size_t count = filler->page.count;
	filler->page.more = count > 0 && (count >= filler->limits->count_max || filler->bytes + bytes > filler->limits->bytes_max);
	return !filler->page.more;
}

void page_add(struct page_filler *filler, struct transaction *tx)
{
	struct page *page = &filler->page;
	if ((page->count & (page->count - 1)) == 0) /* full at 0 and at every power of two */
		page->transactions = mem_grow(page->transactions, (page->count ? page->count * 2 : 1) * sizeof *page->transactions);
	page->transactions[page->count++] = tx;
	filler->bytes += (size_t)tx->body.len + tx->quote.len;
}

/* ---- names in texts ---- */

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool begins_with(const char *text, const char *name)
{
	while (*name != '\0' && folded(*text) == folded(*name)) {
		text++;
		name++;
	}
	return *name == '\0';
}

bool text_mentions(const char *text, const char *name)
{
	for (const char *at = text ? strchr(text, '@') : NULL; at != NULL; at = strchr(at + 1, '@'))
		if (begins_with(at + 1, name))
			return true;
	return false;
}
