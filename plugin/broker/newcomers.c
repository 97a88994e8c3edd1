/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * People who are to be added to a group. Workers; blocks. */
#include "plugin/broker/newcomers.h"

#include "plugin/chat/command.h"

static enum store_rc is_stranger(const struct newcomers *newcomers, const char *user_id, struct store *store, bool *stranger, struct error *err)
{
	char chat_id[ID_TEXT_LEN + 1];
	struct user_chat *membership = NULL;
	peer_chat_id(newcomers->secret, STORE_SECRET_BYTES, newcomers->adder_id, user_id, chat_id);
	enum store_rc rc = store_ops(store)->load_membership(store, newcomers->adder_id, chat_id, &membership, err);
	store_free(membership);
	*stranger = rc == STORE_NOT_FOUND;
	return *stranger ? STORE_OK : rc;
}

/* The last chat that he may be in is looked for. Who does not exist is in none. */
static enum store_rc has_room(const struct newcomers *newcomers, const char *user_id, struct store *store, bool *room, struct error *err)
{
	const struct chat_window last = {.skip = newcomers->chats_max - 1, .count_max = 1};
	struct user_record *user = NULL;
	bool more;
	enum store_rc rc = store_ops(store)->list_memberships(store, user_id, &last, &user, &more, err);
	*room = rc == STORE_NOT_FOUND || (rc == STORE_OK && user->chat_count == 0);
	store_free(user);
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

enum store_rc newcomers_look(struct newcomers *newcomers, struct store *store, struct error *err)
{
	bool all_have_room = true, stranger, room;
	newcomers->strangers = 0;
	for (size_t i = 0; i < newcomers->count; i++) {
		enum store_rc rc = is_stranger(newcomers, newcomers->user_ids[i], store, &stranger, err);
		if (rc == STORE_OK)
			rc = has_room(newcomers, newcomers->user_ids[i], store, &room, err);
		if (rc != STORE_OK)
			return rc;
		newcomers->strangers += stranger;
		all_have_room = all_have_room && room;
	}
	return all_have_room ? STORE_OK : STORE_NOT_FOUND;
}
