/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Pushes that were left out because somebody was connected: whether they were right to be is known when he has gone. The mirror's thread. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "plugin/transfer/push_inner.h"

enum {
	OWED_MAX = 10000,
	OWED_MS = 15 * 60 * 1000, /* longer than any keepalive that a phone has */
	LOOK_MS = 500,
	WORK_MS = 200,    /* then the mirror's thread has other things to do, and goes on behind them */
	AGAIN_MS = 2000,
	SETTLE_MS = 2000, /* once he has gone: what his device had is stored, or he is back */
};

struct owed {
	char *user_id, *chat_id, *key; /* key: both */
	uint64_t number;
	int64_t since_ms, gone_ms; /* monotonic; gone 0: he is here */
	int64_t again_ms;          /* it could not be made: not before then */
	UT_hash_handle hh;
};

static void drop(struct push *push, struct owed *owed)
{
	HASH_DEL(push->owed, owed);
	free(owed->user_id);
	free(owed->chat_id);
	free(owed->key);
	free(owed);
}

void push_forget_owed(struct push *push)
{
	struct owed *owed, *next;
	HASH_ITER(hh, push->owed, owed, next)
		drop(push, owed);
}

/* A user's ID has no slash in it. */
static char *make_key(const char *user_id, const char *chat_id)
{
	struct buf key = BUF_EMPTY;
	buf_printf(&key, "%s/%s", user_id, chat_id);
	return key.data;
}

void push_owe(struct push *push, const struct transaction *tx, const char *user_id)
{
	struct owed *owed;
	char *key = make_key(user_id, tx->chat_id);
	uint64_t number = tx->number;
	HASH_FIND_STR(push->owed, key, owed);
	if (owed != NULL) {
		number = owed->number > number ? owed->number : number;
		drop(push, owed);
	}
	if (HASH_COUNT(push->owed) == OWED_MAX)
		drop(push, push->owed);
	owed = mem_zero(sizeof *owed);
	owed->user_id = mem_text(user_id);
	owed->chat_id = mem_text(tx->chat_id);
	owed->key = key;
	owed->number = number;
	owed->since_ms = clock_mono_ms();
	HASH_ADD_KEYPTR(hh, push->owed, owed->key, strlen(owed->key), owed);
}

/* ---- when he has gone ---- */

/* Whether one of his devices has it. */
static enum store_rc look_at_devices(struct store *store, const struct owed *owed, const struct device_list *devices, bool *has, struct error *err)
{
	for (size_t i = 0; i < devices->count && !*has; i++) {
		struct device_record *record;
		enum store_rc rc = store_ops(store)->load_device(store, owed->user_id, devices->devices[i].device, &record, err);
		if (rc == STORE_NOT_FOUND)
			continue;
		if (rc != STORE_OK)
			return rc;
		for (size_t j = 0; j < record->cursor_count; j++)
			*has = *has || (strcmp(record->cursors[j].chat_id, owed->chat_id) == 0 && record->cursors[j].number >= owed->number);
		store_free(record);
	}
	return STORE_OK;
}

static enum store_rc push_with(struct push *push, struct mirror *mirror, const struct owed *owed, const struct push_target *target,
	const struct transaction *tx, struct error *err)
{
	struct subject subject = {0};
	struct profile_list *profiles = NULL;
	const char *user_id = owed->user_id;
	enum store_rc rc = subject_load(push, tx, &subject, err);
	if (rc == STORE_OK)
		rc = push_load_profiles(push, &user_id, 1, &profiles, err);
	if (rc == STORE_OK) {
		bool named = profiles->count > 0 && profiles->profiles[0].name[0] != '\0';
		rc = push_to(push, mirror, mirror_aside, &subject, target, named ? profiles->profiles[0].name : user_id, err);
	}
	store_free(profiles);
	subject_fini(&subject);
	return rc;
}

static enum store_rc pay(struct push *push, struct mirror *mirror, const struct owed *owed, struct error *err)
{
	struct store *store = push->conf.store;
	struct user_chat *membership = NULL;
	struct device_list *devices = NULL;
	struct message_state state = {0};
	bool has = false;
	enum store_rc rc = store_ops(store)->load_membership(store, owed->user_id, owed->chat_id, &membership, err);
	if (rc == STORE_OK)
		rc = store_ops(store)->list_devices(store, owed->user_id, &devices, err);
	if (rc == STORE_OK)
		rc = look_at_devices(store, owed, devices, &has, err);
	has = has || here_has(push->conf.here, owed->user_id); /* he is back, and owed it still */
	if (rc == STORE_OK && !has)
		rc = store_ops(store)->read_message(store, owed->chat_id, owed->number, &state, err);
	if (rc == STORE_OK && !has) {
		const struct push_target target = {owed->user_id, membership->muted_until_ms, devices->count, devices->devices};
		rc = push_with(push, mirror, owed, &target, state.message, err);
	}
	store_free(membership);
	store_free(devices);
	message_state_free(&state);
	return rc;
}

void push_idle(struct push *push, struct mirror *mirror)
{
	struct owed *owed, *next;
	struct error err;
	bool failed = false;
	int64_t now_ms = clock_mono_ms();
	if (now_ms < push->looked_ms + LOOK_MS)
		return;
	push->looked_ms = now_ms;
	HASH_ITER(hh, push->owed, owed, next) {
		if (mirror_is_stopping(mirror))
			return;
		if (clock_mono_ms() - now_ms >= WORK_MS) {
			push->looked_ms = failed ? now_ms : 0;
			return;
		}
		if (here_has(push->conf.here, owed->user_id))
			owed->gone_ms = 0;
		else if (owed->gone_ms == 0)
			owed->gone_ms = now_ms;
		bool due = owed->gone_ms != 0 && now_ms - owed->gone_ms >= SETTLE_MS && now_ms >= owed->again_ms;
		push->kafka_is_away = false;
		enum store_rc rc = due ? pay(push, mirror, owed, &err) : STORE_OK;
		if (push_passes_over(push, rc, owed->user_id, &err))
			rc = STORE_NOT_FOUND;
		if (rc != STORE_OK && rc != STORE_NOT_FOUND && now_ms - owed->since_ms <= OWED_MS) {
			if (push->kafka_is_away) /* for everybody */
				return;
			failed = true; /* others may be read */
			owed->again_ms = now_ms + AGAIN_MS;
			continue;
		}
		bool is_back = due && here_has(push->conf.here, owed->user_id); /* so it may not have been made */
		if (is_back)
			owed->gone_ms = 0;
		if ((due && !is_back) || now_ms - owed->since_ms > OWED_MS)
			drop(push, owed);
	}
}
