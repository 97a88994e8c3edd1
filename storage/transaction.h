/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_TRANSACTION_H
#define HC_STORAGE_TRANSACTION_H
/* One numbered entry of a chat's log: what everything else agrees on.
 *
 * A transaction is one heap block with a reference count. It is immutable once another thread may see it, so that the broker's
 * thread and workers share it without a lock; only the setting of fields before that changes it.
 *
 * The log of a chat is a hash chain over what may not change, with the texts beside it, so that a text can be erased:
 *   head(n) = first 16 bytes of SHA-256(head(n-1) ‖ header(n) ‖ commitment(body) ‖ commitment(quote))
 *   commitment(body) = first 16 bytes of SHA-256(salt ‖ key_hash ‖ body), commitment(quote) = those of SHA-256(salt ‖ quote),
 *     16 zero bytes where there never was a text
 * and head(0) = 16 zero bytes. header(n) is the length-prefixed encoding that transaction.c defines. Of each text the store keeps its
 * salt, and after an erasure the commitment in the salt's place: so the chain verifies and the text cannot be guessed from it. key_hash
 * is a digest of the body too, so it stands with it and goes with it; without a body it is in the header. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

enum {
	USER_ID_MAX = 128,    /* bytes */
	CHAT_ID_MAX = 64,     /* 22 for all but operators' rooms */
	COMMAND_ID_MAX = 64,  /* as clients send it */
	KEY_MAX = 128,        /* a command's key in the store, see `key` */
	CONTENT_TYPE_MAX = 64,
	QUOTE_MAX = 256,
	WRITER_MAX = 32,
	HEAD_BYTES = ID_BYTES,
};

/* Stored as numbers: never renumber. */
enum transaction_type {
	TX_MESSAGE = 1,
	TX_EDIT = 2,
	TX_DELETE = 3,         /* body: none, or {"quotes": "keep"} */
	TX_MEMBER_ADDED = 4,   /* body: {"members": [{"userID", "role"}, …]} */
	TX_MEMBER_REMOVED = 5, /* body: {"userID", "deleted"?: true}; deleted: his account ended */
	TX_ROLE_CHANGED = 6,   /* body: {"userID", "role"} */
	TX_GROUP_UPDATED = 7,  /* body: {"name"?, "icon"?, "history"?: "all" | "own"} */
	TX_GROUP_DELETED = 8,  /* no body */
};

/* "message", …; NULL for a number that is no type. */
const char *transaction_type_name(int type);

enum { KEY_RPC = 0x01, KEY_ONCE = 0x02, KEY_AGAIN = 0x03 };

/* Stored as numbers: never renumber. */
enum role { ROLE_NONE = 0, ROLE_MEMBER = 1, ROLE_ADMIN = 2, ROLE_OWNER = 3 };
const char *role_name(enum role role);                     /* "member", … */
bool role_from_name(const char *name, enum role *role);

/* A text beside the chain. */
struct sealed {
	const char *text; /* NUL-terminated UTF-8; NULL: there never was one, or it was erased */
	uint32_t len;
	bool present;  /* there was a text when the transaction was made, erased since or not */
	bool erased;   /* then salt holds the commitment, and text is NULL */
	unsigned char salt[ID_BYTES];
};

struct transaction {
	const char *chat_id;
	uint64_t number; /* 1, 2, 3, … in its chat */
	enum transaction_type type;
	const char *sender_id;
	int64_t at_ms;

	/* What makes the command exactly-once: unique per (chat, sender) for 7 days. A client's own commandID as it is; our own begin with a
	 * byte that no commandID may contain, and are not shown: KEY_RPC before an RPC's id; KEY_ONCE for a command without any ID, made of
	 * its record in the intake journal; KEY_AGAIN before when the last account of that ID was deleted, '/', and one of the first two: so that
	 * a new account repeats nothing of the old one. A KEY_ONCE can only come twice when the journal is replayed, so the store keeps no index of them:
	 * append does not look for it, find_key searches the log. */
	const char *key;
	unsigned char key_hash[ID_BYTES]; /* of the command's content, to tell a repetition from another command under the same key; with the body
	                                   * erased, 16 zero bytes */

	const char *writer;       /* the broker that wrote it, at most WRITER_MAX bytes */
	uint64_t position;        /* ascends, with gaps, in the order in which the store took what this writer wrote; 0 until it is stored; not in the chain */
	uint64_t target;          /* TX_MESSAGE: the message it replies to, 0: none; TX_EDIT, TX_DELETE: the message it is about */
	const char *content_type; /* NULL: plain text */
	int64_t client_time_ms;   /* 0: not given */
	uint64_t quote_revision;  /* the transaction whose text was quoted (the message or its last edit), 0: none */
	struct sealed body;
	struct sealed quote;

	bool first_encoding; /* the head is of version 1 of the header's encoding; only what was stored by a program that knew no other */
	unsigned char head[HEAD_BYTES];
};

/* All fields are copied (strings and texts too) into one block with one reference. Strings that are NULL stay NULL. */
struct transaction *transaction_new(const struct transaction *from);
struct transaction *transaction_ref(const struct transaction *tx);
void transaction_free(struct transaction *tx); /* drops a reference; NULL is fine */

/* Fills `sealed` with text and a fresh random salt. `text` is not copied. */
void sealed_set(struct sealed *sealed, const char *text, size_t len);

/* Whether a command with that hash is the one that made tx, as far as it can be told: once the body is erased it cannot, and counts as that. */
bool transaction_is_repeated(const struct transaction *tx, const unsigned char key_hash[ID_BYTES]);

/* Computes the head that follows `previous` (16 bytes). Any thread. */
void transaction_head(const struct transaction *tx, const unsigned char previous[HEAD_BYTES], unsigned char head[HEAD_BYTES]);

/* Digest of (sender, key), the store's index for finding repetitions. Stable for ever. */
uint64_t transaction_key64(const char *sender_id, const char *key);

/* What a membership transaction says. Returns the number of changes, allocates *changes (free() it; one block, strings included).
 * TX_MEMBER_ADDED: one a member; TX_MEMBER_REMOVED: role ROLE_NONE; TX_ROLE_CHANGED: the new role. 0 for any other type, or where
 * the body was erased. -1: the body is not what the type says. */
struct member_change {
	const char *user_id;
	enum role role;
	bool deleted; /* TX_MEMBER_REMOVED: his account ended */
};
int transaction_members(const struct transaction *tx, struct member_change **changes);

/* What a TX_GROUP_UPDATED changes. */
struct group_change {
	char *name, *icon; /* NULL: stays as it was; "": none from now on */
	int history;       /* -1: stays; 0: members see their own times of membership; 1: current members see everything */
};
/* false: the body is not what the type says, and *change is left alone. Of any other type, or where the body was erased: changes nothing. */
bool transaction_group(const struct transaction *tx, struct group_change *change);
void group_change_fini(struct group_change *change); /* a zeroed one is fine */

/* Whether both can be read: the body is what the type says. */
bool transaction_makes_sense(const struct transaction *tx);

/* Whether a TX_DELETE leaves the quotes of its target as they are. */
bool transaction_keeps_quotes(const struct transaction *tx);

/* A copy with those texts erased, the commitment in the salt's place, key_hash erased with the body. A text that never was, or is erased
 * already, stays so; the head is the same. For a store that keeps transactions in memory, and for those who remember them. */
struct transaction *transaction_erased(const struct transaction *tx, bool body, bool quote);

#endif
