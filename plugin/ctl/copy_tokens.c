/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: what makes tokens count or not, and whether it came over. One thread, blocks. */
#include <stdio.h>
#include <string.h>

#include "plugin/ctl/copy.h"

enum { LIST_PAGE = 1000, SUBJECT_SIZE = USER_ID_MAX * 2 + 2 };

/* ---- revocations ---- */

static void remember_last(const struct revocation_list *list, char after[SUBJECT_SIZE])
{
	if (list->count > 0)
		snprintf(after, SUBJECT_SIZE, "%s", list->revocations[list->count - 1].subject);
}

static bool put_revocations(struct copy *copy, const struct revocation_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		CALL(copy, copy->to, put_revocation, list->revocations[i].subject, list->revocations[i].at_ms);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "target");
	}
	return true;
}

static bool copy_revocations(struct copy *copy)
{
	char after[SUBJECT_SIZE] = "";
	size_t count = LIST_PAGE;
	bool done = true;
	while (done && count == LIST_PAGE) {
		struct revocation_list *list;
		CALL(copy, copy->from, list_revocations, after, LIST_PAGE, &list);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "source");
		done = put_revocations(copy, list);
		count = list->count;
		remember_last(list, after);
		store_free(list);
	}
	return done;
}

static bool same_revocations(const struct revocation_list *a, const struct revocation_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++)
		equal = strcmp(a->revocations[i].subject, b->revocations[i].subject) == 0 && a->revocations[i].at_ms == b->revocations[i].at_ms;
	return equal;
}

static bool compare_revocations(struct copy *copy)
{
	char after[SUBJECT_SIZE] = "";
	size_t count = LIST_PAGE;
	bool equal = true;
	while (equal && count == LIST_PAGE) {
		struct revocation_list *a = NULL, *b = NULL;
		ASK_BOTH(copy, list_revocations, &a, &b, after, LIST_PAGE);
		if (copy->rc != STORE_OK)
			equal = copy_failed(copy, "revocations");
		else
			equal = same_revocations(a, b) || copy_refused(copy, "the revoked tokens differ: begin anew with an empty target");
		if (equal) {
			count = a->count;
			remember_last(a, after);
		}
		store_free(a);
		store_free(b);
	}
	return equal;
}

/* ---- signing keys ---- */

static bool copy_signing_keys(struct copy *copy)
{
	struct signing_key_list *list;
	CALL(copy, copy->from, list_signing_keys, &list);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	for (size_t i = 0; i < list->count && copy->rc == STORE_OK; i++)
		CALL(copy, copy->to, add_signing_key, &list->keys[i]);
	store_free(list);
	return copy->rc == STORE_OK || copy_failed(copy, "target");
}

static bool same_keys(const struct signing_key_list *a, const struct signing_key_list *b)
{
	bool equal = a->count == b->count;
	for (size_t i = 0; equal && i < a->count; i++) {
		const struct signing_key *x = &a->keys[i], *y = &b->keys[i];
		equal = strcmp(x->kid, y->kid) == 0 && x->created_at_ms == y->created_at_ms && x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
	}
	return equal;
}

static bool compare_signing_keys(struct copy *copy)
{
	struct signing_key_list *a = NULL, *b = NULL;
	CALL(copy, copy->from, list_signing_keys, &a);
	if (copy->rc == STORE_OK)
		CALL(copy, copy->to, list_signing_keys, &b);
	bool equal = copy->rc == STORE_OK
		? same_keys(a, b) || copy_refused(copy, "the keys that sign tokens of devices differ: begin anew with an empty target")
		: copy_failed(copy, "signing keys");
	store_free(a);
	store_free(b);
	return equal;
}

/* ---- both ---- */

bool copy_tokens(struct copy *copy)
{
	return copy_revocations(copy) && copy_signing_keys(copy);
}

bool copy_verify_tokens(struct copy *copy)
{
	return compare_revocations(copy) && compare_signing_keys(copy);
}
