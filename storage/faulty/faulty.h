/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_FAULTY_H
#define HC_STORAGE_FAULTY_H
/* Wraps any store and goes wrong on purpose: at the N-th call, over all calls or over those of one operation. For tests and the
 * simulator. Without a fault armed it is exactly the store below. Any number of threads. */

#include "storage/store.h"

/* One a member of struct store_ops that can fail. */
enum faulty_op {
	FAULTY_ANY,
	FAULTY_INFO,
	FAULTY_APPEND,
	FAULTY_LOAD_CHAT,
	FAULTY_LOAD_USER,
	FAULTY_LOAD_MEMBERSHIP,
	FAULTY_LIST_MEMBERSHIPS,
	FAULTY_FIND_KEY,
	FAULTY_READ_MESSAGE,
	FAULTY_READ_EDITS,
	FAULTY_READ_PAGE,
	FAULTY_READ_SUMMARY,
	FAULTY_TAIL,
	FAULTY_LIST_CHATS,
	FAULTY_LIST_ENDED,
	FAULTY_ERASE,
	FAULTY_PUT_USER,
	FAULTY_PUT_RECEIPTS,
	FAULTY_PUT_MUTE,
	FAULTY_LOAD_DEVICE,
	FAULTY_PUT_DEVICE,
	FAULTY_PUT_CURSORS,
	FAULTY_PRUNE,
	FAULTY_CHECKPOINT,
	FAULTY_VERIFY,

	FAULTY_LIST_WRITERS,
	FAULTY_PUT_PLACE,
	FAULTY_LOAD_PLACE,
	FAULTY_TAKE_LEASE,
	FAULTY_LOAD_CHAT_KEY,
	FAULTY_PUT_NOTICE,
	FAULTY_READ_NOTICES,

	FAULTY_LIST_DEVICES,
	FAULTY_PUT_REGISTRATION,
	FAULTY_PUT_DEVICE_TOKEN,
	FAULTY_PUT_DEVICES_SEEN,
	FAULTY_REMOVE_DEVICE,
	FAULTY_LIST_PUSH_TARGETS,
	FAULTY_PUT_REVOCATION,
	FAULTY_LOWER_REVOCATION,
	FAULTY_LIST_REVOCATIONS,
	FAULTY_ADD_SIGNING_KEY,
	FAULTY_LIST_SIGNING_KEYS,
	FAULTY_DROP_SIGNING_KEY,

	FAULTY_PUT_AUDIT,
	FAULTY_LIST_AUDIT,

	FAULTY_LOAD_MEMBERSHIPS,
	FAULTY_LOAD_PROFILES,
	FAULTY_PUT_PROFILE,
	FAULTY_PUT_LAST_SEEN,
	FAULTY_PUT_SHARED_ID,
	FAULTY_FIND_SHARED_ID,
	FAULTY_PUT_ICON,
	FAULTY_LOAD_ICON,
	FAULTY_PUT_FAVORITE,
	FAULTY_LOAD_FAVORITES,
	FAULTY_PUT_BLOCK,
	FAULTY_LOAD_BLOCKS,
	FAULTY_CHECK_REACH,
	FAULTY_PUT_INVITATION,
	FAULTY_USE_INVITATION,
	FAULTY_REVOKE_INVITATION,
	FAULTY_DELETE_USER,
	FAULTY_LIST_DELETED,
	FAULTY_FINISH_DELETION,

	FAULTY_LIST_USERS,
	FAULTY_LIST_INVITATIONS,
	FAULTY_LIST_PLACES,
	FAULTY_ADOPT,
	FAULTY_IMPORT_LOG,
	FAULTY_IMPORT_CHAT,

	FAULTY_OP_COUNT
};

enum faulty_action {
	FAULTY_FAIL,         /* nothing is done: STORE_UNAVAILABLE, appends NOTHING_ADDED */
	FAULTY_LOSE_REQUEST, /* nothing is done: STORE_UNKNOWN, appends UNKNOWN. A call that only reads: STORE_UNAVAILABLE */
	FAULTY_LOSE_ANSWER,  /* done: STORE_UNKNOWN, appends UNKNOWN. A call that only reads: STORE_UNAVAILABLE */
	FAULTY_CONFLICT,     /* append only, others pass: the chats concerned are not added and get CONFLICT, the rest of the batch is done */
	FAULTY_HANG,         /* waits for store_faulty_release, then is done and answered */
	FAULTY_LATE,         /* done at once, answered delay_ms later */
};

struct fault {
	enum faulty_op op;  /* which calls count */
	uint64_t call;      /* it strikes at this one, 1: the next */
	uint64_t count;     /* and at so many in all, one after the other; 0: one */
	enum faulty_action action;
	const char *chat_id; /* FAULTY_CONFLICT: only this chat, NULL: all. Must stay until the fault is disarmed */
	unsigned delay_ms;   /* FAULTY_LATE */
};

/* Takes the store below, and closes it when it is closed itself (store_ops(store)->close). */
struct store *store_faulty_new(struct store *below);

/* One fault at a time: replaces the one before. Calls are counted from here. */
void store_faulty_arm(struct store *store, const struct fault *fault);
/* Nothing goes wrong any more; what hangs stays so. */
void store_faulty_disarm(struct store *store);
/* Whether the armed fault has struck since. */
bool store_faulty_has_struck(struct store *store);
/* Calls since the store was made. */
uint64_t store_faulty_calls(struct store *store, enum faulty_op op);

/* Lets all hanging calls go on. Returns how many there were. */
unsigned store_faulty_release(struct store *store);
/* Waits until so many calls hang; false: not within timeout_ms. */
bool store_faulty_wait_hanging(struct store *store, unsigned count, unsigned timeout_ms);

#endif
