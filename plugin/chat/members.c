/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The members of a chat in memory. Loop thread. */
#include "plugin/chat/members.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Where he is, or would be. */
static size_t place_of(const struct members *members, const char *user_id)
{
	size_t from = 0, to = members->count;
	if (to > 0 && strcmp(members->list[to - 1].user_id, user_id) < 0)
		return to;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (strcmp(members->list[middle].user_id, user_id) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct member *members_find(const struct members *members, const char *user_id)
{
	size_t place = place_of(members, user_id);
	return place < members->count && strcmp(members->list[place].user_id, user_id) == 0 ? &members->list[place] : NULL;
}

static void reserve(struct members *members, size_t size)
{
	if (size <= members->size)
		return;
	members->list = mem_grow(members->list, size * sizeof *members->list);
	members->size = size;
}

/* Takes the ID over. */
static struct member *insert(struct members *members, char *user_id)
{
	size_t place = place_of(members, user_id);
	struct member *member = &members->list[place];
	assert(members->count < members->size);
	memmove(member + 1, member, (members->count - place) * sizeof *member);
	*member = (struct member){.user_id = user_id};
	members->count++;
	return member;
}

struct member *members_add(struct members *members, const char *user_id)
{
	if (members->count == members->size)
		reserve(members, members->size + members->size / 2 + 2);
	return insert(members, mem_text(user_id));
}

struct member *members_next(const struct members *members, const struct member *before)
{
	size_t next = before == NULL ? 0 : (size_t)(before - members->list) + 1;
	return next < members->count ? &members->list[next] : NULL;
}

static void load_member(struct member *member, const struct member_record *record)
{
	member->role = record->role;
	member->received = record->received;
	member->read = record->read;
	member->interval_count = (uint32_t)record->interval_count;
	if (record->interval_count == 1)
		member->intervals.one = record->intervals[0];
	else if (record->interval_count > 1)
		member->intervals.many = mem_copy(record->intervals, record->interval_count * sizeof *record->intervals);
}

void members_load(struct members *members, const struct member_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		members->loaded_bytes += strlen(records[i].user_id) + 1;
	if (count > 0)
		members->loaded_ids = mem_new(members->loaded_bytes);
	reserve(members, count);
	char *id = members->loaded_ids;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(records[i].user_id) + 1;
		load_member(insert(members, memcpy(id, records[i].user_id, len)), &records[i]);
		id += len;
	}
}

static bool was_loaded(const struct members *members, const char *user_id)
{
	uintptr_t at = (uintptr_t)user_id, block = (uintptr_t)members->loaded_ids;
	return at >= block && at < block + members->loaded_bytes;
}

void members_fini(struct members *members)
{
	for (size_t i = 0; i < members->count; i++) {
		member_forget_intervals(&members->list[i]);
		if (!was_loaded(members, members->list[i].user_id))
			free(members->list[i].user_id);
	}
	free(members->loaded_ids);
	free(members->list);
	*members = (struct members){0};
}

const struct interval *member_intervals(const struct member *member)
{
	return member->interval_count == 0 ? NULL : member->interval_count == 1 ? &member->intervals.one : member->intervals.many;
}

const struct interval *member_last_interval(const struct member *member)
{
	return member->interval_count == 0 ? NULL : &member_intervals(member)[member->interval_count - 1];
}

void member_begin(struct member *member, uint64_t from)
{
	struct interval interval = {.from = from};
	if (member->interval_count == 0) {
		member->intervals.one = interval;
	} else {
		size_t count = member->interval_count;
		struct interval *first = count == 1 ? mem_copy(&member->intervals.one, sizeof interval) : member->intervals.many;
		member->intervals.many = mem_grow(first, (count + 1) * sizeof interval);
		member->intervals.many[count] = interval;
	}
	member->interval_count++;
}

void member_end(struct member *member, uint64_t to)
{
	struct interval *first = member->interval_count == 1 ? &member->intervals.one : member->intervals.many;
	first[member->interval_count - 1].to = to;
}

void member_forget_intervals(struct member *member)
{
	if (member->interval_count > 1)
		free(member->intervals.many);
	member->interval_count = 0;
}
