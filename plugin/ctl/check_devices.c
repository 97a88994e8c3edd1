/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl check: where devices stand in their chats. One thread, blocks.
 *
 * A device gets what comes behind its place. One that is beyond the chat's latest number would keep it from what comes next, and nobody would notice. A
 * broker may be writing meanwhile: so the place is read first, and then what the latest number is. */
#include <string.h>

#include "plugin/ctl/check.h"

struct standing {
	struct check *check;
	const char *user_id;
	struct user_record *user; /* his list, which is one question for all of his chats; NULL: not asked for yet */
};

/* By his list, where it may be an earlier one; 0: not on it. */
static uint64_t latest_listed(struct standing *standing, const char *chat_id)
{
	struct store *store = standing->check->store;
	if (standing->user == NULL && store_ops(store)->load_user(store, standing->user_id, &standing->user, NULL) != STORE_OK)
		standing->user = NULL;
	for (size_t i = 0; standing->user != NULL && i < standing->user->chat_count; i++)
		if (strcmp(standing->user->chats[i].chat_id, chat_id) == 0)
			return standing->user->chats[i].latest;
	return 0;
}

static bool read_latest(const struct standing *standing, const char *chat_id, uint64_t *latest)
{
	struct store *store = standing->check->store;
	const struct page_limits limits = {.count_max = 1};
	struct page page = {0};
	struct error err;
	if (store_ops(store)->read_page(store, chat_id, 1, 0, &limits, &page, &err) != STORE_OK) {
		check_problem(standing->check, chat_id, "%s", err.text);
		return false;
	}
	*latest = page.latest;
	store_page_free(&page);
	return true;
}

static void check_cursor(struct standing *standing, const char *device, const struct device_cursor *cursor)
{
	uint64_t latest = latest_listed(standing, cursor->chat_id);
	if (cursor->number <= latest || !read_latest(standing, cursor->chat_id, &latest) || cursor->number <= latest)
		return;
	check_problem(standing->check, cursor->chat_id, "device %s of %s stands at number %llu, beyond the log", device, standing->user_id,
		(unsigned long long)cursor->number);
}

/* One that was removed meanwhile stands nowhere. */
static void check_device(struct check *check, const char *user_id, const char *device)
{
	struct standing standing = {.check = check, .user_id = user_id};
	struct device_record *record;
	struct error err;
	enum store_rc rc = store_ops(check->store)->load_device(check->store, user_id, device, &record, &err);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND)
		check_problem(check, NULL, "device %s of %s: %s", device, user_id, err.text);
	if (rc != STORE_OK)
		return;
	for (size_t i = 0; i < record->cursor_count; i++)
		check_cursor(&standing, device, &record->cursors[i]);
	store_free(standing.user);
	store_free(record);
}

void check_devices(struct check *check, const char *user_id)
{
	struct device_list *devices;
	struct error err;
	if (store_ops(check->store)->list_devices(check->store, user_id, &devices, &err) != STORE_OK) {
		check_problem(check, NULL, "devices of %s: %s", user_id, err.text);
		return;
	}
	for (size_t i = 0; i < devices->count; i++)
		check_device(check, user_id, devices->devices[i].device);
	store_free(devices);
}
