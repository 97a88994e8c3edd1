/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_RECORDS_H
#define HC_STORAGE_RECORDS_H
/* What a store takes and gives (store.h): chats as the log makes them, what somebody sees of them, devices, people, what brokers tell each other; and
 * the rules over them that are the same everywhere. Records that are given are one block of memory each; what is not freed with store_free
 * says so. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/transaction.h"

/* ---- chats ---- */

/* The projections of a chat's log, the same in every backend and in memory (plugin/chat/chat.c):
 *
 * TX_MEMBER_ADDED    who was no member becomes one: a new interval, and both his watermarks are at least at the number before. Who is one
 *                    gets the role and nothing else.
 * TX_MEMBER_REMOVED  ends the interval, role ROLE_NONE. Of one who is no member, as TX_ROLE_CHANGED: nothing. With `deleted` his account
 *                    ended: all his intervals, both watermarks and his mute go, a former member's too, so that whoever comes later under
 *                    that ID begins with nothing.
 * TX_GROUP_UPDATED   name, icon, history, those that it names. No limit on their lengths is checked here.
 * TX_GROUP_DELETED   the chat has ended, at that time.
 * TX_DELETE          erases, in the same append: of the message that it is about body and quote, the body of each TX_EDIT of it, and,
 *                    unless transaction_keeps_quotes, the quote of each TX_MESSAGE that replies to it. A target that is no earlier
 *                    TX_MESSAGE: nothing.
 *
 * A chat whose transaction 1 adds exactly two, both as ROLE_MEMBER, is a pair (1:1), for ever. */

/* A time of membership: from this number (the memberAdded) to that one (the memberRemoved), both included; to = 0: still. */
struct interval {
	uint64_t from, to;
};

struct member_record {
	const char *user_id;
	enum role role; /* ROLE_NONE: left, only the intervals tell; without any: his account was deleted */
	uint64_t received, read;
	size_t interval_count;
	const struct interval *intervals; /* ascending */
};

/* One block: free with store_free. */
struct chat_record {
	const char *chat_id;
	uint64_t latest;
	unsigned char head[HEAD_BYTES];
	int64_t latest_at_ms;
	bool pair;
	bool history_all;
	bool ended;
	int64_t ended_at_ms;     /* 0: not ended */
	const char *name, *icon; /* "": none */
	size_t current_members;
	size_t member_count;
	const struct member_record *members; /* by user ID in the order of its bytes; former members too */
};

/* One chat in a user's list. */
struct user_chat {
	const char *chat_id;
	enum role role;
	uint64_t latest;
	int64_t latest_at_ms;
	uint64_t received, read;
	bool history_all, ended;
	const char *name, *icon; /* "": none */
	const char *peer_id;     /* of a pair: the other one, member or not; else NULL */
	size_t current_members;
	int64_t muted_until_ms;  /* as put_mute set it, 0: never */
	size_t interval_count;
	const struct interval *intervals;
};

/* The one rule of what a member, present or former, sees: the numbers of his times of membership, and where history is `all` and he is one
 * now, everything. Numbers above the chat's latest are for the caller to keep out. Any thread, does not block. */
bool membership_sees(const struct interval *intervals, size_t interval_count, bool history_all_and_current, uint64_t number);
/* Whether number lies in a time of membership. */
bool intervals_contain(const struct interval *intervals, size_t count, uint64_t number);

struct user_record {
	const char *user_id;
	int64_t created_at_ms;
	size_t chat_count;
	const struct user_chat *chats; /* newest activity first, then by chat ID; former memberships too, but none without an interval */
};

/* Which part of a user's list of chats is wanted. */
struct chat_window {
	int64_t after_at_ms;  /* with after_id: the place behind which it begins. Whether that chat is still there does not matter */
	const char *after_id; /* NULL: from the start */
	size_t skip;          /* so many of those are passed over */
	size_t count_max;     /* 1… */
};

