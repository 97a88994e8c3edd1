/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Invitations: a link with a secret of 128 bits in it. The store has the secret's hash alone, so a stolen store invites nobody. Workers; blocks. */
#include <string.h>

#include "base/id.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/write.h"

/* When the account began; 0: it does not exist. false: refused. */
static bool load_beginning(struct rpc_request *request, int64_t *created_at_ms)
{
	struct store *store = request->world->store;
	const char *user_id = request->user_id;
	struct profile_list *profiles;
	if (!answer_store_ok(request, store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &request->problem)))
		return false;
	*created_at_ms = profiles->count == 1 ? profiles->profiles[0].created_at_ms : 0;
	store_free(profiles);
	return true;
}

/* The same call has the same secret: with an id whenever it comes, without one when its record is replayed. So no old link comes to life again,
 * the store keeps the hashes of those that are over as long as the account, and a new account with an old one's ID has other secrets. Nobody can
 * tell it from random bytes who does not have the store's own secret. */
static void derive_secret(const struct rpc_request *request, int64_t created_at_ms, unsigned char secret[SHA256_BYTES])
{
	static const char purpose[] = "hyperchat invitation";
	const struct store_info *info = &request->world->info;
	uint64_t seq = request->id[0] == '\0' ? request->journal_seq : 0;
	const struct bytes parts[] = {
		{purpose, sizeof purpose},
		{request->user_id, strlen(request->user_id) + 1},
		{request->id, strlen(request->id) + 1},
		{&seq, sizeof seq},
		{&created_at_ms, sizeof created_at_ms},
	};
	hmac_sha256(info->secret, sizeof info->secret, parts, sizeof parts / sizeof *parts, secret);
}

static void hash_secret(const unsigned char secret[ID_BYTES], unsigned char hash[INVITATION_HASH_BYTES])
{
	sha256(&(struct bytes){secret, ID_BYTES}, 1, hash);
}

/* The secret is what a link ends with; what stands before it is the application's, which may change its mind. */
static bool read_link(struct rpc_request *request, unsigned char hash[INVITATION_HASH_BYTES])
{
	unsigned char secret[ID_BYTES];
	const char *link = args_text(request, "invitationLink");
	size_t len = strlen(link), secret_len;
	if (len < ID_TEXT_LEN || !base64url_decode(link + len - ID_TEXT_LEN, ID_TEXT_LEN, secret, sizeof secret, &secret_len)) {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "invitationLink: it is none of ours");
		return false;
	}
	hash_secret(secret, hash);
	return true;
}

void get_invitation(struct rpc_request *request)
{
	struct store *store = request->world->store;
	unsigned char secret[SHA256_BYTES], hash[INVITATION_HASH_BYTES];
	int64_t created_at_ms;
	uint64_t uses = args_number(request, "uses", 1);
	int64_t expires_ms = (int64_t)args_number(request, "expiresAt", (uint64_t)(request->at_ms + RPC_INVITATION_MS));
	if (expires_ms <= request->at_ms) {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "expiresAt: that is over");
		return;
	}
	if (!load_beginning(request, &created_at_ms))
		return;
	derive_secret(request, created_at_ms, secret);
	hash_secret(secret, hash);
	enum store_rc rc =
		store_ops(store)->put_invitation(store, hash, request->user_id, request->at_ms, expires_ms, (uint32_t)uses, &request->problem);
	if (rc == STORE_TAKEN) {
		answer_refuse(request, REFUSAL_ID_REUSED, "id: its link is over");
		return;
	}
	if (!answer_store_ok(request, rc))
		return;
	char text[ID_TEXT_LEN + 1];
	struct buf link = BUF_EMPTY;
	base64url_encode(secret, ID_BYTES, text);
	buf_printf(&link, "%s%s", request->world->invitation_url, text);
	answer_begin(request);
	write_text(&request->answer, "invitationLink", link.data);
	answer_end(request);
	buf_fini(&link);
}

/* An unknown one, one that is over or used up, and one of somebody who has blocked the caller: the same steps, the same answer. */
void use_invitation(struct rpc_request *request)
{
	struct store *store = request->world->store;
	unsigned char hash[INVITATION_HASH_BYTES];
	char user_id[USER_ID_MAX + 1];
	if (!read_link(request, hash))
		return;
	enum store_rc rc = store_ops(store)->use_invitation(store, hash, request->user_id, request->at_ms, user_id, &request->problem);
	answer_found(request, rc, user_id);
}

void revoke_invitation(struct rpc_request *request)
{
	struct store *store = request->world->store;
	unsigned char hash[INVITATION_HASH_BYTES];
	bool one = args_has(request, "invitationLink");
	if (one && !read_link(request, hash))
		return;
	if (!answer_store_ok(request, store_ops(store)->revoke_invitation(store, request->user_id, one ? hash : NULL, &request->problem)))
		return;
	answer_begin(request);
	answer_end(request);
}
