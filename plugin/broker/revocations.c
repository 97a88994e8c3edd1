/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * All revocations of a store, in memory. One thread at a time. */
#include "plugin/broker/revocations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/small_hash.h"

enum { PAGE = 1000, SUBJECT_SIZE = NOTICE_SUBJECT_MAX + 1 };

struct revoked {
	char *subject;
	int64_t at_ms;
	UT_hash_handle hh;
};

struct revocations {
	struct revoked *by_subject;
	uint64_t changes;
};

static struct revoked *find(const struct revocations *table, const char *subject)
{
	struct revoked *revoked;
	HASH_FIND_STR(table->by_subject, subject, revoked);
	return revoked;
}

void revocations_add(struct revocations *table, const char *subject, int64_t at_ms)
{
	struct revoked *revoked = find(table, subject);
	if (revoked == NULL) {
		revoked = mem_zero(sizeof *revoked);
		revoked->subject = mem_text(subject);
		HASH_ADD_KEYPTR(hh, table->by_subject, revoked->subject, strlen(revoked->subject), revoked);
	}
	if (at_ms > revoked->at_ms)
		revoked->at_ms = at_ms;
	table->changes++;
}

void revocations_lower(struct revocations *table, const char *subject, int64_t at_ms)
{
	struct revoked *revoked = find(table, subject);
	if (revoked != NULL && at_ms < revoked->at_ms)
		revoked->at_ms = at_ms;
	table->changes++;
}

int64_t revocations_at(const struct revocations *table, const char *subject)
{
	const struct revoked *revoked = find(table, subject);
	return revoked != NULL ? revoked->at_ms : 0;
}

uint64_t revocations_changes(const struct revocations *table)
{
	return table->changes;
}

void revocations_merge(struct revocations *table, const struct revocations *from)
{
	for (const struct revoked *revoked = from->by_subject; revoked != NULL; revoked = revoked->hh.next)
		revocations_add(table, revoked->subject, revoked->at_ms);
}

static bool concerns(const struct revocations *table, const char *subject, int64_t issued_at_ms)
{
	const struct revoked *revoked = find(table, subject);
	return revoked != NULL && issued_at_ms <= revoked->at_ms;
}

bool revocations_refuse(const struct revocations *table, const char *user_id, const char *device, int64_t issued_at_ms, const char **why)
{
	char subject[SUBJECT_SIZE];
	if (concerns(table, user_id, issued_at_ms)) {
		*why = revocations_at(table, user_id) >= REVOCATION_BAN_MS ? "the user is banned" : issued_at_ms == 0 ? "tokens of the user were revoked once: it must have an iat" : "the user's tokens were revoked after it was issued";
		return true;
	}
	if (device == NULL)
		return false;
	snprintf(subject, sizeof subject, "%s/%s", user_id, device);
	if (!concerns(table, subject, issued_at_ms))
		return false;
	*why = "the device's tokens were revoked after it was issued";
	return true;
}

enum store_rc revocations_load(struct store *store, struct revocations **table, struct error *err)
{
	char after[SUBJECT_SIZE] = "";
	size_t count = PAGE;
	struct revocations *loaded = mem_zero(sizeof *loaded);
	while (count == PAGE) {
		struct revocation_list *list;
		enum store_rc rc = store_ops(store)->list_revocations(store, after, PAGE, &list, err);
		if (rc != STORE_OK) {
			revocations_free(loaded);
			return rc;
		}
		for (size_t i = 0; i < list->count; i++)
			revocations_add(loaded, list->revocations[i].subject, list->revocations[i].at_ms);
		count = list->count;
		if (count > 0)
			snprintf(after, sizeof after, "%s", list->revocations[count - 1].subject);
		store_free(list);
	}
	*table = loaded;
	return STORE_OK;
}

enum store_rc revocations_end_ban(struct store *store, const char *user_id, int64_t now_ms, int64_t *at_ms, struct error *err)
{
	struct revocations *table;
	enum store_rc rc = revocations_load(store, &table, err);
	if (rc != STORE_OK)
		return rc;
	int64_t found_ms = revocations_at(table, user_id);
	revocations_free(table);
	*at_ms = found_ms < REVOCATION_BAN_MS ? found_ms : now_ms;
	if (found_ms < REVOCATION_BAN_MS)
		return error_set(err, STORE_NOT_FOUND, 0, "%s is not banned", user_id);
	return store_ops(store)->lower_revocation(store, user_id, now_ms, err);
}

void revocations_free(struct revocations *table)
{
	struct revoked *revoked, *next;
	if (table == NULL)
		return;
	HASH_ITER(hh, table->by_subject, revoked, next) {
		HASH_DEL(table->by_subject, revoked);
		free(revoked->subject);
		free(revoked);
	}
	free(table);
}