/* Transactions of one chat, ascending by number. Each holds a reference: free with store_page_free. */
struct page {
	struct transaction **transactions;
	size_t count;
	uint64_t latest; /* of the chat, when it was read */
	bool more;       /* the limits cut it: there is more up to `to` */
};

struct page_limits {
	size_t count_max;  /* 1… */
	size_t bytes_max;  /* of bodies and quotes; at least one transaction comes whatever its size */
};

/* One time of one user's block against another, by the wall clock: what that one wrote counts as blocked if from <= at < to. Those against
 * one person never overlap. */
struct block {
	const char *user_id; /* the blocked one */
	int64_t from_ms, to_ms; /* to 0: still */
};

/* Whether what sender_id wrote at that time is blocked. Any thread, does not block. */
bool blocks_contain(const struct block *blocks, size_t count, const char *sender_id, int64_t at_ms);

/* A chat in a list. "Messages" are those that the reader sees, that still have their body, and whose sender he had not blocked then. Only the
 * newest SUMMARY_LOOK_MAX transactions that he sees are looked at. */
struct chat_summary {
	struct transaction *last_message; /* NULL: none; both are references: chat_summary_fini */
	struct transaction *last_edit;    /* the last TX_EDIT of it; NULL: none, or one that the reader does not see, or of a time of a block */
	uint64_t unread;                  /* messages of others above `read`, counted up to SUMMARY_UNREAD_MAX */
	bool mentioned;                   /* the latest body of one of them, of the newest SUMMARY_MENTION_MAX, has '@' and the name in it */
};
enum { SUMMARY_LOOK_MAX = 10000, SUMMARY_UNREAD_MAX = 1000, SUMMARY_MENTION_MAX = 200 };
/* Whether that edit is shown to the reader of a list. Any thread, does not block. */
bool membership_shows(const struct user_chat *membership, const struct block *blocks, size_t block_count, const struct transaction *edit);
/* And to one who reads as of his membership: what came above its latest is not there yet. */
bool membership_shows_now(const struct user_chat *membership, const struct block *blocks, size_t block_count, const struct transaction *edit);
/* The last number that he can see as of that membership; 0: nothing. */
uint64_t membership_end(const struct user_chat *membership);
void chat_summary_fini(struct chat_summary *summary); /* drops the references; a zeroed one is fine */

/* A message with what became of it; references, each may be held on its own. */
struct message_state {
	struct transaction *message;  /* TX_MESSAGE */
	struct transaction *edit;     /* the last TX_EDIT of it, NULL: none */
	struct transaction *deletion; /* the first TX_DELETE of it, NULL: none; with one, message->body and edit->body are erased */
};
void message_state_free(struct message_state *state); /* drops the references; a zeroed one is fine */

/* ---- devices, tokens ---- */

/* A device: what it subscribed below hc/me/, and how far it has what. */
struct device_cursor {
	const char *chat_id;
	uint64_t number;
};

struct device_record {
	int64_t seen_at_ms;
	const char *subscriptions; /* opaque text of the broker's, "" for none */
	uint32_t max_bytes;        /* set by setDevice, 0: not */
	size_t cursor_count;
	const struct device_cursor *cursors;
};

/* A device in the list of its user. */
struct device_info {
	const char *device;
	int64_t seen_at_ms;
	const char *platform, *push_token; /* as registered; "": not */
	int64_t token_expires_ms;          /* of the device token that was issued for it last; 0: none was */
};

/* By the bytes of their names. One block: store_free. */
struct device_list {
	size_t count;
	const struct device_info *devices;
};

/* A member who has a message neither on one of his devices nor read nor received by his marks. */
struct push_target {
	const char *user_id;
	int64_t muted_until_ms; /* 0: never */
	size_t device_count;
	const struct device_info *devices;
};

/* By the bytes of their user IDs. One block: store_free. */
struct push_target_list {
	size_t count;
	const struct push_target *targets;
};

/* What signs device tokens. The bytes are the caller's own form. */
struct signing_key {
	const char *kid;
	int64_t created_at_ms;
	const void *bytes;
	size_t len;
};

