/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * From where a writer's tail is read on. The mirror's thread. */
#include "plugin/transfer/mirror_inner.h"

/* The end of what there is becomes the place, and stays it, whatever happens now. */
static enum store_rc begin_at_end(struct outbox *box, uint64_t *position, struct error *err)
{
	struct store *store = box->mirror->conf.store;
	struct page page = {0};
	uint64_t next = 0;
	enum store_rc rc = store_ops(store)->tail(store, box->writer, UINT64_MAX, 1, &page, &next, err);
	store_page_free(&page);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND)
		return rc;
	next = next > 0 ? next : 1;
	rc = store_ops(store)->put_place(store, box->name, next, err);
	if (rc == STORE_OK)
		*position = next;
	return rc;
}

bool outbox_find_place(struct outbox *box)
{
	if (box->placed)
		return true;
	struct mirror *mirror = box->mirror;
	struct error err;
	uint64_t position = 0;
	enum store_rc rc = store_ops(mirror->conf.store)->load_place(mirror->conf.store, box->name, &position, &err);
	if (rc == STORE_NOT_FOUND)
		rc = mirror->conf.from_now ? begin_at_end(box, &position, &err) : STORE_OK;
	if (rc != STORE_OK) {
		mirror_store_failed(mirror, &err);
		return false;
	}
	box->stored = position;
	box->next = position > box->sent_to ? position : box->sent_to;
	if (position > box->certain)
		box->certain = position;
	box->placed = true;
	return true;
}

bool outbox_goes_back(struct outbox *box, uint64_t next)
{
	if (box->next <= box->certain || next <= box->next)
		return false;
	box->next = box->sent_to = box->certain;
	box->at_end = false;
	return true;
}
