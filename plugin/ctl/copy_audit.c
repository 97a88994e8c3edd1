/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: what operators did, and whether it came over. One thread, blocks. */
#include <string.h>

#include "plugin/ctl/audit.h"
#include "plugin/ctl/copy.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"
#include "storage/uri.h"

enum { LIST_PAGE = 1000 };

bool copy_note(struct copy *copy)
{
	struct buf details = BUF_EMPTY, to = BUF_EMPTY;
	uri_add_shown(&to, copy->to_uri);
	object_add_text(&details, "to", to.data);
	object_end(&details);
	do
		copy->rc = audit_put(copy->command, copy->from, "", details.data, "begun", &copy->err);
	while (copy_waits(copy));
	buf_fini(&details);
	buf_fini(&to);
	return copy->rc == STORE_OK || copy_failed(copy, "source");
}

static bool put_page(struct copy *copy, const struct audit_list *page)
{
	for (size_t i = 0; i < page->count; i++) {
		CALL(copy, copy->to, put_audit, &page->records[i]);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "target");
	}
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool same_record(const struct audit_record *a, const struct audit_record *b)
{
	return a->at_ms == b->at_ms && same_text(a->who, b->who) && same_text(a->command, b->command) && same_text(a->subject, b->subject) &&
		same_text(a->details, b->details) && same_text(a->result, b->result);
}

/* The target has each record of the page, in the same order, and may have more: an export from it, say. */
static bool compare_page(struct copy *copy, const struct audit_record *before, const struct audit_list *page)
{
	struct audit_list *other = NULL;
	size_t found = 0, count = LIST_PAGE;
	while (found < page->count && count == LIST_PAGE) {
		struct audit_list *last = other;
		if (last != NULL)
			before = &last->records[last->count - 1];
		other = NULL;
		CALL(copy, copy->to, list_audit, before, LIST_PAGE, &other);
		store_free(last);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "target");
		count = other->count;
		for (size_t i = 0; i < count && found < page->count; i++)
			found += same_record(&page->records[found], &other->records[i]);
	}
	store_free(other);
	return found == page->count || copy_refused(copy, "what operators did differs: begin anew with an empty target");
}

/* All pages of the source, one after the other. */
static bool each_page(struct copy *copy, bool compares)
{
	struct audit_list *page = NULL;
	size_t count = LIST_PAGE;
	bool done = true;
	while (done && count == LIST_PAGE) {
		struct audit_list *last = page;
		const struct audit_record *before = last != NULL ? &last->records[last->count - 1] : NULL;
		page = NULL;
		CALL(copy, copy->from, list_audit, before, LIST_PAGE, &page);
		if (copy->rc != STORE_OK)
			done = copy_failed(copy, "source");
		else
			done = compares ? compare_page(copy, before, page) : put_page(copy, page);
		count = page != NULL ? page->count : 0;
		store_free(last);
	}
	store_free(page);
	return done;
}

bool copy_audit(struct copy *copy)
{
	return each_page(copy, false);
}

bool copy_verify_audit(struct copy *copy)
{
	return each_page(copy, true);
}