/* The newest first. One block: store_free. */
struct signing_key_list {
	size_t count;
	const struct signing_key *keys;
};

/* Tokens of the subject that were issued at or before at_ms count no more. subject: a user's ID, or user ID, '/', device: that device's. */
struct revocation {
	const char *subject;
	int64_t at_ms;
};

/* By the bytes of their subjects. One block: store_free. */
struct revocation_list {
	size_t count;
	const struct revocation *revocations;
};

/* What an operator did. Texts are UTF-8, "" for none. */
struct audit_record {
	int64_t at_ms;
	const char *who;     /* an operator's user ID, or "hyperchatctl as <name in the system>" */
	const char *command; /* its name */
	const char *subject; /* the user, chat or device that it was about */
	const char *details; /* short JSON or "": never a text of somebody's, never a token */
	const char *result;  /* "ok", or why not */
};

/* The newest first. One block: store_free. */
struct audit_list {
	size_t count;
	const struct audit_record *records;
};

/* ---- marks ---- */

struct last_seen {
	const char *user_id;
	int64_t at_ms;
};

struct device_seen {
	const char *user_id, *device;
	int64_t at_ms;
};

struct receipt {
	const char *chat_id;
	const char *user_id;
	uint64_t received, read; /* the store keeps the larger one of each */
};

struct cursor {
	const char *user_id, *device;
	const char *chat_id;
	uint64_t number; /* the store keeps the larger one */
};

/* ---- people ---- */

/* A user exists from put_user to delete_user. All that is below belongs to one who exists, and ends with him; only the blocks that others
 * made against him outlive him. */

/* Texts are UTF-8, "" for none. */
struct profile {
	const char *user_id;
	int64_t created_at_ms;
	const char *name;
	const char *icon; /* a URL, or the hash under which put_icon stored one */
	const char *status, *time_zone;
	const char *shared_id; /* by which others find him */
	bool hides_online, hides_last_seen;
	int64_t last_seen_ms; /* 0: never */
};

/* Of some users. One block: store_free. */
struct profile_list {
	size_t count;
	const struct profile *profiles;
};

/* NULL and -1: stays as it was. "": none from now on. */
struct profile_change {
	const char *name, *icon, *status, *time_zone;
	int hides_online, hides_last_seen; /* 0, 1 */
};

/* All of a user's, past ones too; by the blocked ones' IDs (in the order of their bytes), then by time. One block of memory: store_free. */
struct block_list {
	size_t count;
	const struct block *blocks;
};

enum { INVITATION_HASH_BYTES = ID_BYTES * 2 };

enum { PLATFORM_MAX = 32, PUSH_TOKEN_MAX = 4096, KID_MAX = 64 }; /* bytes; for callers to bound */

enum { PLACE_NAME_MAX = 64, CHAT_KEY_BYTES = 32, NOTICE_KIND_MAX = 32, NOTICE_SUBJECT_MAX = 200 };

struct notice {
	uint64_t id;
	const char *kind, *subject;
	const char *writer; /* who told it */
	int64_t at_ms;
};

/* One block: store_free. */
struct notice_list {
	size_t count;
	const struct notice *notices;
};

/* An invitation, and who has used it. */
struct invitation_record {
	unsigned char hash[INVITATION_HASH_BYTES];
	int64_t expires_ms;
	uint32_t uses_left;
	size_t used_count;
	const char *const *used_by; /* user IDs in the order of their bytes; without those whose accounts were deleted */
};

/* One block: store_free. */
struct invitation_list {
	size_t count;
	const struct invitation_record *invitations;
};

/* Somebody whose account was deleted; he may have come back since. */
struct deleted_user {
	const char *user_id;
	int64_t deleted_at_ms; /* the last time */
	bool erasing;          /* what he wrote is not all erased yet: finish_deletion has not been called since */
};

/* One block: store_free. */
struct deleted_list {
	size_t count;
	const struct deleted_user *users;
};

#endif
