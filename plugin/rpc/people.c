/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whom a person knows: favorites, blocks, and finding somebody by his shared ID. Workers; blocks. add_favorite and blocks_stored: loop thread.
 *
 * Nothing here tells who exists: favorites need somebody who can be reached, and who cannot be is refused as if he were not there; a block needs
 * nobody at all. */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/write.h"

enum { BLOCKS_KEPT_MAX = 8 * RPC_BLOCKED_MAX }; /* past ones too, which still make what was written void */

/* ---- favorites ---- */

static bool is_somebody_else(const struct rpc_request *request, const char *argument, struct verdict *verdict)
{
	if (strcmp(args_text(request, argument), request->user_id) != 0)
		return true;
	refuse(verdict, REFUSAL_BAD_REQUEST, "%s: it must be somebody else's than the caller's own", argument);
	return false;
}

static void pair_id(const struct rpc_request *request, const char *other_id, char chat_id[ID_TEXT_LEN + 1])
{
	const struct store_info *info = &request->world->info;
	peer_chat_id(info->secret, sizeof info->secret, request->user_id, other_id, chat_id);
}

/* The 1:1 chat comes first: it is refused where there is nobody to be reached. */
struct command *add_favorite(struct rpc_request *request, struct verdict *verdict)
{
	const char *other_id = args_text(request, "favoriteID");
	char chat_id[ID_TEXT_LEN + 1];
	if (!is_somebody_else(request, "favoriteID", verdict))
		return NULL;
	pair_id(request, other_id, chat_id);
	struct command *command = command_new(COMMAND_CREATE, request->user_id);
	command->chat_id = mem_text(chat_id);
	command->peer_id = mem_text(other_id);
	return command;
}

static bool has_room(struct rpc_request *request, const char *other_id)
{
	struct store *store = request->world->store;
	const char *const *ids;
	size_t count;
	if (!answer_store_ok(request, store_ops(store)->load_favorites(store, request->user_id, &ids, &count, &request->problem)))
		return false;
	bool has = count < RPC_FAVORITES_MAX;
	for (size_t i = 0; i < count && !has; i++)
		has = strcmp(ids[i], other_id) == 0;
	store_free((void *)ids);
	if (!has)
		answer_refuse(request, REFUSAL_FORBIDDEN, "favoriteID: there are as many favorites as can be");
	return has;
}

static bool put_favorite(struct rpc_request *request, bool on)
{
	struct store *store = request->world->store;
	const char *other_id = args_text(request, "favoriteID");
	return answer_store_ok(request,
		store_ops(store)->put_favorite(store, request->user_id, other_id, on, request->at_ms, &request->problem));
}

void store_favorite(struct rpc_request *request)
{
	const char *other_id = args_text(request, "favoriteID");
	char chat_id[ID_TEXT_LEN + 1];
	if (!has_room(request, other_id) || !put_favorite(request, true))
		return;
	pair_id(request, other_id, chat_id);
	answer_begin(request);
	write_text(&request->answer, "chatID", chat_id);
	answer_end(request);
}

void remove_favorite(struct rpc_request *request)
{
	if (!put_favorite(request, false))
		return;
	answer_begin(request);
	answer_end(request);
}

void get_favorites(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const char *const *ids;
	size_t count;
	if (!answer_store_ok(request, store_ops(store)->load_favorites(store, request->user_id, &ids, &count, &request->problem)))
		return;
	answer_begin(request);
	if (answer_ids(request, "favoriteIDs", ids, count))
		answer_end(request);
	store_free((void *)ids);
}

/* ---- blocks ---- */

static bool load_blocks(struct rpc_request *request, struct block_list **blocks)
{
	struct store *store = request->world->store;
	return answer_store_ok(request, store_ops(store)->load_blocks(store, request->user_id, blocks, &request->problem));
}

static bool may_block(struct rpc_request *request, const char *other_id)
{
	struct block_list *blocks;
	size_t current = 0;
	bool blocked = false;
	if (!load_blocks(request, &blocks))
		return false;
	for (size_t i = 0; i < blocks->count; i++)
		if (blocks->blocks[i].to_ms == 0) {
			current++;
			blocked = blocked || strcmp(blocks->blocks[i].user_id, other_id) == 0;
		}
	bool may = blocked || (current < RPC_BLOCKED_MAX && blocks->count < BLOCKS_KEPT_MAX);
	store_free(blocks);
	if (!may)
		answer_refuse(request, REFUSAL_FORBIDDEN, "blockID: as many are blocked, or were, as can be");
	return may;
}

static void put_block(struct rpc_request *request, bool on)
{
	struct store *store = request->world->store;
	const char *other_id = args_text(request, "blockID");
	struct block_list *blocks;
	if (!answer_store_ok(request, store_ops(store)->put_block(store, request->user_id, other_id, on, request->at_ms, &request->problem)) ||
		!load_blocks(request, &blocks))
		return;
	store_free(request->kept);
	request->kept = blocks;
	answer_begin(request);
	answer_end(request);
}

void block_user(struct rpc_request *request)
{
	if (is_somebody_else(request, "blockID", &request->refused) && may_block(request, args_text(request, "blockID")))
		put_block(request, true);
}

void unblock_user(struct rpc_request *request)
{
	put_block(request, false);
}

void blocks_stored(struct rpc_request *request)
{
	if (request->world->blocks_changed == NULL)
		return;
	struct block_list *blocks = request->kept;
	request->kept = NULL;
	request->world->blocks_changed(request, args_text(request, "blockID"), blocks);
}

void get_blocked(struct rpc_request *request)
{
	struct block_list *blocks;
	size_t count = 0;
	if (!load_blocks(request, &blocks))
		return;
	const char **ids = mem_new((blocks->count + 1) * sizeof *ids);
	for (size_t i = 0; i < blocks->count; i++)
		if (blocks->blocks[i].to_ms == 0)
			ids[count++] = blocks->blocks[i].user_id;
	answer_begin(request);
	if (answer_ids(request, "blockIDs", ids, count))
		answer_end(request);
	free(ids);
	store_free(blocks);
}

/* ---- shared IDs ---- */

/* Nobody has it, and who has it blocks the caller: the same steps, the same answer. */
void find_user(struct rpc_request *request)
{
	struct store *store = request->world->store;
	char user_id[USER_ID_MAX + 1];
	enum store_rc rc = store_ops(store)->find_shared_id(store, args_text(request, "sharedID"), user_id, &request->problem);
	answer_found(request, rc, user_id);
}

void set_shared_id(struct rpc_request *request)
{
	struct store *store = request->world->store;
	enum store_rc rc = store_ops(store)->put_shared_id(store, request->user_id, args_text(request, "sharedID"), &request->problem);
	if (rc == STORE_TAKEN) {
		answer_refuse(request, REFUSAL_CONFLICT, "sharedID: somebody else has it");
	} else if (answer_store_ok(request, rc)) {
		answer_begin(request);
		answer_end(request);
	}
}
